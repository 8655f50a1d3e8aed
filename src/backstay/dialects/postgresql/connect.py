"""One PostgreSQL database, open: the only place where Backstay's statements meet it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any, NoReturn, TypeVar

from sqlalchemy import Connection, MetaData
from sqlalchemy import Dialect as SQLDialect
from sqlalchemy.ext.asyncio import AsyncSession

from backstay.dialects.threads import ThreadableSession
from backstay.errors import DatabaseFault, DatabaseUnavailable, DeclarationError, StatementTimeout

try:
    import asyncpg
except ModuleNotFoundError:
    raise DeclarationError("PostgreSQL needs the package asyncpg.", hint="pip install 'backstay[postgres]'") from None

from backstay.dialects.dialect import Explaining, Row, Take, Transaction
from backstay.dialects.features import Features
from backstay.dialects.postgresql.errors import is_lost, translate
from backstay.dialects.postgresql.features import FEATURES
from backstay.dialects.postgresql.pool import Pool
from backstay.dialects.postgresql.server import Server
from backstay.dialects.postgresql.session import Dialect, hold, join, open_engine
from backstay.dialects.postgresql.transaction import OwnTransaction, raise_translated
from backstay.dialects.sql.waiting import Waiting
from backstay.schema.caller import Local
from backstay.settings import Settings, load

T = TypeVar("T")


class PostgreSQL:
    """A PostgreSQL database (13 or newer) through asyncpg.

    Statements share one pool of ``settings.pool_size`` connections that cannot write unless a transaction of
    :meth:`write` allows it, so a read costs one round trip and is still read-only. Sessions have a small pool of
    their own, since user code may hold one for long. An instance belongs to the event loop it was started in.

    Arguments:
        url: ``postgresql://user:password@host:port/name``; see :func:`~.server.parse_address`.
        settings: the operational settings.
        metadata: the tables the application declares.

    Raises:
        DeclarationError: when the URL cannot be read.
    """

    features: Features = FEATURES

    def __init__(self, url: str, *, settings: Settings, metadata: MetaData) -> None:
        self.sql: SQLDialect = Dialect()
        self.metadata = metadata
        self._server = Server(url, settings)
        self._most_time = settings.statement_timeout.total_seconds() or None
        self._pool = Pool(
            partial(self._server.connect, readonly=True),
            size=max(settings.pool_size, 1),
            timeout=settings.pool_timeout.total_seconds(),
        )
        self._reads: Waiting[asyncpg.Connection] = Waiting(self._pool.take)
        self._engine = open_engine(self._server, settings)
        self._reading_engine = self._engine.execution_options(postgresql_readonly=True)

    async def start(self) -> None:
        """Open a first connection and look whether the server is one that Backstay speaks to.

        Raises:
            DatabaseUnavailable: with the reason, when it cannot be reached or is older than PostgreSQL 13.
        """
        self._pool.adopt(await self._server.open())

    async def close(self) -> None:
        """Finish what is under way and let go of every connection."""
        await self._pool.close()
        await self._engine.dispose()

    def fetch_at_once(self, text: str, parameters: Sequence[Any]) -> None:
        """Nothing: what a server answers has to be waited for."""

    async def fetch(self, text: str, parameters: Sequence[Any], local: Local = ()) -> list[Row]:
        """Run one reading statement on its own and return its rows. It cannot write.

        A connection that turns out to be broken is replaced, and the statement run once more. Reads of the very same
        that wait for a connection together are run once for all of them (not where ``local`` is given). When the
        awaiting task is cancelled, so is the statement on the server.

        Arguments:
            text: the statement.
            parameters: what its placeholders stand for.
            local: settings that hold for it alone, in a read-only transaction of its own.

        Raises:
            ReadOnly: when the statement would write.
            PoolTimeout, StatementTimeout, DatabaseUnavailable: when the database does not answer (in time).
            BackstayError: whatever else the server refuses, as :mod:`.errors` says.
        """
        if local:
            return await self._transact(lambda own: own.fetch(text, parameters), self._server.begin_apart, local)
        try:
            connection = self._pool.take_idle()
            if connection is not None:
                return await self._read(connection, text, parameters)
            return await self._reads.fetch(text, parameters, self._read)
        except _Broken:
            return await _once_more(self._reads.fetch(text, parameters, self._read))

    def waiting(self, writing: bool) -> tuple[int, float]:
        """How many wait for a connection, and for how many seconds the first has: reads and writes share one pool."""
        return self._pool.waiting()

    async def fetch_whole(self, text: str, parameters: Sequence[Any], local: Local = ()) -> Row | None:
        """Run one bounded reading statement; None where it tells, by NULL, that its body is longer than WHOLE.

        Raises:
            As :meth:`fetch`.
        """
        (row,) = await self.fetch(text, parameters, local)
        return None if row[0] is None else row

    async def fetch_rows(self, text: str, parameters: Sequence[Any], local: Local, take: Take) -> None:
        """Run one reading statement with a cursor, in a read-only transaction, and hand its rows on in batches.

        Raises:
            As :meth:`fetch`, and whatever ``take`` raises.
        """

        async def work(own: OwnTransaction) -> None:
            try:
                async with asyncio.timeout(self._most_time):
                    await own.fetch_rows(text, parameters, take)
            except TimeoutError:
                raise StatementTimeout from None

        await self._transact(work, self._server.begin_cursor, local)

    async def write(self, work: Callable[[Transaction], Awaitable[T]], local: Local = ()) -> T:
        """Run ``work`` in one transaction: committed when this returns, rolled back if it raises.

        Arguments:
            work: what is done.
            local: settings that hold in the transaction, and not after it.

        Raises:
            DatabaseUnavailable: when the connection is lost; ``work`` is not run again.
            BackstayError: whatever the server refuses, a deferred constraint at the commit included.
        """
        return await self._transact(work, self._server.begin_write, local)

    async def _transact(self, work: Callable[[OwnTransaction], Awaitable[T]], begin: str, local: Local) -> T:
        try:
            connection = await self._begin(begin)
        except _Broken:
            connection = await _once_more(self._begin(begin))
        try:
            own = OwnTransaction(connection, begin, local)
            if local:
                await own.hold(local)
            result = await work(own)
            await _commit(connection)
        except BaseException as error:
            settled = self._pool.settle(connection)
            if isinstance(error, Exception):
                await asyncio.shield(settled)
            raise
        self._pool.give(connection)
        return result

    @asynccontextmanager
    async def session(self, *, readonly: bool = False, local: Local = ()) -> AsyncIterator[AsyncSession]:
        """A session in one transaction, committed when the context is left, rolled back if by an exception.

        It takes a connection when it is first used. A database error in it is SQLAlchemy's own; see :meth:`fault`.

        Arguments:
            readonly: a write raises, which :meth:`fault` turns into ReadOnly.
            local: settings that hold in the transaction, and not after it.
        """
        engine = self._reading_engine if readonly else self._engine
        async with AsyncSession(engine, expire_on_commit=False, sync_session_class=ThreadableSession) as session:
            if local:
                hold(session, local)
            async with session.begin():
                yield session

    async def transaction(self, session: AsyncSession) -> Transaction:
        """The transaction that a session is in; what the session has pending is flushed before each statement."""
        try:
            return await join(session)
        except Exception as error:
            translated = translate(error)
            if translated is error:
                raise
            raise translated from error

    def fault(self, error: Exception) -> Exception:
        """The error of :mod:`backstay.errors` that a database error stands for; any other error as it is."""
        return translate(error)

    def explaining(self, text: str, explaining: Explaining) -> str:
        """``EXPLAIN`` of a statement."""
        options = [f"FORMAT {'JSON' if explaining.document else 'TEXT'}", *map(str.upper, explaining.options)]
        return f"EXPLAIN ({', '.join(options)}) {text}"

    def explained(self, rows: Sequence[Row], explaining: Explaining) -> str:
        """Its rows: the lines of a text, or one document."""
        return "\n".join([str(line) for (line,) in rows])

    async def effort(self, text: str, parameters: Sequence[Any], local: Local = ()) -> dict[str, int]:
        """Nothing: ``EXPLAIN ANALYZE`` tells it all."""
        return {}

    async def _read(self, connection: asyncpg.Connection, text: str, parameters: Sequence[Any]) -> list[Row]:
        begin = self._server.begin_read
        try:
            if begin is None:
                rows = await connection.fetch(text, *parameters)
            else:
                await connection.execute(begin)
                rows = await connection.fetch(text, *parameters)
                await connection.execute("COMMIT")
        except BaseException as error:
            self._fail(connection, error)
        self._pool.give(connection)
        return list(map(tuple, rows))

    async def _begin(self, begin: str) -> asyncpg.Connection:
        connection = await self._pool.take()
        try:
            await connection.execute(begin)
        except BaseException as error:
            self._fail(connection, error)
        return connection

    def _fail(self, connection: asyncpg.Connection, error: BaseException) -> NoReturn:
        """Hand back the connection of a statement that failed outside a write, and raise what the error stands for."""
        pool = self._pool
        if not isinstance(error, Exception):
            pool.settle(connection)
            raise error
        if isinstance(error, TimeoutError):
            pool.drop(connection)
            raise DatabaseUnavailable("The database does not answer.") from error
        if is_lost(error, connection):
            pool.drop(connection)
            pool.drop_idle()
            raise _Broken from error
        if self._server.begin_read is None:
            pool.give(connection)
        else:
            pool.settle(connection)
        if isinstance(error, asyncpg.OutdatedSchemaCacheError):
            raise _Broken from error
        raise_translated(error, connection)


class _Broken(Exception):
    """The connection was of no use, and nothing was done: another one may be."""


async def _once_more(attempt: Awaitable[T]) -> T:
    try:
        return await attempt
    except _Broken as broken:
        raise DatabaseUnavailable() from broken.__cause__


async def _commit(connection: asyncpg.Connection) -> None:
    try:
        outcome = await connection.execute("COMMIT")
    except Exception as error:
        if is_lost(error, connection):
            doubt = "The connection was lost during the commit: the write may or may not have been kept."
            raise DatabaseUnavailable(detail=doubt) from error
        raise_translated(error, connection)
    if outcome != "COMMIT":
        # PostgreSQL's way of committing a transaction in which a statement failed and the work went on regardless.
        raise DatabaseFault("current transaction is aborted, so it was rolled back", state="25P02")


async def run_sync(url: str, work: Callable[[Connection], T]) -> T:
    """Run synchronous SQLAlchemy code (Alembic, reflection) on a connection of its own, in one transaction.

    No statement timeout holds here: a migration takes as long as it takes.

    Arguments:
        url: the database's URL.
        work: gets the connection; it may commit and begin anew by itself.

    Returns:
        what ``work`` returns, once the transaction is committed.

    Raises:
        DatabaseUnavailable: with the reason, when the database cannot be reached or is too old.
        DeclarationError: when the URL cannot be read.
    """
    # Behind a pooler (`statement_cache` off) a migration must keep to what poolers accept, too.
    settings = replace(Settings(), statement_timeout=timedelta(0), statement_cache=load().statement_cache)
    server = Server(url, settings)
    await (await server.open()).close()
    engine = open_engine(server, settings, pooled=False)
    try:
        async with engine.begin() as connection:
            return await connection.run_sync(work)
    finally:
        await engine.dispose()
