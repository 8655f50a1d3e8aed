"""PostgreSQL's errors in Backstay's words: SQLSTATE -> class."""

from __future__ import annotations

import re

import asyncpg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as SessionPoolTimeout

from backstay.errors import (
    BackstayError,
    CheckViolation,
    DatabaseFault,
    DatabaseUnavailable,
    DateOutOfRange,
    ForeignKeyViolation,
    InvalidDate,
    InvalidLiteral,
    InvalidParameter,
    InvalidPattern,
    NotNullViolation,
    OutOfRange,
    PermissionDenied,
    PoolTimeout,
    ReadOnly,
    RowRefused,
    StatementTimeout,
    StorageFull,
    TooComplex,
    TooLong,
    TypeMismatch,
    UniqueViolation,
)

CLASSES: dict[str, type[BackstayError]] = {
    "22001": TooLong,
    "22003": OutOfRange,
    "22007": InvalidDate,
    "22008": DateOutOfRange,
    "2201B": InvalidPattern,
    "22023": InvalidParameter,
    "22P02": InvalidLiteral,
    "23502": NotNullViolation,
    "23503": ForeignKeyViolation,
    "23505": UniqueViolation,
    "23514": CheckViolation,
    "25006": ReadOnly,
    "42501": PermissionDenied,
    "42804": TypeMismatch,
    "53100": StorageFull,
    "57014": StatementTimeout,
}
"""The states that have a class of their own."""

_NO_ROLE = re.compile(r'role ".*" does not exist', re.DOTALL)
"""A role that is not there: it has the state of any bad parameter (22023), and means that nobody is known by it."""

UNAVAILABLE = ("08", "57P", "53000", "53200", "53300")
"""How the states begin that mean: no connection, or none that lives."""

_READERS = ("hstore_io.c",)
"""Where values are read by code that tells no state of what it cannot read (hstore, before PostgreSQL 16)."""

SHOWS_THE_ROW = ("23502", "23514", "44000")
"""The states whose detail is the whole failing row, of which the caller may not be allowed to read every column."""


def translate(error: Exception) -> Exception:
    """Turn a database error into Backstay's.

    Arguments:
        error: what asyncpg raised, or SQLAlchemy on its behalf.

    Returns:
        The error of :mod:`backstay.errors`; an error that is none of the database's as it is.
    """
    if isinstance(error, DBAPIError):
        return _from_sqlalchemy(error)
    if isinstance(error, asyncpg.PostgresError):
        return _from_server(error)
    if isinstance(error, SessionPoolTimeout):
        return PoolTimeout()
    if isinstance(error, asyncpg.InterfaceError | asyncpg.InternalClientError):
        return _from_client(error)
    return error


def is_lost(error: BaseException, connection: asyncpg.Connection) -> bool:
    """Whether an error means that the connection it came from is gone, and not that the statement is wrong."""
    if connection.is_closed() or isinstance(error, OSError):
        return True
    if isinstance(error, asyncpg.InternalClientError):
        # The driver lost track: the server's last words were read, but not yet the end of the connection.
        return not isinstance(error, asyncpg.OutdatedSchemaCacheError)
    return isinstance(error, asyncpg.PostgresError) and (error.sqlstate or "").startswith(("08", "57P"))


def _from_sqlalchemy(error: DBAPIError) -> Exception:
    cause: Exception = error.driver_exception
    translated = translate(cause)
    if translated is not cause:
        return translated
    return DatabaseUnavailable() if error.connection_invalidated else error


def _from_client(error: Exception) -> Exception:
    if isinstance(error, asyncpg.InternalClientError) or "closed" in str(error):
        return DatabaseUnavailable()
    return error


def _not_sent(message: str) -> BackstayError:
    # The driver could not write a parameter in the form that its type needs.
    if "surrogates not allowed" in message:
        return DatabaseFault('invalid byte sequence for encoding "UTF8"', state="22021")
    return OutOfRange(message) if "out of" in message else InvalidLiteral(message)


def _from_server(error: asyncpg.PostgresError) -> Exception:
    state = error.sqlstate or "XX000"
    message = str(error.args[0])
    if error.severity is None and isinstance(error, asyncpg.DataError):
        return _not_sent(message)
    if state == "XX000" and error.server_source_filename in _READERS:
        return InvalidLiteral(message)
    if state.startswith(UNAVAILABLE):
        return DatabaseUnavailable()
    detail = None if _shows_the_row(error, state) else error.detail
    if state == "XX000" and message == "tsquery stack too small":
        # An internal error, says the server, of what is only a long row of operators.
        return TooComplex(message)
    known = None if _NO_ROLE.fullmatch(message) else CLASSES.get(state)
    if known is None or (known is StatementTimeout and "user request" in message):
        return DatabaseFault(message, state=state, detail=detail, hint=error.hint)
    if known is PermissionDenied and error.server_source_function == "ExecWithCheckOptions":
        known = RowRefused
    return known(message, detail=detail, hint=error.hint)


def _shows_the_row(error: asyncpg.PostgresError, state: str) -> bool:
    # A function's own RAISE may use these states too, and its detail is what its author wants told.
    return state in SHOWS_THE_ROW and error.server_source_function != "exec_stmt_raise"
