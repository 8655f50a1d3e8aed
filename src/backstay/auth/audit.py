"""The trail of what happened: every event of sign-in, by whom, to whom and from where. It never holds a secret."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from backstay.auth.protocol.incoming import Incoming
from backstay.auth.sign_in import SignIn

_LONGEST = 300


async def note(
    db: AsyncSession,
    sign_in: SignIn,
    incoming: Incoming,
    action: str,
    user_id: Any = None,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Put one event on the trail, in the transaction in which it happens.

    Arguments:
        db: the session.
        sign_in: whose trail.
        incoming: the request; it says who did it, and from where.
        action: what happened, such as ``signed_in``.
        user_id: to which user.
        detail: what else is worth knowing.
    """
    caller = incoming.caller
    await db.execute(
        sa.insert(sign_in.tables.audit).values(
            at=incoming.now,
            action=action,
            user_id=None if user_id is None else str(user_id),
            by=caller.id or caller.role.value,
            address=incoming.address or None,
            user_agent=incoming.user_agent[:_LONGEST] or None,
            detail=dict(detail or {}),
        )
    )
