"""Intervals: months, days and microseconds, read as PostgreSQL and ISO 8601 write them."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from backstay.errors import DatabaseFault, InvalidDate
from backstay.schema.kind.kind import BLANKS, LONGEST_TIME, Canonical, Kind

_SECOND = 1_000_000
_DAY = 24 * 3600 * _SECOND
_DIGITS = 40
"""Digits before or after the point that are looked at; an interval holds fewer."""

_MONTHS: Final = {"year": 12, "decade": 120, "century": 1200, "millennium": 12000, "month": 1}
_DAYS: Final = {"week": 7, "day": 1}
_MICROSECONDS: Final = {"hour": 3600 * _SECOND, "minute": 60 * _SECOND, "second": _SECOND} | {
    "millisecond": 1000,
    "microsecond": 1,
}
_NAMES: Final = {
    "year": "y yr yrs year years",
    "month": "mon mons month months",
    "decade": "dec decade decades",
    "century": "c cent century centuries",
    "millennium": "mil mils millennium millennia",
    "week": "w week weeks",
    "day": "d day days",
    "hour": "h hr hrs hour hours",
    "minute": "m min mins minute minutes",
    "second": "s sec secs second seconds",
    "millisecond": "ms msec msecs millisecond milliseconds",
    "microsecond": "us usec usecs microsecond microseconds",
}
_UNITS: Final = {name: unit for unit, names in _NAMES.items() for name in names.split()}

_NUMBER = r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)"
_PART: Final = re.compile(
    rf"\s*(?:(?P<sign>[+-])?(?P<hour>\d+):(?P<minute>\d+)(?::(?P<second>\d+(?:\.\d*)?))?"
    rf"|(?P<number>{_NUMBER})\s*(?P<unit>[A-Za-z]+)?)\s*",
    re.ASCII,
)
_ISO: Final = re.compile(
    r"P(?:(?P<year>N)Y)?(?:(?P<month>N)M)?(?:(?P<week>N)W)?(?:(?P<day>N)D)?"
    r"(?:T(?:(?P<hour>N)H)?(?:(?P<minute>N)M)?(?:(?P<second>N)S)?)?".replace("N", _NUMBER),
    re.ASCII,
)


class Span(NamedTuple):
    """The three parts of an interval, none of which is a fixed number of another."""

    months: int
    days: int
    microseconds: int


@dataclass(frozen=True)
class Interval(Kind):
    """A span of time; canonically its text: ``1 year 2 mons 3 days 04:05:06.5``."""

    def _read(self, text: str) -> str:
        return _written(self._span(text))

    def _span(self, text: str) -> Span:
        words = text.strip(BLANKS)
        try:
            amounts = _iso(words) if words.startswith("P") else _verbose(words)
            if amounts is None:
                raise InvalidDate(f'invalid input syntax for type interval: "{text}"')
            return _sum(amounts)
        except OverflowError:
            raise DatabaseFault(f'interval field value out of range: "{text}"', state="22015") from None

    def _python(self, value: Any) -> Canonical:
        if not isinstance(value, timedelta):
            raise InvalidDate(f'invalid input syntax for type interval: "{value}"')
        whole = value // timedelta(microseconds=1)
        days = abs(whole) // _DAY * (1 if whole >= 0 else -1)
        return _written(Span(0, days, whole - days * _DAY))

    def key(self, value: Canonical) -> int:
        """The microseconds, a month counting as 30 days and a day as 24 hours."""
        span = self._span(str(value))
        return (span.months * 30 + span.days) * _DAY + span.microseconds


Amounts = list[tuple[str, Fraction]]
"""Units with their numbers, in the order they were written."""


def _iso(text: str) -> Amounts | None:
    """The amounts of ``P1Y2M3DT4H5M6.5S``."""
    match = _ISO.fullmatch(text)
    if not match or text == "P":
        return None
    return [(unit, _number(number)) for unit, number in match.groupdict().items() if number]


def _verbose(text: str) -> Amounts | None:
    """The amounts of ``1 year 2 mons 3 days 04:05:06.5`` and its kin; the last number without unit is seconds."""
    if len(text) > LONGEST_TIME:
        return None
    words = text.removeprefix("@")
    ago = re.search(r"\s+ago$", words, re.IGNORECASE)
    if ago:
        words = words[: ago.start()]
    amounts: Amounts = []
    place = 0
    while place < len(words):
        part = _PART.match(words, place)
        if not part:
            return None
        found = _amounts(part, last=part.end() == len(words), clock_follows=":" in words[part.end() :])
        if found is None:
            return None
        amounts += found
        place = part.end()
    units = [unit for unit, _ in amounts]
    if not units or len(set(units)) != len(units):
        return None
    return [(unit, -number) for unit, number in amounts] if ago else amounts


def _amounts(part: re.Match[str], *, last: bool, clock_follows: bool) -> Amounts | None:
    if part["hour"]:
        return _clock(part)
    if part["unit"] is None:
        unit = "second" if last else "day" if clock_follows else None
    else:
        unit = _UNITS.get(part["unit"].lower())
    return None if unit is None else [(unit, _number(part["number"]))]


def _clock(part: re.Match[str]) -> Amounts:
    numbers = {unit: _number(part[unit] or "0") for unit in ("hour", "minute", "second")}
    if numbers["minute"] >= 60 or numbers["second"] > 60:
        raise OverflowError
    return [(unit, -number if part["sign"] == "-" else number) for unit, number in numbers.items()]


def _number(text: str) -> Fraction:
    whole, _, fraction = text.partition(".")
    if len(whole) > _DIGITS:
        raise OverflowError
    return Fraction(f"{whole}.{fraction[:_DIGITS] or 0}")


def _nearest(number: Fraction) -> int:
    """The nearest whole number, of two the one nearer to zero."""
    whole = math.ceil(abs(number) - Fraction(1, 2))
    return whole if number > 0 else -whole


def _sum(amounts: Amounts) -> Span:
    """Add up; what is left of a month becomes days, and what is left of a day becomes time."""
    months = days = microseconds = 0
    for unit, number in amounts:
        if unit in _MONTHS:
            amount = number * _MONTHS[unit]
            if unit != "month":
                months += round(amount)
                continue
            months += int(amount)
            unit, number = "day", (amount - int(amount)) * 30
        if unit in _DAYS:
            amount = number * _DAYS[unit]
            days += int(amount)
            microseconds += _nearest((amount - int(amount)) * _DAY)
        else:
            microseconds += _nearest(number * _MICROSECONDS[unit])
    if max(abs(months), abs(days)) >= 1 << 31 or abs(microseconds) >= 1 << 63:
        raise OverflowError
    return Span(months, days, microseconds)


def _written(span: Span) -> str:
    parts: list[str] = []
    before = False
    years = int(span.months / 12)
    for number, unit in ((years, "year"), (span.months - years * 12, "mon"), (span.days, "day")):
        if number:
            plus = "+" if before and number > 0 else ""
            parts.append(f"{plus}{number} {unit}{'' if number == 1 else 's'}")
            before = number < 0
    if span.microseconds or not parts:
        parts.append(_clock_text(span.microseconds, before))
    return " ".join(parts)


def _clock_text(microseconds: int, before: bool) -> str:
    sign = "-" if microseconds < 0 else "+" if before else ""
    seconds, fraction = divmod(abs(microseconds), _SECOND)
    tail = f".{fraction:06}".rstrip("0") if fraction else ""
    return f"{sign}{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{tail}"


INTERVAL = Interval("interval", sa.Interval())
