"""A pool of connections that costs next to nothing on the way of a request.

The driver's own pool asks the server to reset a connection whenever it comes back (a round trip of its own) and
wraps it in a proxy and a task: half the reads per second. Backstay's own statements leave nothing behind that would
need a reset.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from time import monotonic
from typing import TypeAlias

import asyncpg

from backstay.errors import DatabaseUnavailable, PoolTimeout

Waiter: TypeAlias = "asyncio.Future[asyncpg.Connection | None]"
"""Someone waiting: gets a connection, or None for the right to open one."""

# How long a connection may take to become quiet after its statement was cancelled; then it is dropped.
SETTLE = 5.0

CLOSED = "The database is closed."


class Pool:
    """Connections to one server, at most ``size``; the one used last is handed out first.

    Arguments:
        connect: opens a connection; raises DatabaseUnavailable.
        size: how many there may be.
        timeout: how many seconds to wait for one that is free.
    """

    def __init__(self, connect: Callable[[], Awaitable[asyncpg.Connection]], *, size: int, timeout: float) -> None:
        self._connect = connect
        self._size = size
        self._timeout = timeout
        self._idle: list[asyncpg.Connection] = []
        self._open = 0
        self._waiting: deque[tuple[Waiter, float]] = deque()
        self._settling: set[asyncio.Task[None]] = set()
        self._empty: asyncio.Event | None = None

    async def take(self) -> asyncpg.Connection:
        """Take a connection that lives, as far as one can know without asking the server.

        Whoever takes one hands it back by exactly one of :meth:`give`, :meth:`settle` and :meth:`drop`.

        Raises:
            PoolTimeout: when none became free in time.
            DatabaseUnavailable: when none could be opened, or the pool is closed.
        """
        connection = self.take_idle()
        if connection is not None:
            return connection
        if self._open < self._size:
            self._open += 1
            return await self._open_one()
        return await self._wait()

    def take_idle(self) -> asyncpg.Connection | None:
        """Take a connection that is there at once, as :meth:`take` does; None where one has to be waited for.

        Raises:
            DatabaseUnavailable: when the pool is closed.
        """
        if self._empty is not None:
            raise DatabaseUnavailable(CLOSED)
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
            self._open -= 1
        return None

    def waiting(self) -> tuple[int, float]:
        """How many wait for a connection, and for how many seconds the first of them has."""
        while self._waiting and self._waiting[0][0].done():
            self._waiting.popleft()
        return (len(self._waiting), monotonic() - self._waiting[0][1]) if self._waiting else (0, 0.0)

    def adopt(self, connection: asyncpg.Connection) -> None:
        """Give the pool a connection that it did not open itself."""
        self._open += 1
        self.give(connection)

    def give(self, connection: asyncpg.Connection) -> None:
        """Hand back a connection that is outside a transaction."""
        if connection.is_closed():
            self._free_slot()
        elif self._empty is not None:
            self.drop(connection)
        elif not self._pass_on(connection):
            self._idle.append(connection)

    def settle(self, connection: asyncpg.Connection) -> asyncio.Task[None]:
        """Hand back a connection whose statement was cancelled or whose transaction is to be rolled back.

        Returns:
            the task that does so in the background, for who wants to wait for it (shielded).
        """
        task = asyncio.get_running_loop().create_task(self._settle(connection))
        self._settling.add(task)
        task.add_done_callback(self._settling.discard)
        return task

    def drop(self, connection: asyncpg.Connection) -> None:
        """Hand back a connection that is of no use any more."""
        connection.terminate()
        self._free_slot()

    def drop_idle(self) -> None:
        """Let go of every idle connection: after one was found broken, the others are not to be trusted."""
        idle, self._idle = self._idle, []
        for connection in idle:
            self.drop(connection)

    async def close(self) -> None:
        """Wait until every connection is handed back, and close them all."""
        if self._empty is None:
            self._empty = asyncio.Event()
        for waiter, _ in self._waiting:
            if not waiter.done():
                waiter.set_exception(DatabaseUnavailable(CLOSED))
        idle, self._idle = self._idle, []
        await asyncio.gather(*(connection.close(timeout=SETTLE) for connection in idle), return_exceptions=True)
        self._open -= len(idle)
        if self._open:
            await self._empty.wait()

    async def _open_one(self) -> asyncpg.Connection:
        try:
            return await self._connect()
        except BaseException:
            self._free_slot()
            raise

    async def _wait(self) -> asyncpg.Connection:
        loop = asyncio.get_running_loop()
        waiter: Waiter = loop.create_future()
        place = (waiter, monotonic())
        self._waiting.append(place)
        alarm = loop.call_later(self._timeout, _give_up, waiter)
        try:
            connection = await waiter
        except BaseException:
            self._refuse(place)
            raise
        finally:
            alarm.cancel()
        if connection is None:
            return await self._open_one()
        return connection

    def _refuse(self, place: tuple[Waiter, float]) -> None:
        waiter, _ = place
        if waiter.cancelled() or waiter.exception() is not None:
            with suppress(ValueError):
                self._waiting.remove(place)
            return
        # Cancelled in the moment between being handed a connection and waking up.
        connection = waiter.result()
        if connection is None:
            self._free_slot()
        else:
            self.give(connection)

    def _pass_on(self, connection: asyncpg.Connection | None) -> bool:
        while self._waiting:
            waiter, _ = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(connection)
                return True
        return False

    def _free_slot(self) -> None:
        if self._pass_on(None):
            return
        self._open -= 1
        if self._empty is not None and not self._open:
            self._empty.set()

    async def _settle(self, connection: asyncpg.Connection) -> None:
        try:
            # The driver first waits until the server has answered the cancelled statement.
            await connection.execute("ROLLBACK", timeout=SETTLE)
        except BaseException as error:
            self.drop(connection)
            if not isinstance(error, Exception):
                raise
        else:
            self.give(connection)


def _give_up(waiter: Waiter) -> None:
    if not waiter.done():
        waiter.set_exception(PoolTimeout())
