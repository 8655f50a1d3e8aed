"""Queries that mean the same twice: as nodes for Backstay, and as what plain Python would answer."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
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
    Quantifier,
    Select,
)
from oracle.logic import LINKS, Row, Term, Truth, World, compare, conjoin, disjoin, like, negate

OPERATORS = {"eq": "==", "neq": "!=", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
Rules = dict[str, Term | None]
"""The select rule of each table."""


@dataclass(frozen=True)
class Filtering:
    """``column.operator.value``, perhaps negated; with a quantifier the value is a list, in which None is NULL."""

    column: str
    operator: str
    value: Any
    negated: bool = False
    quantifier: Quantifier | None = None

    def node(self) -> Filter:
        if self.operator == "is":
            return Comparison(Field(self.column), "is", None, self.negated, word=self.value)
        listed = self.operator == "in" or self.quantifier is not None
        value = tuple(None if each is None else spell(each) for each in self.value) if listed else spell(self.value)
        return Comparison(Field(self.column), self.operator, value, self.negated, self.quantifier)

    def holds(self, row: Row) -> Truth:
        found = self._holds(row[self.column])
        return negate(found) if self.negated else found

    def _holds(self, value: Any) -> Truth:
        if self.quantifier is not None:
            decide = disjoin if self.quantifier is Quantifier.ANY else conjoin
            return decide([compare(OPERATORS[self.operator], value, each) for each in self.value])
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
        if self.operator == "wfts":
            return None if value is None else SEARCHES[self.value](re.findall(r"[^\W_]+", value.lower()))
        return compare(OPERATORS[self.operator], value, self.value)


SEARCHES: dict[str, Callable[[list[str]], bool]] = {
    "": lambda words: False,
    "A": lambda words: "a" in words,
    "-a": lambda words: "a" not in words,
    "a -c": lambda words: "a" in words and "c" not in words,
    "zz or b": lambda words: "zz" in words or "b" in words,
    '"a c"': lambda words: ("a", "c") in pairwise(words),
    '-"a c" -é': lambda words: ("a", "c") not in pairwise(words) and "é" not in words,
}
"""Searches in the configuration `simple`, and which texts they find."""


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
    """A select of one table, with filters, embeds, spreads, an order by id, a page and a count."""

    table: str
    columns: tuple[str, ...]
    where: tuple[Filtering | Tree, ...] = ()
    embeds: tuple[Embedding, ...] = ()
    descending: bool = False
    limit: int | None = None
    offset: int = 0
    counted: bool = False
    aggregates: tuple[tuple[str, str], ...] = ()
    spreads: tuple[Embedding, ...] = ()

    @property
    def aggregated(self) -> bool:
        """Whether the answer is groups of rows."""
        return bool(self.aggregates) or any(spread.asking.aggregated for spread in self.spreads)

    def node(self) -> Select:
        return Select(
            self.table,
            items=self.items(),
            where=tuple(each.node() for each in self.where),
            order=() if self.aggregated else (Order(Field("id"), self.descending),),
            page=Page(self.limit, self.offset, limited=self.limit is not None, skipping=self.offset > 0),
            count=Count.EXACT if self.counted else Count.NONE,
        )

    def items(self, prefix: str = "") -> tuple[Item, ...]:
        picks: list[Item] = [Pick(Field(column), f"{prefix}{column}") for column in self.columns]
        picks += [
            Pick(Field(column) if column else None, f"{prefix}{name}_{column}", None, Aggregate(name))
            for name, column in self.aggregates
        ]
        spread = [each.node(f"{prefix}{each.relation}__") for each in self.spreads]
        return (*picks, *[embed.node(key=f"{prefix}{embed.relation}") for embed in self.embeds], *spread)

    def answer(self, world: World, rules: Rules) -> tuple[list[Row], int]:
        """The rows of the page, and how many there are in all."""
        found = [row for row in world.rows[self.table] if self.keeps(row, world, rules)]
        if self.aggregated:
            groups = self.groups(found, world, rules)
            return groups, len(groups)
        found.sort(key=lambda row: row["id"], reverse=self.descending)
        end = None if self.limit is None else self.offset + self.limit
        return [self.show(row, world, rules) for row in found[self.offset : end]], len(found)

    def keeps(self, row: Row, world: World, rules: Rules) -> bool:
        rule = rules[self.table]
        needed = [embed for embed in (*self.embeds, *self.spreads) if embed.inner]
        return (
            rule is not None
            and rule.holds(row, world) is True
            and all(each.holds(row) is True for each in self.where)
            and all(embed.matches(self.table, row, world, rules) for embed in needed)
        )

    def show(self, row: Row | None, world: World, rules: Rules, prefix: str = "") -> Row:
        """What a row shows; with a prefix, inside a spread, where there may be none."""
        shown = {f"{prefix}{column}": None if row is None else row[column] for column in self.columns}
        for embed in self.embeds:
            key = f"{prefix}{embed.relation}"
            shown[key] = embed.show(self.table, row, world, rules) if row is not None else None
        for spread in self.spreads:
            one = None if row is None else spread.one(self.table, row, world, rules)
            shown |= spread.asking.show(one, world, rules, f"{prefix}{spread.relation}__")
        return shown

    # Groups --------------------------------------------------------------------------------------------------

    def groups(self, rows: list[Row], world: World, rules: Rules) -> list[Row]:
        """The groups of the rows; without keys one, even of no rows."""
        shown = [self.show(row, world, rules) for row in rows]
        keyed = bool(self.columns or self.embeds or self.keyed_spreads())
        groups: dict[str, list[Row]] = {} if keyed else {"": []}
        keys: dict[str, Row] = {"": {}}
        for row, key in zip(rows, shown, strict=True):
            groups.setdefault(repr(key) if keyed else "", []).append(row)
            keys[repr(key)] = key
        return [
            {**(keys[group] if keyed else {}), **self.figures(list(members), world, rules)}
            for group, members in groups.items()
        ]

    def keyed_spreads(self) -> bool:
        """Whether a spread has keys."""
        return any(each.asking.columns or each.asking.embeds or each.asking.keyed_spreads() for each in self.spreads)

    def figures(self, rows: list[Row], world: World, rules: Rules, prefix: str = "") -> Row:
        """The aggregates of one group, those of spreads among them."""
        found = {f"{prefix}{name}": value for name, value in _figures(rows, self.aggregates).items()}
        for spread in self.spreads:
            ones = [spread.one(self.table, row, world, rules) for row in rows]
            related = [one for one in ones if one is not None]
            found |= spread.asking.figures(related, world, rules, f"{prefix}{spread.relation}__")
        return found

    def tables(self) -> list[str]:
        """Every table that is read."""
        return [self.table, *[name for each in (*self.embeds, *self.spreads) for name in each.tables(self.table)]]


@dataclass(frozen=True)
class Embedding:
    """An embed: a relation, what is asked of the related rows, and whether a match is needed."""

    relation: str
    asking: Asking
    inner: bool = False

    def node(self, prefix: str | None = None, *, key: str | None = None) -> Embed:
        """With a prefix for the keys: a spread; else with a key of its own."""
        inner = self.asking
        return Embed(
            self.relation,
            alias=key if key != self.relation else None,
            items=inner.items(prefix or ""),
            join=Join.INNER if self.inner else Join.LEFT,
            spread=prefix is not None,
            where=tuple(each.node() for each in inner.where),
            order=() if inner.aggregated else (Order(Field("id"), inner.descending),),
            page=Page() if prefix is not None else Page(inner.limit, 0, limited=inner.limit is not None),
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

    def one(self, table: str, row: Row, world: World, rules: Rules) -> Row | None:
        """The related row, where there is at most one."""
        found = self.related(table, row, world, rules)
        return found[0] if found else None

    def show(self, table: str, row: Row, world: World, rules: Rules) -> Any:
        found = self.related(table, row, world, rules)
        if self.asking.aggregated:
            groups = self.asking.groups(found, world, rules)
            return groups[0] if LINKS[table][self.relation].to_one else groups
        if LINKS[table][self.relation].to_one:
            return self.asking.show(found[0], world, rules) if found and self.asking.limit != 0 else None
        found.sort(key=lambda each: each["id"], reverse=self.asking.descending)
        return [self.asking.show(each, world, rules) for each in found[: self.asking.limit]]

    def tables(self, table: str) -> list[str]:
        """Every table that the embed reads."""
        link = LINKS[table][self.relation]
        through = [link.through[0]] if link.through is not None else []
        return [*through, *self.asking.tables()] if link.target == self.asking.table else []


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
