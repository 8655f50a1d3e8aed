"""Reads: short ones in the event loop, long ones in threads.

A point read takes some microseconds, a hop to a thread ten times that. So a read begins in the loop, under a deadline
that keeps the loop responsive; what passes it is interrupted and run again in a thread. Texts that proved long go to
the threads at once, until they prove short again. Where all threads are busy, those who ask the very same share one.
"""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Any, TypeAlias

import apsw

from backstay.dialects.dialect import Row
from backstay.dialects.sql.waiting import Waiting
from backstay.dialects.sqlite.errors import translate
from backstay.dialects.sqlite.open import EXPLAIN, Deadline
from backstay.errors import DatabaseUnavailable, Overloaded

Opening: TypeAlias = Callable[[Deadline, float | None], apsw.Connection]
"""Opens a reading connection with a deadline, and how long it waits for locks (None: as long as a statement may)."""

BUDGET = 0.02
"""Seconds that a read may hold the event loop."""

THREADS = 4
_MOST_LONG = 512
_MOST_WAITING = 1000


class Reader:
    """One reading connection for the loop, and a few in threads.

    Arguments:
        opening: opens them.
        timeout: how many seconds a statement may take.
        longest: how many seconds long reads may wait for a thread before further ones are refused; 0: none is.
    """

    def __init__(self, opening: Opening, timeout: float, longest: float) -> None:
        self._opening = opening
        self._timeout = timeout
        self._longest = longest
        self._deadline = Deadline()
        self._connection: apsw.Connection | None = None
        self._home = 0
        self._long: OrderedDict[str, None] = OrderedDict()
        self._threads: ThreadPoolExecutor | None = None
        self._idle: SimpleQueue[tuple[apsw.Connection, Deadline]] = SimpleQueue()
        self._waiting = 0
        self._free = asyncio.Semaphore(THREADS)
        self._since: deque[float] = deque()
        self._reads: Waiting[None] = Waiting(self._take_thread)

    def start(self) -> None:
        """Open the loop's connection. To be called in the loop's thread."""
        self._home = threading.get_ident()
        self._connection = self._opening(self._deadline, 0)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="backstay-reader")
        self._free = asyncio.Semaphore(THREADS)

    def fetch_at_once(self, text: str, parameters: Sequence[Any]) -> list[Row] | None:
        """Run one reading statement in the loop; None where it is for threads.

        Raises:
            The errors of :meth:`fetch`.
        """
        connection = self._connection
        if connection is None:
            raise DatabaseUnavailable("The database is closed.")
        if text in self._long or threading.get_ident() != self._home:
            return None
        self._deadline.begin(BUDGET)
        try:
            return list(connection.execute(text, parameters, can_cache=text[:7] != EXPLAIN))
        except apsw.InterruptError:
            self._remember(text)
        except (apsw.BusyError, apsw.LockedError):
            pass  # waiting for a lock is for threads
        except Exception as error:
            raise translate(error, connection=connection) from error
        return None

    async def fetch(self, text: str, parameters: Sequence[Any]) -> list[Row]:
        """Run one reading statement.

        Raises:
            StatementTimeout: it took longer than a statement may.
            Overloaded: too many long reads wait, or for too long.
            And the other errors of :mod:`backstay.errors`.
        """
        rows = self.fetch_at_once(text, parameters)
        return await self._fetch_in_thread(text, parameters) if rows is None else rows

    def close(self) -> None:
        """Wait for the reads under way and close every connection."""
        connection, self._connection = self._connection, None
        if self._threads is not None:
            self._threads.shutdown(wait=True)
        while not self._idle.empty():
            self._idle.get()[0].close()
        if connection is not None:
            connection.close()

    # Threads -------------------------------------------------------------------------------------------------

    async def _fetch_in_thread(self, text: str, parameters: Sequence[Any]) -> list[Row]:
        if self._waiting >= _MOST_WAITING or (self._since and 0 < self._longest < monotonic() - self._since[0]):
            raise Overloaded("Too many long reads are waiting.")
        self._waiting += 1
        try:
            if threading.get_ident() != self._home:
                return await self._run(text, parameters)
            if not self._free.locked():
                await self._free.acquire()
                return await self._run_and_free(None, text, parameters)
            return await self._reads.fetch(text, parameters, self._run_and_free)
        finally:
            self._waiting -= 1

    async def _take_thread(self) -> None:
        since = monotonic()
        self._since.append(since)
        try:
            await self._free.acquire()
        finally:
            self._since.remove(since)

    async def _run_and_free(self, _turn: None, text: str, parameters: Sequence[Any]) -> list[Row]:
        try:
            return await self._run(text, parameters)
        finally:
            self._free.release()

    async def _run(self, text: str, parameters: Sequence[Any]) -> list[Row]:
        if self._threads is None:
            raise DatabaseUnavailable("The database is closed.")
        ticket = Ticket()
        loop = asyncio.get_running_loop()
        try:
            rows, seconds = await loop.run_in_executor(self._threads, self._read, ticket, text, parameters)
        except asyncio.CancelledError:
            ticket.give_up()
            raise
        if seconds < BUDGET / 2:
            self._long.pop(text, None)
        return rows

    def _read(self, ticket: Ticket, text: str, parameters: Sequence[Any]) -> tuple[list[Row], float]:
        connection, deadline = self._borrow()
        try:
            began = monotonic()
            ticket.begin(deadline, self._timeout)
            rows = list(connection.execute(text, parameters, can_cache=text[:7] != EXPLAIN))
            return rows, monotonic() - began
        except Exception as error:
            raise translate(error, connection=connection) from error
        finally:
            ticket.end()
            self._idle.put((connection, deadline))

    def _borrow(self) -> tuple[apsw.Connection, Deadline]:
        try:
            return self._idle.get_nowait()
        except Empty:
            deadline = Deadline()
            return self._opening(deadline, None), deadline

    def _remember(self, text: str) -> None:
        self._long[text] = None
        if len(self._long) > _MOST_LONG:
            self._long.popitem(last=False)


class Ticket:
    """A read that waits for a thread or runs in one, and may be given up at any time."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._deadline: Deadline | None = None
        self._given_up = False

    def begin(self, deadline: Deadline, seconds: float) -> None:
        """In the thread: the read begins. Raises apsw.InterruptError if nobody waits for it any more."""
        with self._guard:
            if self._given_up:
                raise apsw.InterruptError
            deadline.begin(seconds)
            self._deadline = deadline

    def end(self) -> None:
        """In the thread: the read is over."""
        with self._guard:
            self._deadline = None

    def give_up(self) -> None:
        """In the loop: stop it."""
        with self._guard:
            self._given_up = True
            if self._deadline is not None:
                self._deadline.give_up()
