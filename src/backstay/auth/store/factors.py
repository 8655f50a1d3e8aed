"""Second factors, passkeys and the challenges that they answer, as rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Final, NamedTuple
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from backstay.auth.store.tables import Tables
from backstay.errors import FactorNotFound

LIFE: Final = timedelta(minutes=5)
"""How long a challenge can be answered."""
MOST_TRIES: Final = 5
"""Wrong answers after which a challenge is worth nothing any more."""


class Kind(Enum):
    """What a factor is. ``PASSKEY`` signs in by itself, so it is told apart from the second factors."""

    TOTP = "totp"
    PHONE = "phone"
    WEBAUTHN = "webauthn"
    PASSKEY = "passkey"


class Status(Enum):
    """Whether a factor has proven once that its user has it."""

    UNVERIFIED = "unverified"
    VERIFIED = "verified"


class Count(NamedTuple):
    """How many recovery codes a user has: in all, and of those that are still good."""

    total: int
    remaining: int


# Factors -----------------------------------------------------------------------------------------------------


async def add(
    db: AsyncSession, tables: Tables, user_id: Any, kind: Kind, now: datetime, *, status: Status, **more: Any
) -> sa.RowMapping:
    """A new factor of a user.

    Arguments:
        db, tables: where.
        user_id: whose.
        kind: what it is.
        now: when.
        status: whether it is proven already.
        more: further columns; ``id`` where it had to be known before.
    """
    values = {
        "id": uuid4(),
        "user_id": user_id,
        "kind": kind.value,
        "status": status.value,
        "created_at": now,
        "updated_at": now,
        **more,
    }
    made = await db.execute(sa.insert(tables.factors).values(values).returning(*tables.factors.columns))
    return made.mappings().one()


async def find(db: AsyncSession, tables: Tables, user_id: Any, factor_id: UUID) -> sa.RowMapping | None:
    """A factor of a user; None where they have no such one."""
    factors = tables.factors
    query = sa.select(factors).where(factors.c.id == factor_id, factors.c.user_id == user_id)
    return (await db.execute(query)).mappings().first()


async def find_key(db: AsyncSession, tables: Tables, credential_id: str) -> sa.RowMapping | None:
    """The passkey with the id that its authenticator gave it."""
    factors = tables.factors
    return (await db.execute(sa.select(factors).where(factors.c.credential_id == credential_id))).mappings().first()


async def all_of(db: AsyncSession, tables: Tables, user_id: Any, *kinds: Kind) -> Sequence[sa.RowMapping]:
    """A user's factors of some kinds, the oldest first."""
    factors = tables.factors
    wanted = [kind.value for kind in kinds]
    query = sa.select(factors).where(factors.c.user_id == user_id, factors.c.kind.in_(wanted))
    return (await db.execute(query.order_by(factors.c.created_at, factors.c.id))).mappings().all()


async def change(db: AsyncSession, tables: Tables, factor_id: UUID, now: datetime, **values: Any) -> sa.RowMapping:
    """Set columns of a factor; the row as it is then.

    Raises:
        FactorNotFound: it was removed meanwhile.
    """
    factors = tables.factors
    changed = await db.execute(
        sa.update(factors).where(factors.c.id == factor_id).values(updated_at=now, **values).returning(*factors.columns)
    )
    found = changed.mappings().first()
    if found is None:
        raise FactorNotFound
    return found


async def take_step(db: AsyncSession, tables: Tables, factor_id: UUID, step: int) -> bool:
    """Remember the step of a code that was shown; whether it is later than any before, so that a code is good once."""
    factors = tables.factors
    taken = await db.execute(
        sa.update(factors)
        .where(factors.c.id == factor_id, sa.or_(factors.c.last_step.is_(None), factors.c.last_step < step))
        .values(last_step=step)
        .returning(factors.c.id)
    )
    return taken.first() is not None


async def remove(db: AsyncSession, tables: Tables, *which: sa.ColumnElement[bool]) -> Sequence[UUID]:
    """Delete the factors that conditions name, with their challenges; their ids."""
    gone = await db.execute(sa.delete(tables.factors).where(*which).returning(tables.factors.c.id))
    return gone.scalars().all()


async def has_verified(db: AsyncSession, tables: Tables, user_id: Any) -> bool:
    """Whether a user has a second factor that is proven."""
    factors = tables.factors
    query = sa.select(factors.c.id).where(
        factors.c.user_id == user_id,
        factors.c.status == Status.VERIFIED.value,
        factors.c.kind != Kind.PASSKEY.value,
    )
    return (await db.execute(query.limit(1))).first() is not None


# Challenges --------------------------------------------------------------------------------------------------


async def challenge(
    db: AsyncSession,
    tables: Tables,
    now: datetime,
    *,
    kind: Kind,
    address: str,
    user_id: Any = None,
    factor_id: UUID | None = None,
    challenge_id: UUID | None = None,
    **more: Any,
) -> sa.RowMapping:
    """A new challenge. Those that have had their time are swept away with it.

    Arguments:
        db, tables: where.
        now: when.
        kind: of factor that is to answer it.
        address: whence it was asked for, so whence it must be answered.
        user_id: who is to answer it; None where the answer will tell.
        factor_id: by which factor; None where there is none yet, or any will do.
        challenge_id: its id, where that had to be known before.
        more: further columns.
    """
    challenges = tables.challenges
    if user_id is not None:
        await db.execute(sa.delete(challenges).where(challenges.c.user_id == user_id, challenges.c.expires_at <= now))
    values = {
        "id": challenge_id or uuid4(),
        "kind": kind.value,
        "user_id": user_id,
        "factor_id": factor_id,
        "address": address,
        "attempts": 0,
        "created_at": now,
        "expires_at": now + LIFE,
        **more,
    }
    made = await db.execute(sa.insert(challenges).values(values).returning(*challenges.columns))
    return made.mappings().one()


async def find_challenge(db: AsyncSession, tables: Tables, challenge_id: UUID) -> sa.RowMapping | None:
    """A challenge, whatever became of it."""
    challenges = tables.challenges
    return (await db.execute(sa.select(challenges).where(challenges.c.id == challenge_id))).mappings().first()


async def take_try(db: AsyncSession, tables: Tables, challenge_id: UUID, now: datetime) -> bool:
    """Count one answer to a challenge before it is looked at; whether there may be one.

    The count must be committed even when the answer is wrong.
    """
    challenges = tables.challenges
    taken = await db.execute(
        sa.update(challenges)
        .where(
            challenges.c.id == challenge_id,
            challenges.c.used_at.is_(None),
            challenges.c.expires_at > now,
            challenges.c.attempts < MOST_TRIES,
        )
        .values(attempts=challenges.c.attempts + 1)
        .returning(challenges.c.id)
    )
    return taken.first() is not None


async def use(db: AsyncSession, tables: Tables, challenge_id: UUID, now: datetime) -> bool:
    """Use a challenge up; whether it was not before."""
    challenges = tables.challenges
    used = await db.execute(
        sa.update(challenges)
        .where(challenges.c.id == challenge_id, challenges.c.used_at.is_(None))
        .values(used_at=now)
        .returning(challenges.c.id)
    )
    return used.first() is not None


# Recovery codes ----------------------------------------------------------------------------------------------


async def replace_recovery_codes(
    db: AsyncSession, tables: Tables, user_id: Any, digests: Sequence[str], now: datetime
) -> None:
    """Give a user new recovery codes in the place of all that they had."""
    codes = tables.recovery_codes
    await db.execute(sa.delete(codes).where(codes.c.user_id == user_id))
    rows: list[Mapping[str, Any]] = [
        {"id": uuid4(), "user_id": user_id, "digest": digest, "created_at": now} for digest in digests
    ]
    if rows:
        await db.execute(sa.insert(codes), rows)


async def use_recovery_code(db: AsyncSession, tables: Tables, user_id: Any, digest: str, now: datetime) -> bool:
    """Use a recovery code; whether it was one that is still good."""
    codes = tables.recovery_codes
    used = await db.execute(
        sa.update(codes)
        .where(codes.c.user_id == user_id, codes.c.digest == digest, codes.c.used_at.is_(None))
        .values(used_at=now)
        .returning(codes.c.id)
    )
    return used.first() is not None


async def count_recovery_codes(db: AsyncSession, tables: Tables, user_id: Any) -> Count:
    """How many recovery codes a user has."""
    codes = tables.recovery_codes
    query = sa.select(sa.func.count(), sa.func.count().filter(codes.c.used_at.is_(None)))
    total, remaining = (await db.execute(query.where(codes.c.user_id == user_id))).one()
    return Count(total, remaining)
