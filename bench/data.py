"""The data of the bench: the hiring example's, in the size that is asked, and what requests ask of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from enum import Enum
from random import Random
from typing import Any
from uuid import UUID

from bench.places import Size, copy_id
from bench.works import ROOMS, Subjects
from seed import FACTS, Amounts, Seed

Row = dict[str, Any]

TABLES = ("locations", "companies", "users", "postings", "rooms", "members", "messages", "documents")
"""What every contender has, in an order in which it can be filled; ``saved_searches`` and ``messages`` begin empty."""

DOCUMENTS = 200
DOCUMENT_BYTES = 10_000
CALLERS = 50


def rows(size: Size) -> Iterator[tuple[str, list[Row]]]:
    """Each table with its rows; enumerations as their names. Always the same."""
    seed = Seed(Amounts(companies=size.companies, candidates=1_000, postings=size.made, applications=0))
    for model, made in seed.tables():
        if model.__tablename__ == "postings":
            seed.asked.clear()
        if model.__tablename__ in TABLES:
            yield model.__tablename__, [_plain(row) for row in made]
        if model.__tablename__ == "users":
            recruiters = [row["id"] for row in made if row["company_id"] is not None]
        if model.__tablename__ == "postings":
            break
    yield "rooms", [{"id": number, "name": f"Room {number}"} for number in range(1, ROOMS + 1)]
    yield "members", [{"room_id": room, "user_id": user} for user in recruiters for room in rooms_of(user)]
    yield "messages", []
    yield "documents", list(_documents())


def rooms_of(user: UUID) -> list[int]:
    """The rooms that a user is in."""
    return sorted(Random(user.int).sample(range(1, ROOMS + 1), 5))


def subjects(size: Size) -> Subjects:
    """What requests may ask of data of a size; remembered in a file."""
    path = size.folder / "subjects.json"
    if path.exists():
        return Subjects(**json.loads(path.read_text(encoding="utf-8")))
    tables = dict(rows(size))
    recruiters = [row for row in tables["users"] if row["company_id"] is not None][:CALLERS]
    postings = tables["postings"]
    ours = {row["company_id"]: at for at, row in enumerate(recruiters)}
    draft = next(row for row in postings if row["status"] == "DRAFT" and row["company_id"] in ours)
    found = Subjects(
        callers=[(str(row["id"]), str(row["company_id"])) for row in recruiters],
        points=_points(size, postings),
        hidden=(
            str(draft["id"]),
            next(at for company, at in ours.items() if company != draft["company_id"]),
            ours[draft["company_id"]],
        ),
        cities=[place["city"] for place in FACTS["locations"]],
        words=_words({row["title"] for row in postings}),
        members=[rooms_of(row["id"]) for row in recruiters],
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asdict(found)), encoding="utf-8")
    return found


def _points(size: Size, postings: list[Row]) -> list[str]:
    """Ids of open postings from all over the table."""
    if not size.copies:
        return [str(row["id"]) for row in postings if row["status"] == "OPEN"][:5_000]
    random = Random(size.postings)
    numbered = enumerate(sorted(postings, key=lambda row: str(row["id"])), 1)
    numbers = [number for number, row in numbered if row["status"] == "OPEN"]
    return [copy_id(random.randrange(1, size.copies + 1), number) for number in random.sample(numbers, 5_000)]


def chunks(made: list[Row], many: int = 1_000) -> Iterator[list[Row]]:
    """Rows, as many at a time as one statement takes."""
    for start in range(0, len(made), many):
        yield made[start : start + many]


def _plain(row: Row) -> Row:
    return {name: value.name if isinstance(value, Enum) else value for name, value in row.items()}


def _words(titles: set[str]) -> list[str]:
    """The words of titles that are letters only, and part of no other word."""
    words = {word for title in titles for word in title.split()}
    return sorted(
        word.lower()
        for word in words
        if word.isalpha()
        and len(word) > 3
        and word != "Developer"
        and not any(word.lower() in other.lower() for other in words - {word})
    )


def _documents() -> Iterator[Row]:
    random = Random(10)
    words = ["posting", "company", "salary", "city", "skill", "Python", "letter", "note", "room", "rule"]
    for number in range(1, DOCUMENTS + 1):
        text = " ".join(random.choices(words, k=DOCUMENT_BYTES // 5))
        yield {"id": number, "body": text[:DOCUMENT_BYTES]}
