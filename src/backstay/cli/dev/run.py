"""``run(FILE)``: keys, checks, tables, then the server, all in this process."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Mapping
from typing import Final

from backstay.app import Backstay
from backstay.cli.check import find_all
from backstay.cli.dev.greet import greet
from backstay.cli.dev.mailbox import open_mailbox
from backstay.cli.dev.remember import remember_keys
from backstay.cli.load import Loaded, load
from backstay.cli.report import say, show_finding
from backstay.dialects.migrate.scripts import FOLDER
from backstay.dialects.migrate.step import bring_in_step
from backstay.errors import DeclarationError
from backstay.observe import start_logging
from backstay.server.serve import serving

_NAMES: Final[Mapping[str, str]] = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "::1": "[::1]"}
"""What a browser of this machine calls the addresses that are listened on."""


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
    mailbox = open_mailbox(loaded.app)
    if loaded.app.auth is not None and port and not loaded.app.settings.public_url:
        # Links in mails have to lead back here.
        loaded.app.configure(public_url=f"http://{_NAMES.get(host, host)}:{port}")
    if loaded.app.auth is not None and loaded.app.settings.public_url:
        loaded.app.configure(pages=True)

    def hello(address: str) -> None:
        if again:
            say(f"serving again on {address}", "green")
        else:
            greet(loaded, address, mailbox=mailbox)

    async def bring_and_serve() -> None:
        await bring_database_in_step(loaded, allow_loss=allow_loss)
        await serve_until_stopped(loaded.app, host=host, port=port, hello=hello)

    asyncio.run(bring_and_serve())


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


async def serve_until_stopped(app: Backstay, *, host: str, port: int, hello: Callable[[str], None]) -> None:
    """Serve within this event loop until SIGINT or SIGTERM.

    Arguments:
        app: the application.
        host, port: where to listen.
        hello: is told the address when the application answers there.
    """
    start_logging(app.settings.log_level)
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # Windows: Ctrl-C raises KeyboardInterrupt instead
            loop.add_signal_handler(number, stopped.set)
    async with serving(app, host=host, port=port) as address:
        hello(address)
        await stopped.wait()
