"""Answers of 50 MB from a served application: what they take of its memory, and what slow clients take from others."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from behaviour.door import Door
from fixtures import archive
from in_time import TRIES, in_time
from serving import Serving
from worker import Worker, memory

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(sys.platform != "linux", reason="reads memory as Linux shows it"),
]

ROWS = 220_000
LARGE = 50_000_000
"""Bytes that each answer has at least."""
MOST = 30 * 1024
"""KB of memory that it may take beside what the process had."""
CSV = "text/csv"
NDJSON = "application/x-ndjson"


@pytest.fixture(scope="module")
def filled(module_database_url: str) -> str:
    with Door(archive.build(module_database_url), lambda app: archive.fill(app, ROWS)):
        return module_database_url


@pytest.fixture
def worker(filled: str, tmp_path: Path) -> Iterator[Worker]:
    """A fresh process: what an answer takes is not what another one left. It has one connection to PostgreSQL."""
    with Serving("fixtures.archive:app", filled, tmp_path, {"pool_size": "1", "statement_timeout": "30"}) as serving:
        worker = Worker(serving)
        worker.ask("/entries?limit=1")
        yield worker


@pytest.mark.parametrize(
    ("url", "accept"),
    [
        ("/entries", "*/*"),
        ("/entries", NDJSON),
        ("/entries?order=title.desc", "*/*"),
        (f"/entries?limit={ROWS}", "*/*"),
    ],
)
def test_a_large_answer_takes_littlememory(worker: Worker, url: str, accept: str) -> None:
    for _ in range(2):
        answer, length, grown = worker.spend(url, accept=accept, prefer="count=exact")
        assert answer.getheader("content-range") == f"0-{ROWS - 1}/{ROWS}"
        assert answer.getheader("content-length") == str(length)
        assert length > LARGE
        assert grown < MOST
    assert worker.closes_spools()


def test_large_csv_takes_littlememory(worker: Worker) -> None:
    answer, length, grown = worker.spend("/entries?select=id,kind,title,again:title", accept=CSV)
    assert (answer.status, answer.getheader("content-length")) == (200, str(length))
    assert length > LARGE
    assert grown < MOST


def test_many_large_answers_at_once_take_littlememory(worker: Worker) -> None:
    worker.ask("/entries")
    (worker.folder / "clear_refs").write_text("5")
    before = memory(worker.folder, "VmRSS")
    clients = [worker.stalled("/entries") for _ in range(4)]
    assert memory(worker.folder, "VmHWM") - before < 2 * MOST
    assert worker.spools() == 4
    for client in clients:
        client.close()


def test_head_of_a_large_answer(worker: Worker) -> None:
    for _ in range(2):
        answer, length = worker.ask("/entries", method="HEAD", prefer="count=exact")
        assert (answer.status, length) == (200, 0)
        assert answer.getheader("content-range") == f"0-{ROWS - 1}/{ROWS}"
    assert worker.closes_spools()


def test_slow_clients_hold_no_connection_to_the_database(worker: Worker) -> None:
    clients = [worker.stalled("/entries") for _ in range(3)]
    for watch in in_time(5):
        with watch:
            answer, _ = worker.ask("/entries?id=eq.7")
        assert answer.status == 200
    for client in clients:
        client.close()


def test_clients_that_leave_in_the_middle_leave_nothing_behind(worker: Worker) -> None:
    for client in [worker.stalled("/entries") for _ in range(3)]:
        client.close()
    assert worker.closes_spools()
    assert worker.ask("/entries?limit=3")[0].status == 200


def test_a_large_answer_has_the_time_that_any_statement_has(filled: str, tmp_path: Path) -> None:
    with Serving("fixtures.archive:app", filled, tmp_path, {"statement_timeout": "0.1"}) as serving:
        worker = Worker(serving)
        for accept in ("*/*", NDJSON):
            status, body = worker.read("/entries?order=title.desc,id", accept)
            assert (status, json.loads(body)["code"]) == (500, "57014")
        assert worker.closes_spools()
        for _ in range(TRIES):
            status, body = worker.read("/entries?id=eq.7", "*/*")
            if status == 200:
                break  # and was not disturbed for longer than it has
        assert json.loads(body)[0]["id"] == 7
