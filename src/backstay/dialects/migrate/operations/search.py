"""Search indexes in migrations: ``op.create_search`` and ``op.drop_search``.

What they make is another thing on each database (FTS5 and triggers on SQLite, GIN indexes on PostgreSQL), so that one
script serves both.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic.autogenerate import renderers
from alembic.operations import MigrateOperation, Operations

from backstay.dialects.sql.searches import create_statements, drop_statements, number_of, outdated_searches
from backstay.schema.declaration import Search


@Operations.register_operation("create_search")
class CreateSearch(MigrateOperation):
    """A new index of the searched columns of a table."""

    def __init__(
        self,
        table: str,
        columns: Sequence[str],
        *,
        language: str = "english",
        row_number: str = "rowid",
        schema: str | None = None,
    ) -> None:
        self.table, self.columns, self.language = table, tuple(columns), language
        self.row_number, self.schema = row_number, schema

    @classmethod
    def create_search(
        cls,
        operations: Operations,
        table: str,
        columns: Sequence[str],
        *,
        language: str = "english",
        row_number: str = "rowid",
        schema: str | None = None,
    ) -> None:
        """Make the index of a table's searched columns, of the rows that are there, and keep it from now on.

        Arguments:
            table, schema: the table.
            columns: of text.
            language: the text-search configuration.
            row_number: what SQLite calls the number of a row, where a column has the name ``rowid``.
        """
        operations.invoke(cls(table, columns, language=language, row_number=row_number, schema=schema))


@Operations.register_operation("drop_search")
class DropSearch(MigrateOperation):
    """An index of searched columns that is no longer needed."""

    def __init__(self, table: str, columns: Sequence[str], *, schema: str | None = None) -> None:
        self.table, self.columns, self.schema = table, tuple(columns), schema

    @classmethod
    def drop_search(
        cls, operations: Operations, table: str, columns: Sequence[str], *, schema: str | None = None
    ) -> None:
        """Drop the index of a table's searched columns.

        Arguments:
            table, schema: the table.
            columns: all that the index has.
        """
        operations.invoke(cls(table, columns, schema=schema))


def search_changes(connection: sa.Connection, metadata: sa.MetaData) -> tuple[list[DropSearch], list[CreateSearch]]:
    """What makes the indexes those that the tables declare: what to drop before all else changes, what to make last."""
    drops: list[DropSearch] = []
    makes: list[CreateSearch] = []
    for table, there, wanted in outdated_searches(connection, metadata):
        if there is not None:
            drops.append(DropSearch(table.name, there.columns, schema=table.schema))
        if wanted is not None:
            language, number = wanted.language, number_of(table)
            create = CreateSearch(table.name, wanted.columns, language=language, row_number=number, schema=table.schema)
            makes.append(create)
    return drops, makes


def is_search_index(name: str | None) -> bool:
    """Whether an index has the name of one of ours, which Alembic has nothing to say of."""
    return name is not None and name.startswith("ix_") and name.endswith("_search")


# Carrying out -------------------------------------------------------------------------------------------------


@Operations.implementation_for(CreateSearch)
def _create(operations: Operations, operation: CreateSearch) -> None:
    search = Search(operation.columns, operation.language)
    dialect = operations.impl.dialect
    for statement in create_statements(
        dialect, operation.table, search, schema=operation.schema, number=operation.row_number
    ):
        _execute(operations, statement)


@Operations.implementation_for(DropSearch)
def _drop(operations: Operations, operation: DropSearch) -> None:
    for statement in drop_statements(
        operations.impl.dialect, operation.table, operation.columns, schema=operation.schema
    ):
        _execute(operations, statement)


def _execute(operations: Operations, statement: str) -> None:
    # The text is read for :parameters before it is sent.
    operations.execute(statement.replace(":", "\\:"))


# Writing -----------------------------------------------------------------------------------------------------


@renderers.dispatch_for(CreateSearch)
def _write_create(_context: Any, operation: CreateSearch) -> str:
    number = "" if operation.row_number == "rowid" else f", row_number={operation.row_number!r}"
    rest = f"language={operation.language!r}{number}{_schema(operation)}"
    return f"op.create_search({operation.table!r}, {list(operation.columns)!r}, {rest})"


@renderers.dispatch_for(DropSearch)
def _write_drop(_context: Any, operation: DropSearch) -> str:
    return f"op.drop_search({operation.table!r}, {list(operation.columns)!r}{_schema(operation)})"


def _schema(operation: CreateSearch | DropSearch) -> str:
    return f", schema={operation.schema!r}" if operation.schema else ""
