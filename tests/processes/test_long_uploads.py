"""Bodies of 50 MB sent to a served application: what they take of its memory, and what is left of those that fail."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from behaviour.door import Door
from fixtures import archive
from serving import Serving
from worker import Worker, memory

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(sys.platform != "linux", reason="reads memory as Linux shows it"),
]

LARGE = 50_000_000
"""Bytes of each body."""
MOST = 30 * 1024
"""KB of memory that it may take beside what the process had."""
NARROW, WIDE = 200, 10_000
SETTINGS = {"pool_size": "1", "statement_timeout": "60", "max_body": "100000000"}


@pytest.fixture(scope="module")
def made(module_database_url: str) -> str:
    with Door(archive.build(module_database_url), lambda app: archive.fill(app, 1)):
        return module_database_url


@pytest.fixture(scope="module")
def lasting(made: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    """A process for all tests that do not look at its memory."""
    with Serving("fixtures.archive:app", made, tmp_path_factory.mktemp("lasting"), SETTINGS) as serving:
        yield Worker(serving)


@pytest.fixture
def worker(made: str, tmp_path: Path) -> Iterator[Worker]:
    """A fresh process, that has written a row."""
    with Serving("fixtures.archive:app", made, tmp_path, SETTINGS) as serving:
        worker = Worker(serving)
        assert _post(worker, b'[{"kind":1,"text":"first"}]')[0] == 201
        yield worker


def _row(width: int, kind: int = 1) -> dict[str, Any]:
    return {"kind": kind, "text": 'a "line", \\ {with} [what] é '.ljust(width, "x")}


def _array(width: int, last: str = "", length: int = LARGE) -> tuple[bytes, int]:
    row = json.dumps(_row(width))
    count = length // len(row)
    return f"[{', '.join([row] * count)}{last}]".encode(), count


def _table(width: int) -> tuple[bytes, int]:
    row = '1,"{}"\r\n'.format(_row(width)["text"].replace('"', '""'))
    count = LARGE // len(row.encode())
    return b"kind,text\r\n" + row.encode() * count, count


def _post(worker: Worker, body: bytes, **headers: str) -> tuple[int, bytes, str | None]:
    connection = http.client.HTTPConnection("127.0.0.1", worker.port, timeout=120)
    with contextlib.closing(connection):
        connection.request("POST", "/rest/v1/lines", body, {"content-type": "application/json", **headers})
        answer = connection.getresponse()
        return answer.status, answer.read(), answer.getheader("content-range")


def _count(worker: Worker) -> int:
    answer, _ = worker.ask("/lines?limit=0", prefer="count=exact")
    return int((answer.getheader("content-range") or "").rpartition("/")[2])


@pytest.mark.parametrize(
    ("make", "width", "kind"),
    [(_array, WIDE, "application/json"), (_array, NARROW, "application/json"), (_table, WIDE, "text/csv")],
)
def test_an_upload_takes_constant_memory(
    worker: Worker, make: Callable[[int], tuple[bytes, int]], width: int, kind: str
) -> None:
    there = _count(worker)
    body, count = make(width)
    before = worker.reset()
    status, _, span = _post(worker, body, **{"content-type": kind, "prefer": "return=minimal,count=exact"})
    assert (status, span) == (201, f"*/{count}")
    assert memory(worker.folder, "VmHWM") - before < MOST
    assert _count(worker) == there + count
    assert worker.closes_spools()


@pytest.mark.parametrize(
    ("last", "status", "code"),
    [
        (', {"kind": 1}', 400, "PGRST102"),
        (', {"kind": 1, "text": "\\u0000"}', 400, "22P05"),
        (', {"kind": 1, "text": "open', 400, "PGRST102"),
        (",", 400, "PGRST102"),
        (', {"kind": "none", "text": ""}', 400, "22P02"),
        (', {"kind": -1, "text": ""}', 401, "42501"),
        (', {"kind": null, "text": ""}', 400, "23502"),
    ],
)
def test_an_error_in_the_last_row_undoes_all(lasting: Worker, last: str, status: int, code: str) -> None:
    there = _count(lasting)
    answered, body, _ = _post(lasting, _array(WIDE, last, LARGE // 10)[0])
    assert (answered, json.loads(body)["code"]) == (status, code)
    assert _count(lasting) == there
    assert lasting.closes_spools()


def test_who_leaves_in_the_middle_leaves_nothing(worker: Worker) -> None:
    there = _count(worker)
    body, _ = _array(WIDE)
    for sent in (len(body) // 2, len(body)):
        client = socket.create_connection(("127.0.0.1", worker.port), 60)
        head = f"POST /rest/v1/lines HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(body)}\r\n\r\n"
        client.sendall(head.encode() + body[:sent])
        until = time.monotonic() + 60
        while not worker.spools() and time.monotonic() < until:
            time.sleep(0.01)
        client.close()
        assert worker.closes_spools()
    time.sleep(0.2)
    assert _count(worker) in (there, there + LARGE // len(json.dumps(_row(WIDE))))
    assert _post(worker, b'[{"kind":1,"text":"next"}]')[0] == 201


def test_a_process_that_is_killed_in_the_middle_leaves_nothing(made: str, tmp_path: Path) -> None:
    body, _ = _array(WIDE)
    with Serving("fixtures.archive:app", made, tmp_path, SETTINGS) as serving:
        worker = Worker(serving)
        there = _count(worker)
        client = socket.create_connection(("127.0.0.1", worker.port), 60)
        head = f"POST /rest/v1/lines HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(body)}\r\n\r\n"
        client.sendall(head.encode() + body)
        serving.kill()
        client.close()
    with Serving("fixtures.archive:app", made, tmp_path, SETTINGS) as serving:
        assert _count(Worker(serving)) == there
