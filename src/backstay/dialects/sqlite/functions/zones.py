"""Moments shown in a time zone, and casts whose meaning hangs on one; a zone comes by its name."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

import orjson

from backstay.dialects.sqlite.functions.arrays import literal
from backstay.dialects.sqlite.functions.conversions import stored
from backstay.errors import DateOutOfRange
from backstay.schema.kind import CASTS, TIMESTAMPTZ, TIMETZ
from backstay.schema.kind.zone import Zone, clock_in, find_zone, in_zone, json_in, moment_of, text_in, time_in

ZONED: Final = "timestamp with time zone"
ZONED_TIME: Final = "time with time zone"
_LIST: Final = "[]"
_CLOCKS: Final = ("timestamp without time zone", "date")
_TEXTS: Final = ("text", "character varying")


def hangs(source: str, target: str) -> bool:
    """Whether a cast between these types hangs on the zone."""
    one, other = source.removesuffix(_LIST), target.removesuffix(_LIST)
    return one != other and (one == ZONED or other in (ZONED, ZONED_TIME))


def zoned(value: str | None, zone: str) -> str | None:
    """A stored moment as JSON shows it in a zone."""
    return None if value is None else json_in(value, _zone(zone))


def zoned_array(value: str | None, zone: str) -> str | None:
    """A stored array of moments as JSON shows it in a zone."""
    found = _zone(zone)
    return (
        None if value is None else orjson.dumps(_each(orjson.loads(value), lambda each: json_in(each, found))).decode()
    )


def convert_in(value: Any, source: str, target: str, zone: str) -> Any:
    """A stored value of one kind as one of another, where one of the two has a time zone: PostgreSQL's names of both.

    Raises:
        DataFault: the value cannot be one of the other kind.
    """
    if value is None:
        return None
    if source.endswith(_LIST) and target.endswith(_LIST):
        one, other = source.removesuffix(_LIST), target.removesuffix(_LIST)
        return orjson.dumps(_each(orjson.loads(value), lambda each: convert_in(each, one, other, zone))).decode()
    found = _zone(zone)
    if source.endswith(_LIST):
        return literal(_each(orjson.loads(value), lambda each: text_in(each, found)))
    if target.endswith(_LIST):
        with in_zone(found):
            return stored(CASTS[target].read(str(value)), CASTS[target])
    if target == ZONED_TIME and source != ZONED:
        with in_zone(found):
            return stored(TIMETZ.read(str(value)), TIMETZ)
    if source == ZONED:
        if target == ZONED_TIME:
            return time_in(value, found)
        if target in _TEXTS:
            return text_in(value, found)
        return _clock(clock_in(value, found), target)
    if source in _CLOCKS:
        return _moment(datetime.fromisoformat(value), found)
    with in_zone(found):
        return stored(TIMESTAMPTZ.read(str(value)), TIMESTAMPTZ)


def _zone(name: str) -> Zone:
    found = find_zone(name)
    assert found is not None
    return found


def _each(value: Any, show: Callable[[Any], Any]) -> Any:
    if isinstance(value, list):
        return [_each(each, show) for each in value]
    return None if value is None else show(value)


def _moment(clock: datetime, zone: Zone) -> Any:
    try:
        return TIMESTAMPTZ.dump(moment_of(clock, zone))
    except OverflowError:
        raise DateOutOfRange("timestamp out of range") from None


def _clock(clock: str, target: str) -> str:
    """What clocks show, or a part of it."""
    day, _, rest = clock.partition("T")
    hour, _, era = rest.partition(" ")
    if target == "date":
        return f"{day} {era}".rstrip()
    return hour if target == "time without time zone" else clock


FUNCTIONS: Final[tuple[tuple[str, Callable[..., Any], int], ...]] = (
    ("zoned", zoned, 2),
    ("zoned_array", zoned_array, 2),
    ("convert_in", convert_in, 4),
)
"""The functions of this module: name, what computes it, and how many arguments it takes."""
