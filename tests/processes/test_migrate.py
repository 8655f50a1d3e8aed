"""Migrations on real databases: what they write, what they keep, what survives being cut short."""

from __future__ import annotations

import asyncio
import enum
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from backstay.dialects.connect import connect
from backstay.dialects.migrate.applied import read_applied
from backstay.dialects.migrate.apply import apply, show_sql
from backstay.dialects.migrate.behind import find_behind
from backstay.dialects.migrate.new import Written, new
from backstay.dialects.migrate.run import run
from backstay.dialects.migrate.scripts import read_scripts
from backstay.dialects.migrate.step import Steps, bring_in_step
from backstay.errors import DatabaseUnavailable, DeclarationError
from backstay.schema.naming import name_constraints
from backstay.settings import Settings
from databases import sqlite_url

pytestmark = pytest.mark.slow

T = TypeVar("T")


class Status(enum.Enum):
    DRAFT = 1
    SENT = 2


class LongerStatus(enum.Enum):
    DRAFT = 1
    SENT = 2
    PAID_IN_FULL = 3


def tables(*made: Callable[[sa.MetaData], sa.Table]) -> sa.MetaData:
    metadata = sa.MetaData()
    for make in made:
        make(metadata)
    name_constraints(metadata)
    return metadata


def table(name: str, *items: sa.Column[Any] | sa.Constraint | sa.Index) -> Callable[[sa.MetaData], sa.Table]:
    return lambda metadata: sa.Table(name, metadata, sa.Column("id", sa.Integer, primary_key=True), *items)


def notes(*items: sa.Column[Any] | sa.Constraint | sa.Index) -> sa.MetaData:
    return tables(table("notes", sa.Column("text", sa.String), *items))


def every_type() -> sa.MetaData:
    return tables(
        table("companies", sa.Column("owner_id", sa.Integer, sa.ForeignKey("users.id"))),
        table(
            "users",
            sa.Column("company_id", sa.Integer, sa.ForeignKey("companies.id", ondelete="CASCADE"), index=True),
            sa.Column("email", sa.String, unique=True),
        ),
        table(
            "things",
            sa.Column("uuid", sa.Uuid, nullable=False),
            sa.Column("small", sa.SmallInteger),
            sa.Column("big", sa.BigInteger),
            sa.Column("real", sa.Float),
            sa.Column("price", sa.Numeric(10, 2)),
            sa.Column("exact", sa.Numeric),
            sa.Column("yes", sa.Boolean, default=False, nullable=False),
            sa.Column("short", sa.String(20)),
            sa.Column("long", sa.Text),
            sa.Column("day", sa.Date),
            sa.Column("hour", sa.Time),
            sa.Column("moment", sa.DateTime(timezone=True), server_default=sa.func.now()),
            sa.Column("local", sa.DateTime),
            sa.Column("length", sa.Interval),
            sa.Column("document", sa.JSON),
            sa.Column("bytes", sa.LargeBinary),
            sa.Column("status", sa.Enum(Status), default=Status.DRAFT, nullable=False),
            sa.Column("before", sa.Enum(Status)),
            sa.Column("tags", sa.ARRAY(sa.Text)),
            sa.Column("history", sa.ARRAY(sa.Enum(Status))),
            sa.Column("binary", postgresql.JSONB),
            sa.Column("twice", sa.Integer, sa.Computed("small * 2", persisted=True)),
            sa.Column("word", sa.String, server_default="it's"),
            sa.CheckConstraint("small < big"),
            sa.UniqueConstraint("day", "hour"),
            sa.Index("things_expensive", "price", unique=True),
        ),
        lambda metadata: sa.Table(
            "links",
            metadata,
            sa.Column("left", sa.Integer, sa.ForeignKey("things.id"), primary_key=True),
            sa.Column("right", sa.Integer, sa.ForeignKey("things.id"), primary_key=True),
        ),
    )


async def execute(url: str, *statements: str) -> list[Any]:
    def work(connection: sa.Connection) -> list[Any]:
        rows: list[Any] = []
        for statement in statements:
            result = connection.execute(sa.text(statement))
            rows = [tuple(row) for row in result] if result.returns_rows else []
        return rows

    return await run(url, work, writing=True)


async def inspected(url: str, look: Callable[[sa.Inspector], T]) -> T:
    return await run(url, lambda connection: look(sa.inspect(connection)), writing=False)


async def columns_of(url: str, name: str) -> dict[str, Any]:
    return await inspected(url, lambda inspector: {each["name"]: each for each in inspector.get_columns(name)})


async def applied(url: str, folder: Path) -> list[str]:
    return [script.revision async for script in apply(url, read_scripts(folder))]


async def step(url: str, metadata: sa.MetaData, folder: Path, *, allow_loss: bool = False) -> Steps:
    return await bring_in_step(url, metadata, folder, allow_loss=allow_loss)


async def written(url: str, metadata: sa.MetaData, folder: Path, message: str = "change") -> Written:
    made = await new(url, metadata, folder, message)
    assert made is not None
    return made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the scripts are."""
    return tmp_path / "migrations"


# Development: in step by itself ----------------------------------------------------------------------------------


async def test_a_database_is_brought_in_step_once(database_url: str, folder: Path) -> None:
    first = await step(database_url, every_type(), folder)
    assert "created table things" in first.done
    assert first.left == []
    assert await step(database_url, every_type(), folder) == Steps()
    assert not await find_behind(database_url, every_type(), folder)


async def test_constraints_have_the_names_that_callers_see(database_url: str, folder: Path) -> None:
    await step(database_url, every_type(), folder)

    def names(inspector: sa.Inspector) -> set[str | None]:
        return {
            inspector.get_foreign_keys("users")[0]["name"],
            inspector.get_unique_constraints("users")[0]["name"],
            inspector.get_check_constraints("things")[0]["name"],
        }

    assert await inspected(database_url, names) == {"users_company_id_fkey", "users_email_key", "things_check"}


async def test_a_new_column_is_added_and_existing_rows_get_its_default(database_url: str, folder: Path) -> None:
    await step(database_url, notes(), folder)
    await execute(database_url, "INSERT INTO notes (text) VALUES ('old')")
    wider = notes(
        sa.Column("public", sa.Boolean, nullable=False, default=False),
        sa.Column("kind", sa.String, nullable=False, default="it's: plain"),
        sa.Column("status", sa.Enum(Status), nullable=False, default=Status.DRAFT),
    )
    steps = await step(database_url, wider, folder)
    assert [line for line in steps.done if "notes." in line] == [
        "added column notes.public",
        "added column notes.kind",
        "added column notes.status",
    ]
    assert steps.left == []
    assert await execute(database_url, "SELECT kind, status FROM notes WHERE NOT public") == [("it's: plain", "DRAFT")]
    assert not (await columns_of(database_url, "notes"))["public"]["nullable"]


async def test_a_column_that_rows_cannot_have_is_left_and_said(database_url: str, folder: Path) -> None:
    await step(database_url, notes(), folder)
    await execute(database_url, "INSERT INTO notes (text) VALUES ('old')")
    wider = notes(sa.Column("author", sa.String, nullable=False), sa.Column("place", sa.String))
    steps = await step(database_url, wider, folder)
    assert [line.partition(":")[0] for line in steps.left] == ["add column notes.author"]
    assert steps.done == ["added column notes.place"]


async def test_a_column_that_has_gone_is_not_dropped_silently(database_url: str, folder: Path) -> None:
    await step(database_url, notes(sa.Column("secret", sa.String)), folder)
    await execute(database_url, "INSERT INTO notes (text, secret) VALUES ('a', 'kept')")
    steps = await step(database_url, notes(), folder)
    assert steps.left == ["drop column notes.secret and what it holds"]
    assert steps.lossy
    assert await execute(database_url, "SELECT secret FROM notes") == [("kept",)]
    steps = await step(database_url, notes(), folder, allow_loss=True)
    assert steps.done == ["dropped column notes.secret and what it holds"]
    assert "secret" not in await columns_of(database_url, "notes")
    assert await execute(database_url, "SELECT text FROM notes") == [("a",)]


async def test_a_type_is_not_changed_silently(database_url: str, folder: Path) -> None:
    await step(database_url, notes(sa.Column("size", sa.Integer)), folder)
    steps = await step(database_url, notes(sa.Column("size", sa.Date)), folder)
    assert steps.done == []
    assert steps.left[0].startswith("change column notes.size from INTEGER")


async def test_a_longer_text_is_no_loss(database_url: str, folder: Path) -> None:
    await step(database_url, notes(sa.Column("name", sa.String(5))), folder)
    steps = await step(database_url, notes(sa.Column("name", sa.String(50))), folder)
    assert (len(steps.done), steps.left) == (1, [])


async def test_an_enumeration_gets_its_new_labels(database_url: str, folder: Path) -> None:
    await step(database_url, notes(sa.Column("status", sa.Enum(Status, name="status"))), folder)
    longer = notes(sa.Column("status", sa.Enum(LongerStatus, name="status")))
    steps = await step(database_url, longer, folder)
    assert steps.left == []
    assert await step(database_url, longer, folder) == Steps()
    await execute(database_url, "INSERT INTO notes (status) VALUES ('PAID_IN_FULL')")


async def test_a_unique_constraint_that_rows_violate_is_left(database_url: str, folder: Path) -> None:
    await step(database_url, notes(), folder)
    await execute(database_url, "INSERT INTO notes (text) VALUES ('same'), ('same')")
    steps = await step(database_url, notes(sa.UniqueConstraint("text"), sa.Column("more", sa.String)), folder)
    assert any(line.startswith("add constraint notes_text_key: ") for line in steps.left)
    assert await execute(database_url, "SELECT count(*) FROM notes") == [(2,)]


async def test_rebuilding_a_table_keeps_what_refers_to_it(database_url: str, folder: Path) -> None:
    def schema(*more: sa.Column[Any]) -> sa.MetaData:
        return tables(
            table("parents", sa.Column("name", sa.String), sa.CheckConstraint("name <> 'x'"), *more),
            table("children", sa.Column("parent_id", sa.ForeignKey("parents.id", ondelete="CASCADE"), index=True)),
        )

    await step(database_url, schema(), folder)
    await execute(
        database_url, "INSERT INTO parents (name) VALUES ('p')", "INSERT INTO children (parent_id) VALUES (1), (1)"
    )
    steps = await step(database_url, schema(sa.Column("age", sa.Integer, nullable=False, default=1)), folder)
    assert steps.left == []
    assert await execute(database_url, "SELECT count(*) FROM children") == [(2,)]
    checks = await inspected(database_url, lambda inspector: inspector.get_check_constraints("parents"))
    assert [check["name"] for check in checks] == ["parents_check"]


async def test_tables_of_others_are_left_alone(database_url: str, folder: Path) -> None:
    await execute(database_url, "CREATE TABLE theirs (id integer PRIMARY KEY)")
    steps = await step(database_url, notes(), folder, allow_loss=True)
    assert (steps.done, steps.left) == (["created table notes"], [])
    assert await inspected(database_url, lambda inspector: inspector.has_table("theirs"))


async def test_schemas_are_made(postgresql_url: str, folder: Path) -> None:
    metadata = sa.MetaData()
    sa.Table("bills", metadata, sa.Column("id", sa.Integer, primary_key=True), schema="money")
    steps = await step(postgresql_url, metadata, folder)
    assert steps.left == []
    assert await step(postgresql_url, metadata, folder) == Steps()
    assert await execute(postgresql_url, "SELECT count(*) FROM money.bills") == [(0,)]


async def test_a_database_that_cannot_be_reached_is_said_so(folder: Path) -> None:
    with pytest.raises(DatabaseUnavailable):
        await step("postgresql://nobody@127.0.0.1:1/none", notes(), folder)
    with pytest.raises(DatabaseUnavailable, match="does not exist"):
        await step(f"sqlite:///{folder}/missing/x.db", notes(), folder)


# Scripts -----------------------------------------------------------------------------------------------------------


async def test_the_first_script_makes_everything(database_url: str, folder: Path) -> None:
    made = await written(database_url, every_type(), folder, "The first tables!")
    assert made.script.revision == "0001_the_first_tables"
    assert not made.marked
    assert await find_behind(database_url, every_type(), folder)
    assert await applied(database_url, folder) == ["0001_the_first_tables"]
    assert not await find_behind(database_url, every_type(), folder)
    assert await step(database_url, every_type(), folder) == Steps()
    assert await new(database_url, every_type(), folder, "nothing") is None


@pytest.mark.parametrize("origin", ["sqlite", "postgresql"])
async def test_a_script_of_one_database_runs_on_the_other(
    origin: str, postgresql_url: str, tmp_path: Path, folder: Path
) -> None:
    urls = {"sqlite": sqlite_url(tmp_path), "postgresql": postgresql_url}
    await written(urls[origin], every_type(), folder, "all")
    longer = every_type()
    longer.tables["things"].c.status.type = sa.Enum(LongerStatus, name="status")
    longer.tables["things"].c.before.type = sa.Enum(LongerStatus, name="status")
    longer.tables["things"].append_column(sa.Column("extra", sa.String, nullable=False, default="x"))
    await written(urls[origin], longer, folder, "more")
    for url in urls.values():
        assert len(await applied(url, folder)) == 2
        await execute(
            url,
            "INSERT INTO things (uuid, yes, status, extra, price) "
            "VALUES ('6b0b1c9e-9f5c-4ad6-9d0c-1c1f0a3f6f0e', true, 'PAID_IN_FULL', 'e', '1.10')",
        )
        assert await step(url, longer, folder) == Steps()


async def test_a_script_is_found_whatever_development_did_to_the_database(database_url: str, folder: Path) -> None:
    await step(database_url, notes(), folder)
    first = await written(database_url, notes(), folder, "first")
    assert "create_table" in first.script.file.read_text()
    assert first.marked
    wider = notes(sa.Column("more", sa.String))
    await step(database_url, wider, folder)
    second = await written(database_url, wider, folder, "second")
    assert "add_column" in second.script.file.read_text()
    assert second.marked
    assert not await find_behind(database_url, wider, folder)
    assert await applied(database_url, folder) == []


async def test_a_script_says_what_it_drops(database_url: str, folder: Path) -> None:
    more = tables(table("notes", sa.Column("text", sa.String)), table("tags"))
    await written(database_url, more, folder, "first")
    made = await written(database_url, tables(table("notes")), folder, "less")
    assert sorted(made.lost) == ["the column notes.text", "the table tags"]
    await applied(database_url, folder)
    assert await inspected(database_url, lambda inspector: "tags" not in inspector.get_table_names())


async def test_an_enumeration_no_column_has_any_more_is_dropped(postgresql_url: str, folder: Path) -> None:
    await written(postgresql_url, notes(sa.Column("status", sa.Enum(Status))), folder, "first")
    await written(postgresql_url, notes(), folder, "second")
    assert len(await applied(postgresql_url, folder)) == 2
    assert await execute(postgresql_url, "SELECT count(*) FROM pg_type WHERE typname = 'status'") == [(0,)]


async def test_a_script_for_the_user_to_fill_in(database_url: str, folder: Path) -> None:
    await written(database_url, notes(), folder, "first")
    empty = await new(database_url, notes(), folder, "fill in the texts", empty=True)
    assert empty is not None
    text = empty.script.file.read_text()
    empty.script.file.write_text(
        text.replace("    pass", "    op.execute(\"INSERT INTO notes (text) VALUES ('a:b')\")")
    )
    await applied(database_url, folder)
    assert await execute(database_url, "SELECT text FROM notes") == [("a:b",)]


async def test_sql_for_a_database_that_others_look_after(postgresql_url: str, folder: Path) -> None:
    await written(postgresql_url, every_type(), folder, "first")
    engine = connect(postgresql_url, settings=Settings(), metadata=sa.MetaData())
    sql = show_sql(read_scripts(folder), engine.database.sql)
    import asyncpg

    connection = await asyncpg.connect(postgresql_url)
    await connection.execute(sql)
    await connection.close()
    assert not await find_behind(postgresql_url, every_type(), folder)
    assert await step(postgresql_url, every_type(), folder) == Steps()


async def test_a_database_that_is_ahead_is_not_behind(database_url: str, folder: Path) -> None:
    await written(database_url, notes(), folder, "first")
    second = await written(database_url, notes(sa.Column("more", sa.String)), folder, "second")
    await applied(database_url, folder)
    second.script.file.unlink()
    assert not await find_behind(database_url, notes(), folder)


async def test_what_a_database_lacks_is_named(database_url: str, folder: Path) -> None:
    assert not await find_behind(database_url, sa.MetaData(), folder)
    await step(database_url, notes(), folder)
    more = tables(table("notes", sa.Column("text", sa.String), sa.Column("kind", sa.String)), table("tags"))
    behind = await find_behind(database_url, more, folder)
    assert (behind.tables, behind.columns) == (("tags",), ("notes.kind",))
    assert str(behind) == "it lacks the table tags; it lacks the column notes.kind"


async def test_looking_at_a_database_that_is_not_there_makes_none(tmp_path: Path, folder: Path) -> None:
    assert await find_behind(sqlite_url(tmp_path), notes(), folder)
    assert list(tmp_path.iterdir()) == []
    await new(sqlite_url(tmp_path), notes(), folder, "first")
    assert list(tmp_path.iterdir()) == [folder]


# Cut short -----------------------------------------------------------------------------------------------------------

SCRIPT = """
revision = {revision!r}
down_revision = {after!r}

import os, time
import sqlalchemy as sa
from alembic import op


def upgrade():
{body}
"""


def script(folder: Path, revision: str, after: str | None, body: str) -> None:
    folder.mkdir(exist_ok=True)
    text = SCRIPT.format(revision=revision, after=after, body=textwrap.indent(textwrap.dedent(body).strip(), "    "))
    (folder / f"{revision}.py").write_text(text)


async def test_nothing_of_a_script_that_fails_is_kept(database_url: str, folder: Path) -> None:
    script(folder, "0001", None, "op.create_table('one', sa.Column('id', sa.Integer))")
    script(
        folder,
        "0002",
        "0001",
        """
        op.create_table('two', sa.Column('id', sa.Integer))
        op.execute("INSERT INTO one VALUES (1)")
        op.execute("INSERT INTO nowhere VALUES (1)")
        """,
    )
    with pytest.raises(DeclarationError, match=r"0002\.py:13: .*nowhere"):
        await applied(database_url, folder)
    assert await inspected(database_url, lambda inspector: "two" not in inspector.get_table_names())
    assert await execute(database_url, "SELECT count(*) FROM one") == [(0,)]
    script(folder, "0002", "0001", "op.create_table('two', sa.Column('id', sa.Integer))")
    assert await applied(database_url, folder) == ["0002"]


PROGRAM = """
import asyncio, sys
from pathlib import Path
from backstay.dialects.migrate.apply import apply
from backstay.dialects.migrate.scripts import read_scripts

async def main():
    async for script in apply(sys.argv[1], read_scripts(Path(sys.argv[2]))):
        print(script.revision, flush=True)

asyncio.run(main())
"""


def start(url: str, folder: Path) -> subprocess.Popen[str]:
    words = [sys.executable, "-c", PROGRAM, url, str(folder)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.processes
@pytest.mark.invariant("I31")
async def test_a_migration_that_is_killed_can_be_run_again(database_url: str, folder: Path, tmp_path: Path) -> None:
    marker = tmp_path / "half way"
    script(folder, "0001", None, "op.create_table('one', sa.Column('id', sa.Integer, primary_key=True))")
    script(
        folder,
        "0002",
        "0001",
        f"""
        op.create_table('two', sa.Column('id', sa.Integer, primary_key=True))
        op.execute("INSERT INTO one VALUES (1)")
        with op.batch_alter_table('one') as batch:
            batch.add_column(sa.Column('more', sa.Integer, nullable=False, server_default='7'))
        if not os.path.exists({str(marker)!r}):
            open({str(marker)!r}, 'w').close()
            time.sleep(60)
        """,
    )
    process = start(database_url, folder)
    try:
        while not marker.exists():
            assert process.poll() is None, process.communicate()
            await asyncio.sleep(0.02)
        os.kill(process.pid, signal.SIGKILL)
    finally:
        process.kill()
        process.communicate()
    assert set(await run(database_url, read_applied, writing=False)) == {"0001"}
    assert await inspected(database_url, lambda inspector: "two" not in inspector.get_table_names())
    assert await applied(database_url, folder) == ["0002"]
    assert await execute(database_url, "SELECT id, more FROM one") == [(1, 7)]


@pytest.mark.processes
async def test_two_that_apply_at_once_apply_each_script_once(database_url: str, folder: Path) -> None:
    script(folder, "0001", None, "op.create_table('one', sa.Column('id', sa.Integer)); time.sleep(0.3)")
    script(folder, "0002", "0001", "op.execute('INSERT INTO one VALUES (1)'); time.sleep(0.3)")
    processes = [start(database_url, folder) for _ in range(2)]
    told = [process.communicate(timeout=100) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], told
    assert sorted(line for out, _ in told for line in out.split()) == ["0001", "0002"]
    assert await execute(database_url, "SELECT count(*) FROM one") == [(1,)]


async def test_a_long_table_is_rebuilt_in_one_transaction(tmp_path: Path, folder: Path) -> None:
    url = sqlite_url(tmp_path)
    await step(url, notes(), folder)
    numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000)"
    await execute(url, f"INSERT INTO notes (text) {numbers} SELECT 'note ' || i FROM n")
    began = time.process_time()
    steps = await step(url, notes(sa.Column("public", sa.Boolean, nullable=False, default=True)), folder)
    assert steps.left == []
    assert time.process_time() - began < 20
    assert await execute(url, "SELECT count(*) FROM notes WHERE public") == [(50000,)]
