"""Where a database lies, and how it is opened."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import apsw
import pytest
import sqlalchemy as sa

from backstay.dialects.sqlite.connect import SQLite
from backstay.dialects.sqlite.dialect import engine
from backstay.dialects.sqlite.functions import AGGREGATES, FUNCTIONS
from backstay.dialects.sqlite.open import connect_file, locate
from backstay.errors import DatabaseUnavailable, DeclarationError
from backstay.settings import Settings

Open = Callable[..., Awaitable[SQLite]]
Run = Callable[..., Awaitable[list[tuple[Any, ...]]]]


def test_urls_name_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert locate("sqlite:///notes.db").path == str(tmp_path / "notes.db")
    assert locate("sqlite:///data/notes.db").path == str(tmp_path / "data" / "notes.db")
    assert locate(f"sqlite:///{tmp_path}/a b.db").path == str(tmp_path / "a b.db")
    assert locate("sqlite+backstay:////var/notes.db").path == "/var/notes.db"
    assert locate(f"sqlite:///{tmp_path}/a b.db").url == f"sqlite:///{tmp_path}/a b.db"


@pytest.mark.parametrize("url", ["postgresql://x/y", "sqlite://notes.db", "notes.db", "sqlite:///a.db?mode=ro", ""])
def test_other_urls_are_refused_with_an_example(url: str) -> None:
    with pytest.raises(DeclarationError) as refused:
        locate(url)
    assert "sqlite:///notes.db" in (refused.value.hint or "")


def test_a_password_in_a_wrong_url_is_not_repeated() -> None:
    with pytest.raises(DeclarationError) as refused:
        locate("postgresql://me:s3cret@x/y")
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize("url", ["sqlite://", ":memory:", "sqlite:///:memory:"])
async def test_a_database_in_memory_is_one_for_reader_writer_sessions_and_engine(
    open_database: Open, run: Run, url: str
) -> None:
    database = await open_database(url=url)
    await run(database, "CREATE TABLE t (n INTEGER)")
    async with database.session() as session:
        await session.execute(sa.text("INSERT INTO t VALUES (1)"))
    with engine(database.url).begin() as connection:
        connection.execute(sa.text("INSERT INTO t VALUES (2)"))
    assert await database.fetch("SELECT n FROM t ORDER BY n", ()) == [(1,), (2,)]


async def test_two_databases_in_memory_share_nothing_and_leave_no_file(run: Run) -> None:
    one, other = (SQLite("sqlite://", settings=Settings(), metadata=sa.MetaData()) for _ in range(2))
    await one.start()
    await other.start()
    await run(one, "CREATE TABLE t (n INTEGER)")
    assert await other.fetch("SELECT count(*) FROM sqlite_schema", ()) == [(0,)]
    path = Path(one.url.removeprefix("sqlite:///"))
    await one.close()
    await other.close()
    assert path.parent.is_dir()
    del one
    gc.collect()
    assert not path.parent.exists()


async def start(url: str) -> None:
    await SQLite(url, settings=Settings(), metadata=sa.MetaData()).start()


async def test_a_missing_directory_is_told(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnavailable, match="does not exist") as refused:
        await start(f"sqlite:///{tmp_path}/missing/notes.db")
    assert refused.value.hint == f"mkdir -p {tmp_path}/missing"


async def test_a_file_that_is_no_database_is_told_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "letter.txt"
    path.write_text("Dear reader, " * 1000)
    with pytest.raises(DatabaseUnavailable, match="is not a SQLite database"):
        await start(f"sqlite:///{path}")
    assert path.read_text().startswith("Dear reader")


async def test_a_directory_is_told(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnavailable, match="cannot be opened"):
        await start(f"sqlite:///{tmp_path}")


async def test_the_file_is_made_with_a_log_and_full_durability(open_database: Open, run: Run, tmp_path: Path) -> None:
    database = await open_database()
    assert (tmp_path / "test.db").exists()
    assert await run(database, "PRAGMA journal_mode") == [("wal",)]
    assert await run(database, "PRAGMA synchronous") == [(2,)]
    assert await run(database, "PRAGMA foreign_keys") == [(1,)]
    assert await run(database, "PRAGMA trusted_schema") == [(0,)]


async def test_durability_may_be_less(open_database: Open, run: Run) -> None:
    database = await open_database(durability="normal")
    assert await run(database, "PRAGMA synchronous") == [(1,)]


async def test_every_function_is_on_every_connection(open_database: Open, run: Run) -> None:
    database = await open_database()
    names = {name for name, _, _ in FUNCTIONS} | {name for name, _ in AGGREGATES}
    text = "SELECT DISTINCT name FROM pragma_function_list"
    async with database.session() as session:
        in_session = {str(name) for name in await session.scalars(sa.text(text))}
    with engine(database.url).connect() as connection:
        in_engine = {str(name) for name in connection.execute(sa.text(text)).scalars()}
    for found in (
        {row[0] for row in await database.fetch(text, ())},
        {row[0] for row in await run(database, text)},
        in_session,
        in_engine,
    ):
        assert names <= found


async def test_functions_serve_in_indexes_checks_and_generated_columns(open_database: Open, run: Run) -> None:
    database = await open_database()
    await run(
        database,
        "CREATE TABLE t (name TEXT CHECK (regexp('^[A-ZÉ]', name)), twice TEXT GENERATED ALWAYS AS "
        "(decimal_add(price, price)) STORED, price TEXT COLLATE decimal)",
    )
    await run(database, "CREATE UNIQUE INDEX by_lower ON t (lower(name))")
    await run(database, "INSERT INTO t (name, price) VALUES ('École', '1.50')")
    assert await database.fetch("SELECT twice FROM t WHERE lower(name) = 'école'", ()) == [("3.00",)]
    plan = await database.fetch("EXPLAIN QUERY PLAN SELECT 1 FROM t WHERE lower(name) = ?", ("x",))
    assert "by_lower" in str(plan)


async def test_an_index_serves_like_with_a_prefix(open_database: Open, run: Run) -> None:
    database = await open_database()
    await run(database, "CREATE TABLE t (name TEXT)")
    await run(database, "CREATE INDEX t_name ON t (name)")
    plan = await database.fetch(r"EXPLAIN QUERY PLAN SELECT 1 FROM t WHERE name LIKE 'ab%' ESCAPE '\'", ())
    assert "name>? AND name<?" in str(plan)


async def test_an_index_serves_comparisons_of_decimals(open_database: Open, run: Run) -> None:
    metadata = sa.MetaData()
    table = sa.Table("t", metadata, sa.Column("price", sa.Numeric, index=True), sa.Column("n", sa.Integer))
    database = await open_database(metadata)
    text = str(sa.select(table.c.n).where(table.c.price > 5).compile(dialect=database.sql))
    assert "SEARCH t USING INDEX" in str(await database.fetch(f"EXPLAIN QUERY PLAN {text}", ("5",)))


def test_a_connection_that_cannot_be_set_up_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "letter.txt"
    path.write_text("Dear reader, " * 1000)
    before = len(apsw.connections())
    with pytest.raises(apsw.NotADBError):
        connect_file(str(path))
    assert len(apsw.connections()) == before


async def test_close_lets_go_of_every_connection(open_database: Open, run: Run, tmp_path: Path) -> None:
    before = len(apsw.connections())
    database = await open_database()
    await run(database, "CREATE TABLE t (n INTEGER)")
    slow = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500000) SELECT count(*) FROM n"
    await asyncio.gather(*(database.fetch(slow, ()) for _ in range(6)))
    async with database.session() as session, database.session(readonly=True) as reading:
        await session.execute(sa.text("INSERT INTO t VALUES (1)"))
        await reading.execute(sa.text("SELECT * FROM t"))
    assert len(apsw.connections()) > before
    await database.close()
    assert len(apsw.connections()) == before
    assert {path.name for path in tmp_path.iterdir()} == {"test.db", "test.db-next", "test.db-turn"}  # no log
