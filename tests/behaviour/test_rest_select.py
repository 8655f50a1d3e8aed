"""What a read shows: columns, aliases, casts, JSON paths, and every kind of value as the wire writes it."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from behaviour.door import Door


@pytest.mark.parametrize(
    ("select", "row"),
    [
        ("id", {"id": 1}),
        ("id,title", {"id": 1, "title": "Night Watch"}),
        ("number:id", {"number": 1}),
        ('"the number":id', {"the number": 1}),
        ("title,title:id", {"title": 1}),
        ("id::text", {"id": "1"}),
        ("n:id::text", {"n": "1"}),
        ("price::text", {"price": "900.00"}),
        ("price::integer", {"price": 900}),
        ("year::float8", {"year": 1642.0}),
        ("title::varchar", {"title": "Night Watch"}),
        ("letters", {"letters": 11}),
        ("letters::text", {"letters": "11"}),
        ("century", {"century": 17}),
        ("shouted", {"shouted": "NIGHT WATCH"}),
        (" id , title ", {"id": 1, "title": "Night Watch"}),
    ],
)
def test_select(art: Door, select: str, row: dict[str, Any]) -> None:
    assert art.rows(f"/paintings?select={select}&id=eq.1") == [row]


@pytest.mark.parametrize("query", ["", "select=*", "select="])
def test_every_column_is_shown_where_none_is_named(art: Door, query: str) -> None:
    assert art.rows(f"/paintings?{query}&id=eq.4") == [
        {
            "id": 4,
            "title": "Milkmaid",
            "year": 1658,
            "price": 700.1,
            "status": "stored",
            "artist_id": 4,
            "owner_id": None,
            "building": "annex",
            "room": 1,
            "shouted": "MILKMAID",
            "letters": 8,
        }
    ]


def test_star_and_more(art: Door) -> None:
    (row,) = art.rows("/rooms?select=*,n:number::text&building=eq.annex")
    assert row == {"building": "annex", "number": 1, "label": "Attic", "n": "1"}


def test_keys_come_in_the_order_of_the_select(art: Door) -> None:
    body = art.get("/paintings?select=title,artist(name,id),id&id=eq.1").body
    assert [key for key, _ in json.loads(body, object_pairs_hook=list)[0]] == ["title", "artist", "id"]


@pytest.mark.parametrize(
    ("select", "row"),
    [
        ("data->a", {"a": {"b": [1, {"c": "deep"}]}}),
        ("data->a->b", {"b": [1, {"c": "deep"}]}),
        ("data->a->b->0", {"b": 1}),
        ("data->a->b->>0", {"b": "1"}),
        ("data->a->b->1->c", {"c": "deep"}),
        ("data->a->b->1->>c", {"c": "deep"}),
        ("data->a->b->-1", {"b": {"c": "deep"}}),
        ("data->>a", {"a": '{"b": [1, {"c": "deep"}]}'}),
        ("data->n", {"n": 5}),
        ("data->>n", {"n": "5"}),
        ("n:data->n", {"n": 5}),
        ("x:data->>n::integer", {"x": 5}),
        ("data->f", {"f": 1.5}),
        ("data->t", {"t": True}),
        ("data->>t", {"t": "true"}),
        ("data->z", {"z": None}),
        ("data->>z", {"z": None}),
        ("data->nothing", {"nothing": None}),
        ("data->a->nothing->>more", {"more": None}),
        ("data->0", {"data": None}),
        ('data->"a"->"b"->0', {"b": 1}),
        ("words->1", {"words": "b c"}),
        ("words->>1", {"words": "b c"}),
        ("numbers->-1", {"numbers": 3}),
        ("note,data->>s", {"note": 'a "quoted", (bracketed) {text} \\ with ünïcode 🦊 and\nline', "s": "text"}),
    ],
)
def test_json_path(art: Door, select: str, row: dict[str, Any]) -> None:
    (found,) = art.rows(f"/specimens?select={select}&id=eq.1")
    if select == "data->>a":
        # json keeps its text as it was given; how it was spaced is the database's own affair.
        assert json.loads(found["a"]) == json.loads(row["a"])
    else:
        assert found == row


def test_every_kind_of_value_is_written_as_postgresql_writes_it(art: Door) -> None:
    body = art.get("/specimens?id=eq.1").body
    (row,) = json.loads(body, parse_float=Decimal)
    assert row == {
        "id": 1,
        "small": -32768,
        "big": 9007199254740993,
        "ratio": Decimal("0.1"),
        "exact": Decimal("12345678901234567890.123456789"),
        "cents": Decimal("10.50"),
        "flag": True,
        "note": 'a "quoted", (bracketed) {text} \\ with ünïcode 🦊 and\nline',
        "code": "ab",
        "day": "2026-02-28",
        "moment": "2026-02-28T23:59:59.12",
        "instant": "2026-02-28T23:59:59.12+00:00",
        "clock": "23:59:59",
        "span": "1 day 02:00:03.5",
        "blob": "\\x00ff504e47",
        "uid": "0e37df36-f698-11e6-8dd4-cb9ced3df976",
        "mood": "HAPPY",
        "data": {"a": {"b": [1, {"c": "deep"}]}, "n": 5, "s": "text", "f": Decimal("1.5"), "t": True, "z": None},
        "words": ["a", "b c", 'd"e', "f,g"],
        "numbers": [1, 2, 3],
    }
    assert b'"cents":10.50' in body


def test_null_is_null_whatever_the_kind(art: Door) -> None:
    (row,) = art.rows("/specimens?id=eq.2")
    assert row.pop("id") == 2
    assert set(row.values()) == {None}


@pytest.mark.parametrize(
    ("select", "shown"),
    [
        ("small::text", "-32768"),
        ("big::text", "9007199254740993"),
        ("flag::text", "true"),
        ("day::text", "2026-02-28"),
        ("clock::text", "23:59:59"),
        ("uid::text", "0e37df36-f698-11e6-8dd4-cb9ced3df976"),
        ("mood::text", "HAPPY"),
        ("cents::text", "10.50"),
        ("moment::date", "2026-02-28"),
        ("moment::text", "2026-02-28 23:59:59.12"),
        ("instant::text", "2026-02-28 23:59:59.12+00"),
        ("span::text", "1 day 02:00:03.5"),
        ("numbers::text", "{1,2,3}"),
        ("words::text", '{a,"b c","d\\"e","f,g"}'),
        ("blob::text", "\\x00ff504e47"),
    ],
)
def test_cast(art: Door, select: str, shown: Any) -> None:
    (row,) = art.rows(f"/specimens?select=shown:{select}&id=eq.1")
    assert row == {"shown": shown}


@pytest.mark.parametrize(
    ("query", "status", "code", "message"),
    [
        ("select=nosuch", 400, "42703", "column paintings.nosuch does not exist"),
        ("select=title->a", 400, None, None),
        ("select=id::nosuch", 400, "42704", 'type "nosuch" does not exist'),
        ("select=title::integer", 400, "22P02", 'invalid input syntax for type integer: "Night Watch"'),
        ("select=id,", 400, "PGRST100", None),
        ("select=(id)", 400, "PGRST100", None),
        ("select=id.sum()", 400, "PGRST123", "Use of aggregate functions is not allowed"),
        ("select=count()", 400, "PGRST123", "Use of aggregate functions is not allowed"),
    ],
)
def test_select_that_cannot_be_is_refused(
    art: Door, query: str, status: int, code: str | None, message: str | None
) -> None:
    answer = art.get(f"/paintings?{query}&id=eq.1")
    if code is None:
        # to_jsonb of a text is a JSON string, in which nothing can be looked up.
        assert answer.json == [{"a": None}]
        return
    assert (answer.status, answer.code) == (status, code), answer.json
    assert message is None or answer.json["message"] == message


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("/paintings?select=count", [{"count": 5}]),
        ("/paintings?select=n:count::text", [{"n": "5"}]),
        ("/artists?select=id,paintings!artist_id(count)&id=eq.4", [{"id": 4, "paintings": [{"count": 2}]}]),
        ("/paintings?select=id,artist(count)&id=eq.1", [{"id": 1, "artist": {"count": 1}}]),
        # in a spread it counts where it stands
        ("/paintings?select=id,...owner(count)&order=id&id=lt.3", [{"id": 1, "count": 0}, {"id": 2, "count": 1}]),
        (
            "/artists?select=id,...paintings!artist_id(count)&order=id&id=gt.2",
            [{"id": 3, "count": [0]}, {"id": 4, "count": [2]}],
        ),
    ],
)
def test_count_is_there_where_aggregates_are_disabled(art: Door, url: str, found: Any) -> None:
    assert art.rows(url) == found


@pytest.mark.parametrize("select", ["count()", "id.sum()", "artist(born.max())", "...artist(count())"])
def test_aggregates_are_refused_where_they_are_disabled(art: Door, select: str) -> None:
    answer = art.get(f"/paintings?select={select}")
    assert (answer.status, answer.code) == (400, "PGRST123")


@pytest.mark.parametrize("path", ["/nosuch", "/paintngs", "/Paintings"])
def test_unknown_table(art: Door, path: str) -> None:
    answer = art.get(path)
    name = path[1:]
    assert (answer.status, answer.headers["proxy-status"]) == (404, "PostgREST; error=PGRST205")
    assert answer.json == {
        "code": "PGRST205",
        "message": f"Could not find the table 'public.{name}' in the schema cache",
        "details": None,
        "hint": None if name == "nosuch" else "Perhaps you meant the table 'public.paintings'",
    }


@pytest.mark.parametrize("path", ["/a/b", "/rpc/a/b", "/paintings/1"])
def test_path_of_another_form_is_unknown(art: Door, path: str) -> None:
    answer = art.get(path)
    assert (answer.status, answer.json["code"], answer.json["message"]) == (
        404,
        "PGRST125",
        "Invalid path specified in request URL",
    )


def test_table_without_a_rule_is_denied(work: Door) -> None:
    assert work.get("/drafts", "anon").status == 401
    answer = work.get("/drafts", "ada")
    assert (answer.status, answer.json) == (
        403,
        {"code": "42501", "message": "permission denied for table drafts", "details": None, "hint": None},
    )


def test_headers_of_a_read(art: Door) -> None:
    answer = art.get("/paintings?select=id&order=id&id=gt.3", origin="http://localhost:3000")
    assert answer.status == 200
    assert dict(answer.headers) == {
        "content-range": "0-1/*",
        "content-location": "/paintings?id=gt.3&order=id&select=id",
        "vary": "Accept, Prefer, Range",
        "content-type": "application/json; charset=utf-8",
        "content-length": str(len(answer.body)),
        "x-content-type-options": "nosniff",
        "cache-control": "no-store",
        "access-control-allow-origin": "*",
        "access-control-expose-headers": answer.headers["access-control-expose-headers"],
    }
    assert "Content-Range" in answer.headers["access-control-expose-headers"]


def test_head_is_get_without_its_body(art: Door) -> None:
    url = "/paintings?select=id&id=gt.3"
    head, get = art.ask("HEAD", url, prefer="count=exact"), art.get(url, prefer="count=exact")
    assert head.body == b""
    expected = {name: value for name, value in get.headers.items() if name != "content-length"}
    assert (head.status, dict(head.headers)) == (get.status, expected)
    assert head.range == "0-1/2"


def test_profile_is_named_where_it_was_asked_for(art: Door) -> None:
    answer = art.get("/paintings?select=id&id=eq.1", accept_profile="public")
    assert answer.headers["content-profile"] == "public"
    other = art.get("/paintings", accept_profile="private")
    assert (other.status, other.json) == (
        406,
        {
            "code": "PGRST106",
            "message": "Invalid schema: private",
            "details": None,
            "hint": "Only the following schemas are exposed: public",
        },
    )


# Media types -------------------------------------------------------------------------------------------------


def test_singular_object(art: Door) -> None:
    answer = art.get("/paintings?select=id&id=eq.1", accept="application/vnd.pgrst.object+json")
    assert (answer.status, answer.json) == (200, {"id": 1})
    assert answer.headers["content-type"] == "application/vnd.pgrst.object+json; charset=utf-8"


@pytest.mark.parametrize(("query", "rows"), [("id=eq.99", 0), ("id=lt.3", 2), ("", 5)])
def test_singular_object_of_other_than_one_row(art: Door, query: str, rows: int) -> None:
    answer = art.get(f"/paintings?{query}", accept="application/vnd.pgrst.object+json")
    assert (answer.status, answer.json) == (
        406,
        {
            "code": "PGRST116",
            "message": "Cannot coerce the result to a single JSON object",
            "details": f"The result contains {rows} rows",
            "hint": None,
        },
    )


def test_nulls_can_be_stripped(art: Door) -> None:
    url = "/paintings?select=id,year,owner(name,born)&id=in.(2,5)&order=id"
    rows = art.get(url, accept="application/vnd.pgrst.array+json;nulls=stripped")
    assert rows.json == [
        {"id": 2, "year": 1659, "owner": {"name": "Vermeer", "born": "1632-10-31"}},
        {"id": 5, "owner": {"name": "Vermeer", "born": "1632-10-31"}},
    ]
    one = art.get("/paintings?select=id,year&id=eq.5", accept="application/vnd.pgrst.object+json;nulls=stripped")
    assert one.json == {"id": 5}
    assert one.headers["content-type"] == "application/vnd.pgrst.object+json;nulls=stripped; charset=utf-8"


def test_csv(art: Door) -> None:
    answer = art.get("/paintings?select=id,title,year,price&order=id&id=in.(1,5)", accept="text/csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.body.decode() == 'id,title,year,price\n1,"Night Watch",1642,900.00\n5,Untitled,,'


def test_csv_quotes_what_needs_it(art: Door) -> None:
    answer = art.get("/specimens?select=note,flag,day&id=eq.1", accept="text/csv")
    assert answer.body.decode() == (
        'note,flag,day\n"a ""quoted"", (bracketed) {text} \\\\ with ünïcode 🦊 and\nline",t,2026-02-28'
    )


def test_media_type_that_is_not_made_here_is_refused(art: Door) -> None:
    answer = art.get("/paintings", accept="application/geo+json")
    assert (answer.status, answer.code) == (406, "PGRST107")
    assert answer.json["message"] == "None of these media types are available: application/geo+json"
    assert art.get("/paintings", accept="image/png, application/json;q=0.1").status == 200
