"""``adapt(rule, table, alias)``: an expression over a table, as one over an alias of that table.

A sub-select of the expression may read the same table on its own; there the table must stay what it is. SQL decides
by scope: a name that a sub-select's FROM introduces hides the outer one.
"""

from __future__ import annotations

from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy import ColumnElement
from sqlalchemy.sql import visitors

E = TypeVar("E", bound=ColumnElement[Any])


def adapt(expression: E, table: sa.Table, alias: Any) -> E:
    """An expression with the outer references to ``table`` turned to ``alias``.

    Arguments:
        expression: a rule or a computed column, over ``table``.
        table: whose columns the expression speaks of.
        alias: an alias of ``table``.
    """

    def replace(element: Any, **_: Any) -> Any:
        if isinstance(element, sa.Column) and element.table is table:
            return alias.c[element.name]
        if element is table:
            return alias
        if isinstance(element, sa.Alias) or (isinstance(element, sa.Select) and _owns(element, table)):
            return element
        return None

    return visitors.replacement_traverse(expression, {}, replace)  # type: ignore[no-any-return]


def _owns(select: sa.Select[Any], table: sa.Table) -> bool:
    """Whether a sub-select reads the table itself, rather than speaking of the enclosing row."""
    if select._correlate is not None and select._correlate:
        return table not in select._correlate and table in _froms(select)
    if select._correlate_except is not None:
        return table in select._correlate_except and table in _froms(select)
    froms = _froms(select)
    if table not in froms:
        return False
    explicit = {each for source in select._from_obj for each in _tables(source)}
    return table in explicit or len(set(froms)) == 1


def _froms(select: sa.Select[Any]) -> list[Any]:
    return [each for source in select.get_final_froms() for each in _tables(source)]


def _tables(source: Any) -> list[Any]:
    if isinstance(source, sa.Join):
        return _tables(source.left) + _tables(source.right)
    return [source]
