"""The front door behind real servers, spoken to in raw bytes: the right 4xx, quickly, and never a 5xx."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Any

import pytest
import uvicorn

from backstay.auth.identify import identify
from backstay.auth.keys import read_keys
from backstay.errors import BackstayError, DeclarationError, SchemaBehind
from backstay.frontends.http import Request, Response
from backstay.frontends.rest.errors import render
from backstay.schema.caller import Caller, Role
from backstay.server.admission.admission import Waiting
from backstay.server.admission.queue import MANY
from backstay.server.edge import Edge, FrontEnd
from backstay.server.guests.mounts import Mount
from backstay.server.pages import load_pages
from backstay.server.serve import serving
from backstay.settings import Settings
from in_time import in_time, until

pytestmark = pytest.mark.slow

SETTINGS = Settings(
    jwt_secret="the secret that only the server of these tests knows",
    publishable_key="sb_publishable_x",
    max_body=10 * 1024 * 1024,
)
QUICK = 1.0


class Served:
    """A tiny application behind the front door.

    Arguments:
        waiting: says what waits for its database.
        patience: seconds that a body may take; many, unless it is the subject.
    """

    def __init__(self, waiting: Waiting | None = None, *, patience: float = 60) -> None:
        self.began = asyncio.Event()
        self.stopped = asyncio.Event()
        keys = read_keys(SETTINGS)
        self.edge = Edge(
            [FrontEnd("/rest/v1", self.answer)],
            identify=lambda headers: identify(headers, keys),
            render=self.render,
            settings=SETTINGS,
            mounts=[Mount("/guest", self.guest)],
            pages=load_pages(),
            patience=timedelta(seconds=patience),
            waiting=waiting,
        )

    async def answer(self, request: Request, caller: Caller) -> Response:
        if request.path == "/slow":
            self.began.set()
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                self.stopped.set()
                raise
        body = json.dumps({"path": request.path, "query": request.query, "body": len(request.body)}).encode()
        return Response(200, (("content-type", "application/json; charset=utf-8"),), body)

    async def guest(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.close", "code": 1000})
        elif scope["type"] == "http":
            body, more = b"", True
            while more:
                message = await receive()
                body, more = body + message.get("body", b""), message.get("more_body", False)
            answer = str(len(body)).encode()
            headers = [(b"content-length", str(len(answer)).encode())]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": answer})

    def render(self, error: BackstayError, caller: Caller) -> Response:
        return render(error, anonymous=caller.role is Role.ANON)


@contextlib.asynccontextmanager
async def by_granian(edge: Edge) -> AsyncIterator[int]:
    async with serving(edge) as address:
        yield int(address.rpartition(":")[2])


@contextlib.asynccontextmanager
async def by_uvicorn(edge: Edge) -> AsyncIterator[int]:
    server = uvicorn.Server(uvicorn.Config(edge, port=0, log_level="critical", lifespan="on"))
    running = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    await running


SERVERS: dict[str, Callable[[Edge], AbstractAsyncContextManager[int]]] = {
    "granian": by_granian,
    "uvicorn": by_uvicorn,
}


@pytest.fixture(params=SERVERS)
async def port(request: pytest.FixtureRequest, served: Served) -> AsyncIterator[int]:
    async with SERVERS[request.param](served.edge) as port:
        yield port


@pytest.fixture
async def served() -> Served:
    return Served()


class Connection:
    """One connection, and what comes back on it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def answer(self, *, head: bool = False) -> tuple[int, dict[str, str], bytes]:
        """The next answer, whole."""
        async with asyncio.timeout(60):
            lines = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
            if head or "content-length" not in headers:
                body = b""
            else:
                body = await self.reader.readexactly(int(headers["content-length"]))
        return int(lines[0].split()[1]), headers, body

    async def rest(self) -> bytes:
        """What still comes, until the server closes the connection."""
        with contextlib.suppress(ConnectionError):
            async with asyncio.timeout(60):
                return await self.reader.read()
        return b""


@contextlib.asynccontextmanager
async def connect(port: int) -> AsyncIterator[Connection]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Connection(reader, writer)
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def ask(port: int, data: bytes) -> tuple[int, dict[str, str], bytes]:
    async with connect(port) as connection:
        connection.send(data)
        return await connection.answer()


def head(*lines: str, host: bool = True) -> bytes:
    named = [lines[0], *(["Host: localhost"] if host else []), *lines[1:]]
    return "\r\n".join([*named, "", ""]).encode("latin-1")


GET = "GET /rest/v1/notes HTTP/1.1"
POST = "POST /rest/v1/notes HTTP/1.1"
CHUNKS = b"3\r\nabc\r\n0\r\n\r\n"

FORBIDDEN: dict[str, tuple[bytes, set[int]]] = {
    "two hosts": (head(GET, "Host: other"), {400}),
    "the same host twice": (head(GET, "Host: localhost"), {400}),
    "two hosts, one of them not ASCII": (head(GET, "Host: h\xf4te"), {400}),
    "two tokens, one of them not ASCII": (head(GET, "Authorization: Bearer a", "Authorization: \xe9"), {400}),
    "no host": (head(GET, host=False), {400}),
    "an empty host": (head(GET, "Host:", host=False), {400}),
    "a host with a path": (head(GET, "Host: a/b", host=False), {400}),
    "length, then chunks": (head(POST, "Content-Length: 3", "Transfer-Encoding: chunked") + CHUNKS, {400, 411}),
    "chunks, then length": (head(POST, "Transfer-Encoding: chunked", "Content-Length: 3") + CHUNKS, {400, 411}),
    "length of nothing, and chunks": (
        head(GET, "Content-Length: 0", "Transfer-Encoding: chunked") + b"0\r\n\r\n",
        {400, 411},
    ),
    "length and chunks that hide a request": (
        head(POST, "Content-Length: 4", "Transfer-Encoding: chunked") + b"0\r\n\r\n" + head("GET /admin HTTP/1.1"),
        {400, 411},
    ),
    "two lengths": (head(POST, "Content-Length: 3", "Content-Length: 4") + b"abcd", {400}),
    "a list of lengths": (head(POST, "Content-Length: 3, 4") + b"abcd", {400}),
    "a negative length": (head(POST, "Content-Length: -1"), {400}),
    "a length with a sign": (head(POST, "Content-Length: +3") + b"abc", {400}),
    "a length in hexadecimal": (head(POST, "Content-Length: 0x3") + b"abc", {400}),
    "a length beyond all numbers": (head(POST, "Content-Length: " + "9" * 30), {400, 413}),
    "a length of many digits": (head(POST, "Content-Length: " + "9" * 5000), {400, 413, 431}),
    "a length of exabytes": (head(POST, "Content-Length: 9223372036854775807"), {400, 413}),
    "chunks of gzip": (head(POST, "Transfer-Encoding: gzip, chunked") + CHUNKS, {400, 411}),
    "chunks by another name": (head(POST, "Transfer-Encoding: xchunked") + CHUNKS, {400}),
    "chunks, then identity": (
        head(POST, "Transfer-Encoding: chunked", "Transfer-Encoding: identity") + CHUNKS,
        {400},
    ),
    "chunks in HTTP/1.0": (head("POST /rest/v1/notes HTTP/1.0", "Transfer-Encoding: chunked") + CHUNKS, {400}),
    "chunks of no size": (head(POST, "Transfer-Encoding: chunked") + b"zz\r\nabc\r\n0\r\n\r\n", {400, 411}),
    "a chunk of endless size": (head(POST, "Transfer-Encoding: chunked") + b"F" * 40 + b"\r\n", {400, 411, 413}),
    "TRACE": (head("TRACE /rest/v1/notes HTTP/1.1"), {405}),
    "TRACE of a mounted application": (head("TRACE /guest/x HTTP/1.1"), {405}),
    "CONNECT": (head("CONNECT localhost:80 HTTP/1.1"), {400, 405}),
    "NUL in a header": (head(GET, "X-Note: a\x00b"), {400}),
    "a control character in a header": (head(GET, "X-Note: a\x01b"), {400}),
    "a folded header": (head(GET, "X-Note: a", " b", "X: y") + b"", {400, 200}),
    "a space before the colon": (head(GET, "X-Note : a"), {400}),
    "a header without a colon": (head(GET, "X-Note"), {400}),
    "NUL in the path": (head("GET /rest/v1/a%00b HTTP/1.1"), {400}),
    "raw NUL in the path": (head("GET /rest/v1/a\x00b HTTP/1.1"), {400}),
    "a line break in the path": (head("GET /rest/v1/a%0d%0ab HTTP/1.1"), {400}),
    "a path that is not UTF-8": (head("GET /rest/v1/a%ff HTTP/1.1"), {400}),
    "a path in overlong UTF-8": (head("GET /rest/v1/%c0%af HTTP/1.1"), {400}),
    "a prefix with an encoded slash": (head("GET /rest%2Fv1/notes HTTP/1.1"), {404}),
    "NUL in the query": (head("GET /rest/v1/notes?id=eq.%00 HTTP/1.1"), {400}),
    "a target that is no path": (head("GET * HTTP/1.1"), {400}),
    "a path beyond the limit": (head(f"GET /rest/v1/{'a' * 70_000} HTTP/1.1"), {400, 414}),
    "a query beyond the limit": (head(f"GET /rest/v1/notes?{'a' * 70_000} HTTP/1.1"), {400, 414}),
    "headers without end": (head(GET, *(f"X-{number}: a" for number in range(200))), {400, 431}),
    "a header beyond the limit": (head(GET, "X-Note: " + "a" * 100_000), {400, 431}),
    "a token beyond the limit": (head(GET, "Authorization: Bearer " + "a" * 60_000), {400, 401, 431}),
    "a wrong key": (head(GET, "apikey: sb_secret_wrong"), {401}),
    "a forged token": (head(GET, "Authorization: Bearer eyJhbGciOiJub25lIn0.e30."), {401}),
    "another protocol": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", {400}),
    "HTTP/3 in plain text": (head("GET /rest/v1/notes HTTP/3.0"), {400, 200}),
    "no method": (head("/rest/v1/notes HTTP/1.1"), {400}),
    "two spaces": (head("GET  /rest/v1/notes HTTP/1.1"), {400, 200}),
}


@pytest.mark.invariant("I25")
@pytest.mark.asvs("4.2.1")
async def test_what_http_forbids_is_refused_at_once(port: int) -> None:
    wrong: dict[str, int] = {}
    for name, (data, allowed) in FORBIDDEN.items():
        for watch in in_time(QUICK):
            with watch:
                status, _, _ = await ask(port, data)
            if status not in allowed:
                wrong[name] = status
    assert wrong == {}


@pytest.mark.parametrize("server", SERVERS)
async def test_who_is_refused_for_the_crowd_keeps_the_connection(server: str) -> None:
    served = Served(waiting=lambda writing: (MANY + 1, 1.0))
    post, small, large = head(POST, "Content-Length: 3"), b"abc", b"a" * 20_000
    async with SERVERS[server](served.edge) as port, connect(port) as connection:
        connection.send(head(GET))
        assert (await connection.answer())[0] == 200
        await until(lambda: served.edge._admission._reads.full and served.edge._admission._writes.full)
        for pieces in ([head(GET)], [post + small], [post, small], [head(POST, "Content-Length: 20000"), large]):
            for piece in pieces:
                connection.send(piece)
                await asyncio.sleep(0.005)
            status, headers, body = await connection.answer()
            assert (status, json.loads(body)["code"], headers.get("connection")) == (503, "53300", None)
            assert "retry-after" in headers


async def test_after_a_refusal_no_second_request_is_read_from_the_connection(port: int) -> None:
    for name in ("two hosts", "length, then chunks", "chunks, then length", "NUL in the path", "TRACE"):
        async with connect(port) as connection:
            connection.send(FORBIDDEN[name][0] + head(GET))
            status, headers, _ = await connection.answer()
            assert (400 <= status < 500, headers["connection"]) == (True, "close")
            assert b"HTTP/" not in await connection.rest()


async def test_the_refusal_says_why_in_the_words_of_the_protocol(port: int) -> None:
    status, headers, body = await ask(port, FORBIDDEN["NUL in the path"][0])
    assert (status, headers["content-type"]) == (400, "application/json; charset=utf-8")
    assert set(json.loads(body)) == {"code", "message", "details", "hint"}


async def test_a_good_request_is_served(port: int) -> None:
    status, headers, body = await ask(port, head("GET /rest/v1/a%20b?x=%C3%A9 HTTP/1.1"))
    assert (status, json.loads(body)) == (200, {"path": "/a%20b", "query": "x=%C3%A9", "body": 0})
    assert headers["x-content-type-options"] == "nosniff"


async def test_http_1_0_is_served_without_a_host(port: int) -> None:
    assert (await ask(port, head("GET /rest/v1/notes HTTP/1.0", host=False)))[0] == 200


async def test_the_answer_to_head_has_no_body(port: int) -> None:
    async with connect(port) as connection:
        connection.send(head("HEAD /rest/v1/notes HTTP/1.1") + head(GET))
        status, headers, _ = await connection.answer(head=True)
        assert (status, headers.get("content-length", "absent")) in ((200, "absent"), (200, "0"))
        assert (await connection.answer())[0] == 200


# Large and slow bodies ---------------------------------------------------------------------------------------


def pour(port: int, start: bytes, piece: bytes, pieces: int) -> bytes:
    """Send everything without a look at what comes back, as simple clients do; returns the answer."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
        client.sendall(start)
        with contextlib.suppress(ConnectionError):
            for _ in range(pieces):
                client.sendall(piece)
        return client.recv(65536)


@pytest.mark.invariant("I27")
async def test_100_megabytes_with_their_length_are_refused_before_they_come(port: int) -> None:
    for watch in in_time(QUICK):
        with watch:
            async with connect(port) as connection:
                connection.send(head(POST, "Content-Length: 104857600"))
                status, headers, _ = await connection.answer()
        assert (status, headers["connection"]) == (413, "close")


@pytest.mark.invariant("I27")
async def test_100_megabytes_sent_without_looking_are_refused(port: int) -> None:
    start = head(POST, "Content-Length: 104857600")
    for watch in in_time(5):
        with watch:
            answer = await asyncio.to_thread(pour, port, start, b"a" * 65536, 1600)
        assert answer.startswith(b"HTTP/1.1 413 ")


@pytest.mark.invariant("I27")
async def test_100_megabytes_in_chunks_are_refused_when_they_are_too_many(port: int) -> None:
    start = head(POST, "Transfer-Encoding: chunked")
    for watch in in_time(5):
        with watch:
            answer = await asyncio.to_thread(pour, port, start, b"10000\r\n" + b"a" * 65536 + b"\r\n", 1600)
        assert answer.startswith(b"HTTP/1.1 413 ")


async def test_a_body_as_long_as_allowed_is_read(port: int) -> None:
    size = SETTINGS.max_body
    async with connect(port) as connection:
        connection.send(head(POST, f"Content-Length: {size}") + b"a" * size)
        status, _, body = await connection.answer()
    assert (status, json.loads(body)["body"]) == (200, size)


async def test_a_mounted_application_reads_what_it_likes(port: int) -> None:
    size = SETTINGS.max_body + 1
    async with connect(port) as connection:
        connection.send(head("POST /guest/x HTTP/1.1", f"Content-Length: {size}") + b"a" * size)
        assert (await connection.answer())[2] == str(size).encode()
    async with connect(port) as connection:
        connection.send(head("POST /guest/x HTTP/1.1", "Transfer-Encoding: chunked") + CHUNKS)
        assert (await connection.answer())[2] == b"3"


@pytest.mark.parametrize("server", SERVERS)
async def test_a_body_that_trickles_is_given_up(server: str) -> None:
    async with SERVERS[server](Served(patience=0.4).edge) as port:
        for watch in in_time(2):
            with watch:
                async with connect(port) as connection:
                    connection.send(head(POST, "Content-Length: 100") + b"abc")
                    status, headers, _ = await connection.answer()
                    assert (status, headers["connection"]) == (408, "close")
                    assert await connection.rest() == b""
            assert watch.took > 0.3


@pytest.mark.parametrize("server", SERVERS)
async def test_slow_clients_do_not_keep_others_waiting(server: str) -> None:
    async with SERVERS[server](Served(patience=0.4).edge) as port:
        for watch in in_time(0.3):
            async with contextlib.AsyncExitStack() as stack:
                slow = [await stack.enter_async_context(connect(port)) for _ in range(50)]
                for connection in slow:
                    connection.send(head(POST, "Content-Length: 100") + b"abc")
                with watch:
                    assert (await ask(port, head(GET)))[0] == 200
                answers = await asyncio.gather(*(connection.answer() for connection in slow))
            assert {status for status, _, _ in answers} == {408}


async def test_a_body_that_breaks_off_harms_nobody(port: int) -> None:
    for _ in range(20):
        async with connect(port) as connection:
            connection.send(head(POST, "Content-Length: 100") + b"abc")
    assert (await ask(port, head(GET)))[0] == 200


# Connections that go on --------------------------------------------------------------------------------------


async def test_requests_in_a_row_without_waiting_are_all_answered(port: int) -> None:
    requests = [
        head("GET /rest/v1/a HTTP/1.1"),
        head("POST /rest/v1/b HTTP/1.1", "Content-Length: 3") + b"abc",
        head("POST /rest/v1/c HTTP/1.1", "Content-Length: 3", "apikey: sb_secret_wrong") + b"abc",
        head("POST /nothing HTTP/1.1", "Content-Length: 3") + b"abc",
        head("POST /health/live HTTP/1.1", "Content-Length: 3") + b"abc",
        head("OPTIONS /rest/v1/d HTTP/1.1", "Origin: https://a", "Access-Control-Request-Method: POST"),
        head("GET /rest/v1/e HTTP/1.1", "Content-Length: 3") + b"abc",
        head("GET /docs HTTP/1.1"),
        head("GET /rest/v1/f HTTP/1.1"),
    ]
    async with connect(port) as connection:
        connection.send(b"".join(requests))
        statuses = [(await connection.answer())[0] for _ in requests]
    assert statuses == [200, 200, 401, 404, 405, 200, 200, 200, 200]


async def test_an_error_before_a_large_body_is_seen_by_a_client_that_waits(port: int) -> None:
    async with connect(port) as connection:
        connection.send(head(POST, "Content-Length: 5000000", "Expect: 100-continue", "apikey: sb_secret_wrong"))
        status, headers, _ = await connection.answer()
    assert (status, headers["connection"]) == (401, "close")


async def test_a_client_that_asks_first_is_told_to_go_on(port: int) -> None:
    async with connect(port) as connection:
        connection.send(head(POST, "Content-Length: 3", "Expect: 100-continue"))
        assert (await connection.answer())[0] == 100
        connection.send(b"abc")
        status, _, body = await connection.answer()
    assert (status, json.loads(body)["body"]) == (200, 3)


async def test_a_caller_who_leaves_stops_the_work(port: int, served: Served) -> None:
    async with connect(port) as connection:
        connection.send(head("GET /rest/v1/slow HTTP/1.1"))
        async with asyncio.timeout(60):
            await served.began.wait()
    async with asyncio.timeout(60):
        await served.stopped.wait()
    assert (await ask(port, head(GET)))[0] == 200


async def test_a_caller_who_leaves_after_a_body_stops_the_work(port: int, served: Served) -> None:
    async with connect(port) as connection:
        connection.send(head("POST /rest/v1/slow HTTP/1.1", "Content-Length: 3") + b"abc")
        async with asyncio.timeout(60):
            await served.began.wait()
    async with asyncio.timeout(60):
        await served.stopped.wait()


# Web sockets, pages, start -----------------------------------------------------------------------------------

UPGRADE = (
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)


@pytest.mark.parametrize("port", ["granian"], indirect=True)
async def test_web_sockets_are_for_mounted_applications_only(port: int) -> None:
    assert (await ask(port, head("GET /guest/live HTTP/1.1", *UPGRADE)))[0] == 101
    for path in ("/rest/v1/notes", "/nothing", "/"):
        assert 400 <= (await ask(port, head(f"GET {path} HTTP/1.1", *UPGRADE)))[0] < 500


async def test_the_pages_and_health_are_served(port: int) -> None:
    for path, kind in (("/", "text/html"), ("/docs", "text/html"), ("/health/live", "application/json")):
        status, headers, body = await ask(port, head(f"GET {path} HTTP/1.1"))
        assert (status, headers["content-type"].partition(";")[0]) == (200, kind)
        assert body
    policy = (await ask(port, head("GET /docs HTTP/1.1")))[1]["content-security-policy"]
    assert re.search(r"script-src 'sha256-[^ ]+'; style-src 'sha256-[^ ]+'", policy)
    assert (await ask(port, head("GET /health/ready HTTP/1.1")))[0] == 200


async def test_an_application_that_does_not_start_is_not_served() -> None:
    async def fail() -> None:
        raise SchemaBehind("The schema is behind.", hint="Run: backstay migrate apply")

    served = Served()
    edge = Edge([], identify=lambda headers: Caller(), render=served.render, settings=SETTINGS, on_start=[fail])
    with pytest.raises(DeclarationError, match="The schema is behind"):
        async with serving(edge):
            pytest.fail("it was served")


async def test_a_port_that_is_taken_is_named() -> None:
    async with serving(Served().edge) as address:
        port = int(address.rpartition(":")[2])
        with pytest.raises(DeclarationError, match=f"Cannot listen on 127.0.0.1:{port}"):
            async with serving(Served().edge, port=port):
                pytest.fail("it was served")
