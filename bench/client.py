"""A client in two sizes: one answer at a time to be looked at, and as many as there can be to be counted."""

from __future__ import annotations

import asyncio
import http.client
import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import partial
from itertools import cycle, repeat
from pathlib import Path
from typing import Any

from bench.wire import Answer, Request

HOST = "127.0.0.1"


def ask(port: int, request: Request, timeout: float = 120) -> Answer:
    """One answer.

    Raises:
        OSError, http.client.HTTPException: nobody answers.
    """
    with closing(http.client.HTTPConnection(HOST, port, timeout=timeout)) as connection:
        headers = dict(request.headers)
        if request.body:
            headers["content-type"] = "application/json"
        connection.request(request.method, request.target, request.body or None, headers)
        answer = connection.getresponse()
        return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())


# For where there is no wrk -----------------------------------------------------------------------------------


class Connection(asyncio.Protocol):
    """Sends a request as soon as the one before is answered, and notes how long each took."""

    def __init__(
        self, requests: Sequence[bytes], start: int, taken: list[float], failed: list[bytes], left: Iterator[object]
    ) -> None:
        self.requests = cycle([*requests[start:], *requests[:start]])
        self.taken = taken
        self.failed = failed
        self.left = left
        self.done = asyncio.get_running_loop().create_future()
        self.received = b""
        self.sent_at = 0.0
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self.transport = transport
        self.send()

    def send(self) -> None:
        """The next request, if there is one left."""
        if next(self.left, None) is None:
            self.done.set_result(None)
            return
        self.received = b""
        self.sent_at = time.perf_counter()
        self.transport.write(next(self.requests))

    def connection_lost(self, error: Exception | None) -> None:
        """Closed; whoever waits for the rest must not wait for ever."""
        if not self.done.done():
            self.done.set_exception(error or ConnectionError("The server closed the connection."))
            self.done.exception()

    def data_received(self, data: bytes) -> None:
        """A piece of an answer."""
        self.received += data
        if is_whole(self.received):
            if self.received[9:10] == b"2":
                self.taken.append(time.perf_counter() - self.sent_at)
            else:
                self.failed.append(self.received[:300])
            self.send()


def is_whole(received: bytes) -> bool:
    """Whether these are all bytes of an answer."""
    head, found, body = received.partition(b"\r\n\r\n")
    if not found:
        return False
    names = head.lower()
    at = names.find(b"content-length:")
    if at >= 0:
        return len(body) >= int(names[at + 15 :].split(b"\r\n", 1)[0])
    return body.endswith(b"0\r\n\r\n")


async def load(
    port: int, requests: Sequence[bytes], connections: int, seconds: float, amount: int = 0
) -> dict[str, Any]:
    """Ask for some seconds, or so many times; what came of it, as ``replay.lua`` reports it."""
    loop = asyncio.get_running_loop()
    taken: list[float] = []
    failed: list[bytes] = []
    started = time.perf_counter()
    asking = []
    left: Iterator[object] = repeat(True, amount) if amount else repeat(True)
    for number in range(connections):
        start = number * len(requests) // connections
        begin = partial(Connection, requests, start, taken, failed, left)
        asking.append(await loop.create_connection(begin, HOST, port))
    if amount:
        await asyncio.gather(*(connection.done for _, connection in asking))
    else:
        await asyncio.sleep(seconds)
    lasted = time.perf_counter() - started
    for transport, _ in asking:
        transport.abort()
    taken.sort()

    def percentile(share: float) -> float:
        return taken[min(len(taken) - 1, int(len(taken) * share))] * 1e6 if taken else 0.0

    return {
        "requests": len(taken),
        "seconds": lasted,
        "errors": len(failed),
        "median": percentile(0.5),
        "p99": percentile(0.99),
    }


def unpack(packed: bytes) -> list[bytes]:
    """The requests of a file: each with its length in a line before it."""
    found = []
    while packed:
        length, _, rest = packed.partition(b"\n")
        found.append(rest[: int(length)])
        packed = rest[int(length) :]
    return found


if __name__ == "__main__":
    path, *numbers = sys.argv[1:]
    port, connections, seconds, amount = (*map(float, numbers), 0)[:4]
    print(
        json.dumps(
            asyncio.run(load(int(port), unpack(Path(path).read_bytes()), int(connections), seconds, int(amount)))
        )
    )
