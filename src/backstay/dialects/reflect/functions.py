"""The functions of a PostgreSQL database that can be called from outside."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from backstay.dialects.reflect.types import Types
from backstay.schema.kind import TEXT, Kind, kind_of
from backstay.schema.served import Shape, SQLArgument, SQLFunction

FUNCTIONS: Final = """
SELECT p.oid, n.nspname AS space, p.proname AS name, p.proretset AS set, p.prorettype AS returns,
  p.provolatile::text AS volatility, p.provariadic <> 0 AS variadic, p.proargnames AS names,
  p.proargmodes::text[] AS modes, coalesce(p.proallargtypes, p.proargtypes::oid[]) AS types,
  p.pronargdefaults::int AS defaults, obj_description(p.oid, 'pg_proc') AS comment
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname = ANY($1) AND p.prokind = 'f' AND p.proname NOT LIKE '\\_backstay\\_%'
  AND NOT EXISTS (
    SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
  )
ORDER BY n.nspname, p.proname, p.oid
"""

ATTRIBUTES: Final = """
SELECT t.oid AS relation, a.attname AS name, a.atttypid AS type, a.atttypmod AS modifier,
  n.nspname AS space, c.relname AS table, c.relkind::text AS kind
FROM pg_type t JOIN pg_class c ON c.oid = t.typrelid JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE t.oid IN (
  SELECT p.prorettype FROM pg_proc p JOIN pg_namespace s ON s.oid = p.pronamespace WHERE s.nspname = ANY($1)
)
ORDER BY t.oid, a.attnum
"""
"""The columns of the row types that functions return."""

_IN: Final = ("i", "b", "v")
_OUT: Final = ("o", "b", "t")
_MEDIA: Final = re.compile(r"\*/\*|[A-Za-z0-9.+-]+/[A-Za-z0-9.+-]+")
"""The names of domains that tell a media type."""

_ANSWERED: Final = ("void", "record")
"""The pseudo-types that a function may return and still be called from outside."""


def read_functions(rows: Sequence[Any], attributes: Mapping[int, list[Any]], types: Types) -> list[SQLFunction]:
    """Every function that can be called: none of a trigger's, and none that takes or returns what has no fixed type."""
    return [function for row in rows if (function := _Function(row, attributes, types).read()) is not None]


class _Function:
    """One row of ``pg_proc``."""

    def __init__(self, row: Any, attributes: Mapping[int, list[Any]], types: Types) -> None:
        self.row = row
        self.types = types
        self.attributes = attributes.get(row["returns"], [])
        self.returned = types.row(row["returns"])
        modes = row["modes"] or ["i"] * len(row["types"])
        names = row["names"] or [""] * len(row["types"])
        self.parameters = list(zip(modes, names, row["types"], strict=True))

    def read(self) -> SQLFunction | None:
        """The function; None where it cannot be called."""
        arguments = tuple(self.arguments())
        columns = tuple(self.columns())
        pseudo = self.returned.is_pseudo and self.returned.name not in _ANSWERED
        shapeless = self.returned.name == "record" and not columns
        if pseudo or shapeless or any(self.types.row(type_).is_pseudo for _, _, type_ in self.parameters):
            return None
        if not all(argument.name for argument in arguments) and len(arguments) != 1:
            return None
        return SQLFunction(
            name=(self.row["space"], self.row["name"]),
            arguments=arguments,
            shape=self.shape(bool(columns)),
            returns=self.returned.spelt,
            kind=TEXT if columns or self.returned.is_pseudo else self.kind(self.row["returns"]),
            columns=columns,
            resource=self.resource(),
            media=self.returned.name if self.returned.type == "d" and _MEDIA.fullmatch(self.returned.name) else None,
            volatile=self.row["volatility"] == "v",
            description=self.row["comment"] or "",
        )

    def arguments(self) -> Iterator[SQLArgument]:
        """The parameters that a call gives."""
        given = [(mode, name, type_) for mode, name, type_ in self.parameters if mode in _IN]
        required = len(given) - self.row["defaults"]
        for place, (mode, name, type_) in enumerate(given):
            spelt = self.types.row(type_).spelt
            yield SQLArgument(name, spelt, self.kind(type_), place < required, mode == "v")

    def columns(self) -> Iterator[tuple[str, Kind]]:
        """The columns of the rows that it answers with; none where it answers with plain values.

        One ``OUT`` parameter makes a row, too, though PostgreSQL has such a function return a plain value.
        """
        if not self.attributes:
            for mode, name, type_ in self.parameters:
                if mode in _OUT:
                    yield name, self.kind(type_)
        for row in self.attributes:
            yield row["name"], kind_of(self.types.make(row["type"], row["modifier"]))

    def shape(self, rows: bool) -> Shape:
        """What it answers with."""
        if self.returned.name == "void":
            return Shape.VOID
        if rows:
            return Shape.ROWS if self.row["set"] else Shape.ROW
        return Shape.SET if self.row["set"] else Shape.SCALAR

    def resource(self) -> tuple[str, str] | None:
        """The table or view whose rows it answers with."""
        for row in self.attributes:
            if row["kind"] != "c":
                return (row["space"], row["table"])
        return None

    def kind(self, type_: int) -> Kind:
        """What values of a type become on the way."""
        return kind_of(self.types.make(type_))
