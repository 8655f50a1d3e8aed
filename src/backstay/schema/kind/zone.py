"""Time zones: which there are, as PostgreSQL's setting ``TimeZone`` takes them, and moments as they are shown in one.

A name of the time zone database in any case; hours east of Greenwich (``-3``, ``5.5``); or POSIX's form, whose hours
count to the *west*: ``UTC+3`` and ``+05:30`` are ``-03:00`` and ``-05:30`` on the clock. So PostgreSQL has it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache, lru_cache
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

_NAME: Final = re.compile(r"[A-Za-z0-9_+\-]+(?:/[A-Za-z0-9_+\-]+)*")
_HOURS: Final = re.compile(r"[+-]?(?:\d{1,3}(?:\.\d{0,6})?|\.\d{1,6})", re.ASCII)
_POSIX: Final = re.compile(
    r"(?:[A-Za-z]+|<[A-Za-z0-9+\-]+>)?(?P<sign>[+-]?)(?P<hours>\d{1,3})(?::(?P<minutes>\d{1,2}))?", re.ASCII
)
_ALIEN: Final = ("localtime", "posixrules")
"""Names that stand for what the machine is set to."""
_LONGEST: Final = 64
_MOST_HOURS: Final = 167
_CENTURIES: Final = 400
"""Years after which the calendar repeats itself."""
_NONE: Final = timedelta()


@dataclass(frozen=True, slots=True)
class Zone:
    """One time zone. ``name`` is what PostgreSQL calls it; ``rules`` are those of the time zone database, None where
    the offset is ``fixed``."""

    name: str
    rules: ZoneInfo | None = None
    fixed: timedelta = _NONE

    def offset_at(self, moment: datetime) -> timedelta:
        """How far clocks are ahead of UTC at a moment, given in UTC and without a zone."""
        if self.rules is None:
            return self.fixed
        if moment.year in (1, 9999):
            moment = moment.replace(year=moment.year + (_CENTURIES if moment.year == 1 else -_CENTURIES))
        return moment.replace(tzinfo=UTC).astimezone(self.rules).utcoffset() or _NONE

    def today(self) -> date:
        """The day that calendars show now."""
        now = datetime.now(UTC).replace(tzinfo=None)
        return (now + self.offset_at(now)).date()

    def offset_on(self, clock: datetime) -> timedelta:
        """How far clocks are ahead of UTC when they show this. As on PostgreSQL, an hour that comes twice is the later
        one, and one that is left out is counted from before the gap: either way it is the smaller offset."""
        if self.rules is None:
            return self.fixed
        offsets = [self.rules.utcoffset(clock.replace(fold=fold)) or _NONE for fold in (0, 1)]
        return min(offsets)


ZONE: Final[ContextVar[Zone | None]] = ContextVar("zone", default=None)
"""The zone in which the request under way reads and shows times; None: UTC."""


@contextmanager
def in_zone(zone: Zone) -> Iterator[None]:
    """Read and show times in a zone."""
    token = ZONE.set(zone)
    try:
        yield
    finally:
        ZONE.reset(token)


@lru_cache(maxsize=1024)
def find_zone(name: str) -> Zone | None:
    """The zone of this name; None where there is none."""
    if len(name) > _LONGEST:
        return None
    if _HOURS.fullmatch(name):
        hours = float(name)
        return Zone(name, fixed=_seconds(hours)) if abs(hours) <= _MOST_HOURS else None
    named = _named(name) if _NAME.fullmatch(name) else None
    return named or _posix(name)


def _named(name: str) -> Zone | None:
    known = _names().get(name.lower())
    return None if known is None else Zone(known, ZoneInfo(known))


@cache
def _names() -> dict[str, str]:
    return {name.lower(): name for name in available_timezones() if name not in _ALIEN}


def _posix(name: str) -> Zone | None:
    match = _POSIX.fullmatch(name)
    if match is None or int(match["hours"]) > _MOST_HOURS or int(match["minutes"] or 0) > 59:
        return None
    west = timedelta(hours=int(match["hours"]), minutes=int(match["minutes"] or 0))
    return Zone(name, fixed=west if match["sign"] == "-" else -west)


def _seconds(hours: float) -> timedelta:
    # Cut to whole seconds, as C does.
    return timedelta(seconds=int(hours * 3600))


# Moments as texts --------------------------------------------------------------------------------------------


def json_in(text: str, zone: Zone) -> str:
    """A moment (``2024-07-01T12:00:00.5+00:00``) as JSON shows it in a zone: ``2024-07-01T14:00:00.5+02:00``."""
    clock, offset, era = _local(text, zone)
    return f"{clock}{_shown(offset, minutes=True)}{era}"


def text_in(text: str, zone: Zone) -> str:
    """A moment as a cast to text shows it in a zone: ``2024-07-01 14:00:00.5+02``."""
    clock, offset, era = _local(text, zone)
    return f"{clock.replace('T', ' ')}{_shown(offset, minutes=False)}{era}"


def clock_in(text: str, zone: Zone) -> str:
    """What clocks in a zone show at a moment, without the zone: ``2024-07-01T14:00:00.5``."""
    clock, _, era = _local(text, zone)
    return clock + era


def time_in(text: str, zone: Zone) -> str:
    """The time of day that clocks in a zone show at a moment, with its offset: ``14:00:00.5+02``."""
    clock, offset, _ = _local(text, zone)
    return f"{clock.partition('T')[2]}{_shown(offset, minutes=False)}"


def moment_of(clock: datetime, zone: Zone) -> datetime:
    """The moment, in UTC and without a zone, at which clocks in a zone show this. Raises OverflowError."""
    return clock - zone.offset_on(clock)


def _local(text: str, zone: Zone) -> tuple[str, timedelta, str]:
    moment = datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None)
    offset = zone.offset_at(moment)
    try:
        clock, years = moment + offset, 0
    except OverflowError:
        years = _CENTURIES if moment.year < 5000 else -_CENTURIES
        clock = moment.replace(year=moment.year + years) + offset
    year = clock.year - years
    shown = f"{year if year > 0 else 1 - year:04}{clock.isoformat()[4:]}"
    return shown.rstrip("0") if clock.microsecond else shown, offset, "" if year > 0 else " BC"


def _shown(offset: timedelta, *, minutes: bool) -> str:
    seconds = abs(offset // timedelta(seconds=1))
    parts = [seconds // 3600, seconds // 60 % 60, seconds % 60]
    while len(parts) > (2 if minutes else 1) and not parts[-1]:
        parts.pop()
    return ("-" if offset < _NONE else "+") + ":".join(f"{part:02}" for part in parts)
