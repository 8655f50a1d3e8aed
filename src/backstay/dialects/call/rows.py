"""The rows that a function answers with, shaped as the rows of a select are: by the same plans, from their keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement

from backstay.dialects.dialect import Statement
from backstay.dialects.payload import Writer
from backstay.dialects.write import Start, key_columns
from backstay.plan.guard import Plan
from backstay.plan.resolved import Read, Rows
from backstay.query.nodes import Count


def compile_rows(plan: Plan, start: Start) -> Statement:
    """The statement of a read that keeps to the rows of some keys, in their order unless another one is asked for.

    Its last value are the keys (:data:`backstay.dialects.payload.KEYS`).

    Arguments:
        plan: of a select.
        start: begins a statement.
    """
    resolved = plan.resolved
    assert isinstance(resolved, Read)
    rows = resolved.rows
    emission = start(plan)
    keys, position = emission.keys(key_columns(rows.source.served))
    joined = [emission.alias(rows.source).c[name] == keys[name] for name in rows.source.served.key]
    select = emission.select(rows, joined)
    if not rows.order and not rows.aggregated:
        select = select.order_by(position)
    statement = emission.whole(select)
    if resolved.count is not Count.NONE:
        statement = statement.add_columns(_total(emission, rows, joined))
    return emission.compile(statement)


def _total(emission: Writer, rows: Rows, joined: Sequence[ColumnElement[Any]]) -> ColumnElement[Any]:
    """How many of the rows there are, whatever the page."""
    conditions = [*joined, *emission.where(rows)]
    found: sa.Select[Any] = sa.select(sa.literal_column("1")).select_from(emission.alias(rows.source))
    found = found.where(*conditions)
    if rows.aggregated:
        found = found.group_by(*emission.groups(rows))
    return sa.select(sa.func.count()).select_from(found.correlate(None).subquery()).scalar_subquery()
