"""``find_account``: the user whom a provider's profile is of: known by it, linked by a proven address, or new."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncSession

from backstay.auth.audit import note
from backstay.auth.flows.provider.owner import add_identity, confirm, find_owner, said_of
from backstay.auth.mail.letter import Letter
from backstay.auth.oidc.profile import Profile
from backstay.auth.protocol.incoming import Incoming
from backstay.auth.sign_in import SignIn
from backstay.auth.steps.mailing import mail_code
from backstay.auth.steps.users import make_user
from backstay.auth.store import identities
from backstay.auth.store.codes import Purpose
from backstay.auth.store.user_row import UserRow, change, find_by_email, find_by_id, readdress
from backstay.errors import BackstayError, EmailNeedsVerification, SignUpDisabled, UserBanned, UserNotFound

PAUSE: Final = timedelta(minutes=1)
"""The shortest time between two mails to an address that a login brought."""


@dataclass(frozen=True, slots=True)
class Found:
    """A user, and whom to write to once this is committed.

    Arguments:
        user: who.
        letter: by which the address is to be proven.
        waits: they may not enter before that.
    """

    user: UserRow
    letter: Letter | None = None
    waits: bool = False


async def find_account(
    db: AsyncSession, sign_in: SignIn, incoming: Incoming, profile: Profile, redirect_to: str
) -> Found | BackstayError:
    """The user whom a profile is of, with all that has to change so that they are.

    Arguments:
        db: the session.
        sign_in, incoming: where, and by which request.
        profile: checked.
        redirect_to: where a mail leads that proves the address.

    Returns:
        The user; or why there is none, which is to be raised when what was done is committed.
    """
    known = await identities.find(db, sign_in.tables, profile.issuer, profile.subject)
    user: UserRow | BackstayError | None
    if known is not None:
        user = await find_by_id(db, sign_in.tables, known["user_id"])
        if user is None or user.deleted_at is not None:
            return UserNotFound()
        data = dict(profile.data)
        await identities.renew(db, sign_in.tables, known["id"], incoming.now, email=profile.email, data=data)
    else:
        user = await find_owner(db, sign_in, incoming, profile)
        if user is None:
            user = await _make(db, sign_in, incoming, profile)
    if isinstance(user, BackstayError):
        return user
    if user.is_banned(incoming.now):
        return UserBanned().of(user.id)
    return await _prove_address(db, sign_in, incoming, user, profile, redirect_to)


async def _make(db: AsyncSession, sign_in: SignIn, incoming: Incoming, profile: Profile) -> UserRow | BackstayError:
    """A new user. An address that nobody vouches for is not theirs yet: whose it is could have it proven otherwise."""
    if not sign_in.settings.sign_up:
        return SignUpDisabled()
    pending = None if profile.email_verified else profile.email
    if pending is not None and sign_in.settings.confirm_email:
        taken = await find_by_email(db, sign_in.tables, pending)
        if taken is not None:
            # As to whoever has to prove a new address: nobody learns whose addresses are known here.
            return EmailNeedsVerification()
    email = profile.email if profile.email_verified else None
    user = await make_user(db, sign_in, incoming, email=email, data=said_of(profile), new_email=pending)
    await add_identity(db, sign_in, incoming, user, profile)
    if email is not None:
        await confirm(db, sign_in, incoming, user, email)
    await note(db, sign_in, incoming, "signed_up", user.id, {"method": "oauth", "provider": profile.provider})
    return await find_by_id(db, sign_in.tables, user.id) or user


async def _prove_address(
    db: AsyncSession, sign_in: SignIn, incoming: Incoming, user: UserRow, profile: Profile, redirect_to: str
) -> Found:
    """Take the provider's word for the address, or see to it that the user proves it themselves."""
    if profile.email is None or user.email_is_confirmed:
        return Found(user)
    if profile.email_verified:
        await _take_address(db, sign_in, incoming, user, profile.email)
        return Found(await find_by_id(db, sign_in.tables, user.id) or user)
    if user.email is not None or user.new_email != profile.email:
        return Found(user)
    letter = None
    sent = user.email_change_sent_at
    free = await find_by_email(db, sign_in.tables, profile.email) is None
    if free and sign_in.post.mails and (sent is None or incoming.now - sent >= PAUSE):
        letter = await mail_code(db, sign_in, incoming, user, Purpose.EMAIL_CHANGE_NEW, profile.email, redirect_to)
    return Found(user, letter, waits=sign_in.settings.confirm_email)


async def _take_address(db: AsyncSession, sign_in: SignIn, incoming: Incoming, user: UserRow, email: str) -> None:
    """Give a user the address that the provider verified, if it is nobody else's."""
    if user.email is None and await find_by_email(db, sign_in.tables, email) is None:
        await readdress(db, sign_in.tables, user.id, email, incoming.now)
    elif user.email != email:
        return
    values: dict[str, Any] = {"new_email": None} if user.new_email == email else {}
    await confirm(db, sign_in, incoming, user, email)
    if values:
        await change(db, sign_in.tables, user.id, incoming.now, **values)
