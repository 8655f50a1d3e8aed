"""kill -9 of a served application under concurrent writes: what was acknowledged is there, all of it and whole."""

from __future__ import annotations

import contextlib
import http.client
import json
import threading
import time
from pathlib import Path

import pytest

from behaviour.door import PUBLISHABLE, SECRET, SECRET_KEY, Door
from fixtures import rows, workspace
from in_time import Watch
from serving import Serving

pytestmark = pytest.mark.processes

CLIENTS = 32
ROUNDS = 3
WRITING = 0.7
"""Seconds of each round before the kill."""


class Writers:
    """Clients that insert tags, each one row or two at a time, until the server is gone."""

    def __init__(self, port: int, first: int) -> None:
        self._port = port
        self._next = first
        self._lock = threading.Lock()
        self.acknowledged: list[int] = []
        self.pairs: list[tuple[int, int]] = []
        self._threads = [threading.Thread(target=self._write, args=(client,)) for client in range(CLIENTS)]
        for thread in self._threads:
            thread.start()

    def wait(self, many: int) -> None:
        """Wait until so many rows were acknowledged."""
        watch = Watch()
        with watch:
            while len(self.acknowledged) < many:
                watch.check()
                time.sleep(0.01)

    def join(self) -> int:
        """Wait until all have given up, and answer the first number that none of them used."""
        for thread in self._threads:
            thread.join(60)
        assert not any(thread.is_alive() for thread in self._threads)
        return self._next

    def _write(self, client: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
            while True:
                with self._lock:
                    number, self._next = self._next, self._next + 2
                pair = client % 2 == 0
                numbers = [number, number + 1] if pair else [number]
                body = json.dumps([{"id": each, "name": f"tag {each}"} for each in numbers])
                headers = {"apikey": SECRET_KEY, "content-type": "application/json"}
                if pair:
                    with self._lock:
                        self.pairs.append((number, number + 1))
                connection.request("POST", "/rest/v1/tags", body, headers)
                answer = connection.getresponse()
                answer.read()
                assert answer.status == 201
                with self._lock:
                    self.acknowledged.extend(numbers)


def test_no_acknowledged_row_is_lost(database_url: str, tmp_path: Path) -> None:
    settings = {"jwt_secret": SECRET, "publishable_key": PUBLISHABLE, "secret_key": SECRET_KEY}
    with Door(workspace.build(database_url), rows.fill):
        pass
    acknowledged: set[int] = set()
    pairs: list[tuple[int, int]] = []
    first = 1000
    for _ in range(ROUNDS):
        with Serving("compliance.program:app", database_url, tmp_path, settings) as serving:
            writers = Writers(serving.port, first)
            time.sleep(WRITING)
            writers.wait(CLIENTS + 1)
            serving.kill()
            first = writers.join()
        assert len(writers.acknowledged) > CLIENTS
        acknowledged.update(writers.acknowledged)
        pairs.extend(writers.pairs)
        with Serving("compliance.program:app", database_url, tmp_path, settings) as serving:
            kept = stored(serving.port)
        assert acknowledged - kept == set()
        # What was not acknowledged may be there or not, but never by half.
        assert [pair for pair in pairs if (pair[0] in kept) != (pair[1] in kept)] == []


def stored(port: int) -> set[int]:
    """The ids of all tags that there are."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    with contextlib.closing(connection):
        connection.request("GET", "/rest/v1/tags?select=id&id=gte.1000", headers={"apikey": SECRET_KEY})
        return {row["id"] for row in json.loads(connection.getresponse().read())}
