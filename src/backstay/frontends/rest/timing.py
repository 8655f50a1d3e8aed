"""``Server-Timing``: how long each step of an answer took, for browsers' developer tools (W3C Server Timing)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import replace
from time import perf_counter
from typing import Final

from backstay.frontends.http import Request, Response
from backstay.frontends.rest.handle import Rest
from backstay.schema.caller import Caller

_STEPS: Final = ("parse", "plan", "transaction", "response")


class Timed:
    """The front end, timed step by step. It stands in its place only where the setting says so.

    Arguments:
        rest: the front end.
        identify: tells the caller from a request's headers.
    """

    def __init__(self, rest: Rest, identify: Callable[[Mapping[str, str]], Caller]) -> None:
        self._rest = rest
        self._identify = identify
        self._identified: ContextVar[float] = ContextVar("identified", default=0.0)

    def identify(self, headers: Mapping[str, str]) -> Caller:
        """Who sent a request, with the time that it took to tell kept for the answer."""
        began = perf_counter()
        caller = self._identify(headers)
        self._identified.set(perf_counter() - began)
        return caller

    async def __call__(self, request: Request, caller: Caller) -> Response:
        """Answer one request."""
        at = [perf_counter()]
        asked = self._rest.parse(request)
        if asked is None:
            return await self._rest(request, caller)
        at.append(perf_counter())
        self._rest.look_up(asked, caller)
        at.append(perf_counter())
        reply = await self._rest.fetch(asked, caller)
        at.append(perf_counter())
        response = self._rest.respond(asked, reply, caller)
        at.append(perf_counter())
        took = zip(_STEPS, at, at[1:], strict=False)
        spans = [("jwt", self._identified.get()), *[(name, end - start) for name, start, end in took]]
        told = ", ".join([f"{name};dur={seconds * 1000:.1f}" for name, seconds in spans])
        return replace(response, headers=(*response.headers, ("server-timing", told)))
