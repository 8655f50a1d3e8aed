"""Casts that refuse what PostgreSQL refuses, where SQLite's own would make a zero of it."""

from __future__ import annotations

from datetime import UTC, date, time
from typing import TypeAlias
from uuid import UUID

from backstay.dialects.sqlite.functions.times import parse_literal_interval, parse_timestamp, time_text, timestamp_text
from backstay.errors import InvalidDate, InvalidLiteral, OutOfRange, TooLong

Value: TypeAlias = str | int | float | bytes | None

_INTEGERS = {16: "smallint", 32: "integer", 64: "bigint"}
_TRUE = ("t", "true", "y", "yes", "on", "1")
_FALSE = ("f", "false", "n", "no", "off", "0")


def cast_integer(value: Value, bits: int = 64) -> int | None:
    """A whole number; a float is rounded to the nearest, half to even. Raises InvalidLiteral or OutOfRange."""
    if value is None:
        return None
    kind, most = _INTEGERS[bits], 2 ** (bits - 1)
    try:
        number = round(value) if isinstance(value, float) else int(value)
    except (ValueError, OverflowError):
        raise InvalidLiteral(f'invalid input syntax for type {kind}: "{_shown(value)}"') from None
    if not -most <= number < most:
        told = f'value "{value}" is out of range for type {kind}' if isinstance(value, str) else f"{kind} out of range"
        raise OutOfRange(told)
    return number


def cast_float(value: Value) -> float | None:
    """A floating-point number. Raises InvalidLiteral."""
    if value is None:
        return None
    try:
        return float(value)
    except ValueError:
        raise InvalidLiteral(f'invalid input syntax for type double precision: "{_shown(value)}"') from None


def cast_boolean(value: Value) -> int | None:
    """1 or 0, from a number or one of PostgreSQL's words. Raises InvalidLiteral."""
    if value is None or isinstance(value, int | float):
        return value if value is None else int(value != 0)
    word = _shown(value).strip().lower()
    if word not in _TRUE and word not in _FALSE:
        raise InvalidLiteral(f'invalid input syntax for type boolean: "{_shown(value)}"')
    return int(word in _TRUE)


def cast_uuid(value: Value) -> str | None:
    """A UUID in its dashed form. Raises InvalidLiteral."""
    if value is None:
        return None
    try:
        return str(UUID(_shown(value).strip()))
    except ValueError:
        raise InvalidLiteral(f'invalid input syntax for type uuid: "{_shown(value)}"') from None


def cast_date(value: Value) -> str | None:
    """The date of a date or timestamp. Raises InvalidDate."""
    if value is None:
        return None
    try:
        return date.fromisoformat(_shown(value).strip()[:10]).isoformat()
    except ValueError:
        raise InvalidDate(f'invalid input syntax for type date: "{_shown(value)}"') from None


def cast_time(value: Value) -> str | None:
    """The time of day of a time or timestamp. Raises InvalidDate."""
    if value is None:
        return None
    text = _shown(value).strip()
    if len(text) > 10 and text[4] == "-":
        return time_text(parse_timestamp(text).time())
    try:
        return time_text(time.fromisoformat(text))
    except ValueError:
        raise InvalidDate(f'invalid input syntax for type time: "{text}"') from None


def cast_timestamp(value: Value) -> str | None:
    """A timestamp without zone: one with a zone is shown in UTC. Raises InvalidDate."""
    if value is None:
        return None
    moment = parse_timestamp(_shown(value))
    return timestamp_text(moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None))


def cast_timestamptz(value: Value) -> str | None:
    """A timestamp with zone: one without is taken as UTC. Raises InvalidDate."""
    if value is None:
        return None
    moment = parse_timestamp(_shown(value))
    return timestamp_text(moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment)


def cast_interval(value: Value) -> int | None:
    """The microseconds of an interval. Raises InvalidDate."""
    return None if value is None else parse_literal_interval(value)


def fit_integer(value: Value, bits: int) -> Value:
    """The value, unless it is a number that does not fit so many bits. Raises OutOfRange."""
    if isinstance(value, int) and not -(2 ** (bits - 1)) <= value < 2 ** (bits - 1):
        raise OutOfRange(f"{_INTEGERS[bits]} out of range")
    return value


def fit_text(value: Value, length: int) -> Value:
    """The value, unless it is a longer text; spaces at its end do not count. Raises TooLong."""
    if isinstance(value, str) and len(value) > length:
        if value[length:].strip(" "):
            raise TooLong(f"value too long for type character varying({length})")
        return value[:length]
    return value


def _shown(value: str | int | float | bytes) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
