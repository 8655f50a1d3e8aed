"""The gate that every attempt to sign in passes: it counts, and refuses whoever tried too often."""

from __future__ import annotations

import hmac
import math
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Final, TypeAlias

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from backstay.auth.limits.attempts import count_guess, count_one, forget, sweep
from backstay.auth.limits.limit import Limit, Lock
from backstay.auth.limits.refused import Refused
from backstay.errors import SignInError, TooManyRequests

Counted: TypeAlias = tuple[Limit | Lock, str]
"""What is limited, and for whom."""

Sessions: TypeAlias = Callable[[], AbstractAsyncContextManager[AsyncSession]]

_BELIEVED: Final = timedelta(seconds=5)
"""How long a worker believes by itself that an account is locked: another one may have opened it meanwhile."""

_SWEPT_EVERY: Final = 1000


class Gate:
    """Counts attempts in the database, for all workers.

    Arguments:
        attempts: the table of attempts.
        sessions: opens a session of the application itself, in a transaction of its own.
        secret: names and addresses are kept only as a hash that takes this key.
        memory: the longest time that any limit or lock looks back.
    """

    def __init__(self, attempts: sa.Table, sessions: Sessions, secret: bytes, memory: timedelta) -> None:
        self._attempts = attempts
        self._sessions = sessions
        self._secret = secret
        self._memory = memory
        self._refused = Refused()
        self._count = 0

    async def admit(self, now: datetime, *counted: Counted) -> None:
        """Let an attempt pass, and count it.

        Arguments:
            now: the time.
            counted: what it counts against, in this order; what comes after the first refusal is not counted.

        Raises:
            TooManyRequests, TooManyMails, TooManyTexts: it is one too many. ``Retry-After`` says when it will not be.
        """
        asked = self._look(now, counted)
        if not asked:
            return
        refused: tuple[Limit | Lock, timedelta] | None = None
        async with self._sessions() as session:
            for what, key in asked:
                wait = await self._count_in(session, what, key, now)
                if wait:
                    refused = what, wait
                    break
            await self._sweep(session, now)
        # Raised when the count is committed: an error would undo it.
        if refused is not None:
            raise refusal(*refused)

    def look(self, now: datetime, *counted: Counted) -> None:
        """Refuse at once what is known to be refused, and count nothing. Raises as :meth:`admit` does."""
        self._look(now, counted)

    def _look(self, now: datetime, counted: Sequence[Counted]) -> list[Counted]:
        """What is counted, by the keys that it is kept under."""
        asked = [(what, self._key(what, who)) for what, who in counted if _is_limited(what)]
        for what, key in asked:
            wait = self._refused.wait(key, now)
            if wait:
                raise refusal(what, wait)
        return asked

    async def forgive(self, session: AsyncSession, what: Lock, who: str) -> None:
        """Forget the guesses that were counted for somebody, who has shown that they are it.

        Arguments:
            session: of the application itself; it forgets when this one's transaction is committed.
        """
        key = self._key(what, who)
        self._refused.remove(key)
        await forget(session, self._attempts, key)

    async def _count_in(self, session: AsyncSession, what: Limit | Lock, key: str, now: datetime) -> timedelta:
        if isinstance(what, Lock):
            wait = await count_guess(session, self._attempts, key, what, now)
            if wait:
                self._refused.add(key, now + min(wait, _BELIEVED))
            return wait
        wait = await count_one(session, self._attempts, key, what, now)
        if wait:
            self._refused.add(key, now + wait)
        return wait

    async def _sweep(self, session: AsyncSession, now: datetime) -> None:
        self._count += 1
        if self._count % _SWEPT_EVERY == 0:
            await sweep(session, self._attempts, now, self._memory)

    def _key(self, what: Limit | Lock, who: str) -> str:
        return hmac.digest(self._secret, f"{what.name}\0{who}".encode(errors="surrogatepass"), "sha256").hex()


def refusal(what: Limit | Lock, wait: timedelta) -> SignInError:
    """The error that tells how long to wait."""
    seconds = max(1, math.ceil(wait.total_seconds()))
    message = None
    if what.refusal is not TooManyRequests:
        message = f"For security purposes, you can only request this after {seconds} seconds."
    return what.refusal(message, headers={"retry-after": str(seconds)})


def _is_limited(what: Limit | Lock) -> bool:
    return what.after > 0 if isinstance(what, Lock) else what.most > 0
