"""A.7, A.10: order, limit, offset and the Range header."""

from __future__ import annotations

import pytest

from backstay.errors import NotEmbedded
from backstay.frontends.rest.page import content_range
from backstay.query.nodes import Embed, Field, Nulls, Order, Page, Step
from unit.rest.ask import ask, code, embed, get, refusal

HUGE = 2**63 - 1


@pytest.mark.parametrize(
    ("written", "terms"),
    [
        ("a", (Order(Field("a")),)),
        ("a.asc", (Order(Field("a")),)),
        ("a.desc", (Order(Field("a"), True),)),
        ("a.nullsfirst", (Order(Field("a"), False, Nulls.FIRST),)),
        ("a.nullslast", (Order(Field("a"), False, Nulls.LAST),)),
        ("a.asc.nullsfirst", (Order(Field("a"), False, Nulls.FIRST),)),
        ("a.desc.nullslast", (Order(Field("a"), True, Nulls.LAST),)),
        ("a,b.desc", (Order(Field("a")), Order(Field("b"), True))),
        ("+a+,+b.desc+", (Order(Field("a")), Order(Field("b"), True))),
        ("d->>x.desc", (Order(Field("d", (Step("x", True),)), True),)),
        ("d->0->y.asc", (Order(Field("d", (Step(0), Step("y")))),)),
        ('"a.desc".desc', (Order(Field("a.desc"), True),)),
        ("my+column.desc", (Order(Field("my column"), True),)),
    ],
)
def test_an_order_has_terms(written: str, terms: tuple[Order, ...]) -> None:
    assert get(f"order={written}").order == terms


@pytest.mark.parametrize(
    ("written", "term"),
    [
        ("r(a)", Order(Field("a"), relation="r")),
        ("r(a).desc.nullslast", Order(Field("a"), True, Nulls.LAST, "r")),
        ("r(d->>x).asc", Order(Field("d", (Step("x", True),)), relation="r")),
        ("r(+a+)", Order(Field("a"), relation="r")),
    ],
)
def test_a_term_may_belong_to_an_embed(written: str, term: Order) -> None:
    assert get(f"select=*,r(a)&order={written}").order == (term,)


def test_a_related_term_names_the_key_alone() -> None:
    assert get("select=n:r(a)&order=n(a)").order == (Order(Field("a"), relation="n"),)
    assert isinstance(ask("GET", "/notes?select=n:r(a)&order=r(a)").refusal, NotEmbedded)


@pytest.mark.parametrize(
    "written",
    ["", "a,", ",a", "a.", "a.ac", "a.descc", "a.asc.desc", "a.nullsfirst.desc", "a.asc.nulls", "a.smth", "r(a,b)",
     "r(a", "r()", "(a)", "a.b", "a->", "a b)", "r(a)(b)", "a::text"],
)  # fmt: skip
def test_what_is_no_order_is_pgrst100(written: str) -> None:
    error = refusal("GET", f"/notes?order={written}")
    assert code(error) == (400, "PGRST100")
    assert error.message.startswith(f'"failed to parse order ({written})" (line 1, column ')


def test_the_first_order_of_a_level_wins() -> None:
    query = get("select=r(a)&order=a&order=b&r.order=c&r.order=d")
    assert query.order == (Order(Field("a")),)
    assert isinstance(query.items[0], Embed)
    assert query.items[0].order == (Order(Field("c")),)


def test_an_embed_has_its_own_order_and_page() -> None:
    found = embed("select=n:r(a,s(b))&n.order=a.desc&n.limit=3&n.offset=6&n.s.limit=1")
    assert found.order == (Order(Field("a"), True),)
    assert found.page == Page(3, 6, True, True)
    assert isinstance(found.items[1], Embed)
    assert found.items[1].page == Page(1, 0, True, False)


def test_an_embed_may_be_ordered_by_an_embed_in_it() -> None:
    assert embed("select=r(s(b))&r.order=s(b).desc").order == (Order(Field("b"), True, relation="s"),)


def test_the_page_of_an_embed_may_be_named_by_alias_and_relation_at_once() -> None:
    assert embed("select=n:r(a)&r.limit=3&n.offset=2").page == Page(3, 2, True, True)


# limit and offset --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "page"),
    [
        ("", Page()),
        ("limit=5", Page(5, 0, True, False)),
        ("offset=5", Page(None, 5, False, True)),
        ("limit=5&offset=10", Page(5, 10, True, True)),
        ("offset=0&limit=5", Page(5, 0, True, True)),
        ("limit=0", Page(0, 0, True, False)),
        ("limit=0&offset=3", Page(0, 3, True, True)),
        ("limit=1&limit=2&offset=1&offset=3", Page(2, 3, True, True)),
        ("limit=x", Page()),
        ("limit=", Page()),
        ("limit=1.5", Page()),
        ("limit=5&limit=x", Page()),
        ("offset=null", Page()),
        ("limit=%205%20", Page(5, 0, True, False)),
        ("limit=٥", Page()),
        ("limit=99999999999999999999", Page(HUGE, 0, True, False)),
        (f"limit={'9' * 5000}", Page(HUGE, 0, True, False)),
        (f"offset={'9' * 5000}", Page(None, HUGE, False, True)),
        (f"limit={'0' * 5000}7", Page(7, 0, True, False)),
    ],
)
def test_limit_and_offset_make_a_page(query: str, page: Page) -> None:
    assert get(query).page == page


@pytest.mark.parametrize("query", ["limit=-1", "limit=-99999999999999999999", "select=r(a)&r.limit=-1"])
def test_a_negative_limit_is_416(query: str) -> None:
    error = refusal("GET", f"/notes?{query}")
    assert code(error) == (416, "PGRST103")
    assert error.message == "Requested range not satisfiable"
    assert error.detail == "Limit should be greater than or equal to zero."


@pytest.mark.parametrize("query", ["offset=-1", "select=r(a)&r.offset=-1"])
def test_a_negative_offset_is_refused_as_postgresql_refuses_it(query: str) -> None:
    error = refusal("GET", f"/notes?{query}")
    assert code(error) == (400, "2201X")
    assert error.message == "OFFSET must not be negative"


# Range -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "header", "page"),
    [
        ("", "0-9", Page(10, 0, True, False)),
        ("", "10-19", Page(10, 10, True, True)),
        ("", "5-", Page(None, 5, False, True)),
        ("", "0-", Page()),
        ("", "3-3", Page(1, 3, True, True)),
        ("", "bytes=0-9", Page()),
        ("", "-9", Page()),
        ("", "x", Page()),
        ("limit=5", "0-9", Page(5, 0, True, False)),
        ("limit=50", "0-9", Page(10, 0, True, False)),
        ("offset=5", "0-9", Page(5, 5, True, True)),
        ("limit=5&offset=8", "0-9", Page(2, 8, True, True)),
        ("offset=2", "5-", Page(None, 5, False, True)),
        ("limit=5", "3-", Page(2, 3, True, True)),
        ("limit=0", "0-9", Page(0, 0, True, False)),
        ("", f"0-{'9' * 30}", Page(HUGE, 0, True, False)),
    ],
)
def test_a_range_header_narrows_the_page(query: str, header: str, page: Page) -> None:
    assert get(query, range=header).page == page


def test_a_range_header_counts_for_get_alone() -> None:
    query = ask("HEAD", "/notes", range="0-9").query
    assert query.page == Page()  # type: ignore[union-attr]


def test_a_range_that_ends_before_it_begins_is_416() -> None:
    error = refusal("GET", "/notes", range="9-0")
    assert code(error) == (416, "PGRST103")
    assert error.detail == "The lower boundary must be lower than or equal to the upper boundary in the Range header."


def test_a_range_and_a_page_that_do_not_meet_are_416() -> None:
    assert code(refusal("GET", "/notes?offset=20", range="0-9")) == (416, "PGRST103")
    assert code(refusal("GET", "/notes?limit=5", range="7-9")) == (416, "PGRST103")


@pytest.mark.parametrize(
    ("first", "rows", "total", "written"),
    [(0, 10, None, "0-9/*"), (5, 1, 6, "5-5/6"), (0, 0, None, "*/*"), (0, 0, 0, "*/0"), (20, 0, 15, "*/15")],
)
def test_content_range_tells_the_rows_and_their_total(first: int, rows: int, total: int | None, written: str) -> None:
    assert content_range(first, rows, total) == written
