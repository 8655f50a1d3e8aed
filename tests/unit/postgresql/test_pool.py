"""The pool: who gets a connection, who waits, and what becomes of broken ones."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import asyncpg
import pytest

from backstay.dialects.postgresql.pool import Pool
from backstay.errors import DatabaseUnavailable, PoolTimeout

Make = Callable[..., Pool]


@pytest.fixture
async def make(postgresql_url: str) -> AsyncIterator[Make]:
    """Makes pools of connections to the test's database; all are closed in the end."""
    async with AsyncExitStack() as stack:

        def make_one(*, size: int = 1, timeout: float = 30) -> Pool:
            pool = Pool(lambda: asyncpg.connect(postgresql_url), size=size, timeout=timeout)
            stack.push_async_callback(pool.close)
            return pool

        yield make_one


async def test_the_connection_used_last_is_handed_out_first(make: Make) -> None:
    pool = make(size=2)
    first, second = await pool.take(), await pool.take()
    pool.give(first)
    pool.give(second)
    assert await pool.take() is second
    pool.give(second)


async def test_who_comes_when_all_are_taken_waits_its_turn(make: Make) -> None:
    pool = make()
    connection = await pool.take()
    served: list[int] = []

    async def use(number: int) -> None:
        taken = await pool.take()
        served.append(number)
        await taken.execute("SELECT 1")
        pool.give(taken)

    tasks = [asyncio.create_task(use(number)) for number in range(5)]
    await asyncio.sleep(0)
    assert served == []
    pool.give(connection)
    await asyncio.gather(*tasks)
    assert served == [0, 1, 2, 3, 4]


async def test_who_waits_too_long_gets_a_pool_timeout_and_takes_nothing(make: Make) -> None:
    pool = make(timeout=0.05)
    connection = await pool.take()
    with pytest.raises(PoolTimeout):
        await pool.take()
    pool.give(connection)
    assert await pool.take() is connection
    pool.give(connection)


async def test_a_waiter_that_is_cancelled_takes_nothing(make: Make) -> None:
    pool = make()
    connection = await pool.take()
    waiting = asyncio.create_task(pool.take())
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    pool.give(connection)
    assert await pool.take() is connection
    pool.give(connection)


async def test_a_waiter_cancelled_in_the_moment_it_is_served_passes_the_connection_on(make: Make) -> None:
    pool = make()
    connection = await pool.take()
    unlucky, next_one = asyncio.create_task(pool.take()), asyncio.create_task(pool.take())
    await asyncio.sleep(0)
    pool.give(connection)
    unlucky.cancel()
    with pytest.raises(asyncio.CancelledError):
        await unlucky
    assert await next_one is connection
    pool.give(connection)


async def test_a_connection_that_died_while_idle_is_replaced(make: Make) -> None:
    pool = make()
    connection = await pool.take()
    pool.give(connection)
    connection.terminate()
    fresh = await pool.take()
    assert fresh is not connection
    assert await fresh.fetchval("SELECT 1") == 1
    pool.give(fresh)


async def test_a_dropped_connection_makes_room_for_a_waiter(make: Make) -> None:
    pool = make()
    connection = await pool.take()
    waiting = asyncio.create_task(pool.take())
    await asyncio.sleep(0)
    pool.drop(connection)
    fresh = await waiting
    assert await fresh.fetchval("SELECT 1") == 1
    pool.give(fresh)


async def test_a_connection_that_cannot_be_opened_leaves_its_place_to_the_next(postgresql_url: str) -> None:
    attempts = 0

    async def connect() -> asyncpg.Connection:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            raise DatabaseUnavailable
        return await asyncpg.connect(postgresql_url)

    pool = Pool(connect, size=1, timeout=30)
    with pytest.raises(DatabaseUnavailable):
        await pool.take()
    pool.give(await pool.take())
    await pool.close()


async def test_a_settled_connection_has_no_transaction_left(make: Make) -> None:
    pool = make()
    connection = await pool.take()
    await connection.execute("BEGIN")
    await asyncio.shield(pool.settle(connection))
    again = await pool.take()
    assert again is connection
    assert not again.is_in_transaction()
    pool.give(again)


async def test_closing_waits_for_what_is_under_way_and_refuses_what_waits(make: Make) -> None:
    pool = make()
    connection = await pool.take()
    waiting = asyncio.create_task(pool.take())
    await asyncio.sleep(0)
    closing = asyncio.create_task(pool.close())
    await asyncio.sleep(0.02)
    assert not closing.done()
    with pytest.raises(DatabaseUnavailable, match="closed"):
        await waiting
    pool.give(connection)
    await closing
    assert connection.is_closed()
    with pytest.raises(DatabaseUnavailable, match="closed"):
        await pool.take()


async def test_a_pool_that_was_never_used_closes_at_once(make: Make) -> None:
    await asyncio.wait_for(make().close(), timeout=20)


async def test_a_pool_never_opens_more_connections_than_its_size(make: Make) -> None:
    pool = make(size=3)
    opened: set[int] = set()

    async def use() -> None:
        connection = await pool.take()
        opened.add(connection.get_server_pid())
        await connection.execute("SELECT pg_sleep(0.002)")
        pool.give(connection)

    await asyncio.gather(*(use() for _ in range(40)))
    assert len(opened) <= 3
