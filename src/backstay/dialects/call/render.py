"""What a function returns, as JSON in the wire's forms: those that a column of the value's type has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AnySet
from dataclasses import dataclass, fields, is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, Final
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.orm import Mapper

from backstay.dialects.call.labels import Labels, label, labels_of
from backstay.schema import kind as kinds
from backstay.schema.kind import Canonical, Kind
from backstay.schema.kind.array import Array
from backstay.schema.kind.zone import ZONE, json_in
from backstay.schema.served import Schema, Served

_ENCODER: Final = msgspec.json.Encoder()
_AS_WRITTEN: Final = ("numeric", "json", "jsonb")


def encode(value: Any) -> bytes:
    """What :class:`Rendering` made, as JSON text."""
    return _ENCODER.encode(value)


def served_of(schema: Schema, value: Any) -> Served | None:
    """The resource that an object is a row of; None for what is not an object of a mapped class.

    Raises:
        TypeError: the object's class is mapped, and is no resource: nothing says which of its columns are shown.
    """
    mapper: Mapper[Any] | None = getattr(sa.inspect(value, raiseerr=False), "mapper", None)
    if mapper is None:
        return None
    for served in schema.resources.values():
        if served.model is not None and mapper.isa(sa.inspect(served.model)):
            return served
    raise TypeError(f"A function returned a {type(value).__name__}, which is not a resource.")


@dataclass(frozen=True, slots=True)
class Rendering:
    """Turns what functions return into what JSON is made of.

    Arguments:
        schema: what is served; of its rows the columns on the wire are shown, hidden ones never.
    """

    schema: Schema

    def of(self, value: Any) -> Any:
        """A value in the wire's form.

        Raises:
            TypeError: there is none.
        """
        simple = _SIMPLE.get(type(value))
        if simple is not None:
            return simple(value)
        if isinstance(value, Enum):
            return label(value, self.labels)
        served = served_of(self.schema, value)
        return self.structure(value) if served is None else self.row(value, served)

    @property
    def labels(self) -> Labels:
        return labels_of(self.schema)

    def row(self, instance: Any, served: Served) -> dict[str, Any]:
        """A row of a resource: its columns on the wire."""
        return {
            column.name: shown(column.kind.dump(getattr(instance, column.attribute)), column.kind)
            for column in served.visible.values()
            if column.starred
        }

    def structure(self, value: Any) -> Any:
        if isinstance(value, sa.Row):
            return self.of(dict(value._mapping))
        if is_dataclass(value):
            return {field.name: self.of(getattr(value, field.name)) for field in fields(value)}
        if isinstance(value, msgspec.Struct):
            return self.of(msgspec.structs.asdict(value))
        if isinstance(value, Mapping):
            return {self.key(key): self.of(each) for key, each in value.items()}
        if isinstance(value, tuple) and hasattr(value, "_asdict"):
            return self.of(value._asdict())
        if isinstance(value, list | tuple | AnySet):
            return [self.of(each) for each in value]
        if hasattr(value, "model_dump"):
            return self.of(value.model_dump())
        for kind, simple in _SIMPLE.items():
            if isinstance(value, kind):
                return simple(value)
        raise TypeError(f"A function returned a {type(value).__name__}, which JSON has no form for.")

    def key(self, key: Any) -> str:
        found = self.of(key)
        return found if isinstance(found, str) else encode(found).decode()


def shown(value: Canonical, kind: Kind) -> Any:
    """A canonical value as the wire shows it."""
    if value is None:
        return None
    if isinstance(value, bytes):
        return "\\x" + value.hex()
    if isinstance(value, str) and kind == kinds.TIMESTAMPTZ:
        return _instant(value)
    if isinstance(kind, Array) and isinstance(value, list):
        return [shown(each, kind if isinstance(each, list) else kind.of) for each in value]
    return msgspec.Raw(str(value).encode()) if kind.name.startswith(_AS_WRITTEN) else value


def _decimal(value: Decimal) -> Any:
    return shown(kinds.NUMERIC.dump(value), kinds.NUMERIC) if value.is_finite() else None


def _instant(text: str) -> str:
    zone = ZONE.get()
    return text if zone is None else json_in(text, zone)


def _moment(value: datetime) -> Any:
    kind = kinds.TIMESTAMP if value.tzinfo is None else kinds.TIMESTAMPTZ
    return shown(kind.dump(value), kind)


def _time(value: time) -> Any:
    return (kinds.TIME if value.tzinfo is None else kinds.TIMETZ).dump(value)


def _same(value: Any) -> Any:
    return value


_SIMPLE: Final[Mapping[type[Any], Any]] = {
    type(None): _same,
    bool: _same,
    int: _same,
    float: _same,
    str: _same,
    Decimal: _decimal,
    UUID: str,
    datetime: _moment,
    date: kinds.DATE.dump,
    time: _time,
    timedelta: kinds.INTERVAL.dump,
    bytes: lambda value: "\\x" + value.hex(),
}


def is_rows(value: Any) -> bool:
    """Whether a function answered with any number of rows, rather than with one value."""
    return isinstance(value, list | tuple | AnySet) and not hasattr(value, "_fields")


def all_of_one(schema: Schema, values: Iterable[Any]) -> Served | None:
    """The resource that all of these are rows of; None where they are not (or are none)."""
    found = {served_of(schema, value) for value in values}
    return found.pop() if len(found) == 1 else None
