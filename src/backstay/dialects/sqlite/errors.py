"""SQLite's errors as those of :mod:`backstay.errors`, with PostgreSQL's codes and texts."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

import apsw
import sqlalchemy as sa

from backstay.dialects.sqlite.constraints import Failure, explain
from backstay.errors import (
    BackstayError,
    DatabaseFault,
    DatabaseUnavailable,
    InvalidLiteral,
    Outage,
    OutOfRange,
    Overloaded,
    PoolTimeout,
    ReadOnly,
    StatementTimeout,
    StorageFull,
    StorageReadOnly,
)

_OUTAGES: Final[tuple[tuple[type[apsw.Error], Callable[[], BackstayError]], ...]] = (
    (apsw.InterruptError, StatementTimeout),
    (apsw.FullError, StorageFull),
    (apsw.ReadOnlyError, StorageReadOnly),
    (apsw.BusyError, lambda: Overloaded("The database is busy: another process holds its write lock.")),
    (apsw.LockedError, lambda: Overloaded("The database is busy: a table is locked.")),
    (apsw.CorruptError, lambda: DatabaseUnavailable("The database file is damaged.")),
    (apsw.NotADBError, lambda: DatabaseUnavailable("The file is not a SQLite database.")),
    (apsw.CantOpenError, lambda: DatabaseUnavailable("The database file cannot be opened.")),
    (apsw.ConnectionClosedError, lambda: DatabaseUnavailable("The database is closed.")),
    (apsw.IOError, lambda: DatabaseUnavailable("The database file cannot be read or written.")),
    (apsw.NoMemError, lambda: Outage("The database ran out of memory.")),
)
_FAULTS: Final[tuple[tuple[str, Callable[[str], BackstayError]], ...]] = (
    ("no such table: (.*)", lambda name: DatabaseFault(f'relation "{name}" does not exist', state="42P01")),
    ('no such column: "?([^ "]+)', lambda name: DatabaseFault(f"column {_column(name)} does not exist", state="42703")),
    ("no such function: (.*)", lambda name: DatabaseFault(f"function {name} does not exist", state="42883")),
    ("(.*)syntax error", lambda where: DatabaseFault("syntax error", state="42601")),
    ("(malformed JSON)", lambda text: InvalidLiteral("invalid input syntax for type json")),
    ("(integer overflow)", lambda text: OutOfRange("bigint out of range")),
)
_NO_METADATA: Final = sa.MetaData()


def translate(
    error: Exception,
    *,
    connection: apsw.Connection | None = None,
    text: str = "",
    parameters: Sequence[Any] = (),
    metadata: sa.MetaData = _NO_METADATA,
) -> Exception:
    """The error of ours that one of SQLite's stands for.

    Arguments:
        connection: where the statement failed, still in its transaction: what a constraint's error does not say is
            found out there.
        text, parameters: the statement.
        metadata: the tables, for the names of constraints.

    An error that is none of SQLite's comes back as it is (ours, raised by a function, among them).
    """
    if isinstance(error, apsw.ConstraintError):
        if connection is None:
            return DatabaseFault("a constraint is violated", state="23000")
        return explain(Failure(error, connection, text, parameters, metadata))
    if isinstance(error, apsw.ReadOnlyError) and connection is not None and connection.pragma("query_only"):
        return ReadOnly(f"cannot execute {_command(text)} in a read-only transaction")
    if isinstance(error, apsw.Error):
        return _known(error)
    if isinstance(error, OverflowError):
        return OutOfRange("value is out of range for type bigint")
    if isinstance(error, UnicodeEncodeError):
        return DatabaseFault('invalid byte sequence for encoding "UTF8"', state="22021")
    return error


def _column(name: str) -> str:
    return name if "." in name else f'"{name}"'


def _known(error: apsw.Error) -> BackstayError:
    for kind, make in _OUTAGES:
        if isinstance(error, kind):
            return make()
    if isinstance(error, apsw.MismatchError):
        return InvalidLiteral("invalid input syntax for type bigint")
    if isinstance(error, apsw.TooBigError):
        return DatabaseFault("a value is larger than the database takes", state="54000")
    for pattern, fault in _FAULTS:
        found = re.search(pattern, str(error))
        if found is not None:
            return fault(found.group(1))
    return DatabaseFault(state="XX000")


def translate_session(error: Exception) -> Exception:
    """The error of ours inside one that an SQLAlchemy session raised; another one as it is."""
    if isinstance(error, sa.exc.TimeoutError):
        return PoolTimeout()
    if isinstance(error, sa.exc.StatementError) and error.orig is not None:
        fault = getattr(error.orig, "fault", None) or error.orig
        return fault if isinstance(fault, BackstayError) else error
    return translate(error)


_COMMAND: Final = re.compile(r"\b(INSERT|UPDATE|DELETE|(?:CREATE|DROP|ALTER)\s+\w+|\w+)", re.IGNORECASE)
_WITH: Final = re.compile(r"\b(INSERT|UPDATE|DELETE)\b", re.IGNORECASE)


def _command(text: str) -> str:
    """What a statement that writes does, as PostgreSQL names it."""
    found = (_WITH if text.lstrip()[:4].upper() == "WITH" else _COMMAND).search(text)
    return " ".join(found.group(1).upper().split()) if found else "INSERT"
