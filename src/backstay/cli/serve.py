"""``backstay serve``: an application in production."""

from __future__ import annotations

import asyncio
import gc
from functools import partial
from typing import Any

from backstay.app import Backstay
from backstay.cli.load import Loaded, load
from backstay.dialects.migrate.behind import find_behind
from backstay.dialects.migrate.scripts import FOLDER
from backstay.errors import DeclarationError, SchemaBehind
from backstay.observe import SchemaBehind as Behind
from backstay.observe import observe


def serve(
    file: str | None = None,
    /,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    workers: int = 1,
    database: str | None = None,
) -> int:
    """Serve an application in production, until it is told to stop (SIGTERM).

    Parameters
    ----------
    file
        The application.
    host
        The address to listen on; 0.0.0.0 for all.
    port
        The port to listen on.
    workers
        How many processes serve. Two or more need a database they can share.
    database
        The database's URL, instead of the one that the settings or the application give.
    """
    from backstay.server.serve import serve as run

    if workers < 1:
        raise DeclarationError(f"{workers} workers cannot serve.", hint="Give --workers 1 or more.")
    gc.disable()  # what is loaded stays; to look for garbage in it again and again takes a tenth of the start
    try:
        loaded = load(file)
        loaded.app.configure(database=database)
        asyncio.run(refuse_behind(loaded, database))
        _ = loaded.app.assembly  # workers that fork share it
    finally:
        gc.enable()
    settings = loaded.app.settings
    if not (settings.publishable_key or settings.secret_key or settings.jwt_secret or settings.jwks):
        from backstay.cli.report import say

        say("No keys are set, so every caller is anonymous. `backstay keys new` makes some.", "yellow", error=True)
    run(
        partial(make, loaded.target, {"database": database}),
        host=host,
        port=port,
        workers=workers,
        connections=settings.max_connections,
        log_level=settings.log_level,
    )
    return 0


def make(target: str, overrides: dict[str, Any]) -> Backstay:
    """The application, made in a worker's own process; one that was forked has it already."""
    app = load(target).app
    app.configure(**overrides)
    return app


async def refuse_behind(loaded: Loaded, database: str | None) -> None:
    """Refuse a database that lacks what the application needs.

    Raises:
        SchemaBehind: saying what it lacks, and the command that mends it.
    """
    folder = loaded.folder / FOLDER
    behind = await find_behind(loaded.app.settings.database, loaded.app.schema.metadata, folder)
    if behind:
        wanted = behind.scripts[-1].revision if behind.scripts else "the models"
        observe(Behind(behind.current, wanted))
        words = [loaded.shown, *(["--database", database] if database else [])]
        command = f"backstay migrate apply {' '.join(words)}"
        if not behind.scripts:
            command = f'backstay migrate new "first" {" ".join(words)}, and then {command}'
        raise SchemaBehind(f"The database is behind the application: {behind}.", hint=command)
