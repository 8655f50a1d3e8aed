"""PostgreSQL's types, from its catalog, as SQLAlchemy's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeEngine

from backstay.schema.kind.texts import Domain, Named, Row

_HEADER: Final = 4
"""What PostgreSQL adds to a length in a type's modifier."""

QUERY: Final = """
SELECT t.oid, n.nspname AS space, t.typname AS name, t.typtype::text AS type, t.typcategory::text AS category,
  t.typelem AS element, t.typbasetype AS base, t.typtypmod AS modifier, t.typrelid AS relation,
  format_type(t.oid, NULL) AS spelt,
  (SELECT array_agg(e.enumlabel::text ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = t.oid) AS labels
FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
"""


@dataclass(frozen=True, slots=True)
class CatalogType:
    """One row of ``pg_type``. ``spelt`` is the name as a cast writes it."""

    oid: int
    space: str
    name: str
    type: str
    category: str
    element: int
    base: int
    modifier: int
    relation: int
    spelt: str
    labels: list[str] | None

    @property
    def is_pseudo(self) -> bool:
        """Whether no column can be of it: ``void``, ``record``, ``anyelement``."""
        return self.type == "p"

    @property
    def is_composite(self) -> bool:
        """Whether it is a row."""
        return self.type == "c"


class Types:
    """All types of a database, by object identifier."""

    def __init__(self, rows: list[Any]) -> None:
        self._rows: Mapping[int, CatalogType] = {row["oid"]: CatalogType(*row.values()) for row in rows}

    def row(self, oid: int) -> CatalogType:
        """What the catalog says of a type."""
        return self._rows[oid]

    def make(self, oid: int, modifier: int = -1) -> TypeEngine[Any]:
        """The type; one that SQLAlchemy does not know by its name alone.

        Arguments:
            oid: of the type.
            modifier: length, precision or scale as PostgreSQL keeps them; -1: none.
        """
        row = self._rows[oid]
        if row.type == "e":
            return postgresql.ENUM(*(row.labels or ()), name=row.name, schema=row.space, create_type=False)
        if row.type == "d":
            return self.make(row.base, row.modifier)
        if row.category == "A" and row.element:
            return postgresql.ARRAY(self._element(self._rows[row.element], modifier))
        if row.is_composite:
            return Row(row.spelt)
        make = _KNOWN.get(row.name) if row.space == "pg_catalog" else None
        return Named(row.spelt) if make is None else make(modifier)

    def _element(self, row: CatalogType, modifier: int) -> TypeEngine[Any]:
        # An array of a domain's base type is no array of the domain, nor is one of texts an array of characters.
        if row.type == "d":
            return Domain(row.spelt, self.make(row.oid))
        return Named("bpchar") if row.name == "bpchar" and modifier < _HEADER else self.make(row.oid, modifier)


def _numeric(modifier: int) -> TypeEngine[Any]:
    if modifier < _HEADER:
        return sa.Numeric()
    packed = modifier - _HEADER
    scale = packed & 0x7FF
    # The scale is a signed number of eleven bits since PostgreSQL 15.
    return sa.Numeric(packed >> 16, scale - 0x800 if scale & 0x400 else scale)


def _length(modifier: int) -> int | None:
    return modifier - _HEADER if modifier >= _HEADER else None


_KNOWN: Final[Mapping[str, Callable[[int], TypeEngine[Any]]]] = {
    "bool": lambda modifier: sa.Boolean(),
    "int2": lambda modifier: sa.SmallInteger(),
    "int4": lambda modifier: sa.Integer(),
    "int8": lambda modifier: sa.BigInteger(),
    "float4": lambda modifier: sa.REAL(),
    "float8": lambda modifier: sa.Double(),
    "numeric": _numeric,
    "text": lambda modifier: sa.Text(),
    "varchar": lambda modifier: sa.String(_length(modifier)),
    "bpchar": lambda modifier: sa.CHAR(_length(modifier) or 1) if modifier >= _HEADER else sa.Text(),
    "bit": lambda modifier: postgresql.BIT(max(modifier, 1)),
    "varbit": lambda modifier: postgresql.BIT(modifier if modifier > 0 else None, varying=True),
    "uuid": lambda modifier: sa.Uuid(),
    "date": lambda modifier: sa.Date(),
    "time": lambda modifier: sa.Time(),
    "timetz": lambda modifier: sa.Time(timezone=True),
    "timestamp": lambda modifier: sa.DateTime(),
    "timestamptz": lambda modifier: sa.DateTime(timezone=True),
    "interval": lambda modifier: sa.Interval(),
    "json": lambda modifier: sa.JSON(),
    "jsonb": lambda modifier: postgresql.JSONB(),
    "bytea": lambda modifier: sa.LargeBinary(),
}
"""The built-in types that have a kind; the others go by their names."""
