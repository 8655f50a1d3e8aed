"""Tables for SQLite: column types by names that keep texts as they are, and defaults in the wire's form."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import base
from sqlalchemy.sql import functions, sqltypes

from backstay.dialects.sqlite.sql import spellings

_MOMENTS = ("now()", "current_timestamp", "current_timestamp()", "transaction_timestamp()", "statement_timestamp()")
_TEXTS = {
    "gen_random_uuid()": spellings.RANDOM_UUID,
    "uuid_generate_v4()": spellings.RANDOM_UUID,
    "current_date": spellings.TODAY,
    "current_time": spellings.TIME_NOW,
}


PlainDefinitions: Any = base.SQLiteDDLCompiler  # its methods are untyped


class DefinitionCompiler(PlainDefinitions):  # type: ignore[misc]
    """Compiles CREATE TABLE and its like."""

    def get_column_specification(self, column: sa.Column[Any], **kwargs: Any) -> str:
        """A column as CREATE TABLE and ADD COLUMN write it.

        An integer primary key is ``AUTOINCREMENT``, so that the key of a deleted row is never given to another.
        """
        name = self.preparer.format_column(column)
        parts = [name, self.dialect.type_compiler_instance.process(column.type, type_expression=column)]
        if column.type._type_affinity is sqltypes.Numeric:
            parts.append("COLLATE decimal")
        default = self.get_column_default_string(column)
        if default is not None:
            parts.append(f"DEFAULT {default}")
        if not column.nullable:
            parts.append("NOT NULL")
        if _counts_up(column):
            parts.append(f"{self.define_constraint_preamble(column.table.primary_key)}PRIMARY KEY AUTOINCREMENT")
        if column.computed is not None:
            parts.append(self.process(column.computed))
        return " ".join(parts)

    def visit_primary_key_constraint(self, constraint: sa.PrimaryKeyConstraint, **kw: Any) -> Any:
        """The primary key of a table; none where the column itself says it."""
        columns = list(constraint)
        if len(columns) == 1 and _counts_up(columns[0]):
            return None
        return super().visit_primary_key_constraint(constraint, **kw)

    def visit_column_check_constraint(self, constraint: Any, **kw: Any) -> str:
        """A check of one column, by the name PostgreSQL would give it."""
        text: str = super().visit_column_check_constraint(constraint, **kw)
        if constraint.name is not None:
            return text
        column = constraint.parent
        return f"CONSTRAINT {self.preparer.quote(f'{column.table.name}_{column.name}_check')} {text}"

    def visit_identity_column(self, identity: sa.Identity, **kw: Any) -> str:
        """Nothing: an integer primary key counts by itself."""
        return ""

    def get_column_default_string(self, column: sa.Column[Any]) -> str | None:
        """A column's default, a present moment in the form of the column's type."""
        if not isinstance(column.server_default, sa.DefaultClause):
            return None
        argument = column.server_default.arg
        if isinstance(argument, str):
            return str(self.render_default_string(argument))
        known = _spelling(argument, column.type)
        text = known if known is not None else str(self.render_default_string(argument))
        return text if known is None and _is_simple(text) else f"({text})"


def _counts_up(column: sa.Column[Any]) -> bool:
    table = column.table
    return (
        table is not None
        and table.autoincrement_column is column
        and len(table.primary_key.columns) == 1
        and not column.foreign_keys
        and table.dialect_options["sqlite"]["with_rowid"]
    )


def _is_simple(text: str) -> bool:
    """Whether a default may stand without parentheses."""
    quoted = len(text) > 1 and text[0] == text[-1] == "'" and "'" not in text[1:-1].replace("''", "")
    return quoted or text.lstrip("+-").replace(".", "", 1).isalnum()


def _spelling(argument: Any, type_: Any) -> str | None:
    if isinstance(argument, sa.TextClause):
        text = argument.text.strip().lower()
        while text.startswith("("):
            text = text[1:-1].strip()
        return _moment(type_) if text in _MOMENTS else _TEXTS.get(text)
    if isinstance(argument, functions.FunctionElement):
        name = str(getattr(argument, "name", "")).lower()
        return _moment(type_) if f"{name}()" in _MOMENTS else None
    return None


def _moment(type_: Any) -> str:
    affinity = type_._type_affinity
    if affinity is sqltypes.Date:
        return spellings.TODAY
    if affinity is sqltypes.Time:
        return spellings.TIME_NOW
    implementation = type_.impl_instance if isinstance(type_, sa.types.TypeDecorator) else type_
    return spellings.NOW_ZONED if getattr(implementation, "timezone", True) else spellings.NOW


class TypeNames(base.SQLiteTypeCompiler):
    """The declared name of each type: see :mod:`backstay.dialects.sqlite.types`."""

    def visit_uuid(self, type_: Any, **kw: Any) -> str:
        """A UUID."""
        return "UUID_TEXT"

    visit_UUID = visit_uuid

    def visit_DATETIME(self, type_: Any, **kw: Any) -> str:
        """A timestamp, with or without zone."""
        return "TIMESTAMPTZ_TEXT" if type_.timezone else "TIMESTAMP_TEXT"

    visit_TIMESTAMP = visit_DATETIME

    def visit_DATE(self, type_: Any, **kw: Any) -> str:
        """A date."""
        return "DATE_TEXT"

    def visit_TIME(self, type_: Any, **kw: Any) -> str:
        """A time of day."""
        return "TIME_TEXT"

    def visit_INTERVAL(self, type_: Any, **kw: Any) -> str:
        """An interval."""
        return "INTERVAL"

    def visit_NUMERIC(self, type_: Any, **kw: Any) -> str:
        """A decimal; its collation is the column's, not the type's."""
        if type_.precision is None:
            return "NUMERIC_TEXT"
        return f"NUMERIC_TEXT({type_.precision}, {type_.scale or 0})"

    visit_DECIMAL = visit_NUMERIC

    def visit_INTEGER(self, type_: Any, **kw: Any) -> str:
        """A whole number of any size: SQLite counts up INTEGER keys only."""
        return "INTEGER"

    visit_BIGINT = visit_INTEGER
    visit_SMALLINT = visit_INTEGER

    def visit_JSON(self, type_: Any, **kw: Any) -> str:
        """JSON, or an array."""
        return "JSON_TEXT"

    visit_JSONB = visit_JSON
    visit_ARRAY = visit_JSON

    def visit_ENUM(self, type_: Any, **kw: Any) -> str:
        """PostgreSQL's named enumeration, as the text it is here."""
        return f"VARCHAR({type_.length})"

    def visit_BYTEA(self, type_: Any, **kw: Any) -> str:
        """Bytes."""
        return "BLOB"


REFLECTED = {
    "UUID_TEXT": sqltypes.Uuid,
    "TIMESTAMPTZ_TEXT": lambda: sqltypes.DateTime(timezone=True),
    "TIMESTAMP_TEXT": sqltypes.DateTime,
    "DATE_TEXT": sqltypes.Date,
    "TIME_TEXT": sqltypes.Time,
    "INTERVAL": sqltypes.Interval,
    "NUMERIC_TEXT": sqltypes.Numeric,
    "JSON_TEXT": sqltypes.JSON,
}
"""The types by the names that reflection finds."""
