"""Whatever is asked, the answer is the caller's fault or the caller's answer, and comes at once: never a 5xx."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from behaviour.door import Answer, Door, call, token
from fixtures import gallery, rows, workspace
from in_time import in_time
from properties.asking import Asked, calls, quoted, requests

PATIENCE = 2.0
"""Seconds that the most hostile request may take on a slow machine. One that takes longer is sent again."""


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
    answers = []
    for watch in in_time(PATIENCE):
        with watch:
            answers.append(door.run(call(door.app, method, path, query, sent, body)))
        assert answers[-1].status < 500, (answers[-1].status, answers[-1].body)
    answer = answers[0]
    if answer.status >= 400 and method != "HEAD":
        assert set(answer.json) == {"code", "message", "details", "hint"}
    elif "json" in answer.headers.get("content-type", "") and method != "HEAD":
        json.loads(answer.body)
    return answer


# Requests near to the grammar --------------------------------------------------------------------------------


@given(request=requests())
def test_requests_near_to_the_grammar_are_answered(art: Door, request: Asked) -> None:
    send(art, *request)


@given(request=calls())
def test_calls_near_to_the_grammar_are_answered(art: Door, request: Asked) -> None:
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
