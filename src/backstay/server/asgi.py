"""ASGI in words: its types, and a Response as the messages that send it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final, TypeAlias

from backstay.dialects.rowwise.spool import Spool
from backstay.frontends.http import Response

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Application: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers: TypeAlias = tuple[tuple[bytes, bytes], ...]

_NOSNIFF: Final = (b"x-content-type-options", b"nosniff")
# Answers depend on who asks, and Vary does not name every header that tells so; nobody keeps one unless told to.
_NO_STORE: Final = (b"cache-control", b"no-store")
_OURS: Final = (_NOSNIFF, _NO_STORE)
_CLOSE: Final = (b"connection", b"close")
_WITHOUT_BODY: Final = frozenset({204, 304})


def frame(response: Response, method: str, *, extra: Headers = (), closing: bool = False) -> tuple[Message, Message]:
    """The messages that send ``response`` with what every answer of ours carries.

    Arguments:
        response: the answer; a header it names itself is not added again.
        method: the request's method; the answer to HEAD goes without its body and length.
        extra: further headers.
        closing: ask the server to close the connection after it.

    Raises:
        ValueError: a header's value would break out of its line.
    """
    headers = _lines(response, method) if response.lines is None or method == "HEAD" else [*response.lines, *_OURS]
    headers.extend(extra)
    if closing:
        headers.append(_CLOSE)
    bodiless = method == "HEAD" or response.status in _WITHOUT_BODY
    return (
        {"type": "http.response.start", "status": response.status, "headers": headers},
        {"type": "http.response.body", "body": b"" if bodiless else response.body},
    )


def _lines(response: Response, method: str) -> list[tuple[bytes, bytes]]:
    named = dict(response.headers)
    text = "".join([value for _, value in response.headers])
    if "\n" in text or "\r" in text or "\0" in text:
        raise ValueError("a header of the answer holds a line break")
    headers = [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in response.headers]
    if method == "HEAD" or response.status in _WITHOUT_BODY:
        headers = [header for header in headers if header[0] != b"content-length"]
    elif "content-length" not in named:
        headers.append((b"content-length", b"%d" % len(response.body)))
    headers.append(_NOSNIFF)
    if "cache-control" not in named:
        headers.append(_NO_STORE)
    return headers


async def send_spool(start: Message, spool: Spool, send: Send) -> None:
    """Send an answer whose body is spooled, piece by piece as the client takes them, and let go of the spool.

    Raises:
        OSError: its file cannot be read. The answer is not ended then, so that the server cuts the connection.
    """
    try:
        await send(start)
        async for piece in spool.pieces():
            await send({"type": "http.response.body", "body": piece, "more_body": True})
    finally:
        spool.close()
    await send({"type": "http.response.body", "body": b""})
