"""``compare(connection, metadata)``: the operations that bring a database in step with the models, by Alembic."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias

import sqlalchemy as sa
from alembic.autogenerate import produce_migrations
from alembic.operations import MigrateOperation, ops
from alembic.runtime.migration import MigrationContext

from backstay.dialects.migrate.applied import TABLE
from backstay.dialects.migrate.operations.enums import (
    STATE,
    DropEnum,
    Enums,
    differences,
    has_enum_types,
    known_enums,
    wanted_enums,
)
from backstay.dialects.migrate.operations.search import is_search_index, search_changes
from backstay.dialects.migrate.operations.session_triggers import trigger_changes
from backstay.dialects.migrate.ways import PostgreSQLWay, SQLiteWay
from backstay.schema.kind import kind_of
from backstay.schema.naming import name_constraints

WAYS = (PostgreSQLWay, SQLiteWay)
"""Alembic goes these ways, in every context opened here."""

Change: TypeAlias = MigrateOperation
"""One operation, or the operations on one table (``ops.ModifyTableOps``)."""


def open_context(
    connection: sa.Connection | None,
    *,
    dialect: sa.Dialect | None = None,
    enums: Enums | None = None,
    options: Mapping[str, Any] | None = None,
) -> MigrationContext:
    """Alembic's context on a connection.

    Arguments:
        connection: in a transaction of its caller's.
        dialect: where there is no connection, for SQL as text.
        enums: where the operations on enumerations note what they did.
        options: further options of Alembic's.
    """
    given = {"render_as_batch": True, "compare_type": _differs, **(options or {})}
    if enums is not None:
        given[STATE] = enums
    return MigrationContext.configure(connection=connection, dialect=dialect, opts=given)


def compare(
    connection: sa.Connection, metadata: sa.MetaData, *, enums: Enums | None = None, removed: bool = False
) -> list[Change]:
    """What must change in a database so that it holds these tables, in the order of doing it.

    Arguments:
        connection: to the database.
        metadata: the tables, as declared.
        enums: the enumerations there are, for a database that has no such types and cannot tell.
        removed: whether tables that are not declared are to go; else nothing is said of them.
    """
    declared = portable(metadata, connection.dialect)
    schemas = list({table.schema for table in declared.tables.values()})
    names = {(table.schema, table.name) for table in declared.tables.values()}

    def is_ours(name: str | None, kind: str, parents: Any) -> bool:
        if kind == "schema":
            return name in schemas
        if kind == "table":
            return name != TABLE.name and (removed or (parents.get("schema_name"), name) in names)
        return kind != "index" or not is_search_index(name)

    looking = {"target_metadata": declared, "include_name": is_ours, "include_schemas": any(schemas)}
    context = open_context(connection, options=looking)
    if has_enum_types(connection.dialect):
        known = known_enums(connection, schemas)
    else:
        known = enums if enums is not None else wanted_enums(declared)
    script = produce_migrations(context, declared)
    assert script.upgrade_ops is not None
    wanted = wanted_enums(declared)
    drops, makes = search_changes(connection, metadata)
    untied, tied = trigger_changes(connection, metadata, removed=removed)
    changes: list[Change] = [*untied, *drops, *_new_schemas(connection, schemas), *differences(known, wanted)]
    changes += _dropped_last(connection, _without_cycles(_filled(script.upgrade_ops.ops, declared), declared))
    changes += [*makes, *tied]
    if removed:
        changes += [DropEnum(name, schema) for schema, name in known if (schema, name) not in wanted]
    return changes


def describe_lost_labels(connection: sa.Connection, metadata: sa.MetaData) -> Iterator[str]:
    """The labels that an enumeration has in the database and lost in the models: they cannot be dropped."""
    if has_enum_types(connection.dialect):
        wanted = wanted_enums(metadata)
        for key, labels in known_enums(connection, list({schema for schema, _ in wanted})).items():
            lost = [label for label in labels if label not in wanted.get(key, labels)]
            if lost:
                yield f"the type {key[1]} keeps the labels {', '.join(lost)}, which the models no longer have"


# The declared tables, as any script can say them ------------------------------------------------------------------


def portable(metadata: sa.MetaData, dialect: sa.Dialect) -> sa.MetaData:
    """A copy of the tables (not of views) whose types are SQLAlchemy's own, and which can be made one by one."""
    copied = sa.MetaData()
    for table in metadata.tables.values():
        if not table.info.get("view"):
            twin = table.to_metadata(copied)
            twin.info.clear()
            for column in twin.columns:
                column.type = _plain_type(column.type, dialect)
                column.info.clear()
    name_constraints(copied)
    ordered: Any = sa.schema.sort_tables_and_constraints(copied.tables.values())  # type: ignore[no-untyped-call]
    for table, constraints in ordered:
        for constraint in constraints if table is None else ():
            constraint.use_alter = True
    return copied


def _plain_type(type_: Any, dialect: sa.Dialect) -> Any:
    if isinstance(type_, sa.types.TypeDecorator) and not type(type_).__module__.startswith("sqlalchemy."):
        own = type(type_).load_dialect_impl is not sa.types.TypeDecorator.load_dialect_impl
        return _plain_type(type_.load_dialect_impl(dialect) if own else type_.impl_instance, dialect)
    if isinstance(type_, sa.ARRAY):
        array = copy.copy(type_)
        array.item_type = _plain_type(copy.copy(type_.item_type), dialect)
        return array
    return type_


def _differs(context: MigrationContext, _inspected: Any, _declared: Any, there: Any, wanted: Any) -> bool | None:
    """Whether a column's type changed: not if both are spelt alike; else as Alembic thinks (None)."""
    dialect = context.dialect
    if isinstance(wanted, sa.Enum) and isinstance(there, sa.String) and not has_enum_types(dialect):
        return False
    compiler = dialect.type_compiler_instance
    try:
        same = compiler.process(there) == compiler.process(wanted.dialect_impl(dialect))
    except sa.exc.CompileError:
        return None
    return False if same else None


# What autogenerate leaves to its user --------------------------------------------------------------------------


def _new_schemas(connection: sa.Connection, schemas: Iterable[str | None]) -> list[Change]:
    named = [schema for schema in schemas if schema is not None]
    if not named:
        return []
    there = sa.inspect(connection).get_schema_names()
    quote = connection.dialect.identifier_preparer.quote
    return [ops.ExecuteSQLOp(f"CREATE SCHEMA {quote(schema)}") for schema in named if schema not in there]


def _filled(found: Iterable[Change], declared: sa.MetaData) -> Iterator[Change]:
    """A new column that may not be NULL, in three steps, so that the rows there are get its default."""
    for change in found:
        if not isinstance(change, ops.ModifyTableOps):
            yield change
            continue
        part: list[Change] = []
        for operation in change.ops:
            value = _fill_value(operation)
            if value is None:
                part.append(operation)
                continue
            assert isinstance(operation, ops.AddColumnOp)
            column = operation.column._copy()
            column.nullable = True
            part.append(ops.AddColumnOp(change.table_name, column, schema=change.schema))
            yield ops.ModifyTableOps(change.table_name, part, schema=change.schema)
            yield ops.ExecuteSQLOp(fill_statement(change.schema, change.table_name, column.name, value))
            part = [_not_null(change, operation.column)]
        if part:
            yield ops.ModifyTableOps(change.table_name, part, schema=change.schema)


def _fill_value(operation: Change) -> str | None:
    """The literal that existing rows get, where a new column demands one and has one."""
    if not isinstance(operation, ops.AddColumnOp):
        return None
    column = operation.column
    if column.nullable or column.server_default is not None or column.computed is not None:
        return None
    default: Any = column.default
    if default is None or not default.is_scalar:
        return None
    value = kind_of(column.type).dump(default.arg)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else None


def fill_statement(schema: str | None, table: str, column: str, literal: str) -> str:
    """The UPDATE that fills a new column."""
    name = ".".join(f'"{part}"' for part in (schema, table) if part)
    return f'UPDATE {name} SET "{column}" = {literal}'.replace(":", "\\:")


def _not_null(change: ops.ModifyTableOps, column: sa.Column[Any]) -> ops.AlterColumnOp:
    return ops.AlterColumnOp(
        change.table_name,
        column.name,
        schema=change.schema,
        modify_nullable=False,
        existing_type=column.type,
        existing_nullable=True,
    )


def _without_cycles(found: Iterable[Change], declared: sa.MetaData) -> Iterator[Change]:
    """New tables that refer to each other, made first and linked afterwards."""
    late = [each for table in declared.tables.values() for each in table.foreign_key_constraints if each.use_alter]
    made: set[tuple[str | None, str]] = set()
    for change in found:
        if isinstance(change, ops.CreateTableOp):
            change.columns = [item for item in change.columns if not any(item is each for each in late)]
            made.add((change.schema, change.table_name))
        yield change
    for constraint in late:
        table = constraint.table
        if (table.schema, table.name) in made:
            link = ops.CreateForeignKeyOp.from_constraint(constraint)
            link.kw.pop("use_alter", None)
            yield ops.ModifyTableOps(table.name, [link], schema=table.schema)


def _dropped_last(connection: sa.Connection, found: Iterable[Change]) -> list[Change]:
    """Tables that go after all else, each before those that it refers to."""
    changes = list(found)
    drops = {(each.schema, each.table_name): each for each in changes if isinstance(each, ops.DropTableOp)}
    if not drops:
        return changes
    schemas = [None, *{schema for schema, _ in drops if schema is not None}]
    ordered = sa.inspect(connection).sort_tables_on_foreign_key_dependency(schemas)
    last = [drops[name] for name, _ in reversed(ordered) if name in drops]
    return [*(each for each in changes if not isinstance(each, ops.DropTableOp)), *last]
