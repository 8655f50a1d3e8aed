"""Start, stop, and whether the application serves in between: lifespan and ``/health``."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeAlias

from backstay.errors import BackstayError
from backstay.frontends.http import Response
from backstay.observe import Started, StartFailed, StopFailed, Stopped, observe
from backstay.server.asgi import Receive, Send
from backstay.server.guests.mounts import Guest, Mount

Step: TypeAlias = Callable[[], Awaitable[None]]

LIVE: Final = "/health/live"
READY: Final = "/health/ready"

_KEPT: Final = 1.0
"""Seconds for which one look at the database serves all who ask."""
_PATIENCE: Final = 2.0

_JSON: Final = (("content-type", "application/json; charset=utf-8"), ("cache-control", "no-store"))
_OK: Final = Response(200, _JSON, b'{"status":"ok"}')
_DOWN: Final = Response(503, (*_JSON, ("retry-after", "1")), b'{"status":"unavailable"}')


class Lifespan:
    """The steps that start and stop an application.

    A start that fails stops what was started, so the steps of ``on_stop`` must bear being called before their start.
    """

    def __init__(self, on_start: Sequence[Step], on_stop: Sequence[Step], mounts: Sequence[Mount]) -> None:
        self._on_start = tuple(on_start)
        self._on_stop = tuple(on_stop)
        self._mounts = tuple(mounts)
        self._guests: list[Guest] = []

    async def start(self, shared: dict[str, object]) -> None:
        """Run every step of the start, in order.

        Arguments:
            shared: the lifespan's ``state``, which mounted applications may fill.

        Raises:
            Exception: whatever a step raised, after everything was stopped again.
        """
        began = time.perf_counter()
        try:
            for step in self._on_start:
                await step()
            for mount in self._mounts:
                guest = Guest(mount)
                await guest.start(shared)
                self._guests.append(guest)
        except BaseException as error:
            if isinstance(error, Exception):
                observe(StartFailed(error))
            await self._stop_all()
            raise
        observe(Started((time.perf_counter() - began) * 1000))

    async def stop(self) -> None:
        """Run every step of the stop, the last started first; one that fails does not keep the others from it."""
        await self._stop_all()
        observe(Stopped())

    async def _stop_all(self) -> None:
        guests, self._guests = self._guests, []
        for step in (*(guest.stop for guest in reversed(guests)), *self._on_stop):
            try:
                await step()
            except Exception as error:
                observe(StopFailed(error))


async def answer_lifespan(
    receive: Receive, send: Send, start: Callable[[], Awaitable[None]], stop: Callable[[], Awaitable[None]]
) -> None:
    """Carry out ASGI's lifespan protocol; a start that fails is reported to the server with its reason."""
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            try:
                await start()
            except Exception as error:
                await send({"type": "lifespan.startup.failed", "message": explain(error)})
                return
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            await stop()
            await send({"type": "lifespan.shutdown.complete"})
            return


def explain(error: BaseException) -> str:
    """Why a start failed, for the person who started it."""
    if not isinstance(error, BackstayError):
        return f"{type(error).__name__}: {error}"
    return f"{error.message}\n{error.hint}" if error.hint else error.message


class Health:
    """The two answers.

    ``look`` says whether the application can serve now (its database answers, say); raising means no. ``open`` is
    whether it has started and is not stopping.
    """

    def __init__(self, look: Callable[[], Awaitable[bool]] | None) -> None:
        self.open = False
        self._look = look
        self._until = 0.0
        self._good = False
        self._lock = asyncio.Lock()

    async def answer(self, path: str) -> Response:
        """The answer to a request for ``path``, one of LIVE and READY."""
        if path == LIVE:
            return _OK
        return _OK if self.open and await self._is_good() else _DOWN

    async def _is_good(self) -> bool:
        if self._look is None:
            return True
        async with self._lock:
            if time.monotonic() >= self._until:
                try:
                    async with asyncio.timeout(_PATIENCE):
                        self._good = await self._look()
                except Exception:  # whatever it is, it means no
                    self._good = False
                self._until = time.monotonic() + _KEPT
            return self._good
