"""Queries that mean the same twice: as nodes for Backstay, and as what plain Python would answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from backstay.query.nodes import (
    Aggregate,
    Comparison,
    Connective,
    Count,
    Embed,
    Field,
    Filter,
    Item,
    Join,
    Logic,
    Order,
    Page,
    Pick,
    Select,
)
from oracle.logic import LINKS, Row, Term, Truth, World, compare, conjoin, disjoin, like, negate

OPERATORS = {"eq": "==", "neq": "!=", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
Rules = dict[str, Term | None]
"""The select rule of each table."""


@dataclass(frozen=True)
class Filtering:
    """``column.operator.value``, perhaps negated."""

    column: str
    operator: str
    value: Any
    negated: bool = False

    def node(self) -> Filter:
        if self.operator == "is":
            return Comparison(Field(self.column), "is", None, self.negated, word=self.value)
        value = tuple(spell(each) for each in self.value) if self.operator == "in" else spell(self.value)
        return Comparison(Field(self.column), self.operator, value, self.negated)

    def holds(self, row: Row) -> Truth:
        found = self._holds(row[self.column])
        return negate(found) if self.negated else found

    def _holds(self, value: Any) -> Truth:
        if self.operator == "is":
            return {
                "null": value is None,
                "not_null": value is not None,
                "true": value is True,
                "false": value is False,
            }[self.value]
        if self.operator == "in":
            return False if not self.value else None if value is None else value in self.value
        if self.operator == "isdistinct":
            return value != self.value
        if self.operator in ("like", "ilike"):
            return like(value, self.value.replace("*", "%"), insensitive=self.operator == "ilike")
        return compare(OPERATORS[self.operator], value, self.value)


@dataclass(frozen=True)
class Tree:
    """``and(...)`` or ``or(...)``, perhaps negated."""

    connective: Connective
    items: tuple[Filtering | Tree, ...]
    negated: bool = False

    def node(self) -> Filter:
        return Logic(self.connective, tuple(item.node() for item in self.items), self.negated)

    def holds(self, row: Row) -> Truth:
        values = [item.holds(row) for item in self.items]
        found = conjoin(values) if self.connective is Connective.AND else disjoin(values)
        return negate(found) if self.negated else found


def spell(value: Any) -> str:
    """A value as a literal of the wire."""
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)


@dataclass(frozen=True)
class Asking:
    """A select of one table, with filters, embeds, an order by id, a page and a count."""

    table: str
    columns: tuple[str, ...]
    where: tuple[Filtering | Tree, ...] = ()
    embeds: tuple[Embedding, ...] = ()
    descending: bool = False
    limit: int | None = None
    offset: int = 0
    counted: bool = False
    aggregates: tuple[tuple[str, str], ...] = ()

    def node(self) -> Select:
        return Select(
            self.table,
            items=self.items(),
            where=tuple(each.node() for each in self.where),
            order=() if self.aggregates else (Order(Field("id"), self.descending),),
            page=Page(self.limit, self.offset, limited=self.limit is not None, skipping=self.offset > 0),
            count=Count.EXACT if self.counted else Count.NONE,
        )

    def items(self) -> tuple[Item, ...]:
        picks: list[Item] = [Pick(Field(column)) for column in self.columns]
        picks += [
            Pick(Field(column) if column else None, f"{name}_{column}", None, Aggregate(name))
            for name, column in self.aggregates
        ]
        return (*picks, *[embed.node() for embed in self.embeds])

    def answer(self, world: World, rules: Rules) -> tuple[list[Row], int]:
        """The rows of the page, and how many there are in all."""
        found = [row for row in world.rows[self.table] if self.keeps(row, world, rules)]
        if self.aggregates:
            groups = aggregate(found, self.columns, self.aggregates)
            return groups, len(groups)
        found.sort(key=lambda row: row["id"], reverse=self.descending)
        end = None if self.limit is None else self.offset + self.limit
        return [self.show(row, world, rules) for row in found[self.offset : end]], len(found)

    def keeps(self, row: Row, world: World, rules: Rules) -> bool:
        rule = rules[self.table]
        return (
            rule is not None
            and rule.holds(row, world) is True
            and all(each.holds(row) is True for each in self.where)
            and all(embed.matches(self.table, row, world, rules) for embed in self.embeds if embed.inner)
        )

    def show(self, row: Row, world: World, rules: Rules) -> Row:
        shown = {column: row[column] for column in self.columns}
        for embed in self.embeds:
            shown[embed.relation] = embed.show(self.table, row, world, rules)
        return shown


@dataclass(frozen=True)
class Embedding:
    """An embed: a relation, what is asked of the related rows, and whether a match is needed."""

    relation: str
    asking: Asking
    inner: bool = False

    def node(self) -> Embed:
        inner = self.asking
        return Embed(
            self.relation,
            items=inner.items(),
            join=Join.INNER if self.inner else Join.LEFT,
            where=tuple(each.node() for each in inner.where),
            order=(Order(Field("id"), inner.descending),),
            page=Page(inner.limit, 0, limited=inner.limit is not None),
        )

    def related(self, table: str, row: Row, world: World, rules: Rules) -> list[Row]:
        link = LINKS[table][self.relation]
        rows = world.rows
        if link.through is not None:
            junction = rules[link.through[0]]
            kept = [
                each for each in rows[link.through[0]] if junction is not None and junction.holds(each, world) is True
            ]
            rows = {**rows, link.through[0]: kept}
        return [each for each in link.follow(row, rows) if self.asking.keeps(each, world, rules)]

    def matches(self, table: str, row: Row, world: World, rules: Rules) -> bool:
        return bool(self.related(table, row, world, rules))

    def show(self, table: str, row: Row, world: World, rules: Rules) -> Any:
        found = self.related(table, row, world, rules)
        if LINKS[table][self.relation].to_one:
            return self.asking.show(found[0], world, rules) if found else None
        found.sort(key=lambda each: each["id"], reverse=self.asking.descending)
        return [self.asking.show(each, world, rules) for each in found[: self.asking.limit]]

    def tables(self, table: str) -> list[str]:
        """Every table that the embed reads."""
        link = LINKS[table][self.relation]
        through = [link.through[0]] if link.through is not None else []
        return [link.target, *through, *[name for each in self.asking.embeds for name in each.tables(link.target)]]


def aggregate(rows: list[Row], keys: tuple[str, ...], wanted: tuple[tuple[str, str], ...]) -> list[Row]:
    """The groups of the rows; without keys one, even of no rows."""
    groups: dict[tuple[Any, ...], list[Row]] = {} if keys else {(): []}
    for row in rows:
        groups.setdefault(tuple(row[key] for key in keys), []).append(row)
    return [{**dict(zip(keys, group, strict=True)), **_figures(members, wanted)} for group, members in groups.items()]


def _figures(rows: list[Row], wanted: tuple[tuple[str, str], ...]) -> Row:
    figures: dict[str, Callable[[list[Any]], Any]] = {
        "sum": lambda values: sum(values) if values else None,
        "max": lambda values: max(values, default=None),
        "min": lambda values: min(values, default=None),
        "count": len,
    }
    found: Row = {}
    for name, column in wanted:
        values = [row[column] for row in rows if row[column] is not None] if column else rows
        found[f"{name}_{column}"] = figures[name](values)
    return found
