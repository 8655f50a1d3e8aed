"""``reflect(url, reflections) -> reflected``: the tables, views and functions of a database that no model declares."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from typing import Any

import sqlalchemy as sa

from backstay.errors import DeclarationError
from backstay.schema.declaration import Reflection
from backstay.schema.relation import Name
from backstay.schema.served import Reflected

_ROOMS = {"sqlite": "sqlite", "postgresql": "postgresql", "postgres": "postgresql"}


def reflect(
    url: str, reflections: Sequence[Reflection], *, declared: Mapping[Name, sa.Table], default: str = "public"
) -> tuple[Reflected, ...]:
    """Read the catalog of a database. It may be called inside and outside of an event loop.

    Arguments:
        url: the database.
        reflections: the words of each ``app.reflect(...)``.
        declared: the tables of models, by name: they are left out, and foreign keys may lead to them.
        default: the schema that is read where a reflection names none.

    Raises:
        DatabaseUnavailable: when the database cannot be reached.
        DeclarationError: when the URL cannot be read, or names a kind of database that cannot be reflected.
    """
    if not reflections:
        return ()
    room = _ROOMS.get(url.partition(":")[0].partition("+")[0])
    if room is None:
        raise DeclarationError("A database of this kind cannot be reflected.", hint="Write models for its tables.")
    read: Any = import_module(f"backstay.dialects.reflect.{room}").reflect
    # The caller may be inside an event loop, where one cannot wait for another.
    with ThreadPoolExecutor(1, thread_name_prefix="reflect") as thread:
        found: tuple[Reflected, ...] = thread.submit(
            lambda: asyncio.run(read(url, reflections, declared=declared, default=default))
        ).result()
    return found
