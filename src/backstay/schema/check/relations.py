"""What is wrong with the links between resources, and with the names of constraints and indexes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import RelationshipProperty

from backstay.schema.check.finding import Finding
from backstay.schema.check.origin import place_of
from backstay.schema.declaration import search_name, search_of
from backstay.schema.naming import LONGEST, names_of
from backstay.schema.relate import foreign_keys
from backstay.schema.rule import Place
from backstay.schema.served import Schema, Served


def check_relations(schema: Schema) -> Iterator[Finding]:
    """Findings about the relations of every resource, and about names that are used twice."""
    for served in schema.resources.values():
        yield from _unserved(schema, served)
        yield from _ambiguous(served)
        if served.model is not None:
            yield from _unindexed(served)
    yield from _names(schema)


def _relationships(served: Served) -> list[RelationshipProperty[Any]]:
    return [] if served.model is None else list(sa.inspect(served.model).relationships)


def _unserved(schema: Schema, served: Served) -> Iterator[Finding]:
    tables = {each.table for each in schema.resources.values()}
    for link in _relationships(served):
        target = link.mapper
        if target.local_table not in tables:
            name = target.class_.__name__
            message = f"{served.name[1]}.{link.key} leads to {name}, which is not a resource: it cannot be embedded"
            place = place_of(served.model, link.key) or served.place
            yield Finding("BS141", message, f"Serve it too: app.resource({name}, select=...).", place)


def _ambiguous(served: Served) -> Iterator[Finding]:
    """A relationship named like another resource that is related, too: the name then means the relationship."""
    for relation in served.relations:
        if relation.attribute is None or relation.attribute == relation.target[1]:
            continue
        others = [each for each in served.relations if each.target[1] == relation.attribute and each is not relation]
        if others:
            message = (
                f"{served.name[1]}.{relation.attribute} leads to {relation.target[1]}, but "
                f"{relation.attribute} is the name of another related resource"
            )
            place = place_of(served.model, relation.attribute) or served.place
            yield Finding("BS143", message, "Name the relationship otherwise.", place)


# Indexes -----------------------------------------------------------------------------------------------------


def is_indexed(table: sa.Table, columns: set[str]) -> bool:
    """Whether an index, the primary key or a unique constraint begins with these columns, in any order."""
    lists = [list(table.primary_key.columns)]
    lists += [list(each.columns) for each in table.constraints if isinstance(each, sa.UniqueConstraint)]
    lists += [[each for each in index.expressions if isinstance(each, sa.Column)] for index in table.indexes]
    return any({column.name for column in each[: len(columns)]} == columns for each in lists)


def _unindexed(served: Served) -> Iterator[Finding]:
    for key in foreign_keys(served.table):
        columns = [element.parent.name for element in key.elements]
        if not is_indexed(served.table, set(columns)):
            shown = ", ".join(columns)
            message = f"the foreign key {served.name[1]}({shown}) to {key.referred_table.name} has no index"
            hint = "Add index=True" if len(columns) == 1 else f'Add Index(None, "{shown}") to __table_args__'
            column = served.columns[columns[0]]
            place = place_of(served.model, column.attribute) or served.place
            yield Finding("BS142", message, f"{hint}: embedding and deleting search by it.", place)


# Names -------------------------------------------------------------------------------------------------------


def _names(schema: Schema) -> Iterator[Finding]:
    """Names that are used twice in one schema of the database, and names that are too long."""
    tables = list(schema.metadata.tables.values())
    places = {served.table: served.place for served in schema.resources.values()}
    counted = Counter((table.schema, name) for table in tables for name in _index_names(table))
    for table in tables:
        place = places.get(table, Place("?", 0))
        for name in dict.fromkeys(_index_names(table)):
            if counted[table.schema, name] > 1:
                message = f"the name {name!r} of {table.name} is used by another constraint, index or table"
                yield Finding("BS144", message, "Give one of them another name.", place)
        for name in dict.fromkeys(names_of(table)):
            if len(name.encode()) > LONGEST:
                message = f"the name {name!r} of {table.name} has more than {LONGEST} bytes"
                yield Finding("BS144", message, "Shorten it: PostgreSQL would cut it.", place)


def _index_names(table: sa.Table) -> Iterator[str]:
    """The names that must be unique among all tables: those of tables and of what is an index."""
    yield table.name
    if search_of(table) is not None:
        yield search_name(table.name)
    unique = [each for each in table.constraints if isinstance(each, sa.UniqueConstraint | sa.PrimaryKeyConstraint)]
    for name in (*(each.name for each in unique), *(each.name for each in table.indexes)):
        if isinstance(name, str):
            yield name
