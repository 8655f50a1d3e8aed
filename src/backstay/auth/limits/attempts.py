"""The attempts that the database counts, for all workers: one statement for each, so none can be tried in between.

The functions take a session of the application itself and the table ``auth_attempts``. A row is what is known of one
key: ``count`` attempts since ``began_at`` (for a lock: up to then), and the pause until ``blocked_until``.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

# SQLite's dialect reads this clause too; the other way round it would not do.
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from backstay.auth.limits.limit import Limit, Lock

_NOTHING = timedelta(0)


async def count_one(session: AsyncSession, attempts: sa.Table, key: str, limit: Limit, now: datetime) -> timedelta:
    """Count an attempt against a limit.

    Returns:
        how long to wait before the next one is allowed; zero where this one is.
    """
    known = attempts.c
    over = known.began_at <= now - limit.per
    change = (
        insert(attempts)
        .values(key=key, count=1, began_at=now)
        .on_conflict_do_update(
            index_elements=[known.key],
            set_={
                "count": sa.case((over, 1), else_=known.count + 1),
                "began_at": sa.case((over, now), else_=known.began_at),
            },
        )
        .returning(known.count, known.began_at)
    )
    count, began_at = (await session.execute(change)).one()
    return _NOTHING if count <= limit.most else max(began_at + limit.per - now, timedelta(seconds=1))


async def count_guess(session: AsyncSession, attempts: sa.Table, key: str, lock: Lock, now: datetime) -> timedelta:
    """Count a guess as a failure before it is known to be one, so that many at once get no further than one by one.

    Who guessed right calls :func:`forget`.

    Returns:
        how long to wait before guessing; zero where this guess may be checked.
    """
    known = attempts.c
    forgotten = known.began_at <= now - lock.memory
    pauses = lock.pauses()
    number = sa.case((forgotten, 1), else_=known.count + 1)
    change = (
        insert(attempts)
        .values(key=key, count=1, began_at=now, blocked_until=now + pauses[0] if lock.after <= 1 else None)
        .on_conflict_do_update(
            index_elements=[known.key],
            set_={"count": number, "began_at": now, "blocked_until": _pause(number, lock, now)},
            where=sa.or_(known.blocked_until.is_(None), known.blocked_until <= now),
        )
        .returning(known.count)
    )
    if (await session.execute(change)).one_or_none() is not None:
        return _NOTHING
    until: datetime = (await session.execute(sa.select(known.blocked_until).where(known.key == key))).scalar_one()
    return max(until - now, timedelta(seconds=1))


def _pause(number: sa.ColumnElement[int], lock: Lock, now: datetime) -> sa.ColumnElement[Any]:
    pauses = lock.pauses()
    steps = [
        (number < lock.after + place + 1, sa.literal(now + pause, sa.DateTime(timezone=True)))
        for place, pause in enumerate(pauses[:-1])
    ]
    last = sa.literal(now + pauses[-1], sa.DateTime(timezone=True))
    return sa.case((number < lock.after, sa.null()), *steps, else_=last)


async def forget(session: AsyncSession, attempts: sa.Table, key: str) -> None:
    """Forget what was counted for a key."""
    await session.execute(sa.delete(attempts).where(attempts.c.key == key))


async def sweep(session: AsyncSession, attempts: sa.Table, now: datetime, memory: timedelta) -> None:
    """Remove the rows that no limit looks at any more.

    Arguments:
        memory: the longest time that any limit or lock looks back.
    """
    await session.execute(sa.delete(attempts).where(attempts.c.began_at <= now - memory - timedelta(hours=1)))
