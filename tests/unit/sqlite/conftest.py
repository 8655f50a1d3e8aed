"""Open SQLite databases for the tests of this room."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from backstay.dialects.sqlite.connect import SQLite
from backstay.dialects.sqlite.dialect import engine
from backstay.schema.naming import name_constraints
from backstay.settings import Settings

Open = Callable[..., Awaitable[SQLite]]
Run = Callable[..., Awaitable[list[tuple[Any, ...]]]]


@pytest.fixture
async def open_database(tmp_path: Path) -> AsyncIterator[Open]:
    """Opens the test's file, with these tables made and settings of its own; all are closed in the end."""
    async with AsyncExitStack() as stack:

        async def open_it(metadata: sa.MetaData | None = None, *, url: str = "", **given: Any) -> SQLite:
            tables = metadata or sa.MetaData()
            database = SQLite(
                url or f"sqlite:///{tmp_path}/test.db",
                settings=Settings(**{"max_delay": timedelta(hours=1), **given}),
                metadata=tables,
            )
            await database.start()
            stack.push_async_callback(database.close)
            make(database, tables)
            return database

        yield open_it


def make(database: SQLite, metadata: sa.MetaData) -> None:
    """Create the tables."""
    name_constraints(metadata)
    made = engine(database.url)
    metadata.create_all(made)
    made.dispose()


@pytest.fixture
async def database(open_database: Open) -> SQLite:
    """A database with one table, ``items (id, name, amount)``."""
    opened = await open_database()
    await run(opened, "CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT, amount INTEGER CHECK (amount > 0))")
    return opened


async def run(database: SQLite, text: str, *parameters: Any) -> list[tuple[Any, ...]]:
    """Run one statement in a write of its own."""
    return await database.write(lambda transaction: transaction.fetch(text, parameters))


@pytest.fixture(name="run")
def run_fixture() -> Run:
    """:func:`run`, for the tests."""
    return run
