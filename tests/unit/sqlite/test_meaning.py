"""Expressions mean the same on SQLite as on PostgreSQL: each is asked of both, over the same rows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy import func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from backstay.dialects.sqlite.connect import SQLite
from backstay.dialects.sqlite.dialect import engine
from backstay.dialects.sqlite.sql.spellings import RANDOM_UUID
from backstay.errors import DatabaseFault, DataFault
from backstay.settings import Settings

METADATA = sa.MetaData()
ROWS = sa.Table(
    "rows",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("price", sa.Numeric(12, 2)),
    sa.Column("ratio", sa.Numeric),
    sa.Column("count", sa.Integer),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("weight", sa.Double),
    sa.Column("name", sa.Text),
    sa.Column("active", sa.Boolean),
    sa.Column("day", sa.Date),
    sa.Column("at", sa.DateTime(timezone=True)),
    sa.Column("local", sa.DateTime),
    sa.Column("clock", sa.Time),
    sa.Column("lasts", sa.Interval),
    sa.Column("key", sa.Uuid),
    sa.Column("data", sa.JSON().with_variant(JSONB(), "postgresql")),
)
NAMES = [column.name for column in ROWS.columns]
VALUES = [
    (
        1, Decimal("10.50"), Decimal("0.3333"), 7, 2, 1.5, "Ünïcode 100%", True, date(2024, 2, 29),
        datetime(2024, 3, 1, 12, 30, 15, 500000, tzinfo=UTC), datetime(2024, 3, 1, 12, 30), time(23, 30),
        timedelta(hours=30), UUID(int=1), {"a": {"b": [1, 2]}, "n": 5, "t": "x", "yes": True},
    ),
    (
        2, Decimal("-3.00"), Decimal("12345.678901"), -7, 3, -0.25, "back\\slash_", False, date(2023, 12, 31),
        datetime(2023, 12, 31, 23, 59, 59, tzinfo=UTC), datetime(2023, 12, 31, 23, 59, 59), time(0, 0, 1),
        timedelta(seconds=-90), UUID(int=2), {"a": None, "n": -1, "t": "y", "yes": False},
    ),
    (3, None, None, None, 1, None, None, None, None, None, None, None, None, None, None),
    (
        4, Decimal("9.00"), Decimal("9"), 0, 10, 0.0, "straße ÉCOLE", None, date(2024, 1, 1),
        datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 1), time(12), timedelta(0), UUID(int=3), {"n": 0},
    ),
]  # fmt: skip
c = ROWS.c

EXPRESSIONS: dict[str, Any] = {
    "add": c.price + 1,
    "add decimals": c.price + c.ratio,
    "subtract": c.price - c.count,
    "multiply": c.price * c.ratio,
    "multiply a sum": (c.price + c.ratio) * c.count,
    "divide decimals": c.ratio / c.size,
    "divide by a literal": c.price / 3,
    "divide whole numbers exactly": c.count / c.size,
    "divide whole numbers, truncating": c.count // c.size,
    "remainder": c.count % c.size,
    "remainder of decimals": c.price % c.size,
    "negative": -c.price,
    "float arithmetic": c.weight * 2 + 0.5,
    "float divided": c.weight / c.size,
    "decimal times float": sa.type_coerce(c.price * c.weight, sa.Double),
    "absolute": func.abs(c.price),
    "round": func.round(c.ratio, 2),
    "round to whole": func.round(c.price),
    "floor": func.floor(c.ratio),
    "ceil": func.ceil(c.price),
    "coalesce": func.coalesce(c.price, 0),
    "greatest": func.greatest(c.price, c.ratio),
    "least": func.least(c.price, c.ratio, 1),
    "nullif": func.nullif(c.price, 9),
    "case": sa.case((c.count > 0, c.price), else_=0),
    "compare a sum": c.price + 1 > 5,
    "compare with a float": c.price > 9.5,
    "compare a whole number with a decimal": c.count < c.price,
    "compare a case": sa.case((c.count > 0, c.price), else_=5) >= 9,
    "compare with null": c.price == None,  # noqa: E711
    "decimal in": c.price.in_([Decimal(9), Decimal("10.5")]),
    "decimal in whole numbers": c.price.in_([9, -3]),
    "between": c.price.between(-3, 9),
    "distinct": c.price.is_distinct_from(9),
    "not distinct": c.name.is_not_distinct_from(None),
    "lower": func.lower(c.name),
    "upper": func.upper(c.name),
    "length": func.length(c.name),
    "char_length": func.char_length(c.name),
    "concatenate": c.name + "!",
    "concat": func.concat(c.name, "-", c.count),
    "substring": func.substr(c.name, 2, 3),
    "left": func.left(c.name, 3),
    "right": func.right(c.name, 3),
    "strpos": func.strpos(c.name, "a"),
    "trim": func.trim(c.name),
    "replace": func.replace(c.name, "a", "b"),
    "like": c.name.like("%C%"),
    "like is case-sensitive": c.name.like("%É%"),
    "not like": c.name.not_like("b%"),
    "ilike": c.name.ilike("%ünÏ%"),
    "ilike with escape": c.name.ilike("%100\\%"),
    "like an underscore": c.name.like("%\\_"),
    "contains": c.name.contains("0%", autoescape=True),
    "startswith": c.name.startswith("back"),
    "icontains": c.name.icontains("éc"),
    "match": c.name.regexp_match("^[[:alpha:]]+ "),
    "match whatever the case": c.name.regexp_match("école", flags="i"),
    "not match": ~c.name.regexp_match("a"),
    "match by operator": c.name.op("~*", is_comparison=True)("É"),
    "regexp_replace": c.name.regexp_replace("[0-9]+", "#"),
    "and with null": sa.and_(c.active, c.count > 0),
    "or with null": sa.or_(c.active, c.count == 0),
    "not": sa.not_(c.active),
    "is true": c.active.is_(True),
    "is not false": c.active.is_not(False),
    "day plus days": c.day + 1,
    "day minus day": c.day - date(2023, 1, 1),
    "day plus interval": c.day + timedelta(hours=5),
    "moment plus interval": c.at + timedelta(days=1, seconds=0.5),
    "moment minus interval": c.at - c.lasts,
    "moment minus moment": c.at - datetime(2024, 1, 1, tzinfo=UTC),
    "local plus interval": c.local + c.lasts,
    "clock plus interval": c.clock + timedelta(hours=1),
    "interval plus interval": c.lasts + timedelta(minutes=1),
    "compare moments": c.at > datetime(2024, 1, 1, tzinfo=UTC),
    "before now": c.at < func.now(),
    "long before now": c.at < func.now() - timedelta(days=30),
    "local before now": c.local < func.now(),
    "day before today": c.day < func.current_date(),
    "year": sa.cast(sa.extract("year", c.at), sa.Integer),
    "month": sa.cast(sa.extract("month", c.day), sa.Integer),
    "hour": sa.cast(sa.extract("hour", c.local), sa.Integer),
    "week": sa.cast(sa.extract("week", c.day), sa.Integer),
    "isodow": sa.cast(sa.extract("isodow", c.day), sa.Integer),
    "dow": sa.cast(sa.extract("dow", c.day), sa.Integer),
    "quarter": sa.cast(sa.extract("quarter", c.day), sa.Integer),
    "doy": sa.cast(sa.extract("doy", c.day), sa.Integer),
    "cut to the month": func.date_trunc("month", c.at),
    "cut to the hour": func.date_trunc("hour", c.local),
    "json of columns": func.json_build_object("count", c.count, "name", c.name),
    "cast decimal to whole": sa.cast(c.price, sa.Integer),
    "cast whole to decimal": sa.cast(c.count, sa.Numeric(10, 3)),
    "cast to text": sa.cast(c.count, sa.Text),
    "cast decimal to text": sa.cast(c.price, sa.Text),
    "cast boolean to text": sa.cast(c.active, sa.Text),
    "cast uuid to text": sa.cast(c.key, sa.Text),
    "cast moment to day": sa.cast(c.at, sa.Date),
    "cast day to moment": sa.cast(c.day, sa.DateTime),
    "cast number to boolean": sa.cast(c.count, sa.Boolean),
    "cast to short text": sa.cast(c.name, sa.String(3)),
    "json text": c.data["t"].as_string(),
    "json number": c.data["n"].as_integer(),
    "json boolean": c.data["yes"].as_boolean(),
    "json path": c.data[("a", "b", 1)].as_integer(),
    "compare json": c.data["n"].as_integer() > 0,
    "window": func.sum(c.price).over(order_by=c.id),
    "count of rows": func.count(c.id).over(),
}
AGGREGATES: dict[str, Any] = {
    "sum of decimals": func.sum(c.price),
    "sum of products": func.sum(c.price * c.size),
    "sum of whole numbers": func.sum(c.count),
    "sum of floats": func.sum(c.weight),
    "sum of intervals": func.max(c.lasts),
    "avg of decimals": func.avg(c.ratio),
    "avg of whole numbers": func.avg(c.count),
    "avg of floats": func.avg(c.weight),
    "max of decimals": func.max(c.price),
    "min of decimals": func.min(c.ratio),
    "max of sums": func.max(c.price + c.ratio),
    "filtered": func.sum(c.price).filter(c.count > 0),
    "of nothing": func.sum(c.price).filter(c.count > 1000),
    "count": func.count(c.price),
    "all active": func.bool_and(c.active),
    "any active": func.bool_or(c.active),
    "list of whole numbers": func.array_agg(c.count),
    "list of moments": func.array_agg(c.at),
    "list of decimals": func.array_agg(c.ratio),
    "json list": func.json_agg(c.name),
    "joined": func.string_agg(c.name, ","),
    "max of text": func.max(c.name),
    "max of moments": func.max(c.at),
}
ORDERS: dict[str, Any] = {
    "decimals": [c.price],
    "decimals, descending": [c.price.desc()],
    "nulls first": [c.price.nulls_first()],
    "descending, nulls last": [c.price.desc().nulls_last()],
    "sums": [c.price + c.ratio],
    "coalesced": [func.coalesce(c.price, 5)],
    "moments": [c.at.desc()],
    "booleans": [c.active, c.id],
    "not null": [c.size.desc()],
}
REFUSED: dict[str, tuple[Any, str]] = {
    "division by zero": (c.price / c.count, "22012"),
    "whole division by zero": (c.size // c.count, "22012"),
    "remainder of zero": (c.size % c.count, "22012"),
    "float division by zero": (c.weight / c.count, "22012"),
    "text to number": (sa.cast(c.name, sa.Integer), "22P02"),
    "text to decimal": (sa.cast(c.name, sa.Numeric), "22P02"),
    "text to uuid": (sa.cast(c.name, sa.Uuid), "22P02"),
    "text to boolean": (sa.cast(c.name, sa.Boolean), "22P02"),
    "text to day": (sa.cast(c.name, sa.Date), "22007"),
    "text to moment": (sa.cast(c.name, sa.DateTime), "22007"),
    "text to interval": (sa.cast(c.name, sa.Interval), "22007"),
    "too many digits": (sa.cast(c.ratio, sa.Numeric(4, 2)), "22003"),
    "bad pattern": (c.name.regexp_match("("), "2201B"),
}

Ask = Callable[[Any], list[Any]]


@pytest.fixture(scope="module")
def ask_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Ask:
    made = engine(f"sqlite:///{tmp_path_factory.mktemp('meaning')}/test.db")
    METADATA.create_all(made)
    with made.begin() as connection:
        connection.execute(ROWS.insert(), [dict(zip(NAMES, row, strict=True)) for row in VALUES])

    def ask(statement: Any) -> list[Any]:
        with made.connect() as connection:
            return list(connection.execute(statement).scalars())

    return ask


@pytest.fixture(scope="module")
def ask_postgresql(module_postgresql_url: str) -> Ask:
    url = module_postgresql_url.replace("postgresql://", "postgresql+asyncpg://")

    async def run(work: Callable[[Any], Any]) -> Any:
        made = create_async_engine(url, poolclass=NullPool, connect_args={"server_settings": {"timezone": "UTC"}})
        async with made.begin() as connection:
            found = await work(connection)
        await made.dispose()
        return found

    async def fill(connection: Any) -> None:
        await connection.run_sync(METADATA.create_all)
        await connection.execute(ROWS.insert(), [dict(zip(NAMES, row, strict=True)) for row in VALUES])

    asyncio.run(run(fill))

    def ask(statement: Any) -> list[Any]:
        async def select(connection: Any) -> list[Any]:
            return list((await connection.execute(statement)).scalars())

        return list(asyncio.run(run(select)))

    return ask


def seen(value: Any) -> Any:
    """A value with its scale, so that 1.0 and 1.00 differ; floats to twelve digits."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, list):
        return [seen(each) for each in value]
    return round(value, 12) if isinstance(value, float) else value


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_an_expression_has_one_meaning(name: str, ask_sqlite: Ask, ask_postgresql: Ask) -> None:
    statement = sa.select(EXPRESSIONS[name]).order_by(c.id)
    if "divided" in name or "divide" in name or "remainder" in name:
        statement = statement.where(c.size != 0)
    assert [seen(value) for value in ask_sqlite(statement)] == [seen(value) for value in ask_postgresql(statement)]


@pytest.mark.parametrize("name", AGGREGATES)
def test_an_aggregate_has_one_meaning(name: str, ask_sqlite: Ask, ask_postgresql: Ask) -> None:
    statement = sa.select(AGGREGATES[name])
    assert [seen(value) for value in ask_sqlite(statement)] == [seen(value) for value in ask_postgresql(statement)]


@pytest.mark.parametrize("name", ORDERS)
def test_an_order_has_one_meaning(name: str, ask_sqlite: Ask, ask_postgresql: Ask) -> None:
    statement = sa.select(c.id).order_by(*ORDERS[name])
    assert ask_sqlite(statement) == ask_postgresql(statement)


@pytest.mark.parametrize("name", REFUSED)
def test_what_one_refuses_the_other_refuses_too(name: str, ask_sqlite: Ask, ask_postgresql: Ask) -> None:
    expression, state = REFUSED[name]
    statement = sa.select(expression).order_by(c.id)
    with pytest.raises(sa.exc.DBAPIError) as refused:
        ask_sqlite(statement)
    fault = getattr(refused.value.orig, "fault", None)
    assert isinstance(fault, DataFault | DatabaseFault)
    assert fault.state == state
    with pytest.raises(sa.exc.DBAPIError) as refused:
        ask_postgresql(statement)
    assert getattr(refused.value.orig, "sqlstate", None) == state


@pytest.fixture
async def naive(tmp_path: Path) -> AsyncIterator[tuple[SQLite, sa.Table]]:
    """A table whose moments are the database's to fill in."""
    metadata = sa.MetaData()
    table = sa.Table(
        "moments",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("made", sa.DateTime, server_default=func.now()),
        sa.Column("made_zoned", sa.DateTime(timezone=True), server_default=sa.text("CURRENT_TIMESTAMP")),
        sa.Column("soon", sa.DateTime, default=func.now() + timedelta(hours=1)),
        sa.Column("changed", sa.DateTime, onupdate=func.now()),
        sa.Column("changed_zoned", sa.DateTime(timezone=True), onupdate=func.now()),
        sa.Column("day", sa.Date, server_default=func.now()),
        sa.Column("token", sa.Uuid, server_default=func.gen_random_uuid()),
    )
    database = SQLite(f"sqlite:///{tmp_path}/test.db", settings=Settings(), metadata=metadata)
    await database.start()
    metadata.create_all(engine(database.url))
    yield database, table
    await database.close()


async def test_now_has_a_zone_only_where_the_column_has_one(naive: tuple[SQLite, sa.Table]) -> None:
    database, table = naive
    before = datetime.now(UTC) - timedelta(seconds=1)
    async with database.session() as session:
        await session.execute(table.insert().values(id=1))
        await session.execute(table.update().values(id=2))
        row = (await session.execute(sa.select(table))).one()
    after = datetime.now(UTC)
    assert before <= row.made_zoned <= after
    assert before <= row.changed_zoned <= after
    assert before <= row.made.replace(tzinfo=UTC) <= after
    assert before <= row.changed.replace(tzinfo=UTC) <= after
    assert before <= row.soon.replace(tzinfo=UTC) - timedelta(hours=1) <= after
    assert row.day in (before.date(), after.date())
    assert row.token.version == 4
    ((*texts,),) = await database.fetch("SELECT made, made_zoned, soon, changed, changed_zoned, day FROM moments", ())
    assert [str(text).endswith("+00:00") for text in texts] == [False, True, False, False, True, False]
    assert not any(str(text).removesuffix("+00:00").rpartition(".")[2].endswith("0") for text in texts if "." in text)


async def test_explicit_now_follows_its_column(naive: tuple[SQLite, sa.Table]) -> None:
    database, table = naive
    async with database.session() as session:
        await session.execute(table.insert().values(id=1, made=func.now(), made_zoned=func.now()))
        await session.execute(table.update().values(changed=func.now() - timedelta(days=1), changed_zoned=func.now()))
    ((*texts,),) = await database.fetch("SELECT made, made_zoned, changed, changed_zoned FROM moments", ())
    assert [str(text).endswith("+00:00") for text in texts] == [False, True, False, True]


async def test_random_values_are_new_each_time(naive: tuple[SQLite, sa.Table]) -> None:
    database, _ = naive
    async with database.session() as session:
        tokens = {await session.scalar(sa.select(func.gen_random_uuid())) for _ in range(100)}
        texts = {await session.scalar(sa.text(f"SELECT {RANDOM_UUID}")) for _ in range(10)}
        numbers = [await session.scalar(sa.select(func.random())) for _ in range(100)]
    assert len(tokens) == 100
    assert all(isinstance(token, UUID) and token.version == 4 for token in tokens)
    assert all(str(UUID(text)) == text for text in texts if text is not None)
    assert len(set(numbers)) == 100
    assert all(number is not None and 0 <= number < 1 for number in numbers)
