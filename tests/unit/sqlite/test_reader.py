"""Short reads in the loop, long ones in threads."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from datetime import timedelta
from time import monotonic, thread_time
from typing import Any

import pytest

from backstay.dialects.sqlite.connect import SQLite
from backstay.errors import DatabaseFault, DatabaseUnavailable, InvalidPattern, Overloaded, ReadOnly, StatementTimeout
from in_time import in_time, until

Open = Callable[..., Awaitable[SQLite]]
Run = Callable[..., Awaitable[list[tuple[Any, ...]]]]
COUNT = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) SELECT count(*) FROM n"


async def worst_lag(until: asyncio.Future[Any]) -> float:
    """The longest that the loop was held up, in seconds that its thread worked (so other programs do not count)."""
    worst = 0.0
    while not until.done():
        began = thread_time()
        await asyncio.sleep(0.001)
        worst = max(worst, thread_time() - began)
    return worst


async def test_a_read_sees_what_was_written_before(database: SQLite, run: Run) -> None:
    for number in range(20):
        await run(database, "INSERT INTO items (name) VALUES (?)", str(number))
        assert await database.fetch("SELECT count(*) FROM items", ()) == [(number + 1,)]


@pytest.mark.invariant("I26")
async def test_long_reads_do_not_hold_up_the_loop(database: SQLite) -> None:
    reads = asyncio.gather(*(database.fetch(COUNT, (1_000_000 + number,)) for number in range(6)))
    lag = asyncio.create_task(worst_lag(reads))
    assert await reads == [[(1_000_000 + number,)] for number in range(6)]
    # one budget for the first of them; the others, of the same text, go to the threads at once
    assert await lag < 0.05


async def test_a_text_that_proved_long_goes_to_the_threads_until_it_proves_short(database: SQLite) -> None:
    async def seconds_in_loop(number: int) -> tuple[float, float]:
        began = monotonic(), thread_time()
        task = asyncio.ensure_future(database.fetch(COUNT, (number,)))
        await asyncio.sleep(0)
        held = monotonic() - began[0], thread_time() - began[1]
        assert await task == [(number,)]
        return held

    # What the loop may spend is counted by the clock; what it does spend, on a busy machine, by the processor.
    long, _ = await seconds_in_loop(3_000_000)
    _, short = await seconds_in_loop(3_000_000)
    assert short < 0.005 < long
    await seconds_in_loop(10)
    long, _ = await seconds_in_loop(3_000_000)
    assert long > 0.005


async def test_a_read_that_takes_too_long_is_stopped(open_database: Open) -> None:
    database = await open_database(statement_timeout=timedelta(seconds=0.2))
    for watch in in_time(2):
        with watch, pytest.raises(StatementTimeout, match="canceling statement due to statement timeout"):
            await database.fetch(COUNT, (10**12,))


async def test_a_read_that_nobody_waits_for_is_stopped(open_database: Open) -> None:
    database = await open_database(statement_timeout=timedelta(hours=1))
    tasks = [asyncio.create_task(database.fetch(COUNT, (10**12,))) for _ in range(12)]
    await asyncio.sleep(0.1)
    for task in tasks:
        task.cancel()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes)
    async with asyncio.timeout(60):
        assert await database.fetch(COUNT, (5_000_000,)) == [(5_000_000,)]  # a thread is free at once


async def test_too_many_long_reads_are_refused(open_database: Open) -> None:
    database = await open_database(statement_timeout=timedelta(hours=1))
    tasks = [asyncio.create_task(database.fetch(COUNT, (10**12 + number,))) for number in range(1100)]
    await until(lambda: sum(task.done() for task in tasks) >= 100)
    refused = [task for task in tasks if task.done()]
    assert len(refused) == 100
    for task in refused:
        with pytest.raises(Overloaded):
            await task
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_long_reads_are_refused_once_others_wait_for_too_long(open_database: Open) -> None:
    database = await open_database(max_delay=timedelta(seconds=0.2))
    tasks = [asyncio.create_task(database.fetch(COUNT, (10**12 + number,))) for number in range(8)]
    await asyncio.sleep(0.4)
    with pytest.raises(Overloaded):
        await database.fetch(COUNT, (10**12,))
    assert await database.fetch("SELECT 1", ()) == [(1,)]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_the_same_long_reads_share_one_where_all_threads_are_busy(database: SQLite) -> None:
    text = f"SELECT ({COUNT}), random()"
    await database.fetch(text, (500_000,))
    tasks = [asyncio.create_task(database.fetch(text, (500_000,))) for _ in range(30)]
    await asyncio.sleep(0)
    gone = tasks[10]
    gone.cancel()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(found.pop(10), asyncio.CancelledError)
    # Four had a thread of their own at once; all others came before the fifth began.
    assert len({rows[0] for rows in found if not isinstance(rows, BaseException)}) == 5


@pytest.mark.parametrize(
    "text",
    [
        "INSERT INTO items (name) VALUES ('x') RETURNING id",
        "DELETE FROM items",
        "CREATE TABLE more (id INTEGER)",
        "PRAGMA user_version = 3",
    ],
)
async def test_a_read_cannot_write(database: SQLite, text: str) -> None:
    with pytest.raises(ReadOnly, match="read-only transaction"):
        await database.fetch(text, ())


async def test_errors_of_functions_and_statements_are_ours(database: SQLite) -> None:
    with pytest.raises(InvalidPattern):
        await database.fetch("SELECT regexp('(', 'a')", ())
    with pytest.raises(DatabaseFault, match="division by zero") as refused:
        await database.fetch("SELECT 1 / nonzero(?)", (0,))
    assert refused.value.state == "22012"
    with pytest.raises(DatabaseFault, match='relation "nowhere" does not exist') as refused:
        await database.fetch("SELECT * FROM nowhere", ())
    assert refused.value.state == "42P01"
    with pytest.raises(DatabaseFault, match='column "missing" does not exist'):
        await database.fetch("SELECT missing FROM items", ())
    with pytest.raises(DatabaseFault, match='column "quoted" does not exist'):
        await database.fetch('SELECT "quoted" FROM items', ())  # never taken for a text


async def test_a_read_in_another_thread_works_too(database: SQLite) -> None:
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(asyncio.run(database.fetch("SELECT 1", ()))))
    thread.start()
    await asyncio.to_thread(thread.join)
    assert found == [[(1,)]]


async def test_a_database_that_is_not_open_says_so(database: SQLite) -> None:
    await database.close()
    with pytest.raises(DatabaseUnavailable):
        await database.fetch("SELECT 1", ())
    with pytest.raises(DatabaseUnavailable):
        database.session()
    await database.close()  # twice is no harm
    await database.start()
    assert await database.fetch("SELECT 1", ()) == [(1,)]
