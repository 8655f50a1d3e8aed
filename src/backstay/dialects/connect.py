"""``connect(url) -> Engine``: the database a URL names, with what compiles for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import sqlalchemy as sa

import backstay.dialects.sql.searches
import backstay.dialects.sql.session_triggers  # noqa: F401  (tables are made with their indexes and triggers)
from backstay.dialects.dialect import Database
from backstay.dialects.payload import Writer
from backstay.errors import DeclarationError
from backstay.plan.guard import Plan
from backstay.settings import Settings


@dataclass(frozen=True, slots=True)
class Engine:
    """An opened (not yet started) database, and what begins a statement for it."""

    database: Database
    emission: Callable[[Plan], Writer]


_KNOWN = {
    "sqlite": ("backstay.dialects.sqlite", "SQLite", "SQLiteEmission", None),
    "postgresql": ("backstay.dialects.postgresql", "PostgreSQL", "PostgreSQLEmission", "postgres"),
    "postgres": ("backstay.dialects.postgresql", "PostgreSQL", "PostgreSQLEmission", "postgres"),
}


def connect(url: str, *, settings: Settings, metadata: sa.MetaData) -> Engine:
    """The database a URL names.

    Raises:
        DeclarationError: for a URL of a database Backstay does not speak, or whose driver is not installed.
    """
    emit = emission_of(url)
    connection: Any = _part(url, "connect", 1)
    return Engine(
        connection(url, settings=settings, metadata=metadata),
        lambda plan: emit(plan, max_rows=settings.max_rows),
    )


def emission_of(url: str) -> Any:
    """The class of a statement in the making on the database that a URL names. Raises DeclarationError, as connect."""
    return _part(url, "emit", 2)


def _part(url: str, module: str, place: int) -> Any:
    scheme = url.partition(":")[0].partition("+")[0]
    if scheme not in _KNOWN:
        known = ", ".join(sorted({f"{name}://" for name in _KNOWN}))
        raise DeclarationError(f"The database URL must begin with one of {known}.")
    room, extra = _KNOWN[scheme][0], _KNOWN[scheme][3]
    try:
        return getattr(import_module(f"{room}.{module}"), _KNOWN[scheme][place] or "")
    except ModuleNotFoundError as error:
        if extra is None or (error.name or "").startswith("backstay"):
            raise
        raise DeclarationError(
            f"{scheme} needs a driver that is not installed ({error.name}).", hint=f"pip install 'backstay[{extra}]'"
        ) from error
