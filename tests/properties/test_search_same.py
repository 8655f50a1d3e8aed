"""Full text on SQLite is PostgreSQL's: for random texts and searches the tokens, the matches and the errors are."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backstay.dialects.sqlite.search.document import read, read_json
from backstay.dialects.sqlite.search.match import matches
from backstay.dialects.sqlite.search.parse import parse
from backstay.dialects.sqlite.search.tokens import tokens
from backstay.errors import BackstayError, DatabaseFault, InvalidParameter

LANGUAGES = ("english", "simple", "german", "russian", "french")
FUNCTIONS = {
    "fts": "to_tsquery",
    "plfts": "plainto_tsquery",
    "phfts": "phraseto_tsquery",
    "wfts": "websearch_to_tsquery",
}

_PIECES = [
    "foo",
    "bar",
    "a",
    "b",
    "x1",
    "1a",
    "12",
    "3",
    "com",
    "org",
    "e5",
    "E",
    "-",
    "-",
    "_",
    ".",
    ".",
    "/",
    "/",
    "@",
    ":",
    "://",
    "?",
    "&",
    "&amp;",
    "<",
    "<b>",
    "</b>",
    "<script>",
    "</script>",
    "'",
    "~",
    "..",
    "+",
    "#",
    ",",
    "=",
    "(",
    ")",
    "%",
    "http",
    "www",
    "1.2.3",
    "-1.5",
    "é",
    "ß",
    "я",
    "日",
    "́",
    "<a\xa0href='x'>",
    "<!--",
    "-->",
]
pieces = st.sampled_from([*(piece.replace("\xa0", " ") for piece in _PIECES), " ", " ", "\n"])
pieced = st.lists(pieces, max_size=10).map("".join)

_WORDS = [
    "cat",
    "cats",
    "dog",
    "DOG",
    "the",
    "a",
    "of",
    "run",
    "running",
    "was",
    "foo-bar",
    "foo",
    "bar",
    "x.com",
    "1.5",
    "é",
    "y:z",
    "люди",
    "человек",
    "la",
    "maison",
    "Häuser",
]
words = st.sampled_from(_WORDS)
texts = st.lists(words, max_size=10).map(" ".join)
simple = st.builds("{}{}".format, words, st.sampled_from(["", "", "", ":*", ":D", ":A", ":ab*"]))
trees = st.recursive(
    simple,
    lambda inner: st.one_of(
        inner.map("!{}".format),
        inner.map("({})".format),
        st.builds("{} {} {}".format, inner, st.sampled_from(["&", "|", "<->", "<->", "<2>", "<0>"]), inner),
    ),
    max_leaves=8,
)
_SIGNS = [
    "&",
    "|",
    "!",
    "<->",
    "<2>",
    "(",
    ")",
    ":*",
    ":A",
    ":D*",
    "'",
    "''",
    "\\",
    "-",
    '"',
    '"',
    "or",
    "OR",
    "<1",
    ":",
    "_",
    "<99999>",
]
noise = st.lists(st.one_of(words, st.sampled_from([*_SIGNS, " ", " ", " or "])), max_size=8).map("".join)
searches = st.one_of(trees, noise, texts)


@pytest.fixture(scope="module")
def server(module_postgresql_url: str) -> Iterator[Any]:
    """Asks PostgreSQL for one value."""
    with asyncio.Runner() as runner:
        connection = runner.run(asyncpg.connect(module_postgresql_url))
        yield lambda *asked: runner.run(connection.fetchval(*asked))
        runner.run(connection.close())


def ours(operator: str, language: str, search: str, document: Any) -> Any:
    try:
        return matches(parse(operator, language, search), document)
    except (DatabaseFault, InvalidParameter) as error:
        return (error.state if isinstance(error, DatabaseFault) else "22023", error.message)
    except BackstayError as error:
        return error.message


def theirs(server: Any, operator: str, language: str, search: str, document: str, type_: str = "text") -> Any:
    sql = (
        f"SELECT to_tsvector($1::text::regconfig, $2::text::{type_}) @@ {FUNCTIONS[operator]}($1::text::regconfig, $3)"
    )
    try:
        return server(sql, language, document, search)
    except asyncpg.PostgresError as error:
        return (error.sqlstate, error.args[0])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(pieced)
def test_a_text_has_the_same_tokens(server: Any, text: str) -> None:
    sql = (
        "SELECT coalesce(json_agg(json_build_array(n.alias, p.token)), '[]')::text "
        "FROM ts_parse('default', $1) p JOIN ts_token_type('default') n USING (tokid) WHERE n.alias <> 'blank'"
    )
    assert [list(token) for token in tokens(text)] == json.loads(server(sql, text))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.sampled_from(list(FUNCTIONS)), st.sampled_from(LANGUAGES), searches, texts)
def test_a_search_finds_the_same(server: Any, operator: str, language: str, search: str, text: str) -> None:
    expected = theirs(server, operator, language, search, text)
    assert ours(operator, language, search, read(text, language)) == expected


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.sampled_from(list(FUNCTIONS)), st.sampled_from(LANGUAGES), searches, pieced)
def test_a_search_of_any_text_finds_the_same(server: Any, operator: str, language: str, search: str, text: str) -> None:
    expected = theirs(server, operator, language, search, text)
    assert ours(operator, language, search, read(text, language)) == expected


documents = st.recursive(
    st.one_of(texts, st.integers(), st.booleans(), st.none()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(["b", "a", "é", "cc"]), inner)
    ),
    max_leaves=6,
)


@pytest.mark.parametrize("type_", ["json", "jsonb"])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(trees, documents)
def test_a_search_of_json_finds_the_same(server: Any, type_: str, search: str, document: Any) -> None:
    text = json.dumps(document)
    expected = theirs(server, "fts", "english", search, text, type_)
    assert ours("fts", "english", search, read_json(text, "english", ordered=type_ == "jsonb")) == expected
