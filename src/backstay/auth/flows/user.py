"""Users about themselves: who they are, what they change, and how they leave."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from backstay.auth.audit import note
from backstay.auth.flows.code import leave_flow
from backstay.auth.limits.admit import admit_mail, admit_sign_in, admit_text, forgive, guessing_own, note_wrong
from backstay.auth.mail.letter import Letter
from backstay.auth.protocol.answer import Answer
from backstay.auth.protocol.incoming import Body, Incoming, Metadata
from backstay.auth.sign_in import SignIn
from backstay.auth.steps.address import read_email, read_number
from backstay.auth.steps.choose import check_choice, choose_password
from backstay.auth.steps.entry import forget_begun, forget_linking, leave, tell_user
from backstay.auth.steps.mailing import (
    change_letters,
    check_mail,
    check_texts,
    mail_code,
    make_code,
    needs_both,
    notice,
    post_text,
    post_when_committed,
)
from backstay.auth.steps.present import Present, check_aal, check_fresh, find_present, is_fresh
from backstay.auth.steps.redirect import choose_redirect, site_of
from backstay.auth.steps.users import change_data, prove_email, prove_phone, read_profile
from backstay.auth.store import codes, flow
from backstay.auth.store.codes import Purpose, Sent
from backstay.auth.store.user_row import UserRow, change, find_by_email, find_by_id, find_by_phone, readdress
from backstay.errors import (
    BackstayError,
    CurrentPasswordInvalid,
    NotAdmin,
    ReauthenticationNeeded,
    ReauthenticationNotValid,
    SamePassword,
    ValidationFailed,
)


class Change(Body):
    """The body of ``PUT /user``."""

    email: str | None = None
    phone: str | None = None
    password: str | None = None
    nonce: str | None = None
    current_password: str | None = None
    data: Metadata | None = None
    app_metadata: Metadata | None = None
    channel: str | None = None
    code_challenge: str | None = None
    code_challenge_method: str | None = None


async def show_user(sign_in: SignIn, incoming: Incoming) -> Answer:
    """``GET /user``."""
    async with sign_in.session() as db:
        present = await find_present(db, sign_in, incoming)
        return Answer(await tell_user(db, sign_in, present.user.id))


async def reauthenticate(sign_in: SignIn, incoming: Incoming) -> Answer:
    """``GET /reauthenticate``: sends a code that proves who is there is still the user."""
    async with sign_in.session() as db:
        user = (await find_present(db, sign_in, incoming)).user
    await admit_sign_in(sign_in, incoming)
    purpose = Purpose.REAUTHENTICATION
    if user.email is not None and user.email_is_confirmed:
        check_mail(sign_in)
        await admit_mail(sign_in, incoming, "reauthentication", user.email)
        email = user.email

        async def mail(db: AsyncSession) -> None:
            letter = await mail_code(db, sign_in, incoming, user, purpose, email, site_of(sign_in))
            post_when_committed(db, sign_in, letter)

        await sign_in.settle(mail)
    elif user.phone is not None and user.phone_is_confirmed:
        check_texts(sign_in)
        await admit_text(sign_in, incoming, "reauthentication", user.phone)
        phone = user.phone
        sent = await sign_in.settle(lambda db: make_code(db, sign_in, incoming, user, purpose, phone))
        post_text(sign_in, phone, sent)
    else:
        raise ValidationFailed("Reauthentication requires the user to have an email or a phone number")
    return Answer({})


async def change_user(sign_in: SignIn, incoming: Incoming) -> Answer:
    """``PUT /user``: a new password, address or metadata. A new address counts when it is proven.

    Raises:
        InsufficientAal: a second factor is needed.
        ReauthenticationNeeded, ReauthenticationNotValid, CurrentPasswordInvalid: for a new password or a new way in.
        SamePassword, WeakPassword, ValidationFailed: what is to be new does not do.
    """
    asked = incoming.read(Change)
    if asked.app_metadata is not None:
        raise NotAdmin("Updating app_metadata is not allowed")
    email = read_email(asked.email) if asked.email else None
    phone = read_number(asked.phone) if asked.phone else None
    read_profile(sign_in, asked.data or {})
    flow.check_challenge(asked.code_challenge, asked.code_challenge_method)
    async with sign_in.session() as db:
        present = await find_present(db, sign_in, incoming)
        if email is not None or phone is not None or asked.password is not None:
            await check_aal(db, sign_in, incoming, present)
    email = None if email == present.user.email else email
    phone = None if phone == present.user.phone else phone
    new_way = _is_new_way(sign_in, present.user, email, phone)
    if asked.password is not None or new_way:
        await _show_again(sign_in, incoming, present, asked, new_way=new_way)
    if asked.password is not None:
        await _change_password(sign_in, incoming, present, asked.password)
    await _admit_messages(sign_in, incoming, present.user, email, phone)

    async def work(db: AsyncSession) -> tuple[dict[str, Any], tuple[str, Sent] | None]:
        if asked.data is not None:
            await change_data(db, sign_in, incoming, present.user, asked.data)
        if email is not None:
            for letter in await _change_email(db, sign_in, incoming, present.user, email, asked):
                post_when_committed(db, sign_in, letter)
        text = None if phone is None else await _change_phone(db, sign_in, incoming, present.user, phone)
        return await tell_user(db, sign_in, present.user.id), text

    found, text = await sign_in.settle(work)
    if text is not None:
        post_text(sign_in, *text)
    return Answer(found)


async def _admit_messages(
    sign_in: SignIn, incoming: Incoming, user: UserRow, email: str | None, phone: str | None
) -> None:
    """Count what new addresses are sent: whoever has a session might have others mailed by it."""
    mails = email is not None and sign_in.settings.confirm_email
    texts = phone is not None and sign_in.settings.confirm_phone
    if mails:
        check_mail(sign_in)
    if texts:
        check_texts(sign_in)
    if mails or texts:
        await admit_sign_in(sign_in, incoming)
    if mails:
        for each in filter(None, (email, user.email)):
            await admit_mail(sign_in, incoming, "email change", each)
    if texts and phone is not None:
        await admit_text(sign_in, incoming, "phone change", phone)


def _is_new_way(sign_in: SignIn, user: UserRow, email: str | None, phone: str | None) -> bool:
    """Whether new addresses let in whoever has them, without a proof of what the user had before.

    Guests name their first address by their session: they have nothing else to show, and nothing that was theirs
    before it is proven.
    """
    if user.is_anonymous:
        return False
    shows_old = sign_in.settings.confirm_email and needs_both(sign_in, user)
    return phone is not None or (email is not None and not shows_old)


async def _show_again(sign_in: SignIn, incoming: Incoming, present: Present, asked: Change, *, new_way: bool) -> None:
    """See that it is the user who asks: by their password, by a code, or by having signed in lately."""
    if asked.current_password is not None:
        await check_own(sign_in, incoming, present.user, asked.current_password)
    elif asked.nonce:
        await _use_nonce(sign_in, incoming, present.user, asked.nonce)
    elif new_way:
        check_fresh(incoming, present)
    elif sign_in.settings.secure_password_change and not is_fresh(incoming, present):
        raise ReauthenticationNeeded


# Passwords ---------------------------------------------------------------------------------------------------


async def _change_password(sign_in: SignIn, incoming: Incoming, present: Present, password: str) -> None:
    user = present.user
    context = [each for each in (user.email, user.phone) if each]
    # First, or whoever has somebody's session could try one easy password after the other, and change none.
    await check_choice(sign_in, password, context=context)
    if user.password is not None and (await sign_in.hashing.check(password, user.password)).matches:
        raise SamePassword
    kept = await choose_password(sign_in, password, context=context)

    async def work(db: AsyncSession) -> None:
        await change(db, sign_in.tables, user.id, incoming.now, password=kept, password_changed_at=incoming.now)
        await end_others(db, sign_in, incoming, present, by="password")
        await forget_begun(db, sign_in, user.id)
        await note(db, sign_in, incoming, "password_changed", user.id)
        post_when_committed(db, sign_in, notice("password_changed", user))

    await sign_in.settle(work)


async def check_own(sign_in: SignIn, incoming: Incoming, user: UserRow, password: str) -> None:
    """See that a user tells their password.

    Raises:
        CurrentPasswordInvalid: it is another one.
        TooManyRequests: too many others were tried.
    """
    async with guessing_own(sign_in, incoming, user.id) as guess:
        verdict = await sign_in.hashing.check(password, user.password)
        async with sign_in.session() as db:
            if verdict.matches:
                await forgive(db, sign_in, guess)
            else:
                await note_wrong(db, sign_in, incoming, guess, "password_refused", user.id, {})
        if not verdict.matches:
            raise CurrentPasswordInvalid


async def _use_nonce(sign_in: SignIn, incoming: Incoming, user: UserRow, nonce: str) -> None:
    async def work(db: AsyncSession) -> BackstayError | None:
        sent_to = user.email if user.email_is_confirmed else user.phone
        row = await codes.redeem_code(
            db, sign_in.tables, sign_in.code_key, sent_to or "", nonce, (Purpose.REAUTHENTICATION,), incoming.now
        )
        return ReauthenticationNotValid() if row is None or row["user_id"] != user.id else None

    await sign_in.settle(work)


async def end_others(db: AsyncSession, sign_in: SignIn, incoming: Incoming, present: Present, *, by: str) -> int:
    """End all sessions of a user but the one they are in, and what these began; how many."""
    await forget_linking(db, sign_in, present.user.id)
    kept = sign_in.tables.sessions.c
    which = sa.and_(kept.user_id == present.user.id, kept.id != present.session["id"])
    return await leave(db, sign_in, incoming, which, by=by)


# Addresses and metadata --------------------------------------------------------------------------------------


async def _change_email(
    db: AsyncSession, sign_in: SignIn, incoming: Incoming, user: UserRow, email: str, asked: Change
) -> list[Letter]:
    if not sign_in.settings.confirm_email:
        await set_email(db, sign_in, incoming, user, email)
        return []
    await change(db, sign_in.tables, user.id, incoming.now, new_email=email, new_email_confirmations=0)
    await codes.forget(db, sign_in.tables, user.id, (Purpose.EMAIL_CHANGE_CURRENT, Purpose.EMAIL_CHANGE_NEW))
    pending = await find_by_id(db, sign_in.tables, user.id)
    assert pending is not None
    challenge = flow.check_challenge(asked.code_challenge, asked.code_challenge_method)
    flow_id = await leave_flow(db, sign_in, incoming, challenge, "email_change")
    redirect_to = choose_redirect(sign_in, incoming.query.get("redirect_to"))
    await note(db, sign_in, incoming, "email_change_asked", user.id)
    return await change_letters(db, sign_in, incoming, pending, redirect_to, flow_id=flow_id)


async def set_email(db: AsyncSession, sign_in: SignIn, incoming: Incoming, user: UserRow, email: str) -> None:
    """Give a user an address that needs no proof.

    Raises:
        ValidationFailed: it is somebody else's.
    """
    if await find_by_email(db, sign_in.tables, email) is not None:
        raise ValidationFailed("This address cannot be used")
    await readdress(db, sign_in.tables, user.id, email, incoming.now)
    changed = await find_by_id(db, sign_in.tables, user.id)
    assert changed is not None
    await prove_email(db, sign_in, incoming, changed)
    await note(db, sign_in, incoming, "email_changed", user.id)
    post_when_committed(db, sign_in, notice("email_changed", user, old_email=user.email, new_email=email))


async def _change_phone(
    db: AsyncSession, sign_in: SignIn, incoming: Incoming, user: UserRow, phone: str
) -> tuple[str, Sent] | None:
    taken = await find_by_phone(db, sign_in.tables, phone)
    if not sign_in.settings.confirm_phone:
        if taken is not None:
            raise ValidationFailed("This number cannot be used")
        await change(db, sign_in.tables, user.id, incoming.now, phone=phone)
        changed = await find_by_id(db, sign_in.tables, user.id)
        assert changed is not None
        await prove_phone(db, sign_in, incoming, changed)
        await note(db, sign_in, incoming, "phone_changed", user.id)
        post_when_committed(db, sign_in, notice("phone_changed", user))
        return None
    await change(db, sign_in.tables, user.id, incoming.now, new_phone=phone)
    pending = await find_by_id(db, sign_in.tables, user.id)
    assert pending is not None
    await note(db, sign_in, incoming, "phone_change_asked", user.id)
    sent = await make_code(db, sign_in, incoming, pending, Purpose.PHONE_CHANGE, phone)
    return None if taken is not None else (phone, sent)


# Leaving -----------------------------------------------------------------------------------------------------


async def log_out(sign_in: SignIn, incoming: Incoming) -> Answer:
    """``POST /logout?scope=global|local|others``: 204, and the tokens of the ended sessions are dead.

    Raises:
        ValidationFailed: there is no such scope.
    """
    scope = incoming.query.get("scope", "global")
    if scope not in ("global", "local", "others"):
        raise ValidationFailed(f'Unsupported logout scope "{scope[:30]}"')

    async def work(db: AsyncSession) -> None:
        present = await find_present(db, sign_in, incoming)
        count = await _leave(db, sign_in, incoming, present, scope)
        await note(db, sign_in, incoming, "signed_out", present.user.id, {"scope": scope, "sessions": count})

    await sign_in.settle(work)
    await sign_in.revocations.refresh()
    return Answer(None, 204)


async def _leave(db: AsyncSession, sign_in: SignIn, incoming: Incoming, present: Present, scope: str) -> int:
    if scope == "others":
        return await end_others(db, sign_in, incoming, present, by="signed out")
    if scope == "global":
        await forget_linking(db, sign_in, present.user.id)
    kept = sign_in.tables.sessions.c
    which: Any = kept.user_id == present.user.id if scope == "global" else kept.id == present.session["id"]
    return await leave(db, sign_in, incoming, which, by="signed out")
