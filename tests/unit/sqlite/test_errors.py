"""Violated constraints and broken files, in PostgreSQL's words."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import apsw
import pytest
import sqlalchemy as sa
from sqlalchemy import func

from backstay.dialects.sqlite.connect import SQLite
from backstay.dialects.sqlite.errors import translate
from backstay.dialects.sqlite.replay import find_verb
from backstay.errors import (
    BackstayError,
    CheckViolation,
    DatabaseFault,
    DatabaseUnavailable,
    ForeignKeyViolation,
    InvalidLiteral,
    NotNullViolation,
    OutOfRange,
    Overloaded,
    StatementTimeout,
    StorageFull,
    StorageReadOnly,
    UniqueViolation,
)

Open = Callable[..., Awaitable[SQLite]]
Run = Callable[..., Awaitable[list[tuple[Any, ...]]]]


def tables() -> sa.MetaData:
    metadata = sa.MetaData()
    sa.Table(
        "teams",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.Text, nullable=False, unique=True),
        sa.Column("open", sa.Boolean),
        sa.Column("size", sa.Integer, sa.CheckConstraint("size > 0", name="teams_size_check")),
        sa.Column("secret", sa.Text, sa.CheckConstraint("secret <> 'told'"), server_default="hidden"),
        sa.UniqueConstraint("open", "size", name="one_open_of_a_size"),
        sa.UniqueConstraint("secret", "size"),
        sa.CheckConstraint("name <> 'bad'", name="named_well"),
    )
    sa.Table(
        "members",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("team_id", sa.ForeignKey("teams.id")),
        sa.Column("boss_id", sa.ForeignKey("members.id", name="has_a_boss", ondelete="RESTRICT")),
        sa.Column("email", sa.Text),
        sa.Index("members_email_lower", func.lower(sa.column("email")), unique=True),
        sa.Index("members_team_email", "team_id", "email", unique=True),
    )
    sa.Table(
        "visits",
        metadata,
        sa.Column("team_id", sa.Integer, primary_key=True),
        sa.Column("day", sa.Date, primary_key=True),
        sa.Column("note", sa.Text),
        sqlite_with_rowid=False,
    )
    sa.Table(
        "remarks",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("team_id", sa.Integer),
        sa.Column("day", sa.Date),
        sa.ForeignKeyConstraint(["team_id", "day"], ["visits.team_id", "visits.day"]),
    )
    return metadata


@pytest.fixture
async def teams(open_database: Open, run: Run) -> SQLite:
    database = await open_database(tables())
    await run(database, "INSERT INTO teams (id, name, open, size) VALUES (1, 'a', 1, 5), (2, 'b', 0, 6)")
    await run(database, "INSERT INTO members (id, team_id, email) VALUES (1, 1, 'x@example.com')")
    await run(database, "INSERT INTO visits (team_id, day) VALUES (1, '2024-01-01')")
    return database


BULK = "INSERT INTO teams (id, name) SELECT value ->> 0, value ->> 1 FROM json_each(?)"


@pytest.mark.parametrize(
    ("text", "parameters", "constraint", "detail"),
    [
        ("INSERT INTO teams (id, name) VALUES (?, ?)", (1, "z"), "teams_pkey", "Key (id)=(1) already exists."),
        ("INSERT INTO teams (name) VALUES (?)", ("a",), "teams_name_key", "Key (name)=(a) already exists."),
        (BULK, (json.dumps([[8, "q"], [9, "b"], [7, "w"]]),), "teams_name_key", "Key (name)=(b) already exists."),
        (
            "INSERT INTO teams (name, open, size, secret) VALUES ('z', 1, 5, '')",
            (),
            "one_open_of_a_size",
            "Key (open, size)=(t, 5) already exists.",
        ),
        (
            "INSERT INTO teams (id, name) VALUES (?, 'a') ON CONFLICT (id) DO UPDATE SET name = excluded.name",
            (9,),
            "teams_name_key",
            "Key (name)=(a) already exists.",
        ),
        ("UPDATE teams SET name = ? WHERE id = ?", ("b", 1), "teams_name_key", "Key (name)=(b) already exists."),
        (
            "WITH new(n) AS (SELECT ?) INSERT INTO teams (name) SELECT n FROM new",
            ("a",),
            "teams_name_key",
            "Key (name)=(a) already exists.",
        ),
        (
            "INSERT INTO visits (team_id, day) VALUES (1, '2024-01-01')",
            (),
            "visits_pkey",
            "Key (team_id, day)=(1, 2024-01-01) already exists.",
        ),
        (
            "INSERT INTO members (team_id, email) VALUES (2, 'X@example.com')",
            (),
            "members_email_lower",
            None,
        ),
        # what the request did not say is not told: it sets the size, the secret is the row's
        ("UPDATE teams SET size = ? WHERE id = ?", (6, 1), "teams_secret_size_key", None),
    ],
)
async def test_a_duplicate_names_its_constraint_and_key(
    teams: SQLite, run: Run, text: str, parameters: tuple[Any, ...], constraint: str, detail: str | None
) -> None:
    with pytest.raises(UniqueViolation) as refused:
        await run(teams, text, *parameters)
    assert refused.value.message == f'duplicate key value violates unique constraint "{constraint}"'
    assert refused.value.detail == detail
    assert await teams.fetch("SELECT id, name, open, size FROM teams", ()) == [(1, "a", 1, 5), (2, "b", 0, 6)]


async def test_a_duplicate_in_a_unique_index_of_columns_names_the_index(teams: SQLite, run: Run) -> None:
    await run(teams, "DROP INDEX members_email_lower")
    with pytest.raises(UniqueViolation, match='"members_team_email"') as refused:
        await run(teams, "INSERT INTO members (team_id, email) VALUES (1, 'x@example.com')")
    assert refused.value.detail == "Key (team_id, email)=(1, x@example.com) already exists."


NEEDED = 'update or delete on table "teams" violates foreign key constraint "members_team_id_fkey" on table "members"'


@pytest.mark.parametrize(
    ("text", "parameters", "message", "detail"),
    [
        (
            "INSERT INTO members (team_id) VALUES (?)",
            (9,),
            'insert or update on table "members" violates foreign key constraint "members_team_id_fkey"',
            'Key (team_id)=(9) is not present in table "teams".',
        ),
        (
            "INSERT INTO members (team_id) SELECT value FROM json_each('[1, 2, 77]')",
            (),
            'insert or update on table "members" violates foreign key constraint "members_team_id_fkey"',
            'Key (team_id)=(77) is not present in table "teams".',
        ),
        (
            "UPDATE members SET boss_id = ? WHERE id = 1",
            (5,),
            'insert or update on table "members" violates foreign key constraint "has_a_boss"',
            'Key (boss_id)=(5) is not present in table "members".',
        ),
        (
            "DELETE FROM teams WHERE id = ?",
            (1,),
            NEEDED,
            'Key (id)=(1) is still referenced from table "members".',
        ),
        (
            "DELETE FROM teams WHERE id IN (SELECT value FROM json_each(?))",
            ("[1]",),
            NEEDED,
            'Key (id)=(1) is still referenced from table "members".',
        ),
        (
            "UPDATE teams SET id = 50 WHERE name = ?",
            ("a",),
            NEEDED,
            None,  # the request said the name, not the key
        ),
        (
            "INSERT INTO remarks (team_id, day) VALUES (1, '2024-01-02')",
            (),
            'insert or update on table "remarks" violates foreign key constraint "remarks_team_id_day_fkey"',
            'Key (team_id, day)=(1, 2024-01-02) is not present in table "visits".',
        ),
    ],
)
async def test_a_missing_or_needed_row_is_named(
    teams: SQLite, run: Run, text: str, parameters: tuple[Any, ...], message: str, detail: str | None
) -> None:
    with pytest.raises(ForeignKeyViolation) as refused:
        await run(teams, text, *parameters)
    assert refused.value.message == message
    assert refused.value.detail == detail
    assert await teams.fetch("SELECT count(*) FROM members", ()) == [(1,)]


async def test_a_restricted_row_is_named(teams: SQLite, run: Run) -> None:
    await run(teams, "INSERT INTO members (id, boss_id) VALUES (2, 1)")
    with pytest.raises(ForeignKeyViolation) as refused:
        await run(teams, "DELETE FROM members WHERE id = ?", 1)
    assert refused.value.message == (
        'update or delete on table "members" violates foreign key constraint "has_a_boss" on table "members"'
    )
    assert refused.value.detail == 'Key (id)=(1) is still referenced from table "members".'


async def test_a_missing_value_names_its_column(teams: SQLite, run: Run) -> None:
    with pytest.raises(NotNullViolation) as refused:
        await run(teams, "INSERT INTO teams (secret) VALUES ('mine')")
    assert refused.value.message == 'null value in column "name" of relation "teams" violates not-null constraint'
    assert refused.value.detail is None


@pytest.mark.parametrize(
    ("text", "constraint"),
    [
        ("INSERT INTO teams (name, size) VALUES ('z', 0)", "teams_size_check"),
        ("UPDATE teams SET name = 'bad' WHERE id = 1", "named_well"),
        ("UPDATE teams SET secret = 'told' WHERE id = 1", "teams_secret_check"),
    ],
)
async def test_a_violated_check_is_named(teams: SQLite, run: Run, text: str, constraint: str) -> None:
    with pytest.raises(CheckViolation) as refused:
        await run(teams, text)
    assert refused.value.message == f'new row for relation "teams" violates check constraint "{constraint}"'


async def test_constraints_of_tables_without_a_model_have_postgresqls_names(open_database: Open, run: Run) -> None:
    database = await open_database()
    await run(database, "CREATE TABLE p (id INTEGER PRIMARY KEY, a TEXT UNIQUE, n INTEGER CHECK (n > 0))")
    await run(database, "CREATE TABLE q (id INTEGER PRIMARY KEY, p_id INTEGER REFERENCES p)")
    await run(database, "INSERT INTO p VALUES (1, 'a', 1)")
    with pytest.raises(UniqueViolation, match='"p_pkey"'):
        await run(database, "INSERT INTO p VALUES (1, 'b', 1)")
    with pytest.raises(UniqueViolation, match='"p_a_key"'):
        await run(database, "INSERT INTO p VALUES (2, 'a', 1)")
    with pytest.raises(CheckViolation, match='relation "p" violates check constraint "p_check"'):
        await run(database, "INSERT INTO p VALUES (2, 'b', 0)")
    with pytest.raises(ForeignKeyViolation, match='"q_p_id_fkey"') as refused:
        await run(database, "INSERT INTO q (p_id) VALUES (9)")
    assert refused.value.detail == 'Key (p_id)=(9) is not present in table "p".'


async def test_what_a_trigger_raises_is_told(teams: SQLite, run: Run) -> None:
    await run(teams, "CREATE TRIGGER stop BEFORE DELETE ON teams BEGIN SELECT RAISE(ABORT, 'teams stay'); END")
    with pytest.raises(DatabaseFault, match="teams stay") as refused:
        await run(teams, "DELETE FROM teams")
    assert refused.value.state == "P0001"


async def test_finding_out_leaves_no_trace(teams: SQLite, run: Run) -> None:
    async def work(transaction: Any) -> None:
        await transaction.fetch("INSERT INTO teams (id, name) VALUES (10, 'kept')", ())
        with pytest.raises(UniqueViolation):
            await transaction.fetch("INSERT INTO teams (id, name) VALUES (1, 'a')", ())
        with pytest.raises(ForeignKeyViolation):
            await transaction.fetch("INSERT INTO members (team_id) VALUES (99)", ())
        with pytest.raises(ForeignKeyViolation):  # foreign keys are not put off any more
            await transaction.fetch("INSERT INTO members (team_id) VALUES (98)", ())

    await teams.write(work)
    assert await teams.fetch("SELECT id FROM teams ORDER BY id", ()) == [(1,), (2,), (10,)]
    assert await teams.fetch("SELECT count(*) FROM members", ()) == [(1,)]


@pytest.mark.parametrize(
    ("text", "parameters", "fault"),
    [
        ("INSERT INTO teams (id, name) VALUES ('abc', 'z')", (), InvalidLiteral),
        ("INSERT INTO teams (id, name) VALUES (?, 'z')", (2**63,), OutOfRange),
        ("INSERT INTO teams (name) VALUES (?)", ("\ud800",), DatabaseFault),
        ("INSERT INTO teams (name) VALUES (json('{'))", (), InvalidLiteral),
        ("SELECT sum(id * 9223372036854775807) FROM (SELECT 1 AS id UNION ALL SELECT 1)", (), OutOfRange),
    ],
)
async def test_bad_values_are_the_requests_fault(
    teams: SQLite, run: Run, text: str, parameters: tuple[Any, ...], fault: type[BackstayError]
) -> None:
    with pytest.raises(fault) as refused:
        await run(teams, text, *parameters)
    assert refused.value.status == 400


@pytest.mark.parametrize(
    ("error", "fault", "status"),
    [
        (apsw.FullError("full"), StorageFull, 507),
        (apsw.ReadOnlyError("read only"), StorageReadOnly, 503),
        (apsw.InterruptError("interrupted"), StatementTimeout, 504),
        (apsw.BusyError("busy"), Overloaded, 503),
        (apsw.LockedError("locked"), Overloaded, 503),
        (apsw.CorruptError("malformed"), DatabaseUnavailable, 503),
        (apsw.NotADBError("not a database"), DatabaseUnavailable, 503),
        (apsw.IOError("disk"), DatabaseUnavailable, 503),
        (apsw.CantOpenError("open"), DatabaseUnavailable, 503),
    ],
)
def test_outages_are_told_apart(error: apsw.Error, fault: type[BackstayError], status: int) -> None:
    found = translate(error)
    assert isinstance(found, fault)
    assert found.status == status


def test_what_is_not_sqlites_comes_back_as_it_is() -> None:
    error = KeyError("mine")
    assert translate(error) is error


@pytest.mark.parametrize(
    ("text", "word", "table"),
    [
        ("INSERT INTO t VALUES ('update x')", "INSERT", "t"),
        ('  -- delete from x\n insert or ignore into "a b" default values', "INSERT", "a b"),
        ("WITH x AS (DELETE FROM y) UPDATE OR FAIL [z] SET a = 1", "UPDATE", "z"),
        ("/* insert */ DELETE FROM `t`", "DELETE", "t"),
    ],
)
def test_the_verb_of_a_statement_is_found(text: str, word: str, table: str) -> None:
    verb = find_verb(text)
    assert verb is not None
    assert (verb.word, verb.table) == (word, table)


def test_a_read_has_no_verb() -> None:
    assert find_verb("SELECT 'insert' FROM (SELECT 1)") is None
