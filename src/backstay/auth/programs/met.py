"""Keys of programs met lately. The database is asked for each once a second at most, which is how long a key that was
revoked, or whose owner was banned, may still be used.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias

from backstay.auth.keys import digest
from backstay.auth.programs.key import read_id
from backstay.auth.programs.record import Record
from backstay.errors import InvalidKey
from backstay.schema.caller import Caller

Find: TypeAlias = Callable[[str], Awaitable[Record | None]]
"""Finds the key of an id, if there is one that may be used."""


class Guard(Protocol):
    """Keeps whoever shows many wrong keys from trying more of them."""

    def look(self) -> None:
        """Raise where too many were shown from there."""
        ...

    async def count(self) -> None:
        """Count one; raise where it is one too many."""
        ...


FRESH: Final = 0.9
"""Seconds for which what the database said of a key is taken for true."""


PATIENCE: Final = 30.0
"""Seconds for which a request may go on by what it was told: a busy database or worker makes no key a wrong one."""


@dataclass(frozen=True, slots=True)
class Known:
    """Who shows a key. Moments are seconds since 1970.

    Arguments:
        caller: who asks with it.
        until: when the database is to be asked again.
        end: when the key ends.
    """

    caller: Caller
    until: float
    end: float


class MetKeys:
    """Who shows a program's key. The keys met last are kept in memory, by their text.

    Arguments:
        find: asks the database.
        note: is told of every key that was found good, and when.
        capacity: how many are kept.
    """

    def __init__(self, find: Find, note: Callable[[Record, float], None], *, capacity: int) -> None:
        self._find = find
        self._note = note
        self._capacity = max(capacity, 2)
        self._known: OrderedDict[str, Known] = OrderedDict()
        self._asking: dict[str, asyncio.Task[None]] = {}
        self._wrong: OrderedDict[bytes, None] = OrderedDict()

    async def meet(self, shown: Iterable[str], guard: Guard) -> None:
        """Ask the database for keys that a request shows, unless it was asked just now.

        Arguments:
            shown: the keys. What cannot be one, by its checksum, reaches no database, and is not counted.
            guard: of where they come from. A key that was met here before is asked for whatever it says.

        Raises:
            BackstayError: as the guard does.
        """
        for text in shown:
            known = self._known.get(text)
            if known is not None and time.time() < known.until:
                continue
            if read_id(text) is None:
                continue
            if known is None:
                guard.look()
            await self._ask(text)
            if text not in self._known and self._is_new(text):
                await guard.count()

    def _is_new(self, text: str) -> bool:
        """Whether a wrong key was not shown before: a script that goes on with an old one is no guesser."""
        kept = digest(text)
        is_new = kept not in self._wrong
        self._wrong[kept] = None
        self._wrong.move_to_end(kept)
        while len(self._wrong) > self._capacity:
            self._wrong.popitem(last=False)
        return is_new

    def recall(self, text: str, now: float) -> Known:
        """Who shows a key that this request has just met.

        Raises:
            InvalidKey: there is no such key, or no longer.
        """
        known = self._known.get(text)
        if known is None or now >= min(known.end, known.until + PATIENCE):
            raise InvalidKey
        return known

    async def _ask(self, text: str) -> None:
        """Ask once, however many requests show the key meanwhile."""
        task = self._asking.get(text)
        if task is None:
            task = self._asking[text] = asyncio.create_task(self._look_up(text))
            task.add_done_callback(lambda done: self._asked(text, done))
        # A request that is given up does not take the answer from the others.
        await asyncio.shield(task)

    def _asked(self, text: str, done: asyncio.Task[None]) -> None:
        del self._asking[text]
        if not done.cancelled():
            done.exception()

    async def _look_up(self, text: str) -> None:
        asked = time.time()
        id = read_id(text)
        record = None if id is None else await self._find(id)
        end = None if record is None else record.end(digest(text))
        self._known.pop(text, None)
        if record is None or end is None or end <= asked:
            return
        self._note(record, asked)
        self._known[text] = Known(record.caller(), min(end, asked + FRESH), end)
        while len(self._known) > self._capacity:
            self._known.popitem(last=False)
