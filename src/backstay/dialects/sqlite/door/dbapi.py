"""A DBAPI (PEP 249) on apsw, as much of it as SQLAlchemy uses.

Reads run by themselves; the first statement that writes begins a transaction with the file's write lock, and later
statements belong to it until commit or rollback. So reading holds no lock, writers never find that what they read is
stale (``SQLITE_BUSY_SNAPSHOT``), and a transaction sees what PostgreSQL's READ COMMITTED shows.

The exceptions are named as PEP 249 names them, because SQLAlchemy tells them apart by name. Each carries ``fault``: the
error of :mod:`backstay.errors` that it stands for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Final, NoReturn, TypeAlias

import apsw
import sqlalchemy as sa

from backstay.dialects.sqlite.errors import translate
from backstay.dialects.sqlite.open import Deadline, connect_file
from backstay.errors import (
    BackstayError,
    CheckViolation,
    Conflict,
    DatabaseFault,
    DataFault,
    NotNullViolation,
    Outage,
    ReadOnly,
)

apilevel: Final = "2.0"
threadsafety: Final = 1
paramstyle: Final = "qmark"
sqlite_version: Final = apsw.sqlite_lib_version()
sqlite_version_info: Final = tuple(int(part) for part in sqlite_version.split("."))
Binary: Final = bytes

_OUTSIDE = ("PRAGMA", "VACUUM", "ATTACH", "DETACH", "COMMIT", "END", "ROLLBACK", "BEGIN")
"""Statements that do not begin a transaction, though SQLite may count them among the writing ones."""

_Description: TypeAlias = tuple[str, Any, None, None, None, None, None]


class Warning(Exception):
    """PEP 249: something worth a warning."""


class Error(Exception):
    """PEP 249: any error. ``fault`` is what Backstay calls it."""

    def __init__(self, message: str, fault: Exception | None = None) -> None:
        super().__init__(message)
        self.fault = fault


class InterfaceError(Error):
    """PEP 249: the interface is used wrongly."""


class DatabaseError(Error):
    """PEP 249: the database's error."""


class DataError(DatabaseError):
    """PEP 249: the data is wrong."""


class OperationalError(DatabaseError):
    """PEP 249: the database cannot do it now."""


class IntegrityError(DatabaseError):
    """PEP 249: a constraint is violated."""


class InternalError(DatabaseError):
    """PEP 249: the database is confused."""


class ProgrammingError(DatabaseError):
    """PEP 249: the statement is wrong."""


class NotSupportedError(DatabaseError):
    """PEP 249: there is no such feature."""


class TurnWanted(Exception):
    """A statement is about to write, and whoever runs it must first arrange for the transaction to begin."""


_KINDS: Final[tuple[tuple[tuple[type[Exception], ...], type[Error]], ...]] = (
    ((Conflict, NotNullViolation, CheckViolation), IntegrityError),
    ((DataFault,), DataError),
    ((Outage, ReadOnly), OperationalError),
    ((DatabaseFault,), ProgrammingError),
)


class Connection:
    """A connection, and the transaction it may be in.

    ``waits``: a statement that would begin a transaction raises :class:`TurnWanted` instead.
    """

    def __init__(self, raw: apsw.Connection, *, metadata: sa.MetaData | None = None, waits: bool = False) -> None:
        self.raw = raw
        self.metadata = metadata or sa.MetaData()
        self.waits = waits
        self.readonly = bool(raw.pragma("query_only"))
        self.description: Sequence[_Description] | None = None
        self.wrote = False
        self.closed = False
        self._aborted = False
        raw.exec_trace = self._look

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction has begun."""
        return not self.closed and self.raw.in_transaction

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing to commit or undo."""
        return not self._aborted and not self.in_transaction

    def cursor(self) -> Cursor:
        """A cursor."""
        return Cursor(self)

    def begin(self) -> None:
        """Begin a transaction with the file's write lock."""
        self._guarded("BEGIN IMMEDIATE", ())

    def lock(self) -> None:
        """Begin a transaction now, as ``SELECT … FOR UPDATE`` asks."""
        if not self.raw.in_transaction and not self.readonly:
            self.begin()

    def commit(self) -> None:
        """Make the transaction durable, if there is one. Raises OperationalError if an error has ended it."""
        self._refuse_aborted()
        if self.raw.in_transaction:
            self._guarded("COMMIT", ())

    def rollback(self) -> None:
        """Undo the transaction, if there is one."""
        self._aborted = False
        if self.raw.in_transaction:
            self._guarded("ROLLBACK", ())

    def close(self) -> None:
        """Undo what is not committed, and close."""
        self.closed = True
        self.raw.close(True)

    def execute(self, text: str, parameters: Sequence[Any]) -> list[Any]:
        """Run a statement and return its rows, having begun a transaction if it writes.

        Raises:
            TurnWanted: it is about to begin one, on a connection that ``waits``.
            Error: the database's error.
        """
        self._refuse_aborted()
        try:
            return self._guarded(text, parameters)
        except apsw.ExecTraceAbort:
            if self.waits:
                raise TurnWanted from None
        self.begin()
        return self._guarded(text, parameters)

    def _guarded(self, text: str, parameters: Sequence[Any]) -> list[Any]:
        began = self.raw.in_transaction
        try:
            return list(self.raw.execute(text, parameters))
        except apsw.ExecTraceAbort:
            raise
        except Exception as error:
            self._aborted = began and not self.raw.in_transaction
            self._fail(error, text, parameters)

    def _refuse_aborted(self) -> None:
        # what follows would be committed without what went before
        if self._aborted:
            message = "current transaction is aborted, commands ignored until end of transaction block"
            raise OperationalError(message, DatabaseFault(message, state="25P02"))

    def _look(self, cursor: apsw.Cursor, text: str, _: Any) -> bool:
        """Before each statement runs: note its columns, and stop it if a transaction must begin first."""
        self.description = cursor.description or None
        self.wrote = not cursor.is_readonly
        if self.raw.in_transaction or self.readonly:
            return True
        word = text.lstrip().partition(" ")[0].rstrip(";").upper()
        return word in _OUTSIDE or (cursor.is_readonly and word != "SAVEPOINT")

    def _fail(self, error: Exception, text: str, parameters: Sequence[Any]) -> NoReturn:
        fault = translate(error, connection=self.raw, text=text, parameters=parameters, metadata=self.metadata)
        if not isinstance(fault, BackstayError):
            raise error
        kind = next((kind for faults, kind in _KINDS if isinstance(fault, faults)), DatabaseError)
        message = f"{fault}\nDETAIL:  {fault.detail}" if isinstance(fault.detail, str) else str(fault)
        if not isinstance(fault, Conflict) and fault is not error and str(error) not in message:
            message = f"{message} ({error})"
        raise kind(message, fault) from error


class Cursor:
    """A cursor, which holds all rows of its statement."""

    arraysize = 1

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.description: Sequence[_Description] | None = None
        self.rowcount = -1
        self.lastrowid: int | None = None
        self._rows: Iterator[Any] = iter(())

    def execute(self, text: str, parameters: Sequence[Any] = ()) -> Cursor:
        """Run a statement."""
        self.take(self.connection.execute(text, parameters))
        return self

    def executemany(self, text: str, parameters: Iterable[Sequence[Any]]) -> Cursor:
        """Run a statement once per parameter set; its rows are dropped."""
        changed = 0
        for each in parameters:
            self.execute(text, each)
            changed += max(self.rowcount, 0)
        self.rowcount, self.description, self._rows = changed, None, iter(())
        return self

    def take(self, rows: list[Any]) -> None:
        """Hold the rows of the statement that has just run."""
        raw = self.connection.raw
        self._rows = iter(rows)
        self.description = self.connection.description
        self.rowcount = raw.changes() if self.connection.wrote else -1
        self.lastrowid = raw.last_insert_rowid()

    def fetchone(self) -> Any:
        """The next row, or None."""
        return next(self._rows, None)

    def fetchmany(self, size: int | None = None) -> list[Any]:
        """The next rows."""
        count = self.arraysize if size is None else size
        return list(islice(self._rows, count))

    def fetchall(self) -> list[Any]:
        """All rows that are left."""
        return list(self._rows)

    def __iter__(self) -> Iterator[Any]:
        return self._rows

    def close(self) -> None:
        """Drop the rows."""
        self._rows = iter(())

    def setinputsizes(self, sizes: Any) -> None:
        """Nothing (PEP 249 allows that)."""

    def setoutputsize(self, size: Any, column: Any = None) -> None:
        """Nothing, likewise."""


def connect(path: str) -> Connection:
    """Open a file, with every function of Backstay. A statement may take any time.

    Raises:
        OperationalError: the file cannot be opened.
    """
    try:
        return Connection(connect_file(path, deadline=Deadline()))
    except apsw.Error as error:
        raise OperationalError(f"{path}: {error}", translate(error)) from error
