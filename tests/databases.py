"""Fresh databases for tests: an SQLite file, or a database of its own on the PostgreSQL server at hand."""

from __future__ import annotations

import asyncio
import itertools
import os
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit


def sqlite_url(folder: Path) -> str:
    """The URL of an SQLite database that is not there yet."""
    return f"sqlite:///{folder / 'backstay.db'}"


class Databases:
    """Makes empty databases on one PostgreSQL server and drops them, in about 20 ms each.

    It speaks to the server from a thread of its own, so it may be used inside and outside of any event loop.

    Arguments:
        server: the URL of a database on the server, whose user may create databases.
    """

    def __init__(self, server: str) -> None:
        self._server = server
        self._numbers = itertools.count(1)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="databases", daemon=True)
        self._thread.start()
        self._connection = self._wait(_connect(server))

    def create(self) -> str:
        """Create an empty database and return its URL."""
        worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
        name = f"backstay_test_{worker}_{os.getpid()}_{next(self._numbers)}"
        # template0 can have no other users, which would make this fail.
        self.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")
        return urlsplit(self._server)._replace(path=f"/{name}").geturl()

    def drop(self, url: str) -> None:
        """Drop a database, whoever is connected to it."""
        self.execute(f"DROP DATABASE IF EXISTS {urlsplit(url).path[1:]} WITH (FORCE)")

    def execute(self, statement: str) -> None:
        """Run a statement on the server's own database."""
        self._wait(self._connection.execute(statement))

    def close(self) -> None:
        """Let go of the server."""
        self._wait(self._connection.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _wait(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=60)


async def _connect(url: str) -> Any:
    # Only here, so that tests without PostgreSQL need no driver.
    import asyncpg

    return await asyncpg.connect(url)
