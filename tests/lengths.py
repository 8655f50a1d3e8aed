"""Answers of a few bytes, made as those of many megabytes are: row by row, through a file."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Awaitable, Callable, Iterator
from functools import partial

import pytest

from backstay import Backstay
from backstay.dialects import execute
from backstay.dialects.postgresql import emit
from backstay.dialects.rowwise import fetch, reading
from backstay.dialects.sqlite import reader
from behaviour.door import Answer, Door


@contextlib.contextmanager
def nothing_is_short(*, tried: bool = True) -> Iterator[None]:
    """Take every answer to be long: of an application that is opened and asked in here.

    ``tried``: statements are first run whole, and a database has to notice. SQLite is then held to texts of 30 bytes,
    for which some indexes for search are too long themselves.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(execute, "SHORT", -1)
        patch.setattr(reading, "_is_short", lambda rows, max_rows: False)
        if tried:
            patch.setattr(reader, "WHOLE", 1)
            patch.setattr(emit, "WHOLE", 1)
        else:
            patch.setattr(reading, "Habit", partial(reading.Habit, long=1))
        patch.setattr(fetch, "_FEW", -1)
        patch.setattr(fetch, "MOST_HELD", 0)
        yield


def open_spools() -> int:
    """How many files without a name this process holds."""
    found = 0
    for entry in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            found += os.readlink(f"/proc/self/fd/{entry}").endswith("(deleted)")
    return found


async def leave(app: Backstay) -> None:
    """Have what is there already."""


class Pair:
    """One application on one database, opened twice: one of the two takes every answer to be long."""

    def __init__(self, whole: Door, long: Door) -> None:
        self.whole = whole
        self.long = long

    def ask_long(self, method: str, url: str, caller: str = "ada", **headers: str) -> Answer:
        with nothing_is_short():
            return self.long.ask(method, url, caller=caller, **headers)

    def alike(self, method: str, url: str, caller: str = "ada", **headers: str) -> Answer:
        """The answer, having seen that it is the same twice more when it is made row by row."""
        expected = self.whole.ask(method, url, caller=caller, **headers)
        for _ in range(3):  # tried whole, remembered, and prepared
            assert self.ask_long(method, url, caller, **headers) == expected
        return expected


@contextlib.contextmanager
def opened(build: Callable[[str], Backstay], fill: Callable[[Backstay], Awaitable[None]], url: str) -> Iterator[Pair]:
    one, other = build(url), build(url)
    for each in (one, other):
        each.configure(transaction_override=True)
    with Door(one, fill) as whole, contextlib.ExitStack() as stack:
        with nothing_is_short():
            long = stack.enter_context(Door(other, leave))
        yield Pair(whole, long)
