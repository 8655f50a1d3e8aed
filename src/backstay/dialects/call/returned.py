"""``read_returned(annotation, schema)``: what a function says it returns, as columns and kinds."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, is_dataclass
from enum import Enum
from typing import Annotated, Any, ClassVar, Literal, Union, get_args, get_origin, get_type_hints, is_typeddict

import msgspec
import sqlalchemy as sa

from backstay.dialects.call.convert import LISTS, SCALARS, field_type
from backstay.dialects.call.render import Rendering, encode
from backstay.dialects.sql.answered import SCALAR
from backstay.dialects.sql.given import with_rows
from backstay.schema import kind as kinds
from backstay.schema.exchange import Response
from backstay.schema.kind import Canonical, Kind
from backstay.schema.kind.array import Array
from backstay.schema.kind.symbols import Enumeration
from backstay.schema.relation import Name
from backstay.schema.rule import Place
from backstay.schema.served import Function, Schema, Served, SQLFunction


@dataclass(frozen=True, slots=True)
class Returned:
    """What each row (or the one value) that a function answers with is.

    Arguments:
        served: the resource that it is a row of; None: of none.
        columns: the name and kind of each column, where it is a row of no resource; of a plain value one,
            :data:`SCALAR`.
        read: the values of a row, in the order of the columns.
        many: whether there may be any number of them.
    """

    served: Served | None
    columns: tuple[tuple[str, Kind], ...] = ()
    read: Callable[[Any], Sequence[Any]] = tuple
    many: bool = False

    @property
    def scalar(self) -> bool:
        """Whether it is a plain value."""
        return [name for name, _ in self.columns] == [SCALAR]


def read_returned(annotation: Any, schema: Schema) -> Returned | None:
    """What an annotation says of the rows that are returned; None where it does not tell their columns.

    Arguments:
        annotation: of what a function returns: ``list[Note]``, ``Point | None``, ``Response[int]``.
        schema: its resources, and its enumerations.
    """
    row = _bare(annotation)
    if get_origin(row) is Response:
        row = _bare(get_args(row)[0])
    many = (get_origin(row) or row) in LISTS
    if many:
        row = _bare(next(iter(get_args(row)), Any))
    served = _served(row, schema)
    if served is not None:
        return Returned(served, many=many)
    fields = dict(_fields(row))
    if fields:
        columns = tuple((name, kind_for(hint, schema)) for name, hint in fields.items())
        return Returned(None, columns, _getter(row, tuple(fields)), many)
    kind = _scalar(row, schema)
    return None if kind is None else Returned(None, ((SCALAR, kind),), lambda value: (value,), many)


def find_rows(schema: Schema, function: Function | SQLFunction) -> tuple[Schema, Name] | None:
    """Where the rows (or values) that a function answers with are a resource, and under which name.

    None where nothing tells what they are.
    """
    place = Place("?", 0)
    if isinstance(function, SQLFunction):
        if function.resource is not None and function.resource in schema.resources:
            return schema, function.resource
        columns = function.columns or ((SCALAR, function.kind),)
        return with_rows(schema, function.name, columns, place), function.name
    returned = read_returned(function.returns, schema)
    if returned is None:
        return None
    if returned.served is not None:
        return schema, returned.served.name
    return with_rows(schema, function.name, returned.columns, place), function.name


def kind_for(annotation: Any, schema: Schema) -> Kind:
    """The kind that a column with this annotation has: ``jsonb`` for whatever is no plain value and no list of them."""
    bare = _bare(annotation)
    kind = _scalar(bare, schema)
    if kind is not None:
        return kind
    if (get_origin(bare) or bare) in LISTS:
        inner = get_args(bare)
        if inner and (len(inner) == 1 or inner[1:] == (...,)):
            of = _scalar(_bare(inner[0]), schema)
            return kinds.JSONB if of is None else kinds.array(of)
    return kinds.JSONB


def canonical(value: Any, kind: Kind, rendering: Rendering) -> Canonical:
    """A value that a function returned, in the form in which databases are given it.

    Raises:
        DataFault: it is not of this kind.
    """
    if value is None:
        return None
    if kind is kinds.JSONB:
        return kind.read(encode(rendering.of(value)).decode())
    if isinstance(kind, Array):
        return [canonical(each, kind.of, rendering) for each in value]
    if isinstance(value, Enum) and not isinstance(kind, Enumeration):
        return str(rendering.of(value))
    return kind.dump(value)


# Annotations -------------------------------------------------------------------------------------------------


def _bare(annotation: Any) -> Any:
    """An annotation without ``Annotated``, ``| None``, and the names that stand for it."""
    while True:
        origin = get_origin(annotation)
        if origin is Annotated:
            annotation = get_args(annotation)[0]
        elif origin in (Union, types.UnionType):
            some = [each for each in get_args(annotation) if each is not types.NoneType]
            if len(some) != 1:
                return annotation
            annotation = some[0]
        elif hasattr(annotation, "__supertype__"):
            annotation = annotation.__supertype__
        elif hasattr(annotation, "__value__"):
            annotation = annotation.__value__
        else:
            return annotation


def _served(row: Any, schema: Schema) -> Served | None:
    mapper = sa.inspect(row, raiseerr=False) if isinstance(row, type) else None
    if mapper is None or not hasattr(mapper, "isa"):
        return None
    found = (each for each in schema.resources.values() if each.model is not None)
    return next((each for each in found if mapper.isa(sa.inspect(each.model))), None)


def _fields(row: Any) -> Iterator[tuple[str, Any]]:
    """The fields of a structure, and their annotations; none where it is none."""
    origin = get_origin(row) or row
    if not isinstance(origin, type):
        return
    named = issubclass(origin, tuple) and hasattr(origin, "_fields")
    structure = is_dataclass(origin) or is_typeddict(origin) or issubclass(origin, msgspec.Struct) or named
    if structure or hasattr(origin, "model_fields"):
        known = getattr(origin, "model_fields", None)
        for name, hint in get_type_hints(origin, include_extras=True).items():
            if get_origin(hint) is not ClassVar and (known is None or name in known):
                yield name, field_type(hint)


def _getter(row: Any, names: tuple[str, ...]) -> Callable[[Any], Sequence[Any]]:
    if is_typeddict(get_origin(row) or row):
        return lambda value: [value.get(name) for name in names]
    return lambda value: [getattr(value, name) for name in names]


def _scalar(bare: Any, schema: Schema) -> Kind | None:
    """The kind of a plain value; None for whatever is none."""
    if get_origin(bare) is Literal:
        of = {type(each) for each in get_args(bare)}
        return SCALARS.get(of.pop()) if len(of) == 1 else None
    if isinstance(bare, type) and issubclass(bare, Enum):
        return _enumerations(schema).get(bare, kinds.TEXT)
    return SCALARS.get(bare) if isinstance(bare, type) else None


def _enumerations(schema: Schema) -> Mapping[Any, Kind]:
    """The kinds of the enumerations that columns are of, by their classes."""
    found: dict[Any, Kind] = {}
    for served in schema.resources.values():
        for column in served.columns.values():
            kind = column.kind.of if isinstance(column.kind, Array) else column.kind
            if isinstance(kind, Enumeration) and kind.members:
                found[type(next(iter(kind.members)))] = kind
    return found
