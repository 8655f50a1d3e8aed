"""Stores made once: each family in a process of its own, a half-made one thrown away."""

from __future__ import annotations

import asyncio
import compileall
import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

from bench.places import HERE, SERVER, Size, store_url

WRITTEN = ("saved_searches", "messages")
"""The tables that works insert into."""


def ensure(family: str, database: str, size: Size) -> str:
    """The URL of a store, which is made unless it is there."""
    url = store_url(family, database, size)
    made = size.folder / f"{family}-{database}.made"
    if not made.exists():
        size.folder.mkdir(parents=True, exist_ok=True)
        clear(url)
        print(f"Making the data of {family} on {database} ...", flush=True)
        run(f"bench.stores.{family}", url, str(size.postings), str(size.companies))
        made.touch()
    return url


def run(module: str, *arguments: str, **environment: str) -> None:
    """Run a module of the bench in a process of its own.

    Raises:
        subprocess.CalledProcessError: it failed.
    """
    subprocess.run([sys.executable, "-m", module, *arguments], check=True, env=surroundings(**environment))


def surroundings(**environment: str) -> dict[str, str]:
    """The environment of processes of the bench."""
    root = HERE.parent
    paths = [str(root), str(root / "src"), str(root / "examples")]
    # Python may keep bytecode, as it does for packages that are installed.
    return {**os.environ, "PYTHONDONTWRITEBYTECODE": "", "PYTHONPATH": os.pathsep.join(paths), **environment}


def compile_sources() -> None:
    """Make bytecode of what is not installed, so that no start is the first one."""
    for folder in (HERE.parent / "src", HERE.parent / "examples", HERE / "servers"):
        compileall.compile_dir(folder, quiet=1)


def clear(url: str) -> None:
    """An empty place for a store: no file, or an empty database."""
    if url.startswith("postgresql"):
        asyncio.run(_create(urlsplit(url).path[1:]))
    elif url.startswith("sqlite"):
        for end in ("", "-wal", "-shm"):
            Path(url.removeprefix("sqlite:///") + end).unlink(missing_ok=True)
    else:
        shutil.rmtree(url, ignore_errors=True)


def empty(url: str) -> None:
    """Delete what earlier works wrote, so that each begins with the same rows."""
    if url.startswith("postgresql"):
        asyncio.run(_truncate(url))
        return
    path = url.removeprefix("sqlite:///") if url.startswith("sqlite") else f"{url}/data.db"
    with contextlib.closing(sqlite3.connect(path, timeout=60)) as connection, connection:
        for table in WRITTEN:
            connection.execute(f"DELETE FROM {table}")


async def _truncate(url: str) -> None:
    import asyncpg

    connection = await asyncpg.connect(url)
    try:
        await connection.execute(f"TRUNCATE {', '.join(WRITTEN)}")
    finally:
        await connection.close()


async def _create(name: str) -> None:
    import asyncpg

    connection = await asyncpg.connect(SERVER)
    try:
        await connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        await connection.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")
    finally:
        await connection.close()


def asked_size() -> tuple[str, Size]:
    """What the command line of a store's module asks for: a URL and a size."""
    url, postings, companies = sys.argv[1:]
    return url, Size(int(postings), int(companies))
