"""The rows that a function answers with, shaped as the rows of a select are: by the same plans, from their keys."""

from __future__ import annotations

from backstay.dialects.dialect import Statement
from backstay.dialects.write import Start
from backstay.plan.guard import Plan
from backstay.plan.resolved import Read
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
    joined, position = emission.by_keys(rows.source)
    select = emission.select(rows, joined)
    if not rows.order and not rows.aggregated:
        select = select.order_by(position)
    statement = emission.whole(select)
    if resolved.count is not Count.NONE:
        statement = statement.add_columns(emission.total(rows, joined))
    return emission.compile(statement)
