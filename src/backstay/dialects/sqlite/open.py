"""Where a URL's database lies, and how each connection to it is set up."""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

import apsw
import sqlalchemy as sa
from sqlalchemy.engine import make_url

from backstay.dialects.sqlite.functions import register
from backstay.dialects.sqlite.search.register import register_search
from backstay.errors import DatabaseUnavailable, DeclarationError, StorageReadOnly
from backstay.settings import Settings

EXPLAIN = "EXPLAIN"
"""What statements begin with that must not be kept: SQLite does not make them anew when the schema changes."""

_DURABILITY = {"full": "FULL", "normal": "NORMAL"}
_STEPS = 1000
_WAL_LIMIT = 64 * 1024 * 1024


@dataclass(eq=False)
class Location:
    """The file of a database. One in memory (``sqlite://``) is a private temporary file, so that reader and writer see
    the same data; it is deleted with this object."""

    path: str
    temporary: bool = False
    _owner: Any = field(default=None, repr=False)

    @property
    def url(self) -> str:
        """The URL that opens this very file."""
        return sa.URL.create("sqlite", database=self.path).render_as_string()


def locate(url: str) -> Location:
    """Where the database of a URL lies: ``sqlite:///notes.db``, ``sqlite:////var/notes.db``, ``sqlite://``.

    Raises:
        DeclarationError: the URL is not one of SQLite's, or asks for what is not offered.
    """
    if url == ":memory:":
        url = "sqlite://"
    try:
        parsed = make_url(url)
    except sa.exc.ArgumentError:
        raise DeclarationError(f"{url!r} is not a database URL.", hint="For example sqlite:///notes.db") from None
    if parsed.get_backend_name() != "sqlite" or parsed.host or parsed.query:
        raise DeclarationError(
            f"{parsed!r} is not a SQLite URL: it has three slashes, a path, and nothing behind it.",
            hint="For example sqlite:///notes.db, or sqlite:////var/lib/notes.db for an absolute path.",
        )
    if parsed.database in (None, "", ":memory:"):
        return _temporary()
    return Location(str(Path(parsed.database or "").expanduser().absolute()))


def _temporary() -> Location:
    folder = tempfile.mkdtemp(prefix="backstay-")
    location = Location(str(Path(folder) / "memory.db"), temporary=True)
    location._owner = weakref.finalize(location, shutil.rmtree, folder, ignore_errors=True)
    return location


class Deadline:
    """When the statement under way on a connection must be done. Read by the connection's progress handler."""

    __slots__ = ("at", "given_up")

    def __init__(self) -> None:
        self.at: float | None = None
        self.given_up = False

    def begin(self, seconds: float | None) -> None:
        """A statement begins, and may take so long."""
        self.given_up = False
        self.at = None if seconds is None else monotonic() + seconds

    def give_up(self) -> None:
        """Nobody waits for the statement any more."""
        self.given_up = True

    def passed(self) -> bool:
        """Whether the statement must stop."""
        return self.given_up or (self.at is not None and monotonic() > self.at)


def connect_file(
    path: str,
    *,
    settings: Settings | None = None,
    readonly: bool = False,
    busy: float | None = None,
    deadline: Deadline | None = None,
    statements: int = 256,
) -> apsw.Connection:
    """A connection to a file, with every function and pragma of Backstay.

    Arguments:
        settings: for the durability and the statement timeout (default: the defaults).
        readonly: a write raises.
        busy: seconds to wait for another process's lock (default: the statement timeout).
        deadline: stops statements that run too long.
        statements: how many prepared statements to keep.

    Raises:
        apsw.Error: SQLite's own, to be translated by the caller.
    """
    settings = settings or Settings()
    flags = apsw.SQLITE_OPEN_READWRITE | (0 if readonly else apsw.SQLITE_OPEN_CREATE)
    connection = apsw.Connection(path, flags=flags, statementcachesize=statements)
    try:
        _configure(connection, settings, readonly=readonly, busy=busy)
    except BaseException:
        connection.close(True)
        raise
    if deadline is not None:
        connection.set_progress_handler(deadline.passed, _STEPS)
    return connection


def _configure(connection: apsw.Connection, settings: Settings, *, readonly: bool, busy: float | None) -> None:
    wait = settings.statement_timeout.total_seconds() if busy is None else busy
    connection.set_busy_timeout(int(wait * 1000))
    # wait inside the operating system's lock, in turn: processes that poll starve one another for seconds
    connection.setlk_timeout(int(wait * 1000), 0)
    for switch, value in (
        (apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0),
        (apsw.SQLITE_DBCONFIG_DEFENSIVE, 1),
        (apsw.SQLITE_DBCONFIG_DQS_DML, 0),
        (apsw.SQLITE_DBCONFIG_DQS_DDL, 0),
        (apsw.SQLITE_DBCONFIG_ENABLE_FKEY, 1),
    ):
        connection.config(switch, value)
    register(connection)
    if not readonly and not connection.readonly("main"):
        connection.pragma("journal_mode", "wal")
    # It reads the file, so whether that is a database has been seen by now; one that cannot be read at all because its
    # directory is read-only is refused by whoever opens it.
    try:
        register_search(connection)
    except apsw.NoFTS5Error:
        if not connection.readonly("main"):
            raise
    connection.pragma("synchronous", _DURABILITY.get(settings.durability, "FULL"))
    connection.pragma("recursive_triggers", True)
    connection.pragma("temp_store", "memory")
    connection.pragma("journal_size_limit", _WAL_LIMIT)
    if readonly:
        connection.pragma("query_only", True)


def create(location: Location, settings: Settings) -> apsw.Connection:
    """Open the file for writing, made if its directory is there.

    Raises:
        DatabaseUnavailable: the directory is missing, or the file is no database.
        StorageReadOnly: the file cannot be written.
    """
    path = Path(location.path)
    if not os.path.isdir(path.parent):
        raise DatabaseUnavailable(
            f"The directory {path.parent} of the database does not exist.", hint=f"mkdir -p {path.parent}"
        )
    try:
        connection = connect_file(location.path, settings=settings)
    except apsw.NotADBError:
        raise DatabaseUnavailable(f"The file {path} is not a SQLite database.") from None
    except (apsw.ReadOnlyError, apsw.PermissionsError):
        raise _readonly(path) from None
    except (apsw.CantOpenError, apsw.IOError, apsw.CorruptError, apsw.BusyError) as error:
        raise DatabaseUnavailable(f"The database {path} cannot be opened: {error}.") from error
    if connection.readonly("main"):
        connection.close()
        raise _readonly(path)
    # Plans may not depend on the values of parameters: after an ANALYZE, SQLite would plan a statement anew whenever
    # other values are bound, which takes longer than most writes. The price is that `LIKE ?` uses no index.
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
    return connection


def _readonly(path: Path) -> StorageReadOnly:
    return StorageReadOnly(
        f"The database file {path} is read-only.", hint="Its directory must be writable, too: SQLite keeps a log there."
    )
