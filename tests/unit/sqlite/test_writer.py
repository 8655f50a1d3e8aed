"""One writer for all: shared commits, separate fates."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextvars import Context
from datetime import timedelta
from typing import Any

import apsw
import pytest
import sqlalchemy as sa

from backstay.dialects.dialect import Transaction
from backstay.dialects.sqlite.connect import SQLite
from backstay.dialects.sqlite.turn import Turn
from backstay.dialects.sqlite.writer import Writer
from backstay.errors import (
    BackstayError,
    CheckViolation,
    DatabaseUnavailable,
    ForeignKeyViolation,
    Overloaded,
    StatementTimeout,
    StorageFull,
)
from in_time import in_time

Open = Callable[..., Awaitable[SQLite]]
Run = Callable[..., Awaitable[list[tuple[Any, ...]]]]
INSERT = "INSERT INTO items (name) VALUES (?) RETURNING id"
SLOW = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000000) "


@pytest.fixture
def commits() -> Iterator[list[int]]:
    """A mark for each commit on any connection opened meanwhile."""
    found: list[int] = []

    def mark() -> int:
        found.append(1)
        return 0

    def hook(connection: apsw.Connection) -> None:
        connection.set_commit_hook(mark)

    apsw.connection_hooks.append(hook)
    yield found
    apsw.connection_hooks.remove(hook)


async def count(database: SQLite) -> int:
    ((found,),) = await database.fetch("SELECT count(*) FROM items", ())
    return int(found)


async def test_concurrent_writes_share_commits(commits: list[int], open_database: Open, run: Run) -> None:
    database = await open_database()
    await run(database, "CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT)")
    commits.clear()
    rows = await asyncio.gather(*(run(database, INSERT, str(number)) for number in range(200)))
    assert len({row[0][0] for row in rows}) == 200
    assert await count(database) == 200
    assert 1 <= len(commits) < 100


async def test_those_who_are_not_committed_yet_wait_for_all_before_them(database: SQLite) -> None:
    for watch in in_time(0.1):
        await asyncio.gather(*(database.write(steady) for _ in range(200)))
        assert database.waiting(True) == (0, 0.0)
        running, ends = threading.Event(), threading.Event()

        async def blocks(transaction: Transaction, running: threading.Event = running, ends: Any = ends) -> None:
            running.set()
            ends.wait()

        first = asyncio.create_task(database.write(blocks))
        await asyncio.to_thread(running.wait)
        one, alone = database.waiting(True)
        others = [asyncio.create_task(database.write(steady)) for _ in range(99)]
        await asyncio.sleep(0)
        many, together = database.waiting(True)
        ends.set()
        await asyncio.gather(first, *others)
        assert (one, many) == (1, 100)
        assert together >= 100 * alone > 0.05
        assert database.waiting(True) == (0, 0.0)
        # By the pace of those 200, which slept for a millisecond each; the first one's age is less than that.
        watch.took = alone


async def steady(transaction: Transaction) -> None:
    time.sleep(0.001)


async def test_the_first_tells_for_how_long_there_is_no_turn() -> None:
    turn = Turn()
    writer = Writer(turn, 10, sa.MetaData())
    writer.start(apsw.Connection(":memory:"))
    await turn.take_in_loop(1)
    waiting = asyncio.create_task(writer.run(steady))
    await asyncio.sleep(0.1)
    many, waited = writer.waiting()
    turn.release()
    await waiting
    writer.close()
    assert many == 1
    assert waited > 0.05


async def test_a_failing_work_does_not_harm_its_neighbours(database: SQLite, run: Run) -> None:
    bad = "INSERT INTO items (amount) VALUES (?)"
    outcomes = await asyncio.gather(
        *(run(database, bad, -1) if number % 5 == 0 else run(database, INSERT, "good") for number in range(50)),
        return_exceptions=True,
    )
    assert sum(isinstance(outcome, CheckViolation) for outcome in outcomes) == 10
    assert await count(database) == 40


async def test_a_work_that_raises_undoes_all_its_statements(database: SQLite) -> None:
    async def work(transaction: Transaction) -> None:
        await transaction.fetch(INSERT, ("a",))
        await transaction.fetch(INSERT, ("b",))
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await database.write(work)
    assert await count(database) == 0


async def test_a_work_may_go_on_after_a_failed_statement(database: SQLite) -> None:
    async def work(transaction: Transaction) -> list[tuple[Any, ...]]:
        with pytest.raises(CheckViolation):
            await transaction.fetch("INSERT INTO items (amount) VALUES (-1)", ())
        return await transaction.fetch_each(INSERT, [("a",), ("b",)])

    assert await database.write(work) == [(1,), (2,)]
    assert await count(database) == 2


async def test_a_work_that_awaits_anything_else_is_refused(database: SQLite) -> None:
    async def work(transaction: Transaction) -> None:
        await transaction.fetch(INSERT, ("a",))
        await asyncio.sleep(0)

    with pytest.raises(BackstayError, match="awaited something other than its transaction"):
        await database.write(work)
    assert await count(database) == 0


async def test_a_write_that_is_cancelled_before_it_began_is_withdrawn(database: SQLite, run: Run) -> None:
    async with database.session() as session:
        connection = await session.connection()
        await connection.exec_driver_sql("INSERT INTO items (name) VALUES ('session')")
        first = asyncio.create_task(run(database, INSERT, "first"), context=Context())
        await asyncio.sleep(0.05)  # the writer has taken nothing yet: it waits for its turn
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
    await run(database, INSERT, "second")
    assert await database.fetch("SELECT name FROM items ORDER BY id", ()) == [("session",), ("second",)]


async def test_a_write_that_is_cancelled_after_it_began_is_finished(database: SQLite) -> None:
    loop = asyncio.get_running_loop()
    began = asyncio.Event()

    async def work(transaction: Transaction) -> None:
        loop.call_soon_threadsafe(began.set)
        await transaction.fetch(SLOW.replace("1000000000", "300000") + "SELECT count(*) FROM n", ())
        await transaction.fetch(INSERT, ("done",))

    task = asyncio.create_task(database.write(work))
    await began.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(60):
        while await count(database) == 0:
            await asyncio.sleep(0.01)


async def test_a_write_that_takes_too_long_is_stopped_and_its_neighbours_are_not(open_database: Open, run: Run) -> None:
    database = await open_database(statement_timeout=timedelta(seconds=0.3))
    await run(database, "CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT)")
    outcomes = await asyncio.gather(
        run(database, INSERT, "before"),
        run(database, f"{SLOW} INSERT INTO items (name) SELECT i FROM n"),
        run(database, INSERT, "after"),
        return_exceptions=True,
    )
    assert isinstance(outcomes[1], StatementTimeout)
    assert await database.fetch("SELECT name FROM items ORDER BY name", ()) == [
        ("after",),
        ("before",),
    ]


async def test_a_full_disk_fails_the_write_that_needs_room(open_database: Open, run: Run) -> None:
    database = await open_database()
    await run(database, "CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT)")
    await run(database, "PRAGMA max_page_count = 20")
    with pytest.raises(StorageFull):
        await run(database, "INSERT INTO items (name) VALUES (?)", "x" * 1_000_000)
    assert await count(database) == 0
    await run(database, INSERT, "small")
    assert await count(database) == 1


async def test_a_foreign_key_put_off_to_the_commit_fails_its_own_work_only(database: SQLite, run: Run) -> None:
    await run(
        database,
        "CREATE TABLE parts (id INTEGER PRIMARY KEY, item_id INTEGER REFERENCES items DEFERRABLE INITIALLY DEFERRED)",
    )
    outcomes = await asyncio.gather(
        run(database, INSERT, "good"),
        run(database, "INSERT INTO parts (item_id) VALUES (99)"),
        run(database, INSERT, "good"),
        return_exceptions=True,
    )
    assert isinstance(outcomes[1], ForeignKeyViolation)
    assert outcomes[1].message.endswith('table "parts" violates foreign key constraint "parts_item_id_fkey"')
    assert await count(database) == 2


async def test_a_work_that_ends_the_transaction_is_refused(database: SQLite, run: Run) -> None:
    with pytest.raises(BackstayError, match="ended the transaction"):
        await run(database, "ROLLBACK")
    await run(database, INSERT, "after")
    assert await count(database) == 1


async def test_a_lock_of_another_connection_is_waited_for_and_then_overloaded(open_database: Open, run: Run) -> None:
    database = await open_database(statement_timeout=timedelta(seconds=0.3))
    await run(database, "CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT)")
    other = apsw.Connection(database.url.removeprefix("sqlite:///"))
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Overloaded):
        await run(database, INSERT, "too early")
    patient = await open_database(statement_timeout=timedelta(seconds=60))
    waiting = asyncio.create_task(run(patient, INSERT, "in time"))
    await asyncio.sleep(0.1)
    other.execute("ROLLBACK")
    assert await waiting == [(1,)]
    other.close()


async def test_close_finishes_what_waits_and_folds_the_log_into_the_file(database: SQLite, run: Run) -> None:
    tasks = [asyncio.create_task(run(database, INSERT, str(number))) for number in range(50)]
    await asyncio.sleep(0)
    await database.close()
    await asyncio.gather(*tasks)
    with pytest.raises(DatabaseUnavailable):
        await run(database, INSERT, "late")
    path = database.url.removeprefix("sqlite:///")
    copy = apsw.Connection(f"file:{path}?immutable=1", flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)
    assert copy.execute("SELECT count(*) FROM items").fetchall() == [(50,)]
    copy.close()
