"""An open database on an empty PostgreSQL one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import MetaData

from backstay.dialects.postgresql.connect import PostgreSQL
from backstay.settings import Settings

Open = Callable[..., Awaitable[PostgreSQL]]


@pytest.fixture
async def open_database(postgresql_url: str) -> AsyncIterator[Open]:
    """Opens the test's database, with settings of its own; all are closed in the end."""
    async with AsyncExitStack() as stack:

        async def open_it(url: str = postgresql_url, **given: Any) -> PostgreSQL:
            settings = Settings(**{"pool_timeout": timedelta(seconds=30), **given})
            database = PostgreSQL(url, settings=settings, metadata=MetaData())
            await database.start()
            stack.push_async_callback(database.close)
            return database

        yield open_it


@pytest.fixture
async def database(open_database: Open) -> PostgreSQL:
    """The test's database with default settings, and a table ``items (id, name, amount)``."""
    opened = await open_database()
    await run(opened, "CREATE TABLE items (id int PRIMARY KEY, name text NOT NULL, amount int CHECK (amount > 0))")
    return opened


async def run(database: PostgreSQL, text: str, *parameters: Any) -> list[tuple[Any, ...]]:
    """Run one statement in a write of its own."""
    return await database.write(lambda transaction: transaction.fetch(text, parameters))


@pytest.fixture(name="run")
def run_fixture() -> Callable[..., Awaitable[list[tuple[Any, ...]]]]:
    """:func:`run`, for the tests."""
    return run
