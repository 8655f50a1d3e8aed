"""WSGI applications in threads: which they are, and what they are told."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from fastapi import FastAPI
from flask import Flask

from backstay.errors import DeclarationError
from backstay.server.guests.mounts import Guest, Mount, is_wsgi
from backstay.server.guests.wsgi import Threaded


def plain(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    told = [
        f"{name}={value}" for name, value in sorted(environ.items()) if name.startswith(("HTTP_", "PATH", "SCRIPT"))
    ]
    start_response("200 OK", [("X-Size", str(len(environ["wsgi.input"].read())))])
    return ["\n".join(told).encode()]


async def asgi(scope: Any, receive: Any, send: Any) -> None: ...


def test_applications_are_told_apart_by_what_they_take() -> None:
    assert is_wsgi(plain)
    assert is_wsgi(Flask("site"))
    assert not is_wsgi(asgi)
    assert not is_wsgi(FastAPI())
    assert not is_wsgi(lambda *arguments: asgi(*arguments))


async def ask(application: Any, *messages: Any, headers: Any = ()) -> list[Any]:
    coming, sent = list(messages), []

    async def receive() -> Any:
        return coming.pop(0) if coming else await asyncio.get_running_loop().create_future()

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "path": "/site/a b",
        "root_path": "/site",
        "query_string": b"",
        "headers": list(headers),
    }
    await asyncio.wait_for(application(scope, receive, send), 60)
    return sent


async def test_it_is_told_what_no_other_header_can_be_mistaken_for() -> None:
    guest = Guest(Mount("/site", application := Threaded(plain, threads=1, max_body=1000)))
    await guest.start({})
    headers = [
        (b"x-user", b"ada"),
        (b"x_user", b"mallory"),
        (b"proxy", b"http://evil.example"),
        (b"cookie", b"a=1"),
        (b"cookie", b"b=2"),
    ]
    pieces = [{"type": "http.request", "body": b"12", "more_body": True}, {"type": "http.request", "body": b"345"}]
    start, *content = await ask(application, *pieces, headers=headers)
    assert start["headers"] == [(b"x-size", b"5")]
    told = b"".join(each["body"] for each in content).decode().splitlines()
    assert told == ["HTTP_COOKIE=a=1; b=2", "HTTP_X_USER=ada", "PATH_INFO=/a b", "SCRIPT_NAME=/site"]
    await guest.stop()


async def test_client_who_leaves_before_the_whole_body_came_is_not_served() -> None:
    called: list[Any] = []
    guest = Guest(Mount("", application := Threaded(lambda *_: called.append(1) or [], threads=1, max_body=1000)))
    await guest.start({})
    assert await ask(application, {"type": "http.request", "body": b"1", "more_body": True}, GONE) == []
    assert called == []
    await guest.stop()


async def test_request_whose_turn_comes_after_its_client_left_is_not_served() -> None:
    running, held = asyncio.Event(), threading.Event()
    loop, called = asyncio.get_running_loop(), []

    def slow(environ: Any, start_response: Any) -> Iterable[bytes]:
        called.append(environ["REQUEST_METHOD"])
        loop.call_soon_threadsafe(running.set)
        held.wait(60)
        start_response("204 No Content", [])
        return []

    guest = Guest(Mount("", application := Threaded(slow, threads=1, max_body=1000)))
    await guest.start({})
    first = asyncio.create_task(ask(application, {"type": "http.request"}))
    await running.wait()
    second = asyncio.create_task(ask(application, {"type": "http.request"}, GONE))
    await asyncio.sleep(0.05)
    held.set()
    assert (await first)[0]["status"] == 204
    assert await second == []
    assert called == ["POST"]
    await guest.stop()


async def test_request_that_is_cancelled_waits_for_its_thread() -> None:
    ended: list[bool] = []
    running, loop = asyncio.Event(), asyncio.get_running_loop()

    def endless(environ: Any, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])
        try:
            while True:
                loop.call_soon_threadsafe(running.set)
                yield b"x"
        finally:
            ended.append(True)

    guest = Guest(Mount("", application := Threaded(endless, threads=1, max_body=1000)))
    await guest.start({})
    asking = asyncio.create_task(ask(application, {"type": "http.request"}))
    await running.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert ended == [True]
    await guest.stop()


async def test_a_stop_ends_answers_that_have_no_end() -> None:
    running, loop = asyncio.Event(), asyncio.get_running_loop()

    def endless(environ: Any, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])
        while True:
            loop.call_soon_threadsafe(running.set)
            yield b"x"

    guest = Guest(Mount("", application := Threaded(endless, threads=1, max_body=1000)))
    await guest.start({})
    asking = asyncio.create_task(ask(application, {"type": "http.request"}))
    await running.wait()
    await asyncio.wait_for(guest.stop(), 60)
    assert (await asking)[0]["status"] == 200


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "a2wsgi", None)
    with pytest.raises(DeclarationError) as caught:
        Threaded(plain, threads=1, max_body=1000)
    assert caught.value.hint == "pip install 'backstay[flask]'"


GONE = {"type": "http.disconnect"}
