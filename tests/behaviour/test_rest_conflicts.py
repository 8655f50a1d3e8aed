"""Writes that a constraint refuses, told as PostgreSQL tells them."""

from __future__ import annotations

from typing import Any

import pytest

from behaviour.door import Door


@pytest.mark.parametrize(
    ("body", "details"),
    [
        (
            {"id": 1, "name": "x"},
            ("23505", 'duplicate key value violates unique constraint "artists_pkey"', "Key (id)=(1) already exists."),
        ),
        (
            {"id": 9, "name": "Dou"},
            (
                "23505",
                'duplicate key value violates unique constraint "artists_name_key"',
                "Key (name)=(Dou) already exists.",
            ),
        ),
        (
            {"id": 9, "name": "x", "mentor_id": 99},
            (
                "23503",
                'insert or update on table "artists" violates foreign key constraint "artists_mentor_id_fkey"',
                'Key (mentor_id)=(99) is not present in table "artists".',
            ),
        ),
    ],
)
def test_conflicts_are_told_as_postgresql_tells_them(art: Door, body: Any, details: tuple[str, str, str]) -> None:
    answer = art.ask("POST", "/artists", body)
    code, message, detail = details
    assert (answer.status, answer.json) == (409, {"code": code, "message": message, "details": detail, "hint": None})
    assert answer.headers["proxy-status"] == f"PostgREST; error={code}"


def test_conflict_of_two_columns(art: Door) -> None:
    answer = art.ask("POST", "/rooms", {"building": "main", "number": 1})
    assert (answer.status, answer.json["message"], answer.json["details"]) == (
        409,
        'duplicate key value violates unique constraint "rooms_pkey"',
        "Key (building, number)=(main, 1) already exists.",
    )
    answer = art.ask("PATCH", "/paintings?id=eq.1", {"building": "tower", "room": 7})
    assert (answer.status, answer.json["message"], answer.json["details"]) == (
        409,
        'insert or update on table "paintings" violates foreign key constraint "paintings_building_room_fkey"',
        'Key (building, room)=(tower, 7) is not present in table "rooms".',
    )


def test_row_that_is_still_referred_to_stays(art: Door) -> None:
    answer = art.ask("DELETE", "/styles?id=eq.1")
    assert (answer.status, answer.json) == (
        409,
        {
            "code": "23503",
            "message": 'update or delete on table "styles" violates foreign key constraint '
            '"painting_styles_style_id_fkey" on table "painting_styles"',
            "details": 'Key (id)=(1) is still referenced from table "painting_styles".',
            "hint": None,
        },
    )


def test_missing_value(art: Door) -> None:
    answer = art.ask("POST", "/paintings", {"id": 9, "artist_id": 1})
    assert (answer.status, answer.code) == (400, "23502")
    assert answer.json["message"] == 'null value in column "title" of relation "paintings" violates not-null constraint'
    # The failing row is not told: it may hold what the caller must not see.
    assert answer.json["details"] is None


@pytest.mark.parametrize(
    ("table", "body", "column"),
    [
        ("styles", {"id": None, "name": "x"}, "id"),
        ("profiles", {"bio": "x"}, "artist_id"),
        ("profiles", {}, "artist_id"),
        ("rooms", {"building": "main"}, "number"),
        ("rooms", [{"building": "x", "number": 1}, {"building": None, "number": 2}], "building"),
    ],
)
def test_key_is_not_null(art: Door, table: str, body: Any, column: str) -> None:
    answer = art.ask("POST", f"/{table}", body)
    assert (answer.status, answer.code, answer.json["message"]) == (
        400,
        "23502",
        f'null value in column "{column}" of relation "{table}" violates not-null constraint',
    )


def test_key_is_not_set_to_null(art: Door) -> None:
    answer = art.ask("PATCH", "/styles?id=eq.3", {"id": None})
    assert (answer.status, answer.code, answer.json["message"]) == (
        400,
        "23502",
        'null value in column "id" of relation "styles" violates not-null constraint',
    )
    assert art.ask("PATCH", "/styles?id=eq.99", {"id": None}).status == 204


def test_check_constraint(art: Door) -> None:
    for method, url, body in (
        ("POST", "/paintings", {"id": 9, "title": "x", "artist_id": 1, "year": 0}),
        ("PATCH", "/paintings?id=eq.1", {"year": -5}),
    ):
        answer = art.ask(method, url, body)
        assert (answer.status, answer.code, answer.json["message"]) == (
            400,
            "23514",
            'new row for relation "paintings" violates check constraint "paintings_year_check"',
        )


def test_generated_column_cannot_be_written(art: Door) -> None:
    for method, url in (("POST", "/paintings"), ("PATCH", "/paintings?id=eq.1")):
        answer = art.ask(method, url, {"title": "x", "artist_id": 1, "shouted": "Y"})
        assert (answer.status, answer.json["code"]) == (400, "428C9"), answer.json


@pytest.mark.parametrize("name", ["letters", "century"])
def test_computed_column_cannot_be_written(art: Door, name: str) -> None:
    answer = art.ask("POST", "/paintings", {"title": "x", "artist_id": 1, name: 1})
    assert (answer.status, answer.code) == (400, "PGRST204")
