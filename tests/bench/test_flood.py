"""The crowd: it does not wait for answers, and says of each who asked what became of them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bench.flood import Crowd

GOOD = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]"
REFUSED = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n"


class Slow:
    """A server that answers one request at a time, each after a while; those it may refuse it refuses at once."""

    def __init__(self, takes: float, most: int = 1_000) -> None:
        self.takes = takes
        self.most = most
        self.waiting = 0
        self.turn = asyncio.Lock()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                if self.waiting >= self.most:
                    writer.write(REFUSED)
                    continue
                self.waiting += 1
                async with self.turn:
                    await asyncio.sleep(self.takes)
                self.waiting -= 1
                writer.write(GOOD)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


async def press(server: Slow, rate: float, connections: int = 100, patience: float = 0.3) -> dict[str, Any]:
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    crowd = Crowd(port, [b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"], connections, patience)
    found = await asyncio.to_thread(crowd.come, rate, 0.2, 0.8)
    listening.close()
    return found


def total(found: dict[str, Any]) -> float:
    """All of whom it is known what became of them, per second."""
    return float(found["good"] + found["refused"] + (found["failed"] + found["left"]) / found["seconds"])


async def test_the_rate_is_its_own_and_everybody_is_counted() -> None:
    # A machine that is busy elsewhere may miss the beat once.
    tries = [await press(Slow(0.05), 200) for _ in range(3)]
    found = max(tries, key=lambda each: float(each["offered"]))
    assert found["offered"] == pytest.approx(200, rel=0.1)
    assert total(found) == pytest.approx(found["offered"])
    assert found["left"] > found["good"]


async def test_time_counts_from_when_one_came() -> None:
    found = await press(Slow(0.01), 60, connections=1, patience=30)
    assert found["good"] == pytest.approx(found["offered"])
    assert found["good_median"] >= 10_000
    found = await press(Slow(0.05), 40, connections=1, patience=30)
    assert found["good_median"] > 200_000  # it waited for the one connection


async def test_refusals_are_no_answers() -> None:
    found = await press(Slow(0.01, most=2), 300)
    assert found["refused"] > 0 < found["good"]
    assert total(found) == pytest.approx(found["offered"])
    assert found["refused_median"] < found["good_median"]
