"""The store of Backstay and of the bare loop: made by Backstay's own migrations, filled in a system's session."""

from __future__ import annotations

import asyncio

from sqlalchemy import insert

from backstay import system
from backstay.dialects.migrate.run import run
from bench.data import chunks, rows
from bench.servers.program import app
from bench.stores.copies import finish
from bench.stores.make import asked_size
from hiring import Base


async def main() -> None:
    """Make the tables and fill them."""
    url, size = asked_size()
    app.configure(database=url)
    await run(url, app.schema.metadata.create_all, writing=True)
    await app.start()
    models = {mapper.local_table.name: mapper.class_ for mapper in Base.registry.mappers}  # type: ignore[attr-defined]
    try:
        for name, made in rows(size):
            async with app.session(system) as db:
                for chunk in chunks(made):
                    await db.execute(insert(models[name]).execution_options(render_nulls=True), chunk)
    finally:
        await app.stop()
    await finish(url, size.copies)


if __name__ == "__main__":
    asyncio.run(main())
