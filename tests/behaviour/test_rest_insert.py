"""Inserts: one row and many, defaults, bodies of every form, and what is answered."""

from __future__ import annotations

import pytest

from behaviour.door import Door

REPRESENTATION = "return=representation"


def test_insert_answers_nothing_unless_asked(art: Door) -> None:
    answer = art.ask("POST", "/styles", {"id": 9, "name": "pop"})
    assert (answer.status, answer.body, answer.range, answer.applied) == (201, b"", "*/*", None)
    assert answer.headers["content-length"] == "0"
    assert "content-type" not in answer.headers
    assert art.rows("/styles?id=eq.9") == [{"id": 9, "name": "pop"}]


def test_insert_answers_the_row(art: Door) -> None:
    answer = art.ask("POST", "/styles", {"id": 9, "name": "pop"}, prefer=REPRESENTATION)
    assert (answer.status, answer.json) == (201, [{"id": 9, "name": "pop"}])
    assert (answer.range, answer.applied) == ("*/*", "return=representation")
    assert answer.headers["content-type"] == "application/json; charset=utf-8"


def test_insert_answers_where_the_row_is(art: Door) -> None:
    answer = art.ask("POST", "/styles", {"id": 9, "name": "pop"}, prefer="return=headers-only")
    assert (answer.status, answer.body) == (201, b"")
    assert answer.headers["location"] == "/styles?id=eq.9"
    room = art.ask("POST", "/rooms", {"building": "a & b", "number": 3}, prefer="return=headers-only")
    assert room.headers["location"] == "/rooms?building=eq.a%20%26%20b&number=eq.3"


def test_insert_makes_the_key(art: Door) -> None:
    (row,) = art.ask("POST", "/styles", {"name": "pop"}, prefer=REPRESENTATION).json
    assert row["id"] > 3
    (other,) = art.ask("POST", "/styles", {"name": "op"}, prefer=REPRESENTATION).json
    assert other["id"] > row["id"]


def test_insert_fills_defaults_and_computes(art: Door) -> None:
    (row,) = art.ask("POST", "/paintings", {"id": 9, "title": "New", "artist_id": 1}, prefer=REPRESENTATION).json
    assert row == {
        "id": 9,
        "title": "New",
        "year": None,
        "price": None,
        "status": "stored",
        "artist_id": 1,
        "owner_id": None,
        "building": None,
        "room": None,
        "shouted": "NEW",
        "letters": 3,
    }


def test_insert_fills_defaults_that_python_and_the_caller_give(work: Door) -> None:
    (row,) = work.ask("POST", "/notes", {"number": 50, "text": "new"}, prefer=REPRESENTATION).json
    assert len(row.pop("id")) == 36
    assert row == {
        "number": 50,
        "text": "new",
        "public": False,
        "level": "LOW",
        "price": None,
        "written_at": None,
        "extra": None,
        "author_id": "00000000-0000-4000-8000-000000000011",
        "org_id": "00000000-0000-4000-8000-000000000001",
        "parent_id": None,
        "likes": 0,
    }


def test_insert_many(art: Door) -> None:
    rows = [{"id": 9, "name": "pop"}, {"id": 8, "name": "op"}, {"id": 10, "name": "land"}]
    answer = art.ask("POST", "/styles", rows, prefer=f"{REPRESENTATION},count=exact")
    assert (answer.status, answer.json) == (201, rows)
    assert (answer.range, answer.applied) == ("*/3", "return=representation, count=exact")


def test_insert_of_no_rows(art: Door) -> None:
    answer = art.ask("POST", "/styles", [], prefer=REPRESENTATION)
    assert (answer.status, answer.json, answer.range) == (201, [], "*/*")
    assert art.rows("/styles?select=count") == [{"count": 3}]


def test_insert_of_defaults_alone(art: Door) -> None:
    answer = art.ask("POST", "/specimens", {}, prefer=REPRESENTATION)
    assert answer.status == 201
    assert answer.json[0]["id"] > 3
    both = art.ask("POST", "/specimens?select=id", [{}, {}], prefer=REPRESENTATION)
    assert (both.status, len(both.json)) == (201, 2)


def test_insert_is_of_all_rows_or_of_none(art: Door) -> None:
    answer = art.ask("POST", "/styles", [{"id": 9, "name": "pop"}, {"id": 1, "name": "again"}])
    assert (answer.status, answer.code) == (409, "23505")
    assert art.rows("/styles?select=count") == [{"count": 3}]


def test_of_several_mistakes_in_rows_the_first_is_told(art: Door) -> None:
    rows = [{"id": 9, "name": "pop"}, {"id": "nine", "name": "op"}, {"id": 2**40, "name": "land"}]
    answer = art.ask("POST", "/styles", rows)
    assert (answer.status, answer.json["message"]) == (400, 'invalid input syntax for type integer: "nine"')
    row = {"title": "much longer than twenty characters", "artist_id": "nobody"}
    answer = art.ask("POST", "/paintings", [{"title": "New", "artist_id": "someone"}, row])
    assert (answer.status, answer.json["message"]) == (400, 'invalid input syntax for type integer: "someone"')
    assert art.rows("/styles?id=eq.9") == []


def test_rows_of_a_bulk_insert_have_the_same_keys(art: Door) -> None:
    answer = art.ask("POST", "/styles", [{"id": 9, "name": "pop"}, {"name": "op"}])
    assert (answer.status, answer.json) == (
        400,
        {"code": "PGRST102", "message": "All object keys must match", "details": None, "hint": None},
    )


def test_columns_say_what_is_taken_from_the_rows(art: Door) -> None:
    body = [{"id": 9, "title": "A", "artist_id": 1, "year": 1700, "other": 1}, {"id": 10, "title": "B", "artist_id": 2}]
    answer = art.ask(
        "POST",
        '/paintings?columns="id",title,artist_id,price&select=id,title,artist_id,year,price',
        body,
        prefer=REPRESENTATION,
    )
    assert answer.json == [
        {"id": 9, "title": "A", "artist_id": 1, "year": None, "price": None},
        {"id": 10, "title": "B", "artist_id": 2, "year": None, "price": None},
    ]


def test_what_a_row_lacks_is_null_unless_the_default_is_asked_for(art: Door) -> None:
    body = [{"id": 9, "title": "A", "artist_id": 1, "status": "lent"}, {"id": 10, "title": "B", "artist_id": 2}]
    url = "/paintings?columns=id,title,artist_id,status&select=id,status"
    answer = art.ask("POST", url, body, prefer=REPRESENTATION)
    assert (answer.status, answer.code) == (400, "23502")
    assert (
        answer.json["message"] == 'null value in column "status" of relation "paintings" violates not-null constraint'
    )
    answer = art.ask("POST", url, body, prefer=f"{REPRESENTATION}, missing=default")
    assert answer.json == [{"id": 9, "status": "lent"}, {"id": 10, "status": "stored"}]
    assert answer.applied == "missing=default, return=representation"


def test_missing_defaults_of_python_and_the_caller(work: Door) -> None:
    body = [{"number": 50, "text": "a", "public": True}, {"number": 51, "text": "b", "level": "HIGH"}]
    answer = work.ask(
        "POST",
        "/notes?columns=number,text,public,level,author_id&select=number,public,level,author_id",
        body,
        prefer=f"{REPRESENTATION},missing=default",
    )
    ada = "00000000-0000-4000-8000-000000000011"
    assert answer.json == [
        {"number": 50, "public": True, "level": "LOW", "author_id": ada},
        {"number": 51, "public": False, "level": "HIGH", "author_id": ada},
    ]


def test_insert_answers_with_embeds(art: Door) -> None:
    answer = art.ask(
        "POST",
        "/paintings?select=title,artist(name,mentor(name)),owner(name),styles(name)",
        [{"title": "A", "artist_id": 2, "owner_id": 1}, {"title": "B", "artist_id": 4, "owner_id": None}],
        prefer=REPRESENTATION,
    )
    assert answer.json == [
        {
            "title": "A",
            "artist": {"name": "Dou", "mentor": {"name": "Rembrandt"}},
            "owner": {"name": "Rembrandt"},
            "styles": [],
        },
        {"title": "B", "artist": {"name": "Vermeer", "mentor": None}, "owner": None, "styles": []},
    ]


def test_answered_rows_are_ordered_as_asked(art: Door) -> None:
    rows = [{"id": 9, "name": "b"}, {"id": 10, "name": "c"}, {"id": 11, "name": "a"}]
    answer = art.ask("POST", "/styles?select=name&order=name.desc", rows, prefer=REPRESENTATION)
    assert [row["name"] for row in answer.json] == ["c", "b", "a"]


def test_insert_answers_one_object(art: Door) -> None:
    accept = "application/vnd.pgrst.object+json"
    answer = art.ask("POST", "/styles", {"id": 9, "name": "pop"}, prefer=REPRESENTATION, accept=accept)
    assert (answer.status, answer.json) == (201, {"id": 9, "name": "pop"})
    answer = art.ask(
        "POST", "/styles", [{"id": 10, "name": "a"}, {"id": 11, "name": "b"}], prefer=REPRESENTATION, accept=accept
    )
    assert (answer.status, answer.code, answer.json["details"]) == (406, "PGRST116", "The result contains 2 rows")
    assert art.rows("/styles?id=gte.10") == []


@pytest.mark.parametrize(
    ("raw", "kind", "message"),
    [
        (b"{", "application/json", "Empty or invalid json"),
        (b" ", "application/json", "Empty or invalid json"),
        (b'{"id":NaN}', "application/json", "Empty or invalid json"),
        (b"id\n1", "text/plain", "Content-Type not acceptable: text/plain"),
        (b"id,name\n1", "text/csv", "All lines must have same number of fields"),
        (b"[1]", "application/json", "All object keys must match"),
    ],
)
def test_body_that_cannot_be_read_is_refused(art: Door, raw: bytes, kind: str, message: str) -> None:
    answer = art.ask("POST", "/styles", raw=raw, content_type=kind)
    assert (answer.status, answer.json) == (
        400,
        {"code": "PGRST102", "message": message, "details": None, "hint": None},
    )


def test_csv_and_forms_are_bodies_too(art: Door) -> None:
    answer = art.ask(
        "POST",
        "/paintings?select=id,title,year",
        raw=b'id,title,artist_id,year\n9,"A, b",1,NULL\n10,c,2,1700\n',
        content_type="text/csv",
        prefer=REPRESENTATION,
    )
    assert answer.json == [{"id": 9, "title": "A, b", "year": None}, {"id": 10, "title": "c", "year": 1700}]
    answer = art.ask(
        "POST",
        "/styles",
        raw=b"id=9&name=a+b%26c",
        content_type="application/x-www-form-urlencoded",
        prefer=REPRESENTATION,
    )
    assert answer.json == [{"id": 9, "name": "a b&c"}]
