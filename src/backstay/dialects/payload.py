"""Rows that come with a request, and keys that come from a change, as something a statement can read."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy import ColumnElement

from backstay.dialects.dialect import Parameter
from backstay.dialects.sql import Emission
from backstay.plan.resolved import Rows, Source
from backstay.query.shape import KEYS
from backstay.schema.column import Column
from backstay.schema.kind import Kind
from backstay.schema.served import Served


class Writer(Emission):
    """A statement in the making that may write."""

    row_key: ClassVar[tuple[Column, ...]]
    """By what the database itself tells the rows of a table apart that has no primary key."""

    def record(self, columns: Sequence[Column]) -> dict[str, ColumnElement[Any]]:
        """One row as parameters: the values of the statement are the row's canonical values, in this order."""
        return {
            column.name: self.scalar(lambda values, caller, index=index: values[index], column.kind)  # type: ignore[misc]
            for index, column in enumerate(columns)
        }

    @abstractmethod
    def recordset(self, columns: Sequence[Column], read: Parameter) -> tuple[dict[str, ColumnElement[Any]], Any]:
        """Many rows as one parameter, whose values are lists of canonical values in the order of ``columns``.

        Returns the columns' expressions by name, and what to select them from.
        """

    def rows(self, columns: Sequence[Column]) -> tuple[dict[str, ColumnElement[Any]], Any]:
        """The rows of a payload: the first of the statement's values."""
        return self.recordset(columns, lambda values, caller: values[0])

    def keys(self, columns: Sequence[Column]) -> tuple[dict[str, ColumnElement[Any]], Any]:
        """The keys of the rows a change touched: expressions by name, and what to select them from."""
        return self.recordset(columns, lambda values, caller: values[KEYS])

    def by_keys(self, source: Source) -> tuple[list[ColumnElement[Any]], ColumnElement[Any]]:
        """Keep to the rows of a source that have the keys: as conditions, and the place of a row among the keys."""
        columns = key_columns(self, source.served)
        keys, given = self.keys(columns)
        alias = self.alias(source)
        self.led[source.number] = self.leading(given, alias)
        return [part(alias, column) == keys[column.name] for column in columns], self.position(given)

    def leading(self, first: Any, then: Any) -> Any:
        """A join that begins with ``first``, for a database that would not see by itself that this is best."""
        return then

    @abstractmethod
    def position(self, source: Any) -> ColumnElement[Any]:
        """The place of a row of a recordset."""

    def given(self, value: ColumnElement[Any], kind: Kind) -> ColumnElement[Any]:
        """A value of a recordset, as a column of its kind is."""
        return sa.type_coerce(value, kind.sql)

    @abstractmethod
    def insertion(self, table: Any, values: Mapping[str, ColumnElement[Any]], source: Any) -> Any:
        """An insert of these values: of one row, or of each row of ``source``."""

    @abstractmethod
    def document(self, rows: Rows) -> ColumnElement[Any]:
        """One of the rows as JSON text, where it is written."""

    @abstractmethod
    def alone(self, served: Served, others: Sequence[Any]) -> ColumnElement[Any]:
        """Whether nothing but an insert itself decides what its rows are, and what is seen of other tables.

        Arguments:
            served: what is written: it must be a table, without triggers of users or rules that rewrite.
            others: what is looked at: they must be tables, too, since a view may look at the one that is written.
        """

    @abstractmethod
    def key_text(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        """A key's column in the form in which ``keys`` takes it back."""

    def key_value(self, value: ColumnElement[Any] | None, column: Column, served: Served) -> ColumnElement[Any] | None:
        """What to write to a column of the primary key, for a database that would not refuse NULL there by itself.

        Arguments:
            value: what is given; None where nothing is, and no default fills it.
            column, served: where.
        """
        return value

    def is_inserted(self) -> ColumnElement[Any]:
        """Whether a row that an upsert returns is a new one; asked only where ``features.tells_inserted``."""
        raise NotImplementedError

    def locked(self, select: Any, table: Any) -> Any:
        """A select whose rows stay as they are until the transaction ends."""
        return select


def key_columns(emission: Writer, served: Served) -> tuple[Column, ...]:
    """The columns of the primary key; where there is none, those by which the database itself tells rows apart."""
    return tuple(served.columns[name] for name in served.key) or emission.row_key


def part(table: Any, column: Column) -> ColumnElement[Any]:
    """A column of a key, in a table or an alias of it."""
    if column.name in table.c:
        return table.c[column.name]  # type: ignore[no-any-return]
    own: Any = sa.column(column.name, column.kind.sql)
    own.table = table
    return own  # type: ignore[no-any-return]
