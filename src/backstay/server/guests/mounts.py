"""Applications that live beside ours: FastAPI, Django, Flask, each under its prefix."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from backstay.errors import DeclarationError
from backstay.server.asgi import Application, Message, Receive, Scope, Send


@dataclass(frozen=True, slots=True)
class Mount:
    """An application under a prefix (``/api``; ``/``: everything that is nobody else's).

    It keeps its own rules of CORS, sizes and errors; only what HTTP forbids is kept from it.
    """

    prefix: str
    application: Application


@dataclass(frozen=True, slots=True)
class Beside:
    """An application as it was given to be mounted.

    Arguments:
        path: where.
        application: it, whether it speaks ASGI or WSGI.
        max_body: most bytes in a body that is read for it; None: as the setting says.
    """

    path: str
    application: Callable[..., Any]
    max_body: int | None = None


def check_prefixes(prefixes: Iterable[str]) -> None:
    """See that every prefix is one, and that no two are the same.

    Raises:
        DeclarationError: one is not of the form ``/a/b``, or is given twice.
    """
    found: set[str] = set()
    for prefix in prefixes:
        if prefix and not prefix.startswith("/"):
            raise DeclarationError(f"{prefix!r} is no prefix to mount at.", hint="Write it as '/api'.")
        if prefix in found:
            raise DeclarationError(f"Two applications are mounted at {prefix!r}.")
        found.add(prefix)


def is_under(path: str, prefix: str) -> bool:
    """Whether ``path`` is the prefix itself or lies below it."""
    return path.startswith(prefix) and (len(path) == len(prefix) or path[len(prefix)] == "/")


def find_mount(mounts: Sequence[Mount], path: str) -> Mount | None:
    """The mount that serves ``path``; ``mounts`` are ordered, the longest prefix first."""
    return next((mount for mount in mounts if is_under(path, mount.prefix)), None)


def enter_mount(scope: Scope, mount: Mount) -> Scope:
    """The scope as the mounted application sees it: its prefix moved to ``root_path``, as ASGI asks."""
    return {**scope, "root_path": scope.get("root_path", "") + mount.prefix}


def is_wsgi(application: Callable[..., Any]) -> bool:
    """Whether an application speaks WSGI: it takes an environment and what starts the answer, ASGI's take three."""
    parameters = inspect.signature(application).parameters.values()
    given = [each for each in parameters if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)]
    repeated = any(each.kind is each.VAR_POSITIONAL for each in parameters)
    return not repeated and len([each for each in given if each.default is each.empty]) == 2


class Guest:
    """A mounted application's own start and stop (its ASGI lifespan), if it has any."""

    def __init__(self, mount: Mount) -> None:
        self._mount = mount
        self._messages: asyncio.Queue[Message] = asyncio.Queue()
        self._answers: asyncio.Queue[Message] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    async def start(self, shared: dict[str, object]) -> None:
        """Start it; an application without a lifespan is left alone.

        Raises:
            DeclarationError: it said that it cannot start.
        """
        scope: Scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.3"}, "state": shared}
        self._task = asyncio.create_task(self._run(scope))
        answer = await self._ask("lifespan.startup")
        if answer is not None and answer["type"] == "lifespan.startup.failed":
            self._task = None
            words = answer.get("message") or "it did not say why"
            raise DeclarationError(f"The application mounted at {self._mount.prefix!r} failed to start: {words}")

    async def stop(self) -> None:
        """Stop it, and wait until it has."""
        if self._task is None or self._task.done():
            return
        await self._ask("lifespan.shutdown")
        await asyncio.wait([self._task], timeout=10)

    async def _run(self, scope: Scope) -> None:
        receive: Receive = self._messages.get
        send: Send = self._answers.put
        await self._mount.application(scope, receive, send)

    async def _ask(self, kind: str) -> Message | None:
        """Its answer to a lifespan message; None where it ended instead."""
        assert self._task is not None
        await self._messages.put({"type": kind})
        answer = asyncio.create_task(self._answers.get())
        await asyncio.wait([answer, self._task], return_when=asyncio.FIRST_COMPLETED)
        if answer.done():
            return answer.result()
        answer.cancel()
        if not self._task.cancelled():
            self._task.exception()  # an application that refuses lifespan raises; that is how ASGI says it has none
        return None
