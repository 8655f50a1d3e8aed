"""The gate that every attempt to sign in passes: it counts, and refuses whoever tried too often."""

from __future__ import annotations

import hmac
import math
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Final, TypeAlias

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from backstay.auth.limits.attempts import (
    Verdict,
    count_guess,
    count_one,
    forget,
    is_remembered,
    remember,
    sweep,
)
from backstay.auth.limits.limit import Limit, Lock
from backstay.auth.limits.refused import Refused
from backstay.auth.store.transact import Sessions, transact
from backstay.errors import SignInError, TooManyRequests

Counted: TypeAlias = tuple[Limit | Lock, str]
"""What is limited, and for whom."""

Tell: TypeAlias = Callable[[AsyncSession, Limit, datetime], Awaitable[None]]
"""Is told, in the transaction that counts, of a limit that was reached, and until when it is."""

_BELIEVED: Final = timedelta(seconds=5)
"""How long a worker believes by itself that an account is locked: another one may have opened it meanwhile."""

_SWEPT_EVERY: Final = 1000
_KNOWN: Final = "known"


class Gate:
    """Counts attempts in the database, for all workers.

    Arguments:
        attempts: the table of attempts.
        sessions: opens a session of the application itself, in a transaction of its own.
        secret: names and addresses are kept only as a hash that takes this key.
    """

    def __init__(self, attempts: sa.Table, sessions: Sessions, secret: bytes) -> None:
        self._attempts = attempts
        self._sessions = sessions
        self._secret = secret
        self._refused = Refused()
        self._count = 0

    async def admit(self, now: datetime, *counted: Counted, tell: Tell | None = None) -> datetime | None:
        """Let an attempt pass, and count it.

        Arguments:
            now: the time.
            counted: what it counts against, in this order; what comes after the first refusal is not counted.
            tell: is told of a limit once in its time, by the first attempt that it refuses.

        Returns:
            until when this guess locks an account, unless it proves right; None: it does not.

        Raises:
            TooManyRequests, TooManyMails, TooManyTexts: it is one too many. ``Retry-After`` says when it will not be.
        """
        asked = self._look(now, counted)
        if not asked:
            return None

        async def count(session: AsyncSession) -> tuple[Limit | Lock, Verdict, datetime | None]:
            locks: datetime | None = None
            for what, key in asked:
                verdict = await self._count_in(session, what, key, now)
                locks = locks or verdict.locks
                if verdict.wait:
                    if tell is not None and verdict.is_news and isinstance(what, Limit):
                        await tell(session, what, now + verdict.wait)
                    break
            await self._sweep(session, now)
            return what, verdict, locks

        what, verdict, locks = await transact(self._sessions, count)
        # Raised when the count is committed: an error would undo it.
        if verdict.wait:
            raise refusal(what, verdict.wait)
        return locks

    def look(self, now: datetime, *counted: Counted) -> None:
        """Refuse at once what is known to be refused, and count nothing. Raises as :meth:`admit` does."""
        self._look(now, counted)

    def _look(self, now: datetime, counted: Sequence[Counted]) -> list[Counted]:
        """What is counted, by the keys that it is kept under."""
        asked = [(what, self._key(what.name, who)) for what, who in counted if _is_limited(what)]
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
        key = self._key(what.name, who)
        self._refused.remove(key)
        await forget(session, self._attempts, key)

    async def know(self, session: AsyncSession, who: str, now: datetime, until: datetime) -> None:
        """Know somebody until then; in the transaction of a session, as above."""
        await remember(session, self._attempts, self._key(_KNOWN, who), now, until)

    async def knows(self, who: str, now: datetime) -> bool:
        """Whether somebody is known."""
        async with self._sessions(readonly=True) as session:
            return await is_remembered(session, self._attempts, self._key(_KNOWN, who), now)

    async def _count_in(self, session: AsyncSession, what: Limit | Lock, key: str, now: datetime) -> Verdict:
        if isinstance(what, Lock):
            verdict = await count_guess(session, self._attempts, key, what, now)
            believed = min(verdict.wait, _BELIEVED)
        else:
            verdict = await count_one(session, self._attempts, key, what, now)
            believed = verdict.wait
        if verdict.wait:
            self._refused.add(key, now + believed)
        return verdict

    async def _sweep(self, session: AsyncSession, now: datetime) -> None:
        self._count += 1
        if self._count % _SWEPT_EVERY == 0:
            await sweep(session, self._attempts, now)

    def _key(self, name: str, who: str) -> str:
        return hmac.digest(self._secret, f"{name}\0{who}".encode(errors="surrogatepass"), "sha256").hex()


def refusal(what: Limit | Lock, wait: timedelta) -> SignInError:
    """The error that tells how long to wait."""
    seconds = max(1, math.ceil(wait.total_seconds()))
    message = None
    if what.refusal is not TooManyRequests:
        message = f"For security purposes, you can only request this after {seconds} seconds."
    return what.refusal(message, headers={"retry-after": str(seconds)})


def _is_limited(what: Limit | Lock) -> bool:
    return what.after > 0 if isinstance(what, Lock) else what.most > 0
