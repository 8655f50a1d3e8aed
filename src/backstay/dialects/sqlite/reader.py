"""Reads: short ones in the event loop, long ones in threads.

A point read takes some microseconds, a hop to a thread ten times that. So a read begins in the loop, under a deadline
that keeps the loop responsive; what passes it is interrupted and run again in a thread. Texts that proved long go to
the threads at once, until they prove short again. Where all threads are busy, those who ask the very same share one.

The loop's connection makes no text longer than ``WHOLE``: copying such a one would hold the loop, too. What passes that
is run again in a thread as well, where any length will do, unless the caller asked for short ones alone.
"""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from functools import partial
from itertools import islice
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Any, TypeAlias, TypeVar

import apsw

from backstay.dialects.dialect import WHOLE, Row, Take
from backstay.dialects.rowwise.batch import FIRST, next_size
from backstay.dialects.sql.waiting import Waiting
from backstay.dialects.sqlite.errors import translate
from backstay.dialects.sqlite.open import EXPLAIN, Deadline
from backstay.errors import DatabaseUnavailable, Overloaded

T = TypeVar("T")

Opening: TypeAlias = Callable[[Deadline, float | None], apsw.Connection]
"""Opens a reading connection with a deadline, and how long it waits for locks (None: as long as a statement may)."""

Reading: TypeAlias = Callable[[apsw.Connection], T]
"""What is done in a thread, on one of its connections."""

Reads: TypeAlias = Callable[[apsw.Connection, str, Sequence[Any]], list[Row]]
"""Runs a statement there."""

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
        self._connection.limit(apsw.SQLITE_LIMIT_LENGTH, WHOLE)
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
        except (apsw.InterruptError, apsw.TooBigError):
            self._remember(text)
        except (apsw.BusyError, apsw.LockedError):
            pass  # waiting for a lock is for threads
        except Exception as error:
            raise translate(error, connection=connection) from error
        return None

    async def fetch(self, text: str, parameters: Sequence[Any], *, bounded: bool = False) -> list[Row]:
        """Run one reading statement.

        Arguments:
            text, parameters: the statement.
            bounded: no text longer than ``WHOLE`` is wanted.

        Raises:
            TooLong: such a text was made, and not wanted.
            StatementTimeout: it took longer than a statement may.
            Overloaded: too many long reads wait, or for too long.
            And the other errors of :mod:`backstay.errors`.
        """
        rows = self.fetch_at_once(text, parameters)
        return await self._fetch_in_thread(text, parameters, bounded) if rows is None else rows

    async def fetch_rows(self, text: str, parameters: Sequence[Any], take: Take) -> None:
        """Run one reading statement in a thread, and hand its rows on there in batches.

        Raises:
            As :meth:`fetch`, and whatever ``take`` raises.
        """

        def read(connection: apsw.Connection) -> None:
            size = FIRST
            with closing(connection.execute(text, parameters)) as cursor:
                while rows := list(islice(cursor, size)):
                    size = next_size(len(rows), take(rows))

        with self._enter():
            if threading.get_ident() != self._home:
                await self._run(read)
                return
            await self._take_thread()
            try:
                await self._run(read)
            finally:
                self._free.release()

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

    @contextmanager
    def _enter(self) -> Iterator[None]:
        if self._waiting >= _MOST_WAITING or (self._since and 0 < self._longest < monotonic() - self._since[0]):
            raise Overloaded("Too many long reads are waiting.")
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1

    async def _fetch_in_thread(self, text: str, parameters: Sequence[Any], bounded: bool) -> list[Row]:
        read = _read_bounded if bounded else _read_all
        with self._enter():
            if threading.get_ident() != self._home:
                return await self._read_text(read, text, parameters)
            if not self._free.locked():
                await self._free.acquire()
                return await self._read_and_free(read, None, text, parameters)
            return await self._reads.fetch(text, parameters, partial(self._read_and_free, read))

    async def _take_thread(self) -> None:
        since = monotonic()
        self._since.append(since)
        try:
            await self._free.acquire()
        finally:
            self._since.remove(since)

    async def _read_and_free(self, read: Reads, _turn: None, text: str, parameters: Sequence[Any]) -> list[Row]:
        try:
            return await self._read_text(read, text, parameters)
        finally:
            self._free.release()

    async def _read_text(self, read: Reads, text: str, parameters: Sequence[Any]) -> list[Row]:
        def timed(connection: apsw.Connection) -> tuple[list[Row], float]:
            began = monotonic()
            return read(connection, text, parameters), monotonic() - began

        rows, seconds = await self._run(timed)
        if seconds < BUDGET / 2:
            self._long.pop(text, None)
        return rows

    async def _run(self, reading: Reading[T]) -> T:
        if self._threads is None:
            raise DatabaseUnavailable("The database is closed.")
        ticket = Ticket()
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._threads, self._read, ticket, reading)
        except asyncio.CancelledError:
            ticket.give_up()
            raise

    def _read(self, ticket: Ticket, reading: Reading[T]) -> T:
        connection, deadline = self._borrow()
        try:
            ticket.begin(deadline, self._timeout)
            return reading(connection)
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
            connection = self._opening(deadline, None)
            # What a long read sorts may be larger than memory; little of it still never sees a file.
            connection.pragma("temp_store", "file")
            return connection, deadline

    def _remember(self, text: str) -> None:
        self._long[text] = None
        if len(self._long) > _MOST_LONG:
            self._long.popitem(last=False)


class TooLong(Exception):
    """A statement made a text longer than was wanted."""


def _read_all(connection: apsw.Connection, text: str, parameters: Sequence[Any]) -> list[Row]:
    return list(connection.execute(text, parameters, can_cache=text[:7] != EXPLAIN))


def _read_bounded(connection: apsw.Connection, text: str, parameters: Sequence[Any]) -> list[Row]:
    most = connection.limit(apsw.SQLITE_LIMIT_LENGTH, WHOLE)
    try:
        return list(connection.execute(text, parameters))
    except apsw.TooBigError:
        raise TooLong from None
    finally:
        connection.limit(apsw.SQLITE_LIMIT_LENGTH, most)


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
