"""Whether ``now()`` needs its zone: PostgreSQL converts it to what it meets, texts must be spelled right at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql import visitors

from backstay.dialects.sql.moments import is_naive


def is_for_naive_column(now: Any, stack: Sequence[Mapping[str, Any]]) -> bool:
    """Whether this ``now()`` is what an INSERT or UPDATE under way writes to a timestamp column without zone."""
    statement = stack[-1].get("selectable") if stack else None
    if not isinstance(statement, sa.Insert | sa.Update):
        return False
    for column in statement.table.c:
        if not is_naive(column.type):
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
