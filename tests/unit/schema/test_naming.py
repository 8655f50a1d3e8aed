"""Names of constraints, as PostgreSQL gives them."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from sqlalchemy import Column, ForeignKey, Integer, MetaData, Table

from backstay.schema.naming import join_names, name_constraints


def names(metadata: MetaData, table: str) -> set[str]:
    name_constraints(metadata)
    return {str(constraint.name) for constraint in metadata.tables[table].constraints}


def test_each_kind_of_constraint_has_its_ending() -> None:
    metadata = MetaData()
    Table("b", metadata, Column("id", Integer, primary_key=True))
    n = Column("n", Integer)
    Table(
        "a",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("b_id", ForeignKey("b.id"), unique=True),
        n,
        sa.CheckConstraint(n > 0),
        sa.CheckConstraint("n > 0 AND b_id > 0"),
    )
    assert names(metadata, "a") == {"a_pkey", "a_b_id_fkey", "a_b_id_key", "a_n_check", "a_check"}


def test_several_columns_are_joined() -> None:
    metadata = MetaData()
    Table("b", metadata, Column("x", Integer, primary_key=True), Column("y", Integer, primary_key=True))
    Table(
        "a",
        metadata,
        Column("x", Integer),
        Column("y", Integer),
        sa.ForeignKeyConstraint(["x", "y"], ["b.x", "b.y"]),
        sa.UniqueConstraint("y", "x"),
    )
    assert names(metadata, "a") >= {"a_x_y_fkey", "a_y_x_key"}


def test_a_name_that_is_taken_gets_a_number() -> None:
    metadata = MetaData()
    Table("t", metadata, Column("id", Integer, primary_key=True))
    Table("a_b", metadata, Column("c", ForeignKey("t.id"), primary_key=True))
    Table("a", metadata, Column("b_c", ForeignKey("t.id"), primary_key=True))
    name_constraints(metadata)
    assert "a_b_c_fkey" in names(metadata, "a_b")
    assert "a_b_c_fkey1" in names(metadata, "a")


def test_a_name_that_the_program_gives_stays() -> None:
    metadata = MetaData()
    Table("a", metadata, Column("id", Integer), sa.UniqueConstraint("id", name="mine"))
    assert "mine" in names(metadata, "a")


def test_a_naming_convention_of_the_program_stays() -> None:
    metadata = MetaData(naming_convention={"uq": "unique_%(table_name)s_%(column_0_name)s"})
    Table("a", metadata, Column("id", Integer, unique=True), Column("flag", sa.Boolean(create_constraint=True)))
    assert names(metadata, "a") >= {"unique_a_id", "a_flag_check"}


def test_names_are_given_once() -> None:
    metadata = MetaData()
    Table("a", metadata, Column("id", Integer, primary_key=True), Column("n", Integer, unique=True))
    assert names(metadata, "a") == names(metadata, "a") == {"a_pkey", "a_n_key"}


@pytest.mark.parametrize(
    ("table", "columns", "ending", "name"),
    [
        ("a", "b", "fkey", "a_b_fkey"),
        ("a", "", "pkey", "a_pkey"),
        # what PostgreSQL 15 made of these
        ("t" * 40, "c" * 40, "fkey", "t" * 29 + "_" + "c" * 28 + "_fkey"),
        ("t" * 63, "", "pkey", "t" * 58 + "_pkey"),
        ("t" * 10, "c" * 63, "key", "t" * 10 + "_" + "c" * 48 + "_key"),
        ("é" * 30, "c" * 40, "fkey", "é" * 14 + "_" + "c" * 28 + "_fkey"),
    ],
)
def test_long_names_are_cut_as_postgresql_cuts_them(table: str, columns: str, ending: str, name: str) -> None:
    assert join_names(table, columns, ending) == name
