"""Filters and orders as SQL conditions and terms, in three-valued logic."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement
from sqlalchemy.sql.elements import Grouping

from backstay.dialects.sql.sources import Sources
from backstay.errors import NotImplementedHere
from backstay.plan.resolved import Branch, Combination, Match, Predicate, Target, Test
from backstay.query.nodes import Connective, Quantifier
from backstay.query.operators import Operator, Takes
from backstay.schema.kind import CASTS, Kind

_MANY = 50
"""Conditions that are joined without brackets; databases bound how deeply expressions nest."""
TEXT = CASTS["text"]
_COMPARE: dict[str, Callable[[Any, Any], ColumnElement[Any]]] = {
    "eq": lambda left, right: left == right,
    "neq": lambda left, right: left != right,
    "gt": lambda left, right: left > right,
    "gte": lambda left, right: left >= right,
    "lt": lambda left, right: left < right,
    "lte": lambda left, right: left <= right,
    "like": lambda left, right: left.like(right),
    "ilike": lambda left, right: left.ilike(right),
    "isdistinct": lambda left, right: left.is_distinct_from(right),
}
_ORDERED = ("gt", "gte", "lt", "lte")


class Filters(Sources):
    """What a statement asks of the rows it reads."""

    def predicate(self, predicate: Predicate, *, told: bool = False) -> ColumnElement[Any]:
        """A filter as an SQL condition; ``told``: something negates it, so that NULL must be told from false."""
        told = told or predicate.negated
        if isinstance(predicate, Match):
            found = self.exists(predicate.branch)
            return sa.not_(found) if predicate.negated else found
        if isinstance(predicate, Combination):
            join = sa.and_ if predicate.connective is Connective.AND else sa.or_
            joined = join(*shallow([self.predicate(item, told=told).self_group() for item in predicate.items], join))
            return self.negated(joined) if predicate.negated else joined
        tested = self.searched(predicate, told) if predicate.operator.takes is Takes.TERMS else self.test(predicate)
        return self.negated(tested) if predicate.negated else tested

    @staticmethod
    def negated(condition: ColumnElement[Any]) -> ColumnElement[Any]:
        """NOT of a whole condition, in three-valued logic."""
        return sa.not_(condition.self_group())

    def test(self, test: Test) -> ColumnElement[Any]:
        """One comparison, not yet negated."""
        value, kind = self.value(test.target)
        operator = test.operator
        if operator.name == "is":
            return _is(value, test.word or "null")
        if operator.name == "in":
            return self.any_of(value, self.literals(test.value, kind), kind)
        if operator.name in ("match", "imatch"):
            return self.matches(value, test)
        compare = _COMPARE.get(operator.name)
        if compare is None:
            return self.special(value, kind, test)
        spell = _pattern if operator.name in ("like", "ilike") else None
        form = self.ordered if operator.name in _ORDERED else self.comparable

        def holds(left: Any, right: Any) -> ColumnElement[Any]:
            return compare(form(left, kind), form(right, kind))

        if test.quantifier is not None:
            return self.quantified(value, kind, holds, self.literals(test.value, kind, spell), test.quantifier)
        return holds(value, self.literal(test.value, kind, spell))

    def comparable(self, value: ColumnElement[Any], kind: Kind) -> ColumnElement[Any]:
        """A value in a form that equal values of its kind share."""
        return value

    def ordered(self, value: ColumnElement[Any], kind: Kind) -> ColumnElement[Any]:
        """A value in a form that sorts as its kind does on PostgreSQL."""
        return self.comparable(value, kind)

    def special(self, value: ColumnElement[Any], kind: Kind, test: Test) -> ColumnElement[Any]:
        """An operator that not every database has."""
        raise unavailable(test.operator)

    # What each dialect says in its own way -------------------------------------------------------------------

    @abstractmethod
    def exists(self, branch: Branch) -> ColumnElement[Any]:
        """Whether a row has a related row."""

    def value(self, target: Target) -> tuple[ColumnElement[Any], Kind]:
        """A target's value and what kind it is: a path yields text or JSON."""
        column = self.column(target)
        if not target.path:
            return column, target.column.kind
        return self.path(column, target), TEXT if target.path[-1].text else CASTS["jsonb"]

    @abstractmethod
    def path(self, column: ColumnElement[Any], target: Target) -> ColumnElement[Any]:
        """What a JSON path leads to."""

    @abstractmethod
    def any_of(self, value: ColumnElement[Any], members: Any, kind: Kind) -> ColumnElement[Any]:
        """Whether a value is in a list."""

    @abstractmethod
    def quantified(
        self,
        value: ColumnElement[Any],
        kind: Kind,
        compare: Callable[[Any, Any], ColumnElement[Any]],
        members: Any,
        quantifier: Quantifier,
    ) -> ColumnElement[Any]:
        """Whether a comparison holds with any, or with all, of a list."""

    @abstractmethod
    def searched(self, test: Test, told: bool) -> ColumnElement[Any]:
        """Whether a value satisfies a full-text search; ``told``: NULL must be told from false."""

    @abstractmethod
    def matches(self, value: ColumnElement[Any], test: Test) -> ColumnElement[Any]:
        """Whether a value matches a regular expression."""


def shallow(conditions: list[ColumnElement[Any]], join: Callable[..., ColumnElement[Any]]) -> list[ColumnElement[Any]]:
    """Conditions to be joined, in brackets where they are many: ``a AND b AND …`` nests once for each."""
    if len(conditions) <= _MANY:
        return conditions
    groups = (conditions[start : start + _MANY] for start in range(0, len(conditions), _MANY))
    # SQLAlchemy would take mere brackets off again.
    return [sa.type_coerce(Grouping(join(*group)), sa.Boolean()) for group in groups]


def unavailable(operator: Operator) -> NotImplementedHere:
    """The answer to an operator that this database has not."""
    return NotImplementedHere(detail=f"The operator '{operator.name}' is not available on this database.")


def _pattern(text: str) -> str:
    return text.replace("*", "%")


def _is(value: ColumnElement[Any], word: str) -> ColumnElement[Any]:
    if word == "null":
        return value.is_(None)
    if word == "not_null":
        return value.is_not(None)
    if word == "unknown":
        return value.is_(None)
    return value.is_(sa.true() if word == "true" else sa.false())
