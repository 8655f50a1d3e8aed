"""``run(FILE)``: keys, checks, tables, then the server, all in this process."""

from __future__ import annotations

import asyncio
import contextlib
import signal

from backstay.cli.check import find_all
from backstay.cli.dev.greet import greet
from backstay.cli.dev.remember import remember_keys
from backstay.cli.load import Loaded, load
from backstay.cli.report import say, show_finding
from backstay.dialects.migrate.scripts import FOLDER
from backstay.dialects.migrate.step import bring_in_step
from backstay.errors import DeclarationError
from backstay.observe import start_logging
from backstay.server.serve import serving


def run(
    file: str | None,
    *,
    host: str,
    port: int,
    database: str | None = None,
    allow_loss: bool = False,
    again: bool = False,
) -> None:
    """Serve an application for development, until SIGINT or SIGTERM.

    Arguments:
        file: FILE.
        host, port: where to listen.
        database: the database's URL, where the command line gives one.
        allow_loss: see :func:`backstay.dialects.migrate.step.bring_in_step`.
        again: it was served a moment ago, so the greeting is short.
    """
    loaded = load(file)
    loaded.app.configure(database=database)
    prepare(loaded)
    asyncio.run(_serve(loaded, host=host, port=port, allow_loss=allow_loss, again=again))


def prepare(loaded: Loaded) -> None:
    """Give an application its keys, and say what is unwise about it.

    Raises:
        DeclarationError: with everything that is wrong.
    """
    remember_keys(loaded)
    findings = find_all(loaded.app)
    errors = [finding for finding in findings if finding.is_error]
    if errors:
        raise DeclarationError(findings=findings)
    for finding in findings:
        show_finding(finding)


async def bring_database_in_step(loaded: Loaded, *, allow_loss: bool = False) -> None:
    """Make the tables hold what the models declare, and say what was done and what was left."""
    app = loaded.app
    # A database in memory is a file of this process's own: only the open one knows where it is.
    url: str = getattr(app.assembly.engine.database, "url", app.settings.database)
    steps = await bring_in_step(url, app.schema.metadata, loaded.folder / FOLDER, allow_loss=allow_loss)
    for line in steps.done:
        say(line, "green")
    for line in steps.left:
        say(f"left undone: {line}", "yellow")
    if steps.lossy:
        say(f"    It would lose data. If you mean it: backstay dev {loaded.shown} --allow-loss", "yellow")


async def _serve(loaded: Loaded, *, host: str, port: int, allow_loss: bool, again: bool) -> None:
    await bring_database_in_step(loaded, allow_loss=allow_loss)
    start_logging(loaded.app.settings.log_level)
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # Windows: Ctrl-C raises KeyboardInterrupt instead
            loop.add_signal_handler(number, stopped.set)
    async with serving(loaded.app, host=host, port=port) as address:
        if again:
            say(f"serving again on {address}", "green")
        else:
            greet(loaded, address)
        await stopped.wait()
