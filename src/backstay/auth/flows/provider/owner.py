"""``find_owner``: the user whose address a provider verified. An account that somebody else made with it is theirs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from backstay.auth.audit import note
from backstay.auth.oidc.profile import Profile
from backstay.auth.protocol.incoming import Incoming
from backstay.auth.sign_in import SignIn
from backstay.auth.steps.entry import leave
from backstay.auth.steps.users import fits, make_identity
from backstay.auth.store import identities
from backstay.auth.store.user_row import UserRow, change, find_by_email, find_by_id, hold, identities_of, readdress
from backstay.errors import BackstayError, UserBanned, UserNotFound


async def find_owner(
    db: AsyncSession, sign_in: SignIn, incoming: Incoming, profile: Profile
) -> UserRow | BackstayError | None:
    """The user with the address that the provider verified, linked to the identity; None where there is none.

    Returns:
        The user, why they may not enter, or None.
    """
    if profile.email is None or not profile.email_verified:
        return None
    found = await find_by_email(db, sign_in.tables, profile.email)
    if found is None:
        return None
    # Whoever signs in as them at this moment has a session that is found here, or waits and finds who they are now.
    await hold(db, sign_in.tables, found.id)
    user = await find_by_id(db, sign_in.tables, found.id)
    if user is None or user.email != found.email:
        return None
    if user.deleted_at is not None:
        return UserNotFound()
    if user.is_banned(incoming.now):
        return UserBanned()
    held = await identities_of(db, sign_in.tables, user.id)
    if not _has_proven_address(sign_in, user, held):
        if _is_somebody_elses(sign_in, user, held):
            await _release(db, sign_in, incoming, user)
            return None
        await _take_over(db, sign_in, incoming, user, held, profile)
    await add_identity(db, sign_in, incoming, user, profile)
    await note(db, sign_in, incoming, "identity_linked", user.id, {"provider": profile.provider, "by": "email"})
    return await find_by_id(db, sign_in.tables, user.id)


async def add_identity(db: AsyncSession, sign_in: SignIn, incoming: Incoming, user: UserRow, profile: Profile) -> None:
    """Give a user the identity that a profile is of."""
    await make_identity(
        db,
        sign_in,
        incoming,
        user.id,
        provider=profile.provider,
        subject=profile.subject,
        issuer=profile.issuer,
        email=profile.email,
        data=profile.data,
    )


async def confirm(db: AsyncSession, sign_in: SignIn, incoming: Incoming, user: UserRow, email: str) -> None:
    """Take a provider's word that a user's address is theirs."""
    values = {"confirmed_email": email, "email_confirmed_at": incoming.now, "is_anonymous": False}
    await change(db, sign_in.tables, user.id, incoming.now, **values)


def said_of(profile: Profile) -> dict[str, Any]:
    """What a new user's metadata begin with: of a profile that says too much, what fits."""
    found: dict[str, Any] = {}
    for name, value in profile.data.items():
        if name != "custom_claims" and fits({**found, name: value}):
            found[name] = value
    return found


def _has_proven_address(sign_in: SignIn, user: UserRow, held: Sequence[sa.RowMapping]) -> bool:
    """Whether the user's own address was proven: by a mail, or by another provider's word.

    Where sign-up takes no proof, that it counts as confirmed shows nothing.
    """
    if not user.email_is_confirmed:
        return False
    return sign_in.settings.confirm_email or any(_vouches(each, user.email) for each in held)


def _vouches(identity: sa.RowMapping, email: str | None) -> bool:
    """Whether an identity is another issuer's word that an address is the user's."""
    return (
        identity["provider"] not in identities.OWN
        and identity["email"] == email
        and identity["data"].get("email_verified") is True
    )


def _is_somebody_elses(sign_in: SignIn, user: UserRow, held: Sequence[sa.RowMapping]) -> bool:
    """Whether whoever has the account proved to be somebody in another way, and merely names an address not theirs."""
    proven = user.phone_is_confirmed or any(each["provider"] not in identities.OWN for each in held)
    return proven and bool(sign_in.tables.users.c.email.nullable)


async def _release(db: AsyncSession, sign_in: SignIn, incoming: Incoming, user: UserRow) -> None:
    """Take an address from a user who never proved it; whose it is gets an account of their own."""
    tables = sign_in.tables
    unproven = {"confirmed_email": None, "email_confirmed_at": None, "password": None}
    await readdress(db, tables, user.id, None, incoming.now, **unproven)
    by_address = sa.and_(tables.identities.c.user_id == user.id, tables.identities.c.provider == "email")
    await db.execute(sa.delete(tables.identities).where(by_address))
    await _forget_codes(db, sign_in, user)
    await note(db, sign_in, incoming, "address_released", user.id)


async def _take_over(
    db: AsyncSession,
    sign_in: SignIn,
    incoming: Incoming,
    user: UserRow,
    held: Sequence[sa.RowMapping],
    profile: Profile,
) -> None:
    """Give an account to the owner of its address, and leave whoever made it no way in.

    Arguments:
        db, sign_in, incoming: where, and by which request.
        user: the account; nobody has proven that its address is theirs.
        held: its identities.
        profile: the owner's.
    """
    tables = sign_in.tables
    dropped = [each["id"] for each in held if not _vouches(each, profile.email)]
    await identities.remove(db, tables, user.id, dropped)
    # Each by itself: whose account it is gets a session in this very moment, which must not end with the others.
    await leave(db, sign_in, incoming, tables.sessions.c.user_id == user.id, by="takeover")
    await _forget_codes(db, sign_in, user)
    for table in (tables.factors, tables.challenges, tables.recovery_codes, tables.api_keys):
        await db.execute(sa.delete(table).where(table.c.user_id == user.id))
    await change(
        db,
        tables,
        user.id,
        incoming.now,
        password=None,
        password_changed_at=incoming.now,
        new_email=None,
        new_email_confirmations=0,
        phone=None,
        phone_confirmed_at=None,
        new_phone=None,
        user_metadata=said_of(profile),
        confirmed_email=profile.email,
        email_confirmed_at=incoming.now,
        is_anonymous=False,
    )
    await note(db, sign_in, incoming, "account_taken_over", user.id, {"provider": profile.provider})


async def _forget_codes(db: AsyncSession, sign_in: SignIn, user: UserRow) -> None:
    """Make worthless what was sent to a user, and what was begun in their name."""
    codes, flows = sign_in.tables.codes, sign_in.tables.flows
    await db.execute(sa.delete(codes).where(codes.c.user_id == user.id))
    await db.execute(sa.delete(flows).where(sa.or_(flows.c.user_id == user.id, flows.c.linked_user_id == user.id)))
