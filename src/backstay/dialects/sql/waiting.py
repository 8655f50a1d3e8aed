"""Reads that wait for their turn: one execution answers all that ask the very same.

That is safe because all who share it came before it began: each sees what was committed when it came, and maybe more.
Nobody joins one that has begun, for a client that has written and then reads must see its write. Callers of different
rights share nothing: what a rule asks of the caller is a parameter, or makes another text.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Generic, TypeAlias, TypeVar
from uuid import UUID

from backstay.dialects.dialect import Row

Turn = TypeVar("Turn")
Key: TypeAlias = tuple[object, ...]
Joined: TypeAlias = "asyncio.Future[list[Row] | None]"
"""One who joined: gets the rows, or None for the task of reading them."""

_EXACT: Final = frozenset({str, int, bool, bytes, UUID, type(None)})
"""The types of which equal values are the same parameter. Of others they may not be: 0.0 equals -0.0."""


def same(text: str, parameters: Sequence[Any]) -> Key | None:
    """What two reads have in common that ask the very same; None where that cannot be told from the values."""
    kinds = tuple(map(type, parameters))
    return (text, kinds, *parameters) if _EXACT.issuperset(kinds) else None


class Waiting(Generic[Turn]):
    """The reads that wait for their turn.

    Arguments:
        take: waits for the turn (a connection, say).
    """

    def __init__(self, take: Callable[[], Awaitable[Turn]]) -> None:
        self._take = take
        self._joined: dict[Key, list[Joined]] = {}

    async def fetch(
        self, text: str, parameters: Sequence[Any], run: Callable[[Turn, str, Sequence[Any]], Awaitable[list[Row]]]
    ) -> list[Row]:
        """Wait for the turn and read, or share what another one reads that waits already.

        A wait that is cancelled leaves the others theirs. An error is everybody's.

        Arguments:
            text: the statement.
            parameters: what its placeholders stand for.
            run: reads, once it is its turn.

        Raises:
            Exception: what ``take`` and ``run`` raise.
        """
        key = same(text, parameters)
        if key is None:
            return await run(await self._take(), text, parameters)
        joined = self._joined.get(key)
        if joined is not None:
            rows = await self._join(joined)
            if rows is not None:
                return rows
        else:
            joined = self._joined[key] = []
        try:
            try:
                turn = await self._take()
            finally:
                # From here on nobody joins; one that leaves the wait is followed by another.
                if self._joined.get(key) is joined:
                    del self._joined[key]
            rows = await run(turn, text, parameters)
        except Exception as error:
            _tell(joined, error)
            raise
        except BaseException:
            _hand_on(joined)
            raise
        _tell(joined, rows)
        return rows

    async def _join(self, joined: list[Joined]) -> list[Row] | None:
        mine: Joined = asyncio.get_running_loop().create_future()
        joined.append(mine)
        try:
            return await mine
        except asyncio.CancelledError:
            # It may have become the one to read in the very moment in which it left.
            if mine.done() and not mine.cancelled() and mine.exception() is None and mine.result() is None:
                _hand_on(joined)
            raise


def _tell(joined: list[Joined], outcome: list[Row] | Exception) -> None:
    for each in joined:
        if each.done():
            continue
        if isinstance(outcome, Exception):
            each.set_exception(outcome)
        else:
            each.set_result(outcome)


def _hand_on(joined: list[Joined]) -> None:
    """Have the first of those who are left read."""
    while joined:
        first = joined.pop(0)
        if not first.done():
            first.set_result(None)
            return
