"""SQLAlchemy's sessions on SQLite: statements run in threads, and who writes holds the turn until the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from sqlalchemy.engine import AdaptedConnection
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool
from sqlalchemy.util.concurrency import await_, in_greenlet

from backstay.dialects.dialect import Row
from backstay.dialects.sqlite.door import dbapi
from backstay.dialects.sqlite.open import Deadline
from backstay.dialects.sqlite.turn import SEATS, Seat, Turn, refuse_waiting_for_oneself
from backstay.dialects.threads import ThreadableSession, bridged
from backstay.schema.kind.zone import Zone
from backstay.settings import Settings

T = TypeVar("T")


class ThreadedConnection(AdaptedConnection):
    """A connection whose statements run in threads, and which queues for the turn before its first write."""

    __slots__ = ("_deadline", "_holds", "_threads", "_timeout", "_turn", "loop", "seat")

    _connection: Any  # dbapi.Connection: SQLAlchemy expects an asynchronous one, but only passes it on

    def __init__(
        self,
        connection: dbapi.Connection,
        deadline: Deadline,
        *,
        threads: ThreadPoolExecutor,
        turn: Turn,
        timeout: float,
    ) -> None:
        self._connection = connection
        self._deadline = deadline
        self._threads = threads
        self._turn = turn
        self._timeout = timeout
        self._holds = False
        self.loop = asyncio.get_running_loop()
        self.seat: Seat | None = None

    # As SQLAlchemy calls it ----------------------------------------------------------------------------------

    def cursor(self, server_side: bool = False) -> ThreadedCursor:
        """A cursor."""
        return ThreadedCursor(self)

    @bridged
    def commit(self) -> None:
        """Make the transaction durable."""
        if not self._connection.is_idle:
            await_(self._end(self._connection.commit))

    @bridged
    def rollback(self) -> None:
        """Undo the transaction."""
        if not self._connection.is_idle:
            await_(self._end(self._connection.rollback))

    @bridged
    def lock(self) -> None:
        """Take the turn now, as ``SELECT … FOR UPDATE`` asks."""
        await_(self.take_turn())

    @bridged
    def close(self) -> None:
        """Undo what is not committed, and close."""
        if in_greenlet():
            await_(self._end(self._connection.close))
        else:
            self.terminate()

    @bridged
    def terminate(self) -> None:
        """Close at once: the statement that ran has been stopped already."""
        self._connection.close()
        self._release()

    # As we call it -------------------------------------------------------------------------------------------

    async def fetch(self, text: str, parameters: Sequence[Any]) -> list[Row]:
        """Run a statement and return its rows. Raises the DBAPI's errors."""
        return await self.writing(lambda: self._connection.execute(text, parameters))

    async def writing(self, run: Callable[[], T]) -> T:
        """Run something in a thread, once more with the turn if it turns out to write."""
        try:
            return await self._in_thread(run)
        except dbapi.TurnWanted:
            await self.take_turn()
            return await self._in_thread(run)

    async def take_turn(self) -> None:
        """Wait for the turn, and begin the transaction.

        Raises:
            BackstayError: a session around this one holds the turn.
            Overloaded: it did not come in time.
        """
        if self._connection.in_transaction or self._connection.readonly:
            return
        refuse_waiting_for_oneself(self._turn, beside=self.seat)
        await self._turn.take_in_loop(self._timeout)
        self._holds = True
        if self.seat is not None:
            self.seat.writing = True
        try:
            await self._in_thread(self._connection.begin)
        finally:
            if not self._connection.in_transaction:
                self._release()

    async def _end(self, end: Callable[[], None]) -> None:
        try:
            await self._in_thread(end, interruptible=False)
        finally:
            if not self._connection.in_transaction:
                self._release()

    def _release(self) -> None:
        if self.seat is not None:
            self.seat.writing = False
        if self._holds:
            self._holds = False
            self._turn.release()

    async def _in_thread(self, run: Callable[[], T], *, interruptible: bool = True) -> T:
        self._deadline.begin(self._timeout if interruptible else None)
        future = asyncio.get_running_loop().run_in_executor(self._threads, run)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            if interruptible:
                self._deadline.give_up()
            await _until_done(future)
            raise
        finally:
            self._deadline.begin(None)


class ThreadedCursor:
    """A cursor, which holds all rows of its statement."""

    server_side = False

    def __init__(self, connection: ThreadedConnection) -> None:
        self._connection = connection
        self._cursor = dbapi.Cursor(connection.driver_connection)
        self.loop = connection.loop

    @bridged
    def execute(self, text: str, parameters: Sequence[Any] | None = None) -> None:
        """Run a statement."""
        await_(self._connection.writing(lambda: self._cursor.execute(text, parameters or ())))

    @bridged
    def executemany(self, text: str, parameters: Sequence[Sequence[Any]]) -> None:
        """Run a statement once per parameter set."""
        await_(self._connection.writing(lambda: self._cursor.executemany(text, parameters)))

    async def _async_soft_close(self) -> None:
        return  # SQLAlchemy asks it of asynchronous cursors; the rows are here already

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cursor, name)

    def __iter__(self) -> Any:
        return iter(self._cursor)


class SessionTransaction:
    """The transaction that a session is in, for compiled statements beside the session's own."""

    def __init__(self, connection: ThreadedConnection) -> None:
        self._connection = connection

    async def fetch(self, text: str, parameters: Sequence[Any]) -> list[Row]:
        """Run one statement and return its rows. Raises the errors of :mod:`backstay.errors`."""
        try:
            return await self._connection.fetch(text, parameters)
        except dbapi.Error as error:
            raise (error.fault or error) from error

    async def fetch_each(self, text: str, parameters: Sequence[Sequence[Any]]) -> list[Row]:
        """Run one statement once per parameter set and return all rows."""
        return [row for each in parameters for row in await self.fetch(text, each)]

    async def show_in(self, zone: Zone) -> None:
        """The statements do it."""


class Sessions:
    """The engines of users' sessions: one that may write, one that may not."""

    def __init__(
        self,
        opening: Callable[[Deadline, bool], dbapi.Connection],
        *,
        turn: Turn,
        settings: Settings,
    ) -> None:
        self._opening = opening
        self._turn = turn
        self._timeout = settings.statement_timeout.total_seconds()
        # as many threads as connections, so that who holds the turn always finds one
        self._threads = ThreadPoolExecutor(2 * settings.session_pool_size, thread_name_prefix="backstay-session")
        self._writing = self._engine(settings, readonly=False)
        self._reading = self._engine(settings, readonly=True)

    @asynccontextmanager
    async def begin(self, *, readonly: bool) -> AsyncIterator[AsyncSession]:
        """A session in one transaction: committed when it is left, rolled back if that is by an exception."""
        seat = Seat(self._turn)
        SEATS.set((*SEATS.get(), seat))
        try:
            async with (
                AsyncSession(
                    self._reading if readonly else self._writing,
                    expire_on_commit=False,
                    sync_session_class=ThreadableSession,
                ) as session,
                session.begin(),
            ):
                (await connection_of(session)).seat = seat
                yield session
        finally:
            SEATS.set(tuple(each for each in SEATS.get() if each is not seat))

    async def close(self) -> None:
        """Close every connection."""
        await self._writing.dispose()
        await self._reading.dispose()
        self._threads.shutdown(wait=True)

    def _engine(self, settings: Settings, *, readonly: bool) -> AsyncEngine:
        def open_connection() -> Any:
            return await_(self._open(readonly))

        return create_async_engine(
            "sqlite+backstay:///session",
            creator=open_connection,
            poolclass=AsyncAdaptedQueuePool,
            pool_size=settings.session_pool_size,
            max_overflow=0,
            pool_timeout=settings.pool_timeout.total_seconds(),
        )

    async def _open(self, readonly: bool) -> ThreadedConnection:
        deadline = Deadline()
        loop = asyncio.get_running_loop()
        connection = await loop.run_in_executor(self._threads, self._opening, deadline, readonly)
        return ThreadedConnection(connection, deadline, threads=self._threads, turn=self._turn, timeout=self._timeout)


async def connection_of(session: AsyncSession) -> ThreadedConnection:
    """The connection that a session is on.

    Raises:
        TypeError: the session is not one of this database's.
    """
    pooled = await (await session.connection()).get_raw_connection()
    connection = pooled.dbapi_connection
    if not isinstance(connection, ThreadedConnection):
        raise TypeError("The session is not one of this SQLite database.")
    return connection


async def _until_done(future: asyncio.Future[Any]) -> None:
    """Wait for a thread, whatever is cancelled meanwhile: its connection must not be used before."""
    while not future.done():
        try:
            await asyncio.wait([future])
        except asyncio.CancelledError:
            continue
    if not future.cancelled():
        future.exception()
