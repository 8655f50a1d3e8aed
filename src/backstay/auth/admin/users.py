"""Users in the hands of the secret key: listed, made and changed."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from backstay.auth.admin.fields import Fields, Wanted, check_free, read_wanted
from backstay.auth.admin.find import describe, describe_all, find_user
from backstay.auth.admin.pages import read_page
from backstay.auth.audit import note
from backstay.auth.protocol.answer import Answer
from backstay.auth.protocol.incoming import Incoming
from backstay.auth.sign_in import SignIn
from backstay.auth.steps.entry import forget_begun, turn_out
from backstay.auth.steps.mailing import notice, post_when_committed
from backstay.auth.steps.users import change_data, keep_identity, make_user, merge, prove_email, prove_phone
from backstay.auth.store import codes
from backstay.auth.store.codes import Purpose
from backstay.auth.store.user_row import UserRow, change, find_by_id, key_of, query_users, read_user, readdress
from backstay.errors import Conflict, UniqueViolation, UserNotFound, ValidationFailed


async def list_users(sign_in: SignIn, incoming: Incoming) -> Answer:
    """``GET /admin/users``: a page of all users, the newest first."""
    page = read_page(incoming)
    users = sign_in.tables.users
    (key,) = users.primary_key.columns
    newest = query_users(sign_in.tables).order_by(users.c.created_at.desc(), key.desc())
    async with sign_in.session() as db:
        total = (await db.execute(sa.select(sa.func.count()).select_from(users))).scalar_one()
        rows = (await db.execute(newest.limit(page.size).offset(page.offset))).all()
        documents = await describe_all(db, sign_in, [read_user(row) for row in rows])
    return Answer({"users": documents, "aud": "authenticated"}, headers=page.headers("/admin/users", total))


async def show(sign_in: SignIn, incoming: Incoming) -> Answer:
    """``GET /admin/users/{user_id}``."""
    async with sign_in.session() as db:
        user = await find_user(db, sign_in, incoming.names["user_id"], deleted=True)
        return Answer(await describe(db, sign_in, user.id))


async def create(sign_in: SignIn, incoming: Incoming) -> Answer:
    """``POST /admin/users``: a new user, who is sent nothing.

    Raises:
        ValidationFailed, WeakPassword: the body does not do.
        EmailExists, PhoneExists, Conflict: the address or the id is somebody's.
    """
    asked = incoming.read(Fields)
    wanted = await read_wanted(sign_in, asked)
    if wanted.email is None and wanted.phone is None:
        raise ValidationFailed("Cannot create a user without either an email or phone")
    user_id = _read_id(sign_in, asked.id)

    async def work(db: AsyncSession) -> Answer:
        await check_free(db, sign_in, wanted)
        if user_id is not None and await find_by_id(db, sign_in.tables, user_id) is not None:
            raise Conflict("A user with this id exists already")
        user = await _make(db, sign_in, incoming, asked, wanted, user_id)
        await note(db, sign_in, incoming, "user_created", user.id, {"fields": asked.named})
        return Answer(await describe(db, sign_in, user.id))

    try:
        return await sign_in.settle(work)
    except UniqueViolation:
        # Two came with one address at the same moment; this one was the second.
        async with sign_in.session() as db:
            await check_free(db, sign_in, wanted)
        raise


def _read_id(sign_in: SignIn, text: str | None) -> Any:
    if not text:
        return None
    key = key_of(sign_in.tables, text)
    if not key:
        raise ValidationFailed("ID must conform to the uuid v4 format")
    return key


async def _make(
    db: AsyncSession, sign_in: SignIn, incoming: Incoming, asked: Fields, wanted: Wanted, user_id: Any
) -> UserRow:
    more: dict[str, Any] = {"app_metadata": merge({}, asked.app_metadata or {})}
    if wanted.password is not None:
        more |= {"password": wanted.password, "password_changed_at": incoming.now}
    user = await make_user(
        db,
        sign_in,
        incoming,
        email=wanted.email,
        data=asked.user_metadata,
        user_id=user_id,
        phone=wanted.phone,
        banned_until=wanted.banned_until(incoming.now),
        **more,
    )
    if wanted.email is not None:
        await _set_email_proof(db, sign_in, incoming, user, proven=bool(asked.email_confirm))
    if wanted.phone is not None:
        await _set_phone_proof(db, sign_in, incoming, user, proven=bool(asked.phone_confirm))
    return user


async def change_user(sign_in: SignIn, incoming: Incoming) -> Answer:
    """``PUT /admin/users/{user_id}``: what is said comes into force at once, without a proof of the user's.

    A new password and a ban end every session of the user, and their tokens.

    Raises:
        UserNotUuid, UserNotFound: there is no such user.
        ValidationFailed, WeakPassword: the body does not do.
        EmailExists, PhoneExists: the address is somebody else's.
    """
    asked = incoming.read(Fields)
    async with sign_in.session() as db:
        await find_user(db, sign_in, incoming.names["user_id"])
    wanted = await read_wanted(sign_in, asked)

    async def work(db: AsyncSession) -> Answer:
        user = await find_user(db, sign_in, incoming.names["user_id"])
        await check_free(db, sign_in, wanted, user.id)
        await _change(db, sign_in, incoming, asked, wanted, user)
        _tell(db, sign_in, user, wanted)
        return Answer(await describe(db, sign_in, user.id))

    try:
        answer = await sign_in.settle(work)
    except UniqueViolation:
        async with sign_in.session() as db:
            await check_free(db, sign_in, wanted, key_of(sign_in.tables, incoming.names["user_id"]))
        raise
    if _turns_out(wanted):
        await sign_in.revocations.refresh()
    return answer


def _turns_out(wanted: Wanted) -> bool:
    return wanted.password is not None or bool(wanted.ban)


async def _change(
    db: AsyncSession, sign_in: SignIn, incoming: Incoming, asked: Fields, wanted: Wanted, user: UserRow
) -> None:
    values: dict[str, Any] = {}
    if asked.app_metadata is not None:
        values["app_metadata"] = merge(user.app_metadata, asked.app_metadata)
    if wanted.password is not None:
        values |= {"password": wanted.password, "password_changed_at": incoming.now}
        await note(db, sign_in, incoming, "password_changed", user.id)
    if wanted.ban is not None:
        values["banned_until"] = wanted.banned_until(incoming.now)
        await _note_ban(db, sign_in, incoming, user, wanted)
    if values:
        await change(db, sign_in.tables, user.id, incoming.now, **values)
    if wanted.password is not None:
        await forget_begun(db, sign_in, user.id)
    if asked.user_metadata is not None:
        await change_data(db, sign_in, incoming, user, asked.user_metadata)
    await _change_email(db, sign_in, incoming, asked, wanted, user)
    await _change_phone(db, sign_in, incoming, asked, wanted, user)
    if _turns_out(wanted):
        await turn_out(db, sign_in, incoming, user.id, by="ban" if wanted.ban else "password")
    await note(db, sign_in, incoming, "user_changed", user.id, {"fields": asked.named})


async def _note_ban(db: AsyncSession, sign_in: SignIn, incoming: Incoming, user: UserRow, wanted: Wanted) -> None:
    until = wanted.banned_until(incoming.now)
    action, detail = ("user_unbanned", {}) if until is None else ("user_banned", {"until": until.isoformat()})
    await note(db, sign_in, incoming, action, user.id, detail)


async def _change_email(
    db: AsyncSession, sign_in: SignIn, incoming: Incoming, asked: Fields, wanted: Wanted, user: UserRow
) -> None:
    """Give a user another address, which counts as proven if the old one was: the secret key vouches for it."""
    proven = user.email_is_confirmed if asked.email_confirm is None else asked.email_confirm
    if wanted.email is not None and wanted.email != user.email:
        pending = {"new_email": None, "new_email_confirmations": 0}
        await readdress(db, sign_in.tables, user.id, wanted.email, incoming.now, **pending)
        await codes.forget(db, sign_in.tables, user.id, tuple(Purpose))
        await note(db, sign_in, incoming, "email_changed", user.id)
    elif not asked.email_confirm or user.email is None:
        return
    await _set_email_proof(db, sign_in, incoming, await _again(db, sign_in, user), proven=proven)


async def _change_phone(
    db: AsyncSession, sign_in: SignIn, incoming: Incoming, asked: Fields, wanted: Wanted, user: UserRow
) -> None:
    proven = user.phone_is_confirmed if asked.phone_confirm is None else asked.phone_confirm
    if wanted.phone is not None and wanted.phone != user.phone:
        values = {"phone": wanted.phone, "phone_confirmed_at": None, "new_phone": None}
        await change(db, sign_in.tables, user.id, incoming.now, **values)
        await codes.forget(db, sign_in.tables, user.id, (Purpose.PHONE, Purpose.PHONE_CHANGE))
        await note(db, sign_in, incoming, "phone_changed", user.id)
    elif not asked.phone_confirm or user.phone is None:
        return
    await _set_phone_proof(db, sign_in, incoming, await _again(db, sign_in, user), proven=proven)


async def _again(db: AsyncSession, sign_in: SignIn, user: UserRow) -> UserRow:
    found = await find_by_id(db, sign_in.tables, user.id)
    if found is None:
        raise UserNotFound
    return found


async def _set_email_proof(
    db: AsyncSession, sign_in: SignIn, incoming: Incoming, user: UserRow, *, proven: bool
) -> None:
    if proven:
        await prove_email(db, sign_in, incoming, user)
        return
    none = {"confirmed_email": None, "email_confirmed_at": None}
    await change(db, sign_in.tables, user.id, incoming.now, **none)
    await keep_identity(db, sign_in, incoming, user, "email", user.email, verified=False)


async def _set_phone_proof(
    db: AsyncSession, sign_in: SignIn, incoming: Incoming, user: UserRow, *, proven: bool
) -> None:
    if proven:
        await prove_phone(db, sign_in, incoming, user)
        return
    await keep_identity(db, sign_in, incoming, user, "phone", user.phone, verified=False)


def _tell(db: AsyncSession, sign_in: SignIn, user: UserRow, wanted: Wanted) -> None:
    """Tell a user that somebody else changed what they sign in by, where they were known to read mail."""
    if wanted.password is not None:
        post_when_committed(db, sign_in, notice("password_changed", user))
    if wanted.email is not None and wanted.email != user.email:
        letter = notice("email_changed", user, old_email=user.email or "", new_email=wanted.email)
        post_when_committed(db, sign_in, letter)
