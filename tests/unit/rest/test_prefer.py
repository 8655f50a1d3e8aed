"""A.14: the Prefer header."""

from __future__ import annotations

import pytest

from backstay.errors import InvalidParameter
from backstay.frontends.rest.prefer import Ending, Handling, Preferences, Returning, applied, read_preferences
from backstay.query.nodes import Count, Missing, Resolution
from backstay.settings import Settings
from unit.rest.ask import ask, code, refusal


@pytest.mark.parametrize(
    ("header", "preferences"),
    [
        ("", Preferences()),
        ("return=minimal", Preferences(Returning.MINIMAL)),
        ("return=headers-only", Preferences(Returning.HEADERS)),
        ("return=representation", Preferences(Returning.REPRESENTATION)),
        ("resolution=merge-duplicates", Preferences(resolution=Resolution.MERGE)),
        ("resolution=ignore-duplicates", Preferences(resolution=Resolution.IGNORE)),
        ("missing=default", Preferences(missing=Missing.DEFAULT)),
        ("missing=null", Preferences(missing=Missing.NULL)),
        ("count=exact", Preferences(count=Count.EXACT)),
        ("count=planned", Preferences(count=Count.PLANNED)),
        ("count=estimated", Preferences(count=Count.ESTIMATED)),
        ("tx=commit", Preferences(ending=Ending.COMMIT)),
        ("tx=rollback", Preferences(ending=Ending.ROLLBACK)),
        ("handling=strict", Preferences(handling=Handling.STRICT)),
        ("handling=lenient", Preferences(handling=Handling.LENIENT)),
        ("timezone=Europe/Berlin", Preferences(timezone="Europe/Berlin")),
        ("max-affected=5", Preferences(max_affected=5)),
        ("count=none", Preferences(unknown=("count=none",))),
        ("return=everything, respond-async", Preferences(unknown=("return=everything", "respond-async"))),
        ("max-affected=x, max-affected=-1", Preferences(unknown=("max-affected=x", "max-affected=-1"))),
    ],
)
def test_a_preference_is_understood_or_kept_as_unknown(header: str, preferences: Preferences) -> None:
    assert read_preferences(header, override=True) == preferences


def test_the_first_of_a_kind_wins_and_spaces_are_free() -> None:
    read = read_preferences(" count=exact ,return=foo,return=minimal,,  count=planned,return=representation ")
    assert (read.count, read.returning, read.unknown) == (Count.EXACT, Returning.MINIMAL, ("return=foo",))


def test_how_a_transaction_ends_is_the_callers_choice_only_where_the_server_allows() -> None:
    assert not ask("GET", "/notes", prefer="tx=rollback").preferences.rollback
    assert ask("GET", "/notes", settings=Settings(transaction_override=True), prefer="tx=rollback").preferences.rollback


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PATCH", "DELETE", "PUT"])
def test_strict_handling_refuses_what_is_unknown(method: str) -> None:
    error = refusal(method, "/notes", b"{}", prefer="handling=strict, a=b, count=exact, tx=rollback, c")
    assert code(error) == (400, "PGRST122")
    assert error.message == "Invalid preferences given with handling=strict"
    assert error.detail == "Invalid preferences: a=b, c"


def test_lenient_handling_ignores_what_is_unknown() -> None:
    assert ask("GET", "/notes", prefer="handling=lenient, x").preferences.unknown == ("x",)
    assert ask("GET", "/notes", prefer="x").preferences.unknown == ("x",)


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "+05:30", "-08", "5.5"])
def test_a_time_zone_is_a_name_or_an_offset(zone: str) -> None:
    assert ask("GET", "/notes", prefer=f"timezone={zone}").preferences.timezone == zone


@pytest.mark.parametrize(
    "zone", ["", "Mars/Base", "../../etc/passwd", "/etc/localtime", "America", "+199:00", "+0530", "x" * 999]
)
def test_an_unknown_time_zone_is_22023(zone: str) -> None:
    error = refusal("GET", "/notes", prefer=f"timezone={zone}")
    assert isinstance(error, InvalidParameter)
    assert code(error) == (400, "22023")
    assert error.message == f'invalid value for parameter "TimeZone": "{zone}"'


# Preference-Applied ------------------------------------------------------------------------------------------

EVERYTHING = (
    "max-affected=3, timezone=UTC, handling=strict, tx=commit, count=exact, return=minimal, missing=null, "
    "resolution=merge-duplicates"
)


@pytest.mark.parametrize(
    ("method", "url", "value"),
    [
        ("GET", "/notes", "count=exact, tx=commit, handling=strict, timezone=UTC"),
        ("HEAD", "/notes", "count=exact, tx=commit, handling=strict, timezone=UTC"),
        ("POST", "/notes", "resolution=merge-duplicates, missing=null, return=minimal, count=exact, tx=commit, "
                           "handling=strict, timezone=UTC"),
        ("PATCH", "/notes", "missing=null, return=minimal, count=exact, tx=commit, handling=strict, "
                            "timezone=UTC, max-affected=3"),
        ("PUT", "/notes", "return=minimal, count=exact, tx=commit, handling=strict, timezone=UTC"),
        ("DELETE", "/notes", "return=minimal, count=exact, tx=commit, handling=strict, timezone=UTC, max-affected=3"),
        ("POST", "/rpc/f", "count=exact, tx=commit, handling=strict, timezone=UTC, max-affected=3"),
        ("GET", "/rpc/f", "count=exact, tx=commit, handling=strict, timezone=UTC, max-affected=3"),
    ],
)  # fmt: skip
def test_what_had_a_say_is_told_in_a_fixed_order(method: str, url: str, value: str) -> None:
    asked = ask(method, url, b"{}", Settings(transaction_override=True), prefer=EVERYTHING)
    assert applied(asked.preferences, asked.query) == value


def test_a_resolution_is_told_only_where_there_is_a_key() -> None:
    asked = ask("POST", "/notes", b"{}", prefer="resolution=merge-duplicates")
    assert applied(asked.preferences, asked.query, keyed=False) is None
    asked = ask("POST", "/notes?on_conflict=a", b"{}", prefer="resolution=merge-duplicates")
    assert applied(asked.preferences, asked.query, keyed=False) == "resolution=merge-duplicates"


def test_a_limit_is_told_only_where_it_is_strict() -> None:
    asked = ask("DELETE", "/notes", prefer="max-affected=3, count=exact")
    assert applied(asked.preferences, asked.query) == "count=exact"


@pytest.mark.parametrize("prefer", ["", "x", "tx=rollback", "return=minimal"])
def test_where_nothing_had_a_say_nothing_is_told(prefer: str) -> None:
    asked = ask("GET", "/notes", prefer=prefer)
    assert applied(asked.preferences, asked.query) is None
