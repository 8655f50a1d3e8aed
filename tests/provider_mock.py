"""A provider that others wrote (oidc-provider-mock), as a process of its own."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

PATIENCE = 90.0
"""Seconds in which it must answer on a busy machine."""


@dataclass(frozen=True)
class ProviderMock:
    """The running provider."""

    url: str

    def log_in(self, url: str, subject: str, **claims: Any) -> str:
        """What a browser brings back that was sent to ``url``, where its user logged in as ``subject``."""
        self._ask("PUT", f"{self.url}/users/{subject}", json.dumps(claims), "application/json")
        answer = self._ask("POST", url, urlencode({"sub": subject}), "application/x-www-form-urlencoded")
        return urlsplit(answer["location"]).query

    def _ask(self, method: str, url: str, body: str, kind: str) -> Mapping[str, str]:
        parts = urlsplit(url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=PATIENCE)
        with contextlib.closing(connection):
            connection.request(method, f"{parts.path}?{parts.query}", body, {"content-type": kind})
            answer = connection.getresponse()
            answer.read()
            assert answer.status < 400, answer.status
            return {name.lower(): value for name, value in answer.getheaders()}


@contextlib.contextmanager
def provider_mock(*options: str) -> Iterator[ProviderMock]:
    """Start it, wait until it answers, and stop it at the end."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-W", "ignore", "-m", "oidc_provider_mock", "--port", str(port), *options]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + PATIENCE
        while not _answers(port):
            assert process.poll() is None and time.monotonic() < deadline, "the provider does not start"
            time.sleep(0.05)
        yield ProviderMock(f"http://127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait(PATIENCE)


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False
