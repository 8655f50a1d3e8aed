"""Codes and links: what is sent to an address to prove that it is somebody's. Each is good once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Final
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from backstay.auth.secret import digest, keyed_digest, make_code, make_token
from backstay.auth.store.tables import Tables

MOST_ATTEMPTS: Final = 5
"""Wrong guesses after which a code is worth nothing any more; the link that came with it still is."""
PKCE_PREFIX: Final = "pkce_"


class Purpose(Enum):
    """What a code is sent for."""

    SIGN_UP = "signup"
    MAGIC_LINK = "magiclink"
    RECOVERY = "recovery"
    INVITE = "invite"
    EMAIL_CHANGE_CURRENT = "email_change_current"
    EMAIL_CHANGE_NEW = "email_change_new"
    REAUTHENTICATION = "reauthentication"
    PHONE = "sms"
    PHONE_CHANGE = "phone_change"


@dataclass(frozen=True, slots=True, repr=False)
class Sent:
    """A new code and the token of its link, as they are sent; they are kept as hashes alone."""

    code: str
    token: str


async def make(
    db: AsyncSession,
    tables: Tables,
    key: bytes,
    user_id: Any,
    purpose: Purpose,
    sent_to: str,
    now: datetime,
    *,
    code_life: timedelta,
    link_life: timedelta,
    flow_id: UUID | None = None,
    password: str | None = None,
) -> Sent:
    """A new code and link for a user, in the place of the code that was sent for the same purpose before.

    The earlier links stay good: mail overtakes mail.

    Arguments:
        db, tables: where.
        key: the key under which codes are hashed.
        user_id: whose address it is to prove.
        purpose: what for.
        sent_to: the address.
        now: when.
        code_life, link_life: how long the two are good.
        flow_id: the flow that a browser left for; the link then leads back to it.
        password: the hash of a password that the proof brings into force.
    """
    codes = tables.codes
    await db.execute(
        sa.update(codes)
        .where(codes.c.user_id == user_id, codes.c.purpose == purpose.value, codes.c.used_at.is_(None))
        .values(code_digest=None)
    )
    code, token = make_code(), make_token()
    if flow_id is not None:
        token = PKCE_PREFIX + token
    await db.execute(
        sa.insert(codes).values(
            id=uuid4(),
            user_id=user_id,
            purpose=purpose.value,
            sent_to=sent_to,
            link_digest=digest(token),
            code_digest=_hash(key, purpose, sent_to, code),
            attempts=0,
            password=password,
            flow_id=flow_id,
            created_at=now,
            code_expires_at=now + min(code_life, link_life),
            expires_at=now + link_life,
        )
    )
    return Sent(code, token)


async def redeem_link(
    db: AsyncSession, tables: Tables, token: str, purposes: Iterable[Purpose], now: datetime
) -> sa.RowMapping | None:
    """Use the link with a token, if it is still good and for one of these purposes; its row."""
    codes = tables.codes
    which = codes.c.link_digest == digest(token)
    await _hold_users(db, tables, which)
    return await _redeem(db, tables, now, which, codes.c.expires_at > now, purposes)


async def redeem_code(
    db: AsyncSession, tables: Tables, key: bytes, sent_to: str, code: str, purposes: Iterable[Purpose], now: datetime
) -> sa.RowMapping | None:
    """Use a code that was sent to an address, if it is still good; its row.

    A wrong guess counts against every code of these purposes that was sent there, so it must be committed.
    """
    codes = tables.codes
    wanted = [each.value for each in purposes]
    await _hold_users(db, tables, codes.c.sent_to == sent_to)
    guesses = [_hash(key, Purpose(each), sent_to, code) for each in wanted]
    found = await _redeem(
        db,
        tables,
        now,
        sa.and_(codes.c.sent_to == sent_to, codes.c.code_digest.in_(guesses), codes.c.attempts < MOST_ATTEMPTS),
        codes.c.code_expires_at > now,
        purposes,
    )
    if found is None:
        await db.execute(
            sa.update(codes)
            .where(codes.c.sent_to == sent_to, codes.c.purpose.in_(wanted), codes.c.used_at.is_(None))
            .values(attempts=codes.c.attempts + 1)
        )
    return found


async def brings_password(db: AsyncSession, tables: Tables, user_id: Any, purpose: Purpose) -> bool:
    """Whether the code that was sent last to a user for a purpose brings a password into force, or none was sent."""
    codes = tables.codes
    last = sa.select(codes.c.password).where(codes.c.user_id == user_id, codes.c.purpose == purpose.value)
    found = (await db.execute(last.order_by(codes.c.created_at.desc()).limit(1))).first()
    return found is None or found[0] is not None


async def forget(db: AsyncSession, tables: Tables, user_id: Any, purposes: Iterable[Purpose]) -> None:
    """Make worthless what was sent to a user for these purposes."""
    codes = tables.codes
    await db.execute(
        sa.delete(codes).where(
            codes.c.user_id == user_id,
            codes.c.purpose.in_([each.value for each in purposes]),
            codes.c.used_at.is_(None),
        )
    )


async def _hold_users(db: AsyncSession, tables: Tables, which: sa.ColumnElement[bool]) -> None:
    """Let what follows in this transaction happen for one request of each user at a time whose codes these are.

    What one proof of a user's changes another one has to know: two halves make a whole, and the first way in closes
    the others. Whoever changes a user holds them before their codes: in another order two would wait for each other.
    """
    codes, credentials = tables.codes, tables.credentials
    whose = sa.select(codes.c.user_id).where(which, codes.c.used_at.is_(None))
    held = sa.select(credentials.c.user_id).where(credentials.c.user_id.in_(whose)).order_by(credentials.c.user_id)
    await db.execute(held.with_for_update())


async def _redeem(
    db: AsyncSession,
    tables: Tables,
    now: datetime,
    which: sa.ColumnElement[bool],
    fresh: sa.ColumnElement[bool],
    purposes: Iterable[Purpose],
) -> sa.RowMapping | None:
    codes = tables.codes
    used = await db.execute(
        sa.update(codes)
        .where(which, fresh, codes.c.used_at.is_(None), codes.c.purpose.in_([each.value for each in purposes]))
        .values(used_at=now)
        .returning(*codes.columns)
    )
    return used.mappings().first()


def _hash(key: bytes, purpose: Purpose, sent_to: str, code: str) -> str:
    return keyed_digest(key, purpose.value, sent_to, code)
