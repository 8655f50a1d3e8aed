"""The process that serves an application, watched from outside: its memory and its files, as Linux shows them."""

from __future__ import annotations

import contextlib
import http.client
import socket
import time
from pathlib import Path

from serving import Serving


class Worker:
    """The process that serves, and a connection to it."""

    def __init__(self, serving: Serving) -> None:
        self.port = serving.port
        children = Path(f"/proc/{serving.process}/task/{serving.process}/children").read_text().split()
        # The one that multiprocessing keeps for itself listens to nobody.
        self.folder = max((Path(f"/proc/{child}") for child in children), key=lambda each: memory(each, "VmRSS"))

    def ask(self, url: str, *, method: str = "GET", **headers: str) -> tuple[http.client.HTTPResponse, int]:
        """An answer, and how many bytes its body had; they are not kept."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        with contextlib.closing(connection):
            connection.request(method, f"/rest/v1{url}", headers=headers)
            answer = connection.getresponse()
            length = 0
            while piece := answer.read(1 << 18):
                length += len(piece)
            return answer, length

    def read(self, url: str, accept: str) -> tuple[int, bytes]:
        """The status and the body of an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        with contextlib.closing(connection):
            connection.request("GET", f"/rest/v1{url}", headers={"accept": accept})
            answer = connection.getresponse()
            return answer.status, answer.read()

    def reset(self) -> int:
        """Forget how much memory it had at most; returns what it has now, in KB."""
        (self.folder / "clear_refs").write_text("5")
        return memory(self.folder, "VmRSS")

    def spend(self, url: str, **headers: str) -> tuple[http.client.HTTPResponse, int, int]:
        """An answer, its length, and by how many KB the process grew for it at most."""
        before = self.reset()
        answer, length = self.ask(url, **headers)
        return answer, length, memory(self.folder, "VmHWM") - before

    def spools(self) -> int:
        """How many files without a name it holds."""
        found = 0
        for entry in (self.folder / "fd").iterdir():
            with contextlib.suppress(OSError):
                found += str(entry.readlink()).endswith("(deleted)")
        return found

    def closes_spools(self) -> bool:
        """Whether it lets go of all of them. A client has its last byte a moment before the file is closed."""
        until = time.monotonic() + 60
        while self.spools() and time.monotonic() < until:
            time.sleep(0.02)
        return self.spools() == 0

    def stalled(self, url: str) -> socket.socket:
        """A connection that asked, got the beginning of its answer, and takes no more of it."""
        found = socket.create_connection(("127.0.0.1", self.port), 60)
        found.sendall(f"GET /rest/v1{url} HTTP/1.1\r\nhost: localhost\r\n\r\n".encode())
        assert found.recv(15) == b"HTTP/1.1 200 OK"
        return found


def memory(process: Path, key: str) -> int:
    """What Linux says of the memory of a process, in KB."""
    lines = (process / "status").read_text().splitlines()
    return next((int(line.split()[1]) for line in lines if line.startswith(key)), 0)
