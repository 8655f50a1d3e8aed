"""Running what was compiled: the only step that does I/O. One statement per read, one transaction per write."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import replace
from operator import itemgetter
from time import perf_counter
from typing import Any

from backstay.dialects.dialect import Database, Row, Statement, Transaction
from backstay.dialects.profile.slow import Slow
from backstay.dialects.reply import Reply
from backstay.dialects.rowwise.fetch import fetch_long, fetch_rows
from backstay.dialects.rowwise.layout import Layout
from backstay.dialects.rowwise.reading import SHORT, Reading
from backstay.dialects.write import Altering, Deleting, Inserting, Writing, rows_of
from backstay.dialects.write.records import records, written
from backstay.errors import DatabaseFault, DatabaseUnavailable, PutMismatch, RowRefused, StatementTimeout
from backstay.plan.guard import row_refused
from backstay.plan.resolved import Insertion
from backstay.query.batched import Batched
from backstay.query.nodes import Resolution
from backstay.schema.caller import Caller, Local
from backstay.schema.served import Served

_LAST = itemgetter(-1)

Judge = Callable[[Reply], None]
"""Looks at a reply before the commit; what it raises undoes the write (a row too many, ``max-affected``)."""


def read(
    database: Database,
    reading: Reading,
    values: Sequence[Any],
    caller: Caller,
    slow: Slow,
    layout: Layout | None = None,
) -> Reply | Coroutine[Any, Any, Reply]:
    """Run a read: at once where the database can, else by what is to be awaited.

    Arguments:
        database, reading, values, caller: what is run, where, with which values, for whom.
        slow: told if it takes long.
        layout: how the rows of a long answer become its body; None: as the array that the database makes of them.
    """
    parameters, local, limit = reading.bind(values, caller), caller.local, reading.limit
    if caller.timezone is not None and database.features.local_settings:
        local = (*local, ("TimeZone", caller.timezone.name))
    short = reading.short or (limit is not None and values[limit] <= SHORT)
    # A statement is bounded where no limit is asked for. What is known to be long need not be tried.
    whole = short or (limit is None and not reading.habit.long and (layout is None or not layout.eager))
    began = perf_counter()
    found = None if local or not whole else database.fetch_at_once(reading.text, parameters)
    if found is None:
        if short:
            work = _reply_later(database.fetch(reading.text, parameters, local))
        else:
            work = (fetch_long if whole else fetch_rows)(database, reading, values, caller, local, layout)
        return _read_later(work, reading, parameters, local, slow, began)
    if (took := perf_counter() - began) > slow.limit:
        slow.note(reading, (reading.text, parameters), local, took, found[0][1])
    return _reply(found)


async def fetch(
    database: Database,
    reading: Reading,
    values: Sequence[Any],
    caller: Caller,
    slow: Slow,
    layout: Layout | None = None,
) -> Reply:
    """Run a read as :func:`read` does, and wait for it where it has to be waited for."""
    found = read(database, reading, values, caller, slow, layout)
    return found if isinstance(found, Reply) else await found


async def _reply_later(found: Awaitable[Sequence[Row]]) -> Reply:
    return _reply(await found)


async def _read_later(
    work: Awaitable[Reply], statement: Statement, parameters: list[Any], local: Local, slow: Slow, began: float
) -> Reply:
    try:
        reply = await work
    except StatementTimeout:
        slow.note(statement, (statement.text, parameters), local, perf_counter() - began, 0)
        raise
    if (took := perf_counter() - began) > slow.limit:
        slow.note(statement, (statement.text, parameters), local, took, reply.rows)
    return reply


def _reply(found: Sequence[Row]) -> Reply:
    ((body, rows, *total),) = found
    return Reply(body.encode(), rows, total[0] if total else None)


async def write(
    transaction: Transaction, writing: Writing, values: Sequence[Any], caller: Caller, judge: Judge
) -> Reply:
    """Run a write inside a transaction.

    Raises:
        RowRefused: when a row, as it is after the write, is refused by its rule.
        And whatever ``judge`` and the database raise.
    """
    if isinstance(writing, Inserting):
        reply = await _insert(transaction, writing, values, caller)
    elif isinstance(writing, Altering):
        reply = await _alter(transaction, writing, values, caller)
    else:
        reply = await _delete(transaction, writing, values, caller)
    judge(reply)
    return reply


# Delete ------------------------------------------------------------------------------------------------------


async def _delete(transaction: Transaction, deleting: Deleting, values: Sequence[Any], caller: Caller) -> Reply:
    if deleting.whole is not None:
        return await _delete_whole(transaction, deleting.whole, values, caller)
    if deleting.answer is None:
        keys = await _run(transaction, deleting.change, values, caller)
        return Reply(affected=len(keys), keys=named(deleting.resolved.source.served, keys))
    keys = await _run(transaction, deleting.keys, values, caller)
    reply = await answer(transaction, deleting, keys, values, caller)
    await delete_keys(transaction, deleting, keys, values, caller)
    return reply


async def _delete_whole(transaction: Transaction, statement: Statement, values: Sequence[Any], caller: Caller) -> Reply:
    if caller.timezone is not None:
        await transaction.show_in(caller.timezone)
    ((body, rows, affected),) = await _run(transaction, statement, values, caller)
    return Reply(body=body.encode(), rows=rows, affected=affected)


async def delete_keys(
    transaction: Transaction, deleting: Deleting, keys: Sequence[Row], values: Sequence[Any], caller: Caller
) -> None:
    """Delete the rows with these keys."""
    if keys:
        await _run(transaction, deleting.by_keys, [*values, keys], caller)


# Update ------------------------------------------------------------------------------------------------------


async def _alter(transaction: Transaction, altering: Altering, values: Sequence[Any], caller: Caller) -> Reply:
    if altering.change is None:
        return await answer(transaction, altering, [], values, caller)
    keys = await _run(transaction, altering.change, values, caller)
    await check(transaction, altering.check, altering.resolved.source.served, keys, values, caller)
    return await answer(transaction, altering, keys, values, caller)


# Insert ------------------------------------------------------------------------------------------------------


async def _insert(transaction: Transaction, inserting: Inserting, values: Sequence[Any], caller: Caller) -> Reply:
    resolved = inserting.resolved
    if inserting.parted and values[resolved.rows.index].__class__ is Batched:
        return await _insert_parts(transaction, inserting, values, caller)
    match(resolved, values)
    if resolved.resolution is not Resolution.MERGE:
        return await _insert_new(transaction, inserting, values, caller)
    served = resolved.source.served
    inserted: list[Row] = []
    merged: list[Row] = []
    order: list[Row] = []
    for names, rows in rows_of(resolved, values[resolved.rows.index]):
        given = records(inserting, names, rows)
        there = await _there(transaction, inserting, names, given, caller)
        returned = await _insert_run(transaction, inserting, names, given, caller)
        if len(returned) < len(rows) and updates(resolved):
            raise refused_merge(served)
        if len(there) == len(returned):
            flags = there
        else:
            flags = [len(row) > inserting.width and not row[-1] for row in returned]
        keys = [row[: inserting.width] for row in returned]
        order += keys
        for key, was_there in zip(keys, flags, strict=False):
            (merged if was_there else inserted).append(key)
    _refuse_twice(inserting, order)
    await check(transaction, inserting.check_new, served, inserted, values, caller)
    await check(transaction, inserting.check_merged, served, merged, values, caller)
    reply = await answer(transaction, inserting, order, values, caller)
    return counted(reply if inserting.keyed else replace(reply, keys=()), len(inserted))


async def _insert_new(transaction: Transaction, inserting: Inserting, values: Sequence[Any], caller: Caller) -> Reply:
    """Insert rows of which none is written over one that is there."""
    resolved = inserting.resolved
    returned: list[Row] = []
    for names, rows in rows_of(resolved, values[resolved.rows.index]):
        given = records(inserting, names, rows)
        returned += await _insert_run(transaction, inserting, names, given, caller)
    if inserting.telling and all(map(_LAST, returned)):
        return _told(inserting, returned)
    keys = [row[: inserting.width] for row in returned]
    _refuse_twice(inserting, keys)
    await check(transaction, inserting.check_new, resolved.source.served, keys, values, caller)
    reply = await answer(transaction, inserting, keys, values, caller)
    return counted(reply if inserting.keyed else replace(reply, keys=()), len(keys))


def _refuse_twice(inserting: Inserting, keys: Sequence[Row]) -> None:
    if inserting.keyed and len(keys) > 1 and len(set(keys)) < len(keys):
        raise DatabaseFault(
            "ON CONFLICT DO UPDATE command cannot affect row a second time",
            state="21000",
            hint="Ensure that no rows proposed for insertion within the same command have duplicate constrained "
            "values.",
        )


async def _insert_parts(transaction: Transaction, inserting: Inserting, values: Sequence[Any], caller: Caller) -> Reply:
    """Insert the rows of a long payload batch by batch; keys are kept only where the rule must be asked at the end."""
    resolved = inserting.resolved
    served, width = resolved.source.served, inserting.width
    keys: list[Row] = []
    count = telling = 0
    kept = True
    for batch in values[resolved.rows.index].batches():
        for names, rows in rows_of(resolved, batch):
            given = records(inserting, names, rows)
            returned = await _insert_run(transaction, inserting, names, given, caller)
            count += len(returned)
            if inserting.telling and all(row[-1] for row in returned):
                telling += len(returned)
                kept = kept and all(row[width] for row in returned)
            elif inserting.check_new is not None:
                keys += [row[:width] for row in returned]
    if telling and keys:
        raise DatabaseUnavailable("The schema changed during the transaction.", hint="Try again.")
    if not kept:
        raise row_refused(served)
    await check(transaction, inserting.check_new, served, keys, values, caller)
    return Reply(affected=count, inserted=count)


def _told(inserting: Inserting, told: Sequence[Row]) -> Reply:
    """The reply of an insert whose statement told of each row, after its key, if it is kept and how it is shown."""
    served, width, count = inserting.resolved.source.served, inserting.width, len(told)
    keys = [row[:width] for row in told]
    _refuse_twice(inserting, keys)
    if not all(map(itemgetter(width), told)):
        raise row_refused(served)
    names = named(served, keys) if inserting.resolved.keyed else ()
    if inserting.answer is None:
        return Reply(affected=count, inserted=count, keys=names)
    rows = [shown for row in told if (shown := row[width + 1]) is not None]
    return Reply(f"[{','.join(rows)}]".encode(), rows=len(rows), affected=count, inserted=count, keys=names)


def match(resolved: Insertion, values: Sequence[Any]) -> None:
    """Refuse a PUT whose row is not the one that its URL names."""
    if not resolved.named:
        return
    rows = values[resolved.rows.index]
    if len(rows) != 1 or any(
        column.kind.take(rows[0].get(column.name)) != column.kind.read(values[slot.index])
        for column, slot in resolved.named
    ):
        raise PutMismatch


def counted(reply: Reply, inserted: int) -> Reply:
    """The reply of an insert, with how many of its rows are new."""
    return replace(reply, inserted=inserted)


def updates(resolved: Insertion) -> bool:
    """Whether an insert updates the rows that are there already: it has columns to set."""
    return resolved.resolution is Resolution.MERGE and not set(resolved.columns) <= set(resolved.conflict)


def refused_merge(served: Served) -> RowRefused:
    """The answer to an upsert that met a row which the caller may not change."""
    table = served.name[1]
    return RowRefused(f'new row violates row-level security policy (USING expression) for table "{table}"')


async def _there(
    transaction: Transaction,
    inserting: Inserting,
    names: tuple[str, ...],
    given: Sequence[Sequence[Any]],
    caller: Caller,
) -> list[bool]:
    if inserting.existing is None:
        return []
    statement = inserting.existing(written(inserting, names))
    found = await transaction.fetch_each(statement.text, [statement.bind(record, caller) for record in given])
    return [bool(row[0]) for row in found]


async def _insert_run(
    transaction: Transaction,
    inserting: Inserting,
    names: tuple[str, ...],
    given: Sequence[Sequence[Any]],
    caller: Caller,
) -> list[Row]:
    columns = written(inserting, names)
    if len(given) == 1:
        statement = inserting.line(columns)
        return await transaction.fetch(statement.text, statement.bind(given[0], caller))
    statement = inserting.lines(columns)
    if inserting.bulk and columns:
        return await transaction.fetch(statement.text, statement.bind([given], caller))
    return await transaction.fetch_each(statement.text, [statement.bind(record, caller) for record in given])


def opening(writing: Writing, values: Sequence[Any], caller: Caller) -> tuple[str, list[Any]] | None:
    """The first change that a write makes, as text and parameters, to be explained; None where there is none."""
    if not isinstance(writing, Inserting):
        statement = writing.change if writing.change is not None else writing.keys
        return statement.text, statement.bind(values, caller)
    given = values[writing.resolved.rows.index]
    if given.__class__ is Batched:
        given = next(given.batches(), [])
    for names, rows in rows_of(writing.resolved, given):
        found = records(writing, names, rows)
        columns = written(writing, names)
        if len(found) > 1 and writing.bulk and columns:
            statement = writing.lines(columns)
            return statement.text, statement.bind([found], caller)
        statement = writing.line(columns)
        return statement.text, statement.bind(found[0], caller)
    return None


# Shared ------------------------------------------------------------------------------------------------------


async def _run(transaction: Transaction, statement: Statement, values: Sequence[Any], caller: Caller) -> list[Row]:
    return await transaction.fetch(statement.text, statement.bind(values, caller))


def named(served: Served, keys: Sequence[Row]) -> tuple[dict[str, Any], ...]:
    """Keys as mappings of column to value."""
    return tuple(dict(zip(served.key, key, strict=False)) for key in keys) if served.key else ()


async def check(
    transaction: Transaction,
    statement: Statement | None,
    served: Served,
    keys: Sequence[Row],
    values: Sequence[Any],
    caller: Caller,
) -> None:
    """Refuse the write when one of these rows does not satisfy its rule."""
    if statement is None or not keys:
        return
    ((kept,),) = await _run(transaction, statement, [*values, keys], caller)
    if kept < len(set(keys)):
        raise row_refused(served)


async def answer(
    transaction: Transaction, writing: Writing, keys: Sequence[Row], values: Sequence[Any], caller: Caller
) -> Reply:
    """The rows with these keys, as the caller asked to have them answered."""
    names = named(writing.resolved.source.served, keys)
    if writing.answer is None:
        return Reply(affected=len(keys), keys=names)
    if not keys:
        return Reply(body=b"[]", affected=0)
    if caller.timezone is not None:
        # Only now: what was written, and the rules on it, have no business with where the caller is.
        await transaction.show_in(caller.timezone)
    ((body, rows),) = await _run(transaction, writing.answer, [*values, keys], caller)
    return Reply(body=body.encode(), rows=rows, affected=len(keys), keys=names)
