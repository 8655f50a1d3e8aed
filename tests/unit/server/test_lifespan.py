"""Start and stop, in ASGI's words."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from backstay.errors import BackstayError, SchemaBehind
from backstay.frontends.http import Response
from backstay.observe import Observation, Started, StartFailed, StopFailed, Stopped, subscribe
from backstay.schema.caller import ANONYMOUS, Caller
from backstay.server.edge import Edge
from backstay.server.guests.mounts import Mount
from backstay.settings import Settings

Step = Callable[[], Awaitable[None]]


def render(error: BackstayError, caller: Caller) -> Response:
    return Response(error.status)


def edge(**options: Any) -> Edge:
    return Edge([], identify=lambda headers: ANONYMOUS, render=render, settings=Settings(), **options)


async def live(door: Edge) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Start and stop, and what the application said."""
    messages = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    sent: list[dict[str, Any]] = []
    state: dict[str, Any] = {}

    async def receive() -> dict[str, Any]:
        return messages.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    await door({"type": "lifespan", "state": state}, receive, send)
    return sent, state


class Steps:
    """Steps that say in what order they were taken."""

    def __init__(self) -> None:
        self.taken: list[str] = []

    def step(self, name: str, error: Exception | None = None) -> Step:
        async def take() -> None:
            self.taken.append(name)
            if error is not None:
                raise error

        return take

    def guest(self, name: str, failing: bool = False) -> Any:
        async def application(scope: Any, receive: Any, send: Any) -> None:
            assert scope["type"] == "lifespan"
            while True:
                message = await receive()
                self.taken.append(f"{name} {message['type'].partition('.')[2]}")
                if failing:
                    await send({"type": "lifespan.startup.failed", "message": "no licence"})
                    return
                scope["state"][name] = "here"
                await send({"type": message["type"] + ".complete"})
                if message["type"] == "lifespan.shutdown":
                    return

        return application


async def test_steps_are_taken_in_order_and_guests_start_last_and_stop_first() -> None:
    steps = Steps()
    door = edge(
        on_start=[steps.step("open"), steps.step("warm")],
        on_stop=[steps.step("cool"), steps.step("close")],
        mounts=[Mount("/a", steps.guest("a")), Mount("/b", steps.guest("b"))],
    )
    sent, state = await live(door)
    assert [message["type"] for message in sent] == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert steps.taken == [
        "open",
        "warm",
        "a startup",
        "b startup",
        "b shutdown",
        "a shutdown",
        "cool",
        "close",
    ]
    assert state == {"a": "here", "b": "here"}


async def test_a_failed_start_says_why_and_closes_what_was_opened() -> None:
    steps = Steps()
    error = SchemaBehind("The schema is 2 migrations behind.", hint="Run: backstay migrate apply")
    door = edge(
        on_start=[steps.step("open"), steps.step("check", error), steps.step("never")],
        on_stop=[steps.step("close")],
        mounts=[Mount("/a", steps.guest("a"))],
    )
    seen: list[Observation] = []
    end = subscribe(seen.append)
    sent, _ = await live(door)
    end()
    assert sent == [
        {
            "type": "lifespan.startup.failed",
            "message": "The schema is 2 migrations behind.\nRun: backstay migrate apply",
        }
    ]
    assert steps.taken == ["open", "check", "close"]
    assert seen == [StartFailed(error)]


async def test_an_unknown_error_at_the_start_is_named() -> None:
    sent, _ = await live(edge(on_start=[Steps().step("open", OSError("disk full"))]))
    assert sent == [{"type": "lifespan.startup.failed", "message": "OSError: disk full"}]


async def test_a_guest_that_cannot_start_stops_the_start() -> None:
    steps = Steps()
    door = edge(
        on_stop=[steps.step("close")],
        mounts=[Mount("/a", steps.guest("a")), Mount("/b", steps.guest("b", failing=True))],
    )
    sent, _ = await live(door)
    assert sent == [
        {
            "type": "lifespan.startup.failed",
            "message": "The application mounted at '/b' failed to start: no licence",
        }
    ]
    assert steps.taken == ["a startup", "b startup", "a shutdown", "close"]


async def test_a_guest_without_a_lifespan_is_left_alone() -> None:
    async def refusing(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http", "only requests"

    async def silent(scope: Any, receive: Any, send: Any) -> None:
        return

    sent, _ = await live(edge(mounts=[Mount("/a", refusing), Mount("/b", silent)]))
    assert [message["type"] for message in sent] == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


async def test_one_step_that_does_not_stop_does_not_keep_the_others_from_it() -> None:
    steps = Steps()
    error = OSError("already gone")
    seen: list[Observation] = []
    end = subscribe(seen.append)
    sent, _ = await live(edge(on_stop=[steps.step("a", error), steps.step("b")]))
    end()
    assert steps.taken == ["a", "b"]
    assert [type(one) for one in seen] == [Started, StopFailed, Stopped]
    assert sent[-1] == {"type": "lifespan.shutdown.complete"}


async def test_an_application_can_be_started_without_a_server() -> None:
    steps = Steps()
    door = edge(on_start=[steps.step("open")], on_stop=[steps.step("close")], mounts=[Mount("/a", steps.guest("a"))])
    await door.start()
    await door.stop()
    assert steps.taken == ["open", "a startup", "a shutdown", "close"]


async def test_a_start_that_fails_without_a_server_raises() -> None:
    with pytest.raises(SchemaBehind):
        await edge(on_start=[Steps().step("check", SchemaBehind())]).start()
    assert len(asyncio.all_tasks()) == 1
