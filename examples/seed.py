"""Data for the hiring platform: always the same, and enough to be worth searching.

``python examples/seed.py`` makes 500 companies, 20,000 postings and 50,000 applications in the database of
``hiring.py``, whose tables must be there. A few users have ids that one can remember; see PEOPLE.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, TypedDict
from uuid import UUID

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from backstay import system
from hiring import (
    Application,
    ApplicationStatus,
    Base,
    Company,
    GuideEntry,
    Level,
    Location,
    Note,
    Posting,
    PostingSkill,
    PostingStatus,
    SavedSearch,
    Skill,
    User,
    app,
)

Row = dict[str, Any]

TODAY = date(2026, 1, 15)
"""The day on which the data was, so to say, collected."""

CHUNK = 2_000


class Place(TypedDict):
    """A location of the facts."""

    city: str
    state: str
    market: str
    low: int
    high: int


class Pay(TypedDict):
    """What a level of experience is paid."""

    name: str
    low: int
    high: int


class Industry(TypedDict):
    """An industry, and what it works with."""

    name: str
    technologies: list[str]
    needs: list[str]


class Facts(TypedDict):
    """The content of ``hiring.json``."""

    about: str
    locations: list[Place]
    levels: list[Pay]
    industries: list[Industry]
    skills: list[str]


FACTS: Facts = json.loads(Path(__file__).with_name("hiring.json").read_text(encoding="utf-8"))


@dataclass(frozen=True, slots=True)
class Person:
    """A user with an id to remember."""

    id: UUID
    name: str
    email: str
    recruits: int | None = None
    """The number of the company that the person recruits for; None: a candidate."""


RITA = Person(UUID(int=1), "Rita Recruiter", "rita@example.com", 0)
RAJ = Person(UUID(int=2), "Raj Recruiter", "raj@example.com", 1)
ADA = Person(UUID(int=3), "Ada Candidate", "ada@example.com")
BEN = Person(UUID(int=4), "Ben Candidate", "ben@example.com")
PEOPLE = (RITA, RAJ, ADA, BEN)


@dataclass(frozen=True, slots=True)
class Amounts:
    """How much to make."""

    companies: int = 500
    candidates: int = 8_000
    postings: int = 20_000
    applications: int = 50_000


def company_id(number: int) -> UUID:
    """The id of a company; the first ones are easy to remember."""
    return UUID(int=0xC0 << 120 | number)


class Seed:
    """The data, table after table, in an order in which it can be inserted.

    Arguments:
        amounts: how much.
        seed: equal seeds make equal data.
    """

    def __init__(self, amounts: Amounts, seed: int = 2026) -> None:
        self.amounts = amounts
        self.random = Random(seed)
        self.open: list[tuple[UUID, UUID, int, datetime]] = []
        self.candidates = [ADA.id, BEN.id]
        self.skills = {name: number for number, name in enumerate(FACTS["skills"], 1)}
        self.industries = [self.random.choice(FACTS["industries"]) for _ in range(amounts.companies)]
        self.asked: list[Row] = []
        self.notes_on: list[Row] = []

    def tables(self) -> Iterator[tuple[type[Base], list[Row]]]:
        """Each model with its rows."""
        yield Location, [dict(place) for place in FACTS["locations"]]
        yield GuideEntry, list(self.guide())
        yield Skill, [{"id": number, "name": name} for name, number in self.skills.items()]
        yield Company, list(self.companies())
        yield User, list(self.users())
        yield Posting, list(self.postings())
        yield PostingSkill, self.asked
        yield Application, list(self.applications())
        yield Note, self.notes_on
        yield SavedSearch, list(self.searches())

    def id(self) -> UUID:
        """A new id."""
        return UUID(int=self.random.getrandbits(128), version=4)

    def guide(self) -> Iterator[Row]:
        """What each level is paid in each place: the level's pay, moved as the place differs from the average."""
        places = FACTS["locations"]
        average = sum(place["low"] + place["high"] for place in places) / len(places)
        for place in places:
            factor = (place["low"] + place["high"]) / average
            for level in FACTS["levels"]:
                yield {
                    "city": place["city"],
                    "level": Level[level["name"].upper()],
                    "low": _thousands(level["low"] * factor),
                    "high": _thousands(level["high"] * factor),
                }

    def companies(self) -> Iterator[Row]:
        """Companies, each of one industry."""
        for number in range(self.amounts.companies):
            name = f"{FIRST[number % len(FIRST)]} {SECOND[number // len(FIRST) % len(SECOND)]}"
            more = number // (len(FIRST) * len(SECOND))
            yield {
                "id": company_id(number),
                "name": f"{name} {more + 1}" if more else name,
                "industry": self.industries[number]["name"],
                "website": f"https://{name.lower().replace(' ', '-')}.example",
            }

    def users(self) -> Iterator[Row]:
        """Two recruiters for each company, and the candidates."""
        for person in PEOPLE:
            company = None if person.recruits is None else company_id(person.recruits)
            yield _user(person.id, person.name, person.email, company)
        for number in range(self.amounts.companies):
            for _ in range(2 if number > 1 else 1):
                yield self.user(f"recruiter{number}", company_id(number))
        for number in range(self.amounts.candidates - len(self.candidates)):
            user = self.user(f"candidate{number}", None)
            self.candidates.append(user["id"])
            yield user

    def user(self, word: str, company: UUID | None) -> Row:
        """A user with a name of some kind."""
        identity = self.id()
        name = f"{self.random.choice(GIVEN)} {self.random.choice(FAMILY)}"
        return _user(identity, name, f"{word}.{identity.hex[:8]}@example.com", company)

    def postings(self) -> Iterator[Row]:
        """Postings, most of them open, and the skills they ask for."""
        levels = {level["name"]: level for level in FACTS["levels"]}
        for number in range(self.amounts.postings):
            company = number % self.amounts.companies
            industry = self.industries[company]
            place = self.random.choice(FACTS["locations"])
            level = levels[self.random.choice(("entry", "mid", "mid", "senior", "senior", "lead"))]
            status = self.random.choices(list(PostingStatus), (1, 8, 2))[0]
            published = datetime.combine(TODAY, datetime.min.time(), UTC) - timedelta(
                minutes=self.random.randrange(60 * 24 * 120)
            )
            low = _thousands((place["low"] + level["low"]) / 2 * self.random.uniform(0.95, 1.1))
            high = low + _thousands((level["high"] - level["low"]) * self.random.uniform(0.4, 0.9))
            row: Row = {
                "id": self.id(),
                "company_id": company_id(company),
                "title": f"{TITLES[level['name']]} {self.random.choice(industry['technologies'])} Developer",
                "description": f"We need {self.random.choice(industry['needs'])}. You bring Python and care.",
                "city": place["city"],
                "level": Level[level["name"].upper()],
                "status": status,
                "salary_low": low,
                "salary_high": high,
                "closes_on": TODAY + timedelta(days=self.random.randrange(5, 90)),
                "published_at": None if status is PostingStatus.DRAFT else published,
            }
            if status is not PostingStatus.DRAFT:
                self.open.append((row["id"], row["company_id"], high, published))
            self.ask_for(row["id"], industry)
            yield row

    def ask_for(self, posting: UUID, industry: Industry) -> None:
        """The skills of one posting: Python, some of its industry's, some others."""
        wanted = {"Python", *self.random.sample(FACTS["skills"], 2)}
        wanted.update(name for name in self.random.sample(industry["technologies"], 2) if name in self.skills)
        self.asked += [
            {"posting_id": posting, "skill_id": number} for name, number in self.skills.items() if name in wanted
        ]

    def applications(self) -> Iterator[Row]:
        """Applications, each candidate's to different postings, and notes on some of them."""
        seen: set[tuple[UUID, UUID]] = set()
        while len(seen) < self.amounts.applications:
            posting, company, high, published = self.random.choice(self.open)
            candidate = self.random.choice(self.candidates)
            if (posting, candidate) in seen:
                continue
            seen.add((posting, candidate))
            yield self.application(posting, company, candidate, high, published)
        # Those one can remember have something to look at.
        for posting, company, high, published in self.open:
            if company == company_id(0) and (posting, ADA.id) not in seen:
                yield self.application(posting, company, ADA.id, high, published)
                break

    def application(self, posting: UUID, company: UUID, candidate: UUID, high: int, published: datetime) -> Row:
        """One application."""
        row: Row = {
            "id": self.id(),
            "posting_id": posting,
            "candidate_id": candidate,
            "company_id": company,
            "letter": self.random.choice(LETTERS),
            "expected_salary": _thousands(high * self.random.uniform(0.85, 1.05)),
            "status": self.random.choices(list(ApplicationStatus), (10, 4, 2, 1, 6, 1))[0],
            "submitted_at": published + timedelta(hours=self.random.randrange(1, 240)),
        }
        if company == company_id(0):
            self.note(row, RITA)
        elif company == company_id(1):
            self.note(row, RAJ)
        return row

    def note(self, application: Row, author: Person) -> None:
        """A note of a company on an application."""
        self.notes_on.append(
            {
                "id": self.id(),
                "company_id": application["company_id"],
                "application_id": application["id"],
                "author_id": author.id,
                "text": self.random.choice(NOTES),
                "written_at": application["submitted_at"] + timedelta(days=1),
            }
        )

    def searches(self) -> Iterator[Row]:
        """A saved search for each candidate that one can remember."""
        for person, name, filters in (
            (ADA, "Django in Austin", {"city": "Austin", "skills": ["Django"]}),
            (BEN, "Remote and senior", {"city": "Remote", "level": "SENIOR"}),
        ):
            yield {"id": self.id(), "user_id": person.id, "name": name, "filters": filters}


def _user(identity: UUID, name: str, email: str, company: UUID | None) -> Row:
    created = datetime.combine(TODAY, datetime.min.time(), UTC)
    return {"id": identity, "name": name, "email": email, "company_id": company, "created_at": created}


def _thousands(amount: float) -> int:
    return round(amount / 1000) * 1000


async def is_seeded(db: AsyncSession) -> bool:
    """Whether the data is there already."""
    return bool(await db.scalar(select(func.count()).select_from(Company)))


async def fill(db: AsyncSession, seed: Seed, progress: Progress | None = None) -> int:
    """Insert everything; the number of rows."""
    total = 0
    for model, rows in seed.tables():
        task = None if progress is None else progress.add_task(model.__tablename__, total=len(rows))
        for chunk in _chunks(rows):
            # With NULLs written out, all rows of a chunk are one statement.
            await db.execute(insert(model).execution_options(render_nulls=True), chunk)
            if progress is not None and task is not None:
                progress.advance(task, len(chunk))
        total += len(rows)
    return total


def _chunks(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    for start in range(0, len(rows), CHUNK):
        yield rows[start : start + CHUNK]


async def main() -> None:
    """Fill the database of the application, unless it is filled."""
    columns = (TextColumn("{task.description:16}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    await app.start()
    try:
        async with app.session(system) as db:
            if await is_seeded(db):
                print("The data is there already.")
                return
            with Progress(*columns) as progress:
                await fill(db, Seed(Amounts()), progress)
    finally:
        await app.stop()


TITLES = {"entry": "Junior", "mid": "Mid-level", "senior": "Senior", "lead": "Lead"}
FIRST = (
    *("Amber", "Birch", "Cedar", "Delta", "Ember", "Falcon", "Granite", "Harbor", "Indigo", "Juniper", "Keystone"),
    *("Lumen", "Maple", "Nimbus", "Onyx", "Pine", "Quartz", "River", "Summit", "Tidal", "Umber", "Vertex", "Willow"),
)
SECOND = (
    *("Analytics", "Cloud", "Data", "Digital", "Dynamics", "Finance", "Health", "Interactive", "Labs", "Logistics"),
    *("Media", "Mobility", "Networks", "Payments", "Robotics", "Security", "Software", "Studios", "Systems", "Works"),
    *("Devices", "Retail"),
)
GIVEN = (
    *("Amina", "Bruno", "Chen", "Daria", "Elif", "Farid", "Grace", "Hugo", "Ines", "Jonas", "Kofi", "Lena", "Mateo"),
    *("Nadia", "Omar", "Priya", "Quinn", "Rosa", "Sven", "Tara", "Uma", "Viktor", "Wen", "Ximena", "Yusuf", "Zoe"),
)
FAMILY = (
    *("Abebe", "Berg", "Costa", "Dubois", "Eriksen", "Fischer", "Garcia", "Haddad", "Ivanov", "Jensen", "Kim", "Lopez"),
    *("Mbeki", "Novak", "Okafor", "Patel", "Rossi", "Silva", "Tanaka", "Usman", "Vargas", "Weber", "Yilmaz", "Zhang"),
)
LETTERS = (
    "I have run Django in production for five years and would like to do so for you.",
    "Your stack is mine: typed Python, PostgreSQL, and tests that fail when they should.",
    "I moved a monolith to services without losing a request, and I would do fewer services next time.",
    "I like to find out why a query is slow, and I usually do.",
    "I am at the beginning and learn quickly. My projects are linked in my profile.",
)
NOTES = (
    "Strong on databases. Invite.",
    "Asks for more than we planned; worth a talk.",
    "Good letter, little experience with queues.",
    "References checked.",
)


if __name__ == "__main__":
    asyncio.run(main())
