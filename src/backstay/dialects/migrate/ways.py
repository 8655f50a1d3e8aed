"""Alembic's ways with each database, where they need mending. Alembic finds these by the dialect's name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic.ddl.postgresql import PostgresqlImpl
from alembic.ddl.sqlite import SQLiteImpl

from backstay.dialects.sql.session_triggers import take
from backstay.dialects.sqlite.search.index import mend


class PostgreSQLWay(PostgresqlImpl):
    """PostgreSQL, where a table does not make the types of its columns by itself.

    Alembic's own makes them for each table anew, which fails for the second one; ``op.create_enum`` makes them here.
    """

    __dialect__ = "postgresql"

    def create_table(self, table: sa.Table, **kw: Any) -> None:
        """Make a table."""
        for column in table.columns:
            type_: Any = column.type.item_type if isinstance(column.type, sa.ARRAY) else column.type
            if isinstance(type_, sa.Enum):
                type_.create_type = False
        super().create_table(table, **kw)


class SQLiteWay(SQLiteImpl):
    """SQLite, where a rebuilt table computes its generated columns anew (they cannot be copied) and has lost its search
    index, which triggers kept. The triggers of sign-in are put aside: none may speak of a table that is not there."""

    __dialect__ = "sqlite"
    _aside: Sequence[str] = ()

    def prep_table_for_batch(self, batch_impl: Any, table: sa.Table) -> None:
        """Before the rows of ``table`` are copied into its new form."""
        super().prep_table_for_batch(batch_impl, table)
        if not self.as_sql and self.connection is not None:
            self._aside = take(self.connection)
        for column in batch_impl.new_table.columns:
            if column.computed is not None:
                batch_impl.column_transfers[column.name].pop("expr", None)

    def rename_table(self, old_table_name: str, new_table_name: Any, schema: Any = None) -> None:
        """Rename a table: the last step of rebuilding one."""
        super().rename_table(old_table_name, new_table_name, schema)
        if old_table_name.startswith("_alembic_tmp_") and not self.as_sql and self.connection is not None:
            mend(self.connection, str(new_table_name))
            for statement in self._aside:
                self.connection.exec_driver_sql(statement)
            self._aside = ()
