"""The search indexes of each database: which there are, which there are to be, and what makes them.

``metadata.create_all`` makes them with their table, and drops them with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from backstay.dialects.postgresql import search as postgresql
from backstay.dialects.sqlite.search import index as sqlite
from backstay.schema.declaration import Search, search_of


def wanted_search(table: sa.Table, dialect: sa.Dialect) -> Search | None:
    """What of a table's searched columns this database is to keep an index of."""
    search = search_of(table)
    if search is None or dialect.name != "sqlite":
        return search
    return sqlite.indexed(table, search)


def known_searches(connection: sa.Connection, schema: str | None) -> dict[str, Search]:
    """The indexes that there are, by the name of their table. One that must be made anew has no columns."""
    return sqlite.known(connection) if connection.dialect.name == "sqlite" else postgresql.known(connection, schema)


def outdated_searches(
    connection: sa.Connection, metadata: sa.MetaData
) -> Iterator[tuple[sa.Table, Search | None, Search | None]]:
    """The tables whose index is not the one that they declare, with what there is and what is wanted."""
    for schema in {table.schema for table in metadata.tables.values()}:
        known = known_searches(connection, schema)
        for table in metadata.tables.values():
            if table.schema == schema and not table.info.get("view"):
                there, wanted = known.get(table.name), wanted_search(table, connection.dialect)
                if _shown(there) != _shown(wanted):
                    yield table, there, wanted


def _shown(search: Search | None) -> tuple[frozenset[str], str] | None:
    return None if search is None else (frozenset(search.columns), search.language)


def create_statements(
    dialect: sa.Dialect, table: str, search: Search, *, schema: str | None = None, number: str = "rowid"
) -> list[str]:
    """The statements that make an index of rows that are there already."""
    if dialect.name == "sqlite":
        return sqlite.create(table, search, number)
    return postgresql.create(table, search, schema)


def drop_statements(
    dialect: sa.Dialect, table: str, columns: tuple[str, ...], *, schema: str | None = None
) -> list[str]:
    """The statements that drop an index."""
    return sqlite.drop(table) if dialect.name == "sqlite" else postgresql.drop(table, columns, schema)


def number_of(table: sa.Table) -> str:
    """The name of the number of a table's rows on SQLite."""
    return sqlite.row_number([column.name for column in table.columns]) or "rowid"


@sa.event.listens_for(sa.Table, "after_create")
def _create(table: sa.Table, connection: sa.Connection, **_: Any) -> None:
    search = wanted_search(table, connection.dialect)
    if search is not None:
        for statement in create_statements(
            connection.dialect, table.name, search, schema=table.schema, number=number_of(table)
        ):
            connection.exec_driver_sql(statement)


@sa.event.listens_for(sa.Table, "before_drop")
def _drop(table: sa.Table, connection: sa.Connection, **_: Any) -> None:
    search = wanted_search(table, connection.dialect)
    if search is not None and connection.dialect.name == "sqlite":
        for statement in sqlite.drop(table.name):
            connection.exec_driver_sql(statement)
