"""Deleting users: their row and all that hangs on it, or all that they could sign in by."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from backstay.auth.admin.find import find_user
from backstay.auth.audit import note
from backstay.auth.protocol.answer import Answer
from backstay.auth.protocol.incoming import Body, Incoming
from backstay.auth.sign_in import SignIn
from backstay.auth.steps.entry import turn_out
from backstay.auth.store.user_row import UserRow, readdress
from backstay.errors import Conflict, ForeignKeyViolation


class Deleted(Body):
    """The body of ``DELETE /admin/users/{user_id}``."""

    should_soft_delete: bool = False


async def delete_user(sign_in: SignIn, incoming: Incoming) -> Answer:
    """``DELETE /admin/users/{user_id}``: the user's row is deleted, or kept without anything to sign in by.

    Either way every token of theirs is dead when this answers.

    Raises:
        UserNotUuid, UserNotFound: there is no such user.
        Conflict: rows of the application hold on to the user's.
    """
    softly = incoming.read(Deleted).should_soft_delete

    async def work(db: AsyncSession) -> None:
        user = await find_user(db, sign_in, incoming.names["user_id"], deleted=True)
        await turn_out(db, sign_in, incoming, user.id, by="deleted")
        await note(db, sign_in, incoming, "user_deleted", user.id, {"softly": softly})
        await (_wipe if softly else _delete)(db, sign_in, incoming, user)

    try:
        await sign_in.settle(work)
    except ForeignKeyViolation as error:
        raise Conflict(
            "Rows of the application refer to this user",
            detail=error.detail,
            hint="Delete them first, declare what becomes of them (ondelete), or delete the user softly.",
        ) from None
    await sign_in.revocations.refresh()
    return Answer({})


async def _delete(db: AsyncSession, sign_in: SignIn, incoming: Incoming, user: UserRow) -> None:
    (key,) = sign_in.tables.users.primary_key.columns
    await db.execute(sa.delete(sign_in.tables.users).where(key == user.id))


async def _wipe(db: AsyncSession, sign_in: SignIn, incoming: Incoming, user: UserRow) -> None:
    tables = sign_in.tables
    for table in (
        *(tables.identities, tables.sessions, tables.codes, tables.flows, tables.challenges),
        *(tables.oauth_authorizations, tables.oauth_consents, tables.device_codes),
        *(tables.factors, tables.recovery_codes, tables.api_keys),
    ):
        await db.execute(sa.delete(table).where(table.c.user_id == user.id))
    # The address is free for whoever it belongs to next.
    none = None if tables.users.c.email.nullable else f"{user.id}@deleted.invalid"
    kept = {"user_id", "updated_at", "deleted_at", "is_anonymous", "new_email_confirmations"}
    wiped: dict[str, Any] = dict.fromkeys({each.key for each in tables.credentials.columns} - kept)
    wiped |= {"app_metadata": {}, "user_metadata": {}, "deleted_at": user.deleted_at or incoming.now}
    await readdress(db, tables, user.id, none, incoming.now, **wiped)
