"""Dates and times, read in the forms of ISO 8601 and written as PostgreSQL writes them in JSON.

PostgreSQL reads many more forms (``Jan 8, 1999``, ``now``, ``infinity``, names of zones), whose meaning hangs on the
clock or on a server's settings; they are refused here, so that a literal means the same on every database. A time
without zone is in UTC where one is needed, and a moment in the zone that the request asked for
(:data:`~backstay.schema.kind.zone.ZONE`). Years run from 1 to 9999.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any, Final

import sqlalchemy as sa

from backstay.errors import DatabaseFault, DataFault, DateOutOfRange, InvalidDate
from backstay.schema.kind.kind import LONGEST_TIME, Canonical, Kind
from backstay.schema.kind.zone import ZONE, moment_of

_DASHED = r"(?P<year>\d{4,6})-(?P<month>\d{1,2})-(?P<day>\d{1,2})"
_DATE = rf"(?:{_DASHED}|(?P<ymd>\d{{8}}))"
_TIME = r"(?:(?P<hour>\d{1,2}):(?P<minute>\d{1,2})(?::(?P<second>\d{1,2}))?|(?P<hms>\d{6}))(?P<fraction>\.\d*)?"
_ZONE = r"(?P<zoned>[Zz]|(?i:UTC|GMT)|(?P<sign>[+-])(?P<zone>\d{1,2}(?::?\d{2}(?::?\d{2})?)?))"
_BOTH: Final = re.compile(rf"\s*{_DATE}(?:(?:\s*[Tt]\s*|\s+){_TIME}(?:\s*{_ZONE})?)?\s*", re.ASCII)
_CLOCK: Final = re.compile(rf"\s*(?:{_DASHED}\s+(?=\d+:)|[Tt])?{_TIME}(?:\s*{_ZONE})?\s*", re.ASCII)
_MIDNIGHT: Final = timedelta()
_DAY: Final = timedelta(days=1)
_ANOTHER_STYLE: Final = 'Perhaps you need a different "datestyle" setting.'

Match = re.Match[str]


@dataclass(frozen=True)
class Moment(Kind):
    """A date, a time, or both; canonically its ISO text. ``form`` writes the text of a
    parsed literal, ``written`` that of a Python value (None: it is of another type)."""

    pattern: re.Pattern[str] = field(compare=False, repr=False)
    form: Callable[[Match], str] = field(compare=False, repr=False)
    written: Callable[[Any], str | None] = field(compare=False, repr=False)

    def _read(self, text: str) -> str:
        match = self.pattern.fullmatch(text) if len(text) <= LONGEST_TIME else None
        if not match:
            raise self._refused(text)
        try:
            return self.form(match)
        except OverflowError:
            kind = "date" if self.name == "date" else "timestamp"
            raise DateOutOfRange(f'{kind} out of range: "{text}"') from None

    def _python(self, value: Any) -> Canonical:
        text = self.written(value)
        if text is None:
            raise self._refused(str(value))
        return text

    def _refused(self, text: str) -> InvalidDate:
        name = self.name.removesuffix(" without time zone")
        return InvalidDate(f'invalid input syntax for type {name}: "{text}"')


@dataclass(frozen=True)
class ZonedTime(Moment):
    """A time of day with its zone."""

    def key(self, value: Canonical) -> tuple[timedelta, timedelta]:
        """The time in UTC, then the zone, the eastern ones first."""
        match = _CLOCK.fullmatch(str(value))
        assert match
        return _clock(match) - _offset(match), -_offset(match)


# Parts of a literal ------------------------------------------------------------------------------------------


def _out_of_range(match: Match, *, hint: str | None = None) -> DataFault:
    return DateOutOfRange(f'date/time field value out of range: "{match[0]}"', hint=hint)


def _day(match: Match) -> date:
    compact = match.groupdict().get("ymd")
    parts = (compact[:4], compact[4:6], compact[6:]) if compact else match.group("year", "month", "day")
    year, month, day = map(int, parts)
    if not 1 <= month <= 12 or not 1 <= day <= 31:
        raise _out_of_range(match, hint=_ANOTHER_STYLE)
    try:
        return date(year, month, day)
    except ValueError:
        raise _out_of_range(match) from None


def _clock(match: Match) -> timedelta:
    """The time of day, up to 24:00:00."""
    compact = match["hms"]
    if compact:
        hour, minute, second = int(compact[:2]), int(compact[2:4]), int(compact[4:])
    else:
        hour, minute, second = int(match["hour"] or 0), int(match["minute"] or 0), int(match["second"] or 0)
    # As PostgreSQL does: through binary floating point, then half to even.
    microseconds = round(float("0" + (match["fraction"] or "")) * 1_000_000)
    clock = timedelta(hours=hour, minutes=minute, seconds=second, microseconds=microseconds)
    if hour > 24 or minute > 59 or second > 60 or clock > _DAY:
        raise _out_of_range(match)
    return clock


def _offset(match: Match) -> timedelta:
    """The zone's offset from UTC; none where no zone is given."""
    if not match["zone"]:
        return _MIDNIGHT
    digits = match["zone"].replace(":", "")
    if len(digits) % 2:
        digits = "0" + digits
    hours, minutes, seconds = (int(digits[place : place + 2] or 0) for place in (0, 2, 4))
    if hours > 15 or minutes > 59 or seconds > 59:
        raise DatabaseFault(f'time zone displacement out of range: "{match[0]}"', state="22009")
    offset = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    return -offset if match["sign"] == "-" else offset


# Texts -------------------------------------------------------------------------------------------------------


def _parts(match: Match) -> tuple[date, timedelta, timedelta]:
    """The day, the time of day and the zone's offset; faults are told in the order in which PostgreSQL finds them."""
    clock, offset = _clock(match), _offset(match)
    return _day(match), clock, offset


def _date_text(match: Match) -> str:
    day, _, _ = _parts(match)
    return day.isoformat()


def _timestamp_text(match: Match) -> str:
    day, clock, _ = _parts(match)
    return _trim((datetime.combine(day, time()) + clock).isoformat())


def _instant_text(match: Match) -> str:
    day, clock, offset = _parts(match)
    zone = None if match["zoned"] else ZONE.get()
    if zone is not None:
        moment = moment_of(datetime.combine(day, time()) + clock, zone)
    else:
        moment = datetime.combine(day, time()) + (clock - offset)
    return _trim(moment.isoformat()) + "+00:00"


def _time_text(match: Match) -> str:
    clock, _ = _clock(match), _offset(match)
    if match["year"]:
        _day(match)
    return _clock_text(clock)


def _zoned_time_text(match: Match) -> str:
    text = _time_text(match)
    zone = None if match["zoned"] else ZONE.get()
    if zone is None:
        return text + _zone_text(_offset(match))
    day = _day(match) if match["year"] else zone.today()
    return text + _zone_text(zone.offset_on(datetime.combine(day, time()) + _clock(match)))


def _clock_text(clock: timedelta) -> str:
    if clock == _DAY:
        return "24:00:00"
    return _trim((datetime.min + clock).time().isoformat())


def _zone_text(offset: timedelta) -> str:
    seconds = abs(int(offset.total_seconds()))
    parts = [seconds // 3600, seconds // 60 % 60, seconds % 60]
    while len(parts) > 1 and not parts[-1]:
        parts.pop()
    return ("-" if offset < _MIDNIGHT else "+") + ":".join(f"{part:02}" for part in parts)


def _trim(text: str) -> str:
    """Without the zeros at the end of a fraction."""
    return text.rstrip("0") if "." in text else text


# Python values -----------------------------------------------------------------------------------------------


def _python_date(value: Any) -> str | None:
    if isinstance(value, datetime):
        value = value.date()
    return value.isoformat() if isinstance(value, date) else None


def _naive(value: Any) -> datetime | None:
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
    return datetime.combine(value, time()) if isinstance(value, date) else None


def _python_timestamp(value: Any) -> str | None:
    local = _naive(value)
    return None if local is None else _trim(local.isoformat())


def _python_instant(value: Any) -> str | None:
    text = _python_timestamp(value)
    return None if text is None else text + "+00:00"


def _python_time(value: Any) -> str | None:
    return _trim(value.replace(tzinfo=None).isoformat()) if isinstance(value, time) else None


def _python_zoned_time(value: Any) -> str | None:
    if not isinstance(value, time):
        return None
    zone: tzinfo = value.tzinfo or UTC
    return _trim(value.replace(tzinfo=None).isoformat()) + _zone_text(zone.utcoffset(None) or _MIDNIGHT)


DATE = Moment("date", sa.Date(), _BOTH, _date_text, _python_date)
TIME = Moment("time without time zone", sa.Time(), _CLOCK, _time_text, _python_time)
TIMETZ = ZonedTime("time with time zone", sa.Time(timezone=True), _CLOCK, _zoned_time_text, _python_zoned_time)
TIMESTAMP = Moment("timestamp without time zone", sa.DateTime(), _BOTH, _timestamp_text, _python_timestamp)
TIMESTAMPTZ = Moment("timestamp with time zone", sa.DateTime(timezone=True), _BOTH, _instant_text, _python_instant)
