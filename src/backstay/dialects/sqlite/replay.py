"""What a failed statement was about to do: it is run again in a savepoint, watched, and undone.

SQLite says which constraint failed, but not with which values, and of a foreign key not even which. Run again with
conflicts replaced, or with foreign keys put off, the statement succeeds, and the rows it touches tell.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import apsw

_SAVEPOINT = "backstay_replay"
_MOST_CHANGES = 10_000
_TOKEN = re.compile(
    r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`|\[[^\]]*\]|--[^\n]*|/\*.*?\*/|[()]|\w+|\s+|.""", re.DOTALL
)
_VERBS = ("INSERT", "UPDATE", "DELETE", "REPLACE")


@dataclass(frozen=True, slots=True)
class RowChange:
    """A row before and after, by column name; ``old`` is empty for an insert, ``new`` for a delete."""

    table: str
    old: dict[str, Any]
    new: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Verb:
    """What a statement does, to which table, and where in its text that is said."""

    word: str
    table: str
    end: int
    resolves: bool
    """Whether it says itself what to do about conflicts (``INSERT OR …``)."""


def find_verb(text: str) -> Verb | None:
    """The INSERT, UPDATE or DELETE of a statement, looked for outside parentheses, strings and comments."""
    depth, tokens = 0, list(_TOKEN.finditer(text))
    for index, token in enumerate(tokens):
        word = token.group().upper()
        depth += (word == "(") - (word == ")")
        if depth == 0 and word in _VERBS:
            rest = [each.group() for each in tokens[index + 1 :] if not each.group().isspace()]
            resolves = bool(rest) and rest[0].upper() == "OR"
            names = [name for name in rest[2 * resolves :] if name.upper() not in ("INTO", "FROM")]
            return Verb(word, _unquote(names[0]) if names else "", token.end(), resolves)
    return None


@contextmanager
def replayed(
    connection: apsw.Connection, text: str, parameters: Sequence[Any], *, replacing: bool = False
) -> Iterator[tuple[list[RowChange], bool]]:
    """Run a statement again and look at its changes, before all is undone.

    Arguments:
        replacing: replace conflicting rows; otherwise foreign keys are put off.

    Returns the changes in order, and whether the statement went through.
    """
    changes: list[RowChange] = []
    names: dict[str, list[str]] = {}

    def record(update: apsw.PreUpdate) -> None:
        if len(changes) < _MOST_CHANGES:
            changes.append(
                RowChange(
                    update.table_name,
                    _row(connection, names, update.table_name, update.old),
                    _row(connection, names, update.table_name, update.new),
                )
            )

    connection.execute(f"SAVEPOINT {_SAVEPOINT}")
    try:
        connection.execute(f"PRAGMA defer_foreign_keys={0 if replacing else 1}")
        connection.preupdate_hook(record, id=_SAVEPOINT)
        done = False
        try:
            with suppress(apsw.Error):
                list(connection.execute(_replace(text) if replacing else text, parameters))
                done = True
        finally:
            connection.preupdate_hook(None, id=_SAVEPOINT)
        yield changes, done
    finally:
        if connection.in_transaction:
            connection.execute(f"ROLLBACK TO {_SAVEPOINT}")
            connection.execute(f"RELEASE {_SAVEPOINT}")
            connection.execute("PRAGMA defer_foreign_keys=0")


def _replace(text: str) -> str:
    verb = find_verb(text)
    if verb is None or verb.resolves or verb.word not in ("INSERT", "UPDATE"):
        return text
    return f"{text[: verb.end]} OR REPLACE{text[verb.end :]}"


def _row(
    connection: apsw.Connection, names: dict[str, list[str]], table: str, values: Sequence[Any] | None
) -> dict[str, Any]:
    if values is None:
        return {}
    if table not in names:
        names[table] = columns(connection, table)
    return dict(zip(names[table], values, strict=False)) if len(names[table]) == len(values) else {}


def columns(connection: apsw.Connection, table: str) -> list[str]:
    """The columns of a table that are stored, in order."""
    found = connection.execute("SELECT name FROM pragma_table_xinfo(?) WHERE hidden IN (0, 3)", (table,))
    return [str(row[0]) for row in found]


def _unquote(name: str) -> str:
    if name[:1] in ('"', "`", "["):
        return name[1:-1].replace('""', '"')
    return name
