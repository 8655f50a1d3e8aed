"""A.4: logic trees."""

from __future__ import annotations

import pytest

from backstay.errors import TooComplex
from backstay.query.nodes import Comparison, Connective, Field, Logic, Quantifier, Step
from backstay.settings import Settings
from unit.rest.ask import ask, code, comparison, embed, refusal, where

A, B, C = comparison("a", "eq", "1"), comparison("b", "gt", "2"), comparison("c", "is", word="null")


def both(*items: Comparison | Logic, negated: bool = False) -> Logic:
    return Logic(Connective.AND, items, negated)


def either(*items: Comparison | Logic, negated: bool = False) -> Logic:
    return Logic(Connective.OR, items, negated)


@pytest.mark.parametrize(
    ("query", "tree"),
    [
        ("and=(a.eq.1,b.gt.2)", both(A, B)),
        ("or=(a.eq.1,b.gt.2)", either(A, B)),
        ("not.and=(a.eq.1,b.gt.2)", both(A, B, negated=True)),
        ("not.or=(a.eq.1,b.gt.2)", either(A, B, negated=True)),
        ("or=(a.eq.1)", either(A)),
        ("or=(a.eq.1,and(b.gt.2,c.is.null))", either(A, both(B, C))),
        ("or=(not.and(a.eq.1,b.gt.2),not.or(c.is.null))", either(both(A, B, negated=True), either(C, negated=True))),
        ("or=+(+a.eq.1,+b.gt.2,+and+(+c.is.null+)+)+", either(A, B, both(C))),
        ("or=(a.not.eq.1)", either(comparison("a", "eq", "1", negated=True))),
        ("or=(c.is.NULL)", either(C)),
        ("or=(and.eq.1)", either(comparison("and", "eq", "1"))),
        ("or=(not.eq.1)", either(comparison("not", "eq", "1"))),
        ("or=(a.in.(1,2),b.gt.2)", either(comparison("a", "in", ("1", "2")), B)),
        ('or=(a.in.("x,y",z))', either(comparison("a", "in", ("x,y", "z")))),
        ("or=(a.in.(),b.gt.2)", either(comparison("a", "in", ()), B)),
        ("or=(a.eq(any).{1,2},b.gt.2)", either(comparison("a", "eq", ("1", "2"), quantifier=Quantifier.ANY), B)),
        ("or=(a.fts(english).x+y)", either(comparison("a", "fts", "x y", language="english"))),
        ("or=(a.isdistinct.1)", either(comparison("a", "isdistinct", "1"))),
        ("or=(d->>x.eq.1)", either(Comparison(Field("d", (Step("x", True),)), "eq", "1"))),
        ("or=(d->0.eq.1)", either(Comparison(Field("d", (Step(0),)), "eq", "1"))),
        ('or=("a.b".eq.1)', either(comparison("a.b", "eq", "1"))),
        ('or=("a" .eq.1)', either(comparison("a", "eq", "1"))),
    ],
)
def test_a_tree_nests_filters(query: str, tree: Logic) -> None:
    assert where(query) == (tree,)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("x", "x"),
        ("", ""),
        ("x.y:z", "x.y:z"),
        ("a b", "a b"),
        ('"a,b)"', "a,b)"),
        (r'"a\"b"', 'a"b'),
        ('"a"b', '"a"b'),
        ('say "hi"', 'say "hi"'),
        ("{1,2}", "{1,2}"),
        ("{a)b}", "{a)b}"),
        ('{"x":1,"y":2}', '{"x":1,"y":2}'),
        ("{1}x", "{1}x"),
        ('{"a":{"b":1}}', '{"a":{"b":1}}'),
        ("[1", "[1"),
    ],
)
def test_a_value_in_a_tree_may_be_quoted_or_in_braces(written: str, value: str) -> None:
    assert where(f"or=(a.eq.{written},b.gt.2)") == (either(comparison("a", "eq", value), B),)


def test_trees_and_filters_are_anded_in_their_order() -> None:
    assert where("a=eq.1&or=(b.gt.2,c.is.null)&and=(a.eq.1)") == (A, either(B, C), both(A))


@pytest.mark.parametrize("key", ["r.or", "r.not.or", "n.or"])
def test_a_tree_may_belong_to_an_embed(key: str) -> None:
    assert embed(f"select=n:r(a)&{key}=(a.eq.1,b.gt.2)").where == (either(A, B, negated="not" in key),)


def test_a_tree_may_belong_to_a_deep_embed() -> None:
    deep = embed("select=r(s(a))&r.s.and=(a.eq.1)").items[0]
    assert deep.where == (both(A),)  # type: ignore[union-attr]


def test_null_embed_filters_stand_in_trees() -> None:
    assert where("select=r(),s()&or=(r.not.is.null,s.is.null)") == (
        either(comparison("r", "is", word="null", negated=True), comparison("s", "is", word="null")),
    )


@pytest.mark.parametrize(
    "value",
    ["", "()", "a.eq.1", "(a.eq.1", "a.eq.1)", "(a.eq.1))", "(a.eq.1,)", "(,a.eq.1)", "(a)", "(a.xx.1)", "(a.eq)",
     "(a.in.1,2)", "(a.is.x)", "(and)", "(and())", "(xor(a.eq.1))", "(not.xor(a.eq.1))", "(not.not.and(a.eq.1))",
     "(a.b.eq.1)", "(r.a.eq.1)", "(a.eq.1)x", ")("],
)  # fmt: skip
def test_what_is_no_tree_is_pgrst100(value: str) -> None:
    error = refusal("GET", f"/notes?or={value}")
    assert code(error) == (400, "PGRST100")
    assert error.message.startswith(f'"failed to parse logic tree ({value})" (line 1, column ')


@pytest.mark.parametrize("key", [".or", "a..or", "r->x.or", '"r.or'])
def test_what_is_no_path_of_a_tree_is_pgrst100(key: str) -> None:
    error = refusal("GET", f"/notes?{key}=(a.eq.1)")
    assert code(error) == (400, "PGRST100")
    assert error.message.startswith(f'"failed to parse logic path ({key})" (line 1, column ')


def nest(depth: int) -> str:
    return "(" + "and(" * (depth - 1) + "a.eq.1" + ")" * depth


def test_trees_nest_as_deep_as_the_setting_says() -> None:
    settings = Settings(max_depth=3)
    assert ask("GET", f"/notes?or={nest(3)}", settings=settings).query
    assert isinstance(refusal("GET", f"/notes?or={nest(4)}", settings=settings), TooComplex)


@pytest.mark.parametrize("depth", [500, 15000])
def test_deep_trees_are_refused_whatever_the_setting(depth: int) -> None:
    settings = Settings(max_depth=10**6, max_items=10**6)
    assert isinstance(refusal("GET", f"/notes?or={nest(depth)}", settings=settings), TooComplex)
