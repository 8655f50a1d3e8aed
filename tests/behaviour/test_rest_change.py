"""Updates and deletes: which rows they touch, and what is answered."""

from __future__ import annotations

from typing import Any

import pytest

from behaviour.door import Door

REPRESENTATION = "return=representation"


def test_update_answers_nothing_unless_asked(art: Door) -> None:
    answer = art.ask("PATCH", "/paintings?id=in.(1,2)", {"year": 1700})
    assert (answer.status, answer.body, answer.range) == (204, b"", "0-1/*")
    assert "content-type" not in answer.headers
    assert "content-length" not in answer.headers
    assert art.rows("/paintings?year=eq.1700&select=id&order=id") == [{"id": 1}, {"id": 2}]


def test_update_answers_the_rows(art: Door) -> None:
    answer = art.ask(
        "PATCH",
        "/paintings?id=in.(1,2)&select=id,title,shouted,artist(name)&order=id.desc",
        {"title": "Same"},
        prefer=f"{REPRESENTATION},count=exact",
    )
    assert (answer.status, answer.range) == (200, "0-1/2")
    assert answer.json == [
        {"id": 2, "title": "Same", "shouted": "SAME", "artist": {"name": "Rembrandt"}},
        {"id": 1, "title": "Same", "shouted": "SAME", "artist": {"name": "Rembrandt"}},
    ]


def test_update_answers_rows_that_no_longer_match(art: Door) -> None:
    answer = art.ask("PATCH", "/styles?name=eq.baroque", {"name": "gone"}, prefer=REPRESENTATION)
    assert answer.json == [{"id": 1, "name": "gone"}]


def test_update_of_the_key(art: Door) -> None:
    answer = art.ask("PATCH", "/styles?id=eq.3", {"id": 30}, prefer=REPRESENTATION)
    assert answer.json == [{"id": 30, "name": "still life"}]


@pytest.mark.parametrize(("prefer", "span"), [("", "*/*"), ("count=exact", "*/0")])
def test_update_of_no_rows(art: Door, prefer: str, span: str) -> None:
    answer = art.ask("PATCH", "/styles?id=eq.99", {"name": "x"}, prefer=prefer)
    assert (answer.status, answer.range) == (204, span)
    answer = art.ask("PATCH", "/styles?id=eq.99", {"name": "x"}, prefer=f"{REPRESENTATION},{prefer}")
    assert (answer.status, answer.json, answer.range) == (200, [], span)


@pytest.mark.parametrize("body", [{}, []])
def test_update_with_nothing_to_set(art: Door, body: Any) -> None:
    answer = art.ask("PATCH", "/styles", body, prefer=f"{REPRESENTATION},count=exact")
    assert (answer.status, answer.json, answer.range) == (200, [], "*/0")
    assert art.ask("PATCH", "/styles", body).status == 204


def test_update_of_every_row(art: Door) -> None:
    answer = art.ask("PATCH", "/styles", {"name": "same"}, prefer="count=exact")
    assert (answer.status, answer.range) == (204, "0-2/3")


def test_limits_do_not_bound_an_update(art: Door) -> None:
    answer = art.ask("PATCH", "/styles?limit=1&offset=1&order=id", {"name": "same"}, prefer="count=exact")
    assert (answer.status, answer.range) == (204, "0-2/3")


def test_columns_say_what_is_set(art: Door) -> None:
    answer = art.ask(
        "PATCH", "/paintings?id=eq.1&columns=year&select=year,title", {"year": 1, "title": "x"}, prefer=REPRESENTATION
    )
    assert answer.json == [{"year": 1, "title": "Night Watch"}]


def test_filters_of_embeds_shape_the_answer_only(art: Door) -> None:
    answer = art.ask(
        "PATCH",
        "/paintings?id=in.(4,5)&select=id,styles(name)&styles.name=eq.genre&order=id",
        {"year": 1660},
        prefer=REPRESENTATION,
    )
    assert answer.json == [{"id": 4, "styles": [{"name": "genre"}]}, {"id": 5, "styles": []}]


@pytest.mark.parametrize(
    ("query", "updated"),
    [
        ("or=(id.eq.1,name.eq.genre)", 2),
        ("and=(id.gt.1,not.or(id.eq.3,id.eq.9))", 1),
        ("name=like.*e&id=gt.1", 2),
        ("name=not.in.(genre)", 2),
    ],
)
def test_update_by_every_filter(art: Door, query: str, updated: int) -> None:
    answer = art.ask("PATCH", f"/styles?{query}", {"name": "x"}, prefer="count=exact")
    assert answer.range == f"0-{updated - 1}/{updated}"


def test_update_of_one_object(art: Door) -> None:
    accept = "application/vnd.pgrst.object+json"
    one = art.ask("PATCH", "/styles?id=eq.1", {"name": "x"}, prefer=REPRESENTATION, accept=accept)
    assert (one.status, one.json) == (200, {"id": 1, "name": "x"})
    none = art.ask("PATCH", "/styles?id=eq.99", {"name": "x"}, prefer=REPRESENTATION, accept=accept)
    assert (none.status, none.json["details"]) == (406, "The result contains 0 rows")
    many = art.ask("PATCH", "/styles", {"name": "y"}, prefer=REPRESENTATION, accept=accept)
    assert (many.status, many.json["details"]) == (406, "The result contains 3 rows")
    assert art.rows("/styles?name=eq.y") == []


def test_delete(art: Door) -> None:
    answer = art.ask("DELETE", "/styles?id=eq.3")
    assert (answer.status, answer.body, answer.range) == (204, b"", "*/*")
    assert art.rows("/styles?select=id&order=id") == [{"id": 1}, {"id": 2}]


def test_delete_answers_the_rows_with_embeds(art: Door) -> None:
    answer = art.ask(
        "DELETE",
        "/paintings?id=in.(4,5)&select=id,artist(name),styles(name)&order=id.desc&styles.order=name",
        prefer=f"{REPRESENTATION},count=exact",
    )
    assert (answer.status, answer.range) == (200, "*/2")
    assert answer.json == [
        {"id": 5, "artist": {"name": "Vermeer"}, "styles": []},
        {"id": 4, "artist": {"name": "Vermeer"}, "styles": [{"name": "baroque"}, {"name": "genre"}]},
    ]
    assert art.rows("/paintings?id=gt.3") == []


def test_delete_takes_no_body(art: Door) -> None:
    assert art.ask("DELETE", "/styles?id=eq.3", {}).status == 204
    assert art.ask("DELETE", "/styles?id=eq.2", raw=b"not json", prefer=REPRESENTATION).status in (200, 409)


def test_delete_of_no_rows(art: Door) -> None:
    answer = art.ask("DELETE", "/styles?id=eq.99", prefer=f"{REPRESENTATION},count=exact")
    assert (answer.status, answer.json, answer.range) == (200, [], "*/0")


def test_delete_of_one_object(art: Door) -> None:
    accept = "application/vnd.pgrst.object+json"
    answer = art.ask("DELETE", "/profiles", prefer=REPRESENTATION, accept=accept)
    assert (answer.status, answer.code) == (406, "PGRST116")
    assert len(art.rows("/profiles")) == 2
    answer = art.ask("DELETE", "/profiles?artist_id=eq.1", prefer=REPRESENTATION, accept=accept)
    assert (answer.status, answer.json) == (200, {"artist_id": 1, "bio": "of Leiden"})
