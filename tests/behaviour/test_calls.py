"""Calls of Python's functions to the letter: arguments, bodies, answers, media types, statuses and headers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from behaviour.door import Answer, Door
from fixtures import calls
from fixtures.rows import ADA, fill, uid
from fixtures.workspace import build

SINGULAR = "application/vnd.pgrst.object+json"


@pytest.fixture(scope="module")
def module_desk(module_database_url: str) -> Iterator[Door]:
    app = build(module_database_url)
    calls.declare(app)
    with Door(app, fill) as door:
        yield door


@pytest.fixture
def desk(module_desk: Door) -> Door:
    module_desk.restore()
    return module_desk


def post(desk: Door, name: str, body: Any = None, **asked: Any) -> Answer:
    return desk.ask("POST", f"/rpc/{name}", {} if body is None else body, **asked)


def get(desk: Door, name: str, **asked: Any) -> Answer:
    return desk.ask("GET", f"/rpc/{name}", **asked)


# Arguments ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "body", "answer"),
    [
        ("total", {}, 0),
        ("total", {"xs": [1, 2, 3]}, 6),
        ("total", {"xs": []}, 0),
        ("joined", {"first": "a"}, "a"),
        ("joined", {"first": "a", "rest": ["b", "c"]}, "a-b-c"),
        ("joined", {"first": "a", "sep": "+", "rest": ["b"], "upper": True}, "A+B"),
        ("keywords", {"a": 1}, [1, 2]),
        ("keywords", {"b": 3, "a": 1}, [1, 3]),
        ("reserved", {"select": "s", "limit": 1, "order": "o", "id": 2}, ["s", 1, "o", 2]),
    ],
)
def test_arguments_go_where_the_signature_has_them(desk: Door, name: str, body: Any, answer: Any) -> None:
    assert post(desk, name, body).json == answer


@pytest.mark.parametrize(
    ("url", "answer"),
    [
        ("total", 0),
        ("total?xs=1&xs=2", 3),
        ("total?xs=7", 7),
        ("total?xs={4,5}", 9),
        ("joined?first=a&rest=b&rest=c&upper=true", "A-B-C"),
        ("keywords?a=1", [1, 2]),
        ('keywords?"a"=1', [1, 2]),
        ("reserved?id=5&limit=2", ["", 0]),
        ("asked?a=5&select=a&b=eq.1", None),
    ],
)
def test_arguments_in_a_url(desk: Door, url: str, answer: Any) -> None:
    found = get(desk, url)
    if answer is None:
        assert found.code == "PGRST127"
    else:
        assert found.json == answer


def test_a_value_that_is_an_operator_expression_is_a_filter(desk: Door) -> None:
    assert get(desk, "one_thing?number=2&select=number&number=gt.1").json == {"number": 2}
    assert get(desk, "one_thing?number=2&number=gt.2").json is None
    assert get(desk, "keywords?a=eq.1").code == "PGRST202"


def test_forms_bring_arguments(desk: Door) -> None:
    form = {"content_type": "application/x-www-form-urlencoded"}
    assert desk.ask("POST", "/rpc/keywords", raw=b"a=1&b=5", **form).json == [1, 5]
    assert desk.ask("POST", "/rpc/total", raw=b"xs=1&xs=5", **form).json == 6
    answer = desk.ask("POST", "/rpc/keywords", raw=b"c=1", **form)
    assert answer.json["details"] == (
        "Searched for the function public.keywords with parameter c, but no matches were found in the schema cache."
    )


@pytest.mark.parametrize(
    ("name", "body", "code"),
    [("total", {"xs": 1}, "22P02"), ("total", {"xs": ["a"]}, "22P02"), ("keywords", {}, "PGRST202")],
)
def test_wrong_arguments_are_refused(desk: Door, name: str, body: Any, code: str) -> None:
    answer = post(desk, name, body)
    assert (answer.status // 100, answer.code) == (4, code)


def test_a_function_knows_the_request(desk: Door) -> None:
    answer = desk.ask("POST", "/rpc/asked?columns=a", {"a": 1}, x_header="yes", cookie="a=1; b=2")
    assert answer.json == {
        "method": "POST",
        "path": "/rpc/asked",
        "query": "columns=a",
        "header": "yes",
        "cookies": {"a": "1", "b": "2"},
        "body": '{"a": 1}',
        "a": 1,
    }
    assert get(desk, "asked?a=2").json["method"] == "GET"
    assert post(desk, "asked", {"request": 1}).code == "PGRST202"


def test_a_function_knows_the_caller(desk: Door) -> None:
    assert get(desk, "caller").json == [str(ADA), "authenticated", True]
    assert get(desk, "caller", caller="anon").json == [None, "anon", False]
    assert get(desk, "caller", caller="service").json == [None, "service_role", False]


# Bodies ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "kind", "raw", "answer"),
    [
        ("upload", "application/octet-stream", b"\x00\xff\x00", 3),
        ("upload", "application/octet-stream", b"", 0),
        ("shout", "text/plain", "ö".encode(), "Ö"),
        ("shout", "text/plain; charset=utf-8", b"a", "A"),
        ("shout", "text/xml", b"<a/>", "<A/>"),
        ("anything", "application/json", b'[1,{"a":null}]', [1, {"a": None}]),
        ("anything", "application/json", b'"x"', "x"),
        ("anything", "application/json", b"", {}),
        ("point", "application/json", b'{"x":1,"y":"2.5"}', {"x": 1, "y": 2.5}),
        ("numbers", "application/json", b"[1,2]", [3, "POST"]),
        ("perhaps", "application/octet-stream", b"some", "some"),
    ],
)
def test_a_parameter_before_the_slash_takes_the_body(desk: Door, name: str, kind: str, raw: bytes, answer: Any) -> None:
    found = desk.ask("POST", f"/rpc/{name}", raw=raw, content_type=kind)
    assert (found.status, found.json) == (200, answer)


def test_a_body_may_be_left_out_where_there_is_a_default(desk: Door) -> None:
    assert get(desk, "perhaps").json == "none"
    assert get(desk, "upload").code == "PGRST202"


@pytest.mark.parametrize(
    ("name", "kind", "raw", "code"),
    [
        ("upload", "application/json", b"{}", "PGRST202"),
        ("upload", "text/plain", b"x", "PGRST202"),
        ("shout", "text/plain", b"\xff", "PGRST102"),
        ("shout", "text/plain", b"a\x00b", "22021"),
        ("anything", "text/plain", b"x", "PGRST202"),
        ("point", "application/json", b'{"z":1}', "22P02"),
        ("point", "application/json", b"5", "22P02"),
        ("numbers", "application/json", b'{"body":[1]}', "22P02"),
        ("upload", "image/png", b"x", "PGRST102"),
        ("number", "text/plain", b"x", "PGRST202"),
    ],
)
def test_a_body_that_cannot_be_taken_is_refused(desk: Door, name: str, kind: str, raw: bytes, code: str) -> None:
    answer = desk.ask("POST", f"/rpc/{name}", raw=raw, content_type=kind)
    assert (answer.status // 100, answer.code) == (4, code)


def test_what_takes_no_such_body_is_told_in_postgrests_words(desk: Door) -> None:
    answer = desk.ask("POST", "/rpc/nowhere", raw=b"x", content_type="application/octet-stream")
    assert answer.json == {
        "code": "PGRST202",
        "message": "Could not find the function public.nowhere in the schema cache",
        "details": "Searched for the function public.nowhere with a single unnamed bytea parameter, but no matches "
        "were found in the schema cache.",
        "hint": None,
    }


# Plain values ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "accept", "status", "media", "body"),
    [
        ("word", "text/plain", 200, "text/plain; charset=utf-8", "wörd".encode()),
        ("word", "text/plain, application/json", 200, "text/plain; charset=utf-8", "wörd".encode()),
        ("word", "application/json, text/plain", 200, "application/json; charset=utf-8", '"wörd"'.encode()),
        ("word", "text/*", 200, "text/plain; charset=utf-8", "wörd".encode()),
        ("word", "*/*", 200, "application/json; charset=utf-8", '"wörd"'.encode()),
        ("word?value=null", "text/plain", 200, "text/plain; charset=utf-8", b"null"),
        ("blob", "application/octet-stream", 200, "application/octet-stream", b"\x89PNG\x00"),
        ("blob", "image/png, */*", 200, "application/json; charset=utf-8", b'"\\\\x89504e4700"'),
        ("blob", "text/plain", 406, None, b""),
        ("word", "application/octet-stream", 406, None, b""),
        ("word", "text/xml", 406, None, b""),
        ("number", "text/plain", 406, None, b""),
        ("countdown", "text/plain", 406, None, b""),
        ("number", SINGULAR, 200, f"{SINGULAR}; charset=utf-8", b"7"),
        ("nothing", "text/plain", 204, None, b""),
    ],
)
def test_a_plain_value_is_answered_as_it_is_where_that_is_wanted(
    desk: Door, name: str, accept: str, status: int, media: str | None, body: bytes
) -> None:
    answer = get(desk, name, accept=accept)
    assert answer.status == status, answer.body
    if status == 200:
        assert (answer.headers["content-type"], answer.body) == (media, body)
    elif status == 406:
        assert answer.json["message"] == f"None of these media types are available: {accept}"


def test_null_is_an_empty_text(desk: Door) -> None:
    answer = post(desk, "word", {"value": None}, accept="text/plain")
    assert (answer.status, answer.body) == (200, b"")


@pytest.mark.parametrize(
    ("url", "answer"),
    [
        ("countdown", [3, 2, 1]),
        ("countdown?limit=2", [3, 2]),
        ("countdown?offset=1", [2, 1]),
        ("countdown?order=pgrst_scalar&limit=1", [1]),
        ("countdown?pgrst_scalar=gt.1", [3, 2]),
        ("number?limit=1", 7),
        ("number?limit=0", None),
    ],
)
def test_values_are_shaped_as_rows_of_one_column(desk: Door, url: str, answer: Any) -> None:
    found = get(desk, url)
    assert (found.status, found.json) == (200, answer)


def test_values_are_counted(desk: Door) -> None:
    answer = get(desk, "countdown?limit=1&offset=1", prefer="count=exact")
    assert (answer.status, answer.json, answer.range, answer.applied) == (206, [2], "1-1/3", "count=exact")
    answer = get(desk, "countdown?offset=9", prefer="count=exact")
    assert (answer.status, answer.code, answer.range) == (416, "PGRST103", "*/3")
    answer = get(desk, "countdown", range="0-1")
    assert (answer.json, answer.range) == ([3, 2], "0-1/*")


@pytest.mark.parametrize("url", ["countdown?order=x", "number?x=eq.1", "word?select=x"])
def test_values_have_no_columns(desk: Door, url: str) -> None:
    answer = get(desk, url)
    assert (answer.status, answer.code) == (400, "42703")


def test_what_nothing_tells_the_columns_of_cannot_be_shaped(desk: Door) -> None:
    assert get(desk, "untold?limit=1", prefer="count=exact").json == [{"a": 1}]
    answer = get(desk, "untold?a=eq.1")
    assert (answer.status, answer.code) == (400, "PGRST127")


# Rows of no table --------------------------------------------------------------------------------------------

SHAPED: list[tuple[str, Any]] = [
    ("all_things?select=number", [2, 1, 3]),
    ("all_things?select=number&order=number", [1, 2, 3]),
    ("all_things?select=number&order=price.desc", [3, 2, 1]),
    ("all_things?select=number&price=gt.9.5", [2, 3]),
    ("all_things?select=number&price=eq.10.5", [2]),
    ("all_things?select=number&name=is.null", [3]),
    ("all_things?select=number&name=like.*1", [1]),
    ("all_things?select=number&ratio=lt.0.6&order=number", [1, 2]),
    ("all_things?select=number&ok=is.true", [2]),
    ("all_things?select=number&ok=eq.false", [1, 3]),
    ("all_things?select=number&day=gte.2024-01-02&order=day", [2, 3]),
    ("all_things?select=number&moment=lt.2024-02-29T14:00:00%2B00:00", [1]),
    ("all_things?select=number&span=gt.02:00:00", [3]),
    (f"all_things?select=number&id=eq.{uid(3)}", [3]),
    ("all_things?select=number&raw=eq.\\x02ff", [2]),
    ("all_things?select=number&level=eq.HIGH", [2]),
    ("all_things?select=number&order=level.desc,number", [2, 1, 3]),
    ("all_things?select=number&size=eq.LARGE", [2]),
    ("all_things?select=number&way=in.(down)", [3]),
    ('all_things?select=number&words=eq.{a,"\\"1\\""}', [1]),
    ("all_things?select=number&numbers=eq.{0,1}", [2]),
    ("all_things?select=number&inner->a=eq.3", [3]),
    ("all_things?select=number&inner->>a=eq.2", [2]),
    ("all_things?select=number&anything->z->0=gt.1&order=number", [2, 3]),
    ("all_things?select=number&or=(number.eq.1,ok.is.true)&limit=1", [2]),
    ("all_things?select=number&limit=1&offset=1", [1]),
    ("all_things?select=number&limit=0", []),
    ("no_things?select=number&number=eq.1&order=name", []),
]


@pytest.mark.parametrize(("url", "numbers"), SHAPED)
def test_rows_of_no_table_are_asked_for_like_a_tables(desk: Door, url: str, numbers: list[int]) -> None:
    answer = get(desk, url)
    assert answer.status == 200, answer.body
    assert [row["number"] for row in answer.json] == numbers


def test_every_kind_of_column_is_shown_as_it_is_without_a_shape(desk: Door) -> None:
    plain, shaped = get(desk, "all_things"), get(desk, "all_things?limit=9")
    assert plain.json == shaped.json
    assert get(desk, "one_thing?number=2&select=*").json == plain.json[0]
    assert plain.json[0]["price"] == 10.5
    assert b'"price":10.50' in plain.body
    assert b"10.50" in shaped.body


@pytest.mark.parametrize(
    ("url", "answer"),
    [
        ("points?select=y,x&order=x.desc", [{"y": 1.5, "x": 2}, {"y": None, "x": 1}]),
        ("pairs?select=right&left=eq.2", [{"right": "two"}]),
        ("boxes?select=n:x,label::text&order=label", [{"n": 2, "label": "a"}, {"n": 1, "label": "b"}]),
        ("all_things?select=number,a:inner->a,words->0&number=eq.2", [{"number": 2, "a": 2, "words": "a"}]),
        ("one_thing?number=2&select=number,price::text", {"number": 2, "price": "10.50"}),
        ("one_thing?number=9&select=number", None),
    ],
)
def test_what_is_selected(desk: Door, url: str, answer: Any) -> None:
    assert get(desk, url).json == answer


def test_rows_of_no_table_are_counted(desk: Door) -> None:
    answer = get(desk, "all_things?number=lt.3&limit=1&select=number", prefer="count=exact")
    assert (answer.status, answer.range, answer.json) == (206, "0-0/2", [{"number": 2}])
    answer = get(desk, "all_things?offset=5", prefer="count=exact")
    assert (answer.status, answer.range) == (416, "*/3")
    answer = desk.ask("HEAD", "/rpc/all_things?number=lt.3", prefer="count=exact")
    assert (answer.status, answer.range, answer.body) == (200, "0-1/2", b"")


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("all_things?select=nothing", "42703"),
        ("all_things?order=nothing", "42703"),
        ("no_things?nothing=eq.1", "42703"),
        ("all_things?number=eq.x", "22P02"),
        ("all_things?level=eq.NONE", "22P02"),
        ("all_things?select=notes(*)", "PGRST200"),
        ("all_things?select=number.sum()", "PGRST123"),
    ],
)
def test_what_is_wrong_is_told_as_of_a_table(desk: Door, url: str, code: str) -> None:
    answer = get(desk, url)
    assert (answer.status, answer.code) == (400, code)


def test_one_of_the_rows_may_be_asked_for(desk: Door) -> None:
    assert get(desk, "all_things?number=eq.1&select=number", accept=SINGULAR).json == {"number": 1}
    answer = get(desk, "all_things?select=number", accept=SINGULAR)
    assert (answer.status, answer.code, answer.json["details"]) == (406, "PGRST116", "The result contains 3 rows")


def test_rows_are_answered_as_csv(desk: Door) -> None:
    answer = get(desk, "boxes?select=x,label&order=x", accept="text/csv")
    assert answer.body.decode().splitlines() == ["x,label", "1,b", "2,a"]
    assert get(desk, "countdown", accept="text/csv").body.decode().splitlines() == ["pgrst_scalar", "3", "2", "1"]


def test_what_is_not_what_the_annotation_says_is_the_programs_fault(desk: Door) -> None:
    answer = get(desk, "liars?order=pgrst_scalar")
    assert (answer.status, answer.json["message"]) == (500, "Internal error")


# Rows of a resource that are not stored ----------------------------------------------------------------------


def test_rows_that_are_not_stored_are_shaped_by_what_they_hold(desk: Door) -> None:
    assert get(desk, "drafts?select=number,text,parent(number)&order=number").json == [
        {"number": 1, "text": "draft 1", "parent": {"number": 1}},
        {"number": 2, "text": "draft 2", "parent": {"number": 1}},
    ]
    assert get(desk, "drafts?number=eq.2&select=text").json == [{"text": "draft 2"}]
    assert get(desk, "drafts?select=secret").code == "42703"
    # What is embedded keeps to its rule.
    assert get(desk, "drafts?select=parent(number)&limit=1", caller="anon").json == [{"parent": None}]


def test_rows_of_another_session_are_shown_as_they_are(desk: Door) -> None:
    assert len(get(desk, "own").json) == len(get(desk, "own?select=number").json) == 3
    assert len(get(desk, "anybodys").json) == len(get(desk, "anybodys?select=number").json) == 6


# Responses ---------------------------------------------------------------------------------------------------


def test_a_function_says_status_and_headers(desk: Door) -> None:
    answer = post(desk, "made?select=number")
    assert (answer.status, answer.headers["location"], answer.json) == (201, "/somewhere", {"number": 70})
    answer = post(desk, "accepted")
    assert (answer.status, answer.body) == (202, b"")
    answer = post(desk, "cookies")
    assert (answer.status, answer.headers["set-cookie"]) == (204, "a=1, b=2")
    answer = get(desk, "elsewhere")
    assert (answer.status, answer.headers["location"], answer.json) == (303, "https://example.org/", {"see": "there"})


def test_a_body_is_not_sent_where_there_is_none(desk: Door) -> None:
    answer = get(desk, "unchanged")
    assert (answer.status, answer.headers["etag"], answer.body) == (304, '"1"', b"")
    assert "content-type" not in answer.headers


def test_a_response_is_shaped_like_its_value(desk: Door) -> None:
    answer = get(desk, "shaped?select=number&number=gt.1&order=number")
    assert answer.json == [{"number": 2}, {"number": 3}]
    assert (answer.headers["x-kind"], answer.range) == ("things", "ours")


def test_a_function_may_answer_in_a_media_type_of_its_own(desk: Door) -> None:
    for accept in ("text/html", "*/*", "text/*", "text/html,application/xml;q=0.9"):
        answer = get(desk, "page", accept=accept)
        assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert (answer.body, answer.headers["cache-control"]) == (b"<b>Hi</b>", "max-age=60")
    head = desk.ask("HEAD", "/rpc/page", accept="text/html")
    assert (head.status, head.body) == (200, b"")


def test_what_the_caller_does_not_accept_is_undone(desk: Door) -> None:
    assert post(desk, "image", accept="image/png").body == b"\x89PNG"
    answer = post(desk, "image", {"number": 73}, accept="application/json")
    assert (answer.status, answer.code) == (406, "PGRST107")
    assert desk.rows("/notes?number=eq.73") == []
    assert len(desk.rows("/notes?number=eq.71")) == 1


@pytest.mark.parametrize("status", [0, 99, 199, 600, -1])
def test_a_status_that_cannot_be_is_the_programs_fault(desk: Door, status: int) -> None:
    answer = post(desk, "bad_status", {"status": status})
    assert (answer.status, answer.code) == (500, "PGRST112")
    assert desk.rows("/notes?number=eq.72") == []


@pytest.mark.parametrize(
    ("name", "value"), [("x y", "a"), ("x", "a\nb"), ("x", "snow ☃"), ("Content-Length", "1"), ("", "a")]
)
def test_a_header_that_cannot_be_is_the_programs_fault(desk: Door, name: str, value: str) -> None:
    answer = post(desk, "bad_header", {"name": name, "value": value})
    assert (answer.status, answer.code) == (500, "PGRST111")


# Errors ------------------------------------------------------------------------------------------------------


def test_errors_of_the_programs_own_have_their_code_status_and_headers(desk: Door) -> None:
    answer = post(desk, "sold_out")
    assert (answer.status, answer.headers["retry-after"]) == (409, "30")
    assert answer.json == {"code": "SHOP1", "message": "Nothing is left.", "details": "Ask again.", "hint": None}
    answer = post(desk, "brew")
    assert (answer.status, answer.code, answer.headers["x-pot"]) == (418, "TEA", "short")
    answer = post(desk, "brew_badly")
    assert (answer.status, answer.code) == (500, "PGRST111")


# Transactions ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("caller", ["ada", "service"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_call_that_only_reads_may_not_write(desk: Door, method: str, caller: str) -> None:
    answer = desk.ask(method, "/rpc/write?number=74", caller=caller)
    assert answer.status == 405
    if method == "GET":
        assert answer.code == "25006"
        assert answer.json["message"] == "cannot execute INSERT in a read-only transaction"
    assert desk.rows("/notes?number=eq.74", caller="service") == []


def test_more_rows_than_may_be_are_undone(desk: Door) -> None:
    strict = {"prefer": "handling=strict, max-affected=1"}
    answer = post(desk, "all_things?select=number", **strict)
    assert (answer.status, answer.code, answer.json["details"]) == (400, "PGRST124", "The query affects 3 rows")
    answer = post(desk, "write", {"number": 75}, prefer="handling=strict, max-affected=0")
    assert answer.code == "PGRST124"
    assert desk.rows("/notes?number=eq.75") == []
    answer = post(desk, "all_things?limit=1", **strict)
    assert (answer.status, answer.applied) == (200, "handling=strict, max-affected=1")
    for name in ("number", "one_thing?number=1", "nothing"):
        assert get(desk, name, **strict).code == "PGRST128"
    assert post(desk, "all_things", prefer="max-affected=1").status == 200


def test_the_schema_is_told_where_it_was_asked_for(desk: Door) -> None:
    assert post(desk, "number", content_profile="public").headers["content-profile"] == "public"
    assert "content-profile" not in post(desk, "number").headers
    assert post(desk, "number", content_profile="nowhere").code == "PGRST106"


def test_values_in_csv_are_written_as_those_of_a_table(desk: Door) -> None:
    answer = get(desk, "all_things?number=eq.2&select=moment,ok,words,inner", accept="text/csv")
    assert answer.body.decode().splitlines() == [
        "moment,ok,words,inner",
        '"2024-02-29 14:30:00+00",t,"{a,""\\\\""2\\\\""""}","{""a"": 2, ""when"": ""2024-02-29T12:30:00+00:00""}"',
    ]
