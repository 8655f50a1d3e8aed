"""The rows of the library, which never change, and the door they are asked for at."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from backstay import Backstay, system
from behaviour.door import Door
from compliance.rest import functions, program
from compliance.rest.program import (
    SHELF,
    Article,
    Author,
    Base,
    Binding,
    Biography,
    Book,
    Branch,
    Cover,
    Draft,
    Event,
    Genre,
    Hall,
    Host,
    Ledger,
    Loan,
    Member,
    Mood,
    Odd,
    Placement,
    Plan,
    Publisher,
    Review,
    Sample,
    Ticket,
    book_genres,
)
from fixtures.rows import ADA, BOB, CYD

START = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


def rows() -> list[list[Any]]:
    """Everything but the books' genres, in an order in which it can be inserted."""
    return [
        [
            Member(id=ADA, name="Ada", rank=3, pin="1111", email="ada@library.example", created_at=START),
            Member(id=BOB, name="Bob", rank=1, pin="2222", email="bob@library.example", created_at=START),
            Member(id=CYD, name="Cyd", rank=2, pin=None, email=None, created_at=START),
        ],
        [
            Author(id=1, name="Ursula", born=date(1929, 10, 21)),
            Author(id=2, name="Italo", born=date(1923, 10, 15)),
            Author(id=3, name="William", born=date(1932, 2, 17)),
            Author(id=4, name="Émile", born=None),
        ],
        [
            Biography(author_id=1, text="of Portland"),
            Biography(author_id=2, text="of Turin"),
            Publisher(id=1, name="Big House"),
        ],
        [Publisher(id=2, name="Small House", parent_id=1), Publisher(id=3, name="Press", parent_id=1)],
        [Genre(id=1, name="novel"), Genre(id=2, name="fantasy"), Genre(id=3, name="essay"), Genre(id=4, name="poem")],
        books(),
        [
            Cover(id=1, book_id=1, artist="Ruth"),
            Cover(id=2, book_id=3, artist="Gail"),
            Cover(id=3, book_id=None, artist="Nobody"),
            Branch(city="Oslo", number=1, label="Main"),
            Branch(city="Oslo", number=2, label=None),
            Branch(city="Bergen", number=1, label="Harbour"),
        ],
        [
            Placement(book_id=1, city="Oslo", number=1, amount=2),
            Placement(book_id=1, city="Bergen", number=1, amount=1),
            Placement(book_id=3, city="Oslo", number=1, amount=5),
            Loan(book_id=1, member_id=ADA, due=date(2026, 2, 1)),
            Loan(book_id=1, member_id=BOB, due=date(2026, 3, 1)),
            Loan(book_id=3, member_id=ADA, due=None),
            Review(id=1, book_id=1, member_id=ADA, stars=5, text="Again!", public=True),
            Review(id=2, book_id=1, member_id=BOB, stars=3, text=None, public=True),
            Review(id=3, book_id=3, member_id=ADA, stars=4, text="For me alone", public=False),
            Review(id=4, book_id=3, member_id=BOB, stars=1, text="Bob's own", public=False),
            Draft(id=1),
            Ledger(id=1, book_id=1),
        ],
        [*samples(), *odds()],
        [
            Ticket(id=1, kind="lost", serial=1, status="open", code="AAA", note="an umbrella"),
            Ticket(id=2, kind="lost", serial=2, status="done", code="BBB", note=None),
            Ticket(id=3, kind="found", serial=1, status=None, code=None, note="a hat, (grey)"),
            Article(id=1, title="The quick brown fox", text="jumps over the lazy dog"),
            Article(id=2, title="Foxes and dogs", text="They were running, and the dog jumped."),
            Article(id=3, title="On libraries", text=None),
        ],
        [Event(id=1, name="Reading"), Event(id=2, name="Sale"), Hall(id=1, name="Red"), Hall(id=2, name="Blue")],
        [
            Host(event_id=1, hall_id=1),
            Plan(event_id=1, hall_id=2, genre_id=4),
            Plan(event_id=2, hall_id=2, genre_id=4),
        ],
    ]


def books() -> list[Book]:
    """Seven books: two in a series, two without most of what a book has."""
    earthsea = {"isbn": "1-1", "stock": 4}
    atuan = {"isbn": "1-2", "stock": 0}
    cities = {"isbn": "2-1", "langs": ["it", "en"]}
    night = {"langs": ["it", "en", "de"]}
    moon = {"deep": {"er": [1, {"x": None}]}}
    # title, pages, price, binding, published, in print, tags, info, author, translator, publisher, sequel of
    table: list[tuple[Any, ...]] = [
        ("A Wizard of Earthsea", 205, "9.50", "SOFT", "1968-11-01", True, ["sea", "magic"], earthsea, 1, None, 1, None),
        ("The Tombs of Atuan", 163, "8.00", "SOFT", "1970-12-01", True, ["magic"], atuan, 1, None, 1, 1),
        ("Invisible Cities", 165, "12.25", "HARD", "1972-11-03", True, ["city", "sea, far"], cities, 2, 3, 2, None),
        ("If on a winter's night", 260, "12.25", "HARD", "1979-06-01", False, [], night, 2, 3, 2, None),
        ("Germinal", 591, "7.99", "CLOTH", "1885-03-01", True, ['the "mine"'], None, 4, None, None, None),
        ("100% (un)translated_", None, None, None, None, None, None, None, 4, 4, None, None),
        ("the dispossessed", 341, "10.00", "HARD", "1974-05-01", False, ["moon", None], moon, 1, None, 3, None),
    ]
    return [book(number, *columns) for number, columns in enumerate(table, 1)]


def book(
    number: int,
    title: str,
    pages: int | None,
    price: str | None,
    binding: str | None,
    published: str | None,
    in_print: bool | None,
    tags: list[str | None] | None,
    info: Any,
    author: int,
    translator: int | None,
    publisher: int | None,
    sequel_of: int | None,
) -> Book:
    """One book."""
    return Book(
        id=number,
        title=title,
        pages=pages,
        price=None if price is None else Decimal(price),
        binding=None if binding is None else Binding[binding],
        published=None if published is None else date.fromisoformat(published),
        in_print=in_print,
        tags=tags,
        info=info,
        author_id=author,
        translator_id=translator,
        publisher_id=publisher,
        sequel_of=sequel_of,
    )


GENRES = ((1, 1), (1, 2), (2, 1), (2, 2), (3, 1), (4, 1), (5, 1), (7, 1))
"""Which book is of which genre."""


def samples() -> list[Sample]:
    """A row with everything, an empty one, and one of the least there is."""
    return [
        Sample(
            id=1,
            small=-32768,
            big=9007199254740993,
            single=0.5,
            ratio=0.1,
            exact=Decimal("12345678901234567890.123456789"),
            cents=Decimal("10.50"),
            flag=True,
            note='a "quoted", (bracketed) {text} \\ with ünïcode 🦊 and\nline',
            code="ab",
            fixed="xyz",
            day=date(2026, 2, 28),
            moment=datetime(2026, 2, 28, 23, 59, 59, 120000),
            instant=datetime(2026, 2, 28, 23, 59, 59, 120000, tzinfo=UTC),
            clock=time(23, 59, 59),
            span=timedelta(days=1, hours=2, seconds=3.5),
            blob=b"\x00\xffPNG",
            uid=UUID("0e37df36-f698-11e6-8dd4-cb9ced3df976"),
            mood=Mood.HAPPY,
            doc={"a": {"b": [1, {"c": "deep"}]}, "n": 5, "s": "text", "f": 1.5, "t": True, "z": None, "x y": "blank"},
            tree={"a": {"b": [1, {"c": "deep"}]}, "n": 5, "s": "text", "f": 1.5, "t": True, "z": None, "x y": "blank"},
            words=["a", "b c", 'd"e', "f,g"],
            numbers=[1, 2, 3],
        ),
        Sample(id=2),
        Sample(
            id=3,
            small=7,
            big=-7,
            single=2.5,
            ratio=-2.5,
            exact=Decimal("-0.50"),
            cents=Decimal("9.00"),
            flag=False,
            note="plain",
            code="z",
            fixed="q",
            day=date(1999, 12, 31),
            moment=datetime(1999, 12, 31),
            instant=datetime(1999, 12, 31, tzinfo=UTC),
            clock=time(0, 0),
            span=timedelta(seconds=1),
            blob=b"",
            uid=UUID("ffffffff-f698-11e6-8dd4-cb9ced3df976"),
            mood=Mood.SAD,
            doc=[1, 2, 3],
            tree=[1, 2, 3],
            words=[],
            numbers=[],
        ),
    ]


def odds() -> list[Odd]:
    """Rows of the table with the odd names, the second below the first."""
    return [
        Odd(id=1, said="hello", size=10, kebab="a-b", order="first", select="all", dotted="x.y"),
        Odd(id=2, said=None, size=-1, kebab="c", order="second", select=None, dotted=None, parent=1),
    ]


async def fill(app: Backstay) -> None:
    """Make the tables of a started application and put the rows in, if they are not there."""
    async with app.session(system) as session:
        connection = await session.connection()
        if await connection.run_sync(lambda one: sa.inspect(one).has_table("books")):
            return
        tables = [table for table in Base.metadata.sorted_tables if table.name != "shelf"]
        await connection.run_sync(lambda one: Base.metadata.create_all(one, tables=tables))
        await session.execute(sa.text(SHELF))
        for batch in rows():
            session.add_all(batch)
            await session.flush()
        await session.execute(book_genres.insert(), [{"book_id": one, "genre_id": other} for one, other in GENRES])


class Library(Door):
    """The library's door, which knows how its rows come back: from copies beside the tables, in a few milliseconds.

    Arguments:
        url: an empty database, or that of a library behind another door.
        settings: those of the application.
    """

    def __init__(self, url: str, **settings: Any) -> None:
        super().__init__(functions.declare(program.build(url)), fill)
        self.app.configure(**settings)
        self._tables = [table for table in Base.metadata.sorted_tables if table.name != "shelf"]
        self._native = url.startswith("postgresql")

    def __enter__(self) -> Library:
        super().__enter__()
        copies = [
            f"CREATE TABLE IF NOT EXISTS {_copy(table)} AS SELECT * FROM {_name(table)}" for table in self._tables
        ]
        self.run(self._execute(copies))
        self.restore(anyway=True)
        return self

    def changed(self) -> None:
        """Know that the rows may no longer be those that it began with."""
        self._changed = True

    def restore(self, *, anyway: bool = False) -> None:
        """Have the rows that it began with, and number new ones alike, where a request may have changed them."""
        if self._changed or anyway:
            statements = [*self._emptied(), *self._filled(), *self._numbered()]
            # One statement where that can be: each is a journey.
            self.run(self._execute([f"DO $$ BEGIN {'; '.join(statements)}; END $$"] if self._native else statements))
            self._changed = False

    def _emptied(self) -> list[str]:
        # On PostgreSQL TRUNCATE would make new files for every table, which takes longer than these few rows do.
        deferred = [] if self._native else ["PRAGMA defer_foreign_keys = ON"]
        return [*deferred, *(f"DELETE FROM {_name(table)}" for table in reversed(self._tables))]

    def _filled(self) -> list[str]:
        filled = []
        for table in self._tables:
            columns = ", ".join(_quoted(column.name) for column in table.columns if column.computed is None)
            filled.append(f"INSERT INTO {_name(table)} ({columns}) SELECT {columns} FROM {_copy(table)}")
        return filled

    def _numbered(self) -> list[str]:
        if not self._native:
            return ["UPDATE sqlite_sequence SET seq = 100"]
        counted = [table for table in self._tables if table.autoincrement_column is not None]
        return [
            f"PERFORM setval(pg_get_serial_sequence('{_name(table)}', '{table.autoincrement_column.name}'), 100)"
            for table in counted
            if table.autoincrement_column is not None
        ]

    async def _execute(self, statements: list[str]) -> None:
        async with self.app.session(system) as session:
            for statement in statements:
                await session.execute(sa.text(statement))


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _name(table: sa.Table) -> str:
    return _quoted(table.name)


def _copy(table: sa.Table) -> str:
    return _quoted(f"{table.name} as it began")
