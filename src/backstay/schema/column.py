"""A column of a resource, as the wire knows it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import sqlalchemy as sa
from sqlalchemy import ColumnElement

from backstay.schema.kind import Kind


@dataclass(frozen=True, slots=True, eq=False)
class Made:
    """A value that Python makes for each row: ``default=uuid4``.

    ``many`` makes so many of them at once, in canonical form, where that is quicker.
    """

    make: Callable[[], Any]
    many: Callable[[int], list[str]] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Expressed:
    """A value that an SQL expression makes: ``default=me.id``, ``onupdate=func.now()``."""

    expression: ColumnElement[Any]


@dataclass(frozen=True, slots=True)
class Fixed:
    """One value for all rows, in canonical form: ``default=False``."""

    value: Any


Filling: TypeAlias = Made | Expressed | Fixed
"""How a column gets a value that the request does not give. The database's own defaults are not among these."""


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """A field of a resource.

    Arguments:
        name: on the wire; the database's column name, or the attribute's name of a computed column.
        attribute: of the mapped class; the same as ``name`` where there is no class.
        kind: its type on the wire.
        expression: over the resource's table: the column itself, or what it is computed from.
        narrowed: the same for callers whom rules bind: its sub-selects see their tenant's rows only. None: the same.
        stored: whether the table holds it (else it is computed when it is read).
        starred: whether ``*`` means it, too (a hybrid expression is selected by its name alone).
        generated: made by the database, never written.
        primary: part of the primary key.
        hidden: not on the wire at all: as if it did not exist.
        readonly: callers may read but not write it.
        default, onupdate: what Python or the caller fills in, where the request gives nothing.
        server_default: whether the database fills it in.
        comment: its description.
    """

    name: str
    attribute: str
    kind: Kind
    expression: ColumnElement[Any]
    narrowed: ColumnElement[Any] | None = None
    stored: bool = True
    starred: bool = True
    generated: bool = False
    nullable: bool = True
    primary: bool = False
    hidden: bool = False
    readonly: bool = False
    default: Filling | None = None
    onupdate: Filling | None = None
    server_default: bool = False
    comment: str | None = None

    @property
    def required(self) -> bool:
        """Whether an insert must give a value."""
        return self.stored and not self.nullable and self.default is None and not self.server_default

    @property
    def table_column(self) -> sa.Column[Any]:
        """The stored column itself."""
        assert isinstance(self.expression, sa.Column)
        return self.expression
