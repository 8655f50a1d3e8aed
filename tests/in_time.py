"""What must be done within some seconds, told apart from what is late because the machine stood still.

What the product makes slow is slow each time; a machine that others share stalls now and then. So what a time is
promised for is tried up to three times, each time with a subject of its own, and the quickest try counts::

    for watch in in_time(1.0):
        person = sign_up()
        ban(person)
        with watch:
            while is_let_in(person):
                watch.check()
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Iterator
from typing import Self

TRIES = 3
HANGING = 60.0
"""Seconds after which nobody waits for what should be done long since."""


class Watch:
    """Takes the time of one try: of what is done ``with`` it."""

    def __init__(self) -> None:
        self.took = math.inf
        self._began = 0.0

    def __enter__(self) -> Self:
        self._began = time.monotonic()
        return self

    def __exit__(self, *_: object) -> None:
        self.took = time.monotonic() - self._began

    def check(self) -> None:
        """See that what is waited for does not hang."""
        assert time.monotonic() - self._began < HANGING, "it does not happen"


def in_time(seconds: float) -> Iterator[Watch]:
    """A watch for each try, until one was done in time; one of them must be."""
    tries: list[Watch] = []
    for _ in range(TRIES):
        tries.append(Watch())
        yield tries[-1]
        if tries[-1].took <= seconds:
            return
    raise AssertionError(f"not within {seconds} s, but {', '.join(f'{watch.took:.2f} s' for watch in tries)}")


async def until(condition: Callable[[], object], watch: Watch | None = None) -> None:
    """Wait until it is so."""
    with watch or Watch() as waiting:
        while not condition():
            waiting.check()
            await asyncio.sleep(0.01)
