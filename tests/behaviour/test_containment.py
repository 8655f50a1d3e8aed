"""Arrays and documents contain, compare and are stepped into on SQLite as on PostgreSQL, which is asked itself."""

from __future__ import annotations

import asyncio
from itertools import product
from typing import Any, Final

import apsw
import asyncpg
import pytest
import sqlalchemy as sa

from backstay.dialects.sqlite.emit import stepped
from backstay.dialects.sqlite.functions import register
from backstay.dialects.sqlite.functions.arrays import compare_arrays
from backstay.dialects.sqlite.functions.conversions import stored
from backstay.errors import TooComplex
from backstay.schema.kind import INTEGER, JSONB, NUMERIC, TEXT, array, char

ARRAYS: Final[dict[str, tuple[str, ...]]] = {
    "integer": (
        *("{}", "{1}", "{2}", "{1,2}", "{2,1}", "{1,1}", "{1,2,3}", "{NULL}", "{1,NULL}", "{NULL,1}", "{{1,2},{3,4}}"),
        *("{{1},{2}}", "{{1,2}}", "{{4}}", "{{NULL}}", "{{{1}},{{2}}}", "{-1,2147483647}"),
    ),
    "text": ("{}", "{a}", "{A}", "{a,b}", '{"a b"}', '{"",a}', "{NULL}", '{"NULL"}', '{"{}"}', "{é}", "{{a},{b}}"),
    "numeric": ("{}", "{1}", "{1.0}", "{1.00,2}", "{0.1}", "{12345678901234567890.1}", "{NULL,1}", "{{1.0}}", "{10,9}"),
    "character(3)": ("{}", "{a}", '{"a "}', "{ab,a}", "{NULL}"),
}
DOCUMENTS: Final = (
    *("null", "true", "false", "0", "1", "1.0", "-1", '""', '"a"', '"1"', "[]", "{}", "[[]]", "[{}]", "[null]"),
    *("[1]", "[1.0]", "[true]", "[1,2]", "[2,1,1]", "[1,[2]]", "[[1,2],[3]]", "[[1]]", "[[2,1]]", '["a"]', '["a",1]'),
    *('[{"a":1}]', '[{"a":1,"b":2}]', '[{"a":1},{"b":2}]', '{"a":1}', '{"a":1.0}', '{"a":null}', '{"a":[]}'),
    *('{"a":[1]}', '{"a":[1,2]}', '{"a":{}}', '{"a":{"b":1}}', '{"a":{"b":1,"c":2}}', '{"a":1,"b":2}', '{"b":2}'),
    *('{"a":[{"b":1}]}', '{"a":[{"b":1,"c":[1]}]}', "12345678901234567890.1", "[12345678901234567890.1]"),
)
STEPPED: Final = (*DOCUMENTS, '{"0":1,"-1":2,"$.a":3,"[0]":4,"":5,"a\\"b":6,"a\\\\b":7,"$":8,"x y":9}', "[[1,[2]],3]")
STEPS: Final = (0, 1, -1, -2, 7, "a", "0", "-1", "$.a", "[0]", "", 'a"b', "a\\b", "$", "x y", "nosuch")


async def ask(url: str, query: str, *arguments: Any) -> list[Any]:
    """What PostgreSQL answers, one value for each row."""
    connection = await asyncpg.connect(url)
    try:
        return [row[0] for row in await connection.fetch(query, *arguments)]
    finally:
        await connection.close()


@pytest.fixture(scope="module")
def sqlite() -> apsw.Connection:
    """A connection with our functions."""
    connection = apsw.Connection(":memory:")
    register(connection)
    return connection


OF: Final = {"integer": INTEGER, "text": TEXT, "numeric": NUMERIC, "character(3)": char(3)}


@pytest.mark.parametrize("name", ARRAYS)
@pytest.mark.parametrize("sign", ["@>", "<@", "&&", "=", "<"])
def test_arrays_contain_and_compare_alike(
    name: str, sign: str, sqlite: apsw.Connection, postgresql_server: str
) -> None:
    pairs = list(product(ARRAYS[name], repeat=2))
    collation = ' COLLATE "C"' if name == "text" else ""
    query = (
        f"SELECT a::{name}[]{collation} {sign} b::{name}[] FROM unnest($1::text[], $2::text[]) WITH ORDINALITY"
        " AS _(a, b, n) ORDER BY n"
    )
    theirs = asyncio.run(ask(postgresql_server, query, *map(list, zip(*pairs, strict=True))))
    kind = array(OF[name])
    wrong = []
    for (left, right), expected in zip(pairs, theirs, strict=True):
        one, other = (stored(kind.read(text), kind) for text in (left, right))
        if _array(sqlite, sign, one, other, OF[name].name) != expected:
            wrong.append(f"{left} {sign} {right} is {expected}")
    assert wrong == []


def _array(sqlite: apsw.Connection, sign: str, one: str, other: str, of: str) -> bool:
    if sign == "=":
        return compare_arrays(one, other) == 0
    if sign == "<":
        return compare_arrays(one, other) < 0
    if sign == "<@":
        one, other = other, one
    function = "array_overlaps" if sign == "&&" else "array_contains"
    return bool(sqlite.execute(f"SELECT {function}(?, ?, ?)", (one, other, of)).get)


@pytest.mark.parametrize("sign", ["@>", "<@"])
def test_documents_contain_alike(sign: str, sqlite: apsw.Connection, postgresql_server: str) -> None:
    pairs = list(product(DOCUMENTS, repeat=2))
    query = (
        f"SELECT a::jsonb {sign} b::jsonb FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS _(a, b, n) ORDER BY n"
    )
    theirs = asyncio.run(ask(postgresql_server, query, *map(list, zip(*pairs, strict=True))))
    wrong = []
    for (left, right), expected in zip(pairs, theirs, strict=True):
        pair = (left, right) if sign == "@>" else (right, left)
        if bool(sqlite.execute("SELECT document_contains(?, ?)", pair).get) != expected:
            wrong.append(f"{left} {sign} {right} is {expected}")
    assert wrong == []


def test_null_contains_nothing_and_is_contained_by_nothing(sqlite: apsw.Connection) -> None:
    for call in ("array_contains(?1, ?2, 'text')", "array_overlaps(?1, ?2, 'text')", "document_contains(?1, ?2)"):
        for pair in ((None, "[]"), ("[]", None), (None, None)):
            assert sqlite.execute(f"SELECT {call}", pair).get is None


def test_steps_into_documents_lead_alike(sqlite: apsw.Connection, postgresql_server: str) -> None:
    wrong = []
    for key in STEPS:
        operand = "$1::int" if isinstance(key, int) else "$1::text"
        query = f"SELECT (d::jsonb -> {operand})::text FROM unnest($2::text[]) WITH ORDINALITY AS _(d, n) ORDER BY n"
        theirs = asyncio.run(ask(postgresql_server, query, key, list(STEPPED)))
        sql = str(sa.select(stepped(sa.column("d"), key, scalars=True)).select_from(sa.text("(SELECT ? AS d)")))
        for document, expected in zip(STEPPED, theirs, strict=True):
            found = sqlite.execute(sql, (document,)).get
            if (None if found is None else JSONB.read(found)) != (None if expected is None else JSONB.read(expected)):
                wrong.append(f"{document} -> {key!r} is {expected}, not {found}")
    assert wrong == []


def test_search_that_would_take_too_long_is_given_up(sqlite: apsw.Connection) -> None:
    whole = "[" + ",".join(f"[{number}]" for number in range(3000)) + "]"
    part = "[" + ",".join(f"[{number}]" for number in reversed(range(3000))) + "]"
    with pytest.raises(TooComplex):
        sqlite.execute("SELECT document_contains(?, ?)", (whole, part)).get  # noqa: B018
    with pytest.raises(TooComplex):
        sqlite.execute("SELECT document_contains(?, ?)", ("[" * 100000, "[]")).get  # noqa: B018
