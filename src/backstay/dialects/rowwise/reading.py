"""Reading: a compiled read, which knows whether its answers may be long."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from backstay.dialects.dialect import Statement
from backstay.dialects.sql import Emission
from backstay.plan.resolved import Read, Rows, Test
from backstay.query.nodes import Count

SHORT: Final = 1000
"""Rows up to which an answer is taken to be short, and is made whole by the database."""
_DOUBT: Final = 8
"""Short answers in a row after which a statement that gave a long one is tried whole again."""


@dataclass(slots=True)
class Habit:
    """What is remembered of a statement: that its last answers were long, and how it is run row by row."""

    long: int = 0
    by_rows: Statement | None = None

    def note(self, *, long: bool) -> None:
        """Remember how long the last answer was."""
        self.long = _DOUBT if long else max(self.long - 1, 0)


@dataclass(frozen=True, slots=True)
class Reading(Statement):
    """The statement of a read, whose one row is the whole body, and the one that yields row after row.

    Arguments:
        short: its answers hold few rows, whatever the values.
        limit: the place, among a query's values, of the number of rows that is asked for at most; None: no such number.
        counted: whether the total was asked for; it is the first row that the other statement yields.
        between: what the database writes between two rows of an array.
        compile: makes the other statement.
        habit: what is remembered of it.
    """

    short: bool = False
    limit: int | None = None
    counted: bool = False
    between: str = ","
    compile: Callable[[], Statement] | None = field(default=None, compare=False)
    habit: Habit = field(default_factory=Habit, compare=False)

    def by_rows(self) -> Statement:
        """The statement that yields row after row, compiled when it is first needed."""
        found = self.habit.by_rows
        if found is None:
            assert self.compile is not None
            found = self.habit.by_rows = self.compile()
        return found


def compile_reading(begin: Callable[[], Emission]) -> Reading:
    """The statements of a read.

    Arguments:
        begin: begins a statement for the plan of the read.
    """
    emission = begin()
    resolved = emission.plan.resolved
    assert isinstance(resolved, Read)
    rows = resolved.rows
    short = _is_short(rows, emission.max_rows)
    statement = emission.read(resolved.count, bounded=rows.limit is None and not short)
    return Reading(
        statement.text,
        statement.parameters,
        short=short,
        limit=None if rows.limit is None else rows.limit.index,
        counted=resolved.count is not Count.NONE,
        between=emission.between,
        compile=lambda: begin().read_rows(resolved.count),
        habit=Habit(),
    )


def _is_short(rows: Rows, max_rows: int) -> bool:
    if 0 < max_rows <= SHORT:
        return True
    key = rows.source.served.key
    bound = {test.target.column.name for test in rows.where if isinstance(test, Test) and _is_equal(test, rows)}
    return bool(key) and not rows.aggregated and bound.issuperset(key)


def _is_equal(test: Test, rows: Rows) -> bool:
    """Whether a test lets only rows with one value in a column."""
    target = test.target
    plain = test.operator.name == "eq" and not test.negated and test.quantifier is None
    return plain and not target.path and target.source == rows.source
