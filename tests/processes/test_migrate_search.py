"""Search indexes in migrations: made of the rows that are there, kept when tables change, gone when not declared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from backstay.dialects.migrate.apply import apply, show_sql
from backstay.dialects.migrate.behind import find_behind
from backstay.dialects.migrate.new import new
from backstay.dialects.migrate.run import run
from backstay.dialects.migrate.scripts import read_scripts
from backstay.dialects.migrate.step import Steps, bring_in_step
from backstay.dialects.sql.searches import known_searches
from backstay.dialects.sqlite.dialect import SQLiteDialect
from backstay.schema.declaration import Search, declare_search
from backstay.schema.naming import name_constraints
from databases import sqlite_url

pytestmark = pytest.mark.slow


def notes(*searched: str, language: str = "english", more: tuple[Any, ...] = (), text: Any = sa.String) -> sa.MetaData:
    """A table whose key is no number, with what is searched in it."""
    metadata = sa.MetaData()
    key = sa.Column("key", sa.String(8), primary_key=True)
    table = sa.Table("notes", metadata, key, sa.Column("text", text), sa.Column("title", sa.String), *more)
    declare_search(table, Search(searched, language) if searched else None)
    name_constraints(metadata)
    return metadata


async def execute(url: str, *statements: str) -> list[Any]:
    def work(connection: sa.Connection) -> list[Any]:
        rows: list[Any] = []
        for statement in statements:
            result = connection.exec_driver_sql(statement)
            rows = [tuple(row) for row in result] if result.returns_rows else []
        return rows

    return await run(url, work, writing=True)


async def indexes(url: str) -> dict[str, Search]:
    return await run(url, lambda connection: known_searches(connection, None), writing=False)


async def found(url: str, lexeme: str) -> list[str]:
    """The rows that an index finds; on PostgreSQL it cannot but find them."""
    if url.startswith("sqlite"):
        matching = f"SELECT rowid FROM notes_search WHERE notes_search MATCH '\"{lexeme}\"'"
        rows = await execute(url, f"SELECT key FROM notes WHERE rowid IN ({matching}) ORDER BY key")
    else:
        condition = f"to_tsvector('english', text) @@ '{lexeme}'"
        rows = await execute(url, f"SELECT key FROM notes WHERE {condition} ORDER BY key")
    return [key for (key,) in rows]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the scripts are."""
    return tmp_path / "migrations"


async def test_development_makes_the_index_of_rows_that_are_there(database_url: str, folder: Path) -> None:
    await bring_in_step(database_url, notes(), folder)
    await execute(database_url, "INSERT INTO notes (key, text) VALUES ('a', 'two cats'), ('b', 'dogs')")
    steps = await bring_in_step(database_url, notes("text"), folder)
    assert (steps.done, steps.left) == (["created search index of notes"], [])
    assert await indexes(database_url) == {"notes": Search(("text",), "english")}
    await execute(database_url, "INSERT INTO notes (key, text) VALUES ('c', 'a cat')")
    assert await found(database_url, "cat") == ["a", "c"]
    assert await bring_in_step(database_url, notes("text"), folder) == Steps()


async def test_an_index_follows_its_declaration(database_url: str, folder: Path) -> None:
    await bring_in_step(database_url, notes("text"), folder)
    steps = await bring_in_step(database_url, notes("text", "title"), folder)
    assert steps.done == ["dropped search index of notes", "created search index of notes"]
    assert await indexes(database_url) == {"notes": Search(("text", "title"), "english")}
    await bring_in_step(database_url, notes("text", language="german"), folder)
    assert await indexes(database_url) == {"notes": Search(("text",), "german")}
    steps = await bring_in_step(database_url, notes(), folder)
    assert (steps.done, await indexes(database_url)) == (["dropped search index of notes"], {})


async def test_an_index_outlives_changes_of_its_table(database_url: str, folder: Path) -> None:
    await bring_in_step(database_url, notes("text"), folder)
    await execute(
        database_url,
        "INSERT INTO notes (key, text) VALUES ('a', 'cats'), ('b', 'dogs'), ('c', 'cats and dogs')",
        "DELETE FROM notes WHERE key = 'a'",
    )
    wider = (sa.Column("size", sa.Integer), sa.CheckConstraint("size > 0"), sa.UniqueConstraint("title", "size"))
    steps = await bring_in_step(database_url, notes("text", more=wider), folder)
    assert (len(steps.done), steps.left) == (2, [])
    assert await indexes(database_url) == {"notes": Search(("text",), "english")}
    await execute(
        database_url,
        "INSERT INTO notes (key, text) VALUES ('d', 'cat')",
        "UPDATE notes SET text = 'mice' WHERE key = 'c'",
    )
    assert (await found(database_url, "cat"), await found(database_url, "dog")) == (["d"], ["b"])


async def test_a_searched_column_can_be_dropped(database_url: str, folder: Path) -> None:
    await bring_in_step(database_url, notes("text", "title"), folder)
    metadata = sa.MetaData()
    table = sa.Table("notes", metadata, sa.Column("key", sa.String(8), primary_key=True), sa.Column("text", sa.String))
    declare_search(table, Search(("text",), "english"))
    steps = await bring_in_step(database_url, metadata, folder, allow_loss=True)
    assert steps.left == []
    assert await indexes(database_url) == {"notes": Search(("text",), "english")}


async def test_one_script_makes_the_index_on_either_database(
    database_url: str, postgresql_url: str, tmp_path: Path, folder: Path
) -> None:
    other = sqlite_url(tmp_path) if not database_url.startswith("sqlite") else postgresql_url
    written = await new(database_url, notes("text"), folder, "first")
    assert written is not None
    assert "op.create_search('notes', ['text'], language='english')" in written.script.file.read_text()
    for url in {database_url, other}:
        assert [script.revision async for script in apply(url, read_scripts(folder))] == ["0001_first"]
        assert await indexes(url) == {"notes": Search(("text",), "english")}
        await execute(url, "INSERT INTO notes (key, text) VALUES ('a', 'cats')")
        assert await found(url, "cat") == ["a"]
        assert await new(url, notes("text"), folder, "nothing") is None
        assert not await find_behind(url, notes("text"), folder)
    second = await new(database_url, notes("title"), folder, "second")
    assert second is not None and second.lost == ()
    lines = [line.strip() for line in second.script.file.read_text().splitlines() if "_search" in line]
    assert lines == ["op.drop_search('notes', ['text'])", "op.create_search('notes', ['title'], language='english')"]
    for url in {database_url, other}:
        assert [script.revision async for script in apply(url, read_scripts(folder))] == ["0002_second"]
        assert await indexes(url) == {"notes": Search(("title",), "english")}


async def test_a_database_without_the_index_that_statements_need_is_behind(tmp_path: Path, folder: Path) -> None:
    url = sqlite_url(tmp_path)
    await bring_in_step(url, notes(), folder)
    behind = await find_behind(url, notes("text"), folder)
    assert (behind.searches, str(behind)) == (("notes",), "it lacks the search index of notes")
    await bring_in_step(url, notes("text"), folder)
    assert not await find_behind(url, notes("text"), folder)
    assert (await find_behind(url, notes("text", language="german"), folder)).searches == ("notes",)
    # A script that was applied says nothing of the language that is set now.
    assert await new(url, notes("text"), folder, "first") is not None
    assert not await find_behind(url, notes("text"), folder)
    assert (await find_behind(url, notes("text", language="german"), folder)).searches == ("notes",)


def test_the_index_as_sql(folder: Path) -> None:
    folder.mkdir()
    (folder / "0001_first.py").write_text(
        'from alembic import op\nrevision = "0001_first"\ndown_revision = None\n\n'
        "def upgrade() -> None:\n    op.create_search('notes', ['text'], language='english')\n"
        "    op.drop_search('notes', ['text'])\n"
    )
    sql = show_sql(read_scripts(folder), SQLiteDialect())
    assert "tokenize='backstay english'" in sql and 'DROP TABLE IF EXISTS "notes_search"' in sql
    sql = show_sql(read_scripts(folder), sa.create_engine("postgresql+asyncpg://").dialect)
    assert (
        "USING gin (to_tsvector('english', \"text\"))" in sql and 'DROP INDEX IF EXISTS "ix_notes_text_search"' in sql
    )
