"""Dates, times and intervals in their stored forms, and arithmetic on them.

- timestamp with zone: ISO 8601 in UTC, ``2024-01-01T00:00:00.5+00:00``; without zone the same without ``+00:00``
- date ``2024-01-01``, time ``12:30:00.25``
- interval: a whole number of microseconds, so that it sorts and sums; :func:`interval_text` shows it as PostgreSQL does

A fraction has no trailing zeros, and none is shown when it is zero. Such texts sort as the times they stand for,
because ``+`` and the end of a text sort before ``.``, and ``.`` sorts before the digits.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import TypeAlias

from backstay.errors import DateOutOfRange, InvalidDate, InvalidLiteral, InvalidParameter

Text: TypeAlias = str | None

_MICROSECOND = timedelta(microseconds=1)
_SECOND = 1_000_000
_UNITS = {
    "microsecond": 1,
    "us": 1,
    "millisecond": 1000,
    "ms": 1000,
    "second": _SECOND,
    "sec": _SECOND,
    "s": _SECOND,
    "minute": 60 * _SECOND,
    "min": 60 * _SECOND,
    "m": 60 * _SECOND,
    "hour": 3600 * _SECOND,
    "h": 3600 * _SECOND,
    "day": 86400 * _SECOND,
    "d": 86400 * _SECOND,
    "week": 7 * 86400 * _SECOND,
    "w": 7 * 86400 * _SECOND,
    "mon": 30 * 86400 * _SECOND,
    "month": 30 * 86400 * _SECOND,
    "year": 365 * 86400 * _SECOND,
    "y": 365 * 86400 * _SECOND,
}
_CLOCK = re.compile(r"([+-]?)(\d+):(\d\d?)(?::(\d\d?(?:\.\d+)?))?")
_AMOUNT = re.compile(r"([+-]?\d+(?:\.\d+)?)\s*([A-Za-z]+)")
_ISO = re.compile(
    r"(-?)P(?:(?P<year>[\d.]+)Y)?(?:(?P<month>[\d.]+)M)?(?:(?P<week>[\d.]+)W)?(?:(?P<day>[\d.]+)D)?"
    r"(?:T(?:(?P<hour>[\d.]+)H)?(?:(?P<minute>[\d.]+)M)?(?:(?P<second>[\d.]+)S)?)?"
)
_FIELDS = ("microsecond", "second", "minute", "hour", "day", "month", "year")


# Stored forms ------------------------------------------------------------------------------------------------


def timestamp_text(value: datetime) -> str:
    """The stored form of a moment: in UTC if it has a zone, as it stands if it has none."""
    if value.tzinfo is None:
        return _trim(value.isoformat())
    return _trim(value.astimezone(UTC).replace(tzinfo=None).isoformat()) + "+00:00"


def time_text(value: time) -> str:
    """The stored form of a time of day."""
    shown = value.isoformat()
    zone = shown[len(value.replace(tzinfo=None).isoformat()) :]
    return _trim(shown.removesuffix(zone)) + zone


def interval_number(value: timedelta) -> int:
    """The stored form of a duration: its microseconds."""
    return value // _MICROSECOND


def interval_text(microseconds: int | None) -> str | None:
    """An interval as PostgreSQL shows it: ``1 day 02:03:04.5``."""
    if microseconds is None:
        return None
    sign = "-" if microseconds < 0 else ""
    days, rest = divmod(abs(microseconds), 86400 * _SECOND)
    seconds, fraction = divmod(rest, _SECOND)
    clock = f"{sign}{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    if fraction:
        clock += f".{fraction:06}".rstrip("0")
    if not days:
        return clock
    shown = f"{sign}{days} day{'' if days == 1 and not sign else 's'}"
    return f"{shown} {clock}" if rest else shown


def parse_timestamp(text: str) -> datetime:
    """The moment that a text stands for. Raises InvalidDate."""
    try:
        return datetime.fromisoformat(text.strip())
    except ValueError:
        raise InvalidDate(f'invalid input syntax for type timestamp: "{text}"') from None


def parse_interval(text: str) -> int:
    """The microseconds of an interval in PostgreSQL's or ISO 8601's notation (a month is 30 days, a year 365).

    Raises:
        InvalidDate: it is no interval.
    """
    stripped = text.strip()
    total = _iso_interval(stripped) if "P" in stripped[:2] else _worded_interval(stripped)
    if total is None:
        raise InvalidDate(f'invalid input syntax for type interval: "{text}"')
    return total


# Functions ---------------------------------------------------------------------------------------------------


def timestamp_add(moment: Text, microseconds: int | None) -> Text:
    """A date or timestamp plus an interval: a timestamp."""
    if moment is None or microseconds is None:
        return None
    try:
        return timestamp_text(parse_timestamp(moment) + timedelta(microseconds=microseconds))
    except OverflowError:
        raise DateOutOfRange("timestamp out of range") from None


def timestamp_sub(left: Text, right: Text) -> int | None:
    """The interval between two timestamps; one without a zone is taken as UTC."""
    if left is None or right is None:
        return None
    return interval_number(_utc(parse_timestamp(left)) - _utc(parse_timestamp(right)))


def date_add(day: Text, days: int | None) -> Text:
    """A date some days later."""
    if day is None or days is None:
        return None
    try:
        return (parse_timestamp(day).date() + timedelta(days=days)).isoformat()
    except OverflowError:
        raise DateOutOfRange("date out of range") from None


def date_sub(left: Text, right: Text) -> int | None:
    """The days between two dates."""
    if left is None or right is None:
        return None
    return (parse_timestamp(left).date() - parse_timestamp(right).date()).days


def time_add(moment: Text, microseconds: int | None) -> Text:
    """A time of day plus an interval, around midnight."""
    if moment is None or microseconds is None:
        return None
    try:
        start = datetime.combine(date(2000, 1, 1), time.fromisoformat(moment))
    except ValueError:
        raise InvalidDate(f'invalid input syntax for type time: "{moment}"') from None
    return time_text((start + timedelta(microseconds=microseconds % (86400 * _SECOND))).timetz())


def date_trunc(unit: Text, moment: Text) -> Text:
    """A timestamp cut to a unit, in UTC: ``date_trunc('month', created_at)``. Raises InvalidParameter."""
    if unit is None or moment is None:
        return None
    value, name = parse_timestamp(moment), unit.lower().removesuffix("s")
    if name == "millisecond":
        return timestamp_text(value.replace(microsecond=value.microsecond // 1000 * 1000))
    if name == "week":
        value, name = value - timedelta(days=value.weekday()), "day"
    if name == "quarter":
        value, name = value.replace(day=1, month=(value.month - 1) // 3 * 3 + 1), "day"
    if name not in _FIELDS:
        raise InvalidParameter(f'unit "{unit}" not recognized for type timestamp')
    for field in _FIELDS[: _FIELDS.index(name)]:
        value = value.replace(**{field: int(field in ("day", "month"))})  # type: ignore[arg-type]
    return timestamp_text(value)


# Parts -------------------------------------------------------------------------------------------------------


def _trim(shown: str) -> str:
    return shown.rstrip("0") if "." in shown else shown


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def _times(amount: str, size: int) -> int:
    return int((Decimal(amount) * size).to_integral_value(ROUND_HALF_EVEN))


def _iso_interval(text: str) -> int | None:
    found = _ISO.fullmatch(text)
    amounts = {unit: amount for unit, amount in found.groupdict().items() if amount} if found else {}
    if found is None or not amounts:
        return None
    try:
        total = sum(_times(amount, _UNITS[unit]) for unit, amount in amounts.items())
    except InvalidOperation:
        return None
    return -total if found.group(1) else total


def _worded_interval(text: str) -> int | None:
    total, rest = 0, text
    for found in _CLOCK.finditer(text):
        sign, hours, minutes, seconds = found.groups()
        clock = (int(hours) * 3600 + int(minutes) * 60) * _SECOND + _times(seconds or "0", _SECOND)
        total += -clock if sign == "-" else clock
        rest = rest.replace(found.group(), " ", 1)
    for found in _AMOUNT.finditer(rest):
        unit = found.group(2).lower()
        if unit == "ago":
            return None
        size = _UNITS.get(unit) or _UNITS.get(unit.removesuffix("s"))
        if size is None:
            return None
        total += _times(found.group(1), size)
    left = _AMOUNT.sub("", rest).strip()
    if left or not text:
        return _times(left, _SECOND) if re.fullmatch(r"[+-]?\d+(\.\d+)?", left) and left == text else None
    return total


def parse_literal_interval(value: object) -> int:
    """The microseconds of an interval given as a text or as a number of them. Raises InvalidLiteral or InvalidDate."""
    if isinstance(value, str):
        return parse_interval(value)
    if isinstance(value, int):
        return value
    raise InvalidLiteral(f'invalid input syntax for type interval: "{value}"')
