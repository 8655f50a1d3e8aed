"""``Pulse``: something that is done again and again while the application runs."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import timedelta

from backstay.observe import RepetitionFailed, observe


class Pulse:
    """Does something again and again; what it raises is told, and does not end it.

    Arguments:
        name: what is done, for those who read logs.
        beat: what to do.
        every: how long to wait between the end of one beat and the next.
    """

    def __init__(self, name: str, beat: Callable[[], Awaitable[None]], *, every: timedelta) -> None:
        self._name = name
        self._beat = beat
        self._every = every.total_seconds()
        self._hurry = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin; the first beat comes after the first wait."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name=self._name)

    async def stop(self) -> None:
        """End, also in the midst of a beat."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def hasten(self) -> None:
        """Have the next beat come at once."""
        self._hurry.set()

    async def _run(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._every):
                    await self._hurry.wait()
            self._hurry.clear()
            try:
                await self._beat()
            except Exception as error:
                observe(RepetitionFailed(self._name, error))
