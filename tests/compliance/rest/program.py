"""A library: every kind of column, key, relation, rule and function that the cases of this folder speak of.

The rows are in ``stock.py``. A new feature gets a table or a function of its own: a column that is added to a table
here changes the answers of the cases that select all of it.
"""

from __future__ import annotations

import enum
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, TypedDict
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import CheckConstraint, Column, ForeignKey, ForeignKeyConstraint, Table, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import DeclarativeBase, Mapped, column_property, mapped_column, relationship

from backstay import Auth, AuthUser, Backstay, anyone, current, signed_in
from backstay.errors import Conflict


class Base(DeclarativeBase): ...


class Member(AuthUser, Base):
    """Who borrows. The pin is on no wire, and the rank may only be read."""

    __tablename__ = "members"

    name: Mapped[str]
    rank: Mapped[int] = mapped_column(server_default="1")
    pin: Mapped[str | None]


me = current(Member)


# Books ---------------------------------------------------------------------------------------------------------


class Author(Base):
    __tablename__ = "authors"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    born: Mapped[date | None]


class Biography(Base):
    """One to one: its key is the author's."""

    __tablename__ = "biographies"

    author_id: Mapped[int] = mapped_column(ForeignKey(Author.id, ondelete="CASCADE"), primary_key=True)
    text: Mapped[str]


class Publisher(Base):
    __tablename__ = "publishers"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("publishers.id"), index=True)


book_genres = Table(
    "book_genres",
    Base.metadata,
    Column("book_id", ForeignKey("books.id", ondelete="CASCADE"), primary_key=True),
    Column("genre_id", ForeignKey("genres.id"), primary_key=True, index=True),
)
"""A junction that is no resource."""


class Genre(Base):
    __tablename__ = "genres"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)


class Binding(enum.Enum):
    """Declared in another order than that of the alphabet."""

    SOFT = 1
    HARD = 2
    CLOTH = 3


class Book(Base):
    """Two foreign keys lead to authors, one to the table itself."""

    __tablename__ = "books"
    __table_args__ = (CheckConstraint("pages > 0", name="books_pages_check"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(sa.String(40))
    pages: Mapped[int | None]
    price: Mapped[Decimal | None] = mapped_column(sa.Numeric(8, 2))
    binding: Mapped[Binding | None]
    published: Mapped[date | None]
    in_print: Mapped[bool | None]
    tags: Mapped[list[str] | None] = mapped_column(sa.ARRAY(sa.Text))
    info: Mapped[Any | None] = mapped_column(
        sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
    )
    author_id: Mapped[int] = mapped_column(ForeignKey(Author.id), index=True)
    translator_id: Mapped[int | None] = mapped_column(ForeignKey(Author.id), index=True)
    publisher_id: Mapped[int | None] = mapped_column(ForeignKey(Publisher.id), index=True)
    sequel_of: Mapped[int | None] = mapped_column(ForeignKey("books.id"), index=True)
    slug: Mapped[str] = mapped_column(sa.Computed("lower(title)", persisted=True))

    writer: Mapped[Author] = relationship(foreign_keys=[author_id])
    genres: Mapped[list[Genre]] = relationship(secondary=book_genres)

    letters = column_property(sa.func.char_length(title))

    @hybrid_property
    def thick(self) -> bool | None:
        return self.pages > 300 if self.pages is not None else None

    @thick.inplace.expression
    @classmethod
    def _thick(cls) -> sa.ColumnElement[bool | None]:
        return cls.pages > 300


class Cover(Base):
    """One to one: a unique foreign key."""

    __tablename__ = "covers"

    id: Mapped[int] = mapped_column(primary_key=True)
    book_id: Mapped[int | None] = mapped_column(ForeignKey(Book.id, ondelete="CASCADE"), unique=True)
    artist: Mapped[str]


class Branch(Base):
    """Its key is of two columns."""

    __tablename__ = "branches"

    city: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    label: Mapped[str | None]


class Placement(Base):
    """A junction that is a resource, with a foreign key of two columns."""

    __tablename__ = "placements"
    __table_args__ = (
        ForeignKeyConstraint(["city", "number"], ["branches.city", "branches.number"]),
        sa.Index("placements_branch", "city", "number"),
    )

    book_id: Mapped[int] = mapped_column(ForeignKey(Book.id, ondelete="CASCADE"), primary_key=True)
    city: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    amount: Mapped[int] = mapped_column(server_default="1")


shelf = Table(
    "shelf",
    sa.MetaData(),
    Column("book_id", sa.Integer, ForeignKey(Book.id), primary_key=True),
    Column("title", sa.String(40), nullable=False),
    Column("author", sa.Text, nullable=False),
)
"""A view, which is why it has a metadata of its own."""

SHELF = """
CREATE VIEW shelf AS
SELECT books.id AS book_id, books.title, authors.name AS author FROM books JOIN authors ON authors.id = books.author_id
"""


class Shelf(Base):
    """What a view shows."""

    __table__ = shelf


# Rules ---------------------------------------------------------------------------------------------------------


class Loan(Base):
    """A junction with rules: everybody sees their own."""

    __tablename__ = "loans"

    book_id: Mapped[int] = mapped_column(ForeignKey(Book.id, ondelete="CASCADE"), primary_key=True)
    member_id: Mapped[UUID] = mapped_column(ForeignKey(Member.id), primary_key=True, default=me.id, index=True)
    due: Mapped[date | None]


class Review(Base):
    """The public ones are for everybody, the others for who wrote them."""

    __tablename__ = "reviews"
    __table_args__ = (CheckConstraint("stars BETWEEN 1 AND 5", name="reviews_stars_check"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    book_id: Mapped[int] = mapped_column(ForeignKey(Book.id, ondelete="CASCADE"), index=True)
    member_id: Mapped[UUID] = mapped_column(ForeignKey(Member.id), default=me.id, index=True)
    stars: Mapped[int]
    text: Mapped[str | None]
    public: Mapped[bool] = mapped_column(server_default=sa.false())


class Draft(Base):
    """A resource without rules: nobody's."""

    __tablename__ = "drafts"

    id: Mapped[int] = mapped_column(primary_key=True)


class Ledger(Base):
    """Not served at all."""

    __tablename__ = "ledger"

    id: Mapped[int] = mapped_column(primary_key=True)
    book_id: Mapped[int] = mapped_column(ForeignKey(Book.id), index=True)


# Columns -------------------------------------------------------------------------------------------------------


class Mood(enum.Enum):
    SAD = 1
    HAPPY = 2


class Sample(Base):
    """A column of each kind."""

    __tablename__ = "samples"

    id: Mapped[int] = mapped_column(primary_key=True)
    small: Mapped[int | None] = mapped_column(sa.SmallInteger)
    big: Mapped[int | None] = mapped_column(sa.BigInteger)
    single: Mapped[float | None] = mapped_column(sa.REAL)
    ratio: Mapped[float | None]
    exact: Mapped[Decimal | None] = mapped_column(sa.Numeric)
    cents: Mapped[Decimal | None] = mapped_column(sa.Numeric(10, 2))
    flag: Mapped[bool | None]
    note: Mapped[str | None] = mapped_column(sa.Text)
    code: Mapped[str | None] = mapped_column(sa.String(5))
    fixed: Mapped[str | None] = mapped_column(sa.CHAR(3))
    day: Mapped[date | None]
    moment: Mapped[datetime | None]
    instant: Mapped[datetime | None] = mapped_column(sa.DateTime(timezone=True))
    clock: Mapped[time | None]
    span: Mapped[timedelta | None]
    blob: Mapped[bytes | None]
    uid: Mapped[UUID | None]
    mood: Mapped[Mood | None]
    doc: Mapped[Any | None] = mapped_column(sa.JSON(none_as_null=True))
    tree: Mapped[Any | None] = mapped_column(
        sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
    )
    words: Mapped[list[str] | None] = mapped_column(sa.ARRAY(sa.Text))
    numbers: Mapped[list[int] | None] = mapped_column(sa.ARRAY(sa.Integer))


class Odd(Base):
    """Names that have to be quoted somewhere."""

    __tablename__ = "Odd Names"

    id: Mapped[int] = mapped_column("the id", primary_key=True)
    said: Mapped[str | None] = mapped_column('say "hi"')
    size: Mapped[int | None] = mapped_column("größe")
    kebab: Mapped[str | None] = mapped_column("kebab-case")
    order: Mapped[str | None] = mapped_column("order")
    select: Mapped[str | None] = mapped_column("select")
    dotted: Mapped[str | None] = mapped_column("a.b")
    parent: Mapped[int | None] = mapped_column("parent id", ForeignKey("Odd Names.the id"), index=True)


class Ticket(Base):
    """Defaults, unique keys and checks of every kind."""

    __tablename__ = "tickets"
    __table_args__ = (
        UniqueConstraint("kind", "serial"),
        CheckConstraint("serial >= 0", name="tickets_serial_check"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(sa.String(8), server_default="lost")
    serial: Mapped[int | None]
    status: Mapped[str | None] = mapped_column(server_default="open")
    code: Mapped[str | None] = mapped_column(sa.String(5), unique=True)
    note: Mapped[str | None]


class Event(Base):
    __tablename__ = "events"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


class Hall(Base):
    __tablename__ = "halls"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


class Host(Base):
    """One of two junctions of events and halls."""

    __tablename__ = "hosts"

    event_id: Mapped[int] = mapped_column(ForeignKey(Event.id), primary_key=True)
    hall_id: Mapped[int] = mapped_column(ForeignKey(Hall.id), primary_key=True, index=True)


class Plan(Base):
    """The other, which is one of genres, too: each two of its three foreign keys are a relation."""

    __tablename__ = "plans"

    event_id: Mapped[int] = mapped_column(ForeignKey(Event.id), primary_key=True)
    hall_id: Mapped[int] = mapped_column(ForeignKey(Hall.id), primary_key=True, index=True)
    genre_id: Mapped[int] = mapped_column(ForeignKey(Genre.id), primary_key=True, index=True)


class Article(Base):
    """What is searched."""

    __tablename__ = "articles"

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    text: Mapped[str | None]


# Functions -----------------------------------------------------------------------------------------------------


class Summary(TypedDict):
    books: int
    pages: int


async def add(session: AsyncSession, a: int, b: int = 10) -> int:
    """Answer one value."""
    return a + b


async def split(session: AsyncSession, text: str) -> list[str]:
    """Answer many values."""
    return text.split()


async def total(session: AsyncSession, numbers: list[int]) -> int:
    """Take an array."""
    return sum(numbers)


async def summary(session: AsyncSession) -> Summary:
    """Answer an object."""
    books, pages = (await session.execute(sa.select(sa.func.count(), sa.func.sum(Book.pages)))).one()
    return Summary(books=books, pages=pages or 0)


async def books_by(session: AsyncSession, author: int) -> list[Book]:
    """Answer rows of a resource."""
    return list((await session.scalars(sa.select(Book).filter_by(author_id=author).order_by(Book.id))).all())


async def find_author(session: AsyncSession, name: str) -> Author | None:
    """Answer one row of a resource, or none."""
    return (await session.scalars(sa.select(Author).filter_by(name=name))).one_or_none()


async def rename_genre(session: AsyncSession, id: int, name: str) -> None:
    """Write, and answer nothing."""
    await session.execute(sa.update(Genre).filter_by(id=id).values(name=name))


async def nothing(session: AsyncSession) -> None:
    """Do nothing, and answer nothing."""


async def refuse(session: AsyncSession) -> None:
    """Raise."""
    raise Conflict("The library is closed.", detail="It is Sunday.", hint="Come back tomorrow.")


CATALOGUE = (Author, Biography, Publisher, Genre, Book, Cover, Branch, Placement)
FUNCTIONS = (add, split, total, summary, books_by, find_author, rename_genre, nothing, refuse)


def build(url: str = "sqlite://") -> Backstay:
    """The application, on a database of its own."""
    app = Backstay(url, auth=Auth(Member))
    app.resource(
        Member, select=signed_in, update=Member.id == me.id, hidden=[Member.pin], readonly=[Member.id, Member.rank]
    )
    for model in (*CATALOGUE, Sample, Odd, Ticket, Event, Hall, Host, Plan):
        app.resource(model, select=anyone, write=anyone)
    app.resource(Article, select=anyone, write=anyone, search=[Article.title, Article.text])
    app.resource(Shelf, select=anyone)
    app.resource(Loan, select=Loan.member_id == me.id, insert=Loan.member_id == me.id)
    mine = Review.member_id == me.id
    app.resource(Review, select=Review.public | mine, insert=mine, update=mine, delete=mine)
    app.resource(Draft)
    for function in FUNCTIONS:
        app.function(function)
    return app
