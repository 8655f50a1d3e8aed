"""Signing up: by e-mail address or phone and a password, or as nobody in particular."""

from __future__ import annotations

import time
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from backstay.auth.audit import note
from backstay.auth.limits.admit import admit, admit_mail, admit_text
from backstay.auth.protocol.answer import Answer, moment
from backstay.auth.protocol.incoming import Body, Incoming, Metadata
from backstay.auth.sign_in import SignIn
from backstay.auth.steps.address import read_email, read_number
from backstay.auth.steps.choose import check_choice, choose_password
from backstay.auth.steps.entry import enter, tell_user
from backstay.auth.steps.mailing import (
    check_mail,
    check_texts,
    mail_code,
    make_code,
    post_text,
    post_when_committed,
)
from backstay.auth.steps.redirect import choose_redirect
from backstay.auth.steps.users import make_identity, make_user, prove_email, prove_phone, read_profile
from backstay.auth.store import flow
from backstay.auth.store.codes import Purpose, Sent
from backstay.auth.store.user_row import UserRow, change, find_by_email, find_by_phone
from backstay.errors import (
    AnonymousProviderDisabled,
    EmailProviderDisabled,
    PhoneProviderDisabled,
    SignUpDisabled,
    UniqueViolation,
    UserExists,
    ValidationFailed,
)


class SignUp(Body):
    """The body of ``POST /signup``."""

    email: str | None = None
    phone: str | None = None
    password: str | None = None
    data: Metadata | None = None
    channel: str | None = None
    code_challenge: str | None = None
    code_challenge_method: str | None = None


async def sign_up(sign_in: SignIn, incoming: Incoming) -> Answer:
    """``POST /signup``: a session where nothing has to be proven first, else the user alone.

    Raises:
        SignUpDisabled, AnonymousProviderDisabled: by the settings.
        ValidationFailed, WeakPassword: the body does not do.
        UserExists: the address is somebody's, and addresses need no proof here.
    """
    asked = incoming.read(SignUp)
    if not sign_in.settings.sign_up:
        raise SignUpDisabled
    read_profile(sign_in, asked.data or {})
    if asked.email and asked.phone:
        raise ValidationFailed("Only an email address or phone number should be provided on signup.")
    if not asked.email and not asked.phone:
        return await _sign_up_anonymously(sign_in, incoming, asked)
    return await (_sign_up_by_email if asked.email else _sign_up_by_phone)(sign_in, incoming, asked)


async def _sign_up_anonymously(sign_in: SignIn, incoming: Incoming, asked: SignUp) -> Answer:
    if asked.password:
        raise ValidationFailed("To signup, please provide your email")
    if not sign_in.settings.anonymous_users:
        raise AnonymousProviderDisabled
    await admit(sign_in, incoming, sign_in.limits.anonymous)

    async def work(db: AsyncSession) -> Answer:
        user = await make_user(db, sign_in, incoming, data=asked.data, is_anonymous=True)
        await note(db, sign_in, incoming, "signed_up", user.id, {"method": "anonymous"})
        return Answer(await enter(db, sign_in, incoming, user, "anonymous"))

    return await sign_in.settle(work)


async def _sign_up_by_email(sign_in: SignIn, incoming: Incoming, asked: SignUp) -> Answer:
    if not sign_in.settings.email_sign_in:
        raise EmailProviderDisabled("Email signups are disabled")
    email = read_email(asked.email)
    challenge = flow.check_challenge(asked.code_challenge, asked.code_challenge_method)
    proven_later = sign_in.settings.confirm_email
    # Before the mail is counted: who has to choose another password shall not wait for it.
    await check_choice(sign_in, asked.password, context=(email,))
    if proven_later:
        check_mail(sign_in)
        await admit_mail(sign_in, incoming, "confirmation", email)
    password = await choose_password(sign_in, asked.password, context=(email,))
    redirect_to = choose_redirect(sign_in, incoming.query.get("redirect_to"))

    began, is_new = time.monotonic(), False

    async def work(db: AsyncSession) -> dict[str, Any]:
        nonlocal is_new
        known = await find_by_email(db, sign_in.tables, email)
        is_new = known is None
        if known is not None and (known.email_is_confirmed or not proven_later):
            if not proven_later:
                raise UserExists
            await note(db, sign_in, incoming, "sign_up_repeated", known.id)
            return _pretend(incoming, email, asked.data)
        user = known or await _make(db, sign_in, incoming, asked, password, email=email)
        await _leave_open(db, sign_in, incoming, known)
        if not proven_later:
            await prove_email(db, sign_in, incoming, user)
            return await enter(db, sign_in, incoming, user, "password")
        flow_id: UUID | None = None
        if challenge is not None:
            life = sign_in.settings.link_life
            flow_id = await flow.leave(
                db, sign_in.tables, incoming.now, method="email/signup", challenge=challenge, life=life
            )
        # The password comes into force with the proof: who signed up first need not be whose address it is.
        letter = await mail_code(
            db, sign_in, incoming, user, Purpose.SIGN_UP, email, redirect_to, flow_id=flow_id, password=password
        )
        post_when_committed(db, sign_in, letter)
        return await _show(db, sign_in, incoming, user, asked, is_new=is_new)

    try:
        found = await sign_in.settle(work)
    except UniqueViolation:
        # Two signed up with one address at the same moment; this one was the second.
        if not proven_later:
            raise UserExists from None
        found = _pretend(incoming, email, asked.data)
    # A new user takes several times as long as one who is known, and the application may do more in `before_sign_up`.
    await sign_in.sign_ups.keep(began, is_longer=is_new)
    return Answer(found)


async def _sign_up_by_phone(sign_in: SignIn, incoming: Incoming, asked: SignUp) -> Answer:
    if not sign_in.settings.phone_sign_in:
        raise PhoneProviderDisabled("Phone signups are disabled")
    phone = read_number(asked.phone)
    proven_later = sign_in.settings.confirm_phone
    await check_choice(sign_in, asked.password, context=(phone,))
    if proven_later:
        check_texts(sign_in)
        await admit_text(sign_in, incoming, "code", phone)
    password = await choose_password(sign_in, asked.password, context=(phone,))

    began, is_new = time.monotonic(), False

    async def work(db: AsyncSession) -> tuple[dict[str, Any], Sent | None]:
        nonlocal is_new
        known = await find_by_phone(db, sign_in.tables, phone)
        is_new = known is None
        if known is not None and (known.phone_is_confirmed or not proven_later):
            if not proven_later:
                raise UserExists
            await note(db, sign_in, incoming, "sign_up_repeated", known.id)
            return _pretend(incoming, None, asked.data, phone=phone), None
        user = known or await _make(db, sign_in, incoming, asked, password, phone=phone)
        await _leave_open(db, sign_in, incoming, known)
        if proven_later:
            sent = await make_code(db, sign_in, incoming, user, Purpose.PHONE, phone, password=password)
            return await _show(db, sign_in, incoming, user, asked, is_new=is_new), sent
        await prove_phone(db, sign_in, incoming, user)
        return await enter(db, sign_in, incoming, user, "password"), None

    found, sent = await sign_in.settle(work)
    if sent is not None:
        post_text(sign_in, phone, sent)
    await sign_in.sign_ups.keep(began, is_longer=is_new)
    return Answer(found)


async def _leave_open(db: AsyncSession, sign_in: SignIn, incoming: Incoming, known: UserRow | None) -> None:
    """Have an account of which nothing is proven no password, once a second one was chosen for it.

    Nobody knows who of the two is the owner. Each password comes into force with the proof of its own sign-up; a code
    that is sent again proves the address, and neither.
    """
    if known is not None and known.password is not None and known.confirmed_at is None:
        await change(db, sign_in.tables, known.id, incoming.now, password=None)


async def _make(
    db: AsyncSession,
    sign_in: SignIn,
    incoming: Incoming,
    asked: SignUp,
    password: str,
    *,
    email: str | None = None,
    phone: str | None = None,
) -> UserRow:
    more: dict[str, Any] = {"phone": phone} if phone else {}
    user = await make_user(
        db,
        sign_in,
        incoming,
        email=email,
        data=asked.data,
        password=password,
        password_changed_at=incoming.now,
        **more,
    )
    provider = "email" if email else "phone"
    said = {provider: email or phone, "email_verified": False, "phone_verified": False}
    await make_identity(db, sign_in, incoming, user.id, provider=provider, subject=str(user.id), email=email, data=said)
    await note(db, sign_in, incoming, "signed_up", user.id, {"method": "password"})
    return user


async def _show(
    db: AsyncSession, sign_in: SignIn, incoming: Incoming, user: UserRow, asked: SignUp, *, is_new: bool
) -> dict[str, Any]:
    """A user who is to prove their address. What another sign-up with it said is not for whoever comes next."""
    if not is_new:
        return _pretend(incoming, user.email if asked.email else None, asked.data, phone=user.phone or "")
    return {**await tell_user(db, sign_in, user.id), "created_at": moment(incoming.now)}


def _pretend(incoming: Incoming, email: str | None, data: Metadata | None, *, phone: str = "") -> dict[str, Any]:
    """A user who is not there, as a new one would be shown: nobody learns whose addresses are known here."""
    at, id = moment(incoming.now), str(uuid4())
    provider = "email" if email else "phone"
    address = {"email": email} if email else {}
    identity = {
        "identity_id": str(uuid4()),
        "id": id,
        "user_id": id,
        "identity_data": {"sub": id, provider: email or phone, "email_verified": False, "phone_verified": False},
        "provider": provider,
        "last_sign_in_at": at,
        "created_at": at,
        "updated_at": at,
        **address,
    }
    return {
        "id": id,
        "aud": "authenticated",
        "role": "authenticated",
        "email": email or "",
        "phone": "" if email else phone,
        "confirmation_sent_at": at,
        "app_metadata": {"provider": provider, "providers": [provider]},
        "user_metadata": dict(data or {}),
        "identities": [identity],
        "created_at": at,
        "updated_at": at,
        "is_anonymous": False,
    }
