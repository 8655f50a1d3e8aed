"""``backstay dev``: an application under development, served and kept in step."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from backstay.cli.dev.watch import follow, watch
from backstay.cli.load import choose


def dev(
    file: str | None = None,
    /,
    *,
    port: int = 8000,
    host: str = "127.0.0.1",
    database: str | None = None,
    reload: bool = True,
    allow_loss: Annotated[bool, Parameter(negative="")] = False,
    parent: Annotated[int, Parameter(show=False)] = 0,
    again: Annotated[bool, Parameter(show=False, negative="")] = False,
) -> int:
    """Serve an application for development.

    It makes keys and remembers them in .backstay/dev.toml, brings the database in step with the models, and starts
    anew whenever a Python file beside the application changes.

    Parameters
    ----------
    file
        The application.
    port
        The port to listen on.
    host
        The address to listen on.
    database
        The database's URL, instead of the one that the settings or the application give.
    reload
        Start anew when a file changes.
    allow_loss
        Bring the database in step even where that drops columns or converts what they hold.
    """
    if reload and not parent:
        options = ["--port", str(port), "--host", host]
        options += ["--database", database] if database is not None else []
        options += ["--allow-loss"] if allow_loss else []
        return watch(file if file is not None else choose(), options)
    if parent:
        follow(parent)
    # The process that only watches needs none of this.
    from backstay.cli.dev.run import run

    run(file, host=host, port=port, database=database, allow_loss=allow_loss, again=again)
    return 0
