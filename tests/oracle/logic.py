"""Conditions that mean the same twice: as an SQLAlchemy expression, and as Python over plain rows.

Python's side is written without regard to how Backstay works: three-valued logic over lists of dictionaries.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from backstay import anyone, current, signed_in
from oracle.models import MODELS, Person, Rows

Truth = bool | None
Row = dict[str, Any]
me = current(Person)


def negate(value: Truth) -> Truth:
    return None if value is None else not value


def conjoin(values: list[Truth]) -> Truth:
    if False in values:
        return False
    return None if None in values else True


def disjoin(values: list[Truth]) -> Truth:
    if True in values:
        return True
    return None if None in values else False


COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


def compare(operator: str, left: Any, right: Any) -> Truth:
    return None if left is None or right is None else COMPARE[operator](left, right)


@dataclass(frozen=True)
class World:
    """All rows, and who asks: a row of people, or None."""

    rows: Rows
    me: Row | None

    def attribute(self, name: str) -> Any:
        if self.me is None:
            return None
        # No column: every second person has shown a second factor.
        return 2 - self.me["id"] % 2 if name == "aal" else self.me[name]


class Term:
    """A condition on a row."""

    def sql(self, model: Any) -> Any:
        raise NotImplementedError

    def holds(self, row: Row, world: World) -> Truth:
        raise NotImplementedError


@dataclass(frozen=True)
class Constant(Term):
    value: bool

    def sql(self, model: Any) -> Any:
        return anyone if self.value else sa.false()

    def holds(self, row: Row, world: World) -> Truth:
        return self.value


@dataclass(frozen=True)
class SignedIn(Term):
    def sql(self, model: Any) -> Any:
        return signed_in

    def holds(self, row: Row, world: World) -> Truth:
        return world.me is not None


@dataclass(frozen=True)
class Mine(Term):
    """A term about the caller alone."""

    name: str
    operator: str
    value: Any

    def sql(self, model: Any) -> Any:
        return COMPARE[self.operator](getattr(me, self.name), self.value)

    def holds(self, row: Row, world: World) -> Truth:
        return compare(self.operator, world.attribute(self.name), self.value)


@dataclass(frozen=True)
class ColumnIs(Term):
    column: str
    operator: str
    value: Any

    def sql(self, model: Any) -> Any:
        return COMPARE[self.operator](getattr(model, self.column), self.value)

    def holds(self, row: Row, world: World) -> Truth:
        return compare(self.operator, row[self.column], self.value)


@dataclass(frozen=True)
class ColumnIsMine(Term):
    column: str
    operator: str
    name: str

    def sql(self, model: Any) -> Any:
        return COMPARE[self.operator](getattr(model, self.column), getattr(me, self.name))

    def holds(self, row: Row, world: World) -> Truth:
        return compare(self.operator, row[self.column], world.attribute(self.name))


@dataclass(frozen=True)
class Columns(Term):
    left: str
    operator: str
    right: str

    def sql(self, model: Any) -> Any:
        return COMPARE[self.operator](getattr(model, self.left), getattr(model, self.right))

    def holds(self, row: Row, world: World) -> Truth:
        return compare(self.operator, row[self.left], row[self.right])


@dataclass(frozen=True)
class IsNull(Term):
    column: str

    def sql(self, model: Any) -> Any:
        return getattr(model, self.column).is_(None)

    def holds(self, row: Row, world: World) -> Truth:
        return row[self.column] is None


@dataclass(frozen=True)
class OneOf(Term):
    column: str
    values: tuple[Any, ...]

    def sql(self, model: Any) -> Any:
        return getattr(model, self.column).in_(self.values)

    def holds(self, row: Row, world: World) -> Truth:
        if not self.values:
            return False
        return None if row[self.column] is None else row[self.column] in self.values


@dataclass(frozen=True)
class Like(Term):
    column: str
    pattern: str
    insensitive: bool

    def sql(self, model: Any) -> Any:
        column = getattr(model, self.column)
        return column.ilike(self.pattern) if self.insensitive else column.like(self.pattern)

    def holds(self, row: Row, world: World) -> Truth:
        return like(row[self.column], self.pattern, insensitive=self.insensitive)


def like(value: str | None, pattern: str, *, insensitive: bool = False) -> Truth:
    if value is None:
        return None
    parts = re.findall(r"\\.|.", pattern, re.DOTALL)
    expression = "".join({"%": ".*", "_": "."}.get(part, re.escape(part[-1])) for part in parts)
    flags = re.DOTALL | (re.IGNORECASE if insensitive else 0)
    return re.fullmatch(expression, value, flags) is not None


@dataclass(frozen=True)
class Not(Term):
    term: Term

    def sql(self, model: Any) -> Any:
        return sa.not_(self.term.sql(model))

    def holds(self, row: Row, world: World) -> Truth:
        return negate(self.term.holds(row, world))


@dataclass(frozen=True)
class All(Term):
    terms: tuple[Term, ...]

    def sql(self, model: Any) -> Any:
        return sa.and_(*[term.sql(model) for term in self.terms])

    def holds(self, row: Row, world: World) -> Truth:
        return conjoin([term.holds(row, world) for term in self.terms])


@dataclass(frozen=True)
class Some(Term):
    terms: tuple[Term, ...]

    def sql(self, model: Any) -> Any:
        return sa.or_(*[term.sql(model) for term in self.terms])

    def holds(self, row: Row, world: World) -> Truth:
        return disjoin([term.holds(row, world) for term in self.terms])


@dataclass(frozen=True)
class Related(Term):
    """Whether a related row satisfies a condition: any() or has()."""

    relation: str
    term: Term

    def sql(self, model: Any) -> Any:
        attribute = getattr(model, self.relation)
        target = attribute.property.mapper.class_
        inner = self.term.sql(target)
        return attribute.any(inner) if attribute.property.uselist else attribute.has(inner)

    def holds(self, row: Row, world: World) -> Truth:
        table = next(name for name, links in LINKS.items() if self.relation in links and links[self.relation].fits(row))
        found = LINKS[table][self.relation].follow(row, world.rows)
        return any(self.term.holds(each, world) is True for each in found)


@dataclass(frozen=True)
class Member(Term):
    """Whether a column is among those of a sub-select."""

    column: str
    table: str
    other: str
    term: Term

    def sql(self, model: Any) -> Any:
        target = sa.orm.aliased(MODELS[self.table])
        chosen = sa.select(getattr(target, self.other)).where(
            getattr(target, self.other).is_not(None), self.term.sql(target)
        )
        return getattr(model, self.column).in_(chosen)

    def holds(self, row: Row, world: World) -> Truth:
        among = [
            each[self.other]
            for each in world.rows[self.table]
            if each[self.other] is not None and self.term.holds(each, world) is True
        ]
        if not among:
            return False
        return None if row[self.column] is None else row[self.column] in among


@dataclass(frozen=True)
class Link:
    """How a row of one table leads to rows of another."""

    origin: str
    target: str
    ours: str
    theirs: str
    through: tuple[str, str, str] | None = None
    to_one: bool = False

    def fits(self, row: Row) -> bool:
        return set(row) >= {self.ours, *SIGNATURE[self.origin]}

    def follow(self, row: Row, rows: Rows) -> list[Row]:
        if self.through is None:
            return [
                each for each in rows[self.target] if row[self.ours] is not None and each[self.theirs] == row[self.ours]
            ]
        table, near, far = self.through
        keys = [each[far] for each in rows[table] if each[near] == row[self.ours]]
        return [each for each in rows[self.target] if each[self.theirs] in keys]


SIGNATURE = {
    "people": ("level", "boss_id"),
    "boxes": ("open", "label"),
    "items": ("size", "flag"),
    "marks": ("item_id",),
}
LINKS: dict[str, dict[str, Link]] = {
    "items": {
        "box": Link("items", "boxes", "box_id", "id", to_one=True),
        "owner": Link("items", "people", "owner_id", "id", to_one=True),
        "fans": Link("items", "people", "id", "id", through=("marks", "item_id", "person_id")),
    },
    "boxes": {
        "keeper": Link("boxes", "people", "keeper_id", "id", to_one=True),
        "items": Link("boxes", "items", "id", "box_id"),
    },
    "people": {
        "boss": Link("people", "people", "boss_id", "id", to_one=True),
        "team": Link("people", "people", "id", "boss_id"),
    },
    "marks": {},
}
