"""The tables and views of an SQLite file."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa

from backstay.dialects.migrate.run import run
from backstay.schema.declaration import Reflection
from backstay.schema.kind.texts import Named
from backstay.schema.naming import name_constraints
from backstay.schema.relation import Name
from backstay.schema.served import Reflected

_AFFINITIES: Final = ("INT", "CHAR", "CLOB", "TEXT", "BLOB", "REAL", "FLOA", "DOUB")
"""What SQLite looks for in a type's name (https://sqlite.org/datatype3.html, section 3.1)."""

_INTERNAL: Final = re.compile(r"_backstay_|alembic_version$|sqlite_")


async def reflect(
    url: str, reflections: Sequence[Reflection], *, declared: Mapping[Name, sa.Table], default: str
) -> tuple[Reflected, ...]:
    """See :func:`backstay.dialects.reflect.reflect`. There are no schemas: the first reflection takes everything."""
    metadata = sa.MetaData()
    known = {name for _, name in declared}
    views = await run(url, lambda connection: _read(connection, metadata), writing=False)
    name_constraints(metadata)
    tables = [table for table in metadata.tables.values() if table.name not in known]
    for table in tables:
        if table.name in views:
            table.info["view"] = True
        for constraint in list(table.foreign_key_constraints):
            _redirect(table, constraint, declared)
    first, *others = reflections
    return (Reflected(first, tables), *(Reflected(each, ()) for each in others))


def _read(connection: sa.Connection, metadata: sa.MetaData) -> set[str]:
    """Fill the metadata with everything that is there; the names of the views."""
    metadata.reflect(connection, views=True, only=lambda name, _: not _INTERNAL.match(name), resolve_fks=False)
    known: Any = connection.dialect
    for table in metadata.tables.values():
        declared = connection.exec_driver_sql("SELECT name, type FROM pragma_table_xinfo(?)", (table.name,))
        for name, type_ in declared:
            if name in table.columns and _holds_anything(str(type_).upper(), known.ischema_names):
                table.columns[name].type = Named("any")
    return set(sa.inspect(connection).get_view_names())


def _holds_anything(declared: str, known: Collection[str]) -> bool:
    """Whether a column's declared type says nothing of its values: none, or one that SQLite has never heard of."""
    name = declared.partition("(")[0].strip()
    return not name or (name not in known and not any(part in name for part in _AFFINITIES))


def _redirect(table: sa.Table, constraint: sa.ForeignKeyConstraint, declared: Mapping[Name, sa.Table]) -> None:
    """Have a foreign key lead to a model's table, where one declares it; drop it, where it leads nowhere."""
    target = constraint.elements[0].target_fullname.rpartition(".")[0]
    columns = [element.target_fullname.rpartition(".")[2] for element in constraint.elements]
    found = declared.get(("public", target))
    if found is None and _has(table.metadata.tables.get(target), columns):
        return
    table.constraints.discard(constraint)
    for element in constraint.elements:
        element.parent.foreign_keys.discard(element)
        table.foreign_keys.discard(element)
    if found is not None and _has(found, columns):
        ours: list[Any] = [element.parent for element in constraint.elements]
        theirs = [found.columns[name] for name in columns]
        table.append_constraint(sa.ForeignKeyConstraint(ours, theirs, name=constraint.name))


def _has(table: sa.Table | None, columns: Sequence[str]) -> bool:
    return table is not None and all(name in table.columns for name in columns)
