"""The answer to those who are not let in, made once, for it must cost much less than what it spares."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import cached_property
from typing import Final, TypeAlias

from backstay.frontends.http import Response
from backstay.server.asgi import Message, Scope, frame
from backstay.server.cors import Cors
from backstay.server.head import Head

Messages: TypeAlias = tuple[Message, Message]

HOLD: Final = 0.02
"""Seconds at most, and half of it at least, that a refused request with a body lasts after its answer.

Its body may come in a packet of its own. When a request ends, the server drops what has come of its body; it closes the
connection where the rest is still to come.
"""
WITHOUT_BODY: Final = frozenset({"GET", "HEAD"})
"""Methods whose requests have no body unless they say so."""
_DIGITS: Final = 4
"""Digits in the length of a small body: one that the server drops by itself, in one piece. Reading it would cost more
than the rest of a refusal."""


class Refusal:
    """One answer, in the frames of every request that may get it.

    Arguments:
        make: makes the answer, when it is first needed.
        cors: what pages are told.
    """

    def __init__(self, make: Callable[[], Response], cors: Cors) -> None:
        self._make = make
        self._cors = cors
        self._held: asyncio.Future[None] | None = None

    @cached_property
    def response(self) -> Response:
        """The answer."""
        return self._make()

    @cached_property
    def _plain(self) -> tuple[Messages, Messages]:
        """The messages for HEAD, and for every other method."""
        extra = self._cors.answer(None)
        return frame(self.response, "HEAD", extra=extra), frame(self.response, "GET", extra=extra)

    def ready(self, scope: Scope) -> Messages | None:
        """The messages that answer a request, or None where it has a body, or may have, that must be got rid of."""
        method: str = scope["method"]
        origin: bytes | None = None
        known = method in WITHOUT_BODY or scope["http_version"][:1] == "1"
        for name, value in scope["headers"]:
            if name == b"content-length":
                if len(value) > _DIGITS or not value.isdigit():
                    return None
                known = True
            elif name == b"origin":
                origin = value
            elif name in (b"transfer-encoding", b"expect"):
                return None
        if not known:
            return None
        if origin is not None:
            return frame(self.response, method, extra=self._cors.answer(origin))
        return self._plain[method != "HEAD"]

    async def hold(self) -> None:
        """Last a moment longer, together with others: a timer for each would cost as much as the answer."""
        loop = asyncio.get_running_loop()
        held = self._held
        if held is None or held.done() or held.get_loop() is not loop:
            held = self._held = loop.create_future()
            loop.call_later(HOLD / 2, self._begin_anew)
            loop.call_later(HOLD, _end, held)
        await held

    def _begin_anew(self) -> None:
        self._held = None


def _end(held: asyncio.Future[None]) -> None:
    if not held.done():
        held.set_result(None)


def rough_head(scope: Scope) -> Head:
    """As much of a request's head as its refusal needs, whatever else is wrong with it."""
    headers = dict(scope["headers"])
    length = headers.get(b"content-length", b"")
    known = int(length) if length.isdigit() and len(length) < 19 and b"transfer-encoding" not in headers else None
    return Head(scope["method"], scope["path"], "", headers, known, scope.get("http_version", "1.1"))
