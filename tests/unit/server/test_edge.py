"""The front door, spoken to as a server speaks to it."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from backstay.auth.identify import identify
from backstay.auth.keys import Keys, read_keys
from backstay.auth.mint import mint
from backstay.errors import BackstayError, DatabaseUnavailable, DeclarationError, PermissionDenied, UnknownResource
from backstay.frontends.http import Request, Response
from backstay.observe import (
    AccessDenied,
    CallerLeft,
    Observation,
    RequestFailed,
    RequestFinished,
    RequestRefused,
    TokenRefused,
    subscribe,
)
from backstay.schema.caller import Caller, Role
from backstay.server.edge import Edge, FrontEnd
from backstay.server.guests.mounts import Mount
from backstay.settings import Settings
from in_time import until

SECRET = "the secret that only the server of these tests knows"
JSON = ("content-type", "application/json; charset=utf-8")


@dataclass
class Answer:
    """What came back."""

    status: int = 0
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    messages: int = 0
    received_before: int = 0

    def __getitem__(self, name: str) -> str:
        (value,) = [value for key, value in self.headers if key == name]
        return value

    def __contains__(self, name: str) -> bool:
        return any(key == name for key, _ in self.headers)


class Client:
    """A server's side of ASGI: asks, hands over the body, and may leave."""

    def __init__(self, application: Any) -> None:
        self.application = application
        self.left = asyncio.Event()
        self.received = 0

    async def ask(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        *pieces: bytes,
        query: str = "",
        version: str = "1.1",
        stall: bool = False,
        sized: bool = True,
    ) -> Answer:
        given = {"host": "localhost", **(headers or {})}
        if pieces and sized:
            given.setdefault("content-length", str(sum(map(len, pieces))))
        waiting = list(pieces)
        answer = Answer()

        async def receive() -> dict[str, Any]:
            self.received += 1
            if waiting:
                return {"type": "http.request", "body": waiting.pop(0), "more_body": bool(waiting) or stall}
            if not stall and self.received == 1:
                return {"type": "http.request", "body": b"", "more_body": False}
            await self.left.wait()
            return {"type": "http.disconnect"}

        async def send(message: Mapping[str, Any]) -> None:
            answer.messages += 1
            if message["type"] == "http.response.start":
                answer.status = message["status"]
                answer.received_before = self.received
                answer.headers = [(name.decode(), value.decode("latin-1")) for name, value in message["headers"]]
            else:
                answer.body += message.get("body", b"")

        scope = {
            "type": "http",
            "http_version": version,
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in given.items()],
        }
        await self.application(scope, receive, send)
        return answer


KEYS: Keys = read_keys(Settings(jwt_secret=SECRET, publishable_key="sb_publishable_x", secret_key="sb_secret_x"))


def render(error: BackstayError, caller: Caller) -> Response:
    body = json.dumps({"code": error.code, "message": error.message, "role": caller.role.value}).encode()
    return Response(error.status, (JSON,), body)


def echo_request(request: Request, caller: Caller) -> Response:
    content = {
        "method": request.method,
        "path": request.path,
        "query": request.query,
        "body": len(request.body),
        "role": caller.role.value,
        "id": caller.id,
    }
    return Response(200, (JSON,), json.dumps(content).encode())


async def echo(request: Request, caller: Caller) -> Response:
    return echo_request(request, caller)


def edge(answer: Any = echo, **options: Any) -> Edge:
    settings = options.pop("settings", Settings(max_body=1000, max_url=2000))
    options.setdefault("identify", lambda headers: identify(headers, KEYS))
    return Edge([FrontEnd("/rest/v1", answer)], **{"render": render, "settings": settings, **options})


def raising(error: Exception) -> Callable[[Request, Caller], Any]:
    async def answer(request: Request, caller: Caller) -> Response:
        raise error

    return answer


@pytest.fixture
def observed() -> Iterator[list[Observation]]:
    seen: list[Observation] = []
    end = subscribe(seen.append)
    yield seen
    end()


# What a front end gets ---------------------------------------------------------------------------------------


async def test_a_front_end_gets_the_request_without_its_prefix() -> None:
    answer = await Client(edge()).ask("GET", "/rest/v1/notes%20x", query="select=id&a=%20")
    assert answer.status == 200
    assert json.loads(answer.body) == {
        "method": "GET",
        "path": "/notes%20x",
        "query": "select=id&a=%20",
        "body": 0,
        "role": "anon",
        "id": None,
    }


@pytest.mark.parametrize("path", ["/rest/v1", "/rest/v1/"])
async def test_the_root_of_a_front_end_is_a_slash(path: str) -> None:
    assert json.loads((await Client(edge()).ask("GET", path)).body)["path"] == "/"


async def test_a_front_end_gets_the_caller() -> None:
    token = mint(SECRET, user="ada")
    answer = await Client(edge()).ask("GET", "/rest/v1/a", {"authorization": f"Bearer {token}"})
    assert json.loads(answer.body)["id"] == "ada"


async def test_a_front_end_gets_the_whole_body() -> None:
    answer = await Client(edge()).ask("POST", "/rest/v1/a", None, b"a" * 10, b"b" * 20)
    assert json.loads(answer.body)["body"] == 30


async def test_a_request_without_body_is_answered_without_waiting_for_one() -> None:
    client = Client(edge())
    await client.ask("GET", "/rest/v1/a")
    assert client.received == 0


@pytest.mark.parametrize("path", ["/rest/v10/a", "/rest/v1x", "/rest", "/", "/nothing", "/rest%2Fv1/a", "/REST/v1/a"])
async def test_what_is_nobodys_path_is_not_found(path: str) -> None:
    answer = await Client(edge()).ask("GET", path)
    assert (answer.status, answer["content-type"]) == (404, JSON[1])


async def test_of_two_prefixes_the_longer_one_serves() -> None:
    async def inner(request: Request, caller: Caller) -> Response:
        return Response(201)

    door = Edge(
        [FrontEnd("/rest/v1", echo), FrontEnd("/rest/v1/inner", inner)],
        identify=lambda headers: identify(headers, KEYS),
        render=render,
        settings=Settings(),
    )
    assert (await Client(door).ask("GET", "/rest/v1/inner/x")).status == 201
    assert (await Client(door).ask("GET", "/rest/v1/innerx")).status == 200


def test_two_at_one_prefix_are_refused_at_the_start() -> None:
    with pytest.raises(DeclarationError):
        edge(mounts=[Mount("/rest/v1", guest)])
    with pytest.raises(DeclarationError):
        edge(mounts=[Mount("/api", guest), Mount("/api/", guest)])
    with pytest.raises(DeclarationError):
        edge(mounts=[Mount("api", guest)])


# What every answer carries -----------------------------------------------------------------------------------


async def test_answers_carry_length_and_safety() -> None:
    answer = await Client(edge()).ask("GET", "/rest/v1/a")
    assert answer["content-length"] == str(len(answer.body))
    assert answer["x-content-type-options"] == "nosniff"
    assert answer["cache-control"] == "no-store"
    assert "access-control-allow-origin" not in answer
    assert "connection" not in answer


async def test_a_header_the_front_end_names_is_not_added_again() -> None:
    async def answer(request: Request, caller: Caller) -> Response:
        return Response(200, (JSON, ("cache-control", "max-age=5"), ("content-length", "2")), b"ab")

    got = await Client(edge(answer)).ask("GET", "/rest/v1/a")
    assert (got["cache-control"], got["content-length"]) == ("max-age=5", "2")


async def test_the_answer_to_head_has_neither_body_nor_length() -> None:
    async def answer(request: Request, caller: Caller) -> Response:
        return Response(200, (JSON, ("content-length", "2")), b"ab")

    got = await Client(edge(answer)).ask("HEAD", "/rest/v1/a")
    assert (got.body, "content-length" in got, got["content-type"]) == (b"", False, JSON[1])


@pytest.mark.parametrize("status", [204, 304])
async def test_answers_that_have_no_body_send_none(status: int) -> None:
    async def answer(request: Request, caller: Caller) -> Response:
        return Response(status, (), b"stray")

    got = await Client(edge(answer)).ask("GET", "/rest/v1/a")
    assert (got.body, "content-length" in got) == (b"", False)


@pytest.mark.parametrize("value", ["a\r\nset-cookie: b=c", "a\nb", "a\x00b"])
async def test_a_header_that_would_break_out_of_its_line_is_never_sent(value: str, observed: list[Observation]) -> None:
    async def answer(request: Request, caller: Caller) -> Response:
        return Response(200, (("content-location", value),), b"secret")

    got = await Client(edge(answer)).ask("GET", "/rest/v1/a")
    assert got.status == 500
    assert "content-location" not in got
    assert b"secret" not in got.body
    assert any(isinstance(one, RequestFailed) for one in observed)


# Errors ------------------------------------------------------------------------------------------------------


async def test_an_error_is_worded_once_for_its_caller() -> None:
    token = mint(SECRET, user="ada")
    answer = await Client(edge(raising(UnknownResource("no such table")))).ask(
        "GET", "/rest/v1/a", {"authorization": f"Bearer {token}"}
    )
    assert answer.status == 404
    assert json.loads(answer.body) == {"code": "BS40402", "message": "no such table", "role": "authenticated"}


@pytest.mark.invariant("I25")
@pytest.mark.asvs("16.5.1")
@pytest.mark.parametrize("error", [ValueError("a secret"), KeyError("a secret"), RecursionError(), MemoryError()])
async def test_an_unknown_error_is_told_to_us_and_not_to_the_caller(
    error: Exception, observed: list[Observation]
) -> None:
    answer = await Client(edge(raising(error))).ask("GET", "/rest/v1/a")
    assert answer.status == 500
    assert b"secret" not in answer.body
    (failed,) = [one for one in observed if isinstance(one, RequestFailed)]
    assert failed == RequestFailed("GET", "/rest/v1/a", error)


async def test_an_outage_is_answered_and_told() -> None:
    seen: list[Any] = []
    end = subscribe(seen.append, RequestFailed)
    answer = await Client(edge(raising(DatabaseUnavailable()))).ask("GET", "/rest/v1/a")
    end()
    assert answer.status == 503
    assert len(seen) == 1


async def test_a_renderer_that_fails_still_yields_an_answer(observed: list[Observation]) -> None:
    def fail(error: BackstayError, caller: Caller) -> Response:
        raise RuntimeError("cannot word it")

    answer = await Client(edge(raising(ValueError()), render=fail)).ask("GET", "/rest/v1/a")
    assert answer.status == 500
    assert json.loads(answer.body)["message"] == "Internal error."
    assert len([one for one in observed if isinstance(one, RequestFailed)]) == 2


async def test_a_front_end_may_word_errors_itself() -> None:
    def own(error: BackstayError, caller: Caller) -> Response:
        return Response(418)

    door = Edge(
        [FrontEnd("/auth/v1", raising(ValueError()), own)],
        identify=lambda headers: identify(headers, KEYS),
        render=render,
        settings=Settings(),
    )
    assert (await Client(door).ask("GET", "/auth/v1/a")).status == 418


async def test_refused_tokens_and_callers_are_told(observed: list[Observation]) -> None:
    await Client(edge()).ask("GET", "/rest/v1/a", {"authorization": "Bearer a.b.c"})
    await Client(edge(raising(PermissionDenied()))).ask("GET", "/rest/v1/b")
    await Client(edge()).ask("TRACE", "/rest/v1/c")
    kinds = [one for one in observed if not isinstance(one, RequestFinished)]
    assert kinds == [
        TokenRefused("/rest/v1/a", "BS40101", "JWT cryptographic operation failed"),
        AccessDenied("/rest/v1/b", "BS40301", "anon"),
        RequestRefused("TRACE", "/rest/v1/c", 405, "Unsupported HTTP method: TRACE"),
    ]


async def test_a_finished_request_is_told_without_its_query(observed: list[Observation]) -> None:
    token = mint(SECRET, role=Role.ANON)
    await Client(edge()).ask("GET", "/rest/v1/a", {"apikey": token}, query="email=eq.ada@example.com")
    (finished,) = [one for one in observed if isinstance(one, RequestFinished)]
    assert (finished.method, finished.route, finished.status, finished.role) == ("GET", "/rest/v1/a", 200, "anon")
    assert finished.milliseconds > 0
    assert "ada@example.com" not in str(observed)


# Bodies ------------------------------------------------------------------------------------------------------


async def test_a_body_that_says_it_is_too_long_is_refused_unread() -> None:
    client = Client(edge())
    answer = await client.ask("POST", "/rest/v1/a", {"content-length": "100000000"}, b"a" * 100)
    assert (answer.status, answer["connection"], answer.received_before) == (413, "close", 0)


async def test_a_body_that_turns_out_too_long_is_refused() -> None:
    client = Client(edge(chunked=True))
    pieces = [b"a" * 300] * 100
    answer = await client.ask("POST", "/rest/v1/a", {"transfer-encoding": "chunked"}, *pieces, sized=False)
    assert (answer.status, answer["connection"], answer.received_before) == (413, "close", 4)


async def test_chunks_are_refused_where_a_hidden_length_could_contradict_them() -> None:
    headers = {"transfer-encoding": "chunked"}
    answer = await Client(edge()).ask("POST", "/rest/v1/a", headers, b"abc", sized=False)
    assert (answer.status, answer["connection"]) == (411, "close")
    answer = await Client(edge()).ask("POST", "/rest/v1/a", headers, b"a" * 2000, sized=False)
    assert answer.status == 413


async def test_chunks_are_read_where_the_server_shows_all() -> None:
    headers = {"transfer-encoding": "chunked"}
    answer = await Client(edge(chunked=True)).ask("POST", "/rest/v1/a", headers, b"abc", b"de", sized=False)
    assert (answer.status, json.loads(answer.body)["body"]) == (200, 5)


async def test_http_2_needs_no_length() -> None:
    answer = await Client(edge()).ask("POST", "/rest/v1/a", None, b"abc", b"de", version="2", sized=False)
    assert (answer.status, json.loads(answer.body)["body"]) == (200, 5)
    answer = await Client(edge()).ask("POST", "/rest/v1/a", None, b"a" * 2000, version="2", sized=False)
    assert (answer.status, "connection" in answer) == (413, False)


async def test_an_error_before_the_body_drops_a_small_one_and_keeps_the_connection() -> None:
    client = Client(edge())
    answer = await client.ask("POST", "/rest/v1/a", {"apikey": "sb_secret_wrong"}, b"a" * 40, b"b" * 40)
    assert (answer.status, "connection" in answer, client.received) == (401, False, 2)


async def test_an_error_before_a_large_body_closes_the_connection() -> None:
    client = Client(edge(settings=Settings()))
    headers = {"apikey": "sb_secret_wrong", "content-length": "1000000"}
    answer = await client.ask("POST", "/rest/v1/a", headers, b"a" * 100, stall=True)
    assert (answer.status, answer["connection"], answer.received_before) == (401, "close", 0)


async def test_a_client_that_still_sends_is_heard_out_after_the_answer_but_not_for_ever() -> None:
    client = Client(edge())
    async with asyncio.timeout(20):
        answer = await client.ask("POST", "/rest/v1/a", {"content-length": "99999"}, *[b"a"] * 50, stall=True)
    assert (answer.status, answer.received_before, client.received) == (413, 0, 51)


async def test_a_client_that_waits_to_be_asked_is_not_asked_for_what_was_refused() -> None:
    client = Client(edge())
    headers = {"content-length": "99999", "expect": "100-continue"}
    assert (await client.ask("POST", "/rest/v1/a", headers, b"a", stall=True)).status == 413
    assert client.received == 0


async def test_an_error_after_the_body_keeps_the_connection() -> None:
    answer = await Client(edge(raising(UnknownResource()))).ask("POST", "/rest/v1/a", None, b"abc")
    assert (answer.status, "connection" in answer) == (404, False)


async def test_a_page_drops_a_small_body_too() -> None:
    client = Client(edge())
    answer = await client.ask("POST", "/nothing", None, b"a" * 40, b"b" * 40)
    assert (answer.status, "connection" in answer, client.received) == (404, False, 2)


@pytest.mark.invariant("I27")
@pytest.mark.parametrize("path", ["/rest/v1/a", "/nothing"])
@pytest.mark.parametrize("headers", [{}, {"apikey": "sb_secret_wrong"}])
async def test_a_body_that_never_arrives_is_not_waited_for(path: str, headers: dict[str, str]) -> None:
    client = Client(edge(patience=timedelta(milliseconds=50)))
    async with asyncio.timeout(20):
        answer = await client.ask("POST", path, {**headers, "content-length": "9"}, b"abc", stall=True)
    assert answer["connection"] == "close"
    assert 400 <= answer.status < 500
    if not headers and path == "/rest/v1/a":
        assert answer.status == 408


async def test_a_body_that_breaks_off_is_malformed() -> None:
    client = Client(edge())
    client.left.set()
    answer = await client.ask("POST", "/rest/v1/a", {"content-length": "9"}, b"abc", stall=True)
    assert (answer.status, answer["connection"]) == (400, "close")


# Callers who leave -------------------------------------------------------------------------------------------


async def test_a_caller_who_leaves_stops_the_work(observed: list[Observation]) -> None:
    began, stopped = asyncio.Event(), asyncio.Event()

    async def answer(request: Request, caller: Caller) -> Response:
        began.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            stopped.set()
            raise
        return Response(200)

    client = Client(edge(answer))
    asked = asyncio.create_task(client.ask("GET", "/rest/v1/a"))
    await began.wait()
    client.left.set()
    async with asyncio.timeout(20):
        await stopped.wait()
        got = await asked
    assert got.messages == 0
    assert not asked.cancelled()
    assert [type(one) for one in observed] == [CallerLeft]


async def test_work_that_ends_soon_is_not_watched() -> None:
    client = Client(edge())
    for _ in range(100):
        assert (await client.ask("GET", "/rest/v1/a")).status == 200
    assert client.received == 0


async def test_work_that_takes_long_and_ends_is_answered() -> None:
    async def answer(request: Request, caller: Caller) -> Response:
        await asyncio.sleep(0.1)
        return Response(200)

    door = edge(answer)
    clients = [Client(door) for _ in range(5)]
    answers = await asyncio.gather(*(client.ask("POST", "/rest/v1/a", None, b"abc") for client in clients))
    assert [answer.status for answer in answers] == [200] * 5
    await until(lambda: asyncio.all_tasks() == {asyncio.current_task()})


async def test_a_server_that_stops_the_request_itself_is_obeyed() -> None:
    began = asyncio.Event()

    async def answer(request: Request, caller: Caller) -> Response:
        began.set()
        await asyncio.sleep(60)
        return Response(200)

    asked = asyncio.create_task(Client(edge(answer)).ask("GET", "/rest/v1/a"))
    await began.wait()
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked


async def test_work_that_will_not_be_stopped_leaves_no_trace_in_the_task() -> None:
    async def answer(request: Request, caller: Caller) -> Response:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(60)
        return Response(200)

    client = Client(edge(answer))

    async def ask() -> int:
        await client.ask("GET", "/rest/v1/a")
        task = asyncio.current_task()
        assert task is not None
        return task.cancelling()

    asked = asyncio.create_task(ask())
    await asyncio.sleep(0.01)
    client.left.set()
    async with asyncio.timeout(20):
        assert await asked == 0


# Browsers ----------------------------------------------------------------------------------------------------

PAGE = {"origin": "https://app.example"}
PREFLIGHT = {**PAGE, "access-control-request-method": "POST", "access-control-request-headers": "apikey,prefer"}


@pytest.mark.parametrize("path", ["/rest/v1/notes", "/rest/v1/", "/nothing"])
async def test_a_preflight_is_answered_without_asking_anyone(path: str) -> None:
    answer = await Client(edge(raising(ValueError()))).ask("OPTIONS", path, PREFLIGHT)
    assert answer.status == 200
    assert answer["access-control-allow-origin"] == "*"
    assert answer["access-control-allow-headers"] == "Authorization, apikey,prefer"
    assert answer.body == b""


async def test_options_that_is_no_preflight_goes_to_the_front_end() -> None:
    assert json.loads((await Client(edge()).ask("OPTIONS", "/rest/v1/a", PAGE)).body)["method"] == "OPTIONS"


async def test_errors_can_be_read_by_pages_too() -> None:
    door = edge(raising(ValueError()))
    for method, path, headers in (
        ("GET", "/rest/v1/a", PAGE),
        ("GET", "/nothing", PAGE),
        ("GET", "/rest/v1/a", {**PAGE, "apikey": "sb_secret_wrong"}),
        ("GET", "/rest/v1/" + "a" * 3000, PAGE),
        ("POST", "/rest/v1/a", {**PAGE, "content-length": "100000000"}),
    ):
        answer = await Client(door).ask(method, path, headers)
        assert answer.status >= 400
        assert answer["access-control-allow-origin"] == "*"


async def test_the_secret_key_is_refused_from_pages() -> None:
    assert (await Client(edge()).ask("GET", "/rest/v1/a", {**PAGE, "apikey": "sb_secret_x"})).status == 403


# Pages and health --------------------------------------------------------------------------------------------

PAGES = {"/docs": Response(200, (("content-type", "text/html"), ("etag", '"1"'), ("cache-control", "no-cache")), b"hi")}


async def test_a_page_is_served() -> None:
    client = Client(edge(pages=PAGES))
    answer = await client.ask("GET", "/docs")
    assert (answer.status, answer.body, answer["cache-control"]) == (200, b"hi", "no-cache")
    assert (await client.ask("HEAD", "/docs")).body == b""
    assert (await client.ask("GET", "/docs", {"if-none-match": 'W/"0", W/"1"'})).status == 304
    assert (await client.ask("GET", "/docs", {"if-none-match": '"2"'})).status == 200


@pytest.mark.parametrize("path", ["/docs", "/health/live", "/health/ready"])
async def test_pages_can_only_be_read(path: str) -> None:
    assert (await Client(edge(pages=PAGES)).ask("POST", path, None, b"abc")).status == 405


async def test_health_tells_living_from_serving() -> None:
    door = edge()
    client = Client(door)
    assert (await client.ask("GET", "/health/live")).status == 200
    assert (await client.ask("GET", "/health/ready")).status == 503
    await door.start()
    assert (await client.ask("GET", "/health/ready")).status == 200
    await door.stop()
    assert (await client.ask("GET", "/health/ready")).status == 503


async def test_health_asks_what_is_behind_but_not_for_everyone() -> None:
    looks: list[int] = []

    async def look() -> bool:
        looks.append(1)
        return len(looks) > 1

    door = edge(ready=look)
    await door.start()
    answers = await asyncio.gather(*(Client(door).ask("GET", "/health/ready") for _ in range(20)))
    assert {answer.status for answer in answers} == {503}
    assert len(looks) == 1


@pytest.mark.parametrize("error", [OSError(), RuntimeError(), TimeoutError()])
async def test_health_takes_an_error_for_a_no(error: Exception) -> None:
    async def look() -> bool:
        raise error

    door = edge(ready=look)
    await door.start()
    answer = await Client(door).ask("GET", "/health/ready")
    assert (answer.status, answer["cache-control"], answer["retry-after"]) == (503, "no-store", "1")


# Mounted applications ----------------------------------------------------------------------------------------


async def guest(scope: Any, receive: Any, send: Any) -> None:
    assert scope["type"] == "http"
    if scope["path"].endswith("/fail"):
        raise ValueError("a secret")
    await send({"type": "http.response.start", "status": 200, "headers": [(b"x-guest", b"1")]})
    if scope["path"].endswith("/fail-late"):
        raise ValueError("a secret")
    await send({"type": "http.response.body", "body": f"{scope['root_path']} {scope['path']}".encode()})


async def test_a_mounted_application_is_told_its_prefix() -> None:
    answer = await Client(edge(mounts=[Mount("/api", guest)])).ask("GET", "/api/x")
    assert answer.body == b"/api /api/x"


async def test_a_mounted_application_keeps_its_own_rules() -> None:
    client = Client(edge(mounts=[Mount("/api", guest)]))
    answer = await client.ask("GET", "/api/x", PAGE)
    assert answer.headers == [("x-guest", "1")]
    assert (await client.ask("OPTIONS", "/api/x", PREFLIGHT)).headers == [("x-guest", "1")]


async def test_a_mounted_application_is_spared_what_http_forbids() -> None:
    client = Client(edge(mounts=[Mount("", guest)]))
    for method, path, headers in (
        ("TRACE", "/x", {}),
        ("GET", "/x%00", {}),
        ("POST", "/x", {"content-length": "1", "transfer-encoding": "chunked"}),
        ("GET", "/x", {"host": "a b"}),
    ):
        answer = await client.ask(method, path, headers)
        assert (400 <= answer.status < 500, answer["connection"]) == (True, "close")


@pytest.mark.parametrize("root", ["", "/"])
async def test_an_application_mounted_at_the_root_gets_what_is_left(root: str) -> None:
    client = Client(edge(mounts=[Mount(root, guest), Mount("/api/", guest)], pages=PAGES))
    assert (await client.ask("GET", "/other")).body == b" /other"
    assert (await client.ask("GET", "/api/x")).body == b"/api /api/x"
    assert (await client.ask("GET", "/apix")).body == b" /apix"
    assert (await client.ask("GET", "/docs")).body == b"hi"
    assert (await client.ask("GET", "/health/live")).status == 200
    assert json.loads((await client.ask("GET", "/rest/v1/a")).body)["path"] == "/a"


async def test_a_mounted_application_that_fails_is_answered_for(observed: list[Observation]) -> None:
    client = Client(edge(mounts=[Mount("/api", guest)]))
    answer = await client.ask("GET", "/api/fail")
    assert answer.status == 500
    assert b"secret" not in answer.body
    with pytest.raises(ValueError, match="secret"):
        await client.ask("GET", "/api/fail-late")
    assert [one.route for one in observed if isinstance(one, RequestFailed)] == ["/api", "/api"]


async def test_a_mounted_application_shows_its_prefix_only(observed: list[Observation]) -> None:
    await Client(edge(mounts=[Mount("/api", guest)])).ask("GET", "/api/users/ada@example.com")
    assert [one.route for one in observed if isinstance(one, RequestFinished)] == ["/api"]


# Web sockets -------------------------------------------------------------------------------------------------


async def knock(door: Edge, path: str, *headers: tuple[bytes, bytes]) -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "websocket",
        "http_version": "1.1",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": list(headers or [(b"host", b"localhost")]),
    }
    await door(scope, receive, send)
    return sent


async def test_a_web_socket_goes_to_the_application_it_is_for() -> None:
    async def sockets(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept", "path": scope["root_path"]})

    door = edge(mounts=[Mount("/live", sockets)])
    assert await knock(door, "/live/x") == [{"type": "websocket.accept", "path": "/live"}]
    for path, *headers in (
        ("/rest/v1/a",),
        ("/nothing",),
        ("/live/%00",),
        ("/live/x", (b"host", b"a"), (b"host", b"b")),
    ):
        (refused,) = await knock(door, path, *headers)
        assert refused["type"] == "websocket.close"
