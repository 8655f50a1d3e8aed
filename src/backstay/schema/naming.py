"""Constraint names as PostgreSQL gives them, on every database: they are visible API (embed hints, error texts)."""

from __future__ import annotations

import sqlalchemy as sa


def name_constraints(metadata: sa.MetaData) -> None:
    """Give every unnamed constraint of these tables the name PostgreSQL would: ``<table>_<columns>_fkey`` and so on."""
    for table in metadata.tables.values():
        taken = {str(constraint.name) for constraint in table.constraints if constraint.name}
        for constraint in sorted(table.constraints, key=_rank):
            if constraint.name is None:
                constraint.name = _free(_usual(table, constraint), taken)
                taken.add(constraint.name)


def _rank(constraint: sa.Constraint) -> tuple[int, str]:
    columns = ",".join(column.name for column in getattr(constraint, "columns", ()))
    return (constraint._creation_order, columns)


def _usual(table: sa.Table, constraint: sa.Constraint) -> str:
    if isinstance(constraint, sa.PrimaryKeyConstraint):
        return f"{table.name}_pkey"
    columns = [column.name for column in getattr(constraint, "columns", ())]
    ending = {
        sa.ForeignKeyConstraint: "fkey",
        sa.UniqueConstraint: "key",
        sa.CheckConstraint: "check",
    }.get(type(constraint), "excl")
    if ending == "check" and len(columns) != 1:
        columns = []
    return "_".join([table.name, *columns, ending])


def _free(name: str, taken: set[str]) -> str:
    number, candidate = 0, name
    while candidate in taken:
        number += 1
        candidate = f"{name}{number}"
    return candidate
