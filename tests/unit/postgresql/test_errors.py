"""PostgreSQL's errors in Backstay's words, each as the server really gives it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
import sqlalchemy as sa

from backstay.dialects.postgresql.connect import PostgreSQL
from backstay.dialects.postgresql.errors import CLASSES, translate
from backstay.errors import (
    BackstayError,
    CheckViolation,
    DatabaseFault,
    DatabaseUnavailable,
    DateOutOfRange,
    ForeignKeyViolation,
    InvalidDate,
    InvalidLiteral,
    InvalidParameter,
    InvalidPattern,
    NotNullViolation,
    OutOfRange,
    PermissionDenied,
    PoolTimeout,
    ReadOnly,
    RowRefused,
    StatementTimeout,
    StorageFull,
    TooLong,
    TypeMismatch,
    UniqueViolation,
)

Run = Callable[..., Awaitable[list[tuple[Any, ...]]]]
Open = Callable[..., Awaitable[PostgreSQL]]

FAILING = [
    (
        "INSERT INTO items VALUES (1, 'again', 1)",
        UniqueViolation,
        'duplicate key value violates unique constraint "items_pkey"',
        "Key (id)=(1) already exists.",
    ),
    (
        "INSERT INTO parts VALUES (1, 9)",
        ForeignKeyViolation,
        'insert or update on table "parts" violates foreign key constraint "parts_item_fkey"',
        'Key (item)=(9) is not present in table "items".',
    ),
    (
        "INSERT INTO items VALUES (2, NULL, 5)",
        NotNullViolation,
        'null value in column "name" of relation "items" violates not-null constraint',
        None,
    ),
    (
        "INSERT INTO items VALUES (2, 'secret', -5)",
        CheckViolation,
        'new row for relation "items" violates check constraint "items_amount_check"',
        None,
    ),
    ("SELECT 'x'::text::int", InvalidLiteral, 'invalid input syntax for type integer: "x"', None),
    (
        "SELECT '{'::text::json",
        InvalidLiteral,
        "invalid input syntax for type json",
        "The input string ended unexpectedly.",
    ),
    (
        "SELECT '99999999999'::text::int",
        OutOfRange,
        'value "99999999999" is out of range for type integer',
        None,
    ),
    ("SELECT 'x'::text::date", InvalidDate, 'invalid input syntax for type date: "x"', None),
    ("SELECT '2024-02-30'::text::date", DateOutOfRange, 'date/time field value out of range: "2024-02-30"', None),
    (
        "INSERT INTO short VALUES ('too long')",
        TooLong,
        "value too long for type character varying(3)",
        None,
    ),
    ("SELECT 'a' ~ '['", InvalidPattern, "invalid regular expression: brackets [] not balanced", None),
    ("SELECT now() AT TIME ZONE 'Nowhere'", InvalidParameter, 'time zone "Nowhere" not recognized', None),
    ("SELECT 1 WHERE 5", TypeMismatch, "argument of WHERE must be type boolean, not type integer", None),
    ("SELECT * FROM nowhere", DatabaseFault, 'relation "nowhere" does not exist', None),
]


@pytest.fixture
async def tables(database: PostgreSQL, run: Run) -> PostgreSQL:
    await run(database, "INSERT INTO items VALUES (1, 'one', 1)")
    await run(database, "CREATE TABLE parts (id int, item int CONSTRAINT parts_item_fkey REFERENCES items)")
    await run(database, "CREATE TABLE short (text varchar(3))")
    return database


@pytest.mark.parametrize(("statement", "kind", "message", "detail"), FAILING)
async def test_an_error_keeps_postgresqls_words(
    tables: PostgreSQL, run: Run, statement: str, kind: type[BackstayError], message: str, detail: str | None
) -> None:
    with pytest.raises(BackstayError) as caught:
        await run(tables, statement)
    assert type(caught.value) is kind
    assert (caught.value.message, caught.value.detail) == (message, detail)


async def test_a_failing_row_is_never_shown(tables: PostgreSQL, run: Run) -> None:
    with pytest.raises(CheckViolation) as caught:
        await run(tables, "UPDATE items SET amount = -1")
    assert (caught.value.detail, caught.value.hint) == (None, None)


async def test_the_check_option_of_a_view_does_not_show_the_row_either(tables: PostgreSQL, run: Run) -> None:
    await run(tables, "CREATE VIEW cheap AS SELECT * FROM items WHERE amount < 10 WITH CHECK OPTION")
    with pytest.raises(DatabaseFault) as caught:
        await run(tables, "INSERT INTO cheap VALUES (7, 'secret', 99)")
    assert (caught.value.state, caught.value.detail) == ("44000", None)


async def test_what_a_trigger_raises_is_told_in_full(tables: PostgreSQL, run: Run) -> None:
    raising = "RAISE EXCEPTION 'no' USING ERRCODE = '23514', DETAIL = 'because', HINT = 'do not'"
    await run(tables, f"CREATE FUNCTION refuse() RETURNS int LANGUAGE plpgsql AS $$BEGIN {raising}; END$$")
    with pytest.raises(CheckViolation) as caught:
        await run(tables, "SELECT refuse()")
    assert (caught.value.message, caught.value.detail, caught.value.hint) == ("no", "because", "do not")


async def test_a_state_of_ones_own_comes_through(tables: PostgreSQL, run: Run) -> None:
    raising = "RAISE SQLSTATE 'PT402' USING MESSAGE = 'pay first'"
    await run(tables, f"CREATE FUNCTION refuse() RETURNS int LANGUAGE plpgsql AS $$BEGIN {raising}; END$$")
    with pytest.raises(DatabaseFault, match="pay first") as caught:
        await run(tables, "SELECT refuse()")
    assert caught.value.state == "PT402"


async def test_an_exclusion_constraint_is_a_database_fault(tables: PostgreSQL, run: Run) -> None:
    await run(tables, "CREATE TABLE stays (during int4range, EXCLUDE USING gist (during WITH &&))")
    await run(tables, "INSERT INTO stays VALUES ('[1,5)')")
    with pytest.raises(DatabaseFault) as caught:
        await run(tables, "INSERT INTO stays VALUES ('[2,3)')")
    assert caught.value.state == "23P01"


async def test_privileges_and_row_security_are_told_apart(tables: PostgreSQL, run: Run) -> None:
    role = f"backstay_test_{id(tables)}"
    await run(tables, f"CREATE ROLE {role}")
    try:

        async def denied(transaction: Any) -> None:
            await transaction.fetch(f"SET LOCAL ROLE {role}", [])
            await transaction.fetch("SELECT * FROM items", [])

        with pytest.raises(PermissionDenied, match="permission denied for table items"):
            await tables.write(denied)

        await run(tables, f"GRANT ALL ON items TO {role}")
        await run(tables, "ALTER TABLE items ENABLE ROW LEVEL SECURITY")

        async def refused(transaction: Any) -> None:
            await transaction.fetch(f"SET LOCAL ROLE {role}", [])
            await transaction.fetch("INSERT INTO items VALUES (5, 'five', 5)", [])

        with pytest.raises(RowRefused, match='violates row-level security policy for table "items"'):
            await tables.write(refused)
    finally:
        await run(tables, f"DROP OWNED BY {role}")
        await run(tables, f"DROP ROLE {role}")


async def test_a_write_in_a_read_only_transaction(tables: PostgreSQL) -> None:
    with pytest.raises(ReadOnly) as caught:
        await tables.fetch("INSERT INTO items VALUES (2, 'two', 2) RETURNING id", [])
    assert caught.value.message == "cannot execute INSERT in a read-only transaction"


async def test_a_statement_that_takes_too_long(open_database: Open) -> None:
    database = await open_database(statement_timeout=timedelta(milliseconds=50))
    with pytest.raises(StatementTimeout, match="canceling statement due to statement timeout"):
        await database.fetch("SELECT pg_sleep(5)", [])


async def test_a_statement_that_an_operator_cancels_is_not_a_timeout(tables: PostgreSQL) -> None:
    with pytest.raises(DatabaseFault, match="due to user request") as caught:
        await tables.fetch("SELECT pg_cancel_backend(pg_backend_pid()), pg_sleep(5)", [])
    assert caught.value.state == "57014"


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (asyncpg.DiskFullError, StorageFull),
        (asyncpg.TooManyConnectionsError, DatabaseUnavailable),
        (asyncpg.OutOfMemoryError, DatabaseUnavailable),
        (asyncpg.AdminShutdownError, DatabaseUnavailable),
        (asyncpg.CannotConnectNowError, DatabaseUnavailable),
        (asyncpg.ConnectionDoesNotExistError, DatabaseUnavailable),
    ],
)
def test_an_outage_of_the_server(error: type[asyncpg.PostgresError], kind: type[BackstayError]) -> None:
    made = asyncpg.PostgresError.new({"C": error.sqlstate, "M": "told by the server", "S": "FATAL"})
    assert type(made) is error
    assert type(translate(made)) is kind


def test_every_state_with_a_class_of_its_own_has_the_class_that_names_it() -> None:
    for state, kind in CLASSES.items():
        made = asyncpg.PostgresError.new({"C": state, "M": "message", "S": "ERROR", "D": "detail", "H": "hint"})
        told = translate(made)
        assert type(told) is kind
        assert getattr(kind, "state", state) == state


@pytest.mark.parametrize("value", ["nul \x00 byte", "lone \ud800 surrogate"])
async def test_text_that_postgresql_cannot_hold(tables: PostgreSQL, value: str) -> None:
    with pytest.raises(DatabaseFault, match='invalid byte sequence for encoding "UTF8"') as caught:
        await tables.fetch("SELECT $1::text", [value])
    assert caught.value.state == "22021"
    assert await tables.fetch("SELECT 1", []) == [(1,)]


async def test_a_native_parameter_of_another_type(tables: PostgreSQL) -> None:
    with pytest.raises(InvalidLiteral):
        await tables.fetch("SELECT $1::int", ["x"])
    with pytest.raises(OutOfRange):
        await tables.fetch("SELECT $1::int", [2**40])


async def test_what_sqlalchemy_wrapped_is_unwrapped(tables: PostgreSQL) -> None:
    with pytest.raises(sa.exc.IntegrityError) as caught:
        async with tables.session() as session:
            await session.execute(sa.text("INSERT INTO items VALUES (1, 'again', 1)"))
    told = tables.fault(caught.value)
    assert type(told) is UniqueViolation
    assert told.detail == "Key (id)=(1) already exists."


@pytest.mark.parametrize("error", [ValueError("mine"), FileNotFoundError("mine"), TimeoutError("mine"), PoolTimeout()])
def test_an_error_that_is_none_of_the_databases_comes_back_as_it_is(error: Exception) -> None:
    assert translate(error) is error
