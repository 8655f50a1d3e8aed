"""Rules and computed columns mean the same whatever time zone a caller wants to see: they are compiled in UTC.

``SET TimeZone`` decides what a cast between a moment and a date means, what ``current_date`` is, and when a moment plus
a day is. A caller who chooses the zone must not choose by that which rows a rule lets them see.
"""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import ColumnElement
from sqlalchemy.dialects.postgresql.asyncpg import PGCompiler_asyncpg, PGDialect_asyncpg
from sqlalchemy.sql import operators, sqltypes
from sqlalchemy.sql.elements import Grouping

from backstay.dialects.sql.moments import is_naive, with_zone_of, zone_of

_UTC: Final = "pg_catalog.timezone('UTC', {})"
_CLOCK: Final = _UTC.format("CAST({} AS TIMESTAMP WITHOUT TIME ZONE)")
_WITH_OFFSET: Final = "'[0-9]:[0-9].*([zZ]|[uU][tT][cC]|[gG][mM][tT]|[+-][0-9:]+)\\s*$'"
_ADDING: Final = (operators.add, operators.sub)


class Pinned(Grouping[Any]):
    """An expression that is computed as in UTC, whatever time zone the transaction has."""

    __visit_name__ = "pinned"
    inherit_cache = True


def pinned(expression: ColumnElement[Any]) -> ColumnElement[Any]:
    """The expression, computed as in UTC."""
    return Pinned(expression)


class ZoneCompiler(PGCompiler_asyncpg):
    """Compiles as SQLAlchemy does, except inside of what is :class:`Pinned`."""

    def visit_pinned(self, element: Pinned, **kw: Any) -> str:
        """What is pinned, in brackets."""
        return f"({self.process(element.element, **{**kw, 'in_utc': True})})"

    def visit_cast(self, cast: Any, **kw: Any) -> str:
        """A cast from or to a moment."""
        source, target = _is_zoned(cast.clause), _is_zoned(cast)
        if not kw.get("in_utc") or source == target:
            return str(super().visit_cast(cast, **kw))  # type: ignore[no-untyped-call]
        value = self.process(cast.clause, **kw)
        if source:
            return f"CAST({_UTC.format(value)} AS {self.process(cast.typeclause, **kw)})"
        if cast.clause.type._type_affinity is not sqltypes.String:
            return _CLOCK.format(value)
        whole = f"CAST({value} AS TIMESTAMP WITH TIME ZONE)"
        return f"CASE WHEN {value} ~ {_WITH_OFFSET} THEN {whole} ELSE {_CLOCK.format(value)} END"

    def visit_binary(self, binary: Any, *args: Any, **kw: Any) -> str:
        """An operator: days are added on UTC's calendar, and ``now()`` meets clocks in UTC."""
        if not kw.get("in_utc"):
            return str(super().visit_binary(binary, *args, **kw))  # type: ignore[no-untyped-call]
        kw = with_zone_of(binary, kw)
        text = str(super().visit_binary(binary, *args, **kw))  # type: ignore[no-untyped-call]
        if binary.operator not in _ADDING or not _is_zoned(binary) or kw.get("naive_moment"):
            return text
        return _UTC.format(self._added(binary, **kw))

    def _added(self, binary: Any, **kw: Any) -> str:
        left, right = (
            _UTC.format(self.process(each, **kw)) if _is_zoned(each) else self.process(each, **kw)
            for each in (binary.left, binary.right)
        )
        return f"{left} {'+' if binary.operator is operators.add else '-'} {right}"

    def visit_function(self, func: Any, *args: Any, **kw: Any) -> str:
        """A function; among clocks ``now()`` is one."""
        if kw.get("in_utc") and any(is_naive(each.type) and zone_of(each) is False for each in func.clauses):
            kw["naive_moment"] = True
        return str(super().visit_function(func, *args, **kw))

    def visit_now_func(self, func: Any, **kw: Any) -> str:
        """This moment."""
        return _UTC.format("now()") if kw.get("in_utc") and kw.get("naive_moment") else "now()"

    def visit_current_timestamp_func(self, func: Any, **kw: Any) -> str:
        """This moment."""
        return self.visit_now_func(func, **kw)

    def visit_current_date_func(self, func: Any, **kw: Any) -> str:
        """Today."""
        return f"CAST({_UTC.format('now()')} AS DATE)" if kw.get("in_utc") else "CURRENT_DATE"


class ZoneDialect(PGDialect_asyncpg):
    """SQLAlchemy's dialect, with :class:`ZoneCompiler`."""

    statement_compiler = ZoneCompiler
    supports_statement_cache = True


def _is_zoned(element: Any) -> bool:
    """Whether an expression is a moment with a time zone."""
    type_ = element.type
    if type_._type_affinity is not sqltypes.DateTime:
        return False
    zone = zone_of(element)
    if zone is not None:
        return zone
    if isinstance(element, sa.sql.functions.FunctionElement) and not _takes_clocks(element):
        return True
    return not is_naive(type_)


def _takes_clocks(element: Any) -> bool:
    """Whether a function answers with a timestamp of the kind that its arguments have, and that is without zone."""
    arguments = list(getattr(element, "clauses", ()))
    return bool(arguments) and all(is_naive(each.type) for each in arguments)
