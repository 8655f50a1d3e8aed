"""The index of searched columns: it finds what reading every text finds, and is kept by whoever writes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backstay.dialects.sql.searches import known_searches, outdated_searches
from backstay.dialects.sqlite.dialect import engine
from backstay.dialects.sqlite.open import connect_file
from backstay.dialects.sqlite.search import index
from backstay.dialects.sqlite.search.document import LAST, MOST
from backstay.dialects.sqlite.search.expression import express
from backstay.dialects.sqlite.search.functions import index_tokens
from backstay.dialects.sqlite.search.parse import parse
from backstay.schema.declaration import Search, declare_search

WORDS = "cat cats dog the a run running foo-bar foo bar".split()  # noqa: SIM905
words = st.sampled_from(WORDS)
texts = st.one_of(st.none(), st.lists(words, max_size=8).map(" ".join))
searches = st.recursive(
    st.builds("{}{}".format, words, st.sampled_from(["", "", "", ":*", ":D", ":A"])),
    lambda inner: st.one_of(
        inner.map("!{}".format),
        inner.map("({})".format),
        st.builds("{} {} {}".format, inner, st.sampled_from(["&", "|", "<->", "<->", "<2>", "<0>"]), inner),
    ),
    max_leaves=10,
)


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[apsw.Connection]:
    connection = connect_file(str(tmp_path_factory.mktemp("search") / "search.db"))
    connection.execute("CREATE TABLE books (id TEXT PRIMARY KEY, title TEXT, text TEXT)")
    for statement in index.create("books", Search(("title", "text"), "english"), "rowid"):
        connection.execute(statement)
    yield connection
    connection.close()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None)
@given(st.lists(st.tuples(texts, texts), min_size=1, max_size=6), searches)
def test_the_index_finds_what_reading_finds(
    connection: apsw.Connection, rows: list[tuple[str | None, str | None]], search: str
) -> None:
    connection.execute("DELETE FROM books")
    connection.executemany("INSERT INTO books VALUES (hex(randomblob(8)), ?, ?)", rows)
    for column in ("title", "text"):
        found = express(parse("fts", "english", search), column)
        by_index = connection.execute(
            f"SELECT rowid FROM books WHERE rowid IN (SELECT rowid FROM books_search WHERE books_search MATCH ?1) "
            f"AND (?2 OR ts_match({column}, 'english', 'fts', ?3)) ORDER BY 1",
            (found.text, found.exact, search),
        ).fetchall()
        by_reading = connection.execute(
            f"SELECT rowid FROM books WHERE ts_match({column}, 'english', 'fts', ?) ORDER BY 1", (search,)
        ).fetchall()
        assert by_index == by_reading


@pytest.mark.parametrize(
    ("search", "expression", "exact"),
    [
        ("cats", '"title" : ("cat")', True),
        ("cat & !dog", '"title" : ("cat" NOT "dog")', True),
        ("!cat", '"title" : ("\x01" NOT "cat")', True),
        ("cat <-> dog <-> run", '"title" : ("cat" + "dog" + "run")', True),
        ("cat <-> ru:*", '"title" : ("cat" + "ru" *)', True),
        ("ca:* <-> run", '"title" : ("ca" * AND "run")', False),
        ("cat <2> dog", '"title" : ("cat" AND "dog")', False),
        ("!cat <-> dog", '"title" : ("dog")', False),
        ("!(cat <2> dog)", '"title" : ("\x01")', False),
        ("cat & dog & run | foo", '"title" : (("cat" AND "dog" AND "run") OR "foo")', True),
        ("the", '"title" : ("")', True),
        ("cat:A | dog", '"title" : ("dog")', True),
    ],
)
def test_a_search_is_said_in_fts5_as_far_as_it_can_be(search: str, expression: str, exact: bool) -> None:
    assert express(parse("fts", "english", search), "title") == (expression, exact)


def test_a_search_too_large_for_fts5_is_read_text_by_text() -> None:
    many = " & ".join(f"w{number}" for number in range(1000))
    assert express(parse("fts", "simple", many), "a") == ('"a" : ("\x01")', False)


def test_tokens_stand_where_lexemes_stand() -> None:
    assert index_tokens("The cats of foo-bar", "english") == ["\x01", "\x02", "cat", "\x02", "foo-bar", "foo", "bar"]


def test_far_behind_and_after_many_the_places_are_those_of_postgresql() -> None:
    tokens = index_tokens(" ".join(f"w{number}" for number in range(1, LAST + 3)), "simple")
    assert (len(tokens), tokens[LAST - 1]) == (LAST + 1, f"w{LAST - 1}")
    assert tokens[LAST] == (f"w{LAST}", f"w{LAST + 1}", f"w{LAST + 2}")
    tokens = index_tokens("cat " * (MOST + 1), "simple")
    assert (tokens[MOST], tokens[MOST + 1]) == ("cat", "\x02")


# Tables ------------------------------------------------------------------------------------------------------


def table(metadata: sa.MetaData, *columns: sa.Column[int] | sa.Column[str], **options: bool) -> sa.Table:
    made = sa.Table("books", metadata, *columns, sa.Column("title", sa.Text), **options)
    declare_search(made, Search(("title",), "english"))
    return made


def test_create_all_makes_the_index_and_drop_all_drops_it(tmp_path: Path) -> None:
    metadata = sa.MetaData()
    books = table(metadata, sa.Column("id", sa.Uuid, primary_key=True))
    made = engine(f"sqlite:///{tmp_path}/books.db")
    with made.begin() as connection:
        metadata.create_all(connection)
        assert known_searches(connection, None) == {"books": Search(("title",), "english")}
        assert list(outdated_searches(connection, metadata)) == []
        assert sa.inspect(connection).get_table_names() == ["books"]
        declare_search(books, Search(("title",), "german"))
        assert [(there, wanted) for _, there, wanted in outdated_searches(connection, metadata)] == [
            (Search(("title",), "english"), Search(("title",), "german"))
        ]
        metadata.drop_all(connection)
        assert known_searches(connection, None) == {}
    made.dispose()


@pytest.mark.parametrize(
    "metadata_of",
    [
        lambda metadata: table(metadata, sa.Column("id", sa.Integer)),
        lambda metadata: table(metadata, sa.Column("id", sa.Text, primary_key=True), sqlite_with_rowid=False),
    ],
    ids=["no key", "no row numbers"],
)
def test_rows_without_a_lasting_number_have_no_index(metadata_of: object) -> None:
    made = metadata_of(sa.MetaData())  # type: ignore[operator]
    assert index.indexed(made, Search(("title",), "english")) is None


def test_a_column_may_have_the_name_of_the_row_number(tmp_path: Path) -> None:
    metadata = sa.MetaData()
    table(metadata, sa.Column("id", sa.Text, primary_key=True), sa.Column("rowid", sa.Text))
    made = engine(f"sqlite:///{tmp_path}/books.db")
    with made.begin() as connection:
        metadata.create_all(connection)
        connection.exec_driver_sql("INSERT INTO books VALUES ('a', 'x', 'cats')")
        found = connection.exec_driver_sql("SELECT rowid FROM books_search WHERE books_search MATCH 'cat'")
        assert found.fetchall() == [(1,)]
    made.dispose()


def test_rows_keep_their_number_when_the_file_is_vacuumed(tmp_path: Path) -> None:
    connection = connect_file(str(tmp_path / "books.db"))
    connection.execute("CREATE TABLE books (id TEXT PRIMARY KEY, title TEXT)")
    for statement in index.create("books", Search(("title",), "english"), "rowid"):
        connection.execute(statement)
    connection.executemany("INSERT INTO books VALUES (?, ?)", [("a", "cats"), ("b", "dogs"), ("c", "mice")])
    connection.execute("DELETE FROM books WHERE id = 'a'")
    connection.execute("VACUUM")
    matching = 'SELECT rowid FROM books_search WHERE books_search MATCH \'"title" : ("dog")\''
    found = f"SELECT id FROM books WHERE rowid IN ({matching})"
    assert connection.execute(found).fetchall() == [("b",)]
    connection.close()
