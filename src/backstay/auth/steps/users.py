"""New users: their row in the application's table, their credentials, their identity."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from backstay.auth.protocol.incoming import Incoming
from backstay.auth.protocol.metadata import can_be_told
from backstay.auth.sign_in import SignIn
from backstay.auth.store.user_row import UserRow, change, find_by_id
from backstay.errors import NotNullViolation, RequestError, UserNotFound, ValidationFailed
from backstay.schema.kind import kind_of
from backstay.schema.python_value import python_value

MOST_SAID: Final = 4096
"""Bytes of what a user says of themselves: it is in every token, and one of more than 8192 is not read."""


async def make_user(
    db: AsyncSession,
    sign_in: SignIn,
    incoming: Incoming,
    *,
    email: str | None = None,
    data: Mapping[str, Any] | None = None,
    user_id: UUID | None = None,
    **credentials: Any,
) -> UserRow:
    """A new user, as the application's model makes one.

    The columns that ``Auth(profile=[...])`` names take what ``data`` says of them; ``Auth(before_sign_up=...)`` may
    change the row, or refuse it by raising.

    Arguments:
        db: the session.
        sign_in, incoming: where, and by which request.
        email: the address, as :func:`backstay.auth.steps.address.read_email` writes it.
        data: what the user says of themselves; all of it is kept as their metadata.
        user_id: their id, where the secret key chooses one.
        credentials: what is known of them beside.

    Raises:
        ValidationFailed: a column of the profile cannot take its value.
    """
    said = dict(data or {})
    model = sign_in.user
    mapper = sa.inspect(model)
    row = mapper.class_manager.new_instance()
    if email is not None:
        row.email = email
    if user_id is not None:
        row.id = user_id
    fill_profile(sign_in, row, said)
    if sign_in.auth.before_sign_up is not None:
        await sign_in.auth.before_sign_up(db, row)
    db.add(row)
    try:
        await db.flush()
    except IntegrityError as error:
        raise _explain(sign_in, error) from error
    values = {
        "app_metadata": {},
        "user_metadata": said,
        "is_anonymous": False,
        "new_email_confirmations": 0,
        **credentials,
    }
    (key,) = (row.__getattribute__(mapper.get_property_by_column(each).key) for each in mapper.primary_key)
    await change(db, sign_in.tables, key, incoming.now, **values)
    made = await find_by_id(db, sign_in.tables, key)
    if made is None:
        raise UserNotFound
    return made


def _explain(sign_in: SignIn, error: IntegrityError) -> Exception:
    """Why a new user's row was not taken."""
    found = sign_in.database.fault(error)
    if not isinstance(found, NotNullViolation):
        return found
    hint = "The application names the column in Auth(profile=[...]), or fills it in Auth(before_sign_up=...)."
    return ValidationFailed(found.message, hint=hint)


def fill_profile(sign_in: SignIn, row: Any, said: Mapping[str, Any]) -> None:
    """Set the columns of the profile that ``said`` names. Raises as :func:`read_profile` does."""
    for name, value in read_profile(sign_in, said).items():
        setattr(row, name, value)


def read_profile(sign_in: SignIn, said: Mapping[str, Any]) -> dict[str, Any]:
    """What ``said`` says of the columns of the profile.

    Raises:
        ValidationFailed: a value is none of the column's type, or it is all too much.
    """
    check_size(said)
    found: dict[str, Any] = {}
    for column in sign_in.auth.profile:
        name, kind = column.key, column.type
        if name in said:
            value = said[name]
            try:
                found[name] = None if value is None else python_value(kind, kind_of(kind).take(value))
            except RequestError as error:
                raise ValidationFailed(f"{name}: {error.message}") from None
    return found


def check_size(said: Mapping[str, Any]) -> None:
    """Refuse metadata that would make tokens longer than any is read: whose they are could not even change that.

    Raises:
        ValidationFailed: it is too much.
    """
    check_told(said)
    if not fits(said):
        raise ValidationFailed(f"User metadata cannot be longer than {MOST_SAID} bytes of JSON")


def check_told(metadata: Mapping[str, Any]) -> None:
    """Refuse metadata that no answer can tell, neither to whose they are nor in a list of all users.

    Raises:
        ValidationFailed: they hold such a number, or are too deep.
    """
    if not can_be_told(metadata):
        raise ValidationFailed("Metadata cannot hold numbers of more than 64 bits, nor so many levels")


def fits(said: Mapping[str, Any]) -> bool:
    """Whether metadata leaves tokens short enough; it is as long as tokens write it."""
    return len(json.dumps(said)) <= MOST_SAID


def merge(known: Mapping[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
    """Metadata with what is said now; null takes a member away."""
    return {name: value for name, value in {**known, **said}.items() if value is not None}


async def change_data(
    db: AsyncSession, sign_in: SignIn, incoming: Incoming, user: UserRow, data: Mapping[str, Any]
) -> None:
    """Change what a user says of themselves, and the columns of the profile with it.

    Raises:
        ValidationFailed: a column of the profile cannot take its value, or it is all too much.
    """
    merged = merge(user.user_metadata, data)
    check_size(merged)
    await change(db, sign_in.tables, user.id, incoming.now, user_metadata=merged)
    if any(column.key in data for column in sign_in.auth.profile):
        row = await db.get_one(sign_in.user, user.id)
        fill_profile(sign_in, row, data)
        await db.flush()


async def make_identity(
    db: AsyncSession,
    sign_in: SignIn,
    incoming: Incoming,
    user_id: Any,
    *,
    provider: str,
    subject: str,
    issuer: str = "",
    email: str | None = None,
    data: Mapping[str, Any] | None = None,
) -> None:
    """A new identity of a user: by an address of theirs (``email``, ``phone``), or by another issuer's word."""
    await db.execute(
        sa.insert(sign_in.tables.identities).values(
            id=uuid4(),
            user_id=user_id,
            provider=provider,
            # Identities by address are our own word.
            issuer=issuer or f"backstay:{provider}",
            subject=subject,
            email=email,
            data={"sub": subject, **({"email": email} if email else {}), **(data or {})},
            last_sign_in_at=incoming.now,
            created_at=incoming.now,
            updated_at=incoming.now,
        )
    )


async def prove_email(db: AsyncSession, sign_in: SignIn, incoming: Incoming, user: UserRow, **more: Any) -> None:
    """Note that a user has proven their e-mail address.

    Arguments:
        db, sign_in, incoming: where, and by which request.
        user: who.
        more: further credentials to set.
    """
    at = user.email_confirmed_at if user.email_is_confirmed else incoming.now
    values = {"confirmed_email": user.email, "email_confirmed_at": at, "is_anonymous": False, **more}
    await change(db, sign_in.tables, user.id, incoming.now, **values)
    await keep_identity(db, sign_in, incoming, user, "email", user.email)


async def prove_phone(db: AsyncSession, sign_in: SignIn, incoming: Incoming, user: UserRow, **more: Any) -> None:
    """Note that a user has proven their telephone number."""
    at = user.phone_confirmed_at or incoming.now
    await change(db, sign_in.tables, user.id, incoming.now, phone_confirmed_at=at, is_anonymous=False, **more)
    await keep_identity(db, sign_in, incoming, user, "phone", user.phone)


async def keep_identity(
    db: AsyncSession,
    sign_in: SignIn,
    incoming: Incoming,
    user: UserRow,
    provider: str,
    address: str | None,
    *,
    verified: bool = True,
) -> None:
    """Have a user's identity by an address tell the address that is theirs now.

    Arguments:
        db, sign_in, incoming, user: as for :func:`prove_email`.
        provider: ``email`` or ``phone``.
        address: the address.
        verified: whether it was proven.
    """
    identities = sign_in.tables.identities
    found = await db.execute(
        sa.select(identities.c.id).where(identities.c.user_id == user.id, identities.c.provider == provider)
    )
    data = {"sub": str(user.id), provider: address, f"{provider}_verified": verified}
    email = address if provider == "email" else None
    key = found.scalar()
    if key is None:
        await make_identity(
            db, sign_in, incoming, user.id, provider=provider, subject=str(user.id), email=email, data=data
        )
    else:
        values = {"data": data, "email": email, "updated_at": incoming.now, "last_sign_in_at": incoming.now}
        await db.execute(sa.update(identities).where(identities.c.id == key).values(values))
