"""Parsing and printing are inverse; and no text whatever makes the parser fail in another way than it says."""

from __future__ import annotations

import json

import orjson
from hypothesis import example, given
from hypothesis import strategies as st

from backstay.errors import BackstayError
from backstay.frontends.http import Request
from backstay.frontends.rest.errors import render
from backstay.frontends.rest.grammar.write import to_url
from backstay.frontends.rest.parse import parse
from backstay.query.nodes import (
    Aggregate,
    Comparison,
    Connective,
    Embed,
    Everything,
    Field,
    Filter,
    Item,
    Join,
    Logic,
    Nulls,
    Order,
    Page,
    Pick,
    Quantifier,
    Select,
    Step,
)
from backstay.query.operators import OPERATORS, WORDS, Takes
from backstay.query.shape import split
from backstay.settings import Settings

SETTINGS = Settings()

# Any Select that the wire can ask for ------------------------------------------------------------------------

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6)
odd_names = st.text(st.sampled_from('ab é名_$-1 .,:()!*>"\\{}\n'), min_size=1, max_size=5)
reserved = st.sampled_from(["select", "order", "limit", "and", "or", "not", "columns", "inner", "left", "is", "asc"])
names = st.one_of(st.from_regex(r"[a-z][a-z0-9_]{0,3}", fullmatch=True), odd_names, reserved)
relations = names.filter(lambda name: name != "count")
types = st.sampled_from(["text", "int", "double precision", "my_type"])
steps = st.builds(Step, st.one_of(names.filter(str.strip), st.integers(-999, 999)), st.booleans())
fields = st.builds(Field, names, st.lists(steps, max_size=2).map(tuple))
pages = st.builds(
    lambda limit, offset: Page(limit, offset or 0, limit is not None, offset is not None),
    st.none() | st.integers(0, 10**6),
    st.none() | st.integers(0, 10**6),
)


@st.composite
def comparisons(draw: st.DrawFn) -> Comparison:
    field, operator = draw(fields), draw(st.sampled_from(list(OPERATORS.values())))
    negated = draw(st.booleans())
    if operator.takes is Takes.WORD:
        return Comparison(field, operator.name, None, negated, word=draw(st.sampled_from(WORDS)))
    if operator.takes is Takes.LIST:
        return Comparison(field, operator.name, tuple(draw(st.lists(texts, max_size=3))), negated)
    quantifier = draw(st.none() | st.sampled_from(list(Quantifier))) if operator.quantified else None
    if quantifier is not None:
        elements = tuple(draw(st.lists(texts, max_size=3)))
        return Comparison(field, operator.name, elements, negated, quantifier)
    language = draw(st.none() | st.sampled_from(["english", "my conf"])) if operator.language else None
    return Comparison(field, operator.name, draw(texts), negated, language=language)


filters: st.SearchStrategy[Filter] = st.recursive(
    comparisons(),
    lambda inner: st.builds(
        Logic, st.sampled_from(list(Connective)), st.lists(inner, min_size=1, max_size=3).map(tuple), st.booleans()
    ),
    max_leaves=5,
)
wheres = st.lists(filters, max_size=3).map(tuple)
picks = st.builds(Pick, fields, st.none() | names, st.none() | types) | st.builds(
    Pick, fields, st.none() | names, st.none() | types, st.sampled_from(list(Aggregate)), st.none() | types
)
counts = st.builds(
    lambda alias, cast: Pick(None, alias, None, Aggregate.COUNT, cast), st.none() | names, st.none() | types
)


@st.composite
def levels(draw: st.DrawFn, depth: int) -> tuple[tuple[Item, ...], tuple[Order, ...]]:
    """The items of one level, its embeds with keys of their own, and an order that may go through them."""
    items: list[Item] = draw(st.lists(st.just(Everything()) | picks | counts, max_size=3))
    embeds = draw(st.lists(build_embeds(depth - 1), max_size=2, unique_by=lambda embed: embed.key)) if depth else []
    keys = st.none() | st.sampled_from([embed.key for embed in embeds]) if embeds else st.none()
    nulls = st.none() | st.sampled_from(list(Nulls))
    order = draw(st.lists(st.builds(Order, fields, st.booleans(), nulls, keys), max_size=2))
    return tuple(draw(st.permutations(items + list(embeds)))), tuple(order)


@st.composite
def build_embeds(draw: st.DrawFn, depth: int) -> Embed:
    items, order = draw(levels(depth))
    spread = draw(st.booleans())
    return Embed(
        draw(relations),
        items,
        None if spread else draw(st.none() | names),
        draw(st.none() | names),
        draw(st.sampled_from(list(Join))),
        spread,
        draw(wheres),
        order,
        draw(pages),
    )


@st.composite
def selects(draw: st.DrawFn) -> Select:
    items, order = draw(levels(2))
    return Select(draw(names), "public", items or (Everything(),), draw(wheres), order, draw(pages))


@given(selects())
def test_what_is_printed_reads_as_what_was_asked(query: Select) -> None:
    path, _, search = to_url(query).partition("?")
    asked = parse(Request("GET", path, search), Settings(max_items=10_000)).query
    assert asked == query


# Any text ----------------------------------------------------------------------------------------------------

pieces = st.sampled_from(
    ["select", "order", "limit", "offset", "and", "or", "not", "columns", "on_conflict", "=", "&", "&", "eq.", "in.",
     "is.", "not.", "like(any).", "fts(english).", "(", ")", "{", "}", ",", ".", ":", "::", "->", "->>", "!", "!inner",
     "...", "*", '"', "\\", "-", "+", " ", "%20", "%00", "%ff", "%", "null", "1", "-1", "9" * 30, "a", "b", "r", "é",
     "count", "count()", ".sum()", "desc", "nullslast", "\0", "\n", "\ud800"]
)  # fmt: skip
grammatical = st.lists(pieces, max_size=25).map("".join)
anything = st.text() | grammatical
paths = st.just("/notes") | st.just("/rpc/f") | anything.map("/{}".format) | anything
methods = st.sampled_from(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]) | st.text(max_size=5)
header_values = anything | st.sampled_from(
    ["text/csv", "application/json", "application/x-www-form-urlencoded", "text/plain", "image/png",
     "application/vnd.pgrst.object+json", "return=representation", "handling=strict, max-affected=1", "timezone=UTC",
     "resolution=merge-duplicates", "0-9", "9-0", "5-", "public"]
)  # fmt: skip
headers = st.dictionaries(
    st.sampled_from(["accept", "prefer", "range", "content-type", "accept-profile", "content-profile"]), header_values
)
json_bodies = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
).map(lambda value: json.dumps(value).encode())
bodies = st.binary() | json_bodies | anything.map(lambda text: text.encode("utf-8", "surrogatepass"))


@given(methods, paths, anything, headers, bodies)
@example("GET", "/notes", "or=" + "(and" * 30_000, {}, b"")
@example("GET", "/notes", "select=" + "a(" * 30_000, {}, b"")
@example("GET", "/notes", "a=in.(" + '"\\' * 30_000, {}, b"")
@example("GET", "/notes", "a=eq(any).{" + '"' * 30_000, {}, b"")
@example("GET", "/notes", "order=" + '"a' * 30_000, {}, b"")
@example("GET", "/notes", "." * 60_000 + "=eq.1", {}, b"")
@example("GET", "/notes", "a" + "->a" * 20_000 + "=eq.1", {}, b"")
@example("POST", "/notes", "", {}, b"[" * 1_000_000)
@example("POST", "/rpc/f", "", {}, b'{"a":' * 200_000)
@example("POST", "/notes", "", {"content-type": "text/csv"}, b'"a' * 100_000)
def test_no_request_makes_the_parser_fail(
    method: str, path: str, query: str, headers: dict[str, str], body: bytes
) -> None:
    try:
        asked = parse(Request(method, path, query, headers, body), SETTINGS)
    except BackstayError as error:
        response = render(error)
        assert 300 <= response.status < 500
        assert orjson.loads(response.body)["code"]
    else:
        split(asked.query)
