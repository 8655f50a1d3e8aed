"""Users as the secret key sees them: all of them, the deleted ones, too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from backstay.auth.protocol.answer import user_document
from backstay.auth.sign_in import SignIn
from backstay.auth.store.user_row import (
    UserRow,
    factors_of,
    find_by_id,
    identities_of,
    key_of,
    query_factors,
    query_identities,
)
from backstay.errors import UserNotFound, UserNotUuid


async def find_user(db: AsyncSession, sign_in: SignIn, text: str, *, deleted: bool = False) -> UserRow:
    """The user whose id a path tells.

    Arguments:
        db, sign_in: where.
        text: the id.
        deleted: whether one who was deleted counts.

    Raises:
        UserNotUuid: it is no id.
        UserNotFound: it is nobody's.
    """
    key = key_of(sign_in.tables, text)
    if key is None:
        raise UserNotUuid
    user = await find_by_id(db, sign_in.tables, key)
    if user is None or (user.deleted_at is not None and not deleted):
        raise UserNotFound
    return user


async def describe(db: AsyncSession, sign_in: SignIn, user_id: Any) -> dict[str, Any]:
    """The document of a user as they are now.

    Raises:
        UserNotFound: there is no such user.
    """
    user = await find_by_id(db, sign_in.tables, user_id)
    if user is None:
        raise UserNotFound
    identities = await identities_of(db, sign_in.tables, user.id)
    return user_document(user, identities, await factors_of(db, sign_in.tables, user.id))


async def describe_all(db: AsyncSession, sign_in: SignIn, users: Sequence[UserRow]) -> list[dict[str, Any]]:
    """The documents of many users, by two questions however many they are."""
    tables, ids = sign_in.tables, [user.id for user in users]
    identities = await _grouped(db, query_identities(tables).where(tables.identities.c.user_id.in_(ids)))
    factors = await _grouped(db, query_factors(tables).where(tables.factors.c.user_id.in_(ids)))
    return [user_document(user, identities.get(user.id, ()), factors.get(user.id, ())) for user in users]


async def _grouped(db: AsyncSession, query: sa.Select[Any]) -> dict[Any, list[sa.RowMapping]]:
    found: dict[Any, list[sa.RowMapping]] = {}
    for row in (await db.execute(query)).mappings():
        found.setdefault(row["user_id"], []).append(row)
    return found
