"""Calls of PostgreSQL's own functions to the letter: overloads, bodies, media types, settings, what they raise."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import asyncpg
import pytest

from backstay import Backstay, anyone
from behaviour.door import Answer, Door
from databases import Databases

FUNCTIONS = r"""
CREATE TABLE items (id integer PRIMARY KEY, name text NOT NULL, parent_id integer REFERENCES items (id));
INSERT INTO items VALUES (1, 'one', NULL), (2, 'two', 1), (3, 'three', 1);
CREATE SCHEMA other;
CREATE DOMAIN "text/html" AS text;
CREATE DOMAIN "image/png" AS bytea;
CREATE DOMAIN "*/*" AS bytea;
CREATE DOMAIN "application/vnd.own+json" AS json;
CREATE TYPE spot AS (x integer, y integer);

-- Overloads, defaults, variadic
CREATE FUNCTION over(a int) RETURNS text LANGUAGE sql IMMUTABLE AS $$SELECT 'a'$$;
CREATE FUNCTION over(a int, b int) RETURNS text LANGUAGE sql IMMUTABLE AS $$SELECT 'a b'$$;
CREATE FUNCTION over(c text) RETURNS text LANGUAGE sql IMMUTABLE AS $$SELECT 'c'$$;
CREATE FUNCTION over() RETURNS text LANGUAGE sql IMMUTABLE AS $$SELECT 'nothing'$$;
CREATE FUNCTION clash(a int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT a';
CREATE FUNCTION clash(a text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT a';
CREATE FUNCTION optional(a int, b int DEFAULT 20, c int DEFAULT 300) RETURNS int LANGUAGE sql IMMUTABLE AS
  'SELECT a + b + c';
CREATE FUNCTION many(VARIADIC v text[] DEFAULT '{}') RETURNS text[] LANGUAGE sql IMMUTABLE AS 'SELECT v';
CREATE FUNCTION tagged(prefix text, VARIADIC v int[]) RETURNS text LANGUAGE sql IMMUTABLE AS
  $$SELECT prefix || array_to_string(v, ',')$$;
CREATE FUNCTION list(xs int[]) RETURNS int[] LANGUAGE sql IMMUTABLE AS 'SELECT xs';
CREATE FUNCTION words("select" text, "limit" int, "Odd name" int DEFAULT 0) RETURNS text LANGUAGE sql IMMUTABLE AS
  $$SELECT "select" || "limit" || "Odd name"$$;
CREATE FUNCTION typed(s spot, j jsonb DEFAULT NULL, t timestamptz DEFAULT NULL) RETURNS json LANGUAGE sql IMMUTABLE AS
  $$SELECT json_build_object('s', s, 'j', j, 't', t)$$;
CREATE FUNCTION spots(many spot[]) RETURNS json LANGUAGE sql IMMUTABLE AS 'SELECT to_json(many)';
CREATE FUNCTION within(net inet, days daterange) RETURNS text LANGUAGE sql IMMUTABLE AS
  $$SELECT net::text || ' ' || days::text$$;
CREATE FUNCTION both_ways(INOUT a int, b int DEFAULT 1, OUT c int) LANGUAGE sql IMMUTABLE AS 'SELECT a + b, a * 10';
CREATE FUNCTION out_one(OUT b int) LANGUAGE sql IMMUTABLE AS 'SELECT 1';

-- Bodies
CREATE FUNCTION take_json(json) RETURNS json LANGUAGE sql IMMUTABLE AS 'SELECT $1';
CREATE FUNCTION take_text(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT upper($1)';
CREATE FUNCTION take_xml(xml) RETURNS xml LANGUAGE sql IMMUTABLE AS 'SELECT $1';
CREATE FUNCTION take_bytes(bytea) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT length($1)';
CREATE FUNCTION mixed(json) RETURNS text LANGUAGE sql IMMUTABLE AS $$SELECT 'body'$$;
CREATE FUNCTION mixed(a int) RETURNS text LANGUAGE sql IMMUTABLE AS $$SELECT 'a'$$;

-- Answers
CREATE FUNCTION text_value(v text DEFAULT 'wörd') RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT v';
CREATE FUNCTION bytes_value() RETURNS bytea LANGUAGE sql IMMUTABLE AS $$SELECT '\x89504e4700'::bytea$$;
CREATE FUNCTION xml_value() RETURNS xml LANGUAGE sql IMMUTABLE AS $$SELECT '<a/>'::xml$$;
CREATE FUNCTION page() RETURNS "text/html" LANGUAGE sql IMMUTABLE AS $$SELECT '<b>Hi</b>'::"text/html"$$;
CREATE FUNCTION image() RETURNS "image/png" LANGUAGE sql IMMUTABLE AS $$SELECT '\x89504e47'::"image/png"$$;
CREATE FUNCTION own() RETURNS "application/vnd.own+json" LANGUAGE sql IMMUTABLE AS
  $$SELECT '{"a": 1}'::"application/vnd.own+json"$$;
CREATE FUNCTION whatever() RETURNS "*/*" LANGUAGE sql IMMUTABLE AS $$SELECT convert_to('any', 'UTF8')::"*/*"$$;
CREATE FUNCTION chosen() RETURNS "*/*" LANGUAGE plpgsql STABLE AS $$
BEGIN
  PERFORM set_config('response.headers', '[{"Content-Type": "app/groucho"}]', true);
  IF current_setting('request.headers')::json->>'accept' = 'app/chico' THEN
    RAISE SQLSTATE 'PT406' USING MESSAGE = 'Not Acceptable';
  END IF;
  RETURN convert_to('groucho', 'UTF8');
END$$;
CREATE FUNCTION numbers() RETURNS SETOF int LANGUAGE sql IMMUTABLE AS 'VALUES (3), (1), (2)';
CREATE FUNCTION no_numbers() RETURNS SETOF int LANGUAGE sql IMMUTABLE AS 'SELECT 1 WHERE false';
CREATE FUNCTION a_spot() RETURNS spot LANGUAGE sql IMMUTABLE AS 'SELECT (1, 2)::spot';
CREATE FUNCTION pairs() RETURNS TABLE (k int, v text) LANGUAGE sql IMMUTABLE AS $$VALUES (1, 'b'), (2, 'a')$$;
CREATE FUNCTION items(low int) RETURNS TABLE (k int) LANGUAGE sql STABLE AS
  'SELECT id FROM items WHERE id >= low ORDER BY id';
CREATE FUNCTION all_items() RETURNS SETOF items LANGUAGE sql STABLE AS 'SELECT * FROM items ORDER BY id DESC';
CREATE FUNCTION null_int() RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT NULL::int';
CREATE FUNCTION nothing() RETURNS void LANGUAGE sql STABLE AS '';

-- Settings
CREATE FUNCTION setting(name text) RETURNS text LANGUAGE sql STABLE AS 'SELECT current_setting(name, true)';
CREATE FUNCTION respond(status text DEFAULT NULL, headers text DEFAULT NULL) RETURNS int LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  INSERT INTO items SELECT max(id) + 1, 'responded' FROM items;
  PERFORM set_config('response.status', status, true), set_config('response.headers', headers, true);
  RETURN 7;
END$$;
CREATE FUNCTION respond_void() RETURNS void LANGUAGE plpgsql STABLE AS $$
BEGIN PERFORM set_config('response.status', '202', true); END$$;
CREATE FUNCTION respond_rows() RETURNS SETOF items LANGUAGE plpgsql STABLE AS $$
BEGIN
  PERFORM set_config('response.headers', '[{"X-Count": "3"}, {"Set-Cookie": "a=1"}, {"Set-Cookie": "b=2"}]', true);
  RETURN QUERY SELECT * FROM items ORDER BY id;
END$$;

-- Writing and failing
CREATE FUNCTION add_item(name text) RETURNS int LANGUAGE sql VOLATILE AS
  'INSERT INTO items SELECT max(id) + 1, add_item.name FROM items RETURNING id';
CREATE FUNCTION add_items() RETURNS SETOF items LANGUAGE sql VOLATILE AS
  $$INSERT INTO items SELECT max(id) + n, 'new' FROM items, generate_series(1, 2) n GROUP BY n RETURNING *$$;
CREATE FUNCTION raise_as(state text, said text, told text DEFAULT NULL) RETURNS int LANGUAGE plpgsql STABLE AS $$
BEGIN RAISE EXCEPTION USING ERRCODE = state, MESSAGE = said, DETAIL = coalesce(told, ''), HINT = 'hint'; END$$;
CREATE FUNCTION raise_plain() RETURNS int LANGUAGE plpgsql STABLE AS $$BEGIN RAISE 'No way'; END$$;
CREATE FUNCTION other.add_item(name text) RETURNS text LANGUAGE sql IMMUTABLE AS $$SELECT 'other ' || name$$;
"""


async def leave(app: Backstay) -> None:
    """Put no rows in: they are there."""


@pytest.fixture(scope="module")
def desk(postgresql_databases: Databases) -> Iterator[Door]:
    """A database with all of it, behind its door."""
    url = postgresql_databases.create()

    async def make() -> None:
        database = await asyncpg.connect(url)
        try:
            await database.execute(FUNCTIONS)
        finally:
            await database.close()

    asyncio.run(make())
    app = Backstay(url)
    app.configure(transaction_override=True)
    app.reflect(select=anyone, write=anyone)
    app.reflect(schema="other", select=anyone)
    with Door(app, leave) as door:
        yield door
    postgresql_databases.drop(url)


def post(desk: Door, name: str, body: Any = None, **asked: Any) -> Answer:
    return desk.ask("POST", f"/rpc/{name}", {} if body is None else body, **asked)


def get(desk: Door, name: str, **asked: Any) -> Answer:
    return desk.ask("GET", f"/rpc/{name}", **asked)


def count(desk: Door) -> int:
    return len(desk.rows("/items"))


# Finding and arguments ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "body", "answer"),
    [
        ("over", {}, "nothing"),
        ("over", {"a": 1}, "a"),
        ("over", {"b": 1, "a": 2}, "a b"),
        ("over", {"c": "x"}, "c"),
        ("optional", {"a": 1}, 321),
        ("optional", {"a": 1, "c": 2}, 23),
        ("many", {}, []),
        ("many", {"v": ["a", "b"]}, ["a", "b"]),
        ("tagged", {"prefix": "p", "v": [1, 2]}, "p1,2"),
        ("list", {"xs": [1, None]}, [1, None]),
        ("list", {"xs": "{1,2}"}, [1, 2]),
        ("words", {"select": "s", "limit": 5, "Odd name": 1}, "s51"),
        ("typed", {"s": {"x": 1, "y": 2}, "j": {"a": [1]}}, {"s": {"x": 1, "y": 2}, "j": {"a": [1]}, "t": None}),
        ("typed", {"s": "(3,4)"}, {"s": {"x": 3, "y": 4}, "j": None, "t": None}),
        ("typed", {"s": None}, {"s": None, "j": None, "t": None}),
        ("spots", {"many": [{"x": 1, "y": 2}, {"y": 3}]}, [{"x": 1, "y": 2}, {"x": None, "y": 3}]),
        ("within", {"net": "10.0.0.0/8", "days": "[2024-01-01,2024-02-01)"}, "10.0.0.0/8 [2024-01-01,2024-02-01)"),
        ("out_one", {}, {"b": 1}),
        ("both_ways", {"a": 2}, {"a": 3, "c": 20}),
        ("mixed", {"a": 1}, "a"),
        ("mixed", {"b": 1}, "body"),
        ("mixed", [1], "body"),
        ("null_int", {}, None),
    ],
)
def test_a_function_is_found_by_the_names_of_its_arguments(desk: Door, name: str, body: Any, answer: Any) -> None:
    assert post(desk, name, body).json == answer


@pytest.mark.parametrize(
    ("url", "answer"),
    [
        ("over?a=1&b=2", "a b"),
        ("over?c=x", "c"),
        ("many?v=a&v=b", ["a", "b"]),
        ("many?v={a,b}", ["a", "b"]),
        ("many?v=a", ["a"]),
        ("many", []),
        ("tagged?prefix=p&v=1&v=2", "p1,2"),
        ("list?xs={1,NULL}", [1, None]),
        ("optional?a=1&b=2", 303),
        ("typed?s=(3,4)", {"s": {"x": 3, "y": 4}, "j": None, "t": None}),
        ('spots?many={"(1,2)"}', [{"x": 1, "y": 2}]),
        ("within?net=10.0.0.1&days=empty", "10.0.0.1/32 empty"),
        ("pairs?k=gt.1", [{"k": 2, "v": "a"}]),
    ],
)
def test_a_function_is_found_by_the_parameters_of_a_url(desk: Door, url: str, answer: Any) -> None:
    assert get(desk, url).json == answer


def test_a_call_that_means_several_functions_is_refused(desk: Door) -> None:
    answer = post(desk, "clash", {"a": 1})
    assert answer.status == 300
    assert answer.json == {
        "code": "PGRST203",
        "message": "Could not choose the best candidate function between: public.clash(a => integer), "
        "public.clash(a => text)",
        "details": None,
        "hint": "Try renaming the parameters or the function itself in the database so function overloading can be "
        "resolved",
    }


@pytest.mark.parametrize(
    ("method", "name", "body", "message", "details", "hint"),
    [
        (
            "POST",
            "over",
            {"z": 1, "b": 2},
            "public.over(b, z)",
            "with parameters b, z or with a single unnamed json/jsonb parameter",
            "public.over(a, b)",
        ),
        ("GET", "optional?b=1", None, "public.optional(b)", "with parameter b", "public.optional(a, b, c)"),
        ("GET", "ove", None, "public.ove without parameters", "without parameters", "public.over"),
        (
            "POST",
            "optional",
            {},
            "public.optional without parameters",
            "without parameters or with a single unnamed json/jsonb parameter",
            "public.optional(a, b, c)",
        ),
    ],
)
def test_what_there_is_not_is_told_with_what_is_most_like_it(
    desk: Door, method: str, name: str, body: Any, message: str, details: str, hint: str
) -> None:
    function = name.partition("?")[0]
    answer = desk.ask(method, f"/rpc/{name}", body)
    assert answer.json == {
        "code": "PGRST202",
        "message": f"Could not find the function {message} in the schema cache",
        "details": f"Searched for the function public.{function} {details}, but no matches were found in the schema "
        "cache.",
        "hint": f"Perhaps you meant to call the function {hint}",
    }


@pytest.mark.parametrize(
    ("name", "kind", "raw", "answer"),
    [
        ("take_json", "application/json", b'[1, "a"]', [1, "a"]),
        ("take_json", "application/json", b'"text"', "text"),
        ("take_json", "application/json", b"", {}),
        ("take_text", "text/plain", "ö".encode(), "Ö"),
        ("take_bytes", "application/octet-stream", b"\x00\xff", 2),
        ("take_xml", "text/xml", b"<a>1</a>", "<a>1</a>"),
    ],
)
def test_a_parameter_without_a_name_takes_the_body(desk: Door, name: str, kind: str, raw: bytes, answer: Any) -> None:
    found = desk.ask("POST", f"/rpc/{name}", raw=raw, content_type=kind)
    assert (found.status, found.json) == (200, answer), found.body


@pytest.mark.parametrize(
    ("name", "kind", "raw", "code"),
    [
        ("take_text", "text/xml", b"<a/>", "PGRST202"),
        ("take_text", "text/plain", b"\xff", "PGRST102"),
        ("take_xml", "text/xml", b"<a", "2200N"),
        ("over", "text/plain", b"x", "PGRST202"),
        ("take_json", "application/x-www-form-urlencoded", b"a=1", "PGRST202"),
        ("take_json", "application/json", b"{", "PGRST102"),
        ("typed", "application/json", b'{"s": {"x": "a"}}', "22P02"),
        ("typed", "application/json", b'{"s": "(1"}', "22P02"),
        ("within", "application/json", b'{"net": "x", "days": "empty"}', "22P02"),
        ("within", "application/json", b'{"net": "10.0.0.1", "days": "[2,1)"}', "22007"),
        ("spots", "application/json", b'{"many": "x"}', "22P02"),
    ],
)
def test_a_body_that_cannot_be_taken_is_refused(desk: Door, name: str, kind: str, raw: bytes, code: str) -> None:
    answer = desk.ask("POST", f"/rpc/{name}", raw=raw, content_type=kind)
    assert (answer.status // 100, answer.code) == (4, code)


# Media types -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "accept", "media", "body"),
    [
        ("text_value", "text/plain", "text/plain; charset=utf-8", "wörd".encode()),
        ("text_value", "*/*", "application/json; charset=utf-8", '"wörd"'.encode()),
        ("xml_value", "text/xml", "text/xml; charset=utf-8", b"<a/>"),
        ("bytes_value", "application/octet-stream", "application/octet-stream", b"\x89PNG\x00"),
        ("bytes_value", "application/json", "application/json; charset=utf-8", b'"\\\\x89504e4700"'),
        ("page", "text/html", "text/html", b"<b>Hi</b>"),
        ("page", "text/html,application/xhtml+xml,*/*;q=0.8", "text/html", b"<b>Hi</b>"),
        ("page", "*/*", "application/json; charset=utf-8", b'"<b>Hi</b>"'),
        ("image", "text/html;q=0.9, image/png", "image/png", b"\x89PNG"),
        ("image", "image/*", "image/png", b"\x89PNG"),
        ("own", "application/vnd.own+json", "application/vnd.own+json", b'{"a": 1}'),
        ("own", "application/json", "application/json; charset=utf-8", b'{"a": 1}'),
        ("whatever", "*/*", "application/octet-stream", b"any"),
        ("whatever", "app/bingo", "application/octet-stream", b"any"),
        ("whatever", "application/json", "application/octet-stream", b"any"),
        ("chosen", "app/groucho", "app/groucho", b"groucho"),
    ],
)
def test_a_value_is_answered_in_its_own_media_type(desk: Door, name: str, accept: str, media: str, body: bytes) -> None:
    answer = get(desk, name, accept=accept)
    assert (answer.status, answer.headers["content-type"], answer.body) == (200, media, body)


@pytest.mark.parametrize(
    ("name", "accept"),
    [("page", "text/plain"), ("text_value", "text/xml"), ("numbers", "text/plain"), ("all_items", "image/png")],
)
def test_a_media_type_that_there_is_not_is_refused(desk: Door, name: str, accept: str) -> None:
    answer = get(desk, name, accept=accept)
    assert (answer.status, answer.code) == (406, "PGRST107")
    assert answer.json["message"] == f"None of these media types are available: {accept}"


def test_a_function_may_refuse_media_types_itself(desk: Door) -> None:
    answer = get(desk, "chosen", accept="app/chico")
    assert (answer.status, answer.code) == (406, "PT406")


def test_null_is_an_empty_body(desk: Door) -> None:
    answer = post(desk, "text_value", {"v": None}, accept="text/plain")
    assert (answer.status, answer.body) == (200, b"")


# Answers -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "answer"),
    [
        ("numbers", [3, 1, 2]),
        ("numbers?order=pgrst_scalar.desc&limit=2", [3, 2]),
        ("numbers?pgrst_scalar=lt.3&offset=1", [2]),
        ("no_numbers", []),
        ("no_numbers?order=pgrst_scalar", []),
        ("text_value?limit=0", None),
        ("a_spot", {"x": 1, "y": 2}),
        ("a_spot?select=y", {"y": 2}),
        ("a_spot?x=gt.1", None),
        ("pairs?select=v&order=v", [{"v": "a"}, {"v": "b"}]),
        ("items?low=2&k=lt.3", [{"k": 2}]),
        (
            "all_items?select=name,parent_id(name)&id=lt.3",
            [{"name": "two", "parent_id": {"name": "one"}}, {"name": "one", "parent_id": None}],
        ),
    ],
)
def test_answers_are_shaped(desk: Door, url: str, answer: Any) -> None:
    found = get(desk, url)
    assert (found.status, found.json) == (200, answer), found.body


@pytest.mark.parametrize(
    ("url", "code"),
    [("numbers?x=eq.1", "42703"), ("text_value?select=x", "42703"), ("pairs?pgrst_scalar=eq.1", "42703")],
)
def test_a_column_that_there_is_not_is_told(desk: Door, url: str, code: str) -> None:
    answer = get(desk, url)
    assert (answer.status, answer.code) == (400, code)


def test_answers_are_counted(desk: Door) -> None:
    answer = get(desk, "numbers?limit=1", prefer="count=exact")
    assert (answer.status, answer.range, answer.json) == (206, "0-0/3", [3])
    answer = get(desk, "numbers?pgrst_scalar=gt.1&limit=1", prefer="count=exact")
    assert (answer.status, answer.range) == (206, "0-0/2")
    answer = desk.ask("HEAD", "/rpc/pairs", prefer="count=exact")
    assert (answer.status, answer.range, answer.body) == (200, "0-1/2", b"")
    answer = get(desk, "pairs", range="0-0")
    assert (answer.range, len(answer.json)) == ("0-0/*", 1)
    assert get(desk, "pairs?offset=9", prefer="count=exact").status == 416


# Settings ----------------------------------------------------------------------------------------------------


def told(desk: Door, name: str, **headers: str) -> Any:
    return post(desk, "setting", {"name": name}, **headers).json


def test_a_function_knows_the_request(desk: Door) -> None:
    assert told(desk, "request.method") == "POST"
    assert get(desk, "setting?name=request.method").json == "GET"
    assert told(desk, "request.path") == "/rpc/setting"
    headers = json.loads(told(desk, "request.headers", x_own="yes", cookie="a=1"))
    assert (headers["x-own"], headers["content-type"], "cookie" in headers) == ("yes", "application/json", False)
    assert json.loads(told(desk, "request.cookies", cookie="a=1; b=2")) == {"a": "1", "b": "2"}
    claims = json.loads(told(desk, "request.jwt.claims"))
    assert (claims["role"], len(claims["sub"])) == ("authenticated", 36)


def test_a_function_says_status_and_headers(desk: Door) -> None:
    answer = post(desk, "respond", {"status": "201", "headers": '[{"Location": "/there"}, {"Content-Range": "ours"}]'})
    assert (answer.status, answer.headers["location"], answer.range, answer.json) == (201, "/there", "ours", 7)
    assert post(desk, "respond").status == 200
    assert post(desk, "respond_void").status == 202
    answer = get(desk, "respond_rows?select=id&id=lt.3")
    assert (answer.headers["x-count"], answer.headers["set-cookie"]) == ("3", "a=1, b=2")
    assert answer.json == [{"id": 1}, {"id": 2}]
    # It is gone with the transaction.
    assert "x-count" not in get(desk, "all_items").headers


@pytest.mark.parametrize("status", ["abc", "99", "1000", "-1", "2.5", "60"])
def test_a_status_that_cannot_be_is_the_functions_fault(desk: Door, status: str) -> None:
    before = count(desk)
    answer = post(desk, "respond", {"status": status})
    assert (answer.status, answer.code) == (500, "PGRST112")
    assert answer.json["message"] == "response.status guc must be a valid status code"
    assert count(desk) == before


@pytest.mark.parametrize(
    "headers",
    ["x", "{}", '["a"]', '[{"a": "1", "b": "2"}]', '[{"a": 1}]', '[{"a b": "1"}]', '[{"Content-Length": "1"}]'],
)
def test_headers_that_cannot_be_are_the_functions_fault(desk: Door, headers: str) -> None:
    answer = post(desk, "respond", {"headers": headers})
    assert (answer.status, answer.code) == (500, "PGRST111")
    assert answer.json["message"] == (
        "response.headers guc must be a JSON array composed of objects with a single key and a string value"
    )


# Errors ------------------------------------------------------------------------------------------------------


def test_what_a_function_raises_is_told(desk: Door) -> None:
    answer = post(desk, "raise_plain")
    assert (answer.status, answer.json) == (
        400,
        {"code": "P0001", "message": "No way", "details": None, "hint": None},
    )
    answer = post(desk, "raise_as", {"state": "PT402", "said": "Pay", "told": "more"})
    assert (answer.status, answer.json) == (
        402,
        {"code": "PT402", "message": "Pay", "details": "more", "hint": "hint"},
    )
    assert post(desk, "raise_as", {"state": "28000", "said": "x"}).status == 403
    assert post(desk, "raise_as", {"state": "23505", "said": "x"}).status == 409


def test_a_function_may_raise_a_whole_answer(desk: Door) -> None:
    message = {"code": "123", "message": "ABC", "details": "DEF", "hint": "XYZ"}
    detail = {"status": 332, "headers": {"X-Header": "str"}}
    answer = post(desk, "raise_as", {"state": "PGRST", "said": json.dumps(message), "told": json.dumps(detail)})
    assert (answer.status, answer.json, answer.headers["x-header"]) == (332, message, "str")
    answer = post(desk, "raise_as", {"state": "PGRST", "said": "no JSON", "told": json.dumps(detail)})
    assert (answer.status, answer.code) == (500, "PGRST121")
    answer = post(desk, "raise_as", {"state": "PGRST", "said": json.dumps(message), "told": "no JSON"})
    assert (answer.status, answer.code) == (500, "PGRST121")


# Transactions ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_call_that_only_reads_may_not_write(desk: Door, method: str) -> None:
    before = count(desk)
    answer = desk.ask(method, "/rpc/add_item?name=x")
    assert answer.status == 405
    if method == "GET":
        assert (answer.code, answer.json["message"]) == (
            "25006",
            "cannot execute INSERT in a read-only transaction",
        )
    assert count(desk) == before


def test_more_rows_than_may_be_are_undone(desk: Door) -> None:
    before = count(desk)
    strict = {"prefer": "handling=strict, max-affected=1"}
    answer = post(desk, "add_items", **strict)
    assert (answer.status, answer.code, answer.json["details"]) == (400, "PGRST124", "The query affects 2 rows")
    for name in ("null_int", "a_spot", "nothing"):
        assert post(desk, name, **strict).code == "PGRST128"
    answer = post(desk, "add_items", accept="application/vnd.pgrst.object+json")
    assert (answer.status, answer.code) == (406, "PGRST116")
    answer = post(desk, "add_items", accept="text/html")
    assert answer.code == "PGRST107"
    answer = post(desk, "add_items", prefer="tx=rollback")
    assert (answer.status, len(answer.json), answer.applied) == (200, 2, "tx=rollback")
    assert count(desk) == before


def test_functions_of_another_schema_are_called_by_its_profile(desk: Door) -> None:
    answer = post(desk, "add_item", {"name": "x"}, content_profile="other")
    assert (answer.json, answer.headers["content-profile"]) == ("other x", "other")
    assert get(desk, "add_item?name=y", accept_profile="other").json == "other y"
    assert post(desk, "numbers", content_profile="other").code == "PGRST202"


@pytest.mark.parametrize(
    ("name", "allow"),
    [("add_item", "OPTIONS,POST"), ("numbers", "OPTIONS,GET,HEAD,POST"), ("over", "OPTIONS,GET,HEAD,POST")],
)
def test_options_tell_what_reads_only(desk: Door, name: str, allow: str) -> None:
    assert desk.ask("OPTIONS", f"/rpc/{name}").headers["allow"] == allow
