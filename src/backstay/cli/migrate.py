"""``backstay migrate``: the tables of a database, kept in step with the models."""

from __future__ import annotations

import asyncio
from typing import Annotated

from cyclopts import Parameter

from backstay.cli.load import Loaded, load
from backstay.cli.report import say
from backstay.dialects.connect import connect
from backstay.dialects.migrate.applied import read_applied
from backstay.dialects.migrate.behind import find_behind
from backstay.dialects.migrate.run import run
from backstay.dialects.migrate.scripts import FOLDER, Script, read_scripts
from backstay.errors import DeclarationError


def new(
    message: str,
    file: str | None = None,
    /,
    *,
    database: str | None = None,
    empty: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Write a migration of what the models have and the migrations do not.

    Parameters
    ----------
    message
        What it is for, in a few words.
    file
        The application.
    database
        The database's URL: the migration is tried on an empty one of its kind.
    empty
        Write one without changes, to be filled in by hand.
    """
    from backstay.dialects.migrate.new import new as write

    loaded = _load(file, database)
    folder = loaded.folder / FOLDER
    app = loaded.app
    written = asyncio.run(write(app.settings.database, app.schema.metadata, folder, message, empty=empty))
    if written is None:
        say("The migrations have everything that the models have.")
        return 0
    say(f"wrote {written.script.file}", "green")
    for lost in written.lost:
        say(f"It drops {lost}. If you meant to rename, change it before you apply it.", "yellow")
    if written.marked:
        say("The database has these changes already; the migration is noted there as applied.")
    else:
        say(f"Read it, then: backstay migrate apply {loaded.shown}")
    return 0


def apply(
    file: str | None = None,
    /,
    *,
    to: str | None = None,
    sql: Annotated[bool, Parameter(negative="")] = False,
    database: str | None = None,
) -> int:
    """Apply the migrations that the database has not had, each in a transaction of its own.

    Whenever this is cut short, run it again: it goes on where it stopped.

    Parameters
    ----------
    file
        The application.
    to
        The last migration to apply, by its name or number.
    sql
        Print the SQL instead of running it.
    database
        The database's URL.
    """
    loaded = _load(file, database)
    scripts = _up_to(read_scripts(loaded.folder / FOLDER), to)
    if not scripts:
        raise DeclarationError(
            f"There are no migrations in {loaded.folder / FOLDER}.", hint=f'backstay migrate new "first" {loaded.shown}'
        )
    url = loaded.app.settings.database
    if sql:
        return _show_sql(loaded, scripts)
    return asyncio.run(_apply(url, scripts))


async def _apply(url: str, scripts: tuple[Script, ...]) -> int:
    from backstay.dialects.migrate.apply import apply as carry_out

    count = 0
    async for script in carry_out(url, scripts):
        say(f"applied {script.revision}", "green")
        count += 1
    if count == 0:
        say("Nothing to apply.")
    return 0


def _show_sql(loaded: Loaded, scripts: tuple[Script, ...]) -> int:
    from backstay.dialects.migrate.apply import show_sql

    settings = loaded.app.settings
    applied = asyncio.run(run(settings.database, read_applied, writing=False))
    pending = [script for script in scripts if script.revision not in applied]
    engine = connect(settings.database, settings=settings, metadata=loaded.app.schema.metadata)
    say(show_sql(pending, engine.database.sql).rstrip())
    return 0


def _up_to(scripts: tuple[Script, ...], name: str | None) -> tuple[Script, ...]:
    if name is None:
        return scripts
    found = [index for index, script in enumerate(scripts) if script.revision.startswith(name)]
    if len(found) != 1:
        names = ", ".join(script.revision for script in scripts) or "none"
        raise DeclarationError(f"{name!r} is not one migration.", hint=f"There are: {names}.")
    return scripts[: found[0] + 1]


def status(file: str | None = None, /, *, database: str | None = None) -> int:
    """Tell whether the database is behind. The exit code is 1 when it is.

    Parameters
    ----------
    file
        The application.
    database
        The database's URL.
    """
    loaded = _load(file, database)
    folder = loaded.folder / FOLDER
    app = loaded.app
    behind = asyncio.run(find_behind(app.settings.database, app.schema.metadata, folder))
    if not behind:
        say("The database is up to date.", "green")
        return 0
    say(f"The database is behind: {behind}.", "yellow")
    say(f"backstay migrate apply {loaded.shown}" if behind.scripts else f'backstay migrate new "first" {loaded.shown}')
    return 1


def history(file: str | None = None, /, *, database: str | None = None) -> int:
    """List the migrations, and when each was applied to the database.

    Parameters
    ----------
    file
        The application.
    database
        The database's URL.
    """
    loaded = _load(file, database)
    scripts = read_scripts(loaded.folder / FOLDER)
    applied = asyncio.run(run(loaded.app.settings.database, read_applied, writing=False))
    for script in scripts:
        when = applied.pop(script.revision, None)
        say(f"{script.revision}  {f'{when:%Y-%m-%d %H:%M:%S} UTC' if when else 'not applied'}  {script.message}")
    for revision, when in applied.items():
        say(f"{revision}  {when:%Y-%m-%d %H:%M:%S} UTC  (applied there, but not here)", "yellow")
    if not scripts and not applied:
        say("There are no migrations.")
    return 0


def _load(file: str | None, database: str | None) -> Loaded:
    loaded = load(file)
    loaded.app.configure(database=database)
    return loaded
