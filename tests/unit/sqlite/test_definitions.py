"""Tables as SQLite is told of them, and as reflection finds them again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import apsw
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import func
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateTable

from backstay.dialects.sqlite.connect import SQLite
from backstay.dialects.sqlite.dialect import SQLiteDialect, engine
from backstay.dialects.sqlite.sql.spellings import NOW, NOW_ZONED, RANDOM_UUID, TIME_NOW, TODAY
from backstay.schema.naming import name_constraints

Open = Callable[..., Awaitable[SQLite]]


def column(*arguments: Any, **keywords: Any) -> str:
    """How a column is written in CREATE TABLE."""
    table = sa.Table("t", sa.MetaData(), sa.Column("c", *arguments, **keywords))
    text = str(CreateTable(table).compile(dialect=SQLiteDialect()))
    return text.partition("(\n\t")[2].rpartition("\n)")[0].strip().removeprefix("c ")


@pytest.mark.parametrize(
    ("type_", "declared"),
    [
        (sa.Uuid(), "UUID_TEXT"),
        (sa.DateTime(timezone=True), "TIMESTAMPTZ_TEXT"),
        (postgresql.TIMESTAMP(), "TIMESTAMP_TEXT"),
        (sa.Date(), "DATE_TEXT"),
        (sa.Time(), "TIME_TEXT"),
        (sa.Interval(), "INTERVAL"),
        (sa.Numeric(12, 2), "NUMERIC_TEXT(12, 2) COLLATE decimal"),
        (sa.Numeric(12), "NUMERIC_TEXT(12, 0) COLLATE decimal"),
        (sa.DECIMAL(), "NUMERIC_TEXT COLLATE decimal"),
        (sa.BigInteger(), "INTEGER"),
        (sa.SmallInteger(), "INTEGER"),
        (sa.Double(), "DOUBLE"),
        (sa.Boolean(), "BOOLEAN"),
        (sa.Enum("a", "bcd"), "VARCHAR(3)"),
        (postgresql.ENUM("a", "bcd", name="e"), "VARCHAR(3)"),
        (postgresql.JSONB(), "JSON_TEXT"),
        (sa.ARRAY(sa.Integer), "JSON_TEXT"),
        (postgresql.ARRAY(sa.Numeric), "JSON_TEXT"),
        (postgresql.BYTEA(), "BLOB"),
        (sa.String(7), "VARCHAR(7)"),
    ],
)
def test_types_have_names_that_keep_their_values(type_: Any, declared: str) -> None:
    assert column(type_) == declared


@pytest.mark.parametrize("type_", [sa.Uuid(), sa.DateTime(), sa.Date(), sa.Time(), sa.Numeric(9, 2), sa.JSON()])
def test_names_of_texts_have_text_affinity(type_: Any) -> None:
    connection = apsw.Connection(":memory:")
    connection.create_collation("decimal", lambda left, right: (left > right) - (left < right))
    connection.execute(f"CREATE TABLE t (c {column(type_)})")
    connection.execute("INSERT INTO t VALUES (?)", ("1e5",))
    assert connection.execute("SELECT c, typeof(c) FROM t").fetchall() == [("1e5", "text")]


@pytest.mark.parametrize(
    ("type_", "default", "written"),
    [
        (sa.DateTime(), func.now(), f"({NOW})"),
        (sa.DateTime(timezone=True), func.now(), f"({NOW_ZONED})"),
        (sa.DateTime(timezone=True), func.current_timestamp(), f"({NOW_ZONED})"),
        (sa.DateTime(), sa.text("(CURRENT_TIMESTAMP)"), f"({NOW})"),
        (sa.DateTime(timezone=True), sa.text("now()"), f"({NOW_ZONED})"),
        (sa.Date(), func.now(), f"({TODAY})"),
        (sa.Date(), sa.text("CURRENT_DATE"), f"({TODAY})"),
        (sa.Time(), func.now(), f"({TIME_NOW})"),
        (sa.Uuid(), sa.text("gen_random_uuid()"), f"({RANDOM_UUID})"),
        (sa.Uuid(), func.gen_random_uuid(), f"({RANDOM_UUID})"),
        (sa.Integer(), sa.text("0"), "0"),
        (sa.Integer(), sa.text("-1"), "-1"),
        (sa.Integer(), sa.text("1 + 1"), "(1 + 1)"),
        (sa.Text(), "it's", "'it''s'"),
        (sa.Text(), sa.text("'a' || 'b'"), "('a' || 'b')"),
        (sa.Text(), sa.text("(1) || (2)"), "((1) || (2))"),
        (sa.Boolean(), sa.false(), "0"),
        (sa.JSON(), sa.text("'{}'"), "'{}'"),
    ],
)
def test_defaults_are_in_the_form_of_their_column(type_: Any, default: Any, written: str) -> None:
    text = column(type_, server_default=default)
    assert text.partition(" DEFAULT ")[2] == written
    connection = apsw.Connection(":memory:")
    connection.execute(f"CREATE TABLE t (c {text}); INSERT INTO t DEFAULT VALUES")


def test_an_integer_key_counts_up_and_never_twice_the_same() -> None:
    metadata = sa.MetaData()
    for type_ in (sa.Integer, sa.BigInteger, sa.SmallInteger):
        sa.Table(type_.__name__, metadata, sa.Column("id", type_, primary_key=True), sa.Column("n", sa.Integer))
    name_constraints(metadata)
    made = engine("sqlite://")
    metadata.create_all(made)
    with made.begin() as connection:
        for table in metadata.tables.values():
            insert = table.insert().values(n=1)
            assert connection.execute(insert).inserted_primary_key == (1,)
            connection.execute(table.delete())
            assert connection.execute(insert).inserted_primary_key == (2,)


def test_other_keys_do_not_count() -> None:
    metadata = sa.MetaData()
    parent = sa.Table("p", metadata, sa.Column("id", sa.Integer, primary_key=True, autoincrement=False))
    child = sa.Table("c", metadata, sa.Column("id", sa.ForeignKey("p.id"), primary_key=True))
    pair = sa.Table(
        "pair", metadata, sa.Column("a", sa.Integer, primary_key=True), sa.Column("b", sa.Integer, primary_key=True)
    )
    for table in (parent, child, pair):
        assert "AUTOINCREMENT" not in str(CreateTable(table).compile(dialect=SQLiteDialect()))


def everything() -> sa.MetaData:
    metadata = sa.MetaData()
    sa.Table("parents", metadata, sa.Column("id", sa.Integer, primary_key=True))
    sa.Table(
        "everything",
        metadata,
        sa.Column("id", sa.BigInteger, primary_key=True),
        sa.Column("key", sa.Uuid, unique=True, server_default=func.gen_random_uuid()),
        sa.Column("price", sa.Numeric(12, 2), nullable=False, server_default="0"),
        sa.Column("any_price", sa.Numeric, index=True),
        sa.Column("at", sa.DateTime(timezone=True), server_default=func.now()),
        sa.Column("local", sa.DateTime),
        sa.Column("day", sa.Date),
        sa.Column("clock", sa.Time),
        sa.Column("lasts", sa.Interval),
        sa.Column("name", sa.String(20)),
        sa.Column("kind", sa.Enum("a", "b", name="kind")),
        sa.Column("data", sa.JSON),
        sa.Column("more", postgresql.JSONB),
        sa.Column("tags", postgresql.ARRAY(sa.Text)),
        sa.Column("small", sa.SmallInteger),
        sa.Column("weight", sa.Double),
        sa.Column("bytes", sa.LargeBinary),
        sa.Column("active", sa.Boolean),
        sa.Column("double_price", sa.Numeric, sa.Computed("decimal_mul(price, 2)", persisted=True)),
        sa.Column("parent_id", sa.ForeignKey("parents.id", ondelete="CASCADE")),
        sa.UniqueConstraint("name", "kind"),
        sa.CheckConstraint("small > 0"),
    )
    name_constraints(metadata)
    return metadata


async def test_a_table_just_made_differs_in_nothing_from_its_model(open_database: Open) -> None:
    metadata = everything()
    database = await open_database(metadata)
    made = engine(database.url)
    with made.connect() as connection:
        options = {"compare_type": True, "compare_server_default": False}
        assert compare_metadata(MigrationContext.configure(connection, opts=options), metadata) == []


async def test_reflection_finds_types_and_names(open_database: Open) -> None:
    database = await open_database(everything())
    inspector = sa.inspect(engine(database.url))
    types = {each["name"]: each["type"] for each in inspector.get_columns("everything")}
    assert isinstance(types["key"], sa.Uuid)
    assert isinstance(types["at"], sa.DateTime) and types["at"].timezone
    assert isinstance(types["local"], sa.DateTime) and not types["local"].timezone
    assert isinstance(types["price"], sa.Numeric) and (types["price"].precision, types["price"].scale) == (12, 2)
    assert isinstance(types["lasts"], sa.Interval)
    assert isinstance(types["tags"], sa.JSON)
    assert inspector.get_pk_constraint("parents")["constrained_columns"] == ["id"]
    assert [each["name"] for each in inspector.get_foreign_keys("everything")] == ["everything_parent_id_fkey"]
    assert {each["name"] for each in inspector.get_unique_constraints("everything")} == {
        "everything_key_key",
        "everything_name_kind_key",
    }


async def test_what_is_reflected_can_be_read_and_written(open_database: Open) -> None:
    database = await open_database(everything())
    made = engine(database.url)
    reflected = sa.MetaData()
    reflected.reflect(made)
    table = reflected.tables["everything"]
    with made.begin() as connection:
        connection.execute(table.insert().values(id=1, price=10))
        row = connection.execute(sa.select(table.c.price, table.c.double_price, table.c.key, table.c.at)).one()
        assert [str(row.price), str(row.double_price)] == ["10.00", "20.00"]
        assert row.key.version == 4
        assert row.at.tzinfo is not None
