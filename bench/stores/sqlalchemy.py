"""The store of FastAPI and Litestar, on plain SQLAlchemy."""

from __future__ import annotations

import asyncio

from sqlalchemy import insert, text

from bench.data import chunks, rows
from bench.servers.tables import Base, engine_of
from bench.stores.make import asked_size


async def main() -> None:
    """Make the tables and fill them."""
    url, size = asked_size()
    engine = engine_of(url)
    async with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            await connection.execute(text("PRAGMA journal_mode=WAL"))
        await connection.run_sync(Base.metadata.create_all)
        for name, made in rows(size):
            for chunk in chunks(made):
                await connection.execute(insert(Base.metadata.tables[name]), chunk)
    async with engine.begin() as connection:
        await connection.execute(text("ANALYZE"))
    await engine.dispose()


if __name__ == "__main__":
    asyncio.run(main())
