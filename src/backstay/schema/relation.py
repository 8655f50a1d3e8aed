"""A link between two resources."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeAlias

import sqlalchemy as sa
from sqlalchemy import ColumnElement
from sqlalchemy.sql.elements import quoted_name
from sqlalchemy.sql.functions import Function
from sqlalchemy.sql.selectable import FromClause

from backstay.schema.column import Column
from backstay.schema.kind.texts import Named

Name: TypeAlias = tuple[str, str]
"""A resource's schema and name."""


class Cardinality(Enum):
    """How many rows stand on either side of a relation."""

    MANY_TO_ONE = "many-to-one"
    ONE_TO_MANY = "one-to-many"
    ONE_TO_ONE = "one-to-one"
    MANY_TO_MANY = "many-to-many"

    @property
    def to_one(self) -> bool:
        """Whether a row has at most one related row."""
        return self in (Cardinality.MANY_TO_ONE, Cardinality.ONE_TO_ONE)


@dataclass(frozen=True, slots=True, eq=False)
class Junction:
    """The table between the two sides of a many-to-many relation.

    ``near`` pairs a column of the origin with one of the junction, ``far`` one of the junction with one of the target.
    """

    table: sa.Table
    resource: Name | None
    near: tuple[tuple[str, str], ...]
    far: tuple[tuple[str, str], ...]
    near_constraint: str
    far_constraint: str


@dataclass(frozen=True, slots=True, eq=False)
class Condition:
    """What makes rows related that no foreign key alone relates.

    Arguments:
        expression: woven, over ``origin``, ``target`` and ``between``.
        narrowed: the same for callers whom rules bind: its sub-selects see their tenant's rows only. None: the same.
        origin: the table of the one side, whose columns stand for the row in question.
        target: a name of the other side's table.
        between: a name of the junction's table, if there is one.
    """

    expression: ColumnElement[Any]
    narrowed: ColumnElement[Any] | None
    origin: sa.Table
    target: FromClause
    between: FromClause | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Ordering:
    """One term of the order that related rows have where no other is asked for."""

    column: Column
    descending: bool = False
    nulls_first: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class RowFunction:
    """A function of the database that takes a row.

    Arguments:
        name: its schema and name.
        type: of its parameter, as a cast writes it.
    """

    name: Name
    type: str

    def of(self, row: FromClause, type_: Any = None) -> Function[Any]:
        """Its call with a row of a table.

        Arguments:
            row: a table, or a name of one, whose row at hand it is.
            type_: of what it answers with.
        """
        space, name = (quoted_name(each, True) for each in self.name)
        # Rows of a sub-select have no type of their own; those of a table have it already.
        taken = sa.cast(row.table_valued(), Named(self.type))  # type: ignore[attr-defined]
        call: Any = Function
        found: Function[Any] = call(name, taken, packagenames=(space,), type_=type_)
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Relation:
    """A link from ``origin`` to ``target``, as seen from ``origin``.

    Arguments:
        origin, target: the resources' names.
        cardinality: as seen from the origin.
        constraint: the foreign key's name (for many-to-many: empty, see the junction).
        pairs: columns of the origin and the target that are equal (empty for many-to-many).
        junction: the table between, for many-to-many.
        owning: whether the foreign key's columns are the origin's.
        to_view: whether the target is a view, which only its name means.
        attribute: the name of the mapped class's ``relationship()`` for this link, if there is one.
        condition: what makes rows related, of a ``relationship()`` that says more than foreign keys do.
        function: the database's function that a row is given to, and whose rows are the related ones.
        order: of the related rows, where no other is asked for.
    """

    origin: Name
    target: Name
    cardinality: Cardinality
    constraint: str = ""
    pairs: tuple[tuple[str, str], ...] = ()
    junction: Junction | None = None
    owning: bool = False
    to_view: bool = False
    attribute: str | None = None
    condition: Condition | None = None
    function: RowFunction | None = None
    order: tuple[Ordering, ...] = ()

    @property
    def computed(self) -> bool:
        """Whether it is the program's own or a function's: only its name means it, and no hint."""
        return self.condition is not None or self.function is not None

    def describe(self) -> str:
        """The link in PGRST201's words: ``cons using a(x) and b(y)``."""
        if self.function is not None:
            return f"the function {'.'.join(self.function.name)}"
        if self.condition is not None:
            return f"relationship {self.attribute}"
        origin, target = self.origin[1], self.target[1]
        if self.junction is not None:
            near = ", ".join(column for _, column in self.junction.near)
            far = ", ".join(column for column, _ in self.junction.far)
            name = self.junction.table.name
            return f"{name} using {self.junction.near_constraint}({near}) and {self.junction.far_constraint}({far})"
        ours = ", ".join(ours for ours, _ in self.pairs)
        theirs = ", ".join(theirs for _, theirs in self.pairs)
        return f"{self.constraint} using {origin}({ours}) and {target}({theirs})"
