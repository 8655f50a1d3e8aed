"""Casts between kinds that SQLite's own CAST would make something else of: :func:`convert`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

import orjson

from backstay.dialects.sqlite.functions.arrays import exact, literal, stored_array
from backstay.dialects.sqlite.functions.casts import cast_interval
from backstay.dialects.sqlite.functions.times import interval_text
from backstay.errors import InvalidParameter, OutOfRange
from backstay.schema.kind import CASTS, TEXT, Kind
from backstay.schema.kind.array import Array
from backstay.schema.kind.encode import json_text

_BITS: Final = {"smallint": 16, "integer": 32, "bigint": 64}
_NUMBERS: Final = (*_BITS, "numeric", "real", "double precision")
_SIGNIFICANT: Final = {"real": ".6g", "double precision": ".15g"}
_ZONE: Final = re.compile(r"[+-][\d:]+$")
_MIDNIGHT: Final = "T00:00:00"
_DAY: Final = timedelta(days=1) // timedelta(microseconds=1)
_KINDS: Final[Mapping[type, str]] = {dict: "object", list: "array", str: "string", bool: "boolean"}


def stored(value: Any, kind: Kind) -> Any:
    """A canonical value as SQLite holds it."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, list):
        return stored_array(value, kind.of if isinstance(kind, Array) else TEXT)
    return cast_interval(value) if kind.name == "interval" else value


def convert(value: Any, source: str, target: str) -> Any:
    """A stored value of one kind as one of another; both are PostgreSQL's names.

    Raises:
        DataFault: the value cannot be one of the other kind.
    """
    if value is None:
        return None
    if source.endswith("[]"):
        return _from_array(value, source.removesuffix("[]"), target)
    special = _SPECIAL.get((source, target)) or _SPECIAL.get((source, ""))
    if special is not None:
        return special(value, target)
    kind = CASTS[target]
    if target in _BITS and source in _NUMBERS:
        return _whole(value, target)
    if target == "numeric" and isinstance(value, float):
        value = Decimal(format(value, _SIGNIFICANT[source]))
    return stored(kind.read(str(value)), kind)


def _from_array(value: str, source: str, target: str) -> str:
    elements = exact(value)
    if not target.endswith("[]"):
        return literal(_each(elements, lambda each: _printed(each, source)))
    kind = CASTS[target]
    assert isinstance(kind, Array)
    return stored_array(_each(elements, lambda each: _element(each, source, kind.of)), kind.of)


def _each(values: list[Any], change: Callable[[Any], Any]) -> list[Any]:
    return [None if v is None else _each(v, change) if isinstance(v, list) else change(v) for v in values]


def _printed(element: Any, kind: str) -> str:
    """An element as PostgreSQL writes it in an array."""
    if isinstance(element, bool):
        return "t" if element else "f"
    if kind in _SIGNIFICANT:
        return _float_text(float(element), int(_SIGNIFICANT[kind][1:-1]))
    if kind.startswith("timestamp"):
        return str(element).replace("T", " ").replace("+00:00", "+00")
    return json_text(element) if isinstance(element, dict) else str(element)


def _element(element: Any, source: str, target: Kind) -> Any:
    """An element of one kind as one of another, in canonical form."""
    if target.name in ("text", "character varying"):
        return str(element).lower() if isinstance(element, bool) else _printed(element, source)
    held = element if isinstance(element, bool) or source in _SIGNIFICANT else str(element)
    if source in _SIGNIFICANT:
        held = float(held)
    elif source in _BITS:
        held = int(held)
    found = convert(cast_interval(held) if source == "interval" else held, source, target.name)
    if target.name == "interval":
        return interval_text(found)
    return bool(found) if target.name == "boolean" else found


def _whole(value: int | float | str, target: str) -> int:
    # Floats are rounded half to even, exact numbers half away from zero.
    number = round(value) if isinstance(value, float) else int(Decimal(value).quantize(Decimal(1), ROUND_HALF_UP))
    if not -(1 << (_BITS[target] - 1)) <= number < 1 << (_BITS[target] - 1):
        raise OutOfRange(f"{target} out of range")
    return number


def _float_text(value: float, most: int) -> str:
    """A float as PostgreSQL writes it: with an exponent from ``most`` digits before the point on."""
    number = Decimal(repr(value)).normalize()
    sign, figures, _ = number.as_tuple()
    if -5 < (exponent := number.adjusted() if number else 0) < most:
        return format(number, "f")
    digits = "".join(map(str, figures))
    point = "." if len(digits) > 1 else ""
    return f"{'-' * sign}{digits[0]}{point}{digits[1:]}e{exponent:+03d}"


def _from_json(text: str, target: str) -> Any:
    if target in ("json", "jsonb"):
        return text
    value = orjson.loads(text)
    if value is None:
        return None
    found = _KINDS.get(type(value), "numeric")
    if found != ("boolean" if target == "boolean" else "numeric"):
        raise InvalidParameter(f"cannot cast jsonb {found} to type {target}")
    return int(value) if found == "boolean" else convert(text, "numeric", target)


def _day(value: str, target: str) -> str:
    return value + _MIDNIGHT + ("+00:00" if "with time zone" in target else "")


def _moment(value: str, target: str) -> str:
    value = value.removesuffix("+00:00")
    day, _, clock = value.partition("T")
    if target == "time with time zone":
        return clock + "+00"
    if target == "date":
        return day
    return clock if target == "time without time zone" else value + ("+00:00" if "with time zone" in target else "")


_SPECIAL: Final[Mapping[tuple[str, str], Callable[[Any, str], Any]]] = {
    ("json", ""): _from_json,
    ("jsonb", ""): _from_json,
    ("integer", "boolean"): lambda value, target: int(value != 0),
    ("boolean", "integer"): lambda value, target: int(value),
    ("date", ""): _day,
    ("timestamp without time zone", ""): _moment,
    ("timestamp with time zone", ""): _moment,
    ("real", "text"): lambda value, target: _float_text(value, 6),
    ("real", "character varying"): lambda value, target: _float_text(value, 6),
    ("double precision", "text"): lambda value, target: _float_text(value, 15),
    ("double precision", "character varying"): lambda value, target: _float_text(value, 15),
    ("interval", ""): lambda value, target: interval_text(value % _DAY),
    ("time without time zone", "interval"): lambda value, target: cast_interval(value),
    ("time without time zone", "time with time zone"): lambda value, target: value + "+00",
    ("time with time zone", "time without time zone"): lambda value, target: _ZONE.sub("", value),
}
