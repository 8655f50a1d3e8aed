"""Request and Response: what a function may know of the request that it answers, and say of its answer."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from typing import Final, Generic, TypeAlias, TypeVar

from backstay.errors import InvalidHeaders, InvalidStatus

T_co = TypeVar("T_co", covariant=True)

Headers: TypeAlias = Mapping[str, str] | Iterable[tuple[str, str]]
"""Headers of an answer; pairs where one name stands more than once (``Set-Cookie``)."""

_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_VALUE: Final = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_MEDIA: Final = re.compile(r"[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+([ \t]*;[\t\x20-\x7e]*)?")
FRAMING: Final = frozenset(
    {"connection", "content-length", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"}
)
"""The headers that tell how an answer is sent, not what it is: the server's alone."""


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request, read whole.

    A function with a parameter of this type is given the request that calls it.

    Arguments:
        method: ``GET``, ``POST`` ...
        path: raw (still percent-encoded), without the front end's prefix: ``/notes``, ``/rpc/name``.
        query: the raw query string.
        headers: by name in lower case; of a repeated one the values, joined with ``, ``.
        body: as it was sent.
        address: the address that it came from; empty where that is not known.
    """

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    address: str = ""

    @property
    def cookies(self) -> Mapping[str, str]:
        """The cookies that the request brings, by name."""
        try:
            cookies: SimpleCookie = SimpleCookie(self.headers.get("cookie", ""))
        except CookieError:
            return {}
        return {name: morsel.value for name, morsel in cookies.items()}


class Response(Generic[T_co]):
    """What a function answers, where it says more than its value: return one in the value's place.

    Arguments:
        body: the value, answered as if it were returned alone; with ``media`` the very text or bytes to send.
        status: the HTTP status in place of 200 (204 where the value is None).
        headers: go before the headers of the same names that the answer would have.
        media: the media type of ``body``. A caller who does not accept it gets 406, and nothing is kept.

    Raises:
        InvalidStatus: it is not between 200 and 599.
        InvalidHeaders: a name or a value cannot be a header's, or tells how the answer is sent.
        TypeError: ``media`` is given, and ``body`` is neither text nor bytes; or is not a media type.
    """

    __slots__ = ("body", "headers", "media", "status")

    def __init__(
        self, body: T_co, *, status: int | None = None, headers: Headers = (), media: str | None = None
    ) -> None:
        content: object = body
        if media is not None and not (isinstance(content, str | bytes) and _MEDIA.fullmatch(media)):
            raise TypeError(f"A response of the media type {media!r} has text or bytes for its body.")
        self.body = body
        self.status = None if status is None else verify_status(status)
        self.headers = verify_headers(headers)
        self.media = media

    def __repr__(self) -> str:
        return f"Response({self.body!r}, status={self.status}, headers={self.headers}, media={self.media!r})"


def verify_status(status: int) -> int:
    """A status that an answer can have.

    Raises:
        InvalidStatus: it is not between 200 and 599.
    """
    if not 200 <= status <= 599:
        raise InvalidStatus(detail=f"It is {status}.", hint="A status is a number between 200 and 599.")
    return status


def verify_headers(headers: Headers) -> tuple[tuple[str, str], ...]:
    """Headers that an answer can have, their names in lower case.

    Raises:
        InvalidHeaders: a name or a value cannot be a header's, or is the server's to say.
    """
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    found = tuple([(name.lower(), value) for name, value in pairs])
    for name, value in found:
        if not (_NAME.fullmatch(name) and _VALUE.fullmatch(value)):
            raise InvalidHeaders(detail=f"No header is {name!r}: {value!r}.")
        if name in FRAMING:
            raise InvalidHeaders(detail=f"The server itself says {name!r}.")
    return found
