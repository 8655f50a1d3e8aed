"""Sessions: what begins by signing in, and lives by refresh tokens that are each used once.

A refresh token is the session's id, the number of its generation, and a tag over both under a key that is not in the
database. So none is kept, and the one that is due can be told again to a client who lost the answer.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Final
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from backstay.auth.store.tables import Tables

_ID_BYTES: Final = 16
_GENERATION_BYTES: Final = 4
# With the rest 45 bytes, which base64 writes in one way only.
_TAG_BYTES: Final = 25


class Refused(Enum):
    """Why a refresh token is not taken."""

    UNKNOWN = "there is no such session, or it is over"
    USED = "it was used before, so the session ended"
    IDLE = "the session was not used for too long"
    OLD = "the session is too old"


@dataclass(frozen=True, slots=True)
class Bounds:
    """How long sessions live.

    Arguments:
        reuse: for how long after its use a refresh token gets the same successor again; zero: never.
        idle: the longest time between two refreshes; zero: any.
        absolute: the longest life; zero: any.
    """

    reuse: timedelta
    idle: timedelta
    absolute: timedelta

    def end_of(self, session: sa.RowMapping) -> datetime | None:
        """When a session ends that nobody uses from now on; None: never."""
        last = [session["created_at"] + self.absolute] if self.absolute else []
        return min([*last, *([session["refreshed_at"] + self.idle] if self.idle else [])], default=None)


async def begin(
    db: AsyncSession,
    tables: Tables,
    user_id: Any,
    now: datetime,
    *,
    aal: int,
    amr: Sequence[Mapping[str, Any]],
    **more: Any,
) -> sa.RowMapping:
    """A new session of a user.

    Arguments:
        db, tables: where.
        user_id: whose.
        now: when it begins.
        aal: by how many factors they signed in.
        amr: by which, as tokens tell it.
        more: further columns: ``address``, ``user_agent``, ``client_id``, ``scope``.
    """
    values = {
        "id": uuid4(),
        "user_id": user_id,
        "aal": aal,
        "amr": list(amr),
        "generation": 0,
        "refreshed_at": now,
        "created_at": now,
        **more,
    }
    made = await db.execute(sa.insert(tables.sessions).values(values).returning(*tables.sessions.columns))
    return made.mappings().one()


async def find(db: AsyncSession, tables: Tables, session_id: UUID, user_id: Any) -> sa.RowMapping | None:
    """A session of a user that has not ended."""
    sessions = tables.sessions
    query = sa.select(sessions).where(
        sessions.c.id == session_id, sessions.c.user_id == user_id, sessions.c.ended_at.is_(None)
    )
    return (await db.execute(query)).mappings().first()


async def list_alive(
    db: AsyncSession, tables: Tables, user_id: Any, now: datetime, bounds: Bounds
) -> Sequence[sa.RowMapping]:
    """The sessions of a user that can still be used, the one used last first."""
    sessions = tables.sessions
    alive = [sessions.c.user_id == user_id, sessions.c.ended_at.is_(None), *_within(tables, now, bounds)]
    query = sa.select(sessions).where(*alive).order_by(sessions.c.refreshed_at.desc(), sessions.c.id)
    return (await db.execute(query)).mappings().all()


def _within(tables: Tables, now: datetime, bounds: Bounds) -> list[sa.ColumnElement[bool]]:
    sessions = tables.sessions
    idle = [sessions.c.refreshed_at >= now - bounds.idle] if bounds.idle else []
    return [*idle, *([sessions.c.created_at >= now - bounds.absolute] if bounds.absolute else [])]


async def rotate(
    db: AsyncSession, tables: Tables, session_id: UUID, generation: int, now: datetime, bounds: Bounds
) -> sa.RowMapping | Refused:
    """Use a refresh token: the session with its next generation, in one statement, so that two never both do.

    A token used again within ``bounds.reuse`` gets what its first use got. Any other use of an old one ends the
    session; the caller commits that, and tells the error then.
    """
    sessions = tables.sessions
    alive = [sessions.c.id == session_id, sessions.c.ended_at.is_(None), *_within(tables, now, bounds)]
    rotated = await db.execute(
        sa.update(sessions)
        .where(*alive, sessions.c.generation == generation)
        .values(generation=generation + 1, refreshed_at=now)
        .returning(*sessions.columns)
    )
    row = rotated.mappings().first()
    if row is not None:
        return row
    found = (await db.execute(sa.select(sessions).where(sessions.c.id == session_id))).mappings().first()
    if found is None:
        return Refused.UNKNOWN
    if found["ended_at"] is not None:
        return Refused.USED if found["ended_by"] == Refused.USED.name else Refused.UNKNOWN
    if bounds.absolute and found["created_at"] < now - bounds.absolute:
        return Refused.OLD
    if bounds.idle and found["refreshed_at"] < now - bounds.idle:
        return Refused.IDLE
    # Who comes at the same moment may have a clock that is behind: without any reuse that is no excuse.
    if bounds.reuse and found["generation"] == generation + 1 and found["refreshed_at"] >= now - bounds.reuse:
        return found
    await end(db, tables, sessions.c.id == session_id, now, by=Refused.USED.name)
    return Refused.USED


async def strengthen(
    db: AsyncSession, tables: Tables, session_id: UUID, now: datetime, *, amr: Sequence[Mapping[str, Any]]
) -> sa.RowMapping | None:
    """Note that a second factor was shown in a session; None where it has ended.

    It skips a generation, so the refresh token that the first factor gave is worth nothing from now on, not even a
    lost answer.
    """
    sessions = tables.sessions
    changed = await db.execute(
        sa.update(sessions)
        .where(sessions.c.id == session_id, sessions.c.ended_at.is_(None))
        .values(aal=2, amr=list(amr), generation=sessions.c.generation + 2, refreshed_at=now)
        .returning(*sessions.columns)
    )
    return changed.mappings().first()


async def weaken(db: AsyncSession, tables: Tables, user_id: Any) -> None:
    """Note in a user's sessions that no second factor of theirs counts any more."""
    sessions = tables.sessions
    await db.execute(sa.update(sessions).where(sessions.c.user_id == user_id).values(aal=1))


async def end(db: AsyncSession, tables: Tables, which: sa.ColumnElement[bool], now: datetime, *, by: str) -> list[UUID]:
    """End the sessions that a condition names, in so far as they have not ended; their ids.

    Arguments:
        db, tables: where.
        which: a condition on the table of sessions.
        now: when.
        by: what ended them.
    """
    sessions = tables.sessions
    ended = await db.execute(
        sa.update(sessions)
        .where(which, sessions.c.ended_at.is_(None))
        .values(ended_at=now, ended_by=by)
        .returning(sessions.c.id)
    )
    return list(ended.scalars())


# Refresh tokens ----------------------------------------------------------------------------------------------


def write_refresh_token(key: bytes, session_id: UUID, generation: int) -> str:
    """The refresh token of a session's generation."""
    content = session_id.bytes + generation.to_bytes(_GENERATION_BYTES, "big")
    return base64.urlsafe_b64encode(content + _tag(key, content)).decode().rstrip("=")


def read_refresh_token(key: bytes, token: str) -> tuple[UUID, int] | None:
    """The session and the generation of a refresh token; None for one that was not written with this key."""
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except ValueError:
        return None
    size = _ID_BYTES + _GENERATION_BYTES
    content, tag = raw[:size], raw[size:]
    if len(raw) != size + _TAG_BYTES or not hmac.compare_digest(tag, _tag(key, content)):
        return None
    return UUID(bytes=content[:_ID_BYTES]), int.from_bytes(content[_ID_BYTES:], "big")


def _tag(key: bytes, content: bytes) -> bytes:
    return hmac.digest(key, content, "sha256")[:_TAG_BYTES]
