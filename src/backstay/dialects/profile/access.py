"""``accesses(plan) -> accesses``: what a statement compares and orders by, table by table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.sql import operators
from sqlalchemy.sql.elements import (
    AsBoolean,
    BinaryExpression,
    BindParameter,
    BooleanClauseList,
    Grouping,
    Null,
)
from sqlalchemy.sql.selectable import Alias, Exists, Select

from backstay.plan.guard import Plan
from backstay.plan.resolved import Alteration, Branch, Combination, Deletion, Predicate, Read, Rows, Source, Test
from backstay.query.nodes import Connective, Quantifier
from backstay.query.operators import Takes
from backstay.schema.caller import CallerAttribute
from backstay.schema.column import Column
from backstay.schema.kind.array import Array
from backstay.schema.kind.symbols import Enumeration
from backstay.schema.served import Schema, Served

_RANGES: Final = ("gt", "gte", "lt", "lte")
_PATTERNS: Final = ("like", "ilike", "match", "imatch")
_COMPARED: Final = {
    operators.eq: "equal",
    operators.is_: "equal",
    operators.in_op: "listed",
    operators.lt: "ranges",
    operators.le: "ranges",
    operators.gt: "ranges",
    operators.ge: "ranges",
}


@dataclass(frozen=True, slots=True)
class Ordered:
    """One term of an order that an index could have. ``nullable``: whether the statement says where NULLs go."""

    column: str
    descending: bool
    nulls_first: bool
    nullable: bool = True


@dataclass(frozen=True, slots=True)
class Inside:
    """A condition on what is inside a value, for which there are indexes of another kind.

    Arguments:
        column: whose value.
        operator: as the wire names it.
        takes: what the operator takes.
        language: the text-search configuration that is named.
    """

    column: str
    operator: str
    takes: Takes
    language: str | None = None


@dataclass(slots=True)
class Access:
    """How one table is used in one place of a statement.

    Arguments:
        name: what the statement calls it.
        table: the table.
        served: its resource, if it is one.
        joined, ruled, equal: columns that must have one value: because rows are related, by a rule of access that
            compares with the caller, because the request says so.
        fixed: columns for which a rule names a constant.
        listed: columns that must have one of several values.
        ranges: columns compared by order.
        either: columns that must have a value each, one or another of them.
        inside: conditions on what is inside values.
        order: the order that is asked for.
        cut: whether only the first rows are wanted.
    """

    name: str
    table: sa.Table
    served: Served | None = None
    joined: list[str] = field(default_factory=list)
    ruled: list[str] = field(default_factory=list)
    equal: list[str] = field(default_factory=list)
    fixed: list[str] = field(default_factory=list)
    listed: list[str] = field(default_factory=list)
    ranges: list[str] = field(default_factory=list)
    either: list[str] = field(default_factory=list)
    inside: list[Inside] = field(default_factory=list)
    order: tuple[Ordered, ...] = ()
    cut: bool = False

    @property
    def single(self) -> tuple[str, ...]:
        """The columns that have one value, those first by which most statements ask."""
        return tuple(dict.fromkeys([*self.joined, *self.ruled, *self.equal, *self.fixed]))


def accesses(plan: Plan, *, native_order: bool = True) -> tuple[Access, ...]:
    """What a plan asks of each table that it uses, in the order of the statement.

    Arguments:
        plan: with the rules that hold for its caller.
        native_order: whether enumerations and arrays are ordered as an index of them is.
    """
    return tuple(_Walk(plan, native_order).run())


class _Walk:
    def __init__(self, plan: Plan, native_order: bool) -> None:
        self.plan = plan
        self.native_order = native_order
        self.found: list[Access] = []

    def run(self) -> list[Access]:
        resolved = self.plan.resolved
        match resolved:
            case Read(rows):
                self.rows(rows, None)
            case Alteration(where=where) | Deletion(where=where):
                access = self.use(resolved.source)
                access.name = access.table.name
                for predicate in where:
                    self.predicate(predicate, access)
                self.rule(self.plan.guards.old, access)
        return self.found

    def use(self, source: Source) -> Access:
        """A use of a resource, with what its rule asks."""
        table = source.served.table
        access = Access(f"{table.name[:50]}_{source.number}", table, source.served)
        self.found.append(access)
        return access

    def rows(self, rows: Rows, branch: Branch | None) -> None:
        access = self.use(rows.source)
        if branch is not None:
            self.join(branch, access)
        self.rule(self.plan.guards.select.get(rows.source.number, True), access)
        for predicate in rows.where:
            self.predicate(predicate, access)
        access.cut = rows.limit is not None
        if not rows.aggregated:
            access.order = tuple(self.order(rows))
        for each in rows.branches:
            self.rows(each.rows, each)

    def join(self, branch: Branch, access: Access) -> None:
        relation = branch.relation
        access.joined += [theirs for _, theirs in relation.pairs]
        if relation.junction is None:
            return
        access.joined += [theirs for _, theirs in relation.junction.far]
        table = relation.junction.table
        number = f"{-branch.rows.source.number}j" if branch.junction is None else str(branch.junction.number)
        between = Access(f"{table.name[:50]}_{number.removeprefix('-')}", table)
        between.joined += [theirs for _, theirs in relation.junction.near]
        self.found.append(between)
        if branch.junction is not None:
            between.served = branch.junction.served
            self.rule(self.plan.guards.select.get(branch.junction.number, True), between)

    def order(self, rows: Rows) -> Iterator[Ordered]:
        """The terms of an order, as far as an index can have them."""
        for sort in rows.order:
            column = sort.target.column
            if sort.branch is not None or sort.cast is not None or sort.target.path or not self.sorts(column):
                return
            nullable = bool(column.table_column.nullable) or rows.source.served.view
            yield Ordered(column.name, sort.descending, sort.nulls_first, nullable)

    def sorts(self, column: Column) -> bool:
        """Whether an index of a column has the order of its values."""
        plain = column.stored and not column.kind.name.startswith("json")
        return plain and (self.native_order or not isinstance(column.kind, Enumeration | Array))

    # What the request asks -----------------------------------------------------------------------------------

    def predicate(self, predicate: Predicate, access: Access) -> None:
        """One condition that must hold."""
        if isinstance(predicate, Combination):
            if predicate.negated:
                return
            if predicate.connective is Connective.AND:
                for item in predicate.items:
                    self.predicate(item, access)
            else:
                access.either += _either([self.apart(item, access) for item in predicate.items])
        elif isinstance(predicate, Test) and not predicate.negated:
            self.test(predicate, access)

    def apart(self, predicate: Predicate, access: Access) -> Access:
        """What one alternative asks."""
        alone = Access(access.name, access.table, access.served)
        self.predicate(predicate, alone)
        return alone

    def test(self, test: Test, access: Access) -> None:
        column, name = test.target.column, test.operator.name
        if test.target.path or not column.stored or test.quantifier is Quantifier.ALL:
            return
        takes = test.operator.takes
        if takes in (Takes.CONTAINER, Takes.RANGE, Takes.TERMS) or name in _PATTERNS:
            access.inside.append(Inside(column.name, name, takes, test.language))
        elif not self.compares(column):
            return
        elif name == "in" or (name == "eq" and test.quantifier is not None and self.native_order):
            access.listed.append(column.name)
        elif test.quantifier is not None:
            return
        elif name == "eq" or (name == "is" and test.word in ("null", "unknown", "true", "false")):
            access.equal.append(column.name)
        elif name in _RANGES and self.sorts(column):
            access.ranges.append(column.name)

    def compares(self, column: Column) -> bool:
        """Whether an index of a column finds its equal values."""
        kind = column.kind
        return not kind.name.startswith("json") and (self.native_order or not isinstance(kind, Array))

    # What rules ask ------------------------------------------------------------------------------------------

    def rule(self, rule: Any, access: Access) -> None:
        """What a rule asks of the rows of a table, and of those it looks for in sub-selects."""
        if not isinstance(rule, bool):
            self.condition(rule, {access.table: access})

    def condition(self, condition: Any, tables: dict[Any, Access]) -> None:
        condition = _bare(condition)
        if isinstance(condition, BooleanClauseList):
            if condition.operator is operators.and_:
                for clause in condition.clauses:
                    self.condition(clause, tables)
            else:
                self.alternatives(condition, tables)
        elif isinstance(condition, Exists):
            self.subselect(condition, tables)
        elif isinstance(condition, sa.Column) and condition.table in tables:
            tables[condition.table].fixed.append(condition.name)
        elif isinstance(condition, BinaryExpression) and condition.operator in _COMPARED:
            self.comparison(condition, tables)

    def comparison(self, condition: BinaryExpression[Any], tables: dict[Any, Access]) -> None:
        sides = (_bare(condition.left), _bare(condition.right))
        kind = _COMPARED[condition.operator]
        if kind == "listed":
            self.subselect(sides[1], tables)
            sides = (sides[0], sides[0])
        depths = {table: depth for depth, table in enumerate(tables)}
        for side, other in (sides, sides[::-1]):
            if not isinstance(side, sa.Column) or side.table not in tables:
                continue
            access = tables[side.table]
            if kind != "equal":
                getattr(access, kind).append(side.name)
            elif isinstance(other, sa.Column):
                # Of the rows of a sub-select those are sought that belong to a row around it.
                if depths.get(other.table, len(depths)) < depths[side.table]:
                    access.joined.append(side.name)
            elif isinstance(other, CallerAttribute):
                access.ruled.append(side.name)
            elif isinstance(other, BindParameter | Null | sa.True_ | sa.False_):
                access.fixed.append(side.name)

    def alternatives(self, condition: BooleanClauseList, tables: dict[Any, Access]) -> None:
        """One or another: sub-selects are asked all, columns serve only where each alternative has one."""
        apart: list[dict[Any, Access]] = []
        for clause in condition.clauses:
            alone = {table: Access(access.name, access.table, access.served) for table, access in tables.items()}
            self.condition(clause, alone)
            apart.append(alone)
        for table, access in tables.items():
            access.either += _either([alone[table] for alone in apart])

    def subselect(self, condition: Any, tables: dict[Any, Access]) -> None:
        """The rows that a rule looks for in other tables."""
        select = condition
        while not isinstance(select, Select):
            select = getattr(_bare(select), "element", None)
            if select is None:
                return
        inner = dict(tables)
        for each in select.get_final_froms():
            table = each.element if isinstance(each, Alias) else each
            if each not in tables and isinstance(table, sa.Table) and isinstance(each, sa.Table | Alias):
                inner[each] = Access(each.name, table, _served(self.plan.schema, table))
                self.found.append(inner[each])
        if select.whereclause is not None:
            self.condition(select.whereclause, inner)


def _served(schema: Schema, table: sa.Table) -> Served | None:
    return next((served for served in schema.resources.values() if served.table is table), None)


def _either(alternatives: Sequence[Access]) -> list[str]:
    """A column for each alternative; none unless each has one."""
    columns = [next(iter([*each.single, *each.listed]), None) for each in alternatives]
    return [column for column in columns if column is not None] if None not in columns else []


def _bare(element: Any) -> Any:
    """An expression without the brackets around it, and without what spells it as a truth value."""
    while isinstance(element, Grouping) or (isinstance(element, AsBoolean) and element.operator is operators.is_true):
        element = element.element
    return element
