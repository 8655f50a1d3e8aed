"""Mounted Flask and Django applications behind a server: clients who leave, and many at once."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from behaviour.door import PUBLISHABLE, SECRET, SECRET_KEY, token
from fixtures.rows import ADA, CYD, fill
from fixtures.workspace import build
from serving import Serving

pytestmark = [pytest.mark.processes, pytest.mark.slow]

THREADS = 3
SEEN = {"ada": {"id": str(ADA), "numbers": [1, 2, 3]}, "cyd": {"id": str(CYD), "numbers": [5, 6]}}


@pytest.fixture
def served(database_url: str, tmp_path: Path) -> Iterator[Serving]:
    async def fill_tables() -> None:
        app = build(database_url)
        await app.start()
        await fill(app)
        await app.stop()

    asyncio.run(fill_tables())
    settings = {"jwt_secret": SECRET, "publishable_key": PUBLISHABLE, "secret_key": SECRET_KEY}
    with Serving("processes.beside:app", database_url, tmp_path, {**settings, "wsgi_threads": str(THREADS)}) as serving:
        yield serving


def test_many_at_once_are_told_apart(served: Serving) -> None:
    def ask(number: int) -> None:
        name = ("ada", "cyd")[number % 2]
        site = ("/flask", "/django", "/django/async")[number % 3]
        with closing(http.client.HTTPConnection("127.0.0.1", served.port, timeout=60)) as connection:
            connection.request("GET", f"{site}/notes", headers={"authorization": f"Bearer {token(name)}"})
            answer = connection.getresponse()
            assert (answer.status, json.loads(answer.read())) == (200, SEEN[name])

    with ThreadPoolExecutor(12) as clients:
        list(clients.map(ask, range(60)))


def test_clients_who_leave_free_their_threads(served: Serving) -> None:
    for _ in range(3 * THREADS):
        with closing(http.client.HTTPConnection("127.0.0.1", served.port, timeout=60)) as connection:
            connection.request("GET", "/flask/endless")
            assert connection.getresponse().read(200_000)
    with closing(http.client.HTTPConnection("127.0.0.1", served.port, timeout=60)) as connection:
        connection.request("GET", "/flask/open")
        assert connection.getresponse().read() == b"hello"


def test_slow_upload_takes_no_thread(served: Serving) -> None:
    uploads = [http.client.HTTPConnection("127.0.0.1", served.port, timeout=60) for _ in range(2 * THREADS)]
    for upload in uploads:
        upload.putrequest("POST", "/flask/size")
        upload.putheader("content-length", "10")
        upload.endheaders()
        upload.send(b"01234")
    with closing(http.client.HTTPConnection("127.0.0.1", served.port, timeout=60)) as connection:
        connection.request("GET", "/flask/open")
        assert connection.getresponse().read() == b"hello"
    for upload in uploads:
        with closing(upload):
            upload.send(b"56789")
            assert json.loads(upload.getresponse().read())["size"] == 10


@pytest.mark.parametrize("chunked", [False, True])
def test_upload_that_is_too_long_is_told_so(served: Serving, chunked: bool) -> None:
    most = 10 * 1024 * 1024
    with closing(http.client.HTTPConnection("127.0.0.1", served.port, timeout=60)) as upload:
        upload.putrequest("POST", "/flask/size")
        upload.putheader(*(("transfer-encoding", "chunked") if chunked else ("content-length", str(2 * most))))
        upload.endheaders()
        piece = b"x" * 65536
        # Who pauses for long, on a busy machine, finds the connection closed, and the answer there all the same.
        with contextlib.suppress(ConnectionError):
            for _ in range(most // len(piece) + 1 if chunked else 4):
                upload.send(b"10000\r\n" + piece + b"\r\n" if chunked else piece)
        answer = upload.getresponse()
        assert (answer.status, answer.getheader("connection")) == (413, "close")
        assert json.loads(answer.read())["message"] == f"The body is longer than {most} bytes."
