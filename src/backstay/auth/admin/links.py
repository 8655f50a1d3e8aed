"""Links that the secret key makes for users: to be sent by a program's own hand, or by an invitation."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeAlias

from sqlalchemy.ext.asyncio import AsyncSession

from backstay.auth.admin.find import describe
from backstay.auth.audit import note
from backstay.auth.protocol.answer import Answer
from backstay.auth.protocol.incoming import Body, Incoming, Metadata
from backstay.auth.sign_in import SignIn
from backstay.auth.steps.address import read_email
from backstay.auth.steps.choose import choose_password
from backstay.auth.steps.mailing import check_mail, link_of, mail_code, make_code, post_when_committed
from backstay.auth.steps.redirect import choose_redirect
from backstay.auth.steps.users import make_identity, make_user
from backstay.auth.store import codes
from backstay.auth.store.codes import Purpose, Sent
from backstay.auth.store.user_row import UserRow, change, find_by_email, find_by_id
from backstay.errors import EmailExists, UniqueViolation, UserNotFound, ValidationFailed


class Wished(Body):
    """The body of ``POST /admin/generate_link``, and of ``POST /invite``."""

    type: str = ""
    email: str | None = None
    new_email: str | None = None
    password: str | None = None
    data: Metadata | None = None
    redirect_to: str | None = None


Found: TypeAlias = tuple[UserRow, Purpose]
_Finder: TypeAlias = Callable[[AsyncSession, SignIn, Incoming, Wished, str], Awaitable[Found]]


async def generate_link(sign_in: SignIn, incoming: Incoming) -> Answer:
    """``POST /admin/generate_link``: a link and its code, which nobody is sent.

    Raises:
        ValidationFailed, WeakPassword: the body does not do.
        EmailExists: a new user is asked for, and the address is somebody's.
        UserNotFound: it is nobody's.
    """
    asked = incoming.read(Wished)
    if asked.type not in _FINDERS:
        raise ValidationFailed(f"Invalid email action link type requested: {asked.type[:30]}")
    email = read_email(asked.email)
    redirect_to = choose_redirect(sign_in, asked.redirect_to or incoming.query.get("redirect_to"))
    password: str | None = None
    if asked.type == "signup":
        password = await choose_password(sign_in, asked.password, context=(email,))

    async def work(db: AsyncSession) -> tuple[Purpose, Sent, dict[str, Any]]:
        user, purpose = await _FINDERS[asked.type](db, sign_in, incoming, asked, email)
        to = user.new_email or "" if purpose is Purpose.EMAIL_CHANGE_NEW else email
        sent = await make_code(db, sign_in, incoming, user, purpose, to, password=password)
        await note(db, sign_in, incoming, "link_made", user.id, {"type": asked.type})
        return purpose, sent, await describe(db, sign_in, user.id)

    try:
        purpose, sent, document = await sign_in.settle(work)
    except UniqueViolation:
        raise EmailExists from None
    properties = {
        "action_link": link_of(sign_in, purpose, sent, redirect_to),
        "email_otp": sent.code,
        "hashed_token": sent.token,
        "verification_type": purpose.value,
        "redirect_to": redirect_to,
    }
    return Answer({**document, **properties})


async def invite(sign_in: SignIn, incoming: Incoming) -> Answer:
    """``POST /invite``: a new user, who is mailed a link to come in by.

    Raises:
        EmailExists: the address is that of a user who came in already.
        MailUnavailable: nothing says how mail is sent.
    """
    asked = incoming.read(Wished)
    email = read_email(asked.email)
    check_mail(sign_in)
    redirect_to = choose_redirect(sign_in, incoming.query.get("redirect_to") or asked.redirect_to)

    async def work(db: AsyncSession) -> dict[str, Any]:
        user, purpose = await _find_invited(db, sign_in, incoming, asked, email)
        letter = await mail_code(db, sign_in, incoming, user, purpose, email, redirect_to)
        post_when_committed(db, sign_in, letter)
        await note(db, sign_in, incoming, "user_invited", user.id)
        return await describe(db, sign_in, user.id)

    try:
        return Answer(await sign_in.settle(work))
    except UniqueViolation:
        raise EmailExists from None


# Whom a link is for ------------------------------------------------------------------------------------------


async def _find(db: AsyncSession, sign_in: SignIn, email: str) -> UserRow:
    user = await find_by_email(db, sign_in.tables, email)
    if user is None or user.deleted_at is not None:
        raise UserNotFound("User with this email not found")
    return user


async def _find_new(db: AsyncSession, sign_in: SignIn, incoming: Incoming, asked: Wished, email: str) -> UserRow:
    """The user who has yet to prove this address; a new one where it is nobody's."""
    known = await find_by_email(db, sign_in.tables, email)
    if known is not None and (known.email_is_confirmed or known.deleted_at is not None):
        raise EmailExists
    if known is not None:
        return known
    user = await make_user(db, sign_in, incoming, email=email, data=asked.data)
    said = {"email": email, "email_verified": False, "phone_verified": False}
    await make_identity(db, sign_in, incoming, user.id, provider="email", subject=str(user.id), email=email, data=said)
    return user


async def _find_for_sign_up(db: AsyncSession, sign_in: SignIn, incoming: Incoming, asked: Wished, email: str) -> Found:
    return await _find_new(db, sign_in, incoming, asked, email), Purpose.SIGN_UP


async def _find_invited(db: AsyncSession, sign_in: SignIn, incoming: Incoming, asked: Wished, email: str) -> Found:
    return await _find_new(db, sign_in, incoming, asked, email), Purpose.INVITE


async def _find_for_magic_link(
    db: AsyncSession, sign_in: SignIn, incoming: Incoming, asked: Wished, email: str
) -> Found:
    """Whoever is not known signs up by the link."""
    if await find_by_email(db, sign_in.tables, email) is None:
        return await _find_for_sign_up(db, sign_in, incoming, asked, email)
    return await _find(db, sign_in, email), Purpose.MAGIC_LINK


async def _find_for_recovery(db: AsyncSession, sign_in: SignIn, incoming: Incoming, asked: Wished, email: str) -> Found:
    return await _find(db, sign_in, email), Purpose.RECOVERY


async def _find_for_change(db: AsyncSession, sign_in: SignIn, incoming: Incoming, asked: Wished, email: str) -> Found:
    """Whose address is to change. The link to the one address does not undo what the link to the other proved."""
    purpose = Purpose(asked.type)
    if purpose is Purpose.EMAIL_CHANGE_CURRENT and not sign_in.settings.secure_email_change:
        raise ValidationFailed("Enable secure email change to generate link for current email")
    user = await _find(db, sign_in, email)
    new_email = read_email(asked.new_email)
    if await find_by_email(db, sign_in.tables, new_email) is not None:
        raise EmailExists
    if user.new_email != new_email:
        await change(db, sign_in.tables, user.id, incoming.now, new_email=new_email, new_email_confirmations=0)
        await codes.forget(db, sign_in.tables, user.id, (Purpose.EMAIL_CHANGE_CURRENT, Purpose.EMAIL_CHANGE_NEW))
        user = await find_by_id(db, sign_in.tables, user.id) or user
    return user, purpose


_FINDERS: Final[Mapping[str, _Finder]] = {
    "signup": _find_for_sign_up,
    "magiclink": _find_for_magic_link,
    "recovery": _find_for_recovery,
    "invite": _find_invited,
    "email_change_current": _find_for_change,
    "email_change_new": _find_for_change,
}
