"""A body of 50 MB each way, and the memory of the server meanwhile."""

from __future__ import annotations

import argparse
import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from bench import client
from bench.contenders import Contender
from bench.load import Server
from bench.places import size_of
from bench.run import Note, Run, serving
from bench.wire import Request

TEXT = 10_000
"""Characters of one message."""
SAMPLED = 0.02


def measure(options: argparse.Namespace, contenders: list[Contender]) -> Iterator[Note]:
    """Messages sent in one request, then asked for in one: only those who speak Backstay's wire can take part."""
    there = [contender for contender in contenders if contender.tool == "backstay"]
    length = options.body * 1_000_000
    with serving(there, size_of(options.sizes[0]), 1, {"BACKSTAY_MAX_BODY": str(length * 2)}) as run:
        run.empty()
        for name in run.there:
            yield from _both_ways(run, name, length)
        run.empty()


def _both_ways(run: Run, name: str, length: int) -> Iterator[Note]:
    server, speech = run.there[name]
    headers = {"authorization": f"Bearer {speech.tokens[0]}"}  # type: ignore[attr-defined]
    room = run.known.members[0][0]
    rows = [{"room_id": room, "text": f"{number:08} " + "x" * (TEXT - 9)} for number in range(length // TEXT)]
    sent = json.dumps(rows).encode()
    upload = Request("POST", "/rest/v1/messages", sent, {**headers, "prefer": "return=minimal"})
    yield _note(run, name, "upload", server, upload, 201, len(sent))
    asked = Request("GET", f"/rest/v1/messages?room_id=eq.{room}&select=text", b"", headers)
    yield _note(run, name, "answer", server, asked, 200, length)


def _note(run: Run, name: str, work: str, server: Server, request: Request, status: int, length: int) -> Note:
    before = server.memory()
    began = time.perf_counter()
    answer, most = watched(server, lambda: client.ask(server.port, request))
    took = time.perf_counter() - began
    if answer.status != status or (work == "answer" and len(answer.body) < length):
        raise RuntimeError(f"{name} answers a large {work} with {answer.status}: {answer.body[:500]!r}")
    server.settle()
    note = run.note(
        work, name, length=length, seconds=took, before=before, memory=max(most, before), after=server.memory()
    )
    shown = f"{before:.0f} MB before, {note['memory']:.0f} at most, {note['after']:.0f} after"
    print(f"  {work} of {length / 1e6:.0f} MB {name:22} {took:.2f} s, {shown}", flush=True)
    return note


def watched(server: Server, ask: Callable[[], Any]) -> tuple[Any, float]:
    """What ``ask`` returns, and the most that the server held meanwhile."""
    done = threading.Event()
    most = [0.0]

    def watch() -> None:
        while not done.is_set():
            most[0] = max(most[0], server.memory())
            done.wait(SAMPLED)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        found = ask()
    finally:
        done.set()
        watcher.join()
    return found, most[0]
