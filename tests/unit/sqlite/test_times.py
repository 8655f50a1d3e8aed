"""Stored forms of dates, times and intervals, and arithmetic on them."""

from datetime import UTC, datetime, time, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstay.dialects.sqlite.functions.casts import (
    cast_boolean,
    cast_date,
    cast_float,
    cast_integer,
    cast_interval,
    cast_time,
    cast_timestamp,
    cast_timestamptz,
    cast_uuid,
)
from backstay.dialects.sqlite.functions.times import (
    date_add,
    date_sub,
    date_trunc,
    interval_number,
    interval_text,
    parse_interval,
    time_add,
    time_text,
    timestamp_add,
    timestamp_sub,
    timestamp_text,
)
from backstay.errors import DateOutOfRange, InvalidDate, InvalidLiteral, InvalidParameter, OutOfRange


def test_a_moment_is_shown_in_utc_without_trailing_zeros() -> None:
    assert timestamp_text(datetime(2024, 1, 1, tzinfo=UTC)) == "2024-01-01T00:00:00+00:00"
    assert timestamp_text(datetime(2024, 1, 1, 2, 0, 0, 123400, tzinfo=timezone(timedelta(hours=2)))) == (
        "2024-01-01T00:00:00.1234+00:00"
    )
    assert timestamp_text(datetime(2024, 1, 1, 0, 0, 0, 5)) == "2024-01-01T00:00:00.000005"
    assert time_text(time(12, 30, 0, 250000)) == "12:30:00.25"
    assert time_text(time(12, 30, 10)) == "12:30:10"
    assert time_text(time(12, 30, 0, 500000, tzinfo=UTC)) == "12:30:00.5+00:00"


@given(st.datetimes(), st.datetimes())
def test_stored_moments_sort_as_the_moments_do(one: datetime, other: datetime) -> None:
    assert (timestamp_text(one) < timestamp_text(other)) == (one < other)
    aware, later = one.replace(tzinfo=UTC), other.replace(tzinfo=UTC)
    assert (timestamp_text(aware) < timestamp_text(later)) == (aware < later)


@given(st.datetimes(timezones=st.just(UTC)))
def test_stored_moments_come_back(moment: datetime) -> None:
    assert datetime.fromisoformat(timestamp_text(moment)) == moment


@given(st.timedeltas())
def test_intervals_come_back_from_their_text(duration: timedelta) -> None:
    number = interval_number(duration)
    assert timedelta(microseconds=number) == duration
    shown = interval_text(number)
    assert shown is not None
    assert parse_interval(shown) == number


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("1 day 02:03:04.5", "1 day 02:03:04.5"),
        ("2 days", "2 days"),
        ("90 minutes", "01:30:00"),
        ("-1 day", "-1 days"),
        ("P1DT2H", "1 day 02:00:00"),
        ("-PT1M", "-00:01:00"),
        ("1 week 1 hour", "7 days 01:00:00"),
        ("00:00:00", "00:00:00"),
        ("30", "00:00:30"),
    ],
)
def test_intervals_are_read_and_shown_as_postgresql_shows_them(text: str, shown: str) -> None:
    assert interval_text(parse_interval(text)) == shown


@pytest.mark.parametrize("text", ["", "soon", "1 fortnight", "1 day later", "P", "1:2:3:4"])
def test_what_is_no_interval_is_refused(text: str) -> None:
    with pytest.raises(InvalidDate):
        parse_interval(text)


def test_moments_move_by_intervals() -> None:
    assert timestamp_add("2024-01-31T23:59:59.5+00:00", 500_000) == "2024-02-01T00:00:00+00:00"
    assert timestamp_add("2024-01-31", -1) == "2024-01-30T23:59:59.999999"
    assert timestamp_sub("2024-01-02T00:00:00+00:00", "2024-01-01T00:00:00") == 86_400_000_000
    assert date_add("2024-02-28", 2) == "2024-03-01"
    assert date_sub("2024-03-01", "2024-02-28") == 2
    assert time_add("23:00:00", 7_200_000_000) == "01:00:00"
    with pytest.raises(DateOutOfRange):
        timestamp_add("9999-12-31T23:59:59", 1_000_000)


@pytest.mark.parametrize(
    ("unit", "cut"),
    [
        ("microseconds", "2024-08-15T13:45:59.123456+00:00"),
        ("milliseconds", "2024-08-15T13:45:59.123+00:00"),
        ("second", "2024-08-15T13:45:59+00:00"),
        ("hour", "2024-08-15T13:00:00+00:00"),
        ("day", "2024-08-15T00:00:00+00:00"),
        ("week", "2024-08-12T00:00:00+00:00"),
        ("month", "2024-08-01T00:00:00+00:00"),
        ("quarter", "2024-07-01T00:00:00+00:00"),
        ("year", "2024-01-01T00:00:00+00:00"),
    ],
)
def test_moments_are_cut_to_a_unit(unit: str, cut: str) -> None:
    assert date_trunc(unit, "2024-08-15T13:45:59.123456+00:00") == cut


def test_an_unknown_unit_is_refused() -> None:
    with pytest.raises(InvalidParameter, match="fortnight"):
        date_trunc("fortnight", "2024-01-01")


def test_casts_convert_what_postgresql_converts() -> None:
    assert cast_integer("12") == 12
    assert cast_integer(2.5) == 2
    assert cast_float("1e3") == 1000.0
    assert [cast_boolean(value) for value in ("yes", "F", 0, 3)] == [1, 0, 0, 1]
    assert cast_uuid("A0EEBC999C0B4EF8BB6D6BB9BD380A11") == "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"
    assert cast_date("2024-05-06T23:00:00+00:00") == "2024-05-06"
    assert cast_time("2024-05-06T23:00:00+00:00") == "23:00:00"
    assert cast_timestamp("2024-05-06T23:00:00+02:00") == "2024-05-06T21:00:00"
    assert cast_timestamptz("2024-05-06") == "2024-05-06T00:00:00+00:00"
    assert cast_interval("1 hour") == 3_600_000_000


@pytest.mark.parametrize("cast", [cast_integer, cast_float, cast_boolean, cast_uuid])
def test_casts_refuse_what_postgresql_refuses(cast: object) -> None:
    assert callable(cast)
    assert cast(None) is None
    with pytest.raises(InvalidLiteral, match=r'invalid input syntax for type .*: "abc"'):
        cast("abc")


@pytest.mark.parametrize("cast", [cast_date, cast_time, cast_timestamp, cast_timestamptz, cast_interval])
def test_casts_refuse_bad_dates(cast: object) -> None:
    assert callable(cast)
    with pytest.raises(InvalidDate):
        cast("abc")


def test_a_whole_number_must_fit_sixty_four_bits() -> None:
    with pytest.raises(OutOfRange):
        cast_integer(str(2**63))
