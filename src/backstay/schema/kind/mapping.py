"""Find the kind of an SQLAlchemy type, or of a type's name in a cast."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from enum import Enum
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

from backstay.errors import DeclarationError
from backstay.schema.kind.array import array
from backstay.schema.kind.document import JSON, JSONB
from backstay.schema.kind.interval import INTERVAL
from backstay.schema.kind.kind import Kind
from backstay.schema.kind.numbers import BIGINT, DOUBLE, INTEGER, NUMERIC, REAL, SMALLINT, numeric
from backstay.schema.kind.symbols import BOOLEAN, BYTEA, UUID, enum
from backstay.schema.kind.texts import TEXT, VARCHAR, Domain, Named, Row, char, other, structured, varchar
from backstay.schema.kind.times import DATE, TIME, TIMESTAMP, TIMESTAMPTZ, TIMETZ

_SINGLE_BITS = 24
"""Up to this precision PostgreSQL takes ``FLOAT(precision)`` for real."""

_ELEMENTS: Final = (
    *((TEXT, "text"), (VARCHAR, "varchar"), (SMALLINT, "int2"), (INTEGER, "int4"), (BIGINT, "int8"), (UUID, "uuid")),
    *((NUMERIC, "numeric"), (REAL, "float4"), (DOUBLE, "float8"), (BOOLEAN, "bool"), (DATE, "date"), (TIME, "time")),
    *((TIMETZ, "timetz"), (TIMESTAMP, "timestamp"), (TIMESTAMPTZ, "timestamptz"), (INTERVAL, "interval")),
)
"""Kinds of which a cast may make arrays: ``_int4`` is PostgreSQL's name of ``int4[]``, and the one a URL can write."""

CASTS: Final[Mapping[str, Kind]] = {
    name: kind
    for kind, names in (
        (TEXT, "text"),
        (VARCHAR, "varchar,character varying"),
        (SMALLINT, "smallint,int2"),
        (INTEGER, "integer,int,int4"),
        (BIGINT, "bigint,int8"),
        (NUMERIC, "numeric,decimal"),
        (REAL, "real,float4"),
        (DOUBLE, "double precision,float8"),
        (BOOLEAN, "boolean,bool"),
        (UUID, "uuid"),
        (DATE, "date"),
        (TIME, "time,time without time zone"),
        (TIMESTAMP, "timestamp,timestamp without time zone"),
        (TIMESTAMPTZ, "timestamptz,timestamp with time zone"),
        (JSON, "json"),
        (JSONB, "jsonb"),
        (BYTEA, "bytea"),
        (INTERVAL, "interval"),
        (TIMETZ, "timetz,time with time zone"),
        *((array(kind), f"_{name},{kind.name}[]") for kind, name in _ELEMENTS),
    )
    for name in names.split(",")
}
"""The kinds that a select may cast to, by every name PostgreSQL has for them, in lower case."""


def kind_of(type_: TypeEngine[Any]) -> Kind:
    """The kind of an SQLAlchemy type; of a type with variants, that of its variant for PostgreSQL.

    Raises:
        DeclarationError: there is no kind for this type.
    """
    variant: TypeEngine[Any] | None = getattr(type_, "_variant_mapping", {}).get("postgresql")
    if variant is not None:
        return kind_of(variant)
    if isinstance(type_, sa.Interval) or type(type_).__visit_name__ == "INTERVAL":
        return INTERVAL
    if isinstance(type_, TypeDecorator):
        return _decorated(type_)
    if type(type_).__visit_name__ in _NATIVE:
        return _native(type_)
    for generic, kind in _GENERIC:
        if isinstance(type_, generic):
            return kind(type_)
    if type(type_).__module__.startswith("sqlalchemy.dialects.postgresql"):
        return _native(type_)
    raise DeclarationError(
        f"there is no kind for the SQLAlchemy type {type_!r}",
        hint="Give the column one of SQLAlchemy's own types, or a TypeDecorator over one.",
    )


def _decorated(type_: TypeDecorator[Any]) -> Kind:
    dialect = _postgresql()
    kind = kind_of(type_.load_dialect_impl(dialect))
    if type(type_).process_bind_param is not TypeDecorator.process_bind_param:
        return replace(kind, prepare=lambda value: type_.process_bind_param(value, dialect))
    if type(type_).bind_processor is not TypeDecorator.bind_processor:
        return replace(kind, prepare=type_.bind_processor(dialect))
    return kind


def _postgresql() -> Dialect:
    # Loaded only where a type asks for a dialect: the import takes a while.
    from sqlalchemy.dialects import postgresql

    dialect: Dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    return dialect


def _native(type_: TypeEngine[Any]) -> Kind:
    name = type_.compile(dialect=_postgresql()).lower()
    return other(name.partition("(")[0], type_)


def _float(type_: sa.Float[Any]) -> Kind:
    single = isinstance(type_, sa.REAL) or (type_.precision is not None and type_.precision <= _SINGLE_BITS)
    return REAL if single and not isinstance(type_, sa.Double) else DOUBLE


def _string(type_: sa.String) -> Kind:
    if isinstance(type_, sa.CHAR | sa.NCHAR):
        return char(type_.length)
    return varchar(type_.length)


def _enumeration(type_: sa.Enum) -> Kind:
    members: dict[Enum, str] = dict(zip(type_.enum_class, type_.enums, strict=False)) if type_.enum_class else {}
    return enum(type_.name or "enum", type_.enums, members=members, sql=type_)


def _time(type_: sa.Time | sa.DateTime, plain: Kind, zoned: Kind) -> Kind:
    return zoned if type_.timezone else plain


_NATIVE: Final = frozenset({"CITEXT"})
"""Types that derive from a generic one, but are not it."""

_GENERIC: Final[tuple[tuple[type[TypeEngine[Any]], Callable[[Any], Kind]], ...]] = (
    (sa.SmallInteger, lambda type_: SMALLINT),
    (sa.BigInteger, lambda type_: BIGINT),
    (sa.Integer, lambda type_: INTEGER),
    (sa.Float, _float),
    (sa.Numeric, lambda type_: numeric(type_.precision, type_.scale)),
    (sa.Boolean, lambda type_: BOOLEAN),
    (sa.Enum, _enumeration),
    (sa.Text, lambda type_: TEXT),
    (sa.String, _string),
    (sa.Uuid, lambda type_: UUID),
    (sa.Date, lambda type_: DATE),
    (sa.Time, lambda type_: _time(type_, TIME, TIMETZ)),
    (sa.DateTime, lambda type_: _time(type_, TIMESTAMP, TIMESTAMPTZ)),
    (sa.JSON, lambda type_: JSONB if type(type_).__visit_name__ == "JSONB" else JSON),
    (sa.LargeBinary, lambda type_: BYTEA),
    (sa.BINARY, lambda type_: BYTEA),
    (sa.VARBINARY, lambda type_: BYTEA),
    (sa.ARRAY, lambda type_: array(kind_of(type_.item_type))),
    (Domain, lambda type_: replace(kind_of(type_.base), sql=type_)),
    (Row, lambda type_: structured(type_.name, type_)),
    (Named, lambda type_: other(type_.name, type_)),
)
