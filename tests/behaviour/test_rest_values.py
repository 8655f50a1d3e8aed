"""Values of each kind on their way into the database, and those that it would not take."""

from __future__ import annotations

from typing import Any

import pytest

from behaviour.door import Door

REPRESENTATION = "return=representation"


VALUES: dict[str, Any] = {
    "small": 3,
    "big": 9007199254740993,
    "ratio": 0.25,
    "exact": 1.10,
    "cents": 5,
    "flag": False,
    "note": "x'y\"z\\ü🦊",
    "code": "abcde",
    "day": "2026-01-31",
    "moment": "2026-01-31T10:20:30.5",
    "instant": "2026-01-31T10:20:30.5+00:00",
    "clock": "10:20:30",
    "span": "2 days 01:00:00",
    "blob": "\\x0001ff",
    "uid": "11111111-2222-4333-8444-555555555555",
    "mood": "SAD",
    "data": {"x": [1, None, {"y": "z"}]},
    "words": ["a", 'b"c', "", "NULL"],
    "numbers": [3, 2, 1],
}


@pytest.mark.parametrize("name", VALUES)
def test_a_value_of_each_kind_comes_back_as_it_was_given(art: Door, name: str) -> None:
    answer = art.ask("POST", f"/specimens?select={name}", {"id": 9, name: VALUES[name]}, prefer=REPRESENTATION)
    assert (answer.status, answer.json) == (201, [{name: VALUES[name]}])
    answer = art.ask("PATCH", f"/specimens?select={name}&id=eq.2", {name: VALUES[name]}, prefer=REPRESENTATION)
    assert answer.json == [{name: VALUES[name]}]
    answer = art.ask("PATCH", f"/specimens?select={name}&id=eq.2", {name: None}, prefer=REPRESENTATION)
    assert answer.json == [{name: None}]


def test_values_of_each_kind_in_bulk(art: Door) -> None:
    rows = [{"id": 9, **VALUES}, {"id": 10, **dict.fromkeys(VALUES)}]
    answer = art.ask("POST", f"/specimens?select=id,{','.join(VALUES)}", rows, prefer=REPRESENTATION)
    assert answer.json == rows


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ({"cents": 1.005}, {"cents": 1.01}),
        ({"cents": "2.5"}, {"cents": 2.5}),
        ({"small": "12"}, {"small": 12}),
        ({"flag": "yes"}, {"flag": True}),
        ({"note": 12}, {"note": "12"}),
        ({"note": True}, {"note": "true"}),
        ({"instant": "2026-01-31T12:20:30+02:00"}, {"instant": "2026-01-31T10:20:30+00:00"}),
        ({"instant": "2026-01-31 10:20Z"}, {"instant": "2026-01-31T10:20:00+00:00"}),
        ({"uid": "11111111222243338444555555555555"}, {"uid": "11111111-2222-4333-8444-555555555555"}),
        ({"span": "90 minutes"}, {"span": "01:30:00"}),
        ({"data": "text"}, {"data": "text"}),
        ({"data": 0}, {"data": 0}),
        ({"words": "{a,b}"}, {"words": ["a", "b"]}),
        ({"code": "abc  "}, {"code": "abc  "}),
        ({"code": "abcde   "}, {"code": "abcde"}),
    ],
)
def test_values_are_taken_as_postgresql_takes_them(art: Door, given: dict[str, Any], shown: dict[str, Any]) -> None:
    (name,) = given
    answer = art.ask("POST", f"/specimens?select={name}", {"id": 9, **given}, prefer=REPRESENTATION)
    assert answer.json == [shown]


@pytest.mark.parametrize(
    ("body", "status", "code", "message"),
    [
        ({"small": "x"}, 400, "22P02", 'invalid input syntax for type smallint: "x"'),
        ({"small": 40000}, 400, "22003", 'value "40000" is out of range for type smallint'),
        ({"small": 1.5}, 400, "22P02", 'invalid input syntax for type smallint: "1.5"'),
        ({"small": {}}, 400, "22P02", 'invalid input syntax for type smallint: "{}"'),
        ({"code": "abcdef"}, 400, "22001", "value too long for type character varying(5)"),
        ({"cents": 123456789.5}, 400, "22003", "numeric field overflow"),
        ({"uid": "x"}, 400, "22P02", 'invalid input syntax for type uuid: "x"'),
        ({"mood": "ANGRY"}, 400, "22P02", 'invalid input value for enum mood: "ANGRY"'),
        ({"day": "2026-13-01"}, 400, "22008", 'date/time field value out of range: "2026-13-01"'),
        ({"instant": "noon-ish"}, 400, "22007", 'invalid input syntax for type timestamp with time zone: "noon-ish"'),
        ({"flag": 2}, 400, "22P02", 'invalid input syntax for type boolean: "2"'),
        ({"note": "a\0b"}, 400, "22P05", "unsupported Unicode escape sequence"),
        ({"nosuch": 1}, 400, "PGRST204", "Could not find the 'nosuch' column of 'specimens' in the schema cache"),
    ],
)
def test_row_that_cannot_be_is_refused(art: Door, body: dict[str, Any], status: int, code: str, message: str) -> None:
    for method, url in (("POST", "/specimens"), ("PATCH", "/specimens?id=eq.1")):
        answer = art.ask(method, url, body)
        assert (answer.status, answer.code, answer.json["message"]) == (status, code, message)
