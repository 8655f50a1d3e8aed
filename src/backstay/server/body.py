"""Reading a request's body, and getting rid of one that nobody reads."""

from __future__ import annotations

import asyncio
from typing import Final

from backstay.dialects.rowwise.spool import Spool
from backstay.errors import Malformed, TooLarge
from backstay.server.asgi import Receive

SMALL: Final = 64 * 1024
"""Bytes that are cheaper to read and drop than a connection is to open."""
HELD: Final = 1024 * 1024
"""Bytes of a body up to which it is in memory; a longer one is in a file."""
_PIECE: Final = 256 * 1024
"""Bytes that go to the file at once."""
_LINGER: Final = 3.0
"""Seconds for which a client may go on sending what is refused; closing at once would lose it the answer."""
_PAUSE: Final = 0.5


async def read_body(receive: Receive, length: int | None, limit: int) -> bytes | Spool:
    """The whole body; a long one in a spool, which is the caller's to close.

    Arguments:
        receive: the ASGI function that gives it, piece by piece.
        length: its declared length; None: only reading tells.
        limit: most bytes.

    Raises:
        TooLarge: it is longer than ``limit``; what is declared so is not read at all.
        Malformed: it ended before its end.
        StorageFull: the disk takes no more of it.
    """
    if length is not None and length > limit:
        raise TooLarge(f"The body is longer than {limit} bytes.")
    first = await receive()
    if first["type"] != "http.request":
        raise Malformed("The request's body ended early.")
    body: bytes = first.get("body", b"")
    more = first.get("more_body", False)
    size = len(body)
    if not more and size <= HELD and size <= limit:
        return body
    return await _read_rest(receive, body, limit, more=more)


async def _read_rest(receive: Receive, first: bytes, limit: int, *, more: bool) -> bytes | Spool:
    pieces, size, held = [first], len(first), len(first)
    spool: Spool | None = None
    try:
        while more:
            if size > limit:
                raise TooLarge(f"The body is longer than {limit} bytes.")
            if size > HELD and held >= _PIECE:
                spool = spool or Spool(0)
                await asyncio.to_thread(spool.write, b"".join(pieces))
                pieces, held = [], 0
            message = await receive()
            if message["type"] != "http.request":
                raise Malformed("The request's body ended early.")
            piece = message.get("body", b"")
            size, held = size + len(piece), held + len(piece)
            pieces.append(piece)
            more = message.get("more_body", False)
        if size > limit:
            raise TooLarge(f"The body is longer than {limit} bytes.")
        if size <= HELD:
            return b"".join(pieces)
        spool = spool or Spool(0)
        await asyncio.to_thread(spool.write, b"".join(pieces))
    except BaseException:
        if spool is not None:
            spool.close()
        raise
    return spool


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
