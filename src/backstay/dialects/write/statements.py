"""The statements of a write: the change itself, the check of the new rows, and the rows it answers with.

Every change answers with the keys of the rows it touched; the check and the answer start from these keys.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

import sqlalchemy as sa
from sqlalchemy import ColumnElement

from backstay.dialects.dialect import Statement
from backstay.dialects.features import Features
from backstay.dialects.payload import Writer, key_columns, part
from backstay.dialects.sql import shallow
from backstay.dialects.write.tell import tell
from backstay.errors import NotImplementedHere
from backstay.plan.guard import Plan
from backstay.plan.resolved import Alteration, Deletion, Insertion, Predicate, Source
from backstay.query.batched import Batched
from backstay.query.nodes import Missing, Resolution
from backstay.schema.column import Column, Expressed, Filling, Fixed, Made
from backstay.schema.declaration import Kind
from backstay.schema.served import Served

Start: TypeAlias = Callable[[Plan], Writer]
"""Begins a statement on one database."""

_LINES = 200


@dataclass(frozen=True, slots=True)
class Inserting:
    """The statements of an insert.

    ``lines(columns)`` inserts rows that give these columns, ``line(columns)`` one row; ``existing(columns)`` tells
    whether they are there, for a database that cannot tell afterwards. ``keyed``: whether ``lines`` tell the keys of
    the new rows; where nothing needs them it tells only that there is a row, for which a database's own rules do not
    ask whether it may be read. ``width``: how many columns a key has. ``telling``: whether after the key each row says
    what :func:`~backstay.dialects.write.tell.tell` says. ``made(columns)``: those that Python makes
    beside them. ``parted``: whether several statements do what one would, so that a long payload need not be held.
    """

    plan: Plan
    resolved: Insertion
    bulk: bool
    lines: Callable[[tuple[str, ...]], Statement]
    line: Callable[[tuple[str, ...]], Statement]
    existing: Callable[[tuple[str, ...]], Statement] | None
    check_new: Statement | None
    check_merged: Statement | None
    answer: Statement | None
    keyed: bool
    width: int
    telling: bool
    made: Callable[[tuple[str, ...]], tuple[Column, ...]]
    parted: bool


@dataclass(frozen=True, slots=True)
class Altering:
    """The statements of an update; ``keys`` finds and locks the rows where hooks must see them first."""

    plan: Plan
    resolved: Alteration
    change: Statement | None
    keys: Statement
    check: Statement | None
    answer: Statement | None


@dataclass(frozen=True, slots=True)
class Deleting:
    """The statements of a delete. Rows to answer with are found by ``keys``, and read before ``by_keys`` deletes;
    ``whole`` does all of it in one, where the database can and no hook must see the rows first."""

    plan: Plan
    resolved: Deletion
    change: Statement
    keys: Statement
    by_keys: Statement
    answer: Statement | None
    whole: Statement | None


Writing: TypeAlias = Inserting | Altering | Deleting


def compile_write(plan: Plan, start: Start, features: Features) -> Writing:
    """The statements of a planned write on one database.

    Raises:
        NotImplementedHere: for a view without a primary key.
    """
    resolved = plan.resolved
    served = resolved.source.served
    if not served.key and served.view:
        raise NotImplementedHere(detail=f"'{served.name[1]}' has no primary key, so its rows cannot be written here.")
    if isinstance(resolved, Insertion):
        return _inserting(plan, resolved, start, features)
    if isinstance(resolved, Alteration):
        return _altering(plan, resolved, start)
    assert isinstance(resolved, Deletion)
    return Deleting(
        plan,
        resolved,
        change=_delete(start(plan), resolved),
        keys=_keys(start(plan), resolved.source, resolved.where),
        by_keys=_delete_by_keys(start(plan), resolved.source),
        answer=_answer(plan, start),
        whole=_delete_whole(start(plan), resolved, features),
    )


# Shared parts ------------------------------------------------------------------------------------------------


def bare(table: sa.Table) -> Any:
    """A table without defaults: what a statement does not say, SQLAlchemy must not add."""
    columns: list[ColumnElement[Any]] = [sa.column(column.name, column.type) for column in table.columns]
    return sa.table(table.name, *columns, schema=table.schema)  # type: ignore[arg-type]


def _answer(plan: Plan, start: Start) -> Statement | None:
    resolved = plan.resolved
    returning = getattr(resolved, "returning", None)
    if returning is None:
        return None
    emission = start(plan)
    # What was written is shown, however much it is.
    emission.max_rows = 0
    joined, position = emission.by_keys(returning.source)
    select = emission.select(returning, joined)
    if not returning.order and not returning.aggregated:
        select = select.order_by(position)
    return emission.compile(emission.whole(select))


def _check(plan: Plan, start: Start, rule: ColumnElement[Any] | bool, source: Source) -> Statement | None:
    """How many of the written rows satisfy a rule; None where it lets every row."""
    if rule is True:
        return None
    emission = start(plan)
    joined, _ = emission.by_keys(source)
    count = (
        sa.select(sa.func.count()).select_from(emission.rows_of(source)).where(*joined, *emission.asked(rule, source))
    )
    return emission.compile(count)


def _returned(emission: Writer, table: Any, served: Served) -> list[ColumnElement[Any]]:
    return [emission.key_text(part(table, each)).label(each.name) for each in key_columns(emission, served)]


def _conditions(emission: Writer, source: Source, where: Sequence[Predicate]) -> list[ColumnElement[Any]]:
    conditions = [
        *emission.rule(source),
        *emission.asked(emission.plan.guards.old, source),
        *[emission.predicate(each) for each in where],
    ]
    return shallow(conditions, sa.and_)


def _keys(emission: Writer, source: Source, where: Sequence[Predicate]) -> Statement:
    table = emission.alias(source)
    select = sa.select(*_returned(emission, table, source.served)).select_from(table)
    return emission.compile(emission.locked(select.where(*_conditions(emission, source, where)), table))


def filled(emission: Writer, filling: Filling, column: Column) -> ColumnElement[Any]:
    """What a column gets without the request: as an expression or a parameter."""
    if isinstance(filling, Fixed):
        fixed = filling.value
        return emission.scalar(lambda values, caller: fixed, column.kind)
    if isinstance(filling, Expressed):
        return emission.caller(filling.expression)
    assert isinstance(filling, Made)
    make, kind = filling.make, column.kind
    return emission.scalar(lambda values, caller: kind.dump(make()), column.kind)


# Delete ------------------------------------------------------------------------------------------------------


def _delete(emission: Writer, resolved: Deletion) -> Statement:
    served = resolved.source.served
    table = emission.aliases[resolved.source.number] = bare(served.table)
    statement = sa.delete(table).where(*_conditions(emission, resolved.source, resolved.where))
    return emission.compile(statement.returning(*_returned(emission, table, served)))


def _delete_whole(emission: Writer, resolved: Deletion, features: Features) -> Statement | None:
    """A delete that answers with the rows as they were, and how many they are."""
    served, returning = resolved.source.served, resolved.returning
    if returning is None or not features.tells_deleted or served.hooks.get(Kind.DELETE):
        return None
    table = emission.aliases[resolved.source.number] = bare(served.table)
    delete = sa.delete(table).where(*_conditions(emission, resolved.source, resolved.where))
    columns = key_columns(emission, served)
    deleted = delete.returning(*[part(table, each).label(each.name) for each in columns]).cte("_deleted")
    alias = emission.alias(returning.source)
    select = emission.select(returning, [part(alias, each) == deleted.c[each.name] for each in columns])
    counted = sa.select(sa.func.count()).select_from(deleted).scalar_subquery()
    return emission.compile(emission.whole(select).add_columns(counted))


def _delete_by_keys(emission: Writer, source: Source) -> Statement:
    table = bare(source.served.table)
    columns = key_columns(emission, source.served)
    keys, _ = emission.keys(columns)
    wanted = sa.select(*[keys[column.name] for column in columns])
    ours = [part(table, column) for column in columns]
    match = ours[0].in_(wanted) if len(ours) == 1 else sa.tuple_(*ours).in_(wanted)
    return emission.compile(sa.delete(table).where(match))


# Update ------------------------------------------------------------------------------------------------------


def _altering(plan: Plan, resolved: Alteration, start: Start) -> Altering:
    return Altering(
        plan,
        resolved,
        change=_update(start(plan), resolved) if resolved.columns else None,
        keys=_keys(start(plan), resolved.source, resolved.where),
        check=_check(plan, start, plan.guards.new, resolved.source),
        answer=_answer(plan, start),
    )


def _update(emission: Writer, resolved: Alteration) -> Statement:
    served = resolved.source.served
    table = emission.aliases[resolved.source.number] = bare(served.table)
    index = resolved.row.index
    changes: dict[Any, ColumnElement[Any]] = {}
    for column in resolved.columns:
        value = _given(emission, column, index)
        kept = emission.key_value(value, column, served) if column.primary else value
        changes[table.c[column.name]] = value if kept is None else kept
    given = {column.name for column in resolved.columns}
    for column in served.columns.values():
        if column.onupdate is not None and column.name not in given:
            changes[table.c[column.name]] = filled(emission, column.onupdate, column)
    statement = sa.update(table).values(changes).where(*_conditions(emission, resolved.source, resolved.where))
    return emission.compile(statement.returning(*_returned(emission, table, served)))


def _given(emission: Writer, column: Column, index: int) -> ColumnElement[Any]:
    name, kind = column.name, column.kind
    return emission.scalar(lambda values, caller: kind.take(values[index].get(name)), kind)


# Insert ------------------------------------------------------------------------------------------------------


def _inserting(plan: Plan, resolved: Insertion, start: Start, features: Features) -> Inserting:
    merging = resolved.resolution is Resolution.MERGE
    check_new = _check(plan, start, plan.guards.new, resolved.source)
    asking = check_new is not None or resolved.returning is not None
    keyed = resolved.keyed or merging or asking
    telling = asking and tell(start(plan), resolved) is not None

    @lru_cache(maxsize=_LINES)
    def lines(columns: tuple[str, ...]) -> Statement:
        return _insert(
            start(plan), resolved, columns, features, many=features.bulk_insert, keyed=keyed, telling=telling
        )

    @lru_cache(maxsize=_LINES)
    def line(columns: tuple[str, ...]) -> Statement:
        return _insert(start(plan), resolved, columns, features, many=False, keyed=keyed, telling=telling)

    @lru_cache(maxsize=_LINES)
    def made(columns: tuple[str, ...]) -> tuple[Column, ...]:
        return tuple(made_columns(resolved.source.served, columns))

    @lru_cache(maxsize=_LINES)
    def existing(columns: tuple[str, ...]) -> Statement:
        return _existing(start(plan), resolved, columns)

    return Inserting(
        plan,
        resolved,
        bulk=features.bulk_insert,
        lines=lines,
        line=line,
        existing=existing if merging and not features.tells_inserted else None,
        check_new=check_new,
        check_merged=_check(plan, start, plan.guards.merged, resolved.source) if merging else None,
        answer=_answer(plan, start),
        keyed=keyed,
        width=len(key_columns(start(plan), resolved.source.served)),
        telling=telling,
        made=made,
        parted=_is_parted(resolved),
    )


def _is_parted(resolved: Insertion) -> bool:
    """Whether rows may be inserted some at a time.

    An upsert may not meet its own rows, rows may stand before those that they refer to, and whoever asks for rows or
    keys has them all at once.
    """
    served = resolved.source.served
    return (
        resolved.resolution is not Resolution.MERGE
        and resolved.returning is None
        and not resolved.keyed
        and not served.view
        and all(key.column.table is not served.table for key in served.table.foreign_keys)
    )


def _insert(
    emission: Writer,
    resolved: Insertion,
    names: tuple[str, ...],
    features: Features,
    *,
    many: bool,
    keyed: bool,
    telling: bool,
) -> Statement:
    served = resolved.source.served
    table = emission.aliases[resolved.source.number] = bare(served.table)
    given = [served.columns[name] for name in names]
    values, source = emission.rows(given) if many and given else (emission.record(given), None)
    for column in served.columns.values():
        if column.name not in values and column.default is not None and not _per_row(column):
            values[column.name] = filled(emission, column.default, column)
    for column in [served.columns[name] for name in served.key]:
        if column.name in values or column.required:
            kept = emission.key_value(values.get(column.name), column, served)
            values.update({} if kept is None else {column.name: kept})
    statement = emission.insertion(table, values, source)
    if resolved.resolution is not None and values:  # a row of defaults alone is a new one
        statement = _resolving(emission, statement, resolved, table, list(values))
    returned = _returned(emission, table, served) if keyed else [sa.literal_column("1")]
    if features.tells_inserted and resolved.resolution is Resolution.MERGE:
        returned.append(emission.is_inserted().label("inserted"))
    if telling:
        returned += tell(emission, resolved) or []
    return emission.compile(statement.returning(*returned))


def _per_row(column: Column) -> bool:
    return isinstance(column.default, Made)


def made_columns(served: Served, given: Sequence[str]) -> list[Column]:
    """The columns whose values Python makes, row by row, where the request does not give them."""
    return [column for column in served.columns.values() if _per_row(column) and column.name not in given]


def _resolving(emission: Writer, statement: Any, resolved: Insertion, table: Any, names: Sequence[str]) -> Any:
    conflict = [column.name for column in resolved.conflict]
    if resolved.resolution is Resolution.IGNORE:
        return statement.on_conflict_do_nothing(index_elements=conflict)
    given = [column.name for column in resolved.columns if column.name in names]
    # A row of nothing but its key is written anew, with what it holds: so it is one of those that come back.
    sent = [name for name in given if name not in conflict] or given
    if not sent:
        return statement.on_conflict_do_nothing(index_elements=conflict)
    changes: dict[str, Any] = {name: statement.excluded[name] for name in sent}
    for column in resolved.source.served.columns.values():
        if column.onupdate is not None and column.name not in changes:
            changes[column.name] = filled(emission, column.onupdate, column)
    allowed = [*emission.rule(resolved.source), *emission.asked(emission.plan.guards.old, resolved.source)]
    where = sa.and_(*allowed) if allowed else None
    return statement.on_conflict_do_update(index_elements=conflict, set_=changes, where=where)


def _existing(emission: Writer, resolved: Insertion, names: tuple[str, ...]) -> Statement:
    """Whether the row that one given row would be in conflict with is there already."""
    served = resolved.source.served
    values = emission.record([served.columns[name] for name in names])
    table = served.table.alias()
    match = [
        table.c[column.name] == (values[column.name] if column.name in values else _left_out(emission, column, served))
        for column in resolved.conflict
    ]
    exists = sa.select(sa.literal_column("1")).select_from(table).where(*match).exists()
    return emission.compile(sa.select(sa.case((exists, 1), else_=0)))


def _left_out(emission: Writer, column: Column, served: Served) -> ColumnElement[Any]:
    """What a column comes to in a row that does not give it."""
    if column.default is not None:
        return filled(emission, column.default, column)
    default = column.table_column.server_default
    if isinstance(default, sa.Computed):
        raise NotImplementedHere(
            detail=f"on_conflict cannot name '{column.name}' of '{served.name[1]}' here: the database computes it."
        )
    if not isinstance(default, sa.DefaultClause):
        return sa.null()
    if isinstance(default.arg, str):
        return sa.cast(sa.literal(default.arg), column.kind.sql)
    return sa.literal_column(default.arg.text) if isinstance(default.arg, sa.TextClause) else _column(default.arg)


def _column(element: Any) -> ColumnElement[Any]:
    assert isinstance(element, ColumnElement)
    return element


def rows_of(
    resolved: Insertion, rows: Sequence[dict[str, Any]] | Batched
) -> list[tuple[tuple[str, ...], list[dict[str, Any]]]]:
    """The rows of a payload in runs that give the same columns, in order.

    A key that a row lacks is NULL, or left to the column's default where the caller asked for that.
    """
    names = tuple([column.name for column in resolved.columns])
    if resolved.missing is Missing.NULL:
        return [(names, list(rows))] if len(rows) else []
    runs: list[tuple[tuple[str, ...], list[dict[str, Any]]]] = []
    for row in rows:
        given = tuple(name for name in names if name in row)
        if runs and runs[-1][0] == given:
            runs[-1][1].append(row)
        else:
            runs.append((given, [row]))
    return runs
