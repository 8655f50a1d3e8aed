"""``backstay config``: every setting, with its value, its default, and where it comes from."""

from __future__ import annotations

import os
import re
import tomllib
from dataclasses import Field
from datetime import timedelta
from pathlib import Path
from typing import Any

from rich.table import Table

from backstay.cli.load import load, show_path
from backstay.cli.report import console
from backstay.settings import SETTINGS, Settings


def config(file: str | None = None, /, *, database: str | None = None) -> int:
    """Print every setting: its value, its default, and where it comes from. Secrets are masked.

    Parameters
    ----------
    file
        The application.
    database
        The database's URL, as the other commands take it.
    """
    loaded = load(file)
    loaded.app.configure(database=database)
    settings = loaded.app.settings
    table = Table(box=None, pad_edge=False, header_style="bold")
    for head in ("Setting", "Value", "Default", "From"):
        table.add_column(head, overflow="fold")
    for entry in SETTINGS:
        value = getattr(settings, entry.name)
        shown = _shown(entry, value)
        table.add_row(entry.name, shown, _shown(entry, entry.default), _origin(entry, settings, database))
    console().print(table)
    return 0


def _origin(entry: Field[Any], settings: Settings, database: str | None) -> str:
    variable = f"BACKSTAY_{entry.name.upper()}"
    config = os.environ.get("BACKSTAY_CONFIG")
    if entry.name == "database" and database is not None:
        return "--database"
    if variable in os.environ:
        return variable
    if config is not None and entry.name in tomllib.loads(Path(config).read_text(encoding="utf-8")):
        return show_path(config)
    return "default" if getattr(settings, entry.name) == entry.default else "the application"


def _shown(entry: Field[Any], value: Any) -> str:
    if entry.metadata["secret"]:
        value = mask(str(value))
    match value:
        case timedelta():
            return f"{value.total_seconds():g} s"
        case bool():
            return str(value).lower()
        case tuple():
            return ",".join(value)
        case _:
            return str(value)


def mask(secret: str) -> str:
    """A secret as it may be shown: a URL without its password, of anything else only that it is there."""
    if "://" not in secret:
        return "set" if secret else ""
    shown = re.sub(r"(://[^/@:]*):[^/]*@", r"\1:***@", secret)
    return re.sub(r"(?i)((?:password|passfile|sslpassword)=)[^&]*", r"\1***", shown)
