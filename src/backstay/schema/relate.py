"""``relate(tables) -> relations``: the links that foreign keys make between served tables."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import permutations
from typing import Any

import sqlalchemy as sa

from backstay.schema.relation import Cardinality, Junction, Name, Relation


def uniques_of(table: sa.Table) -> tuple[frozenset[str], ...]:
    """The column sets that identify at most one row: primary key, unique constraints, unique indexes."""
    found = [frozenset(column.name for column in table.primary_key)] if table.primary_key.columns else []
    found += [
        frozenset(column.name for column in constraint.columns)
        for constraint in table.constraints
        if isinstance(constraint, sa.UniqueConstraint)
    ]
    found += [
        frozenset(column.name for column in index.columns)
        for index in table.indexes
        if index.unique and len(index.columns) == len(index.expressions) and not _partial(index)
    ]
    return tuple(dict.fromkeys(found))


def _partial(index: sa.Index) -> bool:
    return any(index.dialect_options[name].get("where") is not None for name in ("postgresql", "sqlite"))


def foreign_keys(table: sa.Table) -> list[sa.ForeignKeyConstraint]:
    """The table's foreign keys in a fixed order."""
    return sorted(table.foreign_key_constraints, key=lambda key: str(key.name))


def relate(
    served: Mapping[sa.Table, Name], junctions: Iterable[sa.Table], linked: Collection[Any] = ()
) -> Iterator[Relation]:
    """Every relation between the served tables, from either side.

    Arguments:
        served: the tables that are resources, by name.
        junctions: the tables a many-to-many relation may lead through, served or not: by two foreign keys that are
            part of their primary key.
        linked: the tables that a ``relationship(secondary=...)`` leads through, whatever their primary key.
    """
    for table, name in served.items():
        for key in foreign_keys(table):
            target = served.get(key.referred_table)
            if target is not None:
                yield from _both_ways(table, name, target, key)
    for table in junctions:
        yield from _through(table, served, table in linked)


def _both_ways(table: sa.Table, name: Name, target: Name, key: sa.ForeignKeyConstraint) -> Iterator[Relation]:
    pairs = tuple((element.parent.name, element.column.name) for element in key.elements)
    single = frozenset(ours for ours, _ in pairs) in uniques_of(table)
    constraint = str(key.name)
    forward = Cardinality.ONE_TO_ONE if single else Cardinality.MANY_TO_ONE
    backward = Cardinality.ONE_TO_ONE if single else Cardinality.ONE_TO_MANY
    back = tuple((theirs, ours) for ours, theirs in pairs)
    yield Relation(name, target, forward, constraint, pairs, owning=True, to_view=_is_view(key.referred_table))
    yield Relation(target, name, backward, constraint, back, to_view=_is_view(table))


def _is_view(table: sa.Table) -> bool:
    return bool(table.info.get("view"))


def _through(table: sa.Table, served: Mapping[sa.Table, Name], linked: bool) -> Iterator[Relation]:
    key_columns = {column.name for column in table.primary_key}
    ends = [
        key
        for key in foreign_keys(table)
        if key.referred_table in served
        and (linked or all(element.parent.name in key_columns for element in key.elements))
    ]
    for near, far in permutations(ends, 2):
        if near.column_keys == far.column_keys:
            # One foreign key, seen to lead to a table and to a view of it.
            continue
        junction = Junction(
            table,
            served.get(table),
            tuple((element.column.name, element.parent.name) for element in near.elements),
            tuple((element.parent.name, element.column.name) for element in far.elements),
            str(near.name),
            str(far.name),
        )
        yield Relation(
            served[near.referred_table],
            served[far.referred_table],
            Cardinality.MANY_TO_MANY,
            junction=junction,
            to_view=_is_view(far.referred_table),
        )
