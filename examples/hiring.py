"""A hiring platform: companies and their recruiters, postings, candidates and their applications.

``make demo`` fills it with data and serves it; ``backstay dev examples/hiring.py`` serves it empty.

Who sees what:

- everybody: companies, skills, the salary guide, and postings that are open
- a recruiter: all postings of their company, its applications, and those who applied; what the public sees of it they
  change only after a second factor
- a candidate: their own applications
- a company alone: its notes on applications
- whoever saved a search: that search
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from enum import Enum, auto
from typing import Annotated, Any, TypedDict
from uuid import UUID, uuid4

from sqlalchemy import CheckConstraint, DateTime, ForeignKey, Index, UniqueConstraint, func, inspect, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship
from sqlalchemy.types import JSON

from backstay import Auth, AuthUser, Backstay, Tenancy, Using, anyone, current, signed_in
from backstay.errors import Conflict, NotFound

Moment = Annotated[datetime, mapped_column(DateTime(timezone=True))]


class Base(DeclarativeBase): ...


class Level(Enum):
    ENTRY = auto()
    MID = auto()
    SENIOR = auto()
    LEAD = auto()


class PostingStatus(Enum):
    DRAFT = auto()
    OPEN = auto()
    CLOSED = auto()


class ApplicationStatus(Enum):
    SUBMITTED = auto()
    INTERVIEW = auto()
    OFFERED = auto()
    HIRED = auto()
    REJECTED = auto()
    WITHDRAWN = auto()


class Company(Base):
    __tablename__ = "companies"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    name: Mapped[str] = mapped_column(unique=True)
    industry: Mapped[str] = mapped_column(index=True)
    website: Mapped[str | None]
    postings: Mapped[list[Posting]] = relationship(back_populates="company")


class User(AuthUser, Base):
    """A candidate, or a recruiter of a company."""

    __tablename__ = "users"

    name: Mapped[str]
    company_id: Mapped[UUID | None] = mapped_column(ForeignKey(Company.id), index=True)
    applications: Mapped[list[Application]] = relationship(back_populates="candidate")


me = current(User)


class Location(Base):
    """A place to work, and what the market there pays a backend developer a year."""

    __tablename__ = "locations"

    city: Mapped[str] = mapped_column(primary_key=True)
    state: Mapped[str]
    market: Mapped[str]
    low: Mapped[int]
    high: Mapped[int]


class GuideEntry(Base):
    """What one level of experience is paid in one place."""

    __tablename__ = "salary_guide"

    city: Mapped[str] = mapped_column(ForeignKey(Location.city), primary_key=True)
    level: Mapped[Level] = mapped_column(primary_key=True)
    low: Mapped[int]
    high: Mapped[int]


class Skill(Base):
    __tablename__ = "skills"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)


class Posting(Base):
    __tablename__ = "postings"
    __table_args__ = (
        CheckConstraint("salary_low <= salary_high", name="postings_salary_check"),
        # The page that most people look at: what is open in a city, the newest first.
        Index("ix_postings_city_status_published_at", "city", "status", "published_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    company_id: Mapped[UUID] = mapped_column(ForeignKey(Company.id), default=me.company_id, index=True)
    title: Mapped[str]
    description: Mapped[str] = mapped_column(default="")
    city: Mapped[str] = mapped_column(ForeignKey(Location.city))
    level: Mapped[Level]
    status: Mapped[PostingStatus] = mapped_column(default=PostingStatus.DRAFT)
    salary_low: Mapped[int]
    salary_high: Mapped[int]
    closes_on: Mapped[date | None]
    published_at: Mapped[Moment | None] = mapped_column(index=True)

    company: Mapped[Company] = relationship(back_populates="postings")
    location: Mapped[Location] = relationship()
    skills: Mapped[list[Skill]] = relationship(secondary="posting_skills", viewonly=True)
    applications: Mapped[list[Application]] = relationship(back_populates="posting")

    @hybrid_property
    def salary_middle(self) -> int:
        """The middle of the pay that is offered; selected by its name: ``select=title,salary_middle``."""
        return (self.salary_low + self.salary_high) // 2


class PostingSkill(Base):
    """A skill that a posting asks for."""

    __tablename__ = "posting_skills"

    posting_id: Mapped[UUID] = mapped_column(ForeignKey(Posting.id, ondelete="CASCADE"), primary_key=True)
    skill_id: Mapped[int] = mapped_column(ForeignKey(Skill.id), primary_key=True, index=True)
    posting: Mapped[Posting] = relationship()


class Application(Base):
    __tablename__ = "applications"
    __table_args__ = (UniqueConstraint("posting_id", "candidate_id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    posting_id: Mapped[UUID] = mapped_column(ForeignKey(Posting.id))
    candidate_id: Mapped[UUID] = mapped_column(ForeignKey(User.id), default=me.id, index=True)
    company_id: Mapped[UUID] = mapped_column(ForeignKey(Company.id), index=True)
    letter: Mapped[str]
    expected_salary: Mapped[int | None]
    status: Mapped[ApplicationStatus] = mapped_column(default=ApplicationStatus.SUBMITTED)
    submitted_at: Mapped[Moment] = mapped_column(server_default=func.now())

    posting: Mapped[Posting] = relationship(back_populates="applications")
    candidate: Mapped[User] = relationship(back_populates="applications")
    notes: Mapped[list[Note]] = relationship(back_populates="application")


class Note(Base):
    """What a company says among itself about an application."""

    __tablename__ = "notes"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    company_id: Mapped[UUID] = mapped_column(ForeignKey(Company.id), default=me.company_id, index=True)
    application_id: Mapped[UUID] = mapped_column(ForeignKey(Application.id), index=True)
    author_id: Mapped[UUID] = mapped_column(ForeignKey(User.id), default=me.id, index=True)
    text: Mapped[str]
    written_at: Mapped[Moment] = mapped_column(server_default=func.now())

    application: Mapped[Application] = relationship(back_populates="notes")
    author: Mapped[User] = relationship()


class SavedSearch(Base):
    __tablename__ = "saved_searches"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    user_id: Mapped[UUID] = mapped_column(ForeignKey(User.id), default=me.id, index=True)
    name: Mapped[str]
    filters: Mapped[dict[str, Any]] = mapped_column(JSON)


app = Backstay(
    "sqlite:///hiring.db",
    auth=Auth(User, profile=[User.name], mfa=True),
    # A company's notes are its own: no rule, hook or function of another company's caller ever meets them.
    tenancy=Tenancy(Note.company_id, current=me.company_id),
)

is_open = Posting.status == PostingStatus.OPEN
posted_by_us = Posting.company_id == me.company_id
sent_by_me = Application.candidate_id == me.id
sent_to_us = Application.company_id == me.company_id
withdrawn = Application.status == ApplicationStatus.WITHDRAWN

app.resource(Company, select=anyone, update=Company.id == me.company_id)
app.resource(Location, select=anyone)
app.resource(GuideEntry, select=anyone)
app.resource(Skill, select=anyone)
app.resource(
    User,
    select=(User.id == me.id) | (User.company_id == me.company_id) | User.applications.any(sent_to_us),
    update=User.id == me.id,
    readonly=[User.id, User.email, User.company_id],
)
postings = app.resource(
    Posting,
    select=is_open | posted_by_us,
    # Whoever has a recruiter's password alone cannot speak for the company in public.
    insert=posted_by_us & (~is_open | (me.aal >= 2)),
    update=Using(posted_by_us, check=posted_by_us & (~is_open | (me.aal >= 2))),
    delete=posted_by_us,
    search=[Posting.title, Posting.description],
    readonly=[Posting.published_at],
)
app.resource(
    PostingSkill,
    select=PostingSkill.posting.has(is_open | posted_by_us),
    write=PostingSkill.posting.has(posted_by_us),
)
applications = app.resource(
    Application,
    select=sent_by_me | sent_to_us,
    insert=sent_by_me & Application.posting.has(is_open) & (Application.status == ApplicationStatus.SUBMITTED),
    # A candidate may withdraw; everything else is for the company to decide.
    update=Using(sent_by_me | sent_to_us, check=(sent_by_me & withdrawn) | sent_to_us),
    readonly=[Application.company_id, Application.submitted_at],
)
app.resource(
    Note,
    select=signed_in,
    insert=(Note.author_id == me.id) & Note.application.has(sent_to_us),
    update=Note.author_id == me.id,
    delete=Note.author_id == me.id,
    readonly=[Note.written_at],
)
app.resource(SavedSearch, select=SavedSearch.user_id == me.id, write=SavedSearch.user_id == me.id)


@postings.before_insert
@postings.before_update
async def publish(db: AsyncSession, posting: Posting) -> None:
    """A posting is published when it is opened for the first time."""
    if posting.status is PostingStatus.OPEN and posting.published_at is None:
        posting.published_at = datetime.now(UTC)


@applications.before_insert
async def address(db: AsyncSession, application: Application) -> None:
    """An application goes to the company whose posting it answers."""
    posting = await db.get(Posting, application.posting_id)
    if posting is None or posting.status is not PostingStatus.OPEN:
        raise Conflict("This posting takes no applications.", hint="Look for postings with status=eq.OPEN.")
    application.company_id = posting.company_id


@applications.before_update
async def keep_what_was_sent(db: AsyncSession, application: Application) -> None:
    """Nobody rewrites an application: only its status moves on."""
    changed = {attribute.key for attribute in inspect(application).attrs if attribute.history.has_changes()}
    if changed - {"status"}:
        raise Conflict("An application cannot be rewritten.", hint="Only its status may change.")


class SalaryRange(TypedDict):
    """What a job pays a year, in US dollars: by the guide, and in the postings that are open now."""

    city: str
    level: str
    low: int
    high: int
    open_postings: int
    offered: int | None


@app.function
async def salary_range(db: AsyncSession, city: str, level: Level = Level.MID) -> SalaryRange:
    """What one may ask for: the guide's range, and the average of what open postings offer."""
    guide = await db.get(GuideEntry, (city, level))
    if guide is None:
        raise NotFound(f"The guide does not cover {city}.", hint="GET /rest/v1/locations lists what it covers.")
    here = select(func.count(), func.avg(Posting.salary_middle)).where(
        is_open, Posting.city == city, Posting.level == level
    )
    count, average = (await db.execute(here)).one()
    return SalaryRange(
        city=city,
        level=level.name,
        low=guide.low,
        high=guide.high,
        open_postings=count,
        offered=None if average is None else round(average),
    )


@app.function
async def pipeline(db: AsyncSession) -> dict[str, int]:
    """How many applications stand at each step: a company's for its recruiters, their own for candidates.

    The session is the caller's, so the rules of applications hold in it and there is nothing to filter by.
    """
    found = await db.execute(select(Application.status, func.count()).group_by(Application.status))
    return {status.name: count for status, count in found}
