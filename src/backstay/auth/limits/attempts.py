"""The attempts that the database counts, for all workers: one statement for each, so none can be tried in between.

The functions take a session of the application itself and the table ``auth_attempts``. A row is what is known of one
key: ``count`` attempts since ``began_at`` (for a lock: up to then), and the pause until ``blocked_until``; after
``expires_at`` nobody looks at it any more.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

# SQLite's dialect reads this clause too; the other way round it would not do.
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from backstay.auth.limits.limit import Limit, Lock

_NOTHING: Final = timedelta(0)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of an attempt.

    Arguments:
        wait: how long to wait before the next one is allowed; zero where this one is.
        is_news: whether it is the first one in its time that was refused.
        locks: until when the guess locks what it is counted by, unless it proves right; None: it does not.
    """

    wait: timedelta = _NOTHING
    is_news: bool = False
    locks: datetime | None = None


async def count_one(session: AsyncSession, attempts: sa.Table, key: str, limit: Limit, now: datetime) -> Verdict:
    """Count an attempt against a limit."""
    known = attempts.c
    over = known.began_at <= now - limit.per
    change = (
        insert(attempts)
        .values(key=key, count=1, began_at=now, expires_at=now + limit.per)
        .on_conflict_do_update(
            index_elements=[known.key],
            set_={
                "count": sa.case((over, 1), else_=known.count + 1),
                "began_at": sa.case((over, now), else_=known.began_at),
                "expires_at": now + limit.per,
            },
        )
        .returning(known.count, known.began_at)
    )
    count, began_at = (await session.execute(change)).one()
    if count <= limit.most:
        return Verdict()
    return Verdict(max(began_at + limit.per - now, timedelta(seconds=1)), is_news=count == limit.most + 1)


async def count_guess(session: AsyncSession, attempts: sa.Table, key: str, lock: Lock, now: datetime) -> Verdict:
    """Count a guess as a failure before it is known to be one, so that many at once get no further than one by one.

    Who guessed right calls :func:`forget`.
    """
    known = attempts.c
    forgotten = known.began_at <= now - lock.memory
    pauses = lock.pauses()
    number = sa.case((forgotten, 1), else_=known.count + 1)
    expires = now + max(lock.memory, lock.longest)
    first = now + pauses[0] if lock.after <= 1 else None
    pause = _pause(number, lock, now)
    change = (
        insert(attempts)
        .values(key=key, count=1, began_at=now, blocked_until=first, expires_at=expires)
        .on_conflict_do_update(
            index_elements=[known.key],
            set_={"count": number, "began_at": now, "blocked_until": pause, "expires_at": expires},
            where=sa.or_(known.blocked_until.is_(None), known.blocked_until <= now),
        )
        .returning(known.blocked_until)
    )
    counted = (await session.execute(change)).one_or_none()
    if counted is not None:
        return Verdict(locks=counted[0])
    until: datetime = (await session.execute(sa.select(known.blocked_until).where(known.key == key))).scalar_one()
    return Verdict(max(until - now, timedelta(seconds=1)))


def _pause(number: sa.ColumnElement[int], lock: Lock, now: datetime) -> sa.ColumnElement[Any]:
    pauses = lock.pauses()
    steps = [
        (number < lock.after + place + 1, sa.literal(now + pause, sa.DateTime(timezone=True)))
        for place, pause in enumerate(pauses[:-1])
    ]
    last = sa.literal(now + pauses[-1], sa.DateTime(timezone=True))
    return sa.case((number < lock.after, sa.null()), *steps, else_=last)


async def remember(session: AsyncSession, attempts: sa.Table, key: str, now: datetime, until: datetime) -> None:
    """Remember a key until then, for :func:`is_remembered`."""
    change = insert(attempts).values(key=key, count=1, began_at=now, expires_at=until)
    later = {"began_at": now, "expires_at": until}
    await session.execute(change.on_conflict_do_update(index_elements=[attempts.c.key], set_=later))


async def is_remembered(session: AsyncSession, attempts: sa.Table, key: str, now: datetime) -> bool:
    """Whether a key is remembered still."""
    query = sa.select(attempts.c.key).where(attempts.c.key == key, attempts.c.expires_at > now)
    return (await session.execute(query)).first() is not None


async def forget(session: AsyncSession, attempts: sa.Table, key: str) -> None:
    """Forget what was counted for a key."""
    await session.execute(sa.delete(attempts).where(attempts.c.key == key))


async def sweep(session: AsyncSession, attempts: sa.Table, now: datetime) -> None:
    """Remove the rows that nobody looks at any more; of an hour ago, since the clocks of workers may differ."""
    await session.execute(sa.delete(attempts).where(attempts.c.expires_at <= now - timedelta(hours=1)))
