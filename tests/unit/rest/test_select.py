"""A.5, A.7, A.9: the select parameter."""

from __future__ import annotations

import pytest

from backstay.errors import TooComplex
from backstay.query.nodes import Aggregate, Embed, Everything, Field, Item, Join, Pick, Step
from backstay.settings import Settings
from unit.rest.ask import ask, code, embed, get, items, refusal

ALL = Everything()


def column(name: str, *path: Step, **more: object) -> Pick:
    return Pick(Field(name, path), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("query", ["", "select=", "select=*", "select=%20", "select"])
def test_without_items_every_column_is_selected(query: str) -> None:
    assert get(query).items == (ALL,)


@pytest.mark.parametrize(
    ("select", "picked"),
    [
        ("id", column("id")),
        ("my column", column("my column")),
        ("my+column", column("my column")),
        ("%20id%20", column("id")),
        ("a-b-c", column("a-b-c")),
        ("$x_1", column("$x_1")),
        ("été", column("été")),
        ("名前", column("名前")),
        ("123", column("123")),
        ('"a,b(c)"', column("a,b(c)")),
        (r'"a\"b\\c"', column('a"b\\c')),
        ('" spaced "', column(" spaced ")),
        ("n:id", column("id", alias="n")),
        ('"the id":"the.id"', column("the.id", alias="the id")),
        ("n: id", column("id", alias="n")),
        ("id::text", column("id", cast="text")),
        ("id::double precision", column("id", cast="double precision")),
        ("n:id::text", column("id", alias="n", cast="text")),
        ("count", column("count")),
        ("n:count", column("count", alias="n")),
        ("count::text", column("count", cast="text")),
    ],
)
def test_a_column_may_be_quoted_renamed_and_cast(select: str, picked: Item) -> None:
    assert items(select) == (picked,)


@pytest.mark.parametrize(
    ("select", "picked"),
    [
        ("d->a", column("d", Step("a"))),
        ("d->>a", column("d", Step("a", True))),
        ("d->a->>b", column("d", Step("a"), Step("b", True))),
        ("d->0", column("d", Step(0))),
        ("d->-1->>x", column("d", Step(-1), Step("x", True))),
        ("d->>0::int", column("d", Step(0, True), cast="int")),
        ("d->0a", column("d", Step("0a"))),
        ('d->"0"', column("d", Step("0"))),
        ('d->"a.b,c"->>x', column("d", Step("a.b,c"), Step("x", True))),
        ("d->a-b->c", column("d", Step("a-b"), Step("c"))),
        ("d->!@*_a", column("d", Step("!@*_a"))),
        ("n:d->>a::int", column("d", Step("a", True), alias="n", cast="int")),
        ("d->12345678901", column("d", Step("12345678901"))),
    ],
)
def test_a_json_path_has_keys_and_indexes(select: str, picked: Item) -> None:
    assert items(select) == (picked,)


def test_an_index_may_end_an_item_of_an_embed() -> None:
    assert items("r(d->0)") == (Embed("r", (column("d", Step(0)),)),)


@pytest.mark.parametrize(
    ("select", "picked"),
    [
        ("count()", Pick(None, aggregate=Aggregate.COUNT)),
        ("n:count()", Pick(None, "n", aggregate=Aggregate.COUNT)),
        ("count()::text", Pick(None, aggregate=Aggregate.COUNT, aggregate_cast="text")),
        ("a.sum()", column("a", aggregate=Aggregate.SUM)),
        ("a.avg()", column("a", aggregate=Aggregate.AVG)),
        ("a.count()", column("a", aggregate=Aggregate.COUNT)),
        ("a.max()", column("a", aggregate=Aggregate.MAX)),
        ("a.min()", column("a", aggregate=Aggregate.MIN)),
        ("n:a::int.sum()::text", column("a", alias="n", cast="int", aggregate=Aggregate.SUM, aggregate_cast="text")),
        ("d->>x::int.sum()", column("d", Step("x", True), cast="int", aggregate=Aggregate.SUM)),
    ],
)
def test_an_aggregate_follows_its_column(select: str, picked: Item) -> None:
    assert items(select) == (picked,)


@pytest.mark.parametrize(
    ("select", "found"),
    [
        ("r()", Embed("r")),
        ("r( )", Embed("r")),
        ("sum()", Embed("sum")),
        ("r(*)", Embed("r", (ALL,))),
        ("r(a,b)", Embed("r", (column("a"), column("b")))),
        ("r(count)", Embed("r", (column("count"),))),
        ("n:r(a)", Embed("r", (column("a"),), alias="n")),
        ("r!h(a)", Embed("r", (column("a"),), hint="h")),
        ("r!inner(a)", Embed("r", (column("a"),), join=Join.INNER)),
        ("r!left(a)", Embed("r", (column("a"),))),
        ("r!h!inner(a)", Embed("r", (column("a"),), hint="h", join=Join.INNER)),
        ("r!inner!h(a)", Embed("r", (column("a"),), hint="h", join=Join.INNER)),
        ('r!"inner"(a)', Embed("r", (column("a"),), hint="inner")),
        ("r!lefty(a)", Embed("r", (column("a"),), hint="lefty")),
        ("r!inner!left(a)", Embed("r", (column("a"),), join=Join.INNER)),
        ("r!h!i(a)", Embed("r", (column("a"),), hint="h")),
        ("n:r!h!left(a)", Embed("r", (column("a"),), alias="n", hint="h")),
        ("r!a_b-c_fkey(a)", Embed("r", (column("a"),), hint="a_b-c_fkey")),
        ("...r(a)", Embed("r", (column("a"),), spread=True)),
        ("...r!h!inner(a)", Embed("r", (column("a"),), hint="h", join=Join.INNER, spread=True)),
        ("r(a,s(b,...t(c)))", Embed("r", (column("a"), Embed("s", (column("b"), Embed("t", (column("c"),),
                                                                                  spread=True)))))),
    ],
)  # fmt: skip
def test_an_embed_has_hint_and_join_in_either_order(select: str, found: Item) -> None:
    assert items(select) == (found,)


def test_items_may_stand_apart() -> None:
    assert items("%20*%20,%09a%20,%20r(%20b%20,%20c%20)%20") == (
        ALL,
        column("a"),
        Embed("r", (column("b"), column("c"))),
    )


def test_the_key_of_an_embed_is_its_alias_or_its_relation_as_written() -> None:
    assert embed("select=n:r(a)").key == "n"
    assert embed("select=client_id(a)").key == "client_id"


@pytest.mark.parametrize(
    "select",
    ["a,", ",a", "a,,b", "(", ")", "a)", "r(a", "r(a))", "r(a,)", "r(,)", "n:", ":a", "a::", "a:::b", "*a", "*::text",
     "a.sum", "a.sum(", "a.median()", "a->", "a->>", "a->--1", "a->-x", "a->.b", "r->x(a)", "count(a)",
     '"count"()', "n:...r(a)", "...r", "...r->x(a)", "a!h", "*!h", "r!(a)", "r!a!b!c(d)", '"a', 'a"b"', '""', "a[]",
     "a->b c->", "a::varchar(3)", "a::int.sum()::", "a-", "a->b-"],
)  # fmt: skip
def test_what_is_no_select_is_pgrst100(select: str) -> None:
    error = refusal("GET", f"/notes?select={select}")
    assert code(error) == (400, "PGRST100")
    assert error.message.startswith(f'"failed to parse select parameter ({select})" (line 1, column ')


def test_the_first_select_wins() -> None:
    assert items("a&select=b") == (column("a"),)


def test_the_place_of_the_fault_is_told() -> None:
    error = refusal("GET", "/notes?select=id,clients(name[])")
    assert error.message == '"failed to parse select parameter (id,clients(name[]))" (line 1, column 16)'
    assert error.detail == 'unexpected "[" expecting ")"'


def test_a_long_text_is_not_sent_back_whole() -> None:
    assert len(refusal("GET", f"/notes?select={'a' * 5000}[]").message) < 400


# Bounds ------------------------------------------------------------------------------------------------------


def nest(depth: int) -> str:
    return "r(" * depth + "a" + ")" * depth


def test_embeds_nest_as_deep_as_the_setting_says() -> None:
    settings = Settings(max_depth=3)
    assert ask("GET", f"/notes?select={nest(3)}", settings=settings).query
    assert isinstance(refusal("GET", f"/notes?select={nest(4)}", settings=settings), TooComplex)


@pytest.mark.parametrize("depth", [500, 5000, 20000])
def test_deep_nesting_is_refused_whatever_the_setting(depth: int) -> None:
    assert isinstance(refusal("GET", f"/notes?select={nest(depth)}", settings=Settings(max_depth=10**6)), TooComplex)


def test_a_request_names_as_many_items_as_the_setting_says() -> None:
    settings = Settings(max_items=6)
    assert ask("GET", "/notes?select=a,r(b)&c=eq.1&or=(d.is.null)", settings=settings).query
    for query in ("select=a,b,c,d,e,f,g", "select=a,r(b)&c=eq.1&or=(d.is.null)&order=e", "a=eq.1&" * 7):
        assert isinstance(refusal("GET", f"/notes?{query}", settings=settings), TooComplex)


def test_a_remembered_select_counts_each_time() -> None:
    settings = Settings(max_items=4)
    for _ in range(3):
        assert ask("GET", "/notes?select=a,b,c&d=eq.1", settings=settings).query
        assert isinstance(refusal("GET", "/notes?select=a,b,c&d=eq.1&e=eq.1", settings=settings), TooComplex)


def test_a_json_path_has_few_steps() -> None:
    assert isinstance(refusal("GET", f"/notes?select=a{'->b' * 33}"), TooComplex)
