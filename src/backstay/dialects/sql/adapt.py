"""``adapt(expression, table, alias)``: an expression over a table, as one over an alias of that table."""

from __future__ import annotations

from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy import ColumnElement
from sqlalchemy.sql import visitors
from sqlalchemy.sql.elements import TableValuedColumn
from sqlalchemy.sql.selectable import FromClause

E = TypeVar("E", bound=ColumnElement[Any])


def adapt(expression: E, table: FromClause, alias: Any) -> E:
    """An expression with every reference to ``table`` turned to ``alias``.

    Arguments:
        expression: woven, so that a bare table is the row in question, and the tables of its sub-selects are aliases
            (see :mod:`backstay.schema.expression.weave`).
        table: whose columns the expression speaks of.
        alias: an alias of ``table``.
    """

    def replace(element: Any, **_: Any) -> Any:
        if isinstance(element, sa.Column) and element.table is table:
            return alias.c[element.name]
        if isinstance(element, TableValuedColumn):
            return alias.table_valued() if element.scalar_alias is table else element
        return element if isinstance(element, sa.Alias) else None

    return visitors.replacement_traverse(expression, {}, replace)  # type: ignore[no-any-return]
