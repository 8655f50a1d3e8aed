"""Rows that are in no table, as rows of a resource: read by the same plans as those of a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

import sqlalchemy as sa

from backstay.dialects.dialect import Statement
from backstay.dialects.payload import Writer
from backstay.plan.guard import Plan
from backstay.plan.resolved import Read
from backstay.query.nodes import Count
from backstay.query.shape import KEYS
from backstay.schema.column import Column
from backstay.schema.kind import Kind
from backstay.schema.relation import Name
from backstay.schema.rule import Place, Rule, Rules
from backstay.schema.served import Schema, Served

_PLACE: Final = "_place"


def with_rows(schema: Schema, name: Name, kinds: Sequence[tuple[str, Kind]], place: Place) -> Schema:
    """A schema in which rows of these columns are a resource, whose rows everybody may see.

    Arguments:
        schema: what else is served.
        name: of the resource.
        kinds: the name and kind of each column.
        place: where in the program it is said.
    """
    columns = [sa.Column(column, kind.sql) for column, kind in kinds]
    served = Served(
        name=name,
        table=sa.Table(name[1], sa.MetaData(), *columns),
        model=None,
        columns={each: Column(each, each, kind, column) for column, (each, kind) in zip(columns, kinds, strict=True)},
        relations=(),
        key=(),
        uniques=(),
        rules=_everybody(name, place),
        hooks={},
        search=(),
        view=True,
        place=place,
    )
    return replace(schema, resources={**schema.resources, name: served})


def with_rows_like(schema: Schema, served: Served, name: Name) -> Schema:
    """A schema in which rows that look like a resource's, but are not stored, are a resource of another name.

    No rule holds for them: they are what code made. The rules of what is embedded in them do. No index has them.
    """
    like = replace(served, rules=_everybody(served.name, served.place), search=())
    return replace(schema, resources={**schema.resources, name: like})


def _everybody(name: Name, place: Place) -> Rules:
    return Rules(select=Rule(f"rows of {name[1]}", sa.true(), place))


def stored_columns(served: Served) -> list[Column]:
    """The columns that a given row has, in order."""
    return [column for column in served.columns.values() if column.stored]


def compile_given(plan: Plan, start: Callable[[Plan], Writer]) -> Statement:
    """The statement of a read of given rows, in the order they are given unless another one is asked for.

    Its last value are the rows, as lists of canonical values in the order of :func:`stored_columns`.

    Arguments:
        plan: of a select.
        start: begins a statement.
    """
    resolved = plan.resolved
    assert isinstance(resolved, Read)
    rows = resolved.rows
    emission = start(plan)
    columns = stored_columns(rows.source.served)
    found, given = emission.recordset(columns, lambda values, caller: values[KEYS])
    shown = [emission.given(found[column.name], column.kind).label(column.name) for column in columns]
    table = sa.select(*shown, emission.position(given).label(_PLACE)).select_from(given).cte("_given")
    alias = emission.aliases[rows.source.number] = table.alias(emission.alias(rows.source).name)
    select = emission.select(rows)
    if not rows.order and not rows.aggregated:
        select = select.order_by(alias.c[_PLACE])
    statement = emission.whole(select)
    if resolved.count is not Count.NONE:
        statement = statement.add_columns(emission.total(rows))
    return emission.compile(statement)
