"""``transact(sessions, work)``: something done in a transaction, which the database may undo for another's sake.

PostgreSQL ends one of two transactions that wait for each other (40P01), and, where a database is set to stricter
isolation, one that saw what another has changed since (40001). Nothing of it is kept then, so it is done once more.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Final, Protocol, TypeVar

from sqlalchemy.ext.asyncio import AsyncSession

from backstay.errors import DatabaseFault

T = TypeVar("T")

TIMES: Final = 4
"""How often something is done at most. PostgreSQL looks for those who wait for each other only after a second."""
_UNDONE: Final = ("40P01", "40001")
_PAUSE: Final = 0.02


class Sessions(Protocol):
    """Opens sessions of the application itself, each in a transaction of its own."""

    def __call__(self, *, readonly: bool = False) -> AbstractAsyncContextManager[AsyncSession]:
        """A session."""
        ...


async def transact(sessions: Sessions, work: Callable[[AsyncSession], Awaitable[T]]) -> T:
    """Do something in a transaction, and again where the database undid it for another's sake.

    Arguments:
        sessions: opens a session in a transaction of its own.
        work: what to do. It may be done several times, and only the last time counts: what it leaves behind outside of
            the database it leaves anew each time, and what is to be sent is sent when this is over, or by
            :func:`~backstay.auth.steps.mailing.post_when_committed`.

    Raises:
        DatabaseFault: it was undone each time.
    """
    for time in range(1, TIMES + 1):
        try:
            async with sessions() as session:
                return await work(session)
        except DatabaseFault as error:
            if error.state not in _UNDONE or time == TIMES:
                raise
        # Those who met once should not meet again.
        await asyncio.sleep(random.uniform(0, _PAUSE * time))
    raise AssertionError
