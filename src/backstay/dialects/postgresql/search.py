"""The indexes of a table's searched columns: one GIN index on the lexemes of each."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Final

import sqlalchemy as sa

from backstay.schema.declaration import Search

_SUFFIX: Final = "_search"
_LONGEST: Final = 63
_DEFINITION: Final = re.compile(r"USING gin \(to_tsvector\('([^']+)'::regconfig, ")


def index_name(table: str, column: str) -> str:
    """The name of a column's index."""
    name = f"ix_{table}_{column}{_SUFFIX}"
    if len(name.encode()) <= _LONGEST:
        return name
    return f"ix_{sha256(name.encode()).hexdigest()[:32]}{_SUFFIX}"


def create(table: str, search: Search, schema: str | None) -> list[str]:
    """The statements that make the indexes."""
    language = search.language.replace("'", "''")
    return [
        f"CREATE INDEX {_quoted(index_name(table, column))} ON {_qualified(table, schema)} "
        f"USING gin (to_tsvector('{language}', {_quoted(column)}))"
        for column in search.columns
    ]


def drop(table: str, columns: tuple[str, ...], schema: str | None) -> list[str]:
    """The statements that drop the indexes."""
    return [f"DROP INDEX IF EXISTS {_qualified(index_name(table, column), schema)}" for column in columns]


def known(connection: sa.Connection, schema: str | None) -> dict[str, Search]:
    """The indexes that there are, by the name of their table."""
    rows = connection.execute(
        sa.text(
            "SELECT c.relname, a.attname, i.relname, pg_get_indexdef(i.oid) FROM pg_index x "
            "JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class c ON c.oid = x.indrelid "
            "JOIN pg_namespace n ON n.oid = c.relnamespace "
            "JOIN pg_depend d ON d.objid = i.oid AND d.refobjid = c.oid AND d.refobjsubid > 0 "
            "AND d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass "
            "JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.refobjsubid "
            "WHERE n.nspname = coalesce(:schema, current_schema()) AND right(i.relname, 7) = '_search' "
            "ORDER BY c.relname, a.attnum"
        ),
        {"schema": schema},
    )
    found: dict[str, dict[str, str]] = {}
    for table, column, name, definition in rows:
        made = _DEFINITION.search(definition)
        if made is not None and name == index_name(table, column):
            found.setdefault(table, {})[column] = made[1].removeprefix("pg_catalog.")
    return {table: Search(tuple(columns), _language(columns)) for table, columns in found.items()}


def _language(columns: dict[str, str]) -> str:
    """The one language of all indexes; of several none, so that they are made anew."""
    languages = set(columns.values())
    return languages.pop() if len(languages) == 1 else ""


def _qualified(name: str, schema: str | None) -> str:
    return f"{_quoted(schema)}.{_quoted(name)}" if schema else _quoted(name)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
