"""Whether a sub-select has one row at most, by its form: several are an error on one database, none on another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql import elements, operators, visitors
from sqlalchemy.sql.functions import FunctionElement

from backstay.schema.expression.subset import FUNCTIONS
from backstay.schema.relate import uniques_of


def is_single(select: sa.Select[Any]) -> bool:
    """Whether a sub-select has one row at most: an aggregate of all, the first, or found by its key."""
    if select._group_by_clauses:
        return False
    if all(is_aggregate(column) for column in select._raw_columns):
        return True
    return _is_first(select) or _is_found_by_keys(select)


def is_aggregate(column: Any) -> bool:
    """Whether a column of a sub-select aggregates rows."""
    return any(
        isinstance(element, FunctionElement) and _name(element) in FUNCTIONS and FUNCTIONS[_name(element)].aggregate
        for element in visitors.iterate(column)
    )


def loose_column(select: sa.Select[Any]) -> Any | None:
    """A column that stands beside an aggregate without being grouped by; None where there is none."""
    groups = list(select._group_by_clauses)
    if not groups and not any(is_aggregate(column) for column in select._raw_columns):
        return None
    for column in select._raw_columns:
        if not is_aggregate(column) and not _is_fixed(column) and not any(column.compare(group) for group in groups):
            return column
    return None


def conditions(select: sa.Select[Any]) -> Iterator[Any]:
    """What the rows of a sub-select must satisfy, in WHERE and in its joins."""
    yield from select._where_criteria
    for source in select.get_final_froms():
        yield from _matches(source)


def _matches(source: Any) -> Iterator[Any]:
    if isinstance(source, sa.Join):
        yield source.onclause
        yield from _matches(source.left)
        yield from _matches(source.right)


def _name(call: Any) -> str:
    return str(getattr(call, "name", "")).lower()


def _is_fixed(column: Any) -> bool:
    return isinstance(column, elements.BindParameter) or (isinstance(column, sa.ColumnClause) and column.is_literal)


def _is_first(select: sa.Select[Any]) -> bool:
    return getattr(select._limit_clause, "value", None) == 1


def _is_found_by_keys(select: sa.Select[Any]) -> bool:
    """Whether each table of a sub-select is found by a unique set of columns, one after the other."""
    own: set[Any] = set(select._correlate_except or ())
    equations = list(_equations(conditions(select)))
    unknown = set(own)
    while unknown:
        reached = {table for table in unknown if _is_found(table, equations, unknown)}
        if not reached:
            return False
        unknown -= reached
    return bool(own)


def _equations(terms: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
    for term in terms:
        while isinstance(term, elements.Grouping):
            term = term.element
        if isinstance(term, elements.BooleanClauseList) and term.operator is operators.and_:
            yield from _equations(term.clauses)
        elif isinstance(term, elements.BinaryExpression) and term.operator is operators.eq:
            yield term.left, term.right
            yield term.right, term.left


def _is_found(table: Any, equations: list[tuple[Any, Any]], unknown: set[Any]) -> bool:
    known = {
        column.key
        for column, value in equations
        if getattr(column, "table", None) is table and not _tables(value) & unknown
    }
    return any(unique <= known for unique in uniques_of(table.element))


def _tables(value: Any) -> set[Any]:
    return {getattr(element, "table", None) for element in visitors.iterate(value)} - {None}
