"""What was begun and never finished, and is of no use to anybody any more."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from backstay.auth.store.tables import Tables

KEPT: Final = timedelta(days=1)
"""For how long what is over is kept, so that whoever is late is told so."""


async def forget_old(db: AsyncSession, tables: Tables, now: datetime) -> None:
    """Delete the flows, codes and questions that ended a day ago: anyone can begin one, so there may be many."""
    begun = (tables.flows, tables.codes, tables.challenges, tables.oauth_authorizations, tables.device_codes)
    for table in begun:
        await db.execute(sa.delete(table).where(table.c.expires_at < now - KEPT))
