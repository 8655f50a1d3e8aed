"""``bring_in_step(url, metadata, folder)``: a development database made to hold what the models declare."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa
from alembic.operations import Operations, ops

from backstay.dialects.migrate.applied import read_applied, record
from backstay.dialects.migrate.apply import apply
from backstay.dialects.migrate.compare import Change, compare, describe_lost_labels, open_context
from backstay.dialects.migrate.operations.enums import CreateEnum, ExtendEnum
from backstay.dialects.migrate.operations.search import CreateSearch, DropSearch
from backstay.dialects.migrate.operations.session_triggers import CreateSessionTriggers, DropSessionTriggers
from backstay.dialects.migrate.run import run
from backstay.dialects.migrate.scripts import Script, read_scripts


@dataclass(frozen=True, slots=True)
class Steps:
    """What was done to a database, and what was left undone and why, in words.

    ``lossy``: whether something was left because it would lose data.
    """

    done: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    lossy: bool = False


async def bring_in_step(url: str, metadata: sa.MetaData, folder: Path, *, allow_loss: bool = False) -> Steps:
    """Apply the scripts there are, then make what the models declare beyond them.

    Nothing that holds data is dropped or converted, unless ``allow_loss`` says so. Tables that no model declares are
    left alone in any case.

    Arguments:
        url: the database.
        metadata: the tables the application declares.
        folder: where the scripts are.
        allow_loss: drop columns, and convert their types, as well.

    Raises:
        DeclarationError: when a script fails.
        DatabaseUnavailable: when the database cannot be reached.
    """
    scripts = read_scripts(folder)
    done: list[str] = []
    if scripts and not await run(url, lambda connection: _adopt(connection, metadata, scripts), writing=True):
        done += [f"applied {script.revision}" async for script in apply(url, scripts)]

    def step(connection: sa.Connection) -> Steps:
        steps = _step(connection, metadata, allow_loss=allow_loss)
        return Steps([*done, *steps.done], steps.left, steps.lossy)

    return await run(url, step, writing=True)


def _adopt(connection: sa.Connection, metadata: sa.MetaData, scripts: tuple[Script, ...]) -> bool:
    """Note all scripts as applied in a database that had none of them and lacks nothing."""
    if read_applied(connection) or compare(connection, metadata):
        return False
    record(connection, *[script.revision for script in scripts])
    return True


def _step(connection: sa.Connection, metadata: sa.MetaData, *, allow_loss: bool) -> Steps:
    done: list[str] = []
    left: list[str] = []
    lossy = False
    added: set[str] = set()
    for change in compare(connection, metadata):
        safe, risky = _split(connection, change)
        if risky and not allow_loss:
            left += [_words(operation, doing=False) for operation in _each(risky)]
            lossy = True
            risky = None
        for part in (safe, risky):
            for tried, failure in _perform_what_can_be(connection, part) if part is not None else ():
                words = [_words(each, doing=failure is None) for each in _each(tried) if not _is_last_step(each, added)]
                if failure is None:
                    done += [word for word in words if word]
                else:
                    left += [f"{word}: {failure}" for word in words if word]
    left += describe_lost_labels(connection, metadata)
    return Steps(done, left, lossy)


def _is_last_step(operation: Change, added: set[str]) -> bool:
    """Whether it only finishes a column that was added just now."""
    if isinstance(operation, ops.AddColumnOp):
        added.add(f"{operation.table_name}.{operation.column.name}")
    return isinstance(operation, ops.AlterColumnOp) and f"{operation.table_name}.{operation.column_name}" in added


def _perform_what_can_be(connection: sa.Connection, change: Change) -> Iterator[tuple[Change, str | None]]:
    """Carry out a change; where it cannot be done as one, each of its parts that can. Each with why it could not."""
    failure = _perform(connection, change)
    if failure is None or not isinstance(change, ops.ModifyTableOps) or len(change.ops) == 1:
        yield change, failure
        return
    for operation in change.ops:
        part = ops.ModifyTableOps(change.table_name, [operation], schema=change.schema)
        yield part, _perform(connection, part)


def _perform(connection: sa.Connection, change: Change) -> str | None:
    """Carry out one change, or nothing of it; the reason where it cannot be."""
    savepoint = connection.begin_nested()
    try:
        with Operations.context(open_context(connection)) as operations:
            if isinstance(change, ops.ModifyTableOps):
                with operations.batch_alter_table(change.table_name, schema=change.schema) as batch:
                    for operation in change.ops:
                        batch.invoke(operation)
            else:
                operations.invoke(change)
    except sa.exc.DBAPIError as error:
        savepoint.rollback()
        return str(error.orig).partition("\n")[0]
    savepoint.commit()
    return None


# What is safe ----------------------------------------------------------------------------------------------------


def _split(connection: sa.Connection, change: Change) -> tuple[Change | None, Change | None]:
    """A change as its part that loses nothing and the part that may."""
    if not isinstance(change, ops.ModifyTableOps):
        return change, None
    kept = [operation for operation in change.ops if not _is_idle(operation)]
    risky = [operation for operation in kept if _is_risky(operation)]
    safe = [operation for operation in kept if operation not in risky]

    def part(operations: list[Change]) -> Change | None:
        return ops.ModifyTableOps(change.table_name, operations, schema=change.schema) if operations else None

    return part(safe), part(risky)


def _is_risky(operation: Change) -> bool:
    if isinstance(operation, ops.AlterColumnOp) and operation.modify_type is not None:
        there, wanted = operation.existing_type, operation.modify_type
        if not isinstance(there, sa.String) or not isinstance(wanted, sa.String) or isinstance(wanted, sa.Enum):
            return True
        return wanted.length is not None and (there.length is None or there.length > wanted.length)
    return isinstance(operation, ops.DropColumnOp)


def _is_idle(operation: Change) -> bool:
    """Whether it only drops an index, which may be of the user's own making and hurts nobody."""
    return isinstance(operation, ops.DropIndexOp) and not operation.kw.get("unique")


# Words -----------------------------------------------------------------------------------------------------------


def _each(change: Change) -> Iterator[Change]:
    if isinstance(change, ops.ModifyTableOps):
        yield from change.ops
    else:
        yield change


def _words(operation: Change, *, doing: bool) -> str:
    """What an operation does, as done or as still to do; nothing for a step on the way."""
    verb, what = _said(operation)
    if not verb:
        return ""
    return f"{verb[1] if doing else verb[0]} {what}"


def _said(operation: Change) -> tuple[tuple[str, str] | None, str]:
    match operation:
        case ops.CreateTableOp():
            return _CREATE, f"table {operation.table_name}"
        case ops.AddColumnOp():
            return _ADD, f"column {operation.table_name}.{operation.column.name}"
        case ops.DropColumnOp():
            return _DROP, f"column {operation.table_name}.{operation.column_name} and what it holds"
        case ops.AlterColumnOp():
            return _CHANGE, f"column {operation.table_name}.{operation.column_name}{_altered(operation)}"
        case ops.CreateIndexOp():
            return _CREATE, f"index {operation.index_name}"
        case ops.DropIndexOp():
            return _DROP, f"index {operation.index_name}"
        case ops.AddConstraintOp():
            return _ADD, f"constraint {getattr(operation, 'constraint_name', '')}"
        case ops.DropConstraintOp():
            return _DROP, f"constraint {operation.constraint_name}"
        case CreateSearch():
            return _CREATE, f"search index of {operation.table}"
        case DropSearch():
            return _DROP, f"search index of {operation.table}"
        case CreateSessionTriggers():
            return _CREATE, "triggers of auth_sessions"
        case DropSessionTriggers():
            return _DROP, "triggers of auth_sessions"
        case CreateEnum():
            return _CREATE, f"type {operation.name}"
        case ExtendEnum():
            return _ADD, f"{', '.join(operation.labels)} to the type {operation.name}"
        case _:
            return None, ""


def _altered(operation: ops.AlterColumnOp) -> str:
    if operation.modify_type is not None:
        return f" from {operation.existing_type!r} to {operation.modify_type!r}"
    if operation.modify_nullable is not None:
        return ", which may be NULL" if operation.modify_nullable else ", which may not be NULL"
    return ""


_CREATE = ("create", "created")
_ADD = ("add", "added")
_DROP = ("drop", "dropped")
_CHANGE = ("change", "changed")
