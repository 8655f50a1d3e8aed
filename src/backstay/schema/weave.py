"""``weave(rule, table, tenants) -> rule``: the tenant's condition added to a rule and to each sub-select in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

import sqlalchemy as sa
from sqlalchemy import ColumnElement
from sqlalchemy.sql import visitors
from sqlalchemy.sql.util import _deep_deannotate

from backstay.schema.caller import CallerAttribute

E = TypeVar("E", bound=ColumnElement[Any])


def plain(expression: E) -> E:
    """An expression without the ORM's annotations: a function of tables and columns alone."""
    return _deep_deannotate(expression)


def weave(
    rule: ColumnElement[Any],
    table: sa.Table,
    tenants: Mapping[sa.Table, sa.Column[Any]],
    tenant: CallerAttribute | None,
) -> ColumnElement[Any]:
    """A resource's rule as it will be asked: narrowed to the caller's tenant.

    A tenant's data is as if it were a database of its own, so the sub-selects of a rule see only that, too.

    Arguments:
        rule: as declared.
        table: the resource's own table.
        tenants: the column of each table that says whose a row is.
        tenant: the caller's tenant.
    """
    expression = plain(rule)
    if tenant is None:
        return expression
    expression = cast("ColumnElement[Any]", _in_selects(expression, tenants, tenant))
    if table in tenants:
        return sa.and_(tenants[table] == tenant, expression)
    return expression


def _in_selects(
    expression: ColumnElement[Any], tenants: Mapping[sa.Table, sa.Column[Any]], tenant: CallerAttribute
) -> Any:
    def narrow(element: Any, **_: Any) -> Any:
        if not isinstance(element, sa.Select) or element.get_execution_options().get("backstay_woven"):
            return None
        for source in element.get_final_froms():
            for table, column in _tenanted(source, tenants):
                element = element.where(table.c[column.name] == tenant)
        woven = element.execution_options(backstay_woven=True)
        return visitors.replacement_traverse(woven, {}, narrow)

    return visitors.replacement_traverse(expression, {}, narrow)


def _tenanted(source: Any, tenants: Mapping[sa.Table, sa.Column[Any]]) -> list[tuple[Any, sa.Column[Any]]]:
    """The tables (and aliases of tables) in one FROM element that belong to tenants."""
    if isinstance(source, sa.Join):
        return _tenanted(source.left, tenants) + _tenanted(source.right, tenants)
    table = source.element if isinstance(source, sa.Alias) else source
    if isinstance(table, sa.Table) and table in tenants:
        return [(source, tenants[table])]
    return []
