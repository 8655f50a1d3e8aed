"""Applications served for real: by granian, in a process of their own, on a free port."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Self

PATIENCE = 90.0
"""Seconds in which a server must answer on a busy machine."""


class Serving:
    """A served application.

    Arguments:
        target: ``module:name`` of the application, importable from the tests' folder.
        database: the URL of its database, with its tables.
        folder: where its log is written.
        settings: further settings, by name; ``{url}`` stands for where it is served.
        command: whether ``backstay serve`` does it; ``target`` may then be a file.
    """

    def __init__(
        self, target: str, database: str, folder: Path, settings: Mapping[str, str], *, command: bool = False
    ) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / f"served-{self.port}.log"
        code = f"from backstay.server.serve import serve; serve({target!r}, port={self.port})"
        words = ["-m", "backstay.cli", "serve", target, "--port", str(self.port)] if command else ["-c", code]
        self._command = [sys.executable, *words]
        given = {
            f"BACKSTAY_{name.upper()}": value.replace("{url}", self.url)
            for name, value in {**settings, "database": database}.items()
        }
        paths = os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)])
        self._environment = {**os.environ, **given, "PYTHONPATH": paths}
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Start, and wait until it answers."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                env=self._environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            self._await_ready()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Stop in order."""
        process = self._process
        if process is not None and process.poll() is None:
            process.terminate()
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.kill()

    @property
    def process(self) -> int:
        """The process that was started; its children serve."""
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """End it and its workers at once, with signal 9, as a crash would."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def processor_time(self) -> float:
        """Seconds that it and its workers have had, as Linux counts them."""
        assert self._process is not None
        return sum(map(_processor_time, _tree(self._process.pid)))

    def memory(self) -> float:
        """Megabytes that it and its workers have written, each one's share of what they share."""
        assert self._process is not None
        return sum(map(_written, _tree(self._process.pid))) / 1024

    def _await_ready(self) -> None:
        assert self._process is not None
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            if self._process.poll() is not None:
                break
            if self._is_ready():
                return
            time.sleep(0.05)
        raise AssertionError(f"the application was not served:\n{self.log.read_text()}")

    def _is_ready(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
            connection.request("GET", "/health/ready")
            return connection.getresponse().status == 200
        return False


def _tree(process: int) -> Iterator[int]:
    yield process
    for children in Path(f"/proc/{process}/task").glob("*/children"):
        for child in children.read_text().split():
            yield from _tree(int(child))


def _processor_time(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _written(process: int) -> int:
    lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss_Anon:"))
