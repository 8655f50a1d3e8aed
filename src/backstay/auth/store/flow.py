"""Flows of PKCE: what a client left behind, and proves to be its own when it comes back (RFC 7636)."""

from __future__ import annotations

import hmac
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from backstay.auth.secret import challenge_of, digest
from backstay.auth.store.tables import Tables
from backstay.errors import BadCodeVerifier, FlowStateExpired, FlowStateNotFound, SignInError, ValidationFailed

LIFE: Final = timedelta(minutes=5)
"""How long an authorisation code is good."""

_METHODS: Final = {"s256": "s256", "plain": "plain"}


def check_challenge(challenge: str | None, method: str | None) -> tuple[str, str] | None:
    """The challenge of a request and its method; None where it has none.

    Raises:
        ValidationFailed: one is there without the other, or they cannot be.
    """
    if not challenge and not method:
        return None
    if not challenge or not method:
        raise ValidationFailed("PKCE flow requires code_challenge_method and code_challenge")
    if not 43 <= len(challenge) <= 128:
        raise ValidationFailed("code challenge has to be between 43 and 128 characters")
    known = _METHODS.get(method.lower())
    if known is None:
        raise ValidationFailed(f"Invalid code challenge method: {method[:20]}")
    return challenge, known


async def leave(
    db: AsyncSession,
    tables: Tables,
    now: datetime,
    *,
    method: str,
    challenge: tuple[str, str] | None,
    life: timedelta,
    **more: Any,
) -> UUID:
    """Keep a flow until its client comes back; its id.

    Arguments:
        db, tables: where.
        now: when.
        method: how the user will have signed in, as tokens tell it (``magiclink``, ``oauth``).
        challenge: as :func:`check_challenge` gives it.
        life: how long the way back may take.
        more: further columns.
    """
    flow_id = uuid4()
    values = {
        "id": flow_id,
        "method": method,
        "challenge": challenge[0] if challenge else None,
        "challenge_method": challenge[1] if challenge else None,
        "created_at": now,
        "expires_at": now + life,
        **more,
    }
    await db.execute(sa.insert(tables.flows).values(values))
    return flow_id


async def use_state(db: AsyncSession, tables: Tables, state_hash: str, now: datetime) -> sa.RowMapping | None:
    """Use the state of a login: its flow, once; None where there is none, it was used, or it is too late."""
    flows = tables.flows
    used = await db.execute(
        sa.update(flows)
        .where(flows.c.state_digest == state_hash, flows.c.returned_at.is_(None), flows.c.expires_at > now)
        .values(state_digest=None)
        .returning(*flows.columns)
    )
    return used.mappings().first()


async def is_there(db: AsyncSession, tables: Tables, flow_id: UUID) -> bool:
    """Whether a flow has not been forgotten."""
    flows = tables.flows
    return (await db.execute(sa.select(flows.c.id).where(flows.c.id == flow_id))).first() is not None


async def give_code(db: AsyncSession, tables: Tables, flow_id: UUID, user_id: Any, now: datetime) -> str | None:
    """The authorisation code of a flow whose user has proven themselves; None where it is too late. Once for a flow."""
    flows = tables.flows
    code = str(uuid4())
    given = await db.execute(
        sa.update(flows)
        .where(flows.c.id == flow_id, flows.c.returned_at.is_(None), flows.c.expires_at > now)
        .values(code_digest=digest(code), user_id=user_id, returned_at=now, expires_at=now + LIFE)
        .returning(flows.c.id)
    )
    return None if given.first() is None else code


async def redeem(
    db: AsyncSession, tables: Tables, code: str, verifier: str, now: datetime
) -> sa.RowMapping | SignInError:
    """Use an authorisation code; the flow's row, or the error to raise once this is committed.

    A code is used up by a wrong verifier, too.
    """
    flows = tables.flows
    used = await db.execute(
        sa.update(flows)
        .where(flows.c.code_digest == digest(code), flows.c.used_at.is_(None))
        .values(used_at=now)
        .returning(*flows.columns)
    )
    row = used.mappings().first()
    if row is None:
        return FlowStateNotFound()
    if row["expires_at"] <= now:
        return FlowStateExpired()
    if not _fits(verifier, row["challenge"] or "", row["challenge_method"]):
        return BadCodeVerifier()
    return row


def _fits(verifier: str, challenge: str, method: str | None) -> bool:
    shown = verifier if method == "plain" else challenge_of(verifier)
    return hmac.compare_digest(shown.encode("utf-8", "replace"), challenge.encode())
