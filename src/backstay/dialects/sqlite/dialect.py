"""The SQLAlchemy dialect ``sqlite+backstay``: PostgreSQL's meaning, the wire's forms, and one SQLite library.

``SQLiteDialect()`` compiles; ``engine(url)`` runs synchronously (for Alembic); a user's sessions run on
:class:`AsyncSQLiteDialect`. All use apsw, since only one SQLite library may touch a file in one process: POSIX locks
belong to the process, so one library's close would drop the other's locks.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any

import apsw
import sqlalchemy as sa
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.base import SQLiteDialect as PlainSQLite
from sqlalchemy.dialects.sqlite.base import SQLiteExecutionContext
from sqlalchemy.engine import URL, make_url, reflection
from sqlalchemy.pool import NullPool, Pool, QueuePool, StaticPool

from backstay.dialects.sqlite.search.index import names
from backstay.dialects.sqlite.sql.definitions import REFLECTED, DefinitionCompiler, TypeNames
from backstay.dialects.sqlite.sql.queries import QueryCompiler
from backstay.dialects.sqlite.types import COLSPECS, compact_json

_STORED: Any = {**PlainSQLite.colspecs, **COLSPECS}
_REFLECTED: Any = {**PlainSQLite.ischema_names, **REFLECTED}
VERSION = tuple(int(part) for part in apsw.sqlite_lib_version().split("."))


class LockingExecution(SQLiteExecutionContext):
    """Runs a statement; ``SELECT … FOR UPDATE``, which SQLite lacks, takes the lock of the whole file first."""

    def pre_exec(self) -> None:
        """Before the statement runs."""
        statement = getattr(self.compiled, "statement", None)
        if isinstance(statement, sa.Select) and statement._for_update_arg is not None:
            connection: Any = self.root_connection.connection.dbapi_connection
            connection.lock()


class SQLiteDialect(PlainSQLite):
    """SQLite as Backstay speaks it."""

    execution_ctx_cls = LockingExecution

    driver = "backstay"
    default_paramstyle = "qmark"
    supports_statement_cache = True
    statement_compiler = QueryCompiler
    ddl_compiler = DefinitionCompiler
    type_compiler_cls = TypeNames
    colspecs = _STORED
    ischema_names = _REFLECTED

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("json_serializer", compact_json)
        super().__init__(**kwargs)

    @classmethod
    def import_dbapi(cls) -> ModuleType:
        """The DBAPI door on apsw."""
        from backstay.dialects.sqlite.door import dbapi

        return dbapi

    @classmethod
    def get_async_dialect_cls(cls, url: URL) -> type[SQLiteDialect]:
        """The dialect of asynchronous engines."""
        return AsyncSQLiteDialect

    @classmethod
    def get_pool_class(cls, url: URL) -> type[Pool]:
        """One connection for a database in memory, since each has its own; a pool for a file."""
        return QueuePool if url.database and url.database != ":memory:" else StaticPool

    def create_connect_args(self, url: URL) -> tuple[list[Any], Mapping[str, Any]]:  # type: ignore[override]
        """The file's path."""
        return [url.database or ":memory:"], {}

    @reflection.cache
    def get_table_names(self, connection: Any, *arguments: Any, **options: Any) -> list[str]:
        """The names of the tables, without those that only hold the search index of another one."""
        hidden = names(connection)
        found: list[str] = super().get_table_names(connection, *arguments, **options)  # type: ignore[no-untyped-call]
        return [name for name in found if name not in hidden]

    def _get_server_version_info(self, connection: Any) -> tuple[int, ...]:
        return VERSION


class AsyncSQLiteDialect(SQLiteDialect):
    """The same, over connections that run each statement in a thread."""

    is_async = True
    supports_statement_cache = True
    has_terminate = True

    def do_terminate(self, dbapi_connection: Any) -> None:
        """Close a connection whose statement was cancelled."""
        dbapi_connection.terminate()


def engine(url: str | URL) -> sa.Engine:
    """A synchronous SQLAlchemy engine on a SQLite file, for Alembic and scripts.

    Each transaction takes the file's write lock with its first write, and waits for it as long as the busy timeout.
    """
    target = make_url(url).set(drivername="sqlite+backstay")
    in_memory = target.database in (None, "", ":memory:")
    return sa.create_engine(target, poolclass=StaticPool if in_memory else NullPool)


registry.register("sqlite.backstay", __name__, "SQLiteDialect")
