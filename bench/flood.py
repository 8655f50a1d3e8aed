"""A client for overload: requests come at a rate of their own, whatever the answers, as from a crowd that cannot wait.

A client that waits for each answer before it asks again slows down with the server, and hides what the crowd would
see. Here every request has a moment at which it comes, and its answer is timed from that moment, even where the
request then waited for a connection.

It has one processor, and three times as many requests as the server answers. So it asks the kernel itself which
connections have something to say: a framework would take more time for a request than a fast server does, and what is
measured would be the crowd's own queue. How much of its processor it took is told with what it saw.
"""

from __future__ import annotations

import errno
import json
import select
import socket
import struct
import sys
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Any, Final

from bench.client import HOST, is_whole, unpack

TICK: Final = 0.002
"""Seconds at most between two looks at the clock."""
_PIECE: Final = 1 << 18
_AT_ONCE: Final = struct.pack("ii", 1, 0)
"""For SO_LINGER: who leaves does not say goodbye."""


@dataclass(slots=True)
class Seen:
    """What became of the requests that came while it counted; times in seconds."""

    offered: int = 0
    good: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    failed: int = 0
    left: int = 0


class Line:
    """One connection, with one request at a time."""

    __slots__ = ("moment", "opening", "received", "socket")

    def __init__(self, port: int) -> None:
        self.moment = 0.0
        self.received = b""
        self.opening = True
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        failed = self.socket.connect_ex((HOST, port))
        if failed not in (0, errno.EINPROGRESS):
            self.socket.close()
            raise OSError(failed, "cannot connect")


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
        self.lines: dict[int, Line] = {}
        self.idle: dict[Line, None] = {}
        self.busy: dict[Line, None] = {}
        self.waiting: deque[tuple[float, bytes]] = deque()
        self.events = select.epoll()
        self.counts_from = 0.0
        self.seen = Seen()

    def come(self, rate: float, warm: float, seconds: float) -> dict[str, Any]:
        """Ask at a rate; what came of it, but for the first seconds that are to warm up."""
        start = time.perf_counter()
        self.counts_from = start + warm
        until = self.counts_from + seconds
        came = 0
        spent = 0.0
        while (now := time.perf_counter()) < until:
            if not spent and now >= self.counts_from:
                spent = time.process_time()
            due = int((now - start) * rate)
            for number in range(came, due):
                self.take(start + number / rate)
            came = due
            self.leave(now)
            self.hear()
        spent = time.process_time() - spent
        # Those who came last may still be answered.
        end = time.perf_counter() + self.patience
        while (self.busy or self.waiting) and time.perf_counter() < end:
            self.leave(time.perf_counter())
            self.hear()
        self.leave(float("inf"))
        for line in list(self.lines.values()):
            self.close(line)
        self.events.close()
        return self.told(seconds, spent)

    def take(self, moment: float) -> None:
        """Somebody comes."""
        if moment >= self.counts_from:
            self.seen.offered += 1
        request = next(self.requests)
        if self.idle and not self.waiting:
            self.ask(self.idle.popitem()[0], moment, request)
            return
        self.waiting.append((moment, request))
        if len(self.lines) < self.most:
            self.open()

    def open(self) -> None:
        """Open one more connection."""
        try:
            line = Line(self.port)
        except OSError:
            return
        number = line.socket.fileno()
        self.lines[number] = line
        self.events.register(number, select.EPOLLOUT)

    def hear(self) -> None:
        """Whatever the connections have to say."""
        for number, _ in self.events.poll(TICK):
            line = self.lines[number]
            if line.opening:
                if line.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                    self.close(line)
                    continue
                line.opening = False
                self.events.modify(number, select.EPOLLIN)
                self.free(line)
                continue
            try:
                data = line.socket.recv(_PIECE)
            except BlockingIOError:
                continue
            except ConnectionError:
                data = b""
            if data:
                self.read(line, data)
            else:
                self.lose(line)

    def read(self, line: Line, data: bytes) -> None:
        """A piece of an answer."""
        line.received = received = line.received + data if line.received else data
        if line not in self.busy or not is_whole(received):
            return
        del self.busy[line]
        self.count(line.moment, received[9:12])
        if b"\r\nconnection: close" in received:
            self.close(line)
            self.go_on()
        else:
            self.free(line)

    def count(self, moment: float, status: bytes) -> None:
        """An answer is whole."""
        if moment < self.counts_from:
            return
        took = time.perf_counter() - moment
        if status.startswith(b"2"):
            self.seen.good.append(took)
        elif status in (b"503", b"429"):
            self.seen.refused.append(took)
        else:
            self.seen.failed += 1

    def free(self, line: Line) -> None:
        """A connection has nothing to do."""
        if self.waiting:
            self.ask(line, *self.waiting.popleft())
        else:
            self.idle[line] = None

    def ask(self, line: Line, moment: float, request: bytes) -> None:
        """Send what was asked at ``moment``."""
        line.moment = moment
        line.received = b""
        self.busy[line] = None
        try:
            sent = line.socket.send(request)
        except ConnectionError:
            sent = 0
        if sent != len(request):
            self.lose(line)

    def lose(self, line: Line) -> None:
        """A connection was closed by the server: with an answer still to come, that is a failure."""
        if line in self.busy:
            del self.busy[line]
            self.seen.failed += line.moment >= self.counts_from
        self.close(line)
        self.go_on()

    def go_on(self) -> None:
        """There is room for a connection."""
        if self.waiting and len(self.lines) < self.most:
            self.open()

    def close(self, line: Line) -> None:
        """Let go of a connection."""
        self.idle.pop(line, None)
        del self.lines[line.socket.fileno()]
        line.socket.close()

    def leave(self, now: float) -> None:
        """Those who have waited too long leave. They came in order, and ask in order, so the first is the oldest."""
        while self.waiting and now - self.waiting[0][0] > self.patience:
            moment, _ = self.waiting.popleft()
            self.seen.left += moment >= self.counts_from
        while self.busy and now - (line := next(iter(self.busy))).moment > self.patience:
            del self.busy[line]
            self.seen.left += line.moment >= self.counts_from
            line.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
            self.close(line)
            self.go_on()

    def told(self, seconds: float, spent: float) -> dict[str, Any]:
        """What was seen, in microseconds and per second, and what part of a processor it took to see it."""
        seen = self.seen
        return {
            "seconds": seconds,
            "offered": seen.offered / seconds,
            "good": len(seen.good) / seconds,
            "refused": len(seen.refused) / seconds,
            "failed": seen.failed,
            "left": seen.left,
            "spent": spent / seconds,
            **{f"good_{name}": value for name, value in percentiles(seen.good).items()},
            **{f"refused_{name}": value for name, value in percentiles(seen.refused).items()},
        }


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
    print(json.dumps(crowd.come(rate, warm, seconds)))


if __name__ == "__main__":
    main()
