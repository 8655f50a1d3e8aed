"""Sorts: the families of types whose values may be compared with one another."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final

from sqlalchemy.sql import operators
from sqlalchemy.types import NullType, TypeEngine

from backstay.errors import DeclarationError
from backstay.schema.kind import kind_of

WHOLE: Final = "whole number"
DECIMAL: Final = "decimal number"
FLOATING: Final = "floating-point number"
TEXT: Final = "text"
BOOLEAN: Final = "boolean"
UUID: Final = "uuid"
DATE: Final = "date"
TIME: Final = "time"
NAIVE: Final = "timestamp without time zone"
ZONED: Final = "timestamp with time zone"
MOMENT: Final = "present moment"
"""``now()``: it takes the zone of what it meets."""
INTERVAL: Final = "interval"
BYTES: Final = "bytes"
DOCUMENT: Final = "JSON"
ANY: Final = "any"
"""Of a value that takes the sort of what it meets: NULL, an untyped literal."""

NUMBERS: Final = frozenset({WHOLE, DECIMAL, FLOATING})
MOMENTS: Final = frozenset({NAIVE, ZONED, MOMENT})
ORDERED: Final = NUMBERS | MOMENTS | {DATE, TIME, INTERVAL, UUID, BYTES, ANY}
"""What has the same order on every database. A text's depends on the database's collation, a label's on its list."""

_BY_KIND: Final = {
    "smallint": WHOLE,
    "integer": WHOLE,
    "bigint": WHOLE,
    "numeric": DECIMAL,
    "real": FLOATING,
    "double precision": FLOATING,
    "text": TEXT,
    "character varying": TEXT,
    "boolean": BOOLEAN,
    "uuid": UUID,
    "date": DATE,
    "time without time zone": TIME,
    "timestamp without time zone": NAIVE,
    "timestamp with time zone": ZONED,
    "interval": INTERVAL,
    "bytea": BYTES,
    "json": DOCUMENT,
    "jsonb": DOCUMENT,
}


def sort_of(type_: TypeEngine[Any]) -> str:
    """The sort of a type; a type that stands alone (an enumeration, ``inet``) is a sort of its own."""
    if isinstance(type_, NullType):
        return ANY
    try:
        name = kind_of(type_).name
    except DeclarationError:
        return repr(type_)
    return _BY_KIND.get(name, name)


def common(one: str, other: str) -> str | None:
    """The sort that values of two sorts share when they meet; None where they do not fit together."""
    if one == other or other == ANY:
        return one
    if one == ANY:
        return other
    if {one, other} <= NUMBERS:
        return FLOATING if FLOATING in (one, other) else DECIMAL
    if MOMENT in (one, other) and {one, other} <= MOMENTS:
        return other if one == MOMENT else one
    return None


def computed(operator: Any, left: str, right: str) -> str | None:
    """The sort of what an operator makes of two sorts; None where it makes nothing that all databases agree on."""
    if ANY in (left, right):
        return right if left == ANY else left
    if {left, right} <= NUMBERS:
        if FLOATING in (left, right) and (operator is operators.mod or DECIMAL in (left, right)):
            return None
        if operator is operators.truediv and left == right == WHOLE:
            return DECIMAL
        return common(left, right)
    return _shifted(operator, left, right) if operator in (operators.add, operators.sub) else None


def _shifted(operator: Any, left: str, right: str) -> str | None:
    if operator is operators.add and left in (INTERVAL, WHOLE):
        left, right = right, left
    if right == INTERVAL:
        return NAIVE if left == DATE else left if left in MOMENTS | {TIME, INTERVAL} else None
    if left == DATE and right == WHOLE:
        return DATE
    if operator is operators.sub and left in MOMENTS and common(left, right) is not None:
        return INTERVAL
    return None


_PYTHON: Final[Mapping[str, tuple[type[Any], ...]]] = {
    WHOLE: (int,),
    DECIMAL: (Decimal, int, float),
    FLOATING: (float, int),
    TEXT: (str,),
    BOOLEAN: (bool,),
    UUID: (uuid.UUID, str),
    DATE: (date,),
    TIME: (time,),
    NAIVE: (datetime,),
    ZONED: (datetime,),
    INTERVAL: (timedelta,),
    BYTES: (bytes, bytearray, memoryview),
}


def holds(sort: str, value: Any) -> bool:
    """Whether a Python value is what every driver takes for a sort; whether it fits is another question."""
    known = _PYTHON.get(sort)
    if known is None:
        return True
    if isinstance(value, bool) and sort != BOOLEAN:
        return False
    if isinstance(value, datetime):
        return sort == (NAIVE if value.tzinfo is None else ZONED)
    return isinstance(value, known)
