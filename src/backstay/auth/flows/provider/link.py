"""Identities that users link to themselves, and unlink."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from backstay.auth.audit import note
from backstay.auth.flows.provider.owner import add_identity
from backstay.auth.mail.letter import Letter
from backstay.auth.oidc.profile import Profile
from backstay.auth.protocol.answer import Answer
from backstay.auth.protocol.incoming import Incoming
from backstay.auth.sign_in import SignIn
from backstay.auth.steps.mailing import notice, post_when_committed
from backstay.auth.steps.present import check_aal, find_present
from backstay.auth.store import identities
from backstay.auth.store.user_row import UserRow, change, find_by_email, find_by_id, hold, identities_of, readdress
from backstay.errors import (
    BackstayError,
    IdentityExists,
    IdentityKeepsEmail,
    IdentityNotFound,
    LastIdentity,
    LinkingDisabled,
    UserBanned,
    UserNotFound,
    ValidationFailed,
)


def check_linking(sign_in: SignIn) -> None:
    """Let users link identities only where the settings do.

    Raises:
        LinkingDisabled: they do not.
    """
    if not sign_in.settings.manual_linking:
        raise LinkingDisabled


async def refuse_known(db: AsyncSession, sign_in: SignIn, user_id: Any, profile: Profile) -> BackstayError | None:
    """Why an identity cannot be linked to a user; None: it can."""
    known = await identities.find(db, sign_in.tables, profile.issuer, profile.subject)
    if known is None:
        return None
    return IdentityExists("Identity is already linked") if known["user_id"] == user_id else IdentityExists()


async def link(
    db: AsyncSession, sign_in: SignIn, incoming: Incoming, user_id: Any, profile: Profile
) -> tuple[UserRow, Letter | None] | BackstayError:
    """Link an identity to a user: the user, and the letter that tells them; or why not."""
    user = await find_by_id(db, sign_in.tables, user_id)
    if user is None or user.deleted_at is not None:
        return UserNotFound()
    if user.is_banned(incoming.now):
        return UserBanned()
    refused = await refuse_known(db, sign_in, user.id, profile)
    if refused is not None:
        return refused
    letter = notice("identity_linked", user, provider=profile.provider)
    await add_identity(db, sign_in, incoming, user, profile)
    await _take_address(db, sign_in, incoming, user, profile)
    await note(db, sign_in, incoming, "identity_linked", user.id, {"provider": profile.provider, "by": "user"})
    return await find_by_id(db, sign_in.tables, user.id) or user, letter


async def _take_address(db: AsyncSession, sign_in: SignIn, incoming: Incoming, user: UserRow, profile: Profile) -> None:
    """Give a user without an address the one that the provider verified, if it is nobody else's."""
    values: dict[str, Any] = {"is_anonymous": False} if user.is_anonymous else {}
    taken = None if profile.email is None else await find_by_email(db, sign_in.tables, profile.email)
    if user.email is None and profile.email_verified and taken is None:
        values |= {"confirmed_email": profile.email, "email_confirmed_at": incoming.now}
        await readdress(db, sign_in.tables, user.id, profile.email, incoming.now, **values)
    elif values:
        await change(db, sign_in.tables, user.id, incoming.now, **values)


async def unlink(sign_in: SignIn, incoming: Incoming) -> Answer:
    """``DELETE /user/identities/{identity_id}``.

    Raises:
        IdentityNotFound: the user has no such identity.
        LastIdentity: it is the only one.
        IdentityKeepsEmail: the address would be nobody's any more.
    """
    try:
        identity_id = UUID(incoming.names["identity_id"])
    except ValueError:
        raise ValidationFailed("identity_id must be an UUID") from None

    async def work(db: AsyncSession) -> None:
        present = await find_present(db, sign_in, incoming)
        await check_aal(db, sign_in, incoming, present)
        # Of two at once the second has to know that the first took all but the last.
        await hold(db, sign_in.tables, present.user.id)
        held = await identities_of(db, sign_in.tables, present.user.id)
        gone = next((each for each in held if each["id"] == identity_id), None)
        if gone is None:
            raise IdentityNotFound
        rest = [each for each in held if each["id"] != identity_id]
        if not rest:
            raise LastIdentity
        letter = notice("identity_unlinked", present.user, provider=gone["provider"])
        await identities.remove(db, sign_in.tables, present.user.id, [identity_id])
        await _drop_ways_in(db, sign_in, incoming, present.user, gone["provider"], rest)
        await note(db, sign_in, incoming, "identity_unlinked", present.user.id, {"provider": gone["provider"]})
        post_when_committed(db, sign_in, letter)

    await sign_in.settle(work)
    return Answer({})


async def _drop_ways_in(
    db: AsyncSession,
    sign_in: SignIn,
    incoming: Incoming,
    user: UserRow,
    provider: str,
    rest: Sequence[sa.RowMapping],
) -> None:
    """Take what an identity by address signed in by; the address stays where another identity vouches for it."""
    if provider == "phone":
        await change(db, sign_in.tables, user.id, incoming.now, phone=None, phone_confirmed_at=None, new_phone=None)
    elif provider == "email":
        vouched = [each["email"] for each in rest if each["data"].get("email_verified") is True and each["email"]]
        if user.email not in vouched:
            await _move_address(db, sign_in, incoming, user, vouched)
        await change(db, sign_in.tables, user.id, incoming.now, password=None, new_email=None)


async def _move_address(
    db: AsyncSession, sign_in: SignIn, incoming: Incoming, user: UserRow, vouched: Sequence[str]
) -> None:
    email = vouched[0] if vouched else None
    if email is not None and await find_by_email(db, sign_in.tables, email) is not None:
        raise IdentityKeepsEmail
    if email is None and not sign_in.tables.users.c.email.nullable:
        raise IdentityKeepsEmail
    at = None if email is None else incoming.now
    proof = {"confirmed_email": email, "email_confirmed_at": at}
    await readdress(db, sign_in.tables, user.id, email, incoming.now, **proof)
