"""Identities: who a user is to other issuers. An issuer and its subject tell them apart, never an address."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from backstay.auth.store.tables import Tables

OWN: tuple[str, ...] = ("email", "phone")
"""The providers of identities that are the application's own word."""


async def find(db: AsyncSession, tables: Tables, issuer: str, subject: str) -> sa.RowMapping | None:
    """The identity of an issuer's subject."""
    identities = tables.identities
    query = sa.select(identities).where(identities.c.issuer == issuer, identities.c.subject == subject)
    return (await db.execute(query)).mappings().first()


async def renew(db: AsyncSession, tables: Tables, identity_id: UUID, now: datetime, **values: Any) -> None:
    """Keep what the issuer says of an identity by now."""
    identities = tables.identities
    values = {**values, "last_sign_in_at": now, "updated_at": now}
    await db.execute(sa.update(identities).where(identities.c.id == identity_id).values(values))


async def remove(db: AsyncSession, tables: Tables, user_id: Any, identity_ids: list[UUID]) -> int:
    """Take identities from a user; how many."""
    identities = tables.identities
    removed = await db.execute(
        sa.delete(identities)
        .where(identities.c.user_id == user_id, identities.c.id.in_(identity_ids))
        .returning(identities.c.id)
    )
    return len(removed.all())
