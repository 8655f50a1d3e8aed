"""The server's processes: killed, stopped, and failing to start."""

from __future__ import annotations

import contextlib
import http.client
import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(sys.platform != "linux", reason="reads the tree of processes as Linux shows it"),
]

PROGRAM = """
import asyncio, os
from pathlib import Path

from backstay.errors import SchemaBehind
from backstay.frontends.http import Response
from backstay.schema.caller import ANONYMOUS
from backstay.server.edge import Edge, FrontEnd
from backstay.settings import Settings


async def answer(request, caller):
    if request.path == "/slow":
        Path("begun").touch()
        await asyncio.sleep(1)
    if request.path == "/loop":
        return Response(200, (), type(asyncio.get_running_loop()).__module__.encode())
    return Response(200, (("content-type", "text/plain"),), str(os.getpid()).encode())


async def check():
    if Path("behind").exists():
        raise SchemaBehind("The schema is behind.", hint="Run: backstay migrate apply")


app = Edge(
    [FrontEnd("/rest/v1", answer)],
    identify=lambda headers: ANONYMOUS,
    render=lambda error, caller: Response(error.status),
    settings=Settings(),
    on_start=[check],
)
"""


class Running:
    """A server in a process of its own."""

    def __init__(self, folder: Path, workers: int) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        (folder / "program.py").write_text(PROGRAM)
        self.log = folder / "log"
        command = f"from backstay.server.serve import serve; serve('program:app', port={self.port}, workers={workers})"
        paths = [str(folder), *filter(None, sys.path)]
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", command],
                cwd=folder,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def ask(self, path: str = "/rest/v1/a") -> int:
        """The process that answered; 0 where none did."""
        return int(self.read(path) or 0)

    def read(self, path: str) -> bytes:
        """What was answered; nothing where nobody did."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.read() if answer.status == 200 else b""
        return b""

    def await_serving(self) -> None:
        """Wait until it answers."""
        until(lambda: self.ask() != 0)

    def workers(self) -> list[int]:
        """The workers that live."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(child) for child in children.read_text().split() if lives(int(child))]

    def count(self, event: str) -> int:
        """How often it logged that."""
        return sum(line["event"] == event for line in self.lines())

    def lines(self) -> list[dict[str, object]]:
        """What it logged; all of it is JSON."""
        return [json.loads(line) for line in self.log.read_text().splitlines(keepends=True) if line.endswith("\n")]


def lives(process: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def until(condition: object, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    server = Running(tmp_path, workers=2)
    until(lambda: server.count("application started") == 2)
    yield server
    server.process.kill()
    server.process.wait()


def test_the_fastest_event_loop_that_is_installed_serves(running: Running) -> None:
    running.await_serving()
    wanted = "uvloop" if importlib.util.find_spec("uvloop") else "asyncio.unix_events"
    assert running.read("/rest/v1/loop").decode() == wanted


def test_workers_that_have_barely_begun_end_with_the_process_that_started_them(tmp_path: Path) -> None:
    server = Running(tmp_path, workers=2)
    until(lambda: len(server.workers()) == 2)
    workers = server.workers()
    server.process.kill()
    server.process.wait()
    until(lambda: not any(lives(worker) for worker in workers))


@pytest.mark.invariant("I29")
def test_workers_that_are_killed_are_replaced(running: Running) -> None:
    for _ in range(3):
        victim = running.workers()[0]
        os.kill(victim, signal.SIGKILL)
        until(lambda victim=victim: victim not in running.workers() and len(running.workers()) == 2)
        running.await_serving()
    assert running.process.poll() is None


@pytest.mark.invariant("I29")
def test_workers_end_with_the_process_that_started_them(running: Running) -> None:
    workers = running.workers()
    running.process.kill()
    running.process.wait()
    until(lambda: not any(lives(worker) for worker in workers))
    assert running.ask() == 0


def test_a_request_under_way_is_finished_before_the_server_stops(running: Running, tmp_path: Path) -> None:
    answered: list[int] = []
    asking = threading.Thread(target=lambda: answered.append(running.ask("/rest/v1/slow")))
    asking.start()
    until((tmp_path / "begun").exists)
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(timeout=60) == 0
    asking.join()
    assert answered[0] != 0
    assert running.count("application stopped") == 2


def test_a_worker_that_cannot_start_again_does_not_stop_the_others(running: Running, tmp_path: Path) -> None:
    (tmp_path / "behind").touch()
    victim = running.workers()[0]
    os.kill(victim, signal.SIGKILL)
    until(lambda: running.count("application failed to start") > 0)
    time.sleep(1)
    assert running.process.poll() is None
    assert any(running.ask() for _ in range(10))


def test_a_server_that_cannot_start_says_why_and_ends(tmp_path: Path) -> None:
    (tmp_path / "behind").touch()
    server = Running(tmp_path, workers=2)
    assert server.process.wait(timeout=60) == 1
    failed = next(line for line in server.lines() if line["event"] == "application failed to start")
    assert str(failed["error"]).endswith("The schema is behind.")
    assert failed["hint"] == "Run: backstay migrate apply"
    assert "traceback" not in failed
