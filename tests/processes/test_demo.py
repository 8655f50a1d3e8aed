"""The demo as a newcomer meets it: it makes its data, serves, and what it prints works as pasted."""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.processes

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


class Demo:
    """The demo in a process of its own."""

    def __init__(self, folder: Path, number: int) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        self.log = folder / f"log{number}.txt"
        kept = {name: value for name, value in os.environ.items() if not name.startswith("BACKSTAY_")}
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, str(EXAMPLES / "demo.py"), "--port", str(port)],
                env={**kept, "BACKSTAY_DATABASE": f"sqlite:///{folder / 'hiring.db'}"},
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + 90
        while "With supabase-js" not in self.printed:
            assert self.process.poll() is None, self.printed
            assert time.monotonic() < deadline, self.printed
            time.sleep(0.1)

    @property
    def printed(self) -> str:
        return self.log.read_text()

    def paste(self) -> list[Any]:
        """What the printed curl lines answer."""
        lines = [line.strip() for line in self.printed.splitlines() if line.startswith("  curl")]
        answers = [subprocess.run([*shlex.split(line), "-sf"], capture_output=True, timeout=60) for line in lines]
        return [json.loads(answer.stdout) for answer in answers]


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Callable[[], Demo]]:
    """Starts the demo on a database of the test's own."""
    started: list[Demo] = []

    def start() -> Demo:
        started.append(Demo(tmp_path, len(started)))
        return started[-1]

    yield start
    for each in started:
        each.process.kill()
        each.process.wait()


def test_the_demo_serves_and_its_lines_work_as_pasted(demo: Callable[[], Demo]) -> None:
    first = demo()
    for line in ("companies", "500/500", "20000/20000", "50001/50001"):
        assert line in first.printed
    search, words, pay, received, sent, company_s, own = first.paste()
    assert len(search) == len(words) == len(received) == len(sent) == 3
    assert all(row["skills"] == [{"name": "Django"}] for row in search)
    assert all("fraud detection" in row["description"] and "Lead" not in row["title"] for row in words)
    assert pay["low"] < pay["high"]
    assert any(row["notes"] for row in received)
    assert not any(row["notes"] for row in sent)
    assert sum(company_s.values()) > sum(own.values()) > 0
    first.process.send_signal(signal.SIGTERM)
    assert first.process.wait(timeout=60) == 0, first.printed
    second = demo()
    assert "The data is there already." in second.printed
    assert second.paste()[0] == search
