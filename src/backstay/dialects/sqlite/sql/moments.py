"""Whether ``now()`` needs its zone: PostgreSQL converts it to what it meets, texts must be spelled right at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql import elements, sqltypes, visitors

_NOW = ("now", "current_timestamp", "transaction_timestamp", "statement_timestamp", "clock_timestamp")


def with_zone_of(binary: Any, keywords: dict[str, Any]) -> dict[str, Any]:
    """The keywords for compiling the operands of an operator: ``naive_moment`` if one of them has no zone."""
    if binary.left.type._type_affinity is not sqltypes.DateTime:
        return keywords
    zones = [zone for zone in (_zone(binary.left), _zone(binary.right)) if zone is not None]
    return {**keywords, "naive_moment": True} if zones and not any(zones) else keywords


def is_for_naive_column(now: Any, stack: Sequence[Mapping[str, Any]]) -> bool:
    """Whether this ``now()`` is what an INSERT or UPDATE under way writes to a timestamp column without zone."""
    statement = stack[-1].get("selectable") if stack else None
    if not isinstance(statement, sa.Insert | sa.Update):
        return False
    for column in statement.table.c:
        if not _is_naive(column.type):
            continue
        defaults = (default for default in (column.default, column.onupdate) if default is not None)
        sources = [default.arg for default in defaults if default.is_clause_element]
        sources += [value for key, value in _values(statement, stack) if key in (column, column.key)]
        if any(_contains(source, now) for source in sources):
            return True
    return False


def _values(statement: Any, stack: Sequence[Mapping[str, Any]]) -> list[tuple[Any, Any]]:
    state = stack[-1].get("compile_state")
    given = getattr(state, "_dict_parameters", None) or statement._values or {}
    pairs = [*given.items(), *(getattr(state, "_ordered_values", None) or ())]
    clause = getattr(statement, "_post_values_clause", None)
    return pairs + list(getattr(clause, "update_values_to_set", None) or ())


def _contains(source: Any, now: Any) -> bool:
    return hasattr(source, "get_children") and any(each is now for each in visitors.iterate(source))


def _zone(element: Any) -> bool | None:
    """Whether an expression has a zone; None if it takes the other side's."""
    if isinstance(element, elements.BinaryExpression):
        zone = _zone(element.left)
        return _zone(element.right) if zone is None else zone
    if isinstance(element, elements.Grouping | elements.Label):
        return _zone(element.element)
    if getattr(element, "name", "") in _NOW and isinstance(element, sa.sql.functions.FunctionElement):
        return None
    if isinstance(element, elements.ColumnClause | elements.Cast) and element.type._type_affinity is sqltypes.DateTime:
        return not _is_naive(element.type)
    return None


def _is_naive(type_: Any) -> bool:
    implementation = type_.impl_instance if isinstance(type_, sa.types.TypeDecorator) else type_
    return isinstance(implementation, sqltypes.DateTime) and not implementation.timezone
