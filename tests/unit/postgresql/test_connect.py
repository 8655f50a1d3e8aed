"""Reads, writes and sessions on a real server: what they keep, what they refuse, and what they survive."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
import sqlalchemy as sa
from sqlalchemy import MetaData
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from backstay.dialects.dialect import Transaction
from backstay.dialects.postgresql.connect import PostgreSQL, run_sync
from backstay.errors import (
    DatabaseFault,
    DatabaseUnavailable,
    ForeignKeyViolation,
    PoolTimeout,
    ReadOnly,
    UniqueViolation,
)
from backstay.settings import Settings

Run = Callable[..., Awaitable[list[tuple[Any, ...]]]]
Open = Callable[..., Awaitable[PostgreSQL]]

SLEEPING = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(30)%' AND pid <> pg_backend_pid()"
OTHERS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> $1"


class Base(DeclarativeBase):
    pass


class Item(Base):
    __tablename__ = "items"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    amount: Mapped[int | None]


async def names(database: PostgreSQL) -> list[str]:
    return [name for (name,) in await database.fetch("SELECT name FROM items ORDER BY id", [])]


async def until_true(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(60):
        while not await condition():
            await asyncio.sleep(0.01)


@pytest.fixture
async def watcher(postgresql_url: str) -> Any:
    connection = await asyncpg.connect(postgresql_url)
    yield connection
    await connection.close()


# Reads -------------------------------------------------------------------------------------------------------


async def test_rows_are_tuples_and_json_is_text(database: PostgreSQL) -> None:
    rows = await database.fetch("""SELECT $1::text::int, '{"b": 1}'::jsonb, '{"b":1}'::json, 'x', NULL""", ["7"])
    assert rows == [(7, '{"b": 1}', '{"b":1}', "x", None)]
    assert type(rows[0]) is tuple


@pytest.mark.parametrize("statement_cache", [True, False])
@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO items VALUES (1, 'one', 1) RETURNING id",
        "WITH gone AS (DELETE FROM items RETURNING id) SELECT * FROM gone",
        "SELECT nextval('numbers')",
        "CREATE TABLE more (id int)",
        "SELECT id FROM items FOR UPDATE",
    ],
)
async def test_a_read_cannot_write(
    open_database: Open, database: PostgreSQL, run: Run, statement: str, statement_cache: bool
) -> None:
    await run(database, "CREATE SEQUENCE numbers")
    reading = await open_database(statement_cache=statement_cache)
    with pytest.raises(ReadOnly, match="in a read-only transaction"):
        await reading.fetch(statement, [])
    assert await reading.fetch("SELECT count(*) FROM items", []) == [(0,)]


async def test_behind_a_pooler_reads_and_writes_work_without_prepared_statements(
    open_database: Open, database: PostgreSQL, run: Run
) -> None:
    pooled = await open_database(statement_cache=False, statement_timeout=timedelta(seconds=30))
    await run(pooled, "INSERT INTO items VALUES (1, $1::text, 1)", "one")
    assert await names(pooled) == ["one"]
    assert await pooled.fetch("SHOW statement_timeout", []) == [("30s",)]
    async with pooled.session() as session:
        session.add(Item(id=2, name="two"))
        assert (await session.scalars(sa.select(Item.name).order_by(Item.id))).all() == ["one", "two"]
        assert (await session.execute(sa.text("SHOW statement_timeout"))).scalar() == "30s"
        named = await session.scalars(sa.text("SELECT name FROM pg_prepared_statements"))
        assert [name for name in named if name] == []
    assert await names(pooled) == ["one", "two"]


async def test_a_read_is_one_round_trip(database: PostgreSQL, run: Run) -> None:
    text = "SELECT $1::text"
    await database.fetch(text, ["prepare it"])
    (connection,) = database._pool._idle
    sent = 0
    write = connection._transport.write

    def count(data: Any) -> None:
        nonlocal sent
        sent += 1
        write(data)

    connection._transport.write = count
    assert await database.fetch(text, ["x"]) == [("x",)]
    assert sent == 1


async def test_a_cancelled_read_is_cancelled_on_the_server(open_database: Open, watcher: Any) -> None:
    database = await open_database(pool_size=1)
    reading = asyncio.create_task(database.fetch("SELECT pg_sleep(30)", []))

    async def sleeping() -> bool:
        return await watcher.fetchval(SLEEPING + " AND state = 'active'") == 1

    async def awake() -> bool:
        return not await sleeping()

    await until_true(sleeping)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    await until_true(awake)
    assert await database.fetch("SELECT 1", []) == [(1,)]


async def test_a_cancelled_read_stays_cancelled_though_its_connection_breaks(open_database: Open, watcher: Any) -> None:
    database = await open_database(pool_size=1)
    reading = asyncio.create_task(database.fetch("SELECT pg_sleep(30)", []))
    await asyncio.sleep(0.05)
    reading.cancel()
    await watcher.fetch(OTHERS, watcher.get_server_pid())
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert await database.fetch("SELECT 1", []) == [(1,)]


async def test_the_connection_of_a_cancelled_read_serves_again(open_database: Open) -> None:
    database = await open_database(pool_size=1)
    ((before,),) = await database.fetch("SELECT pg_backend_pid()", [])
    for _ in range(5):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(database.fetch("SELECT pg_sleep(30)", []), timeout=0.02)
    assert await database.fetch("SELECT pg_backend_pid()", []) == [(before,)]


async def test_who_waits_too_long_for_a_connection_is_told(open_database: Open) -> None:
    database = await open_database(pool_size=1, pool_timeout=timedelta(milliseconds=100))
    held, over = asyncio.Event(), asyncio.Event()

    async def hold(_: Transaction) -> None:
        held.set()
        await over.wait()

    holding = asyncio.create_task(database.write(hold))
    await held.wait()
    with pytest.raises(PoolTimeout, match="Timed out acquiring connection from connection pool"):
        await database.fetch("SELECT 1", [])
    over.set()
    await holding
    assert await database.fetch("SELECT 1", []) == [(1,)]


async def test_reads_go_on_after_every_connection_was_terminated(open_database: Open, watcher: Any) -> None:
    database = await open_database(pool_size=4)
    await asyncio.gather(*(database.fetch(f"SELECT {number}, pg_sleep(0.01)", []) for number in range(4)))
    assert len(await watcher.fetch(OTHERS, watcher.get_server_pid())) == 4
    assert await asyncio.gather(*(database.fetch("SELECT 1", []) for _ in range(8))) == [[(1,)]] * 8


async def test_a_read_whose_connection_is_terminated_under_it_is_run_again(open_database: Open, watcher: Any) -> None:
    database = await open_database(pool_size=2)
    reading = asyncio.create_task(database.fetch("SELECT pg_sleep(0.3), 'slept'", []))
    await asyncio.sleep(0.1)
    await watcher.execute("SELECT 1")
    await watcher.fetch(OTHERS, watcher.get_server_pid())
    ((_, word),) = await reading
    assert word == "slept"


async def test_a_read_that_kills_its_own_connection_twice_is_an_outage(database: PostgreSQL) -> None:
    with pytest.raises(DatabaseUnavailable):
        await database.fetch("SELECT pg_terminate_backend(pg_backend_pid()), pg_sleep(1)", [])
    assert await database.fetch("SELECT 1", []) == [(1,)]


async def test_a_read_survives_a_change_of_the_table_it_is_prepared_for(database: PostgreSQL, run: Run) -> None:
    await run(database, "INSERT INTO items VALUES (1, 'one', 1)")
    assert await database.fetch("SELECT * FROM items", []) == [(1, "one", 1)]
    await run(database, "ALTER TABLE items ALTER name TYPE bytea USING name::bytea")
    assert await database.fetch("SELECT * FROM items", []) == [(1, b"one", 1)]


# Writes ------------------------------------------------------------------------------------------------------


async def test_a_write_is_committed_when_it_returns(database: PostgreSQL, watcher: Any) -> None:
    async def work(transaction: Transaction) -> int:
        ((one,),) = await transaction.fetch("INSERT INTO items VALUES (1, $1::text, 1) RETURNING id", ["one"])
        ((two,),) = await transaction.fetch("INSERT INTO items VALUES (2, $1::text, 1) RETURNING id", ["two"])
        assert await watcher.fetchval("SELECT count(*) FROM items") == 0
        return int(one + two)

    assert await database.write(work) == 3
    assert await watcher.fetchval("SELECT count(*) FROM items") == 2


async def test_a_write_that_raises_leaves_nothing_behind(open_database: Open, database: PostgreSQL) -> None:
    single = await open_database(pool_size=1)

    async def work(transaction: Transaction) -> None:
        await transaction.fetch("INSERT INTO items VALUES (1, 'one', 1)", [])
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        await single.write(work)
    assert await names(single) == []
    with pytest.raises(ReadOnly):
        await single.fetch("DELETE FROM items", [])


async def test_a_write_that_is_cancelled_leaves_nothing_behind(open_database: Open, database: PostgreSQL) -> None:
    single = await open_database(pool_size=1)

    async def work(transaction: Transaction) -> None:
        await transaction.fetch("INSERT INTO items VALUES (1, 'one', 1)", [])
        await transaction.fetch("SELECT pg_sleep(30)", [])

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(single.write(work), timeout=0.1)
    assert await names(single) == []
    await single.write(lambda transaction: transaction.fetch("INSERT INTO items VALUES (2, 'two', 1)", []))
    assert await names(single) == ["two"]


async def test_a_write_that_swallowed_an_error_is_not_taken_for_committed(database: PostgreSQL) -> None:
    async def work(transaction: Transaction) -> None:
        await transaction.fetch("INSERT INTO items VALUES (1, 'one', 1)", [])
        with pytest.raises(UniqueViolation):
            await transaction.fetch("INSERT INTO items VALUES (1, 'again', 1)", [])

    with pytest.raises(DatabaseFault, match="rolled back") as caught:
        await database.write(work)
    assert caught.value.state == "25P02"
    assert await names(database) == []


async def test_a_deferred_constraint_is_told_at_the_commit(database: PostgreSQL, run: Run) -> None:
    await run(database, "CREATE TABLE parts (item int REFERENCES items DEFERRABLE INITIALLY DEFERRED)")
    with pytest.raises(ForeignKeyViolation, match="parts_item_fkey"):
        await run(database, "INSERT INTO parts VALUES (9)")
    assert await database.fetch("SELECT count(*) FROM parts", []) == [(0,)]


async def test_rows_of_many_parameter_sets_come_in_the_order_of_the_sets(database: PostgreSQL) -> None:
    sets = [[str(number), f"item {number}"] for number in range(500)]

    async def work(transaction: Transaction) -> list[tuple[Any, ...]]:
        assert await transaction.fetch_each("INSERT INTO items VALUES ($1::text::int)", []) == []
        return await transaction.fetch_each(
            "INSERT INTO items VALUES ($1::text::int, $2::text) RETURNING id, name", sets
        )

    assert await database.write(work) == [(number, f"item {number}") for number in range(500)]


async def test_one_bad_parameter_set_undoes_the_write(database: PostgreSQL) -> None:
    async def work(transaction: Transaction) -> None:
        await transaction.fetch_each("INSERT INTO items VALUES ($1::text::int, 'x')", [["1"], ["2"], ["1"]])

    with pytest.raises(UniqueViolation):
        await database.write(work)
    assert await names(database) == []


async def test_a_write_begins_on_a_fresh_connection_when_its_own_is_gone(open_database: Open, watcher: Any) -> None:
    database = await open_database(pool_size=1)
    await database.fetch("SELECT 1", [])
    await watcher.fetch(OTHERS, watcher.get_server_pid())
    await database.write(lambda transaction: transaction.fetch("CREATE TABLE made (id int)", []))
    assert await database.fetch("SELECT count(*) FROM made", []) == [(0,)]


async def test_a_write_whose_connection_is_lost_is_not_run_again(database: PostgreSQL, watcher: Any) -> None:
    runs = 0

    async def work(transaction: Transaction) -> None:
        nonlocal runs
        runs += 1
        await transaction.fetch("INSERT INTO items VALUES (1, 'one', 1)", [])
        await watcher.fetch(OTHERS, watcher.get_server_pid())
        await transaction.fetch("INSERT INTO items VALUES (2, 'two', 1)", [])

    with pytest.raises(DatabaseUnavailable):
        await database.write(work)
    assert runs == 1
    assert await names(database) == []


async def test_a_connection_lost_during_the_commit_leaves_the_outcome_open(database: PostgreSQL, run: Run) -> None:
    ending = "PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(1); RETURN NULL;"
    await run(database, f"CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN {ending} END$$")
    await run(
        database,
        "CREATE CONSTRAINT TRIGGER dying AFTER INSERT ON items DEFERRABLE INITIALLY DEFERRED "
        "FOR EACH ROW EXECUTE FUNCTION die()",
    )
    with pytest.raises(DatabaseUnavailable) as caught:
        await run(database, "INSERT INTO items VALUES (1, 'one', 1)")
    assert "may or may not" in str(caught.value.detail)


async def test_a_write_survives_a_change_of_the_table_it_is_prepared_for(open_database: Open, watcher: Any) -> None:
    database = await open_database(pool_size=1)
    await watcher.execute("CREATE TABLE changing (value int)")
    insert = "INSERT INTO changing VALUES (1) RETURNING *"
    assert await database.write(lambda transaction: transaction.fetch(insert, [])) == [(1,)]
    await watcher.execute("ALTER TABLE changing ALTER value TYPE text")
    assert await database.write(lambda transaction: transaction.fetch(insert, [])) == [("1",)]
    await watcher.execute("ALTER TABLE changing ALTER value TYPE int USING value::int")

    async def late(transaction: Transaction) -> None:
        await transaction.fetch("SELECT 1", [])
        await transaction.fetch(insert, [])

    with pytest.raises(DatabaseUnavailable, match="schema changed"):
        await database.write(late)
    assert await watcher.fetchval("SELECT count(*) FROM changing") == 2


# Sessions ----------------------------------------------------------------------------------------------------


async def test_a_session_commits_when_it_is_left(database: PostgreSQL) -> None:
    async with database.session() as session:
        session.add(Item(id=1, name="one"))
        assert await names(database) == []
    assert await names(database) == ["one"]


async def test_a_session_left_by_an_exception_keeps_nothing(database: PostgreSQL) -> None:
    with pytest.raises(ValueError, match="mine"):
        async with database.session() as session:
            session.add(Item(id=1, name="one"))
            await session.flush()
            raise ValueError("mine")
    assert await names(database) == []


async def test_a_read_only_session_refuses_to_write(database: PostgreSQL) -> None:
    with pytest.raises(sa.exc.DBAPIError) as caught:
        async with database.session(readonly=True) as session:
            session.add(Item(id=1, name="one"))
    told = database.fault(caught.value)
    assert isinstance(told, ReadOnly)
    assert told.message == "cannot execute INSERT in a read-only transaction"
    async with database.session() as session:
        session.add(Item(id=1, name="one"))
    assert await names(database) == ["one"]


async def test_a_session_that_is_not_used_takes_no_connection(open_database: Open, watcher: Any) -> None:
    await open_database()
    database = await open_database(session_pool_size=1)
    async with database.session(), database.session(), database.session():
        pass
    assert await watcher.fetchval("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()") == 3


async def test_more_sessions_than_connections_wait_and_time_out(open_database: Open) -> None:
    database = await open_database(session_pool_size=1, pool_timeout=timedelta(milliseconds=50))
    async with database.session() as session:
        await session.execute(sa.text("SELECT 1"))
        with pytest.raises(sa.exc.TimeoutError) as caught:
            async with database.session() as second:
                await second.execute(sa.text("SELECT 1"))
    assert isinstance(database.fault(caught.value), PoolTimeout)


async def test_compiled_statements_run_in_the_sessions_own_transaction(database: PostgreSQL) -> None:
    async with database.session() as session:
        transaction = await database.transaction(session)
        await transaction.fetch("INSERT INTO items VALUES (1, 'one', 1)", [])
        assert await transaction.fetch_each("SELECT $1::text", [["a"], ["b"]]) == [("a",), ("b",)]
        assert (await session.scalars(sa.select(Item.name))).all() == ["one"]
        assert await names(database) == []
        await session.rollback()
    assert await names(database) == []


async def test_what_a_session_has_pending_is_there_for_compiled_statements(database: PostgreSQL) -> None:
    async with database.session() as session:
        transaction = await database.transaction(session)
        session.add(Item(id=1, name="one"))
        assert await transaction.fetch("SELECT name FROM items", []) == [("one",)]


async def test_json_is_text_for_compiled_statements_and_decoded_for_the_session(database: PostgreSQL, run: Run) -> None:
    documents = sa.Table("documents", MetaData(), sa.Column("body", JSONB), sa.Column("old", sa.JSON))
    await run(database, "CREATE TABLE documents (body jsonb, old json)")
    async with database.session() as session:
        await session.execute(sa.insert(documents).values(body={"a": [1, None]}, old=[True]))
        assert (await session.execute(sa.select(documents))).all() == [({"a": [1, None]}, [True])]
        transaction = await database.transaction(session)
        assert await transaction.fetch("SELECT body, old FROM documents", []) == [('{"a": [1, null]}', "[true]")]


async def test_errors_of_compiled_statements_are_backstays_own_in_a_session_too(database: PostgreSQL) -> None:
    with pytest.raises(UniqueViolation):
        async with database.session() as session:
            transaction = await database.transaction(session)
            await transaction.fetch_each("INSERT INTO items VALUES ($1::text::int, 'x')", [["1"], ["1"]])
    with pytest.raises(ReadOnly):
        async with database.session(readonly=True) as session:
            await (await database.transaction(session)).fetch("DELETE FROM items", [])


@pytest.mark.parametrize("compiled", [False, True])
async def test_a_session_that_swallowed_an_error_is_not_taken_for_committed(
    database: PostgreSQL, compiled: bool
) -> None:
    again = "INSERT INTO items VALUES (1, 'again', 1)"
    with pytest.raises(sa.exc.PendingRollbackError, match="begin_nested"):
        async with database.session() as session:
            await session.execute(sa.text("INSERT INTO items VALUES (1, 'one', 1)"))
            if compiled:
                with pytest.raises(UniqueViolation):
                    await (await database.transaction(session)).fetch(again, [])
            else:
                with pytest.raises(sa.exc.IntegrityError):
                    await session.execute(sa.text(again))
    assert await names(database) == []


async def test_a_savepoint_saves_a_session_from_an_error(database: PostgreSQL) -> None:
    async with database.session() as session:
        session.add(Item(id=1, name="one"))
        await session.flush()
        with pytest.raises(sa.exc.IntegrityError):
            async with session.begin_nested():
                await session.execute(sa.text("INSERT INTO items VALUES (1, 'again', 1)"))
    assert await names(database) == ["one"]


async def test_sessions_go_on_after_every_connection_was_terminated(database: PostgreSQL, watcher: Any) -> None:
    async with database.session() as session:
        await session.execute(sa.text("SELECT 1"))
    await watcher.fetch(OTHERS, watcher.get_server_pid())
    await asyncio.sleep(0.05)
    async with database.session() as session:
        session.add(Item(id=1, name="one"))
    assert await names(database) == ["one"]


async def test_a_session_whose_connection_is_lost_is_an_outage(database: PostgreSQL, watcher: Any) -> None:
    with pytest.raises(sa.exc.DBAPIError) as caught:
        async with database.session() as session:
            await session.execute(sa.text("SELECT 1"))
            await watcher.fetch(OTHERS, watcher.get_server_pid())
            await session.execute(sa.text("SELECT 1"))
    assert isinstance(database.fault(caught.value), DatabaseUnavailable)


async def test_a_cancelled_session_is_cancelled_on_the_server(open_database: Open, watcher: Any) -> None:
    database = await open_database(session_pool_size=1)

    async def sleep() -> None:
        async with database.session() as session:
            await session.execute(sa.text("SELECT pg_sleep(30)"))

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(sleep(), timeout=0.2)

    async def awake() -> bool:
        return await watcher.fetchval(SLEEPING + " AND state = 'active'") == 0

    await until_true(awake)
    async with database.session() as session:
        assert (await session.execute(sa.text("SELECT 1"))).scalar() == 1


# Opening and closing -----------------------------------------------------------------------------------------


async def test_starting_fails_where_there_is_no_server() -> None:
    database = PostgreSQL("postgresql://nobody@127.0.0.1:9/none", settings=Settings(), metadata=MetaData())
    with pytest.raises(DatabaseUnavailable):
        await database.start()
    await database.close()


async def test_closing_leaves_no_connection_behind(open_database: Open, watcher: Any) -> None:
    database = await open_database()
    await asyncio.gather(*(database.fetch("SELECT pg_sleep(0.01)", []) for _ in range(3)))
    async with database.session() as session:
        await session.execute(sa.text("SELECT 1"))
    await database.close()

    async def alone() -> bool:
        query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        return await watcher.fetchval(query) == 1

    await until_true(alone)
    with pytest.raises(DatabaseUnavailable, match="closed"):
        await database.fetch("SELECT 1", [])


def test_without_the_driver_one_is_told_what_to_install() -> None:
    program = "import sys; sys.modules['asyncpg'] = None; import backstay.dialects.postgresql.connect"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "DeclarationError: PostgreSQL needs the package asyncpg." in ran.stderr


async def test_synchronous_code_runs_in_one_transaction(postgresql_url: str) -> None:
    def migrate(connection: sa.Connection) -> list[str]:
        Base.metadata.create_all(connection)
        assert connection.exec_driver_sql("SHOW statement_timeout").scalar() == "0"
        return sa.inspect(connection).get_table_names()

    assert await run_sync(postgresql_url, migrate) == ["items"]
    assert await run_sync(postgresql_url, lambda connection: sa.inspect(connection).get_table_names()) == ["items"]


async def test_synchronous_code_is_told_why_there_is_no_connection() -> None:
    with pytest.raises(DatabaseUnavailable) as caught:
        await run_sync("postgresql://nobody@127.0.0.1:9/none", lambda connection: None)
    assert caught.value.detail


async def test_synchronous_code_that_raises_leaves_nothing_behind(postgresql_url: str) -> None:
    def fail(connection: sa.Connection) -> None:
        Base.metadata.create_all(connection)
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        await run_sync(postgresql_url, fail)
    assert await run_sync(postgresql_url, lambda connection: sa.inspect(connection).get_table_names()) == []


# Reads that wait together ------------------------------------------------------------------------------------

MOMENT = "SELECT count(*), clock_timestamp() FROM items WHERE $1 = 'x'"


async def test_the_same_reads_that_wait_for_a_connection_are_run_once(open_database: Open, run: Run) -> None:
    database = await open_database(pool_size=1)
    await run(database, "CREATE TABLE items (id int PRIMARY KEY, name text NOT NULL)")
    blocking = asyncio.create_task(database.fetch("SELECT pg_sleep(0.1)::text", []))
    await asyncio.sleep(0)
    reads = [asyncio.create_task(database.fetch(MOMENT, ["x"])) for _ in range(20)]
    other = asyncio.create_task(database.fetch(MOMENT, ["y"]))
    found = [rows[0] for rows in await asyncio.gather(*reads)]
    await blocking
    assert len(set(found)) == 1
    assert (await other)[0] != found[0]
    assert (await database.fetch(MOMENT, ["x"]))[0] != found[0]


async def test_who_has_written_reads_it_however_many_wait(open_database: Open, run: Run) -> None:
    database = await open_database(pool_size=2)
    await run(database, "CREATE TABLE items (id serial PRIMARY KEY)")

    async def go() -> None:
        for _ in range(10):
            ((written,),) = await run(database, "INSERT INTO items DEFAULT VALUES RETURNING id")
            ((seen,),) = await database.fetch("SELECT max(id) FROM items", [])
            assert seen >= written

    await asyncio.gather(*(go() for _ in range(20)))


async def test_settings_of_a_transaction_are_shared_with_nobody(open_database: Open) -> None:
    database = await open_database(pool_size=1)
    blocking = asyncio.create_task(database.fetch("SELECT pg_sleep(0.1)::text", []))
    await asyncio.sleep(0)
    text = "SELECT current_setting('TimeZone')"
    zones = [(("TimeZone", name),) for name in ("Asia/Tokyo", "Europe/Berlin", "Asia/Tokyo")]
    found = await asyncio.gather(*(database.fetch(text, [], zone) for zone in zones), database.fetch(text, []))
    await blocking
    assert [rows[0][0] for rows in found[:3]] == ["Asia/Tokyo", "Europe/Berlin", "Asia/Tokyo"]
    assert found[3][0][0] not in ("Asia/Tokyo", "Europe/Berlin")
