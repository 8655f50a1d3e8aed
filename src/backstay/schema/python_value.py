"""``python_value(type, canonical)``: a value in the wire's form as what SQLAlchemy code holds for it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

from backstay.errors import DateOutOfRange
from backstay.schema.kind import INTERVAL, Canonical


def python_value(type_: TypeEngine[Any], canonical: Canonical) -> Any:
    """The Python value that a mapped attribute of this type holds: the inverse of :meth:`Kind.dump`.

    Arguments:
        type_: of the column, as declared.
        canonical: what the type's kind makes of a value.

    Raises:
        DateOutOfRange: PostgreSQL has the value and Python has not (the time 24:00:00).
    """
    variant: TypeEngine[Any] | None = getattr(type_, "_variant_mapping", {}).get("postgresql")
    if variant is not None:
        return python_value(variant, canonical)
    if isinstance(type_, TypeDecorator) and not isinstance(type_, sa.Interval):
        return _decorated(type_, canonical)
    if canonical is None:
        return None
    if isinstance(type_, sa.Interval) or type(type_).__visit_name__ == "INTERVAL":
        return timedelta(microseconds=INTERVAL.key(canonical))
    for generic, convert in _CONVERTED:
        if isinstance(type_, generic):
            return convert(type_, canonical)
    return canonical


def _decorated(type_: TypeDecorator[Any], canonical: Canonical) -> Any:
    dialect = _postgresql()
    value = python_value(type_.load_dialect_impl(dialect), canonical)
    if type(type_).process_result_value is TypeDecorator.process_result_value:
        return value
    return type_.process_result_value(value, dialect)


def _postgresql() -> Dialect:
    # Loaded only where a type asks for a dialect: the import takes a while.
    from sqlalchemy.dialects import postgresql

    dialect: Dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    return dialect


def _enumeration(type_: sa.Enum, value: Canonical) -> Any:
    if not type_.enum_class:
        return value
    return dict(zip(type_.enums, type_.enum_class, strict=False))[str(value)]


def _uuid(type_: sa.Uuid[Any], value: Canonical) -> UUID | str:
    return UUID(str(value)) if type_.as_uuid else str(value)


def _time(_type: Any, value: Any) -> time:
    try:
        return time.fromisoformat(str(value))
    except ValueError:
        raise DateOutOfRange(f'date/time field value out of range: "{value}"') from None


def _number(type_: sa.Numeric[Any] | sa.Float[Any], value: Any) -> Decimal | float:
    return Decimal(str(value)) if type_.asdecimal else float(value)


def _array(type_: sa.ARRAY[Any], value: Canonical) -> Any:
    def convert(each: Canonical) -> Any:
        if isinstance(each, list):
            return collection(convert(inner) for inner in each)
        return python_value(type_.item_type, each)

    collection: Callable[[Any], Any] = tuple if type_.as_tuple else list
    return convert(value)


_CONVERTED: Final[tuple[tuple[type[TypeEngine[Any]], Callable[[Any, Any], Any]], ...]] = (
    (sa.Numeric, _number),
    (sa.Float, _number),
    (sa.Enum, _enumeration),
    (sa.Uuid, _uuid),
    (sa.DateTime, lambda _type, value: datetime.fromisoformat(value)),
    (sa.Date, lambda _type, value: date.fromisoformat(value)),
    (sa.Time, _time),
    (sa.JSON, lambda _type, value: json.loads(value)),
    (sa.ARRAY, _array),
)
"""What a canonical value of each type becomes; one of any other type is a Python value already."""
