"""Migrations on SQLite: one writer, and tables rebuilt without their foreign keys looking on."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import sqlalchemy as sa

from backstay.dialects.sqlite.dialect import engine
from backstay.dialects.sqlite.open import locate
from backstay.errors import DatabaseUnavailable, ForeignKeyViolation

T = TypeVar("T")


async def run(url: str, work: Callable[[sa.Connection], T], *, writing: bool) -> T:
    """Run ``work`` in one transaction; see :func:`backstay.dialects.migrate.run.run`.

    A rebuilt table is dropped on the way, which must not delete what refers to it: foreign keys are not enforced
    while ``work`` runs, and all of them are checked before the commit.
    """
    path = Path(locate(url).path)
    if not path.parent.is_dir():
        raise DatabaseUnavailable(
            f"The directory {path.parent} of the database does not exist.", hint=f"mkdir -p {path.parent}"
        )
    there = writing or path.exists()
    return await asyncio.to_thread(_run, url if there else "sqlite://", work, writing=writing)


def _run(url: str, work: Callable[[sa.Connection], T], *, writing: bool) -> T:
    database = engine(url)
    try:
        with database.connect() as connection:
            if writing:
                # Inside a transaction SQLite takes no notice of this.
                connection.connection.cursor().execute("PRAGMA foreign_keys = OFF")
            with connection.begin():
                if writing:
                    connection.exec_driver_sql("BEGIN IMMEDIATE")
                result = work(connection)
                if writing:
                    _check_references(connection)
            return result
    finally:
        database.dispose()


def _check_references(connection: sa.Connection) -> None:
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
    if broken is not None:
        table, row, parent, _ = broken
        raise ForeignKeyViolation(f"Row {row} of {table} refers to a row of {parent} that is not there.")


@asynccontextmanager
async def scratch(url: str) -> AsyncIterator[str | None]:
    """The URL of a new file, deleted when the context is left."""
    with tempfile.TemporaryDirectory(prefix="backstay-") as folder:
        yield f"sqlite:///{folder}/scratch.db"
