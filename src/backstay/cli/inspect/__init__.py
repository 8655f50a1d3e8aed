"""``backstay inspect``: an existing database, written down as models and resources."""

from __future__ import annotations

import asyncio

from backstay.cli.inspect.program import write_models
from backstay.cli.report import say


def inspect(url: str, /, *, schema: str | None = None) -> int:
    """Write models and resources for an existing database, to be redirected into a file.

    Every rule is left for you to fill in: until then only the secret key sees anything.

    Parameters
    ----------
    url
        The database's URL.
    schema
        The schema to read; without it, the default one.
    """
    say(asyncio.run(write_models(url, schema)))
    return 0
