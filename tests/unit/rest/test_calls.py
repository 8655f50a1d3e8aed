"""A.12: calls of functions."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from backstay.query.nodes import Call, Comparison, Count, Field, Order, Page, Select
from unit.rest.ask import asked_as, code, comparison, embed, items, refusal


def post(body: bytes = b"", url: str = "/rpc/f", **headers: str) -> Call:
    return asked_as(Call, "POST", url, body, **headers)


def read(query: str, method: str = "GET") -> Call:
    return asked_as(Call, method, f"/rpc/f?{query}")


# POST --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "arguments"),
    [
        (b"", {}),
        (b"{}", {}),
        (b'{"b":[1,{"x":null}],"a":1.50}', {"b": [1, {"x": None}], "a": Decimal("1.50")}),
        (b'[{"a":1},{"a":2}]', {"a": 1}),
        (b'[{"a":1},{"b":2}]', {}),
        (b"[1,2]", {}),
        (b"[]", {}),
        (b'"x"', {}),
        (b"null", {}),
    ],
)
def test_a_json_object_has_the_arguments(body: bytes, arguments: dict[str, Any]) -> None:
    call = post(body)
    assert (call.arguments, call.names) == (arguments, tuple(sorted(arguments)))
    assert (call.body, call.media, call.literal, call.readonly) == (body or b"{}", None, False, False)


def test_columns_names_the_arguments_to_take() -> None:
    call = post(b'{"a":1,"b":2}', "/rpc/f?columns=c,a")
    assert (call.arguments, call.names) == ({"a": 1, "c": None}, ("a", "c"))


def test_a_form_has_arguments_as_texts() -> None:
    call = post(b"a=1&b=x+y&a=2&a=3", content_type="application/x-www-form-urlencoded")
    assert (call.arguments, call.literal) == ({"a": ["1", "2", "3"], "b": "x y"}, True)


@pytest.mark.parametrize("kind", ["text/plain", "text/xml", "application/octet-stream"])
def test_a_raw_body_is_for_a_function_with_one_unnamed_parameter(kind: str) -> None:
    call = post(b"\xff\x00raw", content_type=f"{kind}; charset=utf-8")
    assert (call.arguments, call.body, call.media) == ({}, b"\xff\x00raw", kind)


@pytest.mark.parametrize(("kind", "body"), [("application/json", b"{"), ("text/csv", b"a\n1"), ("image/png", b"")])
def test_another_body_is_pgrst102(kind: str, body: bytes) -> None:
    assert code(refusal("POST", "/rpc/f", body, content_type=kind)) == (400, "PGRST102")


def test_every_parameter_of_a_post_is_a_filter() -> None:
    assert code(refusal("POST", "/rpc/f?a=1")) == (400, "PGRST100")


# GET ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_what_is_no_filter_is_an_argument(method: str) -> None:
    call = read("b=2&a=x+y&c=eq.1&d=not.is.null&e=in.(1)&f=eq(any).{1}&g=fts(english).x", method)
    assert call.arguments == {"a": "x y", "b": "2"}
    assert call.names == ("a", "b")
    assert (call.literal, call.readonly, call.body) == (True, True, None)
    assert call.returning is not None
    assert [term.field.name for term in call.returning.where if isinstance(term, Comparison)] == list("cdefg")


@pytest.mark.parametrize("value", ["", "1", "eq", "is.x", "in.1,2", "not.x.y", "a.b", "{1,2}", "null", "abc.1", "EQ.1"])
def test_a_value_that_only_resembles_a_filter_is_an_argument(value: str) -> None:
    assert read(f"a={value}").arguments == {"a": value}


def test_a_repeated_argument_is_a_list() -> None:
    assert read("a=1&a=2&b=3&a=").arguments == {"a": ["1", "2", ""], "b": "3"}


def test_reserved_keys_are_no_arguments() -> None:
    call = read("select=x,r(y)&order=x&limit=2&offset=1&or=(x.eq.1,x.eq.2)&r.limit=1&columns=q&on_conflict=q&a=1&b")
    assert call.arguments == {"a": "1"}
    assert call.returning is not None
    assert call.returning.order == (Order(Field("x")),)
    assert call.returning.page == Page(2, 1, True, True)


def test_a_key_with_a_path_is_a_filter_on_an_embed() -> None:
    assert code(refusal("GET", "/rpc/f?r.a=1")) == (400, "PGRST100")


def test_the_rows_of_a_function_are_shaped_as_a_tables_are() -> None:
    call = asked_as(Call, "GET", "/rpc/f?select=a,r(b)&r.b=eq.1&a=eq.2", prefer="count=exact", range="0-4")
    assert call.returning == Select(
        "f",
        items=(*items("a"), embed("select=r(b)&r.b=eq.1")),
        where=(comparison("a", "eq", "2"),),
        page=Page(5, 0, True),
        count=Count.EXACT,
    )


def test_the_texts_of_arguments_are_values_of_the_call() -> None:
    first, second = read("a=1&b=eq.1"), read("a=2&b=eq.2")
    assert first.names == second.names
    assert first.arguments != second.arguments
