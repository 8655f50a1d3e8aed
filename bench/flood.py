"""A client for overload: requests come at a rate of their own, whatever the answers, as from a crowd that cannot wait.

A client that waits for each answer before it asks again slows down with the server, and hides what the crowd would
see. Here every request has a moment at which it comes, and its answer is timed from that moment, even where the
request then waited for a connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import json
import sys
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Any

from bench.client import HOST, is_whole, unpack

TICK = 0.002
"""Seconds between two looks at what has come."""


@dataclass(slots=True)
class Seen:
    """What became of the requests that came while it counted; times in seconds."""

    offered: int = 0
    good: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    failed: int = 0
    left: int = 0


class Crowd:
    """All who ask.

    Arguments:
        port: where the server listens.
        requests: what is asked, in turn.
        connections: the most that are open at the same time; who finds none waits for one.
        patience: seconds after which one leaves.
    """

    def __init__(self, port: int, requests: Sequence[bytes], connections: int, patience: float) -> None:
        self.port = port
        self.requests = cycle(requests)
        self.most = connections
        self.patience = patience
        self.open = 0
        self.idle: list[Line] = []
        self.busy: dict[Line, None] = {}
        self.waiting: deque[tuple[float, bytes]] = deque()
        self.opening: set[asyncio.Task[None]] = set()
        self.counts_from = 0.0
        self.seen = Seen()

    async def come(self, rate: float, warm: float, seconds: float) -> dict[str, Any]:
        """Ask at a rate; what came of it, but for the first seconds that are to warm up."""
        start = time.perf_counter()
        self.counts_from = start + warm
        until = self.counts_from + seconds
        came = 0
        while (now := time.perf_counter()) < until:
            due = int((now - start) * rate)
            for number in range(came, due):
                self.take(start + number / rate)
            came = due
            self.leave(now)
            await asyncio.sleep(TICK)
        # Those who came last may still be answered.
        end = time.perf_counter() + self.patience
        while (self.busy or self.waiting) and time.perf_counter() < end:
            self.leave(time.perf_counter())
            await asyncio.sleep(TICK)
        self.leave(float("inf"))
        return self.told(seconds)

    def take(self, moment: float) -> None:
        """Somebody comes."""
        if moment >= self.counts_from:
            self.seen.offered += 1
        request = next(self.requests)
        if self.idle and not self.waiting:
            self.idle.pop().ask(moment, request)
            return
        self.waiting.append((moment, request))
        if self.open < self.most:
            self.add()

    def add(self) -> None:
        """Open one more connection."""
        self.open += 1
        task = asyncio.get_running_loop().create_task(self.connect())
        self.opening.add(task)
        task.add_done_callback(self.opening.discard)

    async def connect(self) -> None:
        """A new connection, for whoever has waited longest."""
        try:
            await asyncio.get_running_loop().create_connection(lambda: Line(self), HOST, self.port)
        except OSError:
            self.open -= 1

    def free(self, line: Line) -> None:
        """A connection has nothing to do."""
        if self.waiting:
            line.ask(*self.waiting.popleft())
        else:
            self.idle.append(line)

    def lost(self, line: Line) -> None:
        """A connection was closed."""
        self.open -= 1
        if self.busy.pop(line, 0) is None:
            self.count_failure(line.moment)
        elif line in self.idle:
            self.idle.remove(line)
        if self.waiting and self.open < self.most:
            self.add()

    def leave(self, now: float) -> None:
        """Those who have waited too long leave; they came in order, so the first is the oldest."""
        while self.waiting and now - self.waiting[0][0] > self.patience:
            moment, _ = self.waiting.popleft()
            self.seen.left += moment >= self.counts_from
        for line in [line for line in self.busy if now - line.moment > self.patience]:
            self.seen.left += line.moment >= self.counts_from
            del self.busy[line]
            line.transport.abort()

    def answered(self, line: Line, status: bytes) -> None:
        """An answer is whole."""
        self.busy.pop(line, None)
        if line.moment < self.counts_from:
            return
        took = time.perf_counter() - line.moment
        if status.startswith(b"2"):
            self.seen.good.append(took)
        elif status in (b"503", b"429"):
            self.seen.refused.append(took)
        else:
            self.seen.failed += 1

    def count_failure(self, moment: float) -> None:
        """A connection was lost instead of an answer."""
        self.seen.failed += moment >= self.counts_from

    def told(self, seconds: float) -> dict[str, Any]:
        """What was seen, in microseconds and per second."""
        seen = self.seen
        return {
            "seconds": seconds,
            "offered": seen.offered / seconds,
            "good": len(seen.good) / seconds,
            "refused": len(seen.refused) / seconds,
            "failed": seen.failed,
            "left": seen.left,
            **{f"good_{name}": value for name, value in percentiles(seen.good).items()},
            **{f"refused_{name}": value for name, value in percentiles(seen.refused).items()},
        }


class Line(asyncio.Protocol):
    """One connection, with one request at a time."""

    def __init__(self, crowd: Crowd) -> None:
        self.crowd = crowd
        self.received = b""
        self.moment = 0.0
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ready for a request."""
        self.transport = transport
        self.crowd.free(self)

    def ask(self, moment: float, request: bytes) -> None:
        """Send one that came at ``moment``."""
        self.moment = moment
        self.received = b""
        self.crowd.busy[self] = None
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        """A piece of an answer."""
        self.received += data
        if self in self.crowd.busy and is_whole(self.received):
            closing = b"\r\nconnection: close" in self.received
            self.crowd.answered(self, self.received[9:12])
            if closing:
                self.transport.close()
            else:
                self.crowd.free(self)

    def connection_lost(self, error: Exception | None) -> None:
        """Closed, by whomever."""
        self.crowd.lost(self)


def percentiles(taken: list[float]) -> dict[str, float]:
    """The median and the 99th percentile, in microseconds."""
    taken = sorted(taken)
    if not taken:
        return {"median": 0.0, "p99": 0.0}
    return {"median": taken[len(taken) // 2] * 1e6, "p99": taken[min(len(taken) - 1, int(len(taken) * 0.99))] * 1e6}


def main() -> None:
    """Ask as the command line says; what came of it as JSON."""
    path, *words = sys.argv[1:]
    port, connections, rate, warm, seconds, patience = map(float, words)
    crowd = Crowd(int(port), unpack(Path(path).read_bytes()), int(connections), patience)
    run: Any = asyncio.run
    with contextlib.suppress(ImportError):
        run = importlib.import_module("uvloop").run
    print(json.dumps(run(crowd.come(rate, warm, seconds))))


if __name__ == "__main__":
    main()
