"""Whatever is asked, the answer is the caller's fault or the caller's answer, and comes at once: never a 5xx."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from behaviour.door import Answer, Door, call, token
from fixtures import gallery, rows, workspace

PATIENCE = 2.0
"""Seconds that the most hostile request may take on a slow machine."""


@pytest.fixture(scope="module")
def art(module_database_url: str) -> Iterator[Door]:
    with Door(gallery.build(module_database_url), gallery.fill) as door:
        yield door


@pytest.fixture(scope="module")
def work(module_database_url: str) -> Iterator[Door]:
    with Door(workspace.build(module_database_url), rows.fill) as door:
        yield door


def send(
    door: Door, method: str, path: bytes, query: bytes = b"", headers: dict[str, bytes] | None = None, body: bytes = b""
) -> Answer:
    """Send a request as it came over the wire, and see that the answer is one."""
    sent = [(b"host", b"localhost"), *[(name.encode(), value) for name, value in (headers or {}).items()]]
    if body:
        sent.append((b"content-length", str(len(body)).encode()))
    began = time.perf_counter()
    answer = door.run(call(door.app, method, path, query, sent, body))
    took = time.perf_counter() - began
    assert answer.status < 500, (answer.status, answer.body)
    assert took < PATIENCE, f"{took:.1f} s"
    if answer.status >= 400 and method != "HEAD":
        assert set(answer.json) == {"code", "message", "details", "hint"}
    elif "json" in answer.headers.get("content-type", "") and method != "HEAD":
        json.loads(answer.body)
    return answer


# Requests near to the grammar --------------------------------------------------------------------------------

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
def requests(draw: st.DrawFn) -> tuple[str, bytes, bytes, dict[str, bytes], bytes]:
    table = draw(st.sampled_from(list(COLUMNS)))
    method = draw(st.sampled_from(["GET", "GET", "HEAD", "POST", "POST", "PATCH", "DELETE", "PUT", "OPTIONS"]))
    body = draw(bodies(table)) if method in ("POST", "PATCH", "PUT") else b""
    query = draw(parameters(table)).encode()
    return method, f"/rest/v1/{table}".encode(), query, draw(headers()), body


@given(request=requests())
def test_requests_near_to_the_grammar_are_answered(art: Door, request: Any) -> None:
    send(art, *request)


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
def calls(draw: st.DrawFn) -> tuple[str, bytes, bytes, dict[str, bytes], bytes]:
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


@given(request=calls())
def test_calls_near_to_the_grammar_are_answered(art: Door, request: Any) -> None:
    send(art, *request)


# Anything at all ---------------------------------------------------------------------------------------------


@given(
    method=st.sampled_from(["GET", "HEAD", "POST", "PATCH", "PUT", "DELETE", "OPTIONS", "TRACE", "BREW", "get", ""]),
    path=st.binary(max_size=30),
    query=st.binary(max_size=60),
    sent=st.dictionaries(
        st.sampled_from(
            [
                *("prefer", "accept", "range", "content-type", "authorization", "apikey", "accept-profile", "origin"),
                *("content-profile", "access-control-request-method", "transfer-encoding", "x-anything", "cookie"),
            ]
        ),
        st.binary(max_size=30),
        max_size=4,
    ),
    body=st.binary(max_size=60),
)
def test_any_bytes_are_answered(work: Door, method: str, path: bytes, query: bytes, sent: Any, body: bytes) -> None:
    for prefix in (b"/rest/v1/", b"/rest/v1/notes", b"/"):
        send(work, method, prefix + path, query, sent, body)


@given(query=st.text(alphabet='()",.:!*->{}[]&=%+#\\ abcinotrdeslt0159_', max_size=60))
def test_any_play_with_the_signs_of_the_grammar_is_answered(work: Door, query: str) -> None:
    bearer = {"authorization": f"Bearer {token('ada')}".encode()}
    send(work, "GET", b"/rest/v1/notes", quoted(query).replace("%3D", "=").replace("%26", "&").encode(), bearer)
    send(work, "GET", b"/rest/v1/notes", b"select=" + quoted(query).encode(), bearer)
    send(work, "GET", b"/rest/v1/notes", b"or=" + quoted(query).encode(), bearer)
    send(work, "GET", b"/rest/v1/notes", b"order=" + quoted(query).encode(), bearer)
    send(work, "GET", b"/rest/v1/notes", b"text=" + quoted(query).encode(), bearer)


# Hostile requests, one by one --------------------------------------------------------------------------------


def tree(depth: int) -> str:
    return "or(" * depth + "number.eq.1" + ")" * depth


def embeds(depth: int) -> str:
    return "replies(" * depth + "number" + ")" * depth


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("number=eq." + "9" * 60_000, 400),
        ("number=eq.1e400", 400),
        ("price=eq.1e400", 200),
        ("price=eq.1e999999999", 400),
        ("price=eq." + "9" * 50_000, 200),
        ("price=eq." + "9" * 60_000 + "." + "9" * 5000, None),
        ("limit=" + "9" * 50_000, 200),
        ("offset=" + "9" * 50_000, 200),
        ("limit=-" + "9" * 50_000, 416),
        ("text=eq.%00", 400),
        ("%00=eq.1", 400),
        ("select=%00", 400),
        ("text=eq.%ED%A0%80", 400),
        ("text=eq.%FF", 400),
        ("text=eq.%F0%9F%A6%8A", 200),
        ("text=eq.%E2%80%AE%EF%BB%BF%CC%81%F4%8F%BF%BF", 200),
        (f"select={'a' * 50_000}:number", 200),
        (f"select=x:number,{'ü' * 1000}:text", 200),
        ("&".join(["number=gt.0"] * 1000), 200),
        ("&".join(["number=gt.0"] * 1001), 400),
        ("&".join([f"or=({tree(11)[3:-1]})"]), 200),
        (f"or=({tree(500)})", 400),
        ("or=" + "(" * 30_000, 400),
        ("or=(" + "not.and(" * 7000, 400),
        (f"select={embeds(11)}", 200),
        (f"select={embeds(500)}", 400),
        ("select=" + "(" * 60_000, 400),
        ("select=" + "number," * 900 + "number", 200),
        ("select=" + "number," * 5000 + "number", 400),
        ("select=" + ",".join(f"a{number}:number" for number in range(999)), 200),
        ("select=" + ",".join(f"a{number}:author(id)" for number in range(300)), 200),
        ("or=(" + ",".join(["number.eq.1"] * 999) + ")", 200),
        ("or=(" + ",".join(["number.eq.1"] * 1001) + ")", 400),
        ("order=" + "number," * 900 + "number", 200),
        ("order=" + "number," * 5000 + "number", 400),
        ("number=in.(" + ",".join(["1"] * 20_000) + ")", 200),
        ("text=in.(" + ",".join(['"a"'] * 15_000) + ")", 200),
        ("text=eq(any).{" + ",".join(["a"] * 20_000) + "}", 200),
        ("text=eq(any)." + "{" * 30_000, 400),
        ("extra->" + "a->" * 15_000 + "b=eq.1", 400),
        ("select=extra->" + "a->" * 15_000 + "b", 400),
        ("extra->99999999999999999999999=is.null", None),
        ("extra->-99999999999999999999999=is.null", None),
        ("text=match." + "(" * 5000 + ")" * 5000, None),
        ("text=match.(a{0,1000}){0,1000}", 400),
        ("text=match.(a*)*(a*)*(a*)*b", 200),
        ("text=like." + "*a" * 20_000, 200),
        ("written_at=eq." + "2" * 50_000, 400),
        ("written_at=gt.infinity", None),
        ("id=eq." + "{" * 1000, 400),
        ("author.author.author.author.text=eq.1", 400),
        (".".join(["a"] * 20_000) + "=eq.1", 400),
        ("." * 50_000 + "=eq.1", 400),
        ("text=" + "not." * 12_000 + "eq.1", 400),
        ("select=number::" + "x" * 50_000, 400),
        ("nosuch" * 8000 + "=eq.1", 400),
    ],
    ids=lambda value: str(value)[:40],
)
def test_hostile_query_is_answered_at_once(work: Door, query: str, status: int | None) -> None:
    bearer = {"authorization": f"Bearer {token('ada')}".encode()}
    answer = send(work, "GET", b"/rest/v1/notes", quote(query, safe='%&=()!,.:*{}>-"$').encode(), bearer)
    assert status is None or answer.status == status, answer.body[:300]


def nested(opening: str, closing: str, depth: int) -> bytes:
    return (opening * depth + closing * depth).encode()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"number":NaN,"text":"x"}', 400),
        (b'{"number":Infinity,"text":"x"}', 400),
        (b'{"number":1e400,"text":"x"}', 400),
        (b'{"number":1e5,"text":"x"}', None),
        (b'{"number":1E999999999,"text":"x"}', 400),
        (b'{"price":1e400,"number":50,"text":"x"}', 400),
        (b'{"number":' + b"9" * 100_000 + b',"text":"x"}', 400),
        (b'{"number":-' + b"9" * 20 + b',"text":"x"}', 400),
        (b'{"number":50,"text":"a","text":"b"}', 201),
        (b'{"number":51,"text":"\\u0000"}', 400),
        (b'{"number":51,"text":"\\ud800"}', 400),
        (b'{"number":51,"text":"\xff"}', 400),
        (b'{"number":51,"text":"\\ud83e\\udd8a \xe2\x80\xae"}', 201),
        (b'{"number":52,"text":"x","extra":' + nested("[", "]", 150) + b"}", 201),
        (b'{"number":53,"text":"x","extra":' + nested("[", "]", 5000) + b"}", 400),
        (b'{"number":53,"text":"x","extra":' + nested('{"a":', "}", 5000).replace(b":}", b":1}") + b"}", 400),
        (nested("[", "]", 1_000_000), 400),
        (b"[" * 1_000_000, 400),
        (b'{"a":' * 200_000, 400),
        (b"", 400),
        (b"null", 201),
        (b"3", 201),
        (b'"x"', 201),
        (b"[]", 201),
        (b"[[]]", 400),
        (b"[null]", 400),
        (b"\xef\xbb\xbf{}", 400),
        (b'{"number":54,"text":"' + b"x" * 1_000_000 + b'"}', 201),
        (b"{" + b",".join(b'"c%d":1' % number for number in range(20_000)) + b"}", 400),
        (b'{"number":55,"text":"x","":1}', 400),
        (b'{"number":55,"text":"x","\\u0000":1}', 400),
        (b'{"number":55,"text":"x","\\ud800":1}', 400),
        (b'{"number":{"a":1},"text":"x"}', 400),
        (b'{"number":true,"text":"x"}', 400),
        (b'{"id":"x","number":56,"text":"x"}', 400),
        (b'{"id":1,"number":56,"text":"x"}', 400),
        (b'{"written_at":"10000-01-01","number":56,"text":"x"}', None),
        (b'{"level":{},"number":56,"text":"x"}', 400),
        (b'{"public":"maybe","number":56,"text":"x"}', 400),
    ],
    ids=lambda value: str(value)[:40],
)
def test_hostile_body_is_answered_at_once(work: Door, body: bytes, status: int | None) -> None:
    sent = {"authorization": f"Bearer {token('ada')}".encode(), "content-type": b"application/json"}
    answer = send(work, "POST", b"/rest/v1/notes", b"", sent, body)
    assert status is None or answer.status == status, answer.body[:300]
    send(work, "PATCH", b"/rest/v1/notes", b"number=eq.1", {**sent, "prefer": b"return=representation"}, body)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"authorization": b"Bearer"}, 401),
        ({"authorization": b"Bearer "}, 401),
        ({"authorization": b"Bearer a.b.c"}, 401),
        ({"authorization": b"Bearer " + b"a." * 20_000}, 401),
        ({"authorization": b"Bearer \xff\xfe.x.y"}, 401),
        ({"authorization": b"Bearer eyJhbGciOiJub25lIn0.e30."}, 401),
        ({"authorization": b"Basic YTpi"}, 200),
        ({"apikey": b"sb_secret_nosuch"}, 401),
        ({"prefer": b"," * 30_000}, 200),
        ({"prefer": b"timezone=" + b"../" * 5000}, 400),
        ({"accept": b"a/b;q=" + b"9" * 30_000}, 406),
        ({"accept": b"*/*," * 10_000}, 200),
        ({"range": b"9" * 30_000 + b"-"}, 200),
        ({"accept-profile": b"\xff"}, 406),
        ({"content-type": b"\xff"}, 200),
    ],
    ids=lambda value: str(value)[:40],
)
def test_hostile_headers_are_answered_at_once(work: Door, headers: dict[str, bytes], status: int) -> None:
    assert send(work, "GET", b"/rest/v1/tags", b"", headers).status == status
