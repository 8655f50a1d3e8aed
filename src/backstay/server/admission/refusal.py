"""The answer to those who are not let in, made once, for it must cost much less than what it spares."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Final

from backstay.frontends.http import Response
from backstay.server.asgi import Message, Scope, frame
from backstay.server.cors import Cors
from backstay.server.head import Head

_WITHOUT_BODY: Final = frozenset({"GET", "HEAD"})


class Refusal:
    """One answer, in the frames of every request that may get it.

    Arguments:
        make: makes the answer, when it is first needed.
        cors: what pages are told.
    """

    def __init__(self, make: Callable[[], Response], cors: Cors) -> None:
        self._make = make
        self._cors = cors

    @cached_property
    def response(self) -> Response:
        """The answer."""
        return self._make()

    @cached_property
    def _plain(self) -> dict[str, tuple[Message, Message]]:
        return {method: frame(self.response, method, extra=self._cors.answer(None)) for method in _WITHOUT_BODY}

    def ready(self, scope: Scope) -> tuple[Message, Message] | None:
        """The messages that answer a request, or None where it has a body, or may have, that must be got rid of."""
        found = self._plain.get(scope["method"])
        if found is None:
            return None
        for name, value in scope["headers"]:
            if name == b"origin":
                return frame(self.response, scope["method"], extra=self._cors.answer(value.decode("latin-1")))
            if name in (b"content-length", b"transfer-encoding"):
                return None
        return found


def rough_head(scope: Scope) -> Head:
    """As much of a request's head as its refusal needs, whatever else is wrong with it."""
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    length = headers.get("content-length", "")
    known = int(length) if length.isdecimal() and len(length) < 19 and "transfer-encoding" not in headers else None
    version = scope.get("http_version", "1.1")
    return Head(scope["method"], scope["path"], "", headers, known, version)
