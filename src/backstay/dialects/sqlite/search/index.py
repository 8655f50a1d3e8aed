"""The index of a table's searched columns: an FTS5 table beside it, which triggers keep.

It holds no texts, only lexemes, by the number of the row. So a row is taken out without knowing what it held, and an
index never disagrees with what its tokenizer finds today.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import sqlalchemy as sa

from backstay.schema.declaration import Search, search_name

SUFFIX: Final = search_name("")
_TOKENIZER: Final = re.compile(r"(?i)\btokenize\s*=\s*'backstay ([a-z_]+)'")
_ROW_NUMBERS: Final = ("rowid", "_rowid_", "oid")
_TRIGGERS: Final = ("insert", "update", "delete")

_KEPT: Final = """
SELECT count(*), tbl_name FROM sqlite_schema WHERE type = 'trigger' AND name IN
(tbl_name || '_search_insert', tbl_name || '_search_update', tbl_name || '_search_delete') GROUP BY tbl_name
"""


def row_number(columns: Iterator[str] | list[str]) -> str | None:
    """The name of the number of a row, which no column may take from it; None where all are taken."""
    taken = {column.lower() for column in columns}
    return next((name for name in _ROW_NUMBERS if name not in taken), None)


def indexed(table: sa.Table, search: Search) -> Search | None:
    """What of a search an index can hold: the rows have numbers that last, and FTS5 has names of its own."""
    if not list(table.primary_key) or table.dialect_options["sqlite"]["with_rowid"] is False:
        return None
    taken = ("rank", "rowid", search_name(table.name).lower())
    columns = tuple(column for column in search.columns if column.lower() not in taken)
    has_numbers = row_number([column.name for column in table.columns]) is not None
    return Search(columns, search.language) if columns and has_numbers else None


def create(table: str, search: Search, number: str) -> list[str]:
    """The statements that make an index, its triggers, and fill it from the rows that are there."""
    columns = ", ".join(map(_quoted, search.columns))
    made = (
        f"CREATE VIRTUAL TABLE {_quoted(search_name(table))} USING fts5({columns}, "
        f"content='', contentless_delete=1, tokenize='backstay {search.language}')"
    )
    return [made, *_triggers(table, search, number), _fill(table, search, number)]


def drop(table: str) -> list[str]:
    """The statements that drop an index and its triggers."""
    triggers = [f"DROP TRIGGER IF EXISTS {_trigger(table, event)}" for event in _TRIGGERS]
    return [*triggers, f"DROP TABLE IF EXISTS {_quoted(search_name(table))}"]


def trigger_names(table: str) -> list[str]:
    """The names of the triggers that keep a table's index."""
    return [_trigger_name(table, event) for event in _TRIGGERS]


def known(connection: sa.Connection) -> dict[str, Search]:
    """The indexes that there are and are kept, by the name of their table.

    One whose triggers went with a table that was made anew is there without columns: it has to be made anew, too.
    """
    found: dict[str, Search] = {}
    kept = connection.exec_driver_sql(_KEPT)
    whole = {str(table) for count, table in kept if count == len(_TRIGGERS)}
    for name, language in _indexes(connection):
        table = name.removesuffix(SUFFIX)
        columns = connection.exec_driver_sql("SELECT name FROM pragma_table_info(?)", (name,))
        found[table] = Search(tuple(str(column) for (column,) in columns) if table in whole else (), language)
    return found


def names(connection: sa.Connection) -> frozenset[str]:
    """The tables that are part of an index, and none of the user's."""
    hidden = connection.exec_driver_sql("SELECT name FROM pragma_table_list WHERE type = 'shadow'")
    return frozenset([*(str(name) for (name,) in hidden), *(name for name, _ in _indexes(connection))])


def mend(connection: sa.Connection, table: str) -> None:
    """Make a table's index anew, if it has one: the table itself was made anew, and its triggers went with it."""
    search = known(connection).get(table)
    if search is None:
        return
    columns = _column_names(connection, search_name(table))
    there = _column_names(connection, table)
    number = row_number(there)
    for statement in drop(table):
        connection.exec_driver_sql(statement)
    if number is not None and set(columns) <= set(there):
        for statement in create(table, Search(tuple(columns), search.language), number):
            connection.exec_driver_sql(statement)


def _column_names(connection: sa.Connection, table: str) -> list[str]:
    return [str(name) for (name,) in connection.exec_driver_sql("SELECT name FROM pragma_table_info(?)", (table,))]


def _indexes(connection: sa.Connection) -> list[tuple[str, str]]:
    """The name and the language of every index."""
    made: Any = connection.exec_driver_sql(
        "SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND sql LIKE 'CREATE VIRTUAL TABLE%'"
    )
    found = [(str(name), _TOKENIZER.search(sql)) for name, sql in made]
    return [(name, tokenizer[1]) for name, tokenizer in found if tokenizer and name.endswith(SUFFIX)]


def _triggers(table: str, search: Search, number: str) -> list[str]:
    columns = ", ".join(map(_quoted, search.columns))
    new = ", ".join(f"new.{_quoted(column)}" for column in search.columns)
    name, index = _quoted(table), _quoted(search_name(table))
    add = f"INSERT INTO {index} (rowid, {columns}) VALUES (new.{number}, {new})"
    remove = f"DELETE FROM {index} WHERE rowid = old.{number}"
    # A row's number changes with the key that it is, so an update is watched whatever column it names.
    changed = " OR ".join(f"old.{each} IS NOT new.{each}" for each in (*map(_quoted, search.columns), number))
    begin = f"CREATE TRIGGER {_trigger(table, 'insert')} AFTER INSERT ON {name} BEGIN {add}; END"
    end = f"CREATE TRIGGER {_trigger(table, 'delete')} AFTER DELETE ON {name} BEGIN {remove}; END"
    update = f"AFTER UPDATE ON {name} WHEN {changed} BEGIN {remove}; {add}; END"
    return [begin, f"CREATE TRIGGER {_trigger(table, 'update')} {update}", end]


def _fill(table: str, search: Search, number: str) -> str:
    columns = ", ".join(map(_quoted, search.columns))
    return (
        f"INSERT INTO {_quoted(search_name(table))} (rowid, {columns}) SELECT {number}, {columns} FROM {_quoted(table)}"
    )


def _trigger(table: str, event: str) -> str:
    return _quoted(_trigger_name(table, event))


def _trigger_name(table: str, event: str) -> str:
    return f"{search_name(table)}_{event}"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
