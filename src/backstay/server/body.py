"""Reading a request's body, and getting rid of one that nobody reads."""

from __future__ import annotations

import asyncio
from typing import Final

from backstay.errors import Malformed, TooLarge
from backstay.server.asgi import Receive

SMALL: Final = 64 * 1024
"""Bytes that are cheaper to read and drop than a connection is to open."""
_LINGER: Final = 3.0
"""Seconds for which a client may go on sending what is refused; closing at once would lose it the answer."""
_PAUSE: Final = 0.5


async def read_body(receive: Receive, length: int | None, limit: int) -> bytes:
    """The whole body.

    Arguments:
        receive: the ASGI function that gives it, piece by piece.
        length: its declared length; None: only reading tells.
        limit: most bytes.

    Raises:
        TooLarge: it is longer than ``limit``; what is declared so is not read at all.
        Malformed: it ended before its end.
    """
    if length is not None and length > limit:
        raise TooLarge(f"The body is longer than {limit} bytes.")
    first = await receive()
    if first["type"] != "http.request":
        raise Malformed("The request's body ended early.")
    body: bytes = first.get("body", b"")
    if not first.get("more_body"):
        if len(body) > limit:
            raise TooLarge(f"The body is longer than {limit} bytes.")
        return body
    return await _read_rest(receive, [body], limit)


async def _read_rest(receive: Receive, pieces: list[bytes], limit: int) -> bytes:
    size = len(pieces[0])
    more = True
    while more:
        if size > limit:
            raise TooLarge(f"The body is longer than {limit} bytes.")
        message = await receive()
        if message["type"] != "http.request":
            raise Malformed("The request's body ended early.")
        piece = message.get("body", b"")
        size += len(piece)
        pieces.append(piece)
        more = message.get("more_body", False)
    if size > limit:
        raise TooLarge(f"The body is longer than {limit} bytes.")
    return b"".join(pieces)


async def drain(receive: Receive, length: int | None) -> bool:
    """Drop the body of a request that is answered without it, so that the connection can carry the next one.

    Returns:
        Whether all of it is gone; otherwise the connection has to be closed.
    """
    if length == 0:
        return True
    if length is None or length > SMALL:
        return False
    try:
        await read_body(receive, length, SMALL)
    except (Malformed, TooLarge):
        return False
    return True


async def linger(receive: Receive) -> None:
    """Drop what a client still sends after it was refused, for a while.

    A connection that is closed while data is arriving is reset, and the answer may be lost with it.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + _LINGER
    try:
        while loop.time() < end:
            async with asyncio.timeout(_PAUSE):
                message = await receive()
            if message["type"] != "http.request" or not message.get("more_body"):
                return
    except TimeoutError:
        return
