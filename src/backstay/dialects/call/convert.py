"""``convert(value, annotation)``: an argument of a call as the Python value that the function's annotation asks for.

What a column could hold is read as a column's value is, with the same words for what it cannot be. Lists, objects and
unions of these follow the annotation.
"""

from __future__ import annotations

import json
import types
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AnySet
from dataclasses import dataclass, is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import (
    Annotated,
    Any,
    Final,
    Literal,
    NotRequired,
    Required,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)
from uuid import UUID

import msgspec

from backstay.dialects.call.labels import Labels, label
from backstay.errors import DatabaseFault, DataFault, InvalidLiteral
from backstay.schema import kind as kinds
from backstay.schema.kind import Kind
from backstay.schema.kind.array import array
from backstay.schema.python_value import python_value

SCALARS: Final[Mapping[Any, Kind]] = {
    bool: kinds.BOOLEAN,
    int: kinds.BIGINT,
    float: kinds.DOUBLE,
    str: kinds.TEXT,
    bytes: kinds.BYTEA,
    Decimal: kinds.NUMERIC,
    UUID: kinds.UUID,
    date: kinds.DATE,
    datetime: kinds.TIMESTAMPTZ,
    time: kinds.TIME,
    timedelta: kinds.INTERVAL,
}
"""What a column of each Python type would be."""

LISTS: Final[Mapping[Any, Callable[[Iterable[Any]], Any]]] = {
    list: list,
    Sequence: list,
    Collection: list,
    Iterable: list,
    tuple: tuple,
    set: set,
    frozenset: frozenset,
    AnySet: frozenset,
}
"""What holds many values, and what makes one."""

_BUILT_IN: Final = (UUID, datetime, date, time, timedelta, Decimal, bytes)
_TEXTS: Final = array(kinds.TEXT)


def convert(value: Any, annotation: Any, labels: Labels, *, literal: bool = False) -> Any:
    """Make an argument what the function takes.

    Arguments:
        value: a decoded JSON value, or with ``literal`` text from a URL (a list of texts, where it came repeatedly).
        annotation: the parameter's.
        labels: of the members of enumerations.
        literal: whether ``value`` is text from a URL.

    Raises:
        DataFault: the value is not what the annotation asks for (SQLSTATE 22P02 and its kin).
        DatabaseFault: it is null and must not be, or holds what no text may hold.
    """
    return _Conversion(labels, literal).to(value, annotation)


@dataclass(frozen=True, slots=True)
class _Conversion:
    labels: Labels
    literal: bool

    def to(self, value: Any, asked: Any) -> Any:
        origin = get_origin(asked)
        if origin is Annotated:
            return self.constrained(value, asked)
        if origin in (Union, types.UnionType):
            return self.union(value, get_args(asked))
        if origin is Literal:
            return self.one_of(value, get_args(asked))
        if hasattr(asked, "__supertype__"):
            return self.to(value, asked.__supertype__)
        if hasattr(asked, "__value__"):
            return self.to(value, asked.__value__)
        if asked is Any or asked is object:
            return _plain(value)
        if value is None:
            return self.null(asked)
        return self.given(value, asked, origin or asked)

    def given(self, value: Any, asked: Any, kind: Any) -> Any:
        """A value that is not null, as something that is neither a union nor anything at all."""
        if kind in LISTS:
            return self.many(value, asked, LISTS[kind])
        if isinstance(value, list) and self.literal:
            value = value[-1]
        if kind in SCALARS:
            return self.scalar(value, SCALARS[kind])
        if isinstance(kind, type) and issubclass(kind, Enum):
            return self.member(value, kind)
        if kind in (dict, Mapping):
            _, of = get_args(asked) or (str, Any)
            return {key: self.parsed().to(each, of) for key, each in self.object(value, "object").items()}
        if is_dataclass(kind) or is_typeddict(kind) or _is_structure(kind):
            return self.structure(value, kind)
        return self.other(value, asked)

    # Scalars -------------------------------------------------------------------------------------------------

    def scalar(self, value: Any, kind: Kind) -> Any:
        return python_value(kind.sql, kind.read(value) if self.literal else kind.take(value))

    def null(self, asked: Any) -> None:
        if asked not in (None, types.NoneType):
            raise DatabaseFault("null value not allowed for this argument", state="22004")

    def member(self, value: Any, enumeration: type[Enum]) -> Enum:
        for each in enumeration:
            if value in (label(each, self.labels), each.value) or (self.literal and value == str(each.value)):
                return each
        raise InvalidLiteral(f'invalid input value for enum {enumeration.__name__.lower()}: "{value}"')

    def one_of(self, value: Any, values: tuple[Any, ...]) -> Any:
        for each in values:
            if value == each and type(value) is type(each):
                return each
            if self.literal and isinstance(each, int) and value == str(each).lower():
                return each
        raise InvalidLiteral(f'invalid input value: "{value}"', hint=f"One of {', '.join(map(str, values))}.")

    def union(self, value: Any, choices: tuple[Any, ...]) -> Any:
        some = [each for each in choices if each is not types.NoneType]
        if len(some) < len(choices) and (value is None or (self.literal and value == "null" and str not in some)):
            return None
        error: DataFault | DatabaseFault | None = None
        for each in some:
            try:
                return self.to(value, each)
            except (DataFault, DatabaseFault) as wrong:
                error = error or wrong
        assert error is not None
        raise error

    # Lists and objects ---------------------------------------------------------------------------------------

    def many(self, value: Any, asked: Any, collect: Callable[[Iterable[Any]], Any]) -> Any:
        values = _TEXTS.read(value) if self.literal and isinstance(value, str) else value
        if not isinstance(values, list):
            raise InvalidLiteral("expected JSON array", detail=f"It is a {_name(value)}.")
        of = get_args(asked) or (Any,)
        if collect is tuple and of[-1:] != (...,) and of != (Any,):
            if len(of) != len(values):
                raise InvalidLiteral(f"expected {len(of)} values, not {len(values)}")
            return tuple(self.to(each, kind) for each, kind in zip(values, of, strict=True))
        return collect(self.to(each, of[0]) for each in values)

    def parsed(self) -> _Conversion:
        """How the parts of an object are converted: they are JSON, wherever it came from."""
        return _Conversion(self.labels, False)

    def object(self, value: Any, name: str) -> Mapping[str, Any]:
        if self.literal and isinstance(value, str):
            try:
                value = json.loads(value, parse_float=Decimal)
            except (ValueError, RecursionError):
                raise InvalidLiteral("invalid input syntax for type json") from None
        if not isinstance(value, dict):
            raise InvalidLiteral(f"expected a JSON object for {name}", detail=f"It is a {_name(value)}.")
        return value

    def structure(self, value: Any, kind: Any) -> Any:
        fields = self.object(value, kind.__name__)
        hints = get_type_hints(kind, include_extras=True)
        unknown = sorted(fields.keys() - hints.keys())
        if unknown:
            raise InvalidLiteral(f"{kind.__name__} has no field '{unknown[0]}'")
        converted = {name: self.parsed().to(each, field_type(hints[name])) for name, each in fields.items()}
        missing = sorted(getattr(kind, "__required_keys__", frozenset()) - converted.keys())
        try:
            if not missing:
                return kind(**converted)
        except (TypeError, ValueError) as error:
            raise InvalidLiteral(f"invalid {kind.__name__}", detail=str(error)) from None
        raise InvalidLiteral(f"invalid {kind.__name__}", detail=f"missing field: '{missing[0]}'")

    # Everything else -----------------------------------------------------------------------------------------

    def constrained(self, value: Any, asked: Any) -> Any:
        converted = self.to(value, get_args(asked)[0])
        if any(isinstance(each, msgspec.Meta) for each in asked.__metadata__):
            return _by_msgspec(converted, asked)
        return converted

    def other(self, value: Any, asked: Any) -> Any:
        validate = getattr(asked, "model_validate", None)
        if validate is None:
            return _by_msgspec(_plain(value), asked)
        try:
            return validate(_plain(self.object(value, asked.__name__)))
        except ValueError as error:
            raise InvalidLiteral(f"invalid {asked.__name__}", detail=str(error)) from None


def field_type(hint: Any) -> Any:
    """The type of a structure's field; of a TypedDict's also where it may be left out, or must not."""
    return get_args(hint)[0] if get_origin(hint) in (Required, NotRequired) else hint


def _is_structure(kind: Any) -> bool:
    if not isinstance(kind, type):
        return False
    return issubclass(kind, msgspec.Struct) or (issubclass(kind, tuple) and hasattr(kind, "_fields"))


def _by_msgspec(value: Any, asked: Any) -> Any:
    try:
        return msgspec.convert(value, asked, strict=False, builtin_types=_BUILT_IN, from_attributes=True)
    except msgspec.ValidationError as error:
        raise InvalidLiteral("invalid argument", detail=str(error)) from None


def _plain(value: Any) -> Any:
    """A JSON value as Python's json module would have read it."""
    match value:
        case Decimal():
            return float(value)
        case list():
            return [_plain(each) for each in value]
        case dict():
            return {key: _plain(each) for key, each in value.items()}
        case _:
            return value


def _name(value: Any) -> str:
    names = {dict: "object", list: "array", str: "string", bool: "boolean", type(None): "null"}
    return names.get(type(value), "number")
