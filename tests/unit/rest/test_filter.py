"""A.2, A.3, A.8: filters."""

from __future__ import annotations

import pytest

from backstay.errors import InvalidLiteral
from backstay.query.nodes import Comparison, Field, Quantifier, Step
from backstay.query.operators import OPERATORS, WORDS, Takes
from unit.rest.ask import code, comparison, embed, get, refusal, where

VALUED = [name for name, operator in OPERATORS.items() if operator.takes not in (Takes.LIST, Takes.WORD)]


@pytest.mark.parametrize("operator", VALUED)
def test_an_operator_takes_all_that_follows_as_its_value(operator: str) -> None:
    assert where(f'a={operator}.x.y,"z")') == (comparison("a", operator, 'x.y,"z")'),)


@pytest.mark.parametrize("operator", VALUED)
def test_an_operator_may_be_negated(operator: str) -> None:
    assert where(f"a=not.{operator}.x") == (comparison("a", operator, "x", negated=True),)


def test_a_value_may_be_empty_or_spaced() -> None:
    assert where("a=eq.") == (comparison("a", "eq", ""),)
    assert where("a=eq.+x+") == (comparison("a", "eq", " x "),)
    assert where("a=eq.1%2B1%3D2%26") == (comparison("a", "eq", "1+1=2&"),)


def test_a_value_may_hold_an_equals_sign() -> None:
    assert where("a=eq.b=c") == (comparison("a", "eq", "b=c"),)


@pytest.mark.parametrize("operator", [name for name, each in OPERATORS.items() if each.quantified])
@pytest.mark.parametrize("quantifier", list(Quantifier))
def test_a_quantified_operator_takes_an_array_literal(operator: str, quantifier: Quantifier) -> None:
    assert where(f'a={operator}({quantifier.value}).{{x,"b c"}}') == (
        comparison("a", operator, ("x", "b c"), quantifier=quantifier),
    )


def test_a_quantified_operator_may_be_negated() -> None:
    assert where("a=not.eq(any).{1,2}") == (comparison("a", "eq", ("1", "2"), negated=True, quantifier=Quantifier.ANY),)


@pytest.mark.parametrize(
    ("literal", "elements"),
    [
        ("{}", ()),
        ("{ }", ()),
        ("{a}", ("a",)),
        ("{ a , b c }", ("a", "b c")),
        ('{"a,b","{c}",""}', ("a,b", "{c}", "")),
        (r'{"a\"b","c\\d"}', ('a"b', "c\\d")),
        (r"{a\,b}", ("a,b",)),
        ('{ "a" , b }', ("a", "b")),
        ('{"null"}', ("null",)),
        ("{a*,*b}", ("a*", "*b")),
        ("{NULL}", (None,)),
        ("{a,null}", ("a", None)),
        ("{{a},{b}}", ("a", "b")),
    ],
)
def test_an_array_literal_is_read_as_postgresql_reads_it(literal: str, elements: tuple[str | None, ...]) -> None:
    (term,) = where(f"a=eq(any).{literal}")
    assert isinstance(term, Comparison)
    assert term.value == elements


@pytest.mark.parametrize(
    "literal", ["", "a", "{", "}", "{a", "a}", "{a,}", "{,a}", "{a}b}", '{"a"b}', '{"a}', "{{a},b}", "{{a},{b,c}}"]
)
def test_what_is_no_array_literal_is_22p02(literal: str) -> None:
    error = refusal("GET", f"/notes?a=eq(any).{literal}")
    assert isinstance(error, InvalidLiteral)
    assert code(error) == (400, "22P02")
    assert error.message == f'malformed array literal: "{literal}"'


def test_spaces_without_end_are_read_in_no_time() -> None:
    assert isinstance(refusal("GET", f"/notes?a=eq(any).{{{'+' * 60_000}%22}}"), InvalidLiteral)


# in ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "elements"),
    [
        ("()", ()),
        ("(+)", ()),
        ('("")', ("",)),
        ("(1)", ("1",)),
        ("(1,2,3)", ("1", "2", "3")),
        ("+(+1,2)+", ("1", "2")),
        ('("a,b","c)","d")', ("a,b", "c)", "d")),
        (r'("a\"b","c\\d")', ('a"b', "c\\d")),
        ('(say "hi")', ('say "hi"',)),
        ('("a"b,c)', ('"a"b', "c")),
        ('("a,b)', ('"a', "b")),
        ("(a b,c.d)", ("a b", "c.d")),
        ("(,)", ("", "")),
        ("({a},(b)", ("{a}", "(b")),
    ],
)
def test_a_list_has_quoted_and_raw_elements(written: str, elements: tuple[str, ...]) -> None:
    assert where(f"a=in.{written}") == (comparison("a", "in", elements),)
    assert where(f"a=not.in.{written}") == (comparison("a", "in", elements, negated=True),)


@pytest.mark.parametrize("value", ["in.1,2", "in.(1", "in.", "in.(1)x", "in.((1))", "in(any).(1)", "in"])
def test_what_is_no_list_is_pgrst100(value: str) -> None:
    assert code(refusal("GET", f"/notes?a={value}")) == (400, "PGRST100")


# is ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", WORDS)
def test_is_takes_a_word_in_any_case(word: str) -> None:
    for written in (word, word.upper(), word.title()):
        assert where(f"a=is.{written}") == (comparison("a", "is", None, word=word),)
        assert where(f"a=not.is.{written}") == (comparison("a", "is", None, word=word, negated=True),)


@pytest.mark.parametrize("value", ["is.", "is.nil", "is.1", "is.nullx", "is.null.", "is", "is().null", "is(any).null"])
def test_is_takes_no_other_word(value: str) -> None:
    error = refusal("GET", f"/notes?a={value}")
    assert code(error) == (400, "PGRST100")
    assert error.message.startswith(f'"failed to parse filter ({value})" (line 1, column ')


# Full text ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("operator", ["fts", "plfts", "phfts", "wfts"])
def test_full_text_operators_may_name_a_language(operator: str) -> None:
    assert where(f"a={operator}(english).x+y") == (comparison("a", operator, "x y", language="english"),)
    assert where(f"a=not.{operator}(french).x") == (comparison("a", operator, "x", negated=True, language="french"),)


# What is no filter -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    ["", "1", "eq", "not", "not.", "not.eq", "abc.1", "not.not.eq.1", "EQ.1", "eq().1", "eq(any)", "eq(any)1",
     "eq(some).{1}", "neq(any).{1}", "gt(english).1", "fts().x", "fts(a.b).x", "fts(english)", "cs(any).{1}", ".eq.1",
     "eqq.1", " eq.1"],
)  # fmt: skip
def test_an_unknown_operator_is_pgrst100(value: str) -> None:
    error = refusal("GET", f"/notes?a={value}")
    assert code(error) == (400, "PGRST100")
    assert error.message.startswith(f'"failed to parse filter ({value})" (line 1, column ')


def test_the_text_of_an_unknown_operator_is_postgrests() -> None:
    error = refusal("GET", "/notes?a=abc.1")
    assert error.message == '"failed to parse filter (abc.1)" (line 1, column 1)'
    assert error.detail == 'unexpected "a" expecting "not" or operator (eq, gt, ...)'


# Keys --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "field"),
    [
        ("a", Field("a")),
        ("my+column", Field("my column")),
        ("a-b", Field("a-b")),
        ('"a.b"', Field("a.b")),
        ('"order"', Field("order")),
        ('"select"', Field("select")),
        ('"x.limit"', Field("x.limit")),
        ("été", Field("été")),
        ("1st", Field("1st")),
        ("d->a", Field("d", (Step("a"),))),
        ("d->>a", Field("d", (Step("a", True),))),
        ("d->a->0->>b", Field("d", (Step("a"), Step(0), Step("b", True)))),
        ('d->>"x.y"', Field("d", (Step("x.y", True),))),
        ("not", Field("not")),
    ],
)
def test_a_key_names_a_column_and_a_path_into_it(key: str, field: Field) -> None:
    assert where(f"{key}=eq.1") == (Comparison(field, "eq", "1"),)


@pytest.mark.parametrize("key", ["", "a.", ".a", "a..b", "a,b", "(a)", "a->", '"a', "a:b", "*", "d->a.b", "a(b)", "+"])
def test_what_is_no_key_is_pgrst100(key: str) -> None:
    error = refusal("GET", f"/notes?{key}=eq.1")
    assert code(error) == (400, "PGRST100")
    assert error.message.startswith(f'"failed to parse tree path ({key.replace("+", " ")})"')


def test_filters_are_anded_in_their_order_even_on_one_column() -> None:
    assert where("a=gt.1&b=eq.2&a=lt.9") == (
        comparison("a", "gt", "1"),
        comparison("b", "eq", "2"),
        comparison("a", "lt", "9"),
    )


def test_a_key_without_a_value_is_dropped() -> None:
    assert where("a&b=eq.1&&c&") == (comparison("b", "eq", "1"),)


def test_a_null_embed_filter_stays_a_comparison_with_the_embeds_key() -> None:
    query = get("select=*,r(),n:s(a)&r=is.null&n=not.is.null")
    assert query.where == (
        comparison("r", "is", word="null"),
        comparison("n", "is", word="null", negated=True),
    )


@pytest.mark.parametrize("query", ["a=eq.%ff", "a=eq.%00", "%00=eq.1", "a=eq.\x00", "a=eq.\udcff"])
def test_text_that_no_database_stores_is_refused(query: str) -> None:
    assert code(refusal("GET", f"/notes?{query}")) == (400, "PGRST100")


@pytest.mark.parametrize(("written", "value"), [("%zz", "%zz"), ("100%", "100%"), ("%C3%A9", "é"), ("%2b", "+")])
def test_values_are_percent_decoded_where_they_are_percent_encoded(written: str, value: str) -> None:
    assert where(f"a=eq.{written}") == (comparison("a", "eq", value),)


# On embeds ---------------------------------------------------------------------------------------------------


def test_a_path_puts_the_filter_on_its_embed() -> None:
    found = embed("select=*,r(a)&r.a=eq.1&b=eq.2&r.d->>x=is.null")
    assert found.where == (
        comparison("a", "eq", "1"),
        Comparison(Field("d", (Step("x", True),)), "is", None, word="null"),
    )


def test_a_path_goes_as_deep_as_the_embeds() -> None:
    query = get("select=r(s(t(a)))&r.s.t.a=eq.1")
    deepest = query.items[0].items[0].items[0]  # type: ignore[union-attr]
    assert deepest.where == (comparison("a", "eq", "1"),)  # type: ignore[union-attr]


def test_a_path_names_the_alias_or_the_relation() -> None:
    assert embed("select=n:r(a)&n.a=eq.1").where == (comparison("a", "eq", "1"),)
    assert embed("select=n:r(a)&r.a=eq.1").where == (comparison("a", "eq", "1"),)
    assert embed("select=n:r(a)&r.a=eq.1&n.b=eq.2").where == (comparison("a", "eq", "1"), comparison("b", "eq", "2"))


def test_an_alias_goes_before_a_relation_of_that_name() -> None:
    first, second = get("select=x:r(a),r:s(a)&r.a=eq.1").items
    assert (first.where, second.where) == ((), (comparison("a", "eq", "1"),))  # type: ignore[union-attr]


def test_a_spread_is_named_by_its_relation() -> None:
    assert embed("select=...r(a)&r.a=eq.1").where == (comparison("a", "eq", "1"),)


def test_an_embed_with_no_columns_takes_filters() -> None:
    assert embed("select=r()&r.a=eq.1").where == (comparison("a", "eq", "1"),)


def test_a_quoted_name_may_stand_in_a_path() -> None:
    assert embed('select="my.rel"(a)&"my.rel".a=eq.1').where == (comparison("a", "eq", "1"),)


@pytest.mark.parametrize(
    ("query", "missing"),
    [
        ("x.a=eq.1", "x"),
        ("select=r(a)&x.a=eq.1", "x"),
        ("select=r(a)&r.x.a=eq.1", "x"),
        ("select=r(a)&a.x=eq.1", "a"),
        ("select=r(a)&x.order=a", "x"),
        ("select=r(a)&x.limit=1", "x"),
        ("select=r(a)&x.or=(a.eq.1)", "x"),
        ("order=x(a)", "x"),
        ("select=r(s(a))&order=s(a)", "s"),
        ("select=r(a)&r.order=x(a)", "x"),
    ],
)
def test_a_path_to_what_is_not_embedded_is_pgrst108(query: str, missing: str) -> None:
    error = refusal("GET", f"/notes?{query}")
    assert code(error) == (400, "PGRST108")
    assert error.message == f"'{missing}' is not an embedded resource in this request"
    assert error.hint == f"Verify that '{missing}' is included in the 'select' query parameter."


def test_a_write_heeds_the_path_of_a_filter_even_where_it_answers_no_rows() -> None:
    assert code(refusal("PATCH", "/notes?x.a=eq.1", b'{"b":1}')) == (400, "PGRST108")
