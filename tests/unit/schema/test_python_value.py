"""A value in the wire's form becomes what SQLAlchemy code holds for it."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, auto
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeDecorator, TypeEngine

from backstay.errors import DateOutOfRange
from backstay.schema.kind import kind_of
from backstay.schema.python_value import python_value

ID = UUID("6f1c3f0e-9b1a-4a62-8ed5-3d5f0f8a2b11")


class Colour(Enum):
    RED = auto()
    DARK_BLUE = auto()


class Shouted(TypeDecorator[str]):
    """Lower case in the program, upper case in the database."""

    impl = sa.String
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Any) -> str | None:
        return None if value is None else value.upper()

    def process_result_value(self, value: str | None, dialect: Any) -> str | None:
        return None if value is None else value.lower()


VALUES: list[tuple[TypeEngine[Any], Any]] = [
    (sa.Integer(), 7),
    (sa.BigInteger(), 2**40),
    (sa.Boolean(), True),
    (sa.Text(), "a ü"),
    (sa.String(20), "short"),
    (sa.Uuid(), ID),
    (sa.Uuid(as_uuid=False), str(ID)),
    (sa.Numeric(10, 2), Decimal("12.50")),
    (sa.Numeric(10, 2, asdecimal=False), 12.5),
    (sa.Float(), 0.25),
    (sa.Float(asdecimal=True), Decimal("0.25")),
    (sa.Date(), date(2024, 2, 29)),
    (sa.DateTime(), datetime(2024, 2, 29, 12, 30, 0, 500_000)),
    (sa.DateTime(timezone=True), datetime(2024, 2, 29, 12, 30, tzinfo=UTC)),
    (sa.Time(), time(23, 59, 59, 120_000)),
    (sa.Time(timezone=True), time(23, 59, tzinfo=timezone(timedelta(hours=2)))),
    (sa.Interval(), timedelta(days=3, hours=4, microseconds=5)),
    (postgresql.INTERVAL(), timedelta(days=-1, seconds=5)),
    (sa.Enum(Colour), Colour.DARK_BLUE),
    (sa.Enum("small", "large", name="size"), "large"),
    (sa.JSON(), {"a": [1, None, "x"], "b": {"c": 1.5}}),
    (postgresql.JSONB(), [True, {"k": "v"}]),
    (sa.ARRAY(sa.Integer), [1, 2]),
    (sa.ARRAY(sa.Uuid, dimensions=2), [[ID], [ID]]),
    (sa.ARRAY(sa.Date, as_tuple=True), (date(2024, 1, 1),)),
    (sa.JSON().with_variant(sa.ARRAY(sa.Numeric), "postgresql"), [Decimal("1.10")]),
    (sa.LargeBinary(), b"\x00\xff"),
    (Shouted(), "quiet"),
]


@pytest.mark.parametrize(("type_", "value"), VALUES, ids=lambda each: repr(each)[:40])
def test_python_value_is_the_inverse_of_dump(type_: TypeEngine[Any], value: Any) -> None:
    found = python_value(type_, kind_of(type_).dump(value))
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("type_", [type_ for type_, _ in VALUES], ids=repr)
def test_null_is_none(type_: TypeEngine[Any]) -> None:
    assert python_value(type_, None) is None


def test_enum_by_values_takes_its_labels() -> None:
    type_ = sa.Enum(Colour, values_callable=lambda members: [each.name.lower() for each in members])
    assert python_value(type_, "dark_blue") is Colour.DARK_BLUE


def test_time_at_the_end_of_the_day_is_refused() -> None:
    with pytest.raises(DateOutOfRange, match="24:00:00"):
        python_value(sa.Time(), "24:00:00")
