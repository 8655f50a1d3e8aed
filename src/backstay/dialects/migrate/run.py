"""``run(url, work)``: synchronous SQLAlchemy code on a database of any kind, in one transaction."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib import import_module
from typing import Any, Protocol, TypeVar, cast

import sqlalchemy as sa

import backstay.dialects.sql.searches
import backstay.dialects.sql.session_triggers  # noqa: F401  (tables are made with their indexes and triggers)
from backstay.errors import DeclarationError

T = TypeVar("T")

_ROOMS = {"sqlite": "sqlite", "postgresql": "postgresql", "postgres": "postgresql"}


class _Room(Protocol):
    """What the module of each kind of database offers."""

    def run(self, url: str, work: Callable[[sa.Connection], T], *, writing: bool) -> Awaitable[T]: ...

    def scratch(self, url: str) -> AbstractAsyncContextManager[str | None]: ...


async def run(url: str, work: Callable[[sa.Connection], T], *, writing: bool) -> T:
    """Run ``work`` on a connection of its own, in one transaction that is committed when it returns.

    Arguments:
        url: the database.
        work: may change tables as well as rows: DDL is part of the transaction.
        writing: one writer at a time; else ``work`` only looks.

    Raises:
        DatabaseUnavailable: when the database cannot be reached.
        DeclarationError: when the URL cannot be read.
    """
    return await _room(url).run(url, work, writing=writing)


@asynccontextmanager
async def scratch(url: str) -> AsyncIterator[str | None]:
    """An empty database of the same kind, gone when the context is left; None where none may be made."""
    async with _room(url).scratch(url) as other:
        yield other


def _room(url: str) -> _Room:
    room = _ROOMS.get(url.partition(":")[0].partition("+")[0])
    if room is None:
        raise DeclarationError(f"There are no migrations for the database of {url.partition(':')[0]!r} URLs.")
    try:
        module: Any = import_module(f"backstay.dialects.migrate.{room}")
    except ModuleNotFoundError as error:
        if error.name != "asyncpg":
            raise
        raise DeclarationError(
            "PostgreSQL needs the package asyncpg.", hint="pip install 'backstay[postgres]'"
        ) from error
    return cast("_Room", module)
