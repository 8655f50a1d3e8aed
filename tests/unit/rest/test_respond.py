"""A.10 to A.15: status, headers and body of an answer, and what is refused before the commit."""

from __future__ import annotations

from typing import Any

import pytest

from backstay.dialects.reply import Reply
from backstay.errors import BackstayError
from backstay.frontends.http import Response
from backstay.frontends.rest.errors import render
from backstay.frontends.rest.respond import check, describe, respond
from backstay.settings import Settings
from unit.rest.ask import ask, code, header

ROWS = b'[{"id":1,"a":"x"},{"id":2,"a":null}]'
TWO = Reply(ROWS, 2)
ONE = Reply(b'[{"id":1,"a":null}]', 1)
NONE = Reply(b"[]", 0)
OBJECT = "application/vnd.pgrst.object+json"
REPRESENTATION = {"prefer": "return=representation"}


def answer(method: str, url: str, reply: Reply, body: bytes = b"{}", **headers: str) -> Response:
    asked = ask(method, url, body, **headers)
    check(asked, reply)
    return respond(asked, reply)


def refused(method: str, url: str, reply: Reply, body: bytes = b"{}", **headers: str) -> BackstayError:
    with pytest.raises(BackstayError) as caught:
        check(ask(method, url, body, **headers), reply)
    return caught.value


def names(response: Response) -> set[str]:
    return {name for name, _ in response.headers}


# Reads -------------------------------------------------------------------------------------------------------


def test_a_read_carries_the_databases_own_bytes() -> None:
    response = answer("GET", "/notes?select=id,a&order=id&a=eq.x%20y", TWO)
    assert (response.status, response.body) == (200, ROWS)
    assert dict(response.headers) == {
        "content-range": "0-1/*",
        "content-location": "/notes?a=eq.x%20y&order=id&select=id%2Ca",
        "content-type": "application/json; charset=utf-8",
        "content-length": str(len(ROWS)),
        "vary": "Accept, Prefer, Range",
    }


def test_the_location_of_what_was_read_is_canonical() -> None:
    assert header(answer("GET", "/my%20notes", TWO), "content-location") == "/my%20notes"
    assert header(answer("GET", "/notes?b=eq.2&a=eq.1&b=eq.1&c", TWO), "content-location") == (
        "/notes?a=eq.1&b=eq.2&b=eq.1&c="
    )


def test_head_is_get_without_the_body() -> None:
    got, head = (answer(method, "/notes?limit=2", TWO, prefer="count=exact") for method in ("GET", "HEAD"))
    assert (head.status, head.body) == (got.status, b"")
    assert set(got.headers) - set(head.headers) == {("content-length", str(len(ROWS)))}


@pytest.mark.parametrize(
    ("query", "rows", "total", "status", "span"),
    [
        ("", 2, None, 200, "0-1/*"),
        ("", 0, None, 200, "*/*"),
        ("offset=5", 2, None, 200, "5-6/*"),
        ("limit=0", 0, None, 200, "*/*"),
        ("", 2, 2, 200, "0-1/2"),
        ("limit=2", 2, 5, 206, "0-1/5"),
        ("offset=3", 2, 5, 206, "3-4/5"),
        ("limit=0", 0, 5, 206, "*/5"),
        ("", 0, 0, 200, "*/0"),
        ("offset=5", 0, 5, 206, "*/5"),
        ("offset=0&limit=5", 0, 0, 200, "*/0"),
        ("offset=9", 2, 5, 206, "9-10/5"),
        ("", 9, 5, 200, "0-8/5"),
    ],
)
def test_a_page_tells_where_it_lies(query: str, rows: int, total: int | None, status: int, span: str) -> None:
    for url in ("/notes", "/rpc/f"):
        response = answer("GET", f"{url}?{query}", Reply(b"[]", rows, total), prefer="count=exact")
        assert (response.status, header(response, "content-range")) == (status, span)
        assert header(response, "preference-applied") == "count=exact"


@pytest.mark.parametrize("url", ["/notes", "/rpc/f"])
def test_a_page_beyond_the_last_row_is_416(url: str) -> None:
    error = refused("GET", f"{url}?offset=100", Reply(b"[]", 0, 15), prefer="count=exact")
    assert code(error) == (416, "PGRST103")
    assert error.detail == "An offset of 100 was requested, but there are only 15 rows."
    assert header(render(error), "content-range") == "*/15"


def test_without_a_count_a_page_beyond_the_last_row_is_empty() -> None:
    assert answer("GET", "/notes?offset=100", NONE).status == 200


# Forms -------------------------------------------------------------------------------------------------------


def test_a_single_row_is_an_object() -> None:
    response = answer("GET", "/notes", ONE, accept=OBJECT)
    assert response.body == b'{"id":1,"a":null}'
    assert header(response, "content-type") == f"{OBJECT}; charset=utf-8"


@pytest.mark.parametrize(("reply", "rows"), [(NONE, 0), (TWO, 2)])
def test_none_or_many_rows_are_no_object(reply: Reply, rows: int) -> None:
    error = refused("GET", "/notes", reply, accept=OBJECT)
    assert code(error) == (406, "PGRST116")
    assert error.message == "Cannot coerce the result to a single JSON object"
    assert error.detail == f"The result contains {rows} rows"


@pytest.mark.parametrize(
    ("accept", "body", "written"),
    [
        ("application/vnd.pgrst.array+json;nulls=stripped", ROWS, b'[{"id":1,"a":"x"},{"id":2}]'),
        (f"{OBJECT};nulls=stripped", b'[{"id":1,"a":null}]', b'{"id":1}'),
        (
            "application/vnd.pgrst.array+json;nulls=stripped",
            '[{"é":{"b":null,"c":[null,{"d":null}]},"n":1.50,"big":123456789012345678901234567890}]'.encode(),
            '[{"é":{"c":[null,{}]},"n":1.50,"big":123456789012345678901234567890}]'.encode(),
        ),
    ],
)
def test_nulls_are_stripped_at_any_depth_and_numbers_stay(accept: str, body: bytes, written: bytes) -> None:
    response = answer("GET", "/notes", Reply(body, 1), accept=accept)
    assert response.body == written
    assert header(response, "content-type") == f"{accept}; charset=utf-8"


@pytest.mark.parametrize(
    ("body", "written"),
    [
        (b"[]", "\n"),
        (ROWS, "id,a\n1,x\n2,"),
        (b'[{"a":true,"b":false,"c":1.50,"d":""}]', 'a,b,c,d\nt,f,1.50,""'),
        (b'[{"a":"x,y","b":"say \\"hi\\"","c":"two words","d":"\\\\"}]',
         'a,b,c,d\n"x,y","say ""hi""","two words","\\\\"'),
        (b'[{"a":{"b":[1,null]},"c":[1,2]}]', 'a,c\n"{""b"":[1,null]}","[1,2]"'),
        (b'[{"a,b":1}]', '"a,b"\n1'),
        ('[{"a":"é\\n"}]'.encode(), 'a\n"é\n"'),
    ],
)  # fmt: skip
def test_rows_are_written_as_csv(body: bytes, written: str) -> None:
    response = answer("GET", "/notes", Reply(body, 1), accept="text/csv")
    assert response.body.decode() == written
    assert header(response, "content-type") == "text/csv; charset=utf-8"


def test_the_schema_is_named_where_it_was_asked_for() -> None:
    assert header(answer("GET", "/notes", TWO, accept_profile="public"), "content-profile") == "public"
    assert "content-profile" not in names(answer("GET", "/notes", TWO))
    assert "content-profile" not in names(answer("POST", "/notes", Reply(affected=1), content_profile="public"))


# Inserts -----------------------------------------------------------------------------------------------------


def test_an_insert_answers_201_and_nothing_else() -> None:
    response = answer("POST", "/notes", Reply(affected=1, inserted=1))
    assert (response.status, response.body) == (201, b"")
    assert dict(response.headers) == {"content-range": "*/*", "content-length": "0"}


def test_an_insert_answers_its_rows_where_they_are_preferred() -> None:
    response = answer("POST", "/notes", Reply(ROWS, 2, affected=2), **REPRESENTATION)
    assert (response.status, response.body) == (201, ROWS)
    assert dict(response.headers) == {
        "content-range": "*/*",
        "preference-applied": "return=representation",
        "content-type": "application/json; charset=utf-8",
        "content-length": str(len(ROWS)),
    }


@pytest.mark.parametrize(
    ("count", "span"), [("exact", "*/3"), ("estimated", "*/3"), ("planned", "*/*"), ("none", "*/*")]
)
@pytest.mark.parametrize(("method", "status"), [("POST", 201), ("DELETE", 204)])
def test_the_total_of_an_insert_or_delete_is_what_it_affected(method: str, status: int, count: str, span: str) -> None:
    response = answer(method, "/notes", Reply(affected=3), prefer=f"count={count}")
    assert (response.status, header(response, "content-range")) == (status, span)


@pytest.mark.parametrize(
    ("prefer", "inserted", "status"),
    [
        ("resolution=merge-duplicates", 1, 201),
        ("resolution=merge-duplicates", 0, 200),
        ("resolution=ignore-duplicates", 0, 201),
        ("", 0, 201),
    ],
)
def test_an_upsert_that_created_nothing_is_200(prefer: str, inserted: int, status: int) -> None:
    for more in ("", ",return=representation"):
        reply = Reply(b"[]", affected=2, inserted=inserted)
        assert answer("POST", "/notes", reply, prefer=prefer + more).status == status


@pytest.mark.parametrize(
    ("keys", "location"),
    [
        (({"id": 1},), "/my%20notes?id=eq.1"),
        (({"a": "x y", "b": None},), "/my%20notes?a=eq.x%20y&b=is.null"),
        (({"a&b": True},), "/my%20notes?a%26b=eq.true"),
        ((), ""),
        (({"id": 1}, {"id": 2}), ""),
    ],
)
def test_headers_only_tells_where_the_one_row_is(keys: tuple[dict[str, Any], ...], location: str) -> None:
    reply = Reply(affected=1, keys=keys)
    assert header(answer("POST", "/my%20notes", reply, prefer="return=headers-only"), "location") == location
    assert "location" not in names(answer("POST", "/my%20notes", reply, prefer="return=minimal"))


# Updates, deletes, puts --------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_a_change_answers_204_with_neither_type_nor_length(method: str) -> None:
    response = answer(method, "/notes", Reply(affected=2), prefer="return=minimal")
    assert (response.status, response.body) == (204, b"")
    assert names(response) == {"content-range", "preference-applied"}


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_a_change_answers_its_rows_where_they_are_preferred(method: str) -> None:
    response = answer(method, "/notes", Reply(ROWS, 2, affected=2), **REPRESENTATION)
    assert (response.status, response.body) == (200, ROWS)


@pytest.mark.parametrize(
    ("affected", "count", "span"),
    [(3, "exact", "0-2/3"), (3, "none", "0-2/*"), (0, "exact", "*/0"), (0, "none", "*/*")],
)
def test_an_update_tells_the_rows_that_it_affected(affected: int, count: str, span: str) -> None:
    response = answer("PATCH", "/notes", Reply(affected=affected), prefer=f"count={count}")
    assert header(response, "content-range") == span


def test_a_put_answers_204_or_its_row() -> None:
    assert answer("PUT", "/notes?id=eq.1", Reply(affected=1, inserted=1)) == Response(204)
    for inserted, status in ((1, 201), (0, 200)):
        reply = Reply(b'[{"id":1}]', 1, affected=1, inserted=inserted)
        response = answer("PUT", "/notes?id=eq.1", reply, **REPRESENTATION)
        assert (response.status, response.body) == (status, b'[{"id":1}]')
        assert "content-range" not in names(response)


def test_a_put_that_wrote_nothing_is_refused() -> None:
    assert code(refused("PUT", "/notes?id=eq.1", Reply(affected=0))) == (400, "PGRST115")


@pytest.mark.parametrize(("method", "body"), [("POST", b"{}"), ("PATCH", b"{}"), ("DELETE", b"")])
@pytest.mark.parametrize("prefer", ["return=minimal", "return=representation"])
def test_a_write_of_many_rows_is_refused_where_one_was_asked_for(method: str, body: bytes, prefer: str) -> None:
    for reply in (Reply(b"[]", 0, affected=0), Reply(ROWS, 2, affected=2)):
        error = refused(method, "/notes", reply, body, accept=OBJECT, prefer=prefer)
        assert code(error) == (406, "PGRST116")
        assert error.detail == f"The result contains {reply.affected} rows"
    response = answer(method, "/notes", Reply(b'[{"id":1}]', 1, affected=1), body, accept=OBJECT, prefer=prefer)
    assert response.body == (b'{"id":1}' if "representation" in prefer else b"")


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_a_write_of_more_rows_than_preferred_is_refused(method: str) -> None:
    error = refused(method, "/notes", Reply(affected=3), prefer="handling=strict, max-affected=2")
    assert code(error) == (400, "PGRST124")
    assert error.message == "Query result exceeds max-affected preference constraint"
    assert error.detail == "The query affects 3 rows"


@pytest.mark.parametrize(
    ("method", "prefer"),
    [
        ("PATCH", "handling=strict, max-affected=3"),
        ("DELETE", "max-affected=2"),
        ("PATCH", "handling=lenient, max-affected=2"),
        ("POST", "handling=strict, max-affected=2"),
    ],
)
def test_a_limit_counts_for_updates_and_deletes_and_only_where_it_is_strict(method: str, prefer: str) -> None:
    check(ask(method, "/notes", b"{}", prefer=prefer), Reply(affected=3))


# Calls -------------------------------------------------------------------------------------------------------


def test_a_function_that_returns_nothing_answers_204() -> None:
    response = answer("POST", "/rpc/f", Reply(void=True), accept=OBJECT, content_profile="public")
    assert (response.status, response.body) == (204, b"")
    assert not names(response) & {"content-type", "content-length", "content-profile"}


@pytest.mark.parametrize("accept", ["*/*", OBJECT])
@pytest.mark.parametrize("value", [b"42", b"null", b'"x"', b"[1,2]", b'{"a":1}'])
def test_a_function_that_returns_one_value_answers_it_bare(value: bytes, accept: str) -> None:
    response = answer("POST", "/rpc/f", Reply(value, 1, scalar=True), accept=accept)
    assert (response.status, response.body) == (200, value)
    assert header(response, "content-range") == "0-0/*"


def test_a_function_that_returns_rows_answers_as_a_table_does() -> None:
    assert answer("GET", "/rpc/f", TWO).body == ROWS
    assert answer("GET", "/rpc/f", ONE, accept=OBJECT).body == b'{"id":1,"a":null}'
    assert code(refused("POST", "/rpc/f", TWO, accept=OBJECT)) == (406, "PGRST116")


@pytest.mark.parametrize(
    ("body", "written"),
    [(b"42", "pgrst_scalar\n42"), (b'{"a":1,"b":"x"}', "a,b\n1,x"), (b"[1,2]", "pgrst_scalar\n1\n2")],
)
def test_one_value_may_be_written_as_csv(body: bytes, written: str) -> None:
    assert answer("GET", "/rpc/f", Reply(body, 1, scalar=True), accept="text/csv").body.decode() == written


def test_a_function_may_answer_with_a_media_type_of_its_own() -> None:
    picture = Reply(b"\x89PNG", 1, scalar=True, media="image/png")
    for accept in ("image/png", "image/*", "*/*", ""):
        response = answer("GET", "/rpc/f", picture, accept=accept)
        assert (response.body, header(response, "content-type")) == (b"\x89PNG", "image/png")
    assert code(refused("GET", "/rpc/f", picture, accept="text/html")) == (406, "PGRST107")
    assert code(refused("GET", "/rpc/f", Reply(b"1", 1, scalar=True), accept="image/png")) == (406, "PGRST107")


def test_a_limit_on_a_function_counts_its_rows() -> None:
    prefer = "handling=strict, max-affected=1"
    assert code(refused("POST", "/rpc/f", TWO, prefer=prefer)) == (400, "PGRST124")
    check(ask("POST", "/rpc/f", prefer=prefer), ONE)


@pytest.mark.parametrize("reply", [Reply(b"1", 1, scalar=True), Reply(void=True)])
def test_a_limit_on_a_function_needs_rows(reply: Reply) -> None:
    error = refused("POST", "/rpc/f", reply, prefer="handling=strict, max-affected=1")
    assert code(error) == (400, "PGRST128")


# The rest ----------------------------------------------------------------------------------------------------


def test_preferences_are_told_as_applied() -> None:
    asked = ask("POST", "/notes", b"{}", Settings(), prefer="resolution=merge-duplicates,return=minimal")
    reply = Reply(affected=1, inserted=1)
    assert header(respond(asked, reply), "preference-applied") == "resolution=merge-duplicates, return=minimal"
    assert header(respond(asked, reply, keyed=False), "preference-applied") == "return=minimal"


def test_options_tells_what_may_be_done() -> None:
    response = describe(["OPTIONS", "GET", "HEAD"])
    assert (response.status, response.body) == (200, b"")
    assert header(response, "allow") == "OPTIONS,GET,HEAD"
    assert header(response, "access-control-allow-origin") == "*"
