"""The triggers of sign-in in migrations: made where they are missing, kept when tables change, gone with sign-in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa

from backstay.auth.store.tables import declare
from backstay.dialects.migrate.apply import apply, show_sql
from backstay.dialects.migrate.behind import find_behind
from backstay.dialects.migrate.new import new
from backstay.dialects.migrate.run import run
from backstay.dialects.migrate.scripts import read_scripts
from backstay.dialects.migrate.step import Steps, bring_in_step
from backstay.dialects.sql.session_triggers import drop_statements, known_triggers
from backstay.dialects.sqlite.dialect import SQLiteDialect
from backstay.schema.naming import name_constraints
from databases import sqlite_url

pytestmark = pytest.mark.slow

CREATED = "created triggers of auth_sessions"


def tables(
    *more: Any,
    users: str = "users",
    sign_in: bool = True,
    triggers: bool = True,
    own: Callable[[sa.MetaData], object] = lambda metadata: None,
) -> sa.MetaData:
    """The tables of an application.

    Arguments:
        more: columns and constraints of the users' table.
        users: its name.
        sign_in: whether users sign in.
        triggers: whether the tables of sign-in have triggers, as they had none in older versions.
        own: changes the tables of sign-in.
    """
    metadata = sa.MetaData()
    columns = [sa.Column("email", sa.Text), sa.Column("created_at", sa.DateTime(timezone=True))]
    table = sa.Table(users, metadata, sa.Column("id", sa.Uuid, primary_key=True), *columns, *more)
    if sign_in:
        made = declare(table)
        own(metadata)
        if not triggers:
            made.sessions.info.clear()
    name_constraints(metadata)
    return metadata


async def execute(url: str, *statements: Any) -> list[Any]:
    def work(connection: sa.Connection) -> list[Any]:
        rows: list[Any] = []
        for statement in statements:
            result = connection.execute(sa.text(statement) if isinstance(statement, str) else statement)
            rows = [tuple(row) for row in result] if result.returns_rows else []
        return rows

    return await run(url, work, writing=True)


async def names(url: str) -> list[str]:
    """The triggers that there are."""
    return sorted(await run(url, known_triggers, writing=False))


async def drop(url: str) -> None:
    """Lose the triggers, as a tool does that makes tables anew."""

    def work(connection: sa.Connection) -> None:
        for statement in drop_statements(connection.dialect):
            connection.exec_driver_sql(statement)

    await run(url, work, writing=True)


async def revokes(url: str, metadata: sa.MetaData) -> bool:
    """Whether a user who is deleted leaves behind what revokes their tokens."""
    found = {table.name: table for table in metadata.tables.values()}
    sessions, revocations = found["auth_sessions"], found["auth_revocations"]
    (key,) = sessions.c.user_id.foreign_keys
    users, user, session, now = key.column.table, uuid4(), uuid4(), sa.func.now()
    if url.startswith("sqlite"):
        now = sa.text("strftime('%Y-%m-%dT%H\\:%M\\:%f+00\\:00', 'now')")  # type: ignore[assignment]
    row: dict[str, Any] = {"id": session, "user_id": user, "aal": 1, "amr": [], "generation": 0}
    await execute(
        url,
        sa.insert(users).values({key.column.name: user}),
        sa.insert(sessions).values({**row, "refreshed_at": now, "created_at": now}),
    )
    await execute(url, sa.delete(users))
    return await execute(url, sa.select(revocations.c.kind, revocations.c.subject)) == [("session", str(session))]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the scripts are."""
    return tmp_path / "migrations"


async def test_an_existing_database_gets_them_in_development(database_url: str, folder: Path) -> None:
    await bring_in_step(database_url, tables(triggers=False), folder)
    assert await names(database_url) == []
    behind = await find_behind(database_url, tables(), folder)
    assert str(behind).startswith("it lacks the triggers auth_sessions_delete, auth_")
    assert (await bring_in_step(database_url, tables(), folder)) == Steps([CREATED])
    assert not await find_behind(database_url, tables(), folder)
    assert await bring_in_step(database_url, tables(), folder) == Steps()
    assert await revokes(database_url, tables())


async def test_an_existing_database_gets_them_by_a_script(
    database_url: str, postgresql_url: str, tmp_path: Path, folder: Path
) -> None:
    other = sqlite_url(tmp_path) if not database_url.startswith("sqlite") else postgresql_url
    assert await new(database_url, tables(triggers=False), folder, "first") is not None
    for url in (database_url, other):
        assert len([each async for each in apply(url, read_scripts(folder))]) == 1
        assert await find_behind(url, tables(), folder)
    second = await new(database_url, tables(), folder, "second")
    assert second is not None and not second.marked
    body = second.script.file.read_text().partition("def upgrade() -> None:\n")[2]
    assert body.strip() == "op.create_session_triggers('users', 'id')"
    for url in (database_url, other):
        assert await find_behind(url, tables(), folder)
        assert [each.revision async for each in apply(url, read_scripts(folder))] == ["0002_second"]
        assert not await find_behind(url, tables(), folder)
        assert await new(url, tables(), folder, "nothing") is None
        assert await bring_in_step(url, tables(), folder) == Steps()
        assert await revokes(url, tables())


async def test_the_first_script_has_them(database_url: str, folder: Path) -> None:
    written = await new(database_url, tables(), folder, "first")
    assert written is not None
    assert "    op.create_session_triggers('users', 'id')" in written.script.file.read_text().splitlines()
    _ = [each async for each in apply(database_url, read_scripts(folder))]
    assert await new(database_url, tables(), folder, "nothing") is None
    assert await revokes(database_url, tables())


async def test_they_outlive_changes_of_every_table_that_they_speak_of(database_url: str, folder: Path) -> None:
    await bring_in_step(database_url, tables(), folder)
    there = await names(database_url)

    def loosen(metadata: sa.MetaData) -> None:
        # SQLite makes a table anew for this.
        metadata.tables["auth_sessions"].c.created_at.nullable = True
        metadata.tables["auth_revocations"].c.until.nullable = True

    wider = tables(sa.Column("age", sa.Integer, nullable=False, default=1), own=loosen)
    steps = await bring_in_step(database_url, wider, folder)
    assert (steps.left, len(steps.done)) == ([], 3)
    assert await names(database_url) == there
    assert not await find_behind(database_url, wider, folder)
    assert await bring_in_step(database_url, wider, folder) == Steps()
    assert await revokes(database_url, wider)


async def test_a_table_of_users_that_gets_another_name_keeps_them(database_url: str, folder: Path) -> None:
    await bring_in_step(database_url, tables(), folder)
    await execute(database_url, "ALTER TABLE users RENAME TO members")
    assert await revokes(database_url, tables(users="members"))
    renamed = tables(users="members")
    await bring_in_step(database_url, renamed, folder)
    assert await bring_in_step(database_url, renamed, folder) == Steps()


async def test_what_was_lost_by_hand_is_told_and_can_be_made_again(database_url: str, folder: Path) -> None:
    await new(database_url, tables(), folder, "first")
    _ = [each async for each in apply(database_url, read_scripts(folder))]
    await drop(database_url)
    assert await find_behind(database_url, tables(), folder)
    empty = await new(database_url, tables(), folder, "triggers", empty=True)
    assert empty is not None
    text = empty.script.file.read_text().replace("    pass", '    op.create_session_triggers("users", "id")')
    empty.script.file.write_text(text)
    _ = [each async for each in apply(database_url, read_scripts(folder))]
    assert not await find_behind(database_url, tables(), folder)
    assert await new(database_url, tables(), folder, "nothing") is None


async def test_other_triggers_of_these_names_are_replaced_in_development(database_url: str, folder: Path) -> None:
    """As those of another version; which is no reason for an older one not to serve."""
    await bring_in_step(database_url, tables(), folder)
    if database_url.startswith("sqlite"):
        change = "CREATE TRIGGER auth_users_delete AFTER DELETE ON users BEGIN SELECT 1; END"
        await execute(database_url, "DROP TRIGGER auth_users_delete", change)
    else:
        body = "RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'"
        await execute(database_url, f"CREATE OR REPLACE FUNCTION _backstay_revoke_sessions() {body}")
    assert not await find_behind(database_url, tables(), folder)
    steps = await bring_in_step(database_url, tables(), folder)
    assert steps == Steps(["dropped triggers of auth_sessions", CREATED])
    assert await revokes(database_url, tables())


async def test_one_that_is_switched_off_is_missing(postgresql_url: str, folder: Path) -> None:
    await bring_in_step(postgresql_url, tables(), folder)
    await execute(postgresql_url, "ALTER TABLE auth_sessions DISABLE TRIGGER auth_sessions_delete")
    assert (await find_behind(postgresql_url, tables(), folder)).triggers == ("auth_sessions_delete",)
    await bring_in_step(postgresql_url, tables(), folder)
    assert await revokes(postgresql_url, tables())


async def test_without_sign_in_they_go_with_its_tables(database_url: str, folder: Path) -> None:
    await new(database_url, tables(), folder, "first")
    written = await new(database_url, tables(sign_in=False), folder, "second")
    assert written is not None
    _, _, body = written.script.file.read_text().partition("def upgrade() -> None:\n")
    assert body.splitlines()[0] == "    op.drop_session_triggers()"
    assert "    op.drop_table('auth_sessions')" in body.splitlines()
    _ = [each async for each in apply(database_url, read_scripts(folder))]
    assert await names(database_url) == []
    await execute(database_url, "DELETE FROM users")
    if not database_url.startswith("sqlite"):
        assert await execute(database_url, "SELECT to_regproc('_backstay_revoke_sessions')") == [(None,)]


async def test_development_leaves_those_of_tables_that_no_model_declares(database_url: str, folder: Path) -> None:
    await bring_in_step(database_url, tables(), folder)
    assert await bring_in_step(database_url, tables(sign_in=False), folder) == Steps()
    assert await revokes(database_url, tables())


async def test_tables_that_are_made_and_dropped_by_sqlalchemy(database_url: str) -> None:
    metadata = tables()
    await run(database_url, metadata.create_all, writing=True)
    assert len(await names(database_url)) == 2
    assert await revokes(database_url, metadata)
    await run(database_url, lambda there: metadata.tables["auth_sessions"].drop(there), writing=True)
    await execute(database_url, "DELETE FROM users")
    await run(database_url, metadata.drop_all, writing=True)


async def test_sql_for_a_database_that_others_look_after(postgresql_url: str, tmp_path: Path, folder: Path) -> None:
    folder.mkdir()
    (folder / "0001_first.py").write_text(
        '"""first"""\nfrom alembic import op\nrevision = "0001_first"\ndown_revision = None\n'
        "def upgrade() -> None:\n    op.create_session_triggers('users', 'id')\n    op.drop_session_triggers()\n"
    )
    url, metadata = sqlite_url(tmp_path), tables()
    await run(url, metadata.create_all, writing=True)
    await run(postgresql_url, metadata.create_all, writing=True)
    for where, dialect in (
        (url, SQLiteDialect()),
        (postgresql_url, sa.create_engine("postgresql+asyncpg://").dialect),
    ):
        before = await run(where, known_triggers, writing=False)
        for statement in before.values():
            assert statement in show_sql(read_scripts(folder), dialect)
