"""Many rows from few: the database copies what was made one by one, which takes it seconds where Python took hours."""

from __future__ import annotations

import asyncio
from typing import Any

COLUMNS = "company_id, title, description, city, level, status, salary_low, salary_high, closes_on, published_at"
"""What a copy has of the posting it is made from; its key is that of :func:`bench.places.copy_id`."""


async def finish(url: str, copies: int) -> None:
    """Copy each posting of a store of Backstay's, and have the database count what it has.

    Arguments:
        url: the store's.
        copies: how many of each.
    """
    if url.startswith("sqlite"):
        await asyncio.to_thread(_finish_sqlite, url.removeprefix("sqlite:///"), copies)
    else:
        await _finish_postgresql(url, copies)


def _finish_sqlite(path: str, copies: int) -> None:
    # Opened by Backstay's own function: the search index has a tokenizer that it defines.
    from backstay.dialects.sqlite.open import connect_file

    connection = connect_file(path)
    for setting in ("synchronous=OFF", "cache_size=-1000000", "wal_autocheckpoint=20000"):
        connection.execute(f"PRAGMA {setting}")
    connection.execute("CREATE TEMPORARY TABLE made AS SELECT * FROM postings ORDER BY id")
    indexes = _sqlite_indexes(connection) if copies else {}
    for name in indexes:
        connection.execute(f"DROP INDEX {name}")
    for copy in range(1, copies + 1):
        key = f"printf('%08x-0000-4000-8000-%012x', {copy}, rowid)"
        connection.execute(f"INSERT INTO postings (id, {COLUMNS}) SELECT {key}, {COLUMNS} FROM made ORDER BY rowid")
        _say(copy, copies)
    for definition in indexes.values():
        connection.execute(definition)
    connection.execute("ANALYZE")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def _sqlite_indexes(connection: Any) -> dict[str, str]:
    """The indexes that are cheaper to make once than to keep."""
    text = "SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'postings' AND sql IS NOT NULL"
    return dict(connection.execute(text))


async def _finish_postgresql(url: str, copies: int) -> None:
    import asyncpg

    connection = await asyncpg.connect(url)
    try:
        await connection.execute("SET synchronous_commit = off; SET maintenance_work_mem = '512MB'")
        if copies:
            await _copy(connection, copies)
        await connection.execute("ANALYZE")
    finally:
        await connection.close()


async def _copy(connection: Any, copies: int) -> None:
    indexes = await connection.fetch(
        "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'postings' AND indexname <> 'postings_pkey'"
    )
    for name, _ in indexes:
        await connection.execute(f'DROP INDEX "{name}"')
    await connection.execute(
        "CREATE TEMPORARY TABLE made AS SELECT row_number() OVER (ORDER BY id) AS number, * FROM postings"
    )
    for copy in range(1, copies + 1):
        key = f"('{copy:08x}-0000-4000-8000-' || lpad(to_hex(number), 12, '0'))::uuid"
        await connection.execute(
            f"INSERT INTO postings (id, {COLUMNS}) SELECT {key}, {COLUMNS} FROM made ORDER BY number"
        )
        _say(copy, copies)
    for _, definition in indexes:
        await connection.execute(definition)


def _say(copy: int, copies: int) -> None:
    if copy % 10 == 0:
        print(f"  copied {copy} of {copies} times", flush=True)
