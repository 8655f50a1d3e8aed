"""Which function computes an operator over decimals, dates and intervals: a table, looked up by the operands' kinds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy.sql import operators, sqltypes

from backstay.dialects.sqlite.sql.spellings import COLLATE

DECIMAL: Final = sqltypes.Numeric
FLOAT: Final = sqltypes.Float
WHOLE: Final = sqltypes.Integer
MOMENT: Final = sqltypes.DateTime
DAY: Final = sqltypes.Date
CLOCK: Final = sqltypes.Time
INTERVAL: Final = sqltypes.Interval

_EXACT: Final[Mapping[Any, str]] = {
    operators.add: "decimal_add({0}, {1})",
    operators.sub: "decimal_sub({0}, {1})",
    operators.mul: "decimal_mul({0}, {1})",
    operators.truediv: "decimal_div({0}, {1})",
    operators.floordiv: "decimal_floor(decimal_div({0}, {1}))",
    operators.mod: "decimal_mod({0}, {1})",
}
_WHOLE: Final[Mapping[Any, str]] = {
    operators.truediv: _EXACT[operators.truediv],
    operators.floordiv: "{0} / nonzero({1})",
    operators.mod: "{0} % nonzero({1})",
}
_FLOATING: Final[Mapping[Any, str]] = {
    operators.add: "{0} + {1}",
    operators.sub: "{0} - {1}",
    operators.mul: "{0} * {1}",
    operators.truediv: "{0} / nonzero({1})",
    operators.floordiv: "floor({0} / nonzero({1}))",
    operators.mod: "mod({0}, nonzero({1}))",
}
_TIMES: Final[Mapping[tuple[Any, Any, Any], str]] = {
    (operators.add, MOMENT, INTERVAL): "timestamp_add({0}, {1})",
    (operators.add, INTERVAL, MOMENT): "timestamp_add({1}, {0})",
    (operators.add, DAY, INTERVAL): "timestamp_add({0}, {1})",
    (operators.add, INTERVAL, DAY): "timestamp_add({1}, {0})",
    (operators.add, CLOCK, INTERVAL): "time_add({0}, {1})",
    (operators.add, INTERVAL, CLOCK): "time_add({1}, {0})",
    (operators.add, DAY, WHOLE): "date_add({0}, {1})",
    (operators.add, WHOLE, DAY): "date_add({1}, {0})",
    (operators.add, DAY, CLOCK): "({0} || 'T' || {1})",
    (operators.sub, MOMENT, INTERVAL): "timestamp_add({0}, -({1}))",
    (operators.sub, DAY, INTERVAL): "timestamp_add({0}, -({1}))",
    (operators.sub, CLOCK, INTERVAL): "time_add({0}, -({1}))",
    (operators.sub, DAY, WHOLE): "date_add({0}, -({1}))",
    (operators.sub, DAY, DAY): "date_sub({0}, {1})",
    (operators.sub, MOMENT, MOMENT): "timestamp_sub({0}, {1})",
    (operators.sub, MOMENT, DAY): "timestamp_sub({0}, {1})",
    (operators.sub, DAY, MOMENT): "timestamp_sub({0}, {1})",
}
_NUMBERS: Final = (DECIMAL, FLOAT, WHOLE)

OPERATORS: Final = frozenset(_EXACT)
"""The operators that may need a function."""


def spell(operator: Any, left: Any, right: Any) -> str | None:
    """The template for an operator over operands of these affinities; None where SQLite's own does.

    Exact and floating numbers mixed give a float, as on PostgreSQL. Whole numbers divide exactly with ``/`` (as
    SQLAlchemy declares it) and truncate with ``//``; nothing is divided by zero.
    """
    if (operator, left, right) in _TIMES:
        return _TIMES[operator, left, right]
    known = [affinity for affinity in (left, right) if affinity in _NUMBERS]
    if not known:
        return None
    if FLOAT in known:
        template = _FLOATING[operator]
        one = "CAST({0} AS REAL)" if left is DECIMAL else "{0}"
        other = "CAST({1} AS REAL)" if right is DECIMAL else "{1}"
        return template.format(one, other)
    if DECIMAL in known or operator is operators.truediv:
        return _EXACT[operator] + COLLATE
    return _WHOLE.get(operator)
