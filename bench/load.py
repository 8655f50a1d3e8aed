"""Servers and load on processors of their own, and what they use of the machine."""

from __future__ import annotations

import contextlib
import http.client
import json
import math
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from bench import client
from bench.places import HERE, STORE
from bench.stores.make import surroundings
from bench.wire import Request

PATIENCE = 60.0
"""Seconds in which a server must answer."""


@dataclass(frozen=True, slots=True)
class Cores:
    """Which processors serve and which ask; empty: any."""

    serve: frozenset[int]
    ask: frozenset[int]


def cores(workers: int) -> Cores:
    """One processor serves and another asks; with several workers, every process goes where it can."""
    there = sorted(os.sched_getaffinity(0))
    if workers > 1 or len(there) == 1:
        return Cores(frozenset(), frozenset())
    return Cores(frozenset(there[:1]), frozenset(there[1:2]))


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((client.HOST, 0))
        return int(probe.getsockname()[1])


class Server:
    """A contender's process.

    Arguments:
        name: for the name of its log.
        command: starts it.
        environment: what it needs beside the bench's own.
        where: the processors it may use.
        first: a request that it answers once it is there.
    """

    def __init__(
        self, name: str, command: Sequence[str], port: int, environment: dict[str, str], where: frozenset[int]
    ) -> None:
        self.name = name
        self.port = port
        self.log = STORE / "logs" / f"{name}.log"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.started = time.perf_counter()
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command,
                env=surroundings(**environment),
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=partial(_pin, where),
            )

    def await_answer(self, request: Request) -> float:
        """Seconds from the start to the first good answer.

        Raises:
            RuntimeError: with its log, where it gives none.
        """
        while time.perf_counter() - self.started < PATIENCE and self.process.poll() is None:
            with contextlib.suppress(OSError, http.client.HTTPException):
                status = client.ask(self.port, request).status
                if status < 300:
                    return time.perf_counter() - self.started
                if status >= 500:
                    break
            time.sleep(0.01)
        raise RuntimeError(f"{self.name} does not serve:\n{self.log.read_text(errors='replace')[-4000:]}")

    def memory(self) -> float:
        """Megabytes that its processes hold, each one's share of what they share."""
        return sum(_share(process) for process in _tree(self.process.pid)) / 1024

    def settle(self) -> None:
        """Wait until it rests: what it still does for those who left must not count against anyone."""
        until = time.perf_counter() + PATIENCE
        before = self._spent()
        while time.perf_counter() < until:
            time.sleep(0.05)
            spent = self._spent()
            if spent - before <= 0.01:
                return
            before = spent

    def _spent(self) -> float:
        """Seconds of processor time of all its processes."""
        return sum(map(_used, _tree(self.process.pid)))

    def stop(self) -> None:
        """End it, in order if it will."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def _pin(where: frozenset[int]) -> None:
    if where:
        os.sched_setaffinity(0, where)


def _tree(process: int) -> Iterator[int]:
    yield process
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{process}/task").iterdir():
            for child in (task / "children").read_text().split():
                yield from _tree(int(child))


def _used(process: int) -> float:
    with contextlib.suppress(OSError):
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return 0.0


def _share(process: int) -> int:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0


# Load --------------------------------------------------------------------------------------------------------


def generator() -> str:
    """What makes the load: ``wrk``, or the bench's own client where that is not installed."""
    return "wrk" if shutil.which("wrk") else "client"


def pack(requests: Sequence[Request], path: Path) -> Path:
    """Requests as a file, each with its length in a line before it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    wires = [request.wire() for request in requests]
    path.write_bytes(b"".join(b"%d\n%s" % (len(wire), wire) for wire in wires))
    return path


def load(
    port: int, requests: Path, *, connections: int, seconds: float, where: frozenset[int], using: str
) -> dict[str, Any]:
    """Ask a server for some seconds.

    Arguments:
        port: where it listens.
        requests: a file that :func:`pack` made.
        connections: how many ask at the same time, each for one answer at a time.
        seconds: how long.
        where: the processors that the load may use.
        using: a generator.

    Returns:
        ``requests`` that were answered well, ``seconds``, ``errors``, ``median`` and ``p99`` in microseconds.
    """
    if using == "wrk":
        address = f"http://{client.HOST}:{port}"
        # wrk counts in whole seconds.
        command = ["wrk", "-t1", f"-c{connections}", f"-d{math.ceil(seconds)}s", "--timeout", "30s", "-s"]
        command += [str(HERE / "replay.lua"), address, "--", str(requests)]
    else:
        command = [sys.executable, "-m", "bench.client", str(requests), str(port), str(connections), str(seconds)]
    return _run(command, where)


def send(port: int, requests: Path, *, connections: int, amount: int, where: frozenset[int]) -> dict[str, Any]:
    """Ask so many times, on so many connections, by the bench's own client: it alone counts.

    Returns:
        ``requests`` that were answered well, ``seconds``, ``errors``, ``median`` and ``p99`` in microseconds.
    """
    command = ["bench.client", str(requests), str(port), str(connections), "0", str(amount)]
    return _run([sys.executable, "-m", *command], where)


def flood(
    port: int, requests: Path, *, connections: int, rate: float, seconds: float, patience: float, where: frozenset[int]
) -> dict[str, Any]:
    """Ask at a rate, whatever the answers; see :mod:`bench.flood`.

    Arguments:
        port: where the server listens.
        requests: a file that :func:`pack` made.
        connections: the most that are open.
        rate: requests per second.
        seconds: how long; as long as the patience comes before, and does not count.
        patience: seconds after which one who asked leaves.
        where: the processors that the load may use.

    Returns:
        ``offered``, ``good`` and ``refused`` per second, how many ``failed`` and ``left``, of both kinds of answers
        the median and 99th percentile in microseconds, and what part of a processor was ``spent`` on asking.
    """
    words = [str(requests), *map(str, (port, connections, rate, patience, seconds, patience))]
    return _run([sys.executable, "-m", "bench.flood", *words], where)


def _run(command: Sequence[str], where: frozenset[int]) -> dict[str, Any]:
    output = subprocess.run(
        command, check=True, capture_output=True, text=True, env=surroundings(), preexec_fn=partial(_pin, where)
    ).stdout
    found: dict[str, Any] = json.loads(output.splitlines()[-1])
    return found
