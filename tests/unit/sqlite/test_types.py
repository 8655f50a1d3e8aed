"""Every type: what is stored, what comes back, and in which order."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, auto
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import postgresql

from backstay.dialects.sqlite.connect import SQLite
from backstay.dialects.sqlite.dialect import SQLiteDialect
from backstay.dialects.sqlite.types import array_text
from backstay.errors import InvalidLiteral

Open = Callable[..., Awaitable[SQLite]]
PLUS_TWO = timezone(timedelta(hours=2))
ONE = UUID("0f8fad5b-d9cb-469f-a165-70867728950e")
TWO = UUID("7c9e6679-7425-40de-944b-e07fc1f90ae7")


class Color(Enum):
    RED = auto()
    GREEN = auto()


CASES: Sequence[tuple[Any, Any, Any]] = (
    # type, value, stored
    (sa.Uuid(), ONE, "0f8fad5b-d9cb-469f-a165-70867728950e"),
    (sa.Uuid(as_uuid=False), str(TWO), "7c9e6679-7425-40de-944b-e07fc1f90ae7"),
    (postgresql.UUID(), TWO, "7c9e6679-7425-40de-944b-e07fc1f90ae7"),
    (
        sa.DateTime(timezone=True),
        datetime(2024, 1, 1, 2, 0, 0, 123456, tzinfo=PLUS_TWO),
        "2024-01-01T00:00:00.123456+00:00",
    ),
    (sa.DateTime(timezone=True), datetime(2024, 1, 1, tzinfo=UTC), "2024-01-01T00:00:00+00:00"),
    (postgresql.TIMESTAMP(timezone=True), datetime(2024, 1, 1, tzinfo=UTC), "2024-01-01T00:00:00+00:00"),
    (sa.DateTime(), datetime(2024, 1, 1, 10, 0, 0, 500000), "2024-01-01T10:00:00.5"),
    (sa.Date(), date(2024, 2, 29), "2024-02-29"),
    (sa.Time(), time(23, 59, 59, 120000), "23:59:59.12"),
    (sa.Interval(), timedelta(days=1, microseconds=5), 86_400_000_005),
    (postgresql.INTERVAL(), timedelta(seconds=-1), -1_000_000),
    (sa.Numeric(12, 2), Decimal("1.10"), "1.10"),
    (sa.Numeric(), Decimal("123456789012345678901234567890.123456789"), "123456789012345678901234567890.123456789"),
    (sa.Numeric(12, 2), Decimal("7"), "7.00"),
    (sa.Integer(), 2**31 - 1, 2**31 - 1),
    (sa.BigInteger(), -(2**63), -(2**63)),
    (sa.SmallInteger(), 5, 5),
    (sa.Float(), 0.1, 0.1),
    (sa.Double(), 1e300, 1e300),
    (sa.Boolean(), True, 1),
    (sa.Boolean(), False, 0),
    (sa.String(10), "häßlich\n", "häßlich\n"),
    (sa.Text(), "", ""),
    (sa.Enum(Color), Color.GREEN, "GREEN"),
    (postgresql.ENUM(Color, name="color"), Color.RED, "RED"),
    (sa.LargeBinary(), b"\x00\xff", b"\x00\xff"),
    (postgresql.BYTEA(), b"", b""),
    (sa.JSON(), {"a": [1, None, "é"]}, '{"a":[1,null,"é"]}'),
    (postgresql.JSONB(), [1.5, True], "[1.5,true]"),
    (sa.JSON(), 5, "5"),
    (sa.ARRAY(sa.Integer), [1, None, 3], "[1,null,3]"),
    (postgresql.ARRAY(sa.Text), ["a", 'b"'], '["a","b\\""]'),
    (postgresql.ARRAY(sa.Integer, dimensions=2), [[1, 2], [3, 4]], "[[1,2],[3,4]]"),
    (postgresql.ARRAY(sa.Numeric), [Decimal("1.10"), Decimal(2)], "[1.10,2]"),
    (postgresql.ARRAY(sa.Uuid), [ONE], '["0f8fad5b-d9cb-469f-a165-70867728950e"]'),
    (postgresql.ARRAY(sa.Date), [date(2024, 1, 2)], '["2024-01-02"]'),
    (postgresql.ARRAY(sa.Boolean), [True, False], "[true,false]"),
    (postgresql.ARRAY(sa.Enum(Color)), [Color.RED], '["RED"]'),
    (postgresql.ARRAY(sa.Float), [1.5, 2.0], "[1.5,2.0]"),
    (postgresql.ARRAY(sa.JSON), [{"a": 1.5}], '[{"a":1.5}]'),
    (postgresql.ARRAY(sa.LargeBinary), [b"\x01"], '["\\\\x01"]'),
)


async def test_every_type_is_stored_as_the_wire_shows_it_and_comes_back(open_database: Open) -> None:
    metadata = sa.MetaData()
    columns = [sa.Column(f"c{number}", type_) for number, (type_, _, _) in enumerate(CASES)]
    table = sa.Table("samples", metadata, sa.Column("id", sa.Integer, primary_key=True), *columns)
    database = await open_database(metadata)
    values = {f"c{number}": value for number, (_, value, _) in enumerate(CASES)}
    async with database.session() as session:
        await session.execute(table.insert().values(values))
        row = (await session.execute(sa.select(*table.c[1:]))).one()
    assert list(row) == [value for _, value, _ in CASES]
    assert [type(each) for each in row] == [type(value) for _, value, _ in CASES]
    ((_, *stored),) = await database.fetch("SELECT * FROM samples", ())
    assert stored == [stored for _, _, stored in CASES]


async def test_null_is_null_in_every_type(open_database: Open) -> None:
    metadata = sa.MetaData()
    columns = [sa.Column(f"c{number}", type_) for number, (type_, _, _) in enumerate(CASES)]
    table = sa.Table("samples", metadata, sa.Column("id", sa.Integer, primary_key=True), *columns)
    database = await open_database(metadata)
    async with database.session() as session:
        nothing = {column.name: sa.null() for column in columns}
        await session.execute(table.insert().values(id=1, **nothing))
        assert set((await session.execute(sa.select(*table.c[1:]))).one()) == {None}


async def ordered(open_database: Open, type_: Any, values: Sequence[Any]) -> list[Any]:
    metadata = sa.MetaData()
    table = sa.Table("samples", metadata, sa.Column("value", type_))
    database = await open_database(metadata)
    async with database.session() as session:
        await session.execute(table.insert(), [{"value": value} for value in values])
        return list(await session.scalars(sa.select(table.c.value).order_by(table.c.value)))


@pytest.mark.parametrize(
    ("type_", "values"),
    [
        (sa.Numeric(), [Decimal(text) for text in ("-10", "-9.5", "0", "0.05", "9", "10", "100.00")]),
        (sa.Interval(), [timedelta(days=-1), timedelta(0), timedelta(microseconds=1), timedelta(days=400)]),
        (sa.DateTime(), [datetime(2024, 1, 1), datetime(2024, 1, 1, 0, 0, 0, 5), datetime(2024, 1, 1, 0, 0, 1)]),
        (
            sa.DateTime(timezone=True),
            [
                datetime(1, 1, 2, tzinfo=UTC),
                datetime(2024, 1, 1, 1, tzinfo=PLUS_TWO),
                datetime(2024, 1, 1, tzinfo=UTC),
                datetime(2024, 1, 1, 0, 0, 0, 500000, tzinfo=UTC),
                datetime(9999, 12, 31, tzinfo=UTC),
            ],
        ),
        (sa.Time(), [time(0), time(0, 0, 0, 1), time(12, 30), time(23, 59, 59, 999999)]),
        (sa.Uuid(), sorted([ONE, TWO])),
    ],
)
async def test_values_sort_as_what_they_stand_for(open_database: Open, type_: Any, values: Sequence[Any]) -> None:
    found = await ordered(open_database, type_, list(reversed(values)))
    assert found == list(values)


async def test_equal_decimals_are_equal_in_filters_keys_groups_and_extremes(open_database: Open) -> None:
    metadata = sa.MetaData()
    table = sa.Table("prices", metadata, sa.Column("price", sa.Numeric(), unique=True), sa.Column("kind", sa.Integer))
    database = await open_database(metadata)
    async with database.session() as session:
        await session.execute(
            table.insert(), [{"price": Decimal(text), "kind": 1} for text in ("1.10", "9", "10", "-3")]
        )
        scalar = session.scalar
        price = table.c.price
        assert await scalar(sa.select(sa.func.count()).where(price == Decimal("1.1"))) == 1
        assert await scalar(sa.select(sa.func.count()).where(price > 9)) == 1
        assert await scalar(sa.select(sa.func.count()).where(price.in_([Decimal("9.00"), Decimal("1.1")]))) == 2
        assert await scalar(sa.select(sa.func.count()).where(price.between(1, 9.5))) == 2
        assert await scalar(sa.select(sa.func.max(price))) == Decimal(10)
        assert await scalar(sa.select(sa.func.min(price))) == Decimal(-3)
        assert await scalar(sa.select(sa.func.sum(price)).group_by(table.c.kind)) == Decimal("17.10")
    with pytest.raises(sa.exc.IntegrityError):
        async with database.session() as session:
            await session.execute(table.insert().values(price=Decimal("1.100")))


async def test_a_column_is_fitted_to_its_size_but_a_comparison_is_not(open_database: Open) -> None:
    metadata = sa.MetaData()
    table = sa.Table("prices", metadata, sa.Column("price", sa.Numeric(6, 2)), sa.Column("count", sa.Integer))
    database = await open_database(metadata)
    async with database.session() as session:
        await session.execute(table.insert().values(price=Decimal("1.005"), count=1))
        assert await session.scalar(sa.select(table.c.price)) == Decimal("1.01")
        assert await session.scalar(sa.select(sa.func.count()).where(table.c.price > Decimal("1.009"))) == 1
        assert await session.scalar(sa.select(sa.func.count()).where(table.c.price == Decimal("1.005"))) == 0
    for wrong in ({"price": Decimal("10000")}, {"count": 2**31}):
        with pytest.raises(sa.exc.DataError, match=r"numeric field overflow|integer out of range"):
            async with database.session() as session:
                await session.execute(table.insert().values(**wrong))


@given(st.lists(st.decimals(allow_nan=False, allow_infinity=False, places=4), max_size=5))
def test_arrays_of_decimals_keep_every_digit(values: list[Decimal]) -> None:
    dialect = SQLiteDialect()
    stored = array_text(values, sa.Numeric(), dialect)
    load = sa.ARRAY(sa.Numeric).dialect_impl(dialect).result_processor(dialect, None)
    assert load is not None
    assert load(stored) == values


def bound(type_: Any, value: Any) -> Any:
    dialect = SQLiteDialect()
    process = type_.dialect_impl(dialect).bind_processor(dialect)
    assert process is not None
    return process(value)


def test_what_no_type_takes_is_refused() -> None:
    with pytest.raises(InvalidLiteral, match="NaN"):
        bound(sa.Numeric(), Decimal("NaN"))
    with pytest.raises(InvalidLiteral, match="NaN"):
        bound(sa.Float(), float("nan"))
    with pytest.raises(TypeError, match="without tzinfo"):
        bound(sa.DateTime(), datetime(2024, 1, 1, tzinfo=UTC))
    with pytest.raises(ValueError, match="badly formed"):
        bound(sa.Uuid(), "abc")


def test_a_naive_moment_for_a_column_with_zone_is_local_time() -> None:
    naive = datetime(2024, 6, 1, 12)
    assert datetime.fromisoformat(bound(sa.DateTime(timezone=True), naive)) == naive.astimezone(UTC)


def test_a_moment_given_for_a_date_is_cut_and_a_date_for_a_moment_is_midnight() -> None:
    assert bound(sa.Date(), datetime(2024, 1, 1, 12)) == "2024-01-01"
    assert bound(sa.DateTime(), date(2024, 1, 1)) == "2024-01-01T00:00:00"


class Wrapped(sa.types.TypeDecorator[Decimal]):
    """A user's own type over one of ours."""

    impl = sa.Numeric(10, 2)
    cache_ok = True


async def test_a_users_own_type_over_a_decimal_is_one(open_database: Open) -> None:
    metadata = sa.MetaData()
    table = sa.Table("prices", metadata, sa.Column("price", Wrapped))
    database = await open_database(metadata)
    async with database.session() as session:
        await session.execute(table.insert(), [{"price": Decimal("9.999")}, {"price": 10}, {"price": Decimal("2")}])
        prices = list(await session.scalars(sa.select(table.c.price).order_by(table.c.price)))
        assert prices == [Decimal("2.00"), Decimal("10.00"), Decimal("10.00")]
        assert await session.scalar(sa.select(sa.func.sum(table.c.price + 1))) == Decimal("25.00")
