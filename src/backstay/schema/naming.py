"""Constraint names as PostgreSQL gives them, on every database: they are visible API (embed hints, error texts)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Final

import sqlalchemy as sa

LONGEST: Final = 63
"""How many bytes PostgreSQL keeps of a name."""

_ENDINGS: Final = {
    sa.PrimaryKeyConstraint: "pkey",
    sa.ForeignKeyConstraint: "fkey",
    sa.UniqueConstraint: "key",
    sa.CheckConstraint: "check",
}


def name_constraints(metadata: sa.MetaData) -> None:
    """Give every unnamed constraint of these tables the name PostgreSQL would: ``<table>_<columns>_fkey`` and so on."""
    taken: dict[str | None, set[str]] = {}
    for table in metadata.tables.values():
        taken.setdefault(table.schema, set()).update(names_of(table))
    for table in metadata.tables.values():
        for constraint in sorted(table.constraints, key=_rank):
            if not isinstance(constraint.name, str):
                constraint.name = _free_name(table, constraint, taken[table.schema])
                taken[table.schema].add(constraint.name)


def names_of(table: sa.Table) -> Iterator[str]:
    """The names a table takes in its schema: its own, and those of its constraints and indexes."""
    yield table.name
    for name in (*(each.name for each in table.constraints), *(each.name for each in table.indexes)):
        if isinstance(name, str):
            yield name


def join_names(table: str, columns: str, ending: str) -> str:
    """``table_columns_ending``, cut as PostgreSQL cuts it: the longer of the first two until all fits.

    This is ``makeObjectName`` in PostgreSQL's ``indexcmds.c``.
    """
    one, two = table.encode(), columns.encode()
    room = LONGEST - len(ending) - 1 - (1 if two else 0)
    while len(one) + len(two) > room:
        if len(one) > len(two):
            one = one[:-1]
        else:
            two = two[:-1]
    parts = [one.decode(errors="ignore"), two.decode(errors="ignore"), ending]
    return "_".join(part for part in parts if part)


def _rank(constraint: sa.Constraint) -> tuple[int, str]:
    return (constraint._creation_order, ",".join(_columns(constraint)))


def _columns(constraint: sa.Constraint) -> list[str]:
    return [column.name for column in getattr(constraint, "columns", ())]


def _free_name(table: sa.Table, constraint: sa.Constraint, taken: set[str]) -> str:
    ending = next((ending for kind, ending in _ENDINGS.items() if isinstance(constraint, kind)), "excl")
    columns = _columns(constraint)
    if ending == "pkey" or (ending == "check" and len(columns) != 1):
        columns = []
    joined = "_".join(columns)
    names = (join_names(table.name, joined, f"{ending}{number or ''}") for number in count())
    return next(name for name in names if name not in taken)
