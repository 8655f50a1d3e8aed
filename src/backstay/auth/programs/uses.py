"""When keys of programs were used last: gathered in memory, and written now and then in one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeAlias

from backstay.auth.programs.record import Record
from backstay.observe import RepetitionFailed, observe

Write: TypeAlias = Callable[[Mapping[str, float]], Awaitable[None]]
"""Writes when keys were used: seconds since 1970, by id."""

EXACT: Final = 60.0
"""Seconds by which what is written may lag behind."""


class Uses:
    """What is to be written of the keys' last uses.

    Arguments:
        write: writes it. It is never awaited on the way of a request.
        delay: seconds for which uses are gathered.
    """

    def __init__(self, write: Write, *, delay: float = 2.0) -> None:
        self._write = write
        self._delay = delay
        self._used: dict[str, float] = {}
        self._writing: asyncio.Task[None] | None = None

    def note(self, record: Record, now: float) -> None:
        """A key was used; nothing is written where that is known by the minute."""
        if record.used is not None and now - record.used < EXACT:
            return
        self._used[record.id] = now
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_soon())

    async def stop(self) -> None:
        """Write what is left."""
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.wait([self._writing])
        await self._write_all()

    async def _write_soon(self) -> None:
        while self._used:
            await asyncio.sleep(self._delay)
            await self._write_all()

    async def _write_all(self) -> None:
        used, self._used = self._used, {}
        if not used:
            return
        try:
            await self._write(used)
        except Exception as error:
            # A use that is not written is told by the next one: nobody waits for it.
            observe(RepetitionFailed("writing when API keys were used last", error))
