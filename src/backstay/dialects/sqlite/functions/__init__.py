"""The SQL functions and collations that every connection of Backstay has: :func:`register` installs them.

SQLite's own meaning differs from PostgreSQL's in letter case, exact numbers, casts and division by zero; these make it
the same. Every function is deterministic and harmless, so indexes, checks and generated columns may use it, though
another tool that opens the file then needs functions of the same names. ``lower`` and ``upper`` replace SQLite's (which
know ASCII only); the collation ``decimal`` is the one that SQLite's command line has, too.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import apsw
import apsw.sqlite_extra

from backstay.dialects.sqlite.functions import (
    arrays,
    casts,
    conversions,
    decimals,
    documents,
    sums,
    texts,
    times,
    zones,
)
from backstay.errors import DatabaseFault, NotNullViolation

_HARMLESS = apsw.SQLITE_INNOCUOUS


def nonzero(value: Any) -> Any:
    """The value, unless it is zero. Raises DatabaseFault (22012), as PostgreSQL does for a zero divisor."""
    if value == 0 and value is not None:
        raise DatabaseFault("division by zero", state="22012")
    return value


def not_null(value: Any, column: str, table: str) -> Any:
    """The value, unless it is NULL: Raises NotNullViolation."""
    if value is None:
        raise NotNullViolation(f'null value in column "{column}" of relation "{table}" violates not-null constraint')
    return value


def greatest(*values: Any) -> Any:
    """The greatest value that is not NULL."""
    return max((value for value in values if value is not None), default=None)


def least(*values: Any) -> Any:
    """The least value that is not NULL."""
    return min((value for value in values if value is not None), default=None)


def decimal_greatest(*values: Any) -> Any:
    """The greatest decimal that is not NULL."""
    return max((value for value in values if value is not None), key=decimals.parse, default=None)


def decimal_least(*values: Any) -> Any:
    """The least decimal that is not NULL."""
    return min((value for value in values if value is not None), key=decimals.parse, default=None)


FUNCTIONS: tuple[tuple[str, Callable[..., Any], int], ...] = (
    ("lower", texts.lower, 1),
    ("upper", texts.upper, 1),
    ("regexp", texts.regexp, 2),
    ("regexp_any_case", texts.regexp_any_case, 2),
    ("regexp_replace", texts.regexp_replace, 3),
    ("regexp_replace", texts.regexp_replace, 4),
    ("nonzero", nonzero, 1),
    ("not_null", not_null, 3),
    ("greatest", greatest, -1),
    ("least", least, -1),
    ("decimal_greatest", decimal_greatest, -1),
    ("decimal_least", decimal_least, -1),
    ("decimal_add", decimals.decimal_add, 2),
    ("decimal_sub", decimals.decimal_sub, 2),
    ("decimal_mul", decimals.decimal_mul, 2),
    ("decimal_div", decimals.decimal_div, 2),
    ("decimal_mod", decimals.decimal_mod, 2),
    ("decimal_neg", decimals.decimal_neg, 1),
    ("decimal_abs", decimals.decimal_abs, 1),
    ("decimal_sign", decimals.decimal_sign, 1),
    ("decimal_round", decimals.decimal_round, 1),
    ("decimal_round", decimals.decimal_round, 2),
    ("decimal_trunc", decimals.decimal_trunc, 1),
    ("decimal_trunc", decimals.decimal_trunc, 2),
    ("decimal_floor", decimals.decimal_floor, 1),
    ("decimal_ceil", decimals.decimal_ceil, 1),
    ("decimal_cast", decimals.decimal_cast, 1),
    ("decimal_cast", decimals.decimal_cast, 3),
    ("timestamp_add", times.timestamp_add, 2),
    ("timestamp_sub", times.timestamp_sub, 2),
    ("date_add", times.date_add, 2),
    ("date_sub", times.date_sub, 2),
    ("time_add", times.time_add, 2),
    ("interval_text", times.interval_text, 1),
    ("date_trunc", times.date_trunc, 2),
    ("cast_integer", casts.cast_integer, 2),
    ("cast_float", casts.cast_float, 1),
    ("cast_boolean", casts.cast_boolean, 1),
    ("cast_uuid", casts.cast_uuid, 1),
    ("cast_date", casts.cast_date, 1),
    ("cast_time", casts.cast_time, 1),
    ("cast_timestamp", casts.cast_timestamp, 1),
    ("cast_timestamptz", casts.cast_timestamptz, 1),
    ("cast_interval", casts.cast_interval, 1),
    ("convert", conversions.convert, 3),
    ("array_text", arrays.array_text, 1),
    ("array_contains", arrays.array_contains, 3),
    ("array_overlaps", arrays.array_overlaps, 3),
    ("document_contains", documents.document_contains, 2),
    ("document_at", documents.document_at, 2),
    ("document_item", documents.document_item, 2),
    ("fit_integer", casts.fit_integer, 2),
    ("fit_text", casts.fit_text, 2),
    *zones.FUNCTIONS,
)
"""Every scalar function: its name, what computes it, and how many arguments it takes (-1: any)."""

AGGREGATES: tuple[tuple[str, Callable[[], decimals.Sum]], ...] = (
    ("decimal_sum", decimals.Sum),
    ("decimal_avg", decimals.Average),
)
"""Every aggregate, which is also a window function."""


def register(connection: apsw.Connection) -> None:
    """Install all functions, collations and the case-sensitive LIKE on a connection."""
    _register_collation(connection)
    connection.create_collation("jsonb", documents.compare)
    connection.create_collation("array", arrays.compare_arrays)
    for name, function, arguments in FUNCTIONS:
        connection.create_scalar_function(name, function, arguments, deterministic=True, flags=_HARMLESS)
    for name, aggregate in AGGREGATES:
        connection.create_window_function(name, aggregate, 1, flags=_HARMLESS)
    for name, total in sums.SUMS:
        connection.create_aggregate_function(name, total, 1, flags=_HARMLESS)
    connection.pragma("case_sensitive_like", True)


def _register_collation(connection: apsw.Connection) -> None:
    library = _decimal_library()
    if library is None:
        connection.create_collation("decimal", decimals.compare)
        return
    connection.enable_load_extension(True)
    try:
        connection.load_extension(library)
    finally:
        connection.enable_load_extension(False)


@cache
def _decimal_library() -> str | None:
    """SQLite's own extension, where it is installed: it compares some thirty times faster."""
    try:
        return str(apsw.sqlite_extra.path("decimal"))
    except (apsw.sqlite_extra.NotAvailable, LookupError, OSError):
        return None
