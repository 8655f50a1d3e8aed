"""Asking for a code or a link: to sign in without a password, to get a new one, or because the last did not arrive.

All of these answer the same, at once, whoever is meant: the work is done when the answer is on its way.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from backstay.auth.audit import note
from backstay.auth.limits.admit import admit_mail, admit_text
from backstay.auth.protocol.answer import Answer
from backstay.auth.protocol.incoming import Body, Incoming, Metadata
from backstay.auth.sign_in import SignIn
from backstay.auth.steps.address import read_email, read_number
from backstay.auth.steps.mailing import (
    change_letters,
    check_mail,
    check_texts,
    mail_code,
    make_code,
    post_text,
    post_when_committed,
)
from backstay.auth.steps.redirect import choose_redirect
from backstay.auth.steps.users import make_identity, make_user, read_profile
from backstay.auth.store import codes, flow
from backstay.auth.store.codes import Purpose, Sent
from backstay.auth.store.user_row import UserRow, find_by_email, find_by_pending, find_by_phone
from backstay.errors import EmailProviderDisabled, PhoneProviderDisabled, ValidationFailed


class Asked(Body):
    """The body of ``POST /otp``, ``/magiclink`` and ``/recover``."""

    email: str | None = None
    phone: str | None = None
    data: Metadata | None = None
    create_user: bool = True
    channel: str | None = None
    code_challenge: str | None = None
    code_challenge_method: str | None = None


class Again(Body):
    """The body of ``POST /resend``."""

    type: str = ""
    email: str | None = None
    phone: str | None = None


async def ask_code(sign_in: SignIn, incoming: Incoming) -> Answer:
    """``POST /otp`` and ``POST /magiclink``: a code to sign in with, for a new user, too, if they may sign up."""
    asked = incoming.read(Asked)
    if bool(asked.email) == bool(asked.phone):
        raise ValidationFailed("Only an email address or phone number should be provided")
    read_profile(sign_in, asked.data or {})
    if asked.phone:
        return await _ask_by_phone(sign_in, incoming, asked)
    if not sign_in.settings.email_sign_in:
        raise EmailProviderDisabled
    email = read_email(asked.email)
    challenge = flow.check_challenge(asked.code_challenge, asked.code_challenge_method)
    redirect_to = choose_redirect(sign_in, incoming.query.get("redirect_to"))
    check_mail(sign_in)
    await admit_mail(sign_in, incoming, "link", email)
    make = _new_user(sign_in, incoming, asked, email=email) if asked.create_user else None
    sign_in.later(
        _send(sign_in, incoming, email, Purpose.MAGIC_LINK, redirect_to, challenge, "magiclink", make), "sending a link"
    )
    return Answer({})


async def ask_recovery(sign_in: SignIn, incoming: Incoming) -> Answer:
    """``POST /recover``: a link that signs in a user who forgot their password."""
    asked = incoming.read(Asked)
    if not asked.email:
        raise ValidationFailed("Password recovery requires an email")
    # What it sends signs in, whatever it is called.
    if not sign_in.settings.email_sign_in:
        raise EmailProviderDisabled
    email = read_email(asked.email)
    challenge = flow.check_challenge(asked.code_challenge, asked.code_challenge_method)
    redirect_to = choose_redirect(sign_in, incoming.query.get("redirect_to"))
    check_mail(sign_in)
    await admit_mail(sign_in, incoming, "link", email)
    sign_in.later(
        _send(sign_in, incoming, email, Purpose.RECOVERY, redirect_to, challenge, "recovery", None), "sending a link"
    )
    return Answer({})


async def ask_again(sign_in: SignIn, incoming: Incoming) -> Answer:
    """``POST /resend``: a new code in the place of one that did not arrive."""
    asked = incoming.read(Again)
    redirect_to = choose_redirect(sign_in, incoming.query.get("redirect_to"))
    match asked.type:
        case "signup" if not sign_in.settings.email_sign_in:
            raise EmailProviderDisabled
        case "sms" if not sign_in.settings.phone_sign_in:
            raise PhoneProviderDisabled
        case "signup" | "email_change":
            email = read_email(asked.email)
            check_mail(sign_in)
            kind = "confirmation" if asked.type == "signup" else "email change"
            await admit_mail(sign_in, incoming, kind, email)
            again = _confirm_again if asked.type == "signup" else _change_again
            sign_in.later(again(sign_in, incoming, email, redirect_to), "sending a link again")
        case "sms" | "phone_change":
            phone = read_number(asked.phone)
            check_texts(sign_in)
            await admit_text(sign_in, incoming, "code" if asked.type == "sms" else "phone change", phone)
            purpose = Purpose.PHONE if asked.type == "sms" else Purpose.PHONE_CHANGE
            sign_in.later(_text(sign_in, incoming, phone, purpose, again=True), "sending a code again")
            return Answer({"message_id": ""})
        case _:
            raise ValidationFailed("Type provided is not valid: it is signup, email_change, sms or phone_change")
    return Answer({})


# Done when the answer is on its way --------------------------------------------------------------------------


async def _ask_by_phone(sign_in: SignIn, incoming: Incoming, asked: Asked) -> Answer:
    if not sign_in.settings.phone_sign_in:
        raise PhoneProviderDisabled
    phone = read_number(asked.phone)
    check_texts(sign_in)
    await admit_text(sign_in, incoming, "code", phone)
    make = _new_user(sign_in, incoming, asked, phone=phone) if asked.create_user else None
    sign_in.later(_text(sign_in, incoming, phone, Purpose.PHONE, make), "sending a code")
    return Answer({"message_id": ""})


class _NewUser:
    """Makes the user who is to prove an address by signing in."""

    def __init__(
        self, sign_in: SignIn, incoming: Incoming, data: Metadata | None, email: str | None, phone: str | None
    ):
        self._sign_in = sign_in
        self._incoming = incoming
        self._data = data
        self._email = email
        self._phone = phone

    async def __call__(self, db: AsyncSession) -> UserRow:
        sign_in, incoming = self._sign_in, self._incoming
        more: dict[str, Any] = {"phone": self._phone} if self._phone else {}
        user = await make_user(db, sign_in, incoming, email=self._email, data=self._data, **more)
        provider = "email" if self._email else "phone"
        await make_identity(db, sign_in, incoming, user.id, provider=provider, subject=str(user.id), email=self._email)
        await note(db, sign_in, incoming, "signed_up", user.id, {"method": "otp"})
        return user


def _new_user(
    sign_in: SignIn, incoming: Incoming, asked: Asked, *, email: str | None = None, phone: str | None = None
) -> _NewUser | None:
    return _NewUser(sign_in, incoming, asked.data, email, phone) if sign_in.settings.sign_up else None


async def _send(
    sign_in: SignIn,
    incoming: Incoming,
    email: str,
    purpose: Purpose,
    redirect_to: str,
    challenge: tuple[str, str] | None,
    method: str,
    make: _NewUser | None,
) -> None:
    async def work(db: AsyncSession) -> None:
        user = await find_by_email(db, sign_in.tables, email)
        if user is None and make is not None:
            user = await make(db)
        if user is None or user.deleted_at is not None or user.is_banned(incoming.now):
            return
        flow_id = await leave_flow(db, sign_in, incoming, challenge, method)
        letter = await mail_code(db, sign_in, incoming, user, purpose, email, redirect_to, flow_id=flow_id)
        post_when_committed(db, sign_in, letter)

    await sign_in.settle(work)


async def leave_flow(
    db: AsyncSession, sign_in: SignIn, incoming: Incoming, challenge: tuple[str, str] | None, method: str
) -> UUID | None:
    """Keep what a client left behind that comes back by a link; None where it did not ask for that."""
    if challenge is None:
        return None
    life = sign_in.settings.link_life
    return await flow.leave(db, sign_in.tables, incoming.now, method=method, challenge=challenge, life=life)


async def _text(
    sign_in: SignIn,
    incoming: Incoming,
    phone: str,
    purpose: Purpose,
    make: _NewUser | None = None,
    *,
    again: bool = False,
) -> None:
    async def work(db: AsyncSession) -> Sent | None:
        user = await _find_by_phone(db, sign_in, phone, purpose)
        if user is None and make is not None:
            user = await make(db)
        if user is None or user.deleted_at is not None or user.is_banned(incoming.now):
            return None
        # In the place of a sign-up's code it brings the password into force, as that one would have.
        signed_up = again and await codes.brings_password(db, sign_in.tables, user.id, purpose)
        password = user.password if signed_up else None
        return await make_code(db, sign_in, incoming, user, purpose, phone, password=password)

    sent = await sign_in.settle(work)
    if sent is not None:
        post_text(sign_in, phone, sent)


async def _find_by_phone(db: AsyncSession, sign_in: SignIn, phone: str, purpose: Purpose) -> UserRow | None:
    if purpose is Purpose.PHONE:
        return await find_by_phone(db, sign_in.tables, phone)
    return await find_by_pending(db, sign_in.tables, new_phone=phone)


async def _confirm_again(sign_in: SignIn, incoming: Incoming, email: str, redirect_to: str) -> None:
    async def work(db: AsyncSession) -> None:
        user = await find_by_email(db, sign_in.tables, email)
        if user is None or user.email_is_confirmed or user.deleted_at is not None:
            return
        letter = await mail_code(db, sign_in, incoming, user, Purpose.SIGN_UP, email, redirect_to)
        post_when_committed(db, sign_in, letter)

    await sign_in.settle(work)


async def _change_again(sign_in: SignIn, incoming: Incoming, email: str, redirect_to: str) -> None:
    async def work(db: AsyncSession) -> None:
        user = await find_by_pending(db, sign_in.tables, new_email=email)
        if user is None:
            return
        for letter in await change_letters(db, sign_in, incoming, user, redirect_to):
            post_when_committed(db, sign_in, letter)

    await sign_in.settle(work)
