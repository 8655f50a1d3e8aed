"""What is said of a user to rules, by tokens and by programs' keys alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from backstay.auth.protocol.answer import app_metadata
from backstay.auth.store.tables import Tables
from backstay.auth.store.user_row import UserRow, identities_of
from backstay.schema.declaration import Auth

_RESERVED: Final = frozenset(
    {
        *("iss", "sub", "aud", "exp", "iat", "nbf", "jti", "role", "email", "phone", "app_metadata", "user_metadata"),
        *("aal", "amr", "session_id", "is_anonymous", "client_id", "scope"),
    }
)


async def claims_of(
    db: AsyncSession, auth: Auth, tables: Tables, user: UserRow, identities: Sequence[sa.RowMapping] | None = None
) -> dict[str, Any]:
    """What is said of a user: what sign-in knows, and what the application adds.

    Arguments:
        db: a session of ``system``.
        auth, tables: of the application.
        user: whose.
        identities: theirs, where they are known already.
    """
    known = await identities_of(db, tables, user.id) if identities is None else identities
    return {
        **await own_claims(db, auth, user.id),
        "sub": str(user.id),
        "email": user.email or "",
        "phone": user.phone or "",
        "app_metadata": app_metadata(user, [str(each["provider"]) for each in known]),
        "user_metadata": dict(user.user_metadata),
        "role": "authenticated",
        "is_anonymous": user.is_anonymous,
    }


async def own_claims(db: AsyncSession, auth: Auth, user_id: Any) -> dict[str, Any]:
    """What the application adds to tokens; it cannot say who the user is, nor what sign-in says of them."""
    if auth.claims is None:
        return {}
    row = await db.get_one(auth.user, user_id)
    found = await auth.claims(db, row)
    return {name: value for name, value in found.items() if name not in _RESERVED}
