"""Time zones: what is one, and what clocks show in it. What PostgreSQL makes of them is in tests/behaviour."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from backstay.schema.kind import DATE, TIMESTAMP, TIMESTAMPTZ
from backstay.schema.kind.zone import ZONE, Zone, find_zone, in_zone, json_in, moment_of, text_in


def zone(name: str) -> Zone:
    found = find_zone(name)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("UTC", "12:00:00+00:00"),
        ("europe/berlin", "14:00:00+02:00"),
        ("-3", "09:00:00-03:00"),
        ("5.5", "17:30:00+05:30"),
        ("+05:30", "06:30:00-05:30"),
        ("-03:00", "15:00:00+03:00"),
        ("UTC+3", "09:00:00-03:00"),
        ("Etc/GMT+3", "09:00:00-03:00"),
        ("<+05>-5", "17:00:00+05:00"),
    ],
)
def test_a_zone_is_a_name_or_hours_and_in_posix_form_counts_west(name: str, shown: str) -> None:
    assert json_in("2024-07-01T12:00:00+00:00", zone(name)) == f"2024-07-01T{shown}"


@pytest.mark.parametrize(
    "name",
    [
        *("", " UTC", "Mars/Base", "+0530", "+05:60", "168", "inf", "+", "localtime", "posixrules"),
        *("posix/Europe/Berlin", "right/Europe/Berlin", "../UTC", "/etc/localtime", "Europe", "Europe/Berlin\0"),
        *("UTC'", "\N{ARABIC-INDIC DIGIT THREE}", "x" * 65),
    ],
)
def test_anything_else_is_none(name: str) -> None:
    assert find_zone(name) is None


def test_postgresql_is_given_the_name_as_the_database_of_zones_writes_it() -> None:
    assert zone("AMERICA/new_york").name == "America/New_York"


@pytest.mark.parametrize(
    ("name", "moment", "json", "text"),
    [
        ("CET", "2024-03-31T00:59:59.999999", "2024-03-31T01:59:59.999999+01:00", "2024-03-31 01:59:59.999999+01"),
        ("Europe/Berlin", "2024-03-31T01:00:00", "2024-03-31T03:00:00+02:00", "2024-03-31 03:00:00+02"),
        ("Europe/Berlin", "1850-01-01T00:00:00.1", "1850-01-01T00:53:28.1+00:53:28", "1850-01-01 00:53:28.1+00:53:28"),
        ("Asia/Kathmandu", "2024-01-01T00:00:00", "2024-01-01T05:45:00+05:45", "2024-01-01 05:45:00+05:45"),
        ("-12", "0001-01-01T00:00:00", "0001-12-31T12:00:00-12:00 BC", "0001-12-31 12:00:00-12 BC"),
        ("+12", "9999-12-31T12:00:00", "10000-01-01T00:00:00+12:00", "10000-01-01 00:00:00+12"),
    ],
)  # fmt: skip
def test_moments_are_shown_as_postgresql_shows_them(name: str, moment: str, json: str, text: str) -> None:
    assert json_in(f"{moment}+00:00", zone(name)) == json
    assert text_in(f"{moment}+00:00", zone(name)) == text


def test_an_hour_that_comes_twice_is_the_later_one_and_one_left_out_is_counted_from_before() -> None:
    berlin = zone("Europe/Berlin")
    assert moment_of(datetime(2024, 10, 27, 2, 30), berlin) == datetime(2024, 10, 27, 1, 30)
    assert moment_of(datetime(2024, 3, 31, 2, 30), berlin) == datetime(2024, 3, 31, 1, 30)
    assert berlin.offset_on(datetime(2024, 7, 1)) == timedelta(hours=2)


def test_literals_without_an_offset_are_read_in_the_zone_of_the_request() -> None:
    with in_zone(zone("America/New_York")):
        assert TIMESTAMPTZ.read("2024-07-01T12:00:00") == "2024-07-01T16:00:00+00:00"
        assert TIMESTAMPTZ.take("2024-01-01") == "2024-01-01T05:00:00+00:00"
        for literal in ("2024-07-01T12:00:00Z", "2024-07-01T12:00:00 utc", "2024-07-01T13:00:00+01"):
            assert TIMESTAMPTZ.read(literal) == "2024-07-01T12:00:00+00:00"
        assert TIMESTAMP.read("2024-07-01T12:00:00") == "2024-07-01T12:00:00"
        assert DATE.read("2024-07-01T23:00:00") == "2024-07-01"
    assert ZONE.get() is None
    assert TIMESTAMPTZ.read("2024-07-01T12:00:00") == "2024-07-01T12:00:00+00:00"
