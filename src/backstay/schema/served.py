"""What is served: one resource, one function, the whole Schema. Frozen; made by ``collect``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import sqlalchemy as sa

from backstay.schema.caller import CallerAttribute
from backstay.schema.column import Column
from backstay.schema.declaration import Hook, Kind
from backstay.schema.relation import Name, Relation
from backstay.schema.rule import Place, Rules


@dataclass(frozen=True, eq=False, kw_only=True)
class Served:
    """A resource, resolved: its table, columns, relations and rules.

    Arguments:
        name: schema and name on the wire.
        table: where the rows are.
        model: the mapped class; None for a reflected table.
        columns: by name, in the order of the table, hidden ones included.
        relations: to every resource one can embed from here.
        key: the names of the primary key's columns (empty: the rows have no identity and cannot be written).
        uniques: the column sets of the primary key and the unique constraints.
        rules: who may do what.
        hooks: by kind of change.
        search: the columns that the full-text operators read.
        view: whether the rows are a view's.
    """

    name: Name
    table: sa.Table
    model: type[Any] | None
    columns: Mapping[str, Column]
    relations: tuple[Relation, ...]
    key: tuple[str, ...]
    uniques: tuple[frozenset[str], ...]
    rules: Rules
    hooks: Mapping[Kind, tuple[Hook[Any], ...]]
    search: tuple[str, ...]
    view: bool
    place: Place
    comment: str | None = None

    @cached_property
    def visible(self) -> Mapping[str, Column]:
        """The columns on the wire."""
        return {name: column for name, column in self.columns.items() if not column.hidden}

    @cached_property
    def by_table_column(self) -> Mapping[str, Column]:
        """The stored columns by the table's own names (which are theirs on the wire too)."""
        return {name: column for name, column in self.columns.items() if column.stored}

    @cached_property
    def embeddable(self) -> Mapping[Name, tuple[Relation, ...]]:
        """The relations by the resource they lead to."""
        found: dict[Name, list[Relation]] = {}
        for relation in self.relations:
            found.setdefault(relation.target, []).append(relation)
        return {name: tuple(relations) for name, relations in found.items()}


@dataclass(frozen=True, slots=True, eq=False)
class Argument:
    """One parameter of a function: its name, annotated type, and default."""

    name: str
    type: Any
    required: bool
    default: Any = None


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Function:
    """Code callable from outside, as ``/rpc/name``."""

    name: Name
    call: Callable[..., Awaitable[Any]]
    arguments: tuple[Argument, ...]
    returns: Any
    place: Place
    description: str


@dataclass(frozen=True, eq=False, kw_only=True)
class Schema:
    """Everything that is served, and to whom.

    Arguments:
        resources, functions: by schema and name.
        schemas: the names of the schemas on the wire, the default one first.
        metadata: all tables of the models, served or not (what migrations keep).
        user: the users' table and its key column, if callers are users.
        tenant: what says which tenant the caller belongs to.
    """

    resources: Mapping[Name, Served]
    functions: Mapping[Name, Function]
    schemas: tuple[str, ...]
    metadata: sa.MetaData
    user: sa.Table | None = None
    tenant: CallerAttribute | None = None

    @property
    def user_id(self) -> sa.Column[Any]:
        """The column of the users' table that a token's ``sub`` names."""
        assert self.user is not None, "rules speak of the caller, so the app has a users' table"
        (key,) = self.user.primary_key.columns
        return key
