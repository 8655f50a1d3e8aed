"""The library on each database, once for all cases; with other settings where a case asks for them."""

from __future__ import annotations

import contextlib
import tomllib
from collections.abc import Iterator

import pytest

from compliance.rest.stock import Library


class Libraries:
    """One library, behind a door for each set of settings.

    Arguments:
        url: an empty database.
        doors: closes the doors.
    """

    def __init__(self, url: str, doors: contextlib.ExitStack) -> None:
        self.database = url.partition(":")[0]
        self._url = url
        self._doors = doors
        self._open: dict[str, Library] = {}

    def door(self, settings: str = "") -> Library:
        """The door of the application with these settings (as TOML, separated by blanks), its rows as they began."""
        if "" not in self._open:
            self._open[""] = self._doors.enter_context(Library(self._url))
        if settings not in self._open:
            read = tomllib.loads("\n".join(settings.split()))
            self._open[settings] = self._doors.enter_context(Library(self._url, **read))
        for door in self._open.values():
            door.restore()
        return self._open[settings]


@pytest.fixture(scope="module")
def libraries(module_database_url: str) -> Iterator[Libraries]:
    """The library on an empty database."""
    with contextlib.ExitStack() as doors:
        yield Libraries(module_database_url, doors)
