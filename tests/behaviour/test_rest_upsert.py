"""Upserts and PUT: rows that may be there already."""

from __future__ import annotations

from typing import Any

import pytest

from behaviour.door import Door

REPRESENTATION = "return=representation"


MERGE, IGNORE = "resolution=merge-duplicates", "resolution=ignore-duplicates"


def test_upsert_merges_by_the_key(art: Door) -> None:
    rows = [{"id": 1, "name": "BAROQUE"}, {"id": 9, "name": "pop"}]
    answer = art.ask("POST", "/styles", rows, prefer=f"{MERGE},{REPRESENTATION}")
    assert (answer.status, answer.json) == (201, rows)
    assert answer.applied == "resolution=merge-duplicates, return=representation"


def test_upsert_that_inserts_nothing_has_created_nothing(art: Door) -> None:
    answer = art.ask("POST", "/styles", [{"id": 1, "name": "x"}, {"id": 2, "name": "y"}], prefer=MERGE)
    assert (answer.status, answer.body) == (200, b"")
    assert art.rows("/styles?order=id&select=name") == [{"name": "x"}, {"name": "y"}, {"name": "still life"}]


def test_upsert_leaves_what_is_not_sent(art: Door) -> None:
    answer = art.ask(
        "POST",
        "/artists?select=id,name,born,mentor_id",
        {"id": 2, "name": "Gerrit Dou"},
        prefer=f"{MERGE},{REPRESENTATION}",
    )
    assert answer.json == [{"id": 2, "name": "Gerrit Dou", "born": "1613-04-07", "mentor_id": 1}]


def test_upsert_by_other_columns(art: Door) -> None:
    answer = art.ask(
        "POST",
        "/artists?on_conflict=name&select=id,name,born",
        [{"name": "Dou", "born": "1600-01-01"}, {"name": "Hals", "born": "1582-01-01"}],
        prefer=f"{MERGE},{REPRESENTATION}",
    )
    assert answer.status == 201
    dou, hals = answer.json
    assert dou == {"id": 2, "name": "Dou", "born": "1600-01-01"}
    assert hals.pop("id") > 4
    assert hals == {"name": "Hals", "born": "1582-01-01"}


def test_upsert_ignores_duplicates(art: Door) -> None:
    answer = art.ask(
        "POST",
        "/styles",
        [{"id": 1, "name": "x"}, {"id": 9, "name": "pop"}],
        prefer=f"{IGNORE},{REPRESENTATION},count=exact",
    )
    assert (answer.status, answer.json, answer.range) == (201, [{"id": 9, "name": "pop"}], "*/1")
    assert art.rows("/styles?id=eq.1") == [{"id": 1, "name": "baroque"}]
    answer = art.ask("POST", "/styles", {"id": 1, "name": "x"}, prefer=f"{IGNORE},{REPRESENTATION}")
    assert (answer.status, answer.json) == (201, [])


def test_upsert_of_nothing_but_the_key_changes_nothing_and_answers_with_the_row(art: Door) -> None:
    answer = art.ask("POST", "/rooms", {"building": "main", "number": 1}, prefer=f"{MERGE},{REPRESENTATION}")
    assert (answer.status, answer.json) == (200, [{"building": "main", "number": 1, "label": "Hall"}])
    assert art.rows("/rooms?building=eq.main&number=eq.1&select=label") == [{"label": "Hall"}]


def test_upsert_of_defaults_alone_inserts(art: Door) -> None:
    for resolution in (MERGE, IGNORE):
        answer = art.ask("POST", "/specimens?select=note", {}, prefer=f"{resolution},{REPRESENTATION}")
        assert (answer.status, answer.json) == (201, [{"note": None}])


def test_upsert_by_two_columns(art: Door) -> None:
    rows = [{"building": "main", "number": 1, "label": "Great Hall"}, {"building": "main", "number": 9, "label": "New"}]
    answer = art.ask("POST", "/rooms", rows, prefer=f"{MERGE},{REPRESENTATION}")
    assert (answer.status, answer.json) == (201, rows)


def test_upsert_twice_of_one_row_is_refused(art: Door) -> None:
    answer = art.ask("POST", "/styles", [{"id": 1, "name": "x"}, {"id": 1, "name": "y"}], prefer=MERGE)
    assert (answer.status, answer.json) == (
        400,
        {
            "code": "21000",
            "message": "ON CONFLICT DO UPDATE command cannot affect row a second time",
            "details": None,
            "hint": "Ensure that no rows proposed for insertion within the same command have duplicate constrained "
            "values.",
        },
    )
    assert art.rows("/styles?id=eq.1&select=name") == [{"name": "baroque"}]


def test_upsert_by_columns_that_are_not_unique_is_refused(art: Door) -> None:
    answer = art.ask("POST", "/styles?on_conflict=name", {"id": 9, "name": "pop"}, prefer=MERGE)
    assert (answer.status, answer.json) == (
        400,
        {
            "code": "42P10",
            "message": "there is no unique or exclusion constraint matching the ON CONFLICT specification",
            "details": None,
            "hint": None,
        },
    )


def test_without_a_resolution_a_duplicate_is_an_error(art: Door) -> None:
    assert art.ask("POST", "/artists?on_conflict=name", {"name": "Dou"}).status == 409


def test_put_inserts_or_replaces(art: Door) -> None:
    answer = art.ask("PUT", "/styles?id=eq.9", {"id": 9, "name": "pop"}, prefer=REPRESENTATION)
    assert (answer.status, answer.json, answer.range) == (201, [{"id": 9, "name": "pop"}], None)
    answer = art.ask("PUT", "/styles?id=eq.9", {"id": 9, "name": "op"}, prefer=REPRESENTATION)
    assert (answer.status, answer.json) == (200, [{"id": 9, "name": "op"}])
    answer = art.ask("PUT", "/styles?id=eq.9", {"id": 9, "name": "art"})
    assert (answer.status, answer.body) == (204, b"")
    answer = art.ask(
        "PUT",
        "/rooms?building=eq.main&number=eq.7",
        {"building": "main", "number": 7, "label": "x"},
        prefer=REPRESENTATION,
    )
    assert (answer.status, answer.json) == (201, [{"building": "main", "number": 7, "label": "x"}])


@pytest.mark.parametrize(
    ("url", "body", "status", "code", "message"),
    [
        ("/styles", {"id": 9, "name": "x"}, 405, "PGRST105", None),
        ("/styles?name=eq.x", {"id": 9, "name": "x"}, 405, "PGRST105", None),
        ("/styles?id=eq.9&name=eq.x", {"id": 9, "name": "x"}, 405, "PGRST105", None),
        ("/styles?id=gt.9", {"id": 9, "name": "x"}, 405, "PGRST105", None),
        ("/styles?id=not.eq.9", {"id": 9, "name": "x"}, 405, "PGRST105", None),
        ("/styles?and=(id.eq.9)", {"id": 9, "name": "x"}, 405, "PGRST105", None),
        ("/rooms?building=eq.main", {"building": "main", "number": 1}, 405, "PGRST105", None),
        ("/styles?id=eq.9&limit=1", {"id": 9, "name": "x"}, 400, "PGRST114", None),
        ("/styles?id=eq.9", {"id": 8, "name": "x"}, 400, "PGRST115", None),
        ("/styles?id=eq.9", {"name": "x"}, 400, "PGRST115", None),
        ("/styles?id=eq.9", [], 400, "PGRST115", None),
        ("/styles?id=eq.9", [{"id": 9, "name": "x"}, {"id": 9, "name": "x"}], 400, "PGRST115", None),
        ("/styles?id=eq.9", {"id": 9, "nosuch": "x"}, 400, "PGRST204", None),
    ],
)
def test_put_that_cannot_be_is_refused(
    art: Door, url: str, body: Any, status: int, code: str, message: str | None
) -> None:
    answer = art.ask("PUT", url, body)
    assert (answer.status, answer.code) == (status, code), answer.json
    assert art.rows("/styles?id=gt.3") == []
