"""Violated constraints in PostgreSQL's words: which one, and with which key.

Names are those of the models (``name_constraints`` gives every constraint one), else those PostgreSQL would give. A
detail shows only values that the request sent: those of a row it inserts, and of others those among its parameters. As
PostgreSQL does where row rules are on, the whole failing row is never shown.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import apsw
import sqlalchemy as sa

from backstay.dialects.sqlite.replay import RowChange, find_verb, replayed
from backstay.errors import (
    BackstayError,
    CheckViolation,
    DatabaseFault,
    ForeignKeyViolation,
    NotNullViolation,
    UniqueViolation,
)


@dataclass(frozen=True, slots=True)
class Failure:
    """A statement that violated a constraint, on the connection that it failed on, before anything is rolled back."""

    error: apsw.Error
    connection: apsw.Connection
    text: str
    parameters: Sequence[Any]
    metadata: sa.MetaData


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """A foreign key: ``columns`` of ``table`` refer to ``keys`` of ``parent``."""

    name: str
    table: str
    columns: tuple[str, ...]
    parent: str
    keys: tuple[str, ...]


def explain(failure: Failure) -> BackstayError:
    """The error of a violated constraint."""
    kind, _, subject = str(failure.error).partition(" constraint failed")
    subject = subject.removeprefix(": ")
    if kind == "UNIQUE":
        return _unique(failure, subject)
    if kind == "NOT NULL":
        table, _, column = subject.partition(".")
        return NotNullViolation(f'null value in column "{column}" of relation "{table}" violates not-null constraint')
    if kind == "CHECK":
        return _check(failure, subject)
    if kind == "FOREIGN KEY":
        return _foreign_key(failure)
    # what a trigger raises
    return DatabaseFault(str(failure.error), state="P0001")


# Unique ------------------------------------------------------------------------------------------------------


def _unique(failure: Failure, subject: str) -> UniqueViolation:
    if subject.startswith("index "):
        name = subject.removeprefix("index ").strip("'")
        return UniqueViolation(f'duplicate key value violates unique constraint "{name}"')
    parts = [part.partition(".") for part in subject.split(", ")]
    table, names = parts[0][0], tuple(part[2] for part in parts)
    message = f'duplicate key value violates unique constraint "{_unique_name(failure, table, names)}"'
    row = _duplicate(failure, table, names)
    return UniqueViolation(message, detail=f"{_key(failure, table, names, row)} already exists." if row else None)


def _unique_name(failure: Failure, table: str, names: tuple[str, ...]) -> str:
    known = failure.metadata.tables.get(table)
    if known is not None:
        keys = [each for each in known.constraints if isinstance(each, sa.PrimaryKeyConstraint | sa.UniqueConstraint)]
        indexes = [each for each in known.indexes if each.unique]
        for candidate in (*keys, *indexes):
            if candidate.name and {column.name for column in candidate.columns} == set(names):
                return str(candidate.name)
    primary = _primary_key(failure.connection, table)
    return f"{table}_pkey" if set(primary) == set(names) else "_".join([table, *names, "key"])


def _duplicate(failure: Failure, table: str, names: tuple[str, ...]) -> dict[str, Any] | None:
    """The row that was about to be written, if its key may be shown."""
    if not failure.connection.in_transaction:
        return None
    with replayed(failure.connection, failure.text, failure.parameters, replacing=True) as (changes, _):
        replaced = False
        for change in (each for each in changes if each.table == table):
            if not change.new:
                replaced = True
            elif replaced:
                return change.new if _may_show(failure, change, names) else None
    return None


# Foreign keys ------------------------------------------------------------------------------------------------


def _foreign_key(failure: Failure) -> ForeignKeyViolation:
    if failure.connection.in_transaction:
        with replayed(failure.connection, failure.text, failure.parameters) as (changes, done):
            for change in changes:
                found = _orphan(failure, change) or _bereft(failure, change, restricted=not done)
                if found is not None:
                    return found
    return _unnamed(failure)


def _unnamed(failure: Failure) -> ForeignKeyViolation:
    verb = find_verb(failure.text)
    doing = "update or delete" if verb is not None and verb.word == "DELETE" else "insert or update"
    return ForeignKeyViolation(f'{doing} on table "{verb.table if verb else ""}" violates foreign key constraint')


def _orphan(failure: Failure, change: RowChange) -> ForeignKeyViolation | None:
    """The error if a written row refers to one that is not there."""
    for key in _references(failure, change.table):
        values = [change.new.get(name) for name in key.columns]
        if not change.new or None in values or _exists(failure.connection, key.parent, key.keys, values):
            continue
        shown = _may_show(failure, change, key.columns)
        return ForeignKeyViolation(
            f'insert or update on table "{key.table}" violates foreign key constraint "{key.name}"',
            detail=f'{_key(failure, key.table, key.columns, change.new)} is not present in table "{key.parent}".'
            if shown
            else None,
        )
    return None


def _bereft(failure: Failure, change: RowChange, *, restricted: bool) -> ForeignKeyViolation | None:
    """The error if a row that is gone, or has another key now, is still referred to."""
    if not change.old:
        return None
    for key in _referring(failure, change.table):
        values = [change.old.get(name) for name in key.keys]
        kept = bool(change.new) and values == [change.new.get(name) for name in key.keys]
        if kept or None in values or not _exists(failure.connection, key.table, key.columns, values):
            continue
        if not restricted and _exists(failure.connection, key.parent, key.keys, values):
            continue
        shown = _may_show(failure, RowChange(change.table, change.old, {}), key.keys)
        return ForeignKeyViolation(
            f'update or delete on table "{key.parent}" violates foreign key constraint "{key.name}" on table '
            f'"{key.table}"',
            detail=f'{_key(failure, key.parent, key.keys, change.old)} is still referenced from table "{key.table}".'
            if shown
            else None,
        )
    return None


def explain_deferred(connection: apsw.Connection, metadata: sa.MetaData) -> ForeignKeyViolation:
    """The error of a foreign key that was put off to the end of the transaction and is violated there."""
    failure = Failure(apsw.ConstraintError(), connection, "", (), metadata)
    for table, _, _, number in connection.execute("PRAGMA foreign_key_check"):
        keys = dict(_numbered(failure, str(table)))
        name = keys[int(number)].name if number in keys else ""
        return ForeignKeyViolation(f'insert or update on table "{table}" violates foreign key constraint "{name}"')
    return ForeignKeyViolation()


def _numbered(failure: Failure, table: str) -> Iterable[tuple[int, ForeignKey]]:
    """The foreign keys of a table, by SQLite's numbers for them."""
    rows: dict[int, list[tuple[str, str, str | None]]] = {}
    for number, _, parent, column, key, *_ in failure.connection.execute(f"PRAGMA foreign_key_list({_quote(table)})"):
        rows.setdefault(int(number), []).append((str(parent), str(column), key and str(key)))
    for number, parts in rows.items():
        parent, names = parts[0][0], tuple(part[1] for part in parts)
        keys = tuple(part[2] for part in parts if part[2] is not None) or _primary_key(failure.connection, parent)
        yield number, ForeignKey(_reference_name(failure, table, names, parent), table, names, parent, keys)


def _references(failure: Failure, table: str) -> list[ForeignKey]:
    return [key for _, key in sorted(_numbered(failure, table), reverse=True)]


def _referring(failure: Failure, parent: str) -> list[ForeignKey]:
    tables = failure.connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").fetchall()
    return [key for (table,) in tables for key in _references(failure, str(table)) if key.parent == parent]


def _reference_name(failure: Failure, table: str, names: tuple[str, ...], parent: str) -> str:
    known = failure.metadata.tables.get(table)
    for constraint in known.foreign_key_constraints if known is not None else ():
        same = set(constraint.column_keys) == set(names) and constraint.referred_table.name == parent
        if same and constraint.name:
            return str(constraint.name)
    return "_".join([table, *names, "fkey"])


# Checks ------------------------------------------------------------------------------------------------------


def _check(failure: Failure, subject: str) -> CheckViolation:
    verb = find_verb(failure.text)
    target = verb.table if verb is not None else ""
    having = [
        table.name for table in failure.metadata.tables.values() if any(each.name == subject for each in _checks(table))
    ]
    table = target if target in having or not having else having[0]
    name = subject if having or _is_declared(failure.connection, table, subject) else f"{table}_check"
    return CheckViolation(f'new row for relation "{table}" violates check constraint "{name}"')


def _checks(table: sa.Table) -> Iterator[sa.CheckConstraint]:
    for holder in (table, *table.columns):
        yield from (each for each in holder.constraints if isinstance(each, sa.CheckConstraint))


def _is_declared(connection: apsw.Connection, table: str, name: str) -> bool:
    """Whether a table's definition names a constraint so: SQLite tells an unnamed one by its expression."""
    found = connection.execute("SELECT sql FROM sqlite_schema WHERE name = ?", (table,)).fetchone()
    return found is not None and re.search(rf'CONSTRAINT\s+"?{re.escape(name)}"?\s', str(found[0]), re.I) is not None


# Parts -------------------------------------------------------------------------------------------------------


def _may_show(failure: Failure, change: RowChange, names: Sequence[str]) -> bool:
    """Whether the request itself said these values: it inserts the row, or they are among its parameters."""
    if not change.old:
        return True
    row, sent = change.new or change.old, set(_scalars(failure.parameters))
    return all(str(row.get(name)) in sent for name in names)


def _scalars(value: Any) -> Iterator[str]:
    """The single values among parameters, which may be JSON documents."""
    if isinstance(value, str) and value[:1] in ("[", "{"):
        with suppress(ValueError):
            yield from _scalars(json.loads(value, parse_float=str))
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for each in value:
            yield from _scalars(each)
    else:
        yield str(value)


def _key(failure: Failure, table: str, names: Sequence[str], row: dict[str, Any]) -> str:
    values = ", ".join(_shown(failure, table, name, row.get(name)) for name in names)
    return f"Key ({', '.join(names)})=({values})"


def _shown(failure: Failure, table: str, name: str, value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bytes):
        return "\\x" + value.hex()
    known = failure.metadata.tables.get(table)
    column = known.c.get(name) if known is not None else None
    if column is not None and isinstance(column.type, sa.Boolean):
        return "t" if value else "f"
    return str(value)


def _exists(connection: apsw.Connection, table: str, names: Sequence[str], values: Sequence[Any]) -> bool:
    condition = " AND ".join(f"{_quote(name)} = ?" for name in names)
    found = connection.execute(f"SELECT 1 FROM {_quote(table)} WHERE {condition} LIMIT 1", values)
    return found.fetchone() is not None


def _primary_key(connection: apsw.Connection, table: str) -> tuple[str, ...]:
    found = connection.execute("SELECT name FROM pragma_table_info(?) WHERE pk > 0 ORDER BY pk", (table,))
    return tuple(str(row[0]) for row in found)


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
