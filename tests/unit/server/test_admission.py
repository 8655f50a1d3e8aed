"""Admission: who is let in when more come than can be answered."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from backstay.frontends.http import Request, Response
from backstay.frontends.rest.errors import render
from backstay.observe import Observation, SheddingBegan, SheddingEnded, subscribe
from backstay.schema.caller import ANONYMOUS, Caller
from backstay.server.admission import queue
from backstay.server.admission.admission import Admission
from backstay.server.admission.queue import CALM, INTERVAL, MANY, SHORT, Queue
from backstay.server.edge import Edge, FrontEnd
from backstay.settings import Settings
from in_time import TRIES, in_time, until

SETTINGS = Settings()
LONGEST = SETTINGS.max_delay.total_seconds()


# One queue ---------------------------------------------------------------------------------------------------


def looked(many: int, waited: float, seconds: float = INTERVAL) -> Queue:
    queue = Queue(LONGEST)
    for moment in (0.0, seconds / 2, seconds):
        queue.look(many, waited, moment)
    return queue


@pytest.mark.parametrize(
    ("many", "waited", "sheds"),
    [
        (MANY, LONGEST, False),
        (MANY + 1, LONGEST / 30, False),
        (MANY + 1, LONGEST / 10, True),
        (MANY, LONGEST / 10, False),
        (5, LONGEST + 0.1, True),
    ],
)
def test_a_queue_is_too_long_by_the_wait_and_by_how_many_wait(many: int, waited: float, sheds: bool) -> None:
    assert looked(many, waited).shedding is sheds


def test_a_burst_is_no_standing_queue() -> None:
    assert not looked(10 * MANY, LONGEST * 2, INTERVAL * 0.9).shedding
    queue = Queue(LONGEST)
    for moment in range(10):
        queue.look(10 * MANY, LONGEST * 2 * (moment % 2), moment * INTERVAL)
    assert not queue.shedding


def test_a_standing_queue_is_kept_short_until_nobody_is_refused_for_a_while() -> None:
    queue = looked(MANY + 1, LONGEST)
    assert queue.full
    queue.look(MANY, SHORT / 2, 1.0)
    assert (queue.shedding, queue.full) == (True, False)
    queue.look(1, SHORT * 2, 1.1)
    assert (queue.shedding, queue.full) == (True, True)
    queue.refuse(1.2)
    queue.look(1, 0.0, 1.2 + CALM * 0.9)
    assert queue.shedding
    queue.look(1, 0.0, 1.2 + CALM * 1.1)
    assert not queue.shedding


# The front door ----------------------------------------------------------------------------------------------


class Crowd:
    """Many who ask a front door that works a while for each answer, without leaving the event loop."""

    def __init__(self, settings: Settings = SETTINGS, *, cost: float = 0.002, waiting: Any = None) -> None:
        self.cost = cost
        self.read = 0
        self.edge = Edge(
            [FrontEnd("/rest/v1", self.answer)],
            identify=lambda headers: ANONYMOUS,
            render=lambda error, caller: render(error, anonymous=True),
            settings=settings,
            waiting=waiting,
        )

    async def answer(self, request: Request, caller: Caller) -> Response:
        until = time.perf_counter() + self.cost
        while time.perf_counter() < until:
            pass
        return Response(200, (), b"[]")

    async def ask(
        self, method: str = "GET", path: str = "/rest/v1/a", headers: list[tuple[bytes, bytes]] | None = None
    ) -> tuple[int, dict[bytes, bytes], bytes]:
        sent: list[Any] = []

        async def receive() -> Any:
            self.read += 1
            return {"type": "http.request", "body": b"{}", "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": [(b"host", b"localhost"), *(headers or [])],
        }
        await self.edge(scope, receive, send)
        return sent[0]["status"], dict(sent[0]["headers"]), b"".join(each.get("body", b"") for each in sent[1:])

    async def press(self, rate: float, seconds: float) -> list[tuple[int, float]]:
        """Ask at a rate, whatever the answers: their status, and how long each took from when it was due."""
        answers: list[tuple[int, float]] = []

        async def one(due: float) -> None:
            status, _, _ = await self.ask()
            answers.append((status, time.perf_counter() - due))

        start = time.perf_counter()
        tasks: list[asyncio.Task[None]] = []
        while (now := time.perf_counter()) < start + seconds:
            while len(tasks) < (now - start) * rate:
                tasks.append(asyncio.create_task(one(start + len(tasks) / rate)))
            await asyncio.sleep(0)
        await asyncio.gather(*tasks)
        return answers


@pytest.fixture
def told() -> Iterator[list[Observation]]:
    seen: list[Observation] = []
    end = subscribe(seen.append, SheddingBegan, SheddingEnded)
    yield seen
    end()


@pytest.mark.invariant("I28")
@pytest.mark.slow
async def test_three_times_too_many_keep_it_at_work_and_the_refused_learn_it_soon(told: list[Observation]) -> None:
    for watch in in_time(0.2):
        told.clear()
        crowd = Crowd(replace(SETTINGS, max_delay=timedelta(seconds=0.1)))
        await crowd.press(1500, 1.5)
        answers = await crowd.press(1500, 2)
        assert {status for status, _ in answers} == {200, 503}
        refused = sorted(took for status, took in answers if status == 503)
        await asyncio.sleep(CALM * 1.5)
        assert (await crowd.ask())[0] == 200
        ended = told[-1]
        assert isinstance(ended, SheddingEnded)
        # There is time for 1000 answers, and some goes into refusals. Where nobody is refused, none at all is in time.
        if len([took for status, took in answers if status == 200 and took < 0.5]) > 200 and len(told) == 2:
            watch.took = refused[len(refused) // 2]
    assert [type(each) for each in told] == [SheddingBegan, SheddingEnded]
    assert ended.refused >= len(refused)


async def test_without_a_longest_delay_nobody_is_refused() -> None:
    crowd = Crowd(replace(SETTINGS, max_delay=timedelta(0)))
    assert {status for status, _ in await crowd.press(1500, 0.7)} == {200}


def test_a_loop_that_stood_still_is_no_queue(told: list[Observation]) -> None:
    # As under a test client, which runs the loop for one request at a time, or on a computer that slept.
    crowd = Crowd(replace(SETTINGS, max_delay=timedelta(seconds=0.02)), cost=0)

    async def ask() -> int:
        status, _, _ = await crowd.ask()
        await asyncio.sleep(0.001)
        return status

    with asyncio.Runner() as runner:
        for pause in (0.0, 0.05, 0.06, 0.11, 0.05, 0.06):
            time.sleep(pause)
            assert runner.run(ask()) == 200
    assert told == []


async def test_a_burst_is_answered() -> None:
    for _ in range(TRIES):  # a burst that lasts is none
        crowd = Crowd(cost=0)
        statuses = {status for status, _, _ in await asyncio.gather(*(crowd.ask() for _ in range(2 * MANY)))}
        if statuses == {200}:
            break
    assert statuses == {200}


class Line:
    """What waits for a database."""

    def __init__(self) -> None:
        self.reads = (MANY + 1, LONGEST / 10)
        self.writes = (0, 0.0)

    def __call__(self, writing: bool) -> tuple[int, float]:
        return self.writes if writing else self.reads


async def behind(crowd: Crowd) -> None:
    """Let it see that its database is."""
    await crowd.ask()
    await until(lambda: crowd.edge._admission._shedding)


async def test_who_would_wait_for_the_database_is_refused_and_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "CALM", 60.0)
    line = Line()
    crowd = Crowd(cost=0, waiting=line)
    await behind(crowd)
    assert (await crowd.ask())[0] == 503
    assert (await crowd.ask("HEAD"))[0] == 503
    assert (await crowd.ask("POST", headers=[(b"content-length", b"2")]))[0] == 200
    assert (await crowd.ask("OPTIONS"))[0] == 200
    assert (await crowd.ask(path="/health/live"))[0] == 200
    assert (await crowd.ask(path="/health/ready"))[0] in (200, 503)
    line.reads = (3, SHORT / 2)
    await asyncio.sleep(0.05)
    assert (await crowd.ask())[0] == 200
    line.reads = (3, SHORT * 2)
    await asyncio.sleep(0.05)
    assert (await crowd.ask())[0] == 503


async def test_a_write_is_refused_with_its_body_dropped() -> None:
    line = Line()
    line.reads, line.writes = line.writes, line.reads
    crowd = Crowd(cost=0, waiting=line)
    await behind(crowd)
    assert (await crowd.ask())[0] == 200
    status, headers, body = await crowd.ask("POST", headers=[(b"content-length", b"2")])
    assert status == 503
    assert b"connection" not in headers
    assert json.loads(body)["code"] == "53300"
    assert crowd.read == 0
    status, headers, _ = await crowd.ask("POST", headers=[(b"content-length", b"20000")])
    assert (status, b"connection" in headers, crowd.read) == (503, False, 1)
    status, headers, _ = await crowd.ask("POST", headers=[(b"content-length", b"9" * 12)])
    assert (status, headers[b"connection"]) == (503, b"close")
    for unsure in ((b"transfer-encoding", b"chunked"), (b"content-length", b"x")):
        status, headers, _ = await crowd.ask("POST", headers=[unsure])
        assert (status, headers[b"connection"]) == (503, b"close")


async def test_a_page_of_an_origin_that_may_call_is_told_of_its_refusal() -> None:
    line = Line()
    line.writes = line.reads
    crowd = Crowd(replace(SETTINGS, cors_origins=("https://a.example",)), cost=0, waiting=line)
    await behind(crowd)
    origin, sizes = (b"origin", b"https://a.example"), (b"0", b"2", b"20000", b"9" * 12)
    for headers in ([origin], *([origin, (b"content-length", size)] for size in sizes)):
        status, answered, _ = await crowd.ask("POST", headers=headers)
        assert (status, answered[b"access-control-allow-origin"]) == (503, b"https://a.example")


async def test_a_refusal_says_why_and_when_to_come_again() -> None:
    crowd = Crowd(cost=0, waiting=Line())
    await behind(crowd)
    status, headers, body = await crowd.ask()
    assert status == 503
    assert json.loads(body) == {"code": "53300", "details": None, "hint": None, "message": "The server is overloaded."}
    assert int(headers[b"retry-after"]) >= 1
    assert b"access-control-allow-origin" not in headers
    status, headers, _ = await crowd.ask(headers=[(b"origin", b"https://a.example")])
    assert (status, headers[b"access-control-allow-origin"]) == (503, b"*")
    assert (await crowd.ask("HEAD"))[2] == b""


async def test_nobody_looks_while_nobody_asks() -> None:
    admission = Admission(LONGEST)
    assert admission.until < time.monotonic()
    assert not admission.refuses({})
    assert admission.until > time.monotonic()
    await asyncio.sleep(1.2)
    assert admission.until < time.monotonic()
