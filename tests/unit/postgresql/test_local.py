"""Settings that hold for one transaction: made in few round trips, gone with it however it ends, free where none is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from backstay.dialects.dialect import Transaction
from backstay.dialects.postgresql.connect import PostgreSQL
from backstay.errors import BackstayError, DatabaseFault, InvalidParameter, ReadOnly, StatementTimeout, UniqueViolation
from backstay.schema.caller import Local

Run = Callable[..., Awaitable[list[tuple[Any, ...]]]]
Open = Callable[..., Awaitable[PostgreSQL]]

NOW = "SELECT current_user = session_user, current_setting('request.who', true), current_setting('TimeZone')"
LOCAL: Local = (("role", "pg_read_all_data"), ("request.who", "a'da; --"), ("TimeZone", "Asia/Kathmandu"))
PLAIN = [(True, None, "UTC"), (True, "", "UTC")]
"""As before, and as after: a setting that nobody knew is empty once it was made."""


async def shown(transaction: Transaction) -> list[tuple[Any, ...]]:
    return await transaction.fetch(NOW, [])


async def assert_plain(database: PostgreSQL) -> None:
    assert (await database.fetch(NOW, []))[0] in PLAIN
    assert (await database.write(shown))[0] in PLAIN
    async with database.session() as session:
        assert tuple((await session.execute(sa.text(NOW))).one()) in PLAIN


async def test_they_hold_in_reads_writes_and_sessions_and_end_with_them(open_database: Open) -> None:
    database = await open_database(pool_size=1, session_pool_size=1)
    held = (False, "a'da; --", "Asia/Kathmandu")
    for _ in range(2):
        assert await database.fetch(NOW, [], LOCAL) == [held]
        assert await database.write(shown, LOCAL) == [held]
        async with database.session(local=LOCAL) as session:
            assert tuple((await session.execute(sa.text(NOW))).one()) == held
            async with session.begin_nested():
                assert tuple((await session.execute(sa.text(NOW))).one()) == held
            assert await (await database.transaction(session)).fetch(NOW, []) == [held]
        await assert_plain(database)


async def test_a_session_whose_first_statement_is_compiled_has_them(database: PostgreSQL) -> None:
    async with database.session(local=LOCAL) as session:
        assert (await (await database.transaction(session)).fetch(NOW, []))[0][0] is False


async def test_a_read_with_settings_cannot_write(database: PostgreSQL) -> None:
    with pytest.raises(ReadOnly):
        await database.fetch("DELETE FROM items RETURNING id", [], (("TimeZone", "UTC"),))
    with pytest.raises(ReadOnly):
        await database.write(lambda own: own.fetch("DELETE FROM items", []), (("transaction_read_only", "on"),))


@pytest.mark.parametrize(
    ("local", "state", "message"),
    [
        ((("role", "no_such_role"),), "22023", 'role "no_such_role" does not exist'),
        ((("TimeZone", "Mars/Olympus"),), "22023", 'invalid value for parameter "TimeZone": "Mars/Olympus"'),
        ((("nonsense", "1"),), "42704", 'unrecognized configuration parameter "nonsense"'),
    ],
)
async def test_what_the_server_refuses_is_told_and_leaves_nothing_behind(
    open_database: Open, local: Local, state: str, message: str
) -> None:
    database = await open_database(pool_size=1, session_pool_size=1)
    held: Local = (("request.who", "ada"), *local)

    async def in_session() -> None:
        async with database.session(local=held) as session:
            await session.execute(sa.text("SELECT 1"))

    for attempt in (
        lambda: database.fetch("SELECT 1", [], held),
        lambda: database.write(shown, held),
    ):
        with pytest.raises(BackstayError) as caught:
            await attempt()
        assert caught.value.message == message
        known = caught.value.state if isinstance(caught.value, DatabaseFault) else "22023"
        assert known == state
        assert isinstance(caught.value, DatabaseFault | InvalidParameter)
    with pytest.raises(sa.exc.DBAPIError) as wrapped:
        await in_session()
    fault = database.fault(wrapped.value)
    assert isinstance(fault, BackstayError)
    assert fault.message == message
    await assert_plain(database)


async def test_they_end_with_errors_timeouts_and_cancellations(open_database: Open) -> None:
    database = await open_database(pool_size=1, session_pool_size=1, statement_timeout=timedelta(milliseconds=300))
    patient = await open_database()
    await patient.write(
        lambda own: own.fetch("CREATE TABLE once (id int PRIMARY KEY DEFERRABLE INITIALLY DEFERRED)", [])
    )
    await patient.write(lambda own: own.fetch("GRANT ALL ON once TO pg_read_all_data", []))

    async def twice(own: Transaction) -> None:
        await own.fetch("INSERT INTO once VALUES (1), (1)", [])

    with pytest.raises(UniqueViolation):
        await database.write(twice, LOCAL)
    await assert_plain(database)
    for text in ("SELECT 1/0", "SELECT pg_sleep(5)"):
        with pytest.raises((DatabaseFault, StatementTimeout)):
            await database.fetch(text, [], LOCAL)
        await assert_plain(database)
        with pytest.raises((DatabaseFault, StatementTimeout)):
            await database.write(lambda own, text=text: own.fetch(text, []), LOCAL)  # type: ignore[misc]
        await assert_plain(database)
    for working in (
        lambda: database.fetch("SELECT pg_sleep(5)", [], LOCAL),
        lambda: database.write(lambda own: own.fetch("SELECT pg_sleep(5)", []), LOCAL),
    ):
        for pause in (0, 0, 0.002, 0.05):
            task = asyncio.ensure_future(working())
            await asyncio.sleep(pause)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await assert_plain(database)


async def test_a_statement_prepared_before_a_migration_is_prepared_anew(open_database: Open, run: Run) -> None:
    database = await open_database(pool_size=1)
    await run(database, "CREATE TABLE t (a int)")
    who: Local = (("request.who", "ada"),)
    text = "SELECT *, current_setting('request.who') FROM t"
    await run(database, "INSERT INTO t VALUES (1)")
    assert await database.fetch(text, [], who) == [(1, "ada")]
    other = await open_database()
    await run(other, "ALTER TABLE t ADD COLUMN b int DEFAULT 2")
    assert await database.fetch(text, [], who) == [(1, 2, "ada")]
    await run(other, "ALTER TABLE t DROP COLUMN a")
    assert await database.write(lambda own: own.fetch(text, []), who) == [(2, "ada")]


async def test_plans_are_not_shared_between_roles(open_database: Open, run: Run) -> None:
    database = await open_database(pool_size=1)
    await run(database, "CREATE TABLE mine AS SELECT who, n FROM (VALUES ('ada', 1), ('bob', 2)) AS v (who, n)")
    await run(database, "ALTER TABLE mine ENABLE ROW LEVEL SECURITY")
    await run(database, "CREATE POLICY own ON mine TO pg_monitor USING (who = current_setting('request.who', true))")
    await run(database, "CREATE POLICY every ON mine TO pg_signal_backend USING (n > 1)")
    await run(database, "GRANT SELECT ON mine TO pg_monitor, pg_signal_backend")
    text = "SELECT n FROM mine WHERE n > $1 ORDER BY n"

    async def ask(local: Local, parameters: Sequence[Any] = (0,)) -> list[int]:
        return [n for (n,) in await database.fetch(text, parameters, local)]

    # Often enough for a plan that serves all parameters.
    for _ in range(8):
        assert await ask(()) == [1, 2]
        assert await ask((("role", "pg_monitor"), ("request.who", "ada"))) == [1]
        assert await ask((("role", "pg_monitor"), ("request.who", "bob"))) == [2]
        assert await ask((("role", "pg_signal_backend"),)) == [2]


async def test_behind_a_pooler_they_hold_too(open_database: Open, postgresql_url: str) -> None:
    database = await open_database(f"{postgresql_url}?pgbouncer=true")
    assert (await database.fetch(NOW, [], LOCAL))[0][0] is False
    assert (await database.write(shown, LOCAL))[0][0] is False
    await assert_plain(database)
