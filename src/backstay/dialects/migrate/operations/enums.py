"""Named enumerations in migrations: ``op.create_enum``, ``op.extend_enum``, ``op.drop_enum``.

PostgreSQL has them as types of their own, which Alembic does not look after. Where a database has none these
operations do nothing, so that one script serves every database.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import sqlalchemy as sa
from alembic.autogenerate import renderers
from alembic.operations import MigrateOperation, Operations

Enums: TypeAlias = dict[tuple[str | None, str], list[str]]
"""The labels of each enumeration, by schema and name."""

STATE = "backstay_enums"
"""The option of a migration context in which the operations note what they did, where one is given."""


@Operations.register_operation("create_enum")
class CreateEnum(MigrateOperation):
    """A new enumeration."""

    def __init__(self, name: str, labels: Sequence[str], schema: str | None = None) -> None:
        self.name, self.labels, self.schema = name, list(labels), schema

    @classmethod
    def create_enum(
        cls, operations: Operations, name: str, labels: Sequence[str], *, schema: str | None = None
    ) -> None:
        """Make an enumeration, before the first column of its type."""
        operations.invoke(cls(name, labels, schema))


@Operations.register_operation("extend_enum")
class ExtendEnum(MigrateOperation):
    """Labels added to an enumeration. Rows cannot hold a new label before the migration is committed."""

    def __init__(self, name: str, labels: Sequence[str], schema: str | None = None) -> None:
        self.name, self.labels, self.schema = name, list(labels), schema

    @classmethod
    def extend_enum(
        cls, operations: Operations, name: str, labels: Sequence[str], *, schema: str | None = None
    ) -> None:
        """Add labels at the end of an enumeration."""
        operations.invoke(cls(name, labels, schema))


@Operations.register_operation("drop_enum")
class DropEnum(MigrateOperation):
    """An enumeration that no column has any more."""

    def __init__(self, name: str, schema: str | None = None) -> None:
        self.name, self.schema = name, schema

    @classmethod
    def drop_enum(cls, operations: Operations, name: str, *, schema: str | None = None) -> None:
        """Drop an enumeration, after the last column of its type."""
        operations.invoke(cls(name, schema))


def has_enum_types(dialect: sa.Dialect) -> bool:
    """Whether enumerations are types with a name of their own."""
    return dialect.name == "postgresql"


def wanted_enums(metadata: sa.MetaData) -> Enums:
    """The named enumerations of the columns of these tables."""
    found: Enums = {}
    for table in metadata.tables.values():
        for column in table.columns:
            type_ = column.type.item_type if isinstance(column.type, sa.ARRAY) else column.type
            if isinstance(type_, sa.Enum) and type_.native_enum and type_.name:
                found.setdefault((type_.schema, type_.name), list(type_.enums))
    return found


def known_enums(connection: sa.Connection, schemas: Sequence[str | None]) -> Enums:
    """The enumerations that a database has as types."""
    inspector: Any = sa.inspect(connection)
    found: Enums = {}
    for schema in schemas:
        for enum in inspector.get_enums(schema=schema):
            found[(schema, enum["name"])] = list(enum["labels"])
    return found


def differences(known: Mapping[tuple[str | None, str], list[str]], wanted: Enums) -> list[CreateEnum | ExtendEnum]:
    """What makes the known enumerations hold every wanted label."""
    found: list[CreateEnum | ExtendEnum] = []
    for (schema, name), labels in wanted.items():
        there = known.get((schema, name))
        if there is None:
            found.append(CreateEnum(name, labels, schema))
            continue
        new = [label for label in labels if label not in there]
        if new:
            found.append(ExtendEnum(name, new, schema))
    return found


# Carrying out -------------------------------------------------------------------------------------------------


@Operations.implementation_for(CreateEnum)
def _create(operations: Operations, operation: CreateEnum) -> None:
    _note(operations)[(operation.schema, operation.name)] = list(operation.labels)
    if has_enum_types(operations.impl.dialect):
        labels = ", ".join(_literal(label) for label in operation.labels)
        operations.execute(f"CREATE TYPE {_quoted(operations, operation)} AS ENUM ({labels})")


@Operations.implementation_for(ExtendEnum)
def _extend(operations: Operations, operation: ExtendEnum) -> None:
    _note(operations).setdefault((operation.schema, operation.name), []).extend(operation.labels)
    if has_enum_types(operations.impl.dialect):
        for label in operation.labels:
            operations.execute(f"ALTER TYPE {_quoted(operations, operation)} ADD VALUE {_literal(label)}")


@Operations.implementation_for(DropEnum)
def _drop(operations: Operations, operation: DropEnum) -> None:
    _note(operations).pop((operation.schema, operation.name), None)
    if has_enum_types(operations.impl.dialect):
        operations.execute(f"DROP TYPE {_quoted(operations, operation)}")


def _note(operations: Operations) -> Enums:
    state: Enums = operations.migration_context.opts.get(STATE, {})
    return state


def _quoted(operations: Operations, operation: CreateEnum | ExtendEnum | DropEnum) -> str:
    quote = operations.impl.dialect.identifier_preparer.quote
    name = quote(operation.name)
    return f"{quote(operation.schema)}.{name}" if operation.schema else name


def _literal(label: str) -> str:
    # The text is read for :parameters before it is sent.
    return "'" + label.replace("'", "''").replace(":", "\\:") + "'"


# Writing -----------------------------------------------------------------------------------------------------


@renderers.dispatch_for(CreateEnum)
def _write_create(_context: Any, operation: CreateEnum) -> str:
    return f"op.create_enum({operation.name!r}, {operation.labels!r}{_schema(operation)})"


@renderers.dispatch_for(ExtendEnum)
def _write_extend(_context: Any, operation: ExtendEnum) -> str:
    return f"op.extend_enum({operation.name!r}, {operation.labels!r}{_schema(operation)})"


@renderers.dispatch_for(DropEnum)
def _write_drop(_context: Any, operation: DropEnum) -> str:
    return f"op.drop_enum({operation.name!r}{_schema(operation)})"


def _schema(operation: CreateEnum | ExtendEnum | DropEnum) -> str:
    return f", schema={operation.schema!r}" if operation.schema else ""
