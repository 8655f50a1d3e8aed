"""Mounted Flask and Django applications know their callers, work as them, and answer our errors as we do."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI

from backstay import Backstay
from backstay.errors import BackstayError, DeclarationError
from backstay.flask import caller_session
from behaviour.door import Answer, Door, call, token
from fixtures import sites
from fixtures.rows import ADA, BOB, CYD, fill
from fixtures.workspace import build

SITES = ["/flask", "/django", "/django/async"]


@pytest.fixture(scope="module")
def module_desk(module_database_url: str) -> Iterator[Door]:
    with Door(sites.mount(build(module_database_url)), fill) as door:
        yield door


@pytest.fixture
def desk(module_desk: Door) -> Door:
    module_desk.restore(anyway=True)
    return module_desk


@pytest.fixture(params=SITES)
def site(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def asking(desk: Door, method: str, path: str, caller: str = "ada", body: bytes = b"", **headers: str) -> Answer:
    sent = {b"host": b"localhost", **{name.encode(): value.encode() for name, value in headers.items()}}
    bearer = token(caller)
    if bearer is not None:
        sent.setdefault(b"authorization", f"Bearer {bearer}".encode())
    if body:
        sent[b"content-length"] = str(len(body)).encode()
    path, _, query = path.partition("?")
    return await call(desk.app, method, path.encode(), query.encode(), list(sent.items()), body)


def ask(desk: Door, method: str, path: str, caller: str = "ada", body: bytes = b"", **headers: str) -> Answer:
    return desk.run(asking(desk, method, path, caller, body, **headers))


# Who calls ---------------------------------------------------------------------------------------------------


def test_view_is_told_the_caller(desk: Door, site: str) -> None:
    under = "/flask" if site == "/flask" else "/django"
    assert ask(desk, "GET", f"{site}/me").json == {"id": str(ADA), "aal": None, "path": under}
    assert ask(desk, "GET", f"{site}/me", "bob").json["id"] == str(BOB)
    assert ask(desk, "GET", f"{site}/me", "anon").json["id"] is None


def test_bad_token_is_refused_where_somebody_asks_for_the_caller(desk: Door, site: str) -> None:
    for path in ("me", "notes", "members"):
        answer = ask(desk, "GET", f"{site}/{path}", authorization="Bearer a.b.c")
        assert (answer.status, answer.code) == (401, "PGRST301")
    assert ask(desk, "GET", f"{site.removesuffix('/async')}/open", authorization="Bearer a.b.c").body == b"hello"


def test_view_may_be_for_users_alone(desk: Door, site: str) -> None:
    assert ask(desk, "GET", f"{site}/members").body == b"hello"
    answer = ask(desk, "GET", f"{site}/members", "anon")
    assert (answer.status, answer.code) == (401, "PGRST302")


def test_requests_at_the_same_time_are_told_apart(desk: Door) -> None:
    people = {"ada": (ADA, [1, 2, 3]), "bob": (BOB, [2, 3, 4]), "cyd": (CYD, [5, 6])}
    asked = [(site, name) for _ in range(4) for site in SITES for name in people]

    async def at_once() -> list[Answer]:
        asking_all = [asking(desk, "GET", f"{site}/notes?wait=0.02", name) for site, name in asked]
        return await asyncio.wait_for(asyncio.gather(*asking_all), 60)

    for (_, name), answer in zip(asked, desk.run(at_once()), strict=True):
        own, seen = people[name]
        assert answer.json == {"id": str(own), "numbers": seen}


# Their session -----------------------------------------------------------------------------------------------


def test_rules_hold_in_the_callers_session(desk: Door, site: str) -> None:
    assert ask(desk, "GET", f"{site}/notes").json["numbers"] == [1, 2, 3]
    assert ask(desk, "GET", f"{site}/notes", "cyd").json["numbers"] == [5, 6]
    assert ask(desk, "GET", f"{site}/notes", "service").json["numbers"] == [1, 2, 3, 4, 5, 6]


def test_session_is_committed_when_it_is_left(desk: Door, site: str) -> None:
    assert ask(desk, "POST", f"{site}/notes/1?text=new").json == {"number": 1, "author": str(ADA)}
    assert desk.rows("/notes?number=eq.1")[0]["text"] == "new"


@pytest.mark.parametrize(("word", "status"), [("stop", 409), ("crash", 500)])
def test_error_rolls_back(desk: Door, site: str, word: str, status: int) -> None:
    answer = ask(desk, "POST", f"{site}/notes/1?text={word}")
    assert answer.status == status
    assert b"swordfish" not in answer.body
    if word == "stop":
        assert answer.headers["content-type"] == "application/json; charset=utf-8"
        assert answer.json == {"code": "23000", "message": "It was stopped.", "details": None, "hint": "Go on."}
    assert desk.rows("/notes?number=eq.1")[0]["text"] == "note 1 of Acme"


def test_row_that_the_caller_may_not_see_is_not_found(desk: Door, site: str) -> None:
    assert ask(desk, "POST", f"{site}/notes/4?text=x").status == 404


def test_row_that_a_rule_refuses_is_denied(desk: Door, site: str) -> None:
    answer = ask(desk, "POST", f"{site}/notes/3?text=x")
    assert (answer.status, answer.code) == (403, "42501")


def test_what_the_commit_sends_is_answered_for(desk: Door, site: str) -> None:
    answer = ask(desk, "POST", f"{site}/late?author=12")
    assert (answer.status, answer.code) == (403, "42501")
    assert ask(desk, "POST", f"{site}/late?author=11").body == b"done"
    answer = ask(desk, "POST", f"{site}/late?author=11")
    assert (answer.status, answer.code) == (409, "23505")


def test_savepoints_and_streamed_rows_are_as_in_any_session(desk: Door, site: str) -> None:
    assert ask(desk, "POST", f"{site}/twice").json == [1, 2, 3, 7]
    assert [row["number"] for row in desk.rows("/notes?number=gt.6&order=number")] == [7]


def test_text_is_refused(desk: Door, site: str) -> None:
    assert ask(desk, "GET", f"{site}/text").code == "42501"
    assert ask(desk, "GET", f"{site}/text", "service").body == b"1"


@pytest.mark.parametrize("path", ["/flask/stream", "/django/async/stream"])
def test_answer_may_be_streamed_from_a_session(desk: Door, path: str) -> None:
    assert ask(desk, "GET", path).body == b"1,2,3,"
    assert ask(desk, "GET", path, "cyd").body == b"5,6,"


# Flask, which is WSGI ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("site", ["/flask", "/django"])
def test_large_body_arrives(desk: Door, site: str) -> None:
    answer = ask(desk, "POST", f"{site}/size", body=b"x" * 5_000_000, x_user="mallory")
    # A header with an underscore would look like another one.
    assert answer.json == {"size": 5_000_000, "header": None}


@pytest.mark.invariant("I27")
def test_body_that_is_too_long_is_refused_before_the_view(database_url: str) -> None:
    app = build(database_url)
    app.configure(max_body=1000)
    called: list[int] = []

    def view(environ: Any, start_response: Any) -> list[bytes]:
        called.append(len(environ["wsgi.input"].read()))
        start_response("200 OK", [])
        return []

    app.mount("/small", view)
    app.mount("/large", lambda environ, start_response: view(environ, start_response), max_body=2000)
    with Door(app, fill) as door:
        for path, most in (("/small", 1000), ("/large", 2000)):
            assert ask(door, "POST", path, body=b"x" * most).status == 200
            refused = ask(door, "POST", path, body=b"x" * (most + 1))
            assert (refused.status, refused.json["message"]) == (413, f"The body is longer than {most} bytes.")
            # Without a length, which other servers let in, reading tells.
            headers = [(b"host", b"localhost")]
            assert door.run(call(app, "POST", path.encode(), b"", headers, b"x" * (most + 1))).status == 413
    assert called == [1000, 2000]


def test_application_that_reads_its_bodies_itself_is_not_bounded_here() -> None:
    with pytest.raises(DeclarationError, match="bounds its bodies itself"):
        Backstay("sqlite://").mount("/api", FastAPI(), max_body=1000)


def test_client_who_leaves_ends_the_answer(desk: Door) -> None:
    bearer = token("ada")
    seen = 0

    async def receive() -> Any:
        if not coming:
            await gone.wait()
            return {"type": "http.disconnect"}
        return coming.pop()

    async def send(message: Any) -> None:
        nonlocal seen
        seen += len(message.get("body", b""))
        if seen > 10 * len(sites.PIECE):
            gone.set()
            raise OSError("the client is gone")

    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "path": "/flask/endless",
        "query_string": b"",
        "headers": [(b"host", b"localhost"), (b"authorization", f"Bearer {bearer}".encode())],
    }
    sites.ENDED.clear()
    gone = asyncio.Event()
    for _ in range(desk.app.settings.wsgi_threads + 1):
        coming = [{"type": "http.request", "body": b""}]
        gone.clear()
        seen = 0
        desk.run(asyncio.wait_for(desk.app(scope, receive, send), 60))
    # Every thread is free again.
    assert len(sites.ENDED) == desk.app.settings.wsgi_threads + 1
    assert ask(desk, "GET", "/flask/open").body == b"hello"


def test_asynchronous_view_of_flask_opens_its_session_likewise(desk: Door) -> None:
    assert ask(desk, "GET", "/flask/async/notes", "cyd").json == {"id": str(CYD), "numbers": [5, 6]}


def test_handler_of_the_applications_own_is_left_alone(database_url: str) -> None:
    mine = sites.flask_site()
    mine.register_error_handler(BackstayError, lambda error: ({"mine": error.message}, 418))
    app = build(database_url)
    app.mount("/mine", mine)
    with Door(app, fill) as door:
        answer = ask(door, "POST", "/mine/notes/1?text=stop")
        assert (answer.status, answer.json) == (418, {"mine": "It was stopped."})


def test_application_that_is_not_mounted_has_no_callers() -> None:
    site = sites.flask_site()
    with site.test_request_context("/me"), pytest.raises(BackstayError, match="mounted applications only"):
        caller_session()


# Django ------------------------------------------------------------------------------------------------------


def test_callers_are_djangos_users(desk: Door) -> None:
    assert ask(desk, "GET", "/django/user").json == {"name": str(ADA)}
    assert ask(desk, "GET", "/django/async/user").json == {"name": str(ADA), "same": True}
    assert ask(desk, "GET", "/django/async/user", "bob").json["name"] == str(BOB)
    assert ask(desk, "GET", "/django/user", "anon").json == {"name": ""}
    assert "set-cookie" not in ask(desk, "GET", "/django/user").headers


def test_plain_with_in_an_asynchronous_view_is_refused_where_it_would_wait_forever(desk: Door) -> None:
    assert ask(desk, "GET", "/django/async/mistake").status == 500
