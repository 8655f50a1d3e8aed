"""Which browsers' pages may call, by the rules of CORS (WIRE A.15 and B.1)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from backstay.frontends.http import Response
from backstay.server.asgi import Headers

_EXPOSED: Final = ", ".join(
    (
        "Content-Encoding, Content-Location, Content-Range, Content-Type, Date, Location, Server, Transfer-Encoding",
        "Range-Unit, Preference-Applied, Proxy-Status, Retry-After, X-Total-Count, Link, X-Supabase-Api-Version",
    )
)
_METHODS: Final = "GET, POST, PATCH, PUT, DELETE, OPTIONS"
_HEADER_NAMES = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+(?:\s*,\s*[A-Za-z0-9!#$%&'*+.^_`|~-]+)*")


class Cors:
    """The origins that may call, and what they are told.

    ``*`` lets every page call, without cookies; a list lets its own, with them, and keeps caches apart by Vary.
    """

    def __init__(self, origins: Iterable[str]) -> None:
        self._origins = frozenset(origin.rstrip("/") for origin in origins)
        self._any = "*" in self._origins
        self._elsewhere: Headers = () if self._any else ((b"vary", b"Origin"),)
        self._everyone: Headers = (
            (b"access-control-allow-origin", b"*"),
            (b"access-control-expose-headers", _EXPOSED.encode()),
        )

    def answer(self, origin: bytes | None) -> Headers:
        """The headers to add to an answer for a page of ``origin`` (None: not a page)."""
        if origin is None:
            return self._elsewhere
        if self._any:
            return self._everyone
        if origin.decode("latin-1") not in self._origins:
            return self._elsewhere
        return (
            (b"access-control-allow-origin", origin),
            (b"access-control-allow-credentials", b"true"),
            (b"access-control-expose-headers", _EXPOSED.encode()),
            (b"vary", b"Origin"),
        )

    def answer_preflight(self, headers: Mapping[str, str]) -> Response:
        """The answer to a browser that asks before it calls.

        :meth:`answer` adds who may call; a page of another origin is told nothing, and its browser refuses it.
        """
        origin = headers["origin"]
        if not self._any and origin not in self._origins:
            return Response(200)
        requested = headers.get("access-control-request-headers", "").strip()
        allowed = f"Authorization, {requested}" if _HEADER_NAMES.fullmatch(requested) else "Authorization"
        return Response(
            200,
            (
                ("access-control-allow-methods", _METHODS),
                ("access-control-allow-headers", allowed),
                ("access-control-max-age", "86400"),
            ),
        )


def is_preflight(method: str, headers: Mapping[str, str]) -> bool:
    """Whether a browser asks what it may do, rather than does it."""
    return method == "OPTIONS" and "origin" in headers and "access-control-request-method" in headers
