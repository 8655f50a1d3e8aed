"""Requests to the gallery that are near to the grammar of the wire, and often beside it."""

from __future__ import annotations

import json
from typing import Any, TypeAlias
from urllib.parse import quote

from hypothesis import strategies as st

Asked: TypeAlias = tuple[str, bytes, bytes, dict[str, bytes], bytes]
"""Method, path, query string, headers and body."""

COLUMNS = {
    "specimens": [
        *("id", "small", "big", "ratio", "exact", "cents", "flag", "note", "code", "day", "moment", "instant"),
        *("clock", "span", "blob", "uid", "mood", "data", "words", "numbers"),
    ],
    "paintings": [
        *("id", "title", "year", "price", "status", "artist_id", "owner_id", "building", "room", "shouted"),
        *("letters", "century"),
    ],
    "artists": ["id", "name", "born", "mentor_id"],
    "rooms": ["building", "number", "label"],
    "profiles": ["artist_id", "bio"],
    "styles": ["id", "name"],
    "shelves": [
        *("id", "doc", "texts", "codes", "sizes", "bigs", "grid", "prices", "ratios", "flags", "days", "instants"),
        *("uids", "blobs"),
    ],
}
RELATIONS = [
    *("artist", "owner", "artists", "artists!artist_id", "paintings", "paintings!owner_id", "styles", "rooms"),
    *("shown_in", "mentor", "students", "profiles", "profile", "nosuch"),
]
OPERATORS = [
    *("eq", "neq", "gt", "gte", "lt", "lte", "like", "ilike", "match", "imatch", "in", "is", "isdistinct", "cs"),
    *("cd", "ov", "sl", "sr", "nxr", "nxl", "adj", "fts", "plfts", "phfts", "wfts", "xx", "eq(any)", "gt(all)"),
    *("like(any)", "match(all)", "fts(english)", "not.eq", "not.in", "not.is", "not.like(all)"),
]
VALUES = [
    *("", "0", "1", "-1", "1.5", "1e400", "-1e-400", "9" * 40, "9" * 4000, "NaN", "Infinity", "-inf", "true", "null"),
    *(
        "not_null",
        "abc",
        "(1,2)",
        "(a,b)",
        "()",
        "(",
        ")",
        "{1,2}",
        "{a,b}",
        "{}",
        "{",
        "}",
        '"',
        '"a"',
        "\\",
        "%",
        "*",
    ),
    *("_", "a*b", "'", "''", "';--", "a b", "ü", "🦊", "\u202e", "\ufeff", "\u0000", "\ud800", "2026-02-30", "now"),
    *("2026-02-28", "99999-01-01", "0000-00-00", "infinity", "epoch", "24:00:00", "1 day", "P1Y", "\\x00", "\\xzz"),
    *("0e37df36-f698-11e6-8dd4-cb9ced3df976", "HAPPY", "[1,2)", '{"a":1}', "[", "(a|b)*c", "(((((", "[[:alpha:]]"),
    *("a{1,99999}", "(?i)x", "\\1", "a & b", "a <-> b", "null,null", "{null,1}", "{{1,2},{3}}", "1::text", "->>", "."),
]
CASTS = ["", "", "", "::text", "::integer", "::int8", "::numeric", "::json", "::jsonb", "::date", "::nosuch", "::int[]"]
PATHS = ["", "", "", "", "->a", "->>a", "->0", "->-1", "->>b->c", "->a->b->>0", '->"x y"', "->99999999999999999999"]


def texts() -> st.SearchStrategy[str]:
    return st.one_of(st.sampled_from(VALUES), st.text(max_size=12), st.integers().map(str), st.floats().map(str))


def columns(table: str) -> st.SearchStrategy[str]:
    return st.sampled_from([*COLUMNS[table], *COLUMNS[table], "nosuch", "*", "count", '"id"', ""])


@st.composite
def fields(draw: st.DrawFn, table: str) -> str:
    return draw(columns(table)) + draw(st.sampled_from(PATHS))


@st.composite
def picks(draw: st.DrawFn, table: str, depth: int = 2) -> str:
    found = []
    for _ in range(draw(st.integers(0, 4))):
        alias = draw(st.sampled_from(["", "", "", "a:", "id:", '"b c":', "count:"]))
        if depth and draw(st.integers(0, 3)) == 0:
            spread = draw(st.sampled_from(["", "", "", "..."]))
            join = draw(st.sampled_from(["", "", "!inner", "!left"]))
            inner = draw(picks(draw(st.sampled_from(list(COLUMNS))), depth - 1))
            found.append(f"{spread or alias}{spread and ''}{draw(st.sampled_from(RELATIONS))}{join}({inner})")
        else:
            aggregate = draw(st.sampled_from(["", "", "", "", ".sum()", ".count()", ".max()::text"]))
            found.append(f"{alias}{draw(fields(table))}{draw(st.sampled_from(CASTS))}{aggregate}")
    return ",".join(found)


@st.composite
def conditions(draw: st.DrawFn, table: str, depth: int = 2) -> str:
    if depth and draw(st.integers(0, 2)) == 0:
        word = draw(st.sampled_from(["and", "or", "not.and", "not.or"]))
        return f"{word}({','.join(draw(st.lists(conditions(table, depth - 1), max_size=3)))})"
    return f"{draw(fields(table))}.{draw(st.sampled_from(OPERATORS))}.{draw(texts())}"


@st.composite
def parameters(draw: st.DrawFn, table: str) -> str:
    pairs: list[tuple[str, str]] = []
    if draw(st.booleans()):
        pairs.append(("select", draw(picks(table))))
    for _ in range(draw(st.integers(0, 4))):
        path = draw(st.sampled_from(["", "", "", "", "artist.", "paintings.", "styles.", "artist.mentor."]))
        where = st.tuples(fields(table), st.builds("{}.{}".format, st.sampled_from(OPERATORS), texts()))
        tree = st.tuples(st.sampled_from(["and", "or", "not.or"]), conditions(table).map(lambda each: f"({each})"))
        order = st.tuples(
            st.just("order"),
            st.builds("{}{}".format, fields(table), st.sampled_from(["", ".asc", ".desc.nullslast", ".x", "(name)"])),
        )
        page = st.tuples(st.sampled_from(["limit", "offset"]), texts())
        other = st.tuples(
            st.sampled_from(["columns", "on_conflict"]), st.lists(columns(table), max_size=3).map(",".join)
        )
        key, value = draw(st.one_of(where, where, tree, order, page, other))
        pairs.append((path + key, value))
    return "&".join(f"{quoted(key)}={quoted(value)}" for key, value in pairs)


def quoted(text: str) -> str:
    return quote(text.encode("utf-8", "surrogatepass"), safe="(),.*:\"'->!{}[]")


def headers() -> st.SearchStrategy[dict[str, bytes]]:
    prefer = st.lists(
        st.sampled_from(
            [
                *("return=representation", "return=minimal", "return=headers-only", "count=exact", "count=planned"),
                *("resolution=merge-duplicates", "resolution=ignore-duplicates", "missing=default", "tx=rollback"),
                *("handling=strict", "max-affected=1", "timezone=Europe/Berlin", "timezone=Nowhere/X", "x=y", ""),
            ]
        ),
        max_size=4,
    ).map(lambda words: ",".join(words).encode())
    accept = st.sampled_from(
        [
            *(b"", b"*/*", b"application/json", b"text/csv", b"application/vnd.pgrst.object+json", b"image/png"),
            *(b"application/vnd.pgrst.array+json;nulls=stripped", b";q=x,,a/b;q=9", b"\xff"),
        ]
    )
    content = st.sampled_from(
        [b"application/json", b"text/csv", b"application/x-www-form-urlencoded", b"text/plain", b"", b"\xe9", b"a;b=c"]
    )
    ranges = st.sampled_from([b"0-1", b"5-2", b"1-", b"-1", b"99999999999999999999999-", b"items=0-1", b"x"])
    profile = st.sampled_from([b"public", b"private", b"", b"\xff"])
    return st.fixed_dictionaries(
        {},
        optional={
            "prefer": prefer,
            "accept": accept,
            "content-type": content,
            "range": ranges,
            "accept-profile": profile,
            "content-profile": profile,
        },
    )


def values() -> st.SearchStrategy[Any]:
    plain = st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(max_size=10),
        st.sampled_from([each for each in VALUES if "\ud800" not in each]),
    )
    return st.recursive(
        plain,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=6,
    )


@st.composite
def bodies(draw: st.DrawFn, table: str) -> bytes:
    row = st.dictionaries(columns(table), values(), max_size=5)
    value = draw(st.one_of(row, st.lists(row, max_size=3), values()))
    text = json.dumps(value, ensure_ascii=draw(st.booleans())).encode("utf-8", "surrogatepass")
    if draw(st.integers(0, 9)) == 0:
        return text[: draw(st.integers(0, len(text)))]
    return text


@st.composite
def requests(draw: st.DrawFn) -> Asked:
    table = draw(st.sampled_from(list(COLUMNS)))
    method = draw(st.sampled_from(["GET", "GET", "HEAD", "POST", "POST", "PATCH", "DELETE", "PUT", "OPTIONS"]))
    body = draw(bodies(table)) if method in ("POST", "PATCH", "PUT") else b""
    query = draw(parameters(table)).encode()
    return method, f"/rest/v1/{table}".encode(), query, draw(headers()), body


CALLS = {
    "add": ["a", "b"],
    "split": ["text"],
    "paintings_of": ["artist"],
    "find_artist": ["name"],
    "rename": ["id", "name"],
    "echo": ["anything", "exact", "instant", "mood", "numbers", "table"],
    "nosuch": ["a"],
}


@st.composite
def calls(draw: st.DrawFn) -> Asked:
    function = draw(st.sampled_from(list(CALLS)))
    names = st.sampled_from([*CALLS[function], *CALLS[function], *CALLS[function], "other", ""])
    given = draw(st.dictionaries(names, values(), max_size=5))
    method = draw(st.sampled_from(["GET", "HEAD", "POST", "POST", "POST", "PUT", "OPTIONS"]))
    shape = draw(parameters("paintings")) if draw(st.booleans()) else ""
    if method == "POST":
        body = json.dumps(given).encode()
    else:
        body = b""
        literals = [(name, draw(texts())) for name in given]
        shape = "&".join([shape, *(f"{quoted(name)}={quoted(value)}" for name, value in literals)])
    return method, f"/rest/v1/rpc/{function}".encode(), shape.encode(), draw(headers()), body
