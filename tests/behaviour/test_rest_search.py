"""Full text: the four operators find the same rows on every database, by an index and without one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from backstay import system
from backstay.dialects.dialect import Statement
from backstay.errors import DeclarationError
from backstay.query.nodes import Comparison, Connective, Field, Filter, Logic, Pick, Select
from backstay.schema.caller import ANONYMOUS
from behaviour.door import Door
from fixtures import shelf


@pytest.fixture(scope="module")
def module_shelf(module_database_url: str) -> Iterator[Door]:
    with Door(shelf.build(module_database_url), shelf.fill) as door:
        yield door


@pytest.fixture
def books(module_shelf: Door) -> Door:
    """The shelf with the rows that it begins with."""
    module_shelf.restore()
    return module_shelf


def ids(door: Door, query: str) -> list[int]:
    return [row["id"] for row in door.rows(f"/books?select=id&order=id&{query}", "anon")]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("title=fts.cat", [1]),
        ("title=fts.CATS", [1]),
        ("title=fts.run %26 dog", [2, 3]),
        ("title=fts.cat | dog", [1, 2, 3]),
        ("title=fts.!cat", [2, 3, 4]),
        ("title=fts.dog %26 !wild", [2]),
        ("title=fts.run <-> dog", []),
        ("title=fts.dog <-> run", [3]),
        ("title=fts.run <2> dog", [2]),
        ("title=fts.cat <2> copenhagen", [1]),
        ("title=fts.cope:*", [1]),
        ("title=fts.cat:D", [1]),
        ("title=fts.cat:A", []),
        ("title=fts.the", []),
        ("title=fts.", []),
        ("title=fts.well-known", [4]),
        ("title=fts.known", [4]),
        ("title=fts.'running wild'", [3]),
        ("title=plfts.dogs running", [2, 3]),
        ("title=plfts.the running dogs", [2, 3]),
        ("title=plfts.known theories", [4]),
        ("title=phfts.dogs running", [3]),
        ("title=phfts.running with dogs", [2]),
        ("title=wfts.dogs -wild", [2]),
        ("title=wfts.cats or theory", [1, 4]),
        ('title=wfts."dogs running"', [3]),
        ('title=wfts.-"dogs running"', [1, 2, 4]),
        # another configuration
        ("title=fts(simple).cat", []),
        ("title=fts(simple).cats", [1]),
        ("title=plfts(SIMPLE).the cats", [1]),
        ("title=fts(english).cat", [1]),
        ("title=fts(german).dogs", [2, 3]),
        # null is neither
        ("summary=fts.cat", [1]),
        ("summary=fts.!cat", [3, 4]),
        ("summary=not.fts.cat", [3, 4]),
        ("summary=not.fts.!cat", [1]),
        ("summary=not.fts.the", [1, 3, 4]),
        ("summary=plfts.ada@example.com", [4]),
        ("summary=plfts.v1.2.3", [4]),
        # a column without an index
        ("blurb=fts.cat", [1]),
        ("blurb=not.fts.cat", [3]),
        ("blurb=phfts.running cats", [1]),
        ("blurb=fts.!cat", [3]),
        # trees
        ("or=(title.fts.cat,summary.plfts.ada@example.com)", [1, 4]),
        ("and=(title.fts.dog,blurb.not.fts.cat)", [3]),
        ("not.or=(title.fts.cat,title.fts.dog)", [4]),
        ("not.and=(title.fts.dog,summary.fts.cat)", [1, 3, 4]),
        ("not.and=(title.fts.run,summary.not.fts.cat)", [1, 4]),
        ("or=(not.and(summary.fts.cat,title.fts.cat),id.eq.1)", [1, 2, 3, 4]),
        # JSON: its texts alone, apart from one another
        ("data=fts.fox %26 cat", [2]),
        ("data=fts.aa", []),
        ("data=phfts.cats red", []),
        ("data=fts.fox <2> blue", [2]),
        ("data->aa=fts.cat", [2]),
        ("data->>b=phfts.red fox", [2]),
        ("data->>b=not.fts.cat", [2]),
        ("raw=fts.fox <2> blue", [3]),
        ("raw=fts(simple).jays", [3]),
    ],
)
def test_searches_find_what_postgresql_finds(books: Door, query: str, found: list[int]) -> None:
    assert ids(books, query) == found


FAR = "distance in phrase operator must be an integer value between zero and 16384 inclusive"


@pytest.mark.parametrize(
    ("query", "status", "code", "message"),
    [
        ("title=fts.a %26", 400, "42601", 'no operand in tsquery: "a &"'),
        ("title=fts.a b", 400, "42601", 'syntax error in tsquery: "a b"'),
        ("title=fts.(a", 400, "42601", 'syntax error in tsquery: "(a"'),
        ("title=fts.a\\", 400, "42601", 'there is no escaped character: "a\\"'),
        ("title=fts.a <20000> b", 400, "22023", FAR),
        ("title=fts(klingon).a", 400, "42704", 'text search configuration "klingon" does not exist'),
        ("title=fts(3748).a", 400, "42704", 'text search configuration "3748" does not exist'),
        ("id=fts.a", 404, "42883", "function to_tsvector(unknown, integer) does not exist"),
        ("words=fts.a", 404, "42883", "function to_tsvector(unknown, text[]) does not exist"),
        ("public=not.wfts.a", 404, "42883", "function to_tsvector(unknown, boolean) does not exist"),
        ("secret=fts.cats", 400, "42703", "column books.secret does not exist"),
        ("title=fts." + "!" * 40 + "a", 400, "BS40003", "tsquery stack too small"),
    ],
)  # fmt: skip
def test_what_makes_no_search_is_refused_alike(books: Door, query: str, status: int, code: str, message: str) -> None:
    answer = books.get(f"/books?{query}", "anon")
    assert (answer.status, answer.code, answer.json["message"]) == (status, code, message)


def test_a_search_finds_nothing_that_rules_hide(books: Door) -> None:
    assert ids(books, "title=fts.dog") == [2, 3]
    assert [row["id"] for row in books.rows("/books?select=id&title=fts.dog&order=id", "service")] == [2, 3, 5]
    counted = books.get("/books?select=id&summary=plfts.secretly", "anon", prefer="count=exact")
    assert (counted.json, counted.range) == ([], "*/0")


def test_embeds_are_searched(books: Door) -> None:
    assert books.rows("/books?select=id,notes(text)&id=eq.1&notes.text=phfts.fear cats", "anon") == [
        {"id": 1, "notes": [{"text": "Mice fear cats"}]}
    ]
    assert books.rows("/books?select=id,notes!inner()&notes.text=fts.bark", "anon") == [{"id": 2}]
    nested = "/books?select=id,notes(text)&notes.or=(text.fts.chase,text.not.fts.mice)&order=id&id=in.(1,2)"
    assert books.rows(nested, "anon") == [
        {"id": 1, "notes": [{"text": "Cats chase mice"}]},
        {"id": 2, "notes": [{"text": "Dogs bark"}]},
    ]
    assert books.rows("/notes?select=text,books!inner(id)&books.title=wfts.cats&order=text", "anon") == [
        {"text": "Cats chase mice", "books": {"id": 1}},
        {"text": "Mice fear cats", "books": {"id": 1}},
    ]


def test_what_functions_answer_is_searched(books: Door) -> None:
    assert [row["id"] for row in books.rows("/rpc/stored?title=fts.dog&select=id", "anon")] == [2, 3]
    assert [row["id"] for row in books.rows("/rpc/made?title=fts.cat&select=id", "anon")] == [90]
    assert [row["id"] for row in books.rows("/rpc/made?title=not.fts.cat&select=id", "anon")] == [91]


def test_writes_are_found_at_once_and_searched_rows_are_written(books: Door) -> None:
    def write(method: str, url: str, body: Any = None, **headers: str) -> Any:
        answer = books.ask(method, url, body, caller="anon", prefer="return=representation", **headers)
        assert answer.status < 300, answer.body
        return answer.json

    write("POST", "/books", [{"id": 10, "title": "Penguins at sea"}, {"id": 11, "title": "Whales at sea"}])
    assert ids(books, "title=fts.sea") == [10, 11]
    write("PATCH", "/books?title=fts.penguin", {"title": "Seals on land", "summary": "Formerly penguins"})
    assert (ids(books, "title=fts.sea"), ids(books, "summary=fts.penguin")) == ([11], [10])
    upsert = [{"id": 10, "title": "Otters at sea"}, {"id": 12, "title": "Herring"}]
    merging = "resolution=merge-duplicates,return=representation"
    assert books.ask("POST", "/books", upsert, caller="anon", prefer=merging).status < 300
    assert (ids(books, "title=fts.sea"), ids(books, "title=fts.seal")) == ([10, 11], [])
    write("PATCH", "/books?id=eq.12", {"id": 13})
    assert ids(books, "title=fts.herring") == [13]
    assert [row["id"] for row in write("DELETE", "/books?title=wfts.sea")] in ([10, 11], [11, 10])
    assert ids(books, "title=fts.sea") == []
    # What a conflict undoes is undone in the index, too.
    assert books.ask("POST", "/books", [{"id": 20, "title": "Eels"}, {"id": 1, "title": "Eels"}]).status == 409
    assert ids(books, "title=fts.eel") == []


def test_sessions_keep_the_index(books: Door) -> None:
    async def work() -> None:
        async with books.app.session(system) as session:
            note = await session.get_one(shelf.Note, shelf.rows()[5].code)
            note.text = "Foxes jump"
            session.add(shelf.Book(id=30, title="Foxes dig", notes=[]))
        async with books.app.session(system) as session:
            await session.execute(sa.delete(shelf.Book).where(shelf.Book.id == 2))

    books.run(work())
    books.restore(anyway=False)
    assert [row["text"] for row in books.rows("/notes?select=text&text=fts.fox", "anon")] == ["Foxes jump"]
    assert ids(books, "title=fts.fox") == [30]
    assert books.rows("/notes?select=text&text=fts.bark", "anon") == []
    books.restore(anyway=True)


@pytest.mark.parametrize(
    "filters",
    [
        (Comparison(Field("title"), "fts", "cat"),),
        (Comparison(Field("title"), "wfts", "cat -dog", language="english"), Comparison(Field("id"), "gt", "0")),
        (
            Logic(
                Connective.OR,
                (Comparison(Field("title"), "fts", "cat"), Comparison(Field("summary"), "phfts", "no dogs")),
            ),
        ),
    ],
)
def test_the_index_is_used(books: Door, filters: tuple[Filter, ...]) -> None:
    query = Select("books", items=(Pick(Field("id")),), where=filters)

    async def explain() -> str:
        compiled, values = books.app.assembly.road.cache.find(query, ANONYMOUS)
        assert isinstance(compiled, Statement)
        async with books.app.session(system) as session:
            lite = session.get_bind().dialect.name == "sqlite"
            if not lite:
                await session.execute(sa.text("SET LOCAL enable_seqscan = off"))
            transaction = await books.app.assembly.engine.database.transaction(session)
            words = "EXPLAIN QUERY PLAN" if lite else "EXPLAIN"
            found = await transaction.fetch(f"{words} {compiled.text}", compiled.bind(values, ANONYMOUS))
            return "\n".join(str(row) for row in found)

    plan = books.run(explain())
    assert "ix_books_title_search" in plan or "SEARCH books_1 USING INTEGER PRIMARY KEY (rowid=?)" in plan
    assert "SCAN books_1" not in plan and "Seq Scan" not in plan


def test_a_long_search_is_no_fault(books: Door) -> None:
    many = " ".join(f"word{number}" for number in range(3000))
    assert ids(books, f"title=plfts.{many}") == []
    assert ids(books, f"title=not.phfts.{many}") == [1, 2, 3, 4]
    assert ids(books, "title=wfts." + many.replace(" ", " or ") + " or cats") == [1]


def test_the_language_is_a_setting(database_url: str) -> None:
    app = shelf.build(database_url)
    app.configure(search_language="german")
    with Door(app, shelf.fill) as door:
        assert ids(door, "title=fts.cats") == [1]
        assert ids(door, "title=fts.run") == []
        assert ids(door, "title=fts(english).run") == [2, 3]
        assert ids(door, "title=fts.'the cats'") == [1]


def test_sqlite_knows_the_languages_of_postgresql_alone() -> None:
    app = shelf.build("sqlite://")
    app.configure(search_language="klingon")
    with pytest.raises(DeclarationError, match="no text-search configuration 'klingon'"):
        assert app.assembly
