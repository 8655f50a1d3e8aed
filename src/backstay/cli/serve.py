"""``backstay serve``: an application in production."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from functools import cache, partial
from typing import TYPE_CHECKING

from backstay.cli.load import choose, configure_beside, load
from backstay.errors import BackstayError, DeclarationError, SchemaBehind
from backstay.observe import SchemaBehind as Behind
from backstay.observe import StartFailed, observe
from backstay.settings import load as read_settings

if TYPE_CHECKING:
    from backstay.app import Backstay
    from backstay.cli.load import Loaded


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
    target = file if file is not None else choose()
    configure_beside(target)
    settings = read_settings(database=database)
    if not (settings.publishable_key or settings.secret_key or settings.jwt_secret or settings.jwks):
        from backstay.cli.report import say

        say("No keys are set, so every caller is anonymous. `backstay keys new` makes some.", "yellow", error=True)
    if workers > 1:
        # Made here, and shared by those that fork. One alone would have nothing of that but a second copy.
        gc.disable()  # what is loaded stays; to look for garbage in it again and again takes a tenth of the start
        try:
            make(target, database)
        finally:
            gc.enable()
    run(
        partial(make, target, database),
        host=host,
        port=port,
        workers=workers,
        connections=settings.max_connections,
        log_level=settings.log_level,
        refuse=refuse,
    )
    return 0


@cache
def make(target: str, database: str | None) -> Backstay:
    """The application, on a database that is not behind it; once in a process, and in those that are forked from it.

    Raises:
        DeclarationError: the program is wrong.
        SchemaBehind: the database lacks something.
    """
    loaded = load(target)
    loaded.app.configure(database=database)
    # In a worker there is a loop already, which asyncio.run() would put aside.
    with contextlib.closing(asyncio.new_event_loop()) as loop:
        loop.run_until_complete(refuse_behind(loaded, database))
    _ = loaded.app.assembly
    return loaded.app


def refuse(error: Exception) -> None:
    """Say why there is nothing to serve, as a command does."""
    if isinstance(error, BackstayError):
        from backstay.cli.report import complain

        complain(error)
    else:
        observe(StartFailed(error))


async def refuse_behind(loaded: Loaded, database: str | None) -> None:
    """Refuse a database that lacks what the application needs.

    Raises:
        SchemaBehind: saying what it lacks, and the command that mends it.
    """
    from backstay.dialects.migrate.behind import find_behind
    from backstay.dialects.migrate.scripts import FOLDER

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
