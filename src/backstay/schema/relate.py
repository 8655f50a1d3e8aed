"""``relate(tables) -> relations``: the links that foreign keys make between served tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import permutations
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapper, RelationshipProperty

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


def relate(served: Mapping[sa.Table, Name], junctions: Iterable[sa.Table]) -> Iterator[Relation]:
    """Every relation between the served tables, from either side.

    Arguments:
        served: the tables that are resources, by name.
        junctions: the tables a many-to-many relation may lead through, served or not.
    """
    for table, name in served.items():
        for key in foreign_keys(table):
            target = served.get(key.referred_table)
            if target is not None:
                yield from _both_ways(table, name, target, key)
    for table in junctions:
        yield from _through(table, served)


def _both_ways(table: sa.Table, name: Name, target: Name, key: sa.ForeignKeyConstraint) -> Iterator[Relation]:
    pairs = tuple((element.parent.name, element.column.name) for element in key.elements)
    single = frozenset(ours for ours, _ in pairs) in uniques_of(table)
    constraint = str(key.name)
    forward = Cardinality.ONE_TO_ONE if single else Cardinality.MANY_TO_ONE
    backward = Cardinality.ONE_TO_ONE if single else Cardinality.ONE_TO_MANY
    yield Relation(name, target, forward, constraint, pairs, owning=True)
    yield Relation(target, name, backward, constraint, tuple((theirs, ours) for ours, theirs in pairs))


def _through(table: sa.Table, served: Mapping[sa.Table, Name]) -> Iterator[Relation]:
    key_columns = {column.name for column in table.primary_key}
    ends = [
        key
        for key in foreign_keys(table)
        if key.referred_table in served and all(element.parent.name in key_columns for element in key.elements)
    ]
    for near, far in permutations(ends, 2):
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
        )


def name_by_attribute(relations: Iterable[Relation], mappers: Mapping[Name, Mapper[Any]]) -> list[Relation]:
    """Tell each relation the ``relationship()`` that maps it, so that it can be embedded by that name too."""
    named: list[Relation] = []
    for relation in relations:
        mapper = mappers.get(relation.origin)
        found = next((p for p in mapper.relationships if _maps(p, relation)), None) if mapper else None
        named.append(replace(relation, attribute=found.key) if found else relation)
    return named


def _maps(attribute: RelationshipProperty[Any], relation: Relation) -> bool:
    target = attribute.mapper.local_table
    if not isinstance(target, sa.Table) or (target.schema or "public", target.name) != relation.target:
        return False
    if relation.junction is not None:
        if attribute.secondary is not relation.junction.table:
            return False
        near = {(local.name, remote.name) for local, remote in attribute.synchronize_pairs}
        return near == set(relation.junction.near)
    if attribute.secondary is not None:
        return False
    pairs = {(local.name, remote.name) for local, remote in attribute.local_remote_pairs or ()}
    return pairs == set(relation.pairs) and attribute.uselist != relation.cardinality.to_one
