"""``Server-Timing``: how long each step of an answer took, for browsers' developer tools (W3C Server Timing)."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from contextvars import ContextVar
from dataclasses import replace
from enum import Enum
from time import perf_counter
from typing import Any, Final

from backstay.errors import DeclarationError
from backstay.frontends.http import Request, Response
from backstay.frontends.rest.handle import Rest
from backstay.frontends.rest.prefer import TIMING, read_preferences
from backstay.schema.caller import Caller

_STEPS: Final = ("parse", "plan", "transaction", "response")


class Telling(Enum):
    """Who is told: the values of the setting ``server_timing``."""

    OFF = "off"
    ASKED = "asked"
    ALWAYS = "always"


def read_telling(setting: str) -> Telling:
    """What the setting ``server_timing`` says.

    Raises:
        DeclarationError: it is none of its values.
    """
    try:
        return Telling(setting)
    except ValueError:
        raise DeclarationError(f"server_timing: {setting!r} is none of off, asked and always") from None


class Timed:
    """The front end, timed step by step. It stands in its place only where the setting says so.

    How long an answer takes tells of rows that rules hide. So where it is told to who asks, it is told to those alone
    from whom no rule hides anything.

    Arguments:
        rest: the front end.
        identify: tells the caller from a request's headers.
        always: whether everybody is told; else who asks and passes all rules.
    """

    def __init__(self, rest: Rest, identify: Callable[[Mapping[str, str]], Caller], *, always: bool) -> None:
        self._always = always
        self._rest = rest
        self._identify = identify
        self._identified: ContextVar[float] = ContextVar("identified", default=0.0)

    def identify(self, headers: Mapping[str, str]) -> Caller:
        """Who sent a request, with the time that it took to tell kept for the answer."""
        began = perf_counter()
        caller = self._identify(headers)
        self._identified.set(perf_counter() - began)
        return caller

    def prepared(
        self, path: str, query: str, headers: Mapping[bytes, bytes], caller: Caller
    ) -> Response | Coroutine[Any, Any, Response] | None:
        """As :meth:`Rest.prepared`; None for what is timed step by step, which takes all steps."""
        if self._always or TIMING.encode() in headers.get(b"prefer", b""):
            return None
        return self._rest.prepared(path, query, headers, caller)

    def prepared_write(
        self, method: str, path: str, query: str, headers: Mapping[bytes, bytes], body: bytes, caller: Caller
    ) -> Coroutine[Any, Any, Response] | None:
        """As :meth:`Rest.prepared_write`; None for what is timed."""
        if self._always or TIMING.encode() in headers.get(b"prefer", b""):
            return None
        return self._rest.prepared_write(method, path, query, headers, body, caller)

    async def __call__(self, request: Request, caller: Caller) -> Response:
        """Answer one request."""
        if not self._always and not (caller.passes_rules and _asks(request)):
            return await self._rest(request, caller)
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


def _asks(request: Request) -> bool:
    return read_preferences(request.headers.get("prefer")).timing
