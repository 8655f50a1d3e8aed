"""SQLAlchemy sessions on PostgreSQL, for hooks, functions and users' code."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any, Final

import asyncpg
from sqlalchemy import Connection, event
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.asyncpg import (
    AsyncAdapt_asyncpg_connection,
    AsyncAdapt_asyncpg_cursor,
    AsyncAdapt_asyncpg_ss_cursor,
    PGDialect_asyncpg,
)
from sqlalchemy.engine.interfaces import ExceptionContext
from sqlalchemy.exc import DisconnectionError, PendingRollbackError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import Session
from sqlalchemy.orm import SessionTransaction as Begun
from sqlalchemy.pool import NullPool
from sqlalchemy.util.concurrency import await_

from backstay.dialects.postgresql.errors import is_lost
from backstay.dialects.postgresql.server import Server
from backstay.dialects.postgresql.transaction import SessionTransaction, mark_of, set_local
from backstay.dialects.threads import bridged
from backstay.schema.caller import Local
from backstay.settings import Settings

ABORTED: Final = "backstay.aborted"
"""Where a connection keeps the error after which its transaction cannot be committed."""

MARK: Final = "backstay.mark"
"""Where a session keeps what stands before each of its statements."""


class Cursor(AsyncAdapt_asyncpg_cursor):
    """SQLAlchemy's cursor, for threads as well."""

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The event loop of the connection."""
        return self._adapt_connection.loop  # type: ignore[attr-defined, no-any-return]

    execute = bridged(AsyncAdapt_asyncpg_cursor.execute)
    executemany = bridged(AsyncAdapt_asyncpg_cursor.executemany)


class StreamCursor(AsyncAdapt_asyncpg_ss_cursor):
    """SQLAlchemy's cursor of the server's side, for threads as well."""

    loop = Cursor.loop

    execute = bridged(AsyncAdapt_asyncpg_ss_cursor.execute)
    fetchone = bridged(AsyncAdapt_asyncpg_ss_cursor.fetchone)
    fetchmany = bridged(AsyncAdapt_asyncpg_ss_cursor.fetchmany)
    fetchall = bridged(AsyncAdapt_asyncpg_ss_cursor.fetchall)


class ThreadableConnection(AsyncAdapt_asyncpg_connection):
    """SQLAlchemy's connection, for threads as well."""

    __slots__ = ("loop",)

    _cursor_cls = Cursor
    _ss_cursor_cls = StreamCursor

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)  # type: ignore[no-untyped-call]
        self.loop = asyncio.get_running_loop()

    commit = bridged(AsyncAdapt_asyncpg_connection.commit)
    rollback = bridged(AsyncAdapt_asyncpg_connection.rollback)
    close = bridged(AsyncAdapt_asyncpg_connection.close)
    terminate = bridged(AsyncAdapt_asyncpg_connection.terminate)


class Dialect(PGDialect_asyncpg):
    """SQLAlchemy's dialect for asyncpg, except that the driver leaves JSON as text.

    So a compiled statement gets the same rows from a session's connection as from any other; SQLAlchemy's JSON type
    decodes the text by itself.
    """

    supports_statement_cache = True
    supports_native_json_deserialization = False

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)  # type: ignore[no-untyped-call]

    async def setup_asyncpg_json_codec(self, conn: Any) -> None:
        """Leave ``json`` to the driver: text in and out."""

    async def setup_asyncpg_jsonb_codec(self, conn: Any) -> None:
        """Leave ``jsonb`` to the driver: text in and out."""

    def is_disconnect(self, e: Any, connection: Any, cursor: Any) -> bool:
        """Whether an error means that the connection is of no use any more."""
        if connection is None:
            return bool(super().is_disconnect(e, connection, cursor))  # type: ignore[no-untyped-call]
        return is_lost(getattr(e, "orig", None) or e, connection.driver_connection)


registry.register("postgresql.backstay", __name__, "Dialect")


def open_engine(server: Server, settings: Settings, *, pooled: bool = True) -> AsyncEngine:
    """Make an engine whose connections are the server's; it connects when first used.

    Arguments:
        server: where, and how.
        settings: the size and patience of the pool.
        pooled: keep connections for the next session; else each is closed after its use.
    """
    kept: dict[str, Any] = {
        "pool_size": max(settings.session_pool_size, 1),
        "max_overflow": 0,
        "pool_timeout": settings.pool_timeout.total_seconds(),
        "pool_use_lifo": True,
    }
    unnamed = {"prepared_statement_cache_size": 0, "prepared_statement_name_func": str} if server.pooler else {}

    def connect() -> Any:
        return await_(ThreadableConnection.create(engine.dialect.dbapi, server.connect(), **unnamed))

    engine = create_async_engine(
        "postgresql+backstay://", creator=connect, **(kept if pooled else {"poolclass": NullPool})
    )
    _watch(engine, server)
    return engine


def hold(session: AsyncSession, local: Local) -> None:
    """Make settings hold in each transaction of a session, from its beginning to its end."""

    def begin(_session: Session, transaction: Begun, connection: Connection) -> None:
        if not transaction.nested:
            text, parameters = set_local(local)
            connection.exec_driver_sql(text, tuple(parameters))
            if mark:
                event.listen(connection, "before_cursor_execute", partial(_put_before, mark), retval=True)

    mark = session.info[MARK] = mark_of(local)
    event.listen(session.sync_session, "after_begin", begin)


def _put_before(
    mark: str, _connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool
) -> tuple[str, Any]:
    return mark + statement, parameters


async def join(session: AsyncSession) -> SessionTransaction:
    """The transaction that a session is in, for the driver's own statements; begun, if nothing has begun it yet."""
    connection = await session.connection()
    raw = await _driver_connection(connection)
    if not raw.is_in_transaction():
        # SQLAlchemy's BEGIN goes out with its first statement.
        await connection.exec_driver_sql("SELECT 1")
    return SessionTransaction(session, raw, partial(_abort, connection.info), session.info.get(MARK, ""))


async def _driver_connection(connection: AsyncConnection) -> asyncpg.Connection:
    return (await connection.get_raw_connection()).driver_connection


def _abort(info: dict[Any, Any], error: BaseException) -> None:
    # Only what the server itself refused aborts a transaction there; only that has a severity.
    if isinstance(error, asyncpg.PostgresError) and error.severity is not None:
        info[ABORTED] = error


def _watch(engine: AsyncEngine, server: Server) -> None:
    """Replace connections that died while idle, and let no failed transaction pass for a committed one.

    PostgreSQL answers the COMMIT of a failed transaction with ROLLBACK and no error. Code that caught the failure
    and went on would believe that its writes were kept.
    """
    target = engine.sync_engine
    event.listen(target, "handle_error", _note_failure)
    event.listen(target, "begin", partial(_set_limits, server.set_limits) if server.pooler else _forget_failure)
    event.listen(target, "rollback", _forget_failure)
    event.listen(target, "rollback_savepoint", _forget_failure)
    event.listen(target, "commit", _refuse_after_failure)
    event.listen(target.pool, "checkout", _check_alive)


def _note_failure(context: ExceptionContext) -> None:
    if context.connection is not None:
        cause = context.original_exception
        _abort(context.connection.info, getattr(cause, "orig", None) or cause)


def _forget_failure(connection: Connection, *_savepoint: object) -> None:
    # A connection that was lost forgets by itself.
    if not connection.invalidated:
        connection.info.pop(ABORTED, None)


def _set_limits(limits: str, connection: Connection) -> None:
    _forget_failure(connection)
    for statement in limits.split("; "):
        connection.exec_driver_sql(statement)


def _refuse_after_failure(connection: Connection) -> None:
    failure = connection.info.pop(ABORTED, None)
    if failure is not None:
        raise PendingRollbackError(
            "A statement of this transaction failed, so PostgreSQL keeps nothing of it. Use session.begin_nested() "
            "around a statement that may fail."
        ) from failure


def _check_alive(connection: Any, _record: object, _proxy: object) -> None:
    if connection.driver_connection.is_closed():
        raise DisconnectionError
