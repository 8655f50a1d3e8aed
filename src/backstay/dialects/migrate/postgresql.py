"""Migrations on PostgreSQL: one writer, by an advisory lock."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TypeVar
from urllib.parse import urlsplit

import asyncpg
import sqlalchemy as sa

from backstay.dialects.postgresql.connect import run_sync
from backstay.dialects.postgresql.server import Server
from backstay.settings import Settings, load

T = TypeVar("T")

# Any number will do, so long as nobody else uses it.
_LOCK = 7_203_311_946


async def run(url: str, work: Callable[[sa.Connection], T], *, writing: bool) -> T:
    """Run ``work`` in one transaction; see :func:`backstay.dialects.migrate.run.run`."""

    def locked(connection: sa.Connection) -> T:
        if writing:
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
        else:
            connection.exec_driver_sql("SET TRANSACTION READ ONLY")
        return work(connection)

    # It tells the operator why a server cannot be reached, which sessions keep to themselves.
    settings = replace(Settings(), statement_cache=load().statement_cache)
    await (await Server(url, settings).open()).close()
    return await run_sync(url, locked)


@asynccontextmanager
async def scratch(url: str) -> AsyncIterator[str | None]:
    """The URL of a new database on the same server; None where the user may not create one."""
    name = f"backstay_scratch_{secrets.token_hex(6)}"
    server = Server(url, Settings())
    connection = await server.connect()
    try:
        try:
            await connection.execute(f'CREATE DATABASE "{name}" TEMPLATE template0')
        except asyncpg.InsufficientPrivilegeError:
            yield None
            return
        try:
            yield urlsplit(url)._replace(path=f"/{name}").geturl()
        finally:
            await connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    finally:
        await connection.close()
