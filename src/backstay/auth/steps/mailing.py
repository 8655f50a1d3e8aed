"""What is sent to users: a code with a link to an address, a code to a phone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from backstay.auth.audit import note
from backstay.auth.mail.letter import Letter
from backstay.auth.protocol.incoming import Incoming
from backstay.auth.sign_in import SignIn
from backstay.auth.steps.redirect import own_url
from backstay.auth.store import codes
from backstay.auth.store.codes import Purpose, Sent
from backstay.auth.store.user_row import UserRow, change, find_by_email
from backstay.errors import MailUnavailable, TextNotSent
from backstay.schema.post.mail import MailKind

_KINDS: Final[Mapping[Purpose, MailKind]] = {
    Purpose.SIGN_UP: "confirmation",
    Purpose.MAGIC_LINK: "magic_link",
    Purpose.RECOVERY: "recovery",
    Purpose.INVITE: "invite",
    Purpose.EMAIL_CHANGE_CURRENT: "email_change",
    Purpose.EMAIL_CHANGE_NEW: "email_change",
    Purpose.REAUTHENTICATION: "reauthentication",
}
_SENT_AT: Final[Mapping[Purpose, str]] = {
    Purpose.SIGN_UP: "confirmation_sent_at",
    Purpose.INVITE: "invited_at",
    Purpose.MAGIC_LINK: "recovery_sent_at",
    Purpose.RECOVERY: "recovery_sent_at",
    Purpose.EMAIL_CHANGE_CURRENT: "email_change_sent_at",
    Purpose.EMAIL_CHANGE_NEW: "email_change_sent_at",
    Purpose.REAUTHENTICATION: "reauthentication_sent_at",
    Purpose.PHONE: "confirmation_sent_at",
    Purpose.PHONE_CHANGE: "phone_change_sent_at",
}
_TYPES: Final[Mapping[Purpose, str]] = {
    Purpose.EMAIL_CHANGE_CURRENT: "email_change",
    Purpose.EMAIL_CHANGE_NEW: "email_change",
}


def check_mail(sign_in: SignIn) -> None:
    """Say so before anything is done, where a mail has to be sent and none can be.

    Raises:
        MailUnavailable: nothing says how mail is sent.
    """
    if not sign_in.post.mails:
        raise MailUnavailable(hint="Set smtp_url, or give Auth(mail=...) a mailer.")


def check_texts(sign_in: SignIn) -> None:
    """The same for texts to phones.

    Raises:
        TextNotSent: nothing says how texts are sent.
    """
    if not sign_in.post.texts:
        raise TextNotSent("Nobody sends texts here", hint="Give Auth(sms=...) a texter.")


async def mail_code(
    db: AsyncSession,
    sign_in: SignIn,
    incoming: Incoming,
    user: UserRow,
    purpose: Purpose,
    to: str,
    redirect_to: str,
    *,
    flow_id: UUID | None = None,
    password: str | None = None,
) -> Letter:
    """Make a code and a link for a user; the letter to post once this is committed.

    Arguments:
        db, sign_in, incoming: where, and by which request.
        user: whose.
        purpose: what for.
        to: the address.
        redirect_to: where the link leads in the end.
        flow_id: the flow that a client left for.
        password: the hash of a password that the proof brings into force.
    """
    sent = await make_code(db, sign_in, incoming, user, purpose, to, flow_id=flow_id, password=password)
    return Letter(
        kind=_KINDS[purpose],
        to=to,
        link=link_of(sign_in, purpose, sent, redirect_to),
        code=sent.code,
        token_hash=sent.token,
        lifetime=sign_in.settings.code_life,
        redirect_to=redirect_to,
        new_email=user.new_email or "",
        old_email=user.email or "",
        data=dict(user.user_metadata),
    )


async def make_code(
    db: AsyncSession,
    sign_in: SignIn,
    incoming: Incoming,
    user: UserRow,
    purpose: Purpose,
    to: str,
    *,
    flow_id: UUID | None = None,
    password: str | None = None,
) -> Sent:
    """Make a code and a link for a user, and note when."""
    settings = sign_in.settings
    await change(db, sign_in.tables, user.id, incoming.now, **{_SENT_AT[purpose]: incoming.now})
    await note(db, sign_in, incoming, "code_made", user.id, {"type": purpose.value})
    return await codes.make(
        db,
        sign_in.tables,
        sign_in.code_key,
        user.id,
        purpose,
        to,
        incoming.now,
        code_life=settings.code_life,
        link_life=settings.link_life,
        flow_id=flow_id,
        password=password,
    )


async def change_letters(
    db: AsyncSession,
    sign_in: SignIn,
    incoming: Incoming,
    user: UserRow,
    redirect_to: str,
    *,
    flow_id: UUID | None = None,
) -> list[Letter]:
    """The letters by which a user proves that both addresses are theirs, before the new one takes the old one's place.

    An address that is somebody else's already gets none, and nobody is told so.
    """
    assert user.new_email is not None
    letters = []
    if needs_both(sign_in, user) and user.email is not None:
        letters.append(
            await mail_code(
                db, sign_in, incoming, user, Purpose.EMAIL_CHANGE_CURRENT, user.email, redirect_to, flow_id=flow_id
            )
        )
    if await find_by_email(db, sign_in.tables, user.new_email) is None:
        letters.append(
            await mail_code(
                db, sign_in, incoming, user, Purpose.EMAIL_CHANGE_NEW, user.new_email, redirect_to, flow_id=flow_id
            )
        )
    return letters


def needs_both(sign_in: SignIn, user: UserRow) -> bool:
    """Whether a change of the e-mail address takes a proof of the old one, too."""
    return sign_in.settings.secure_email_change and user.email_is_confirmed


def link_of(sign_in: SignIn, purpose: Purpose, sent: Sent, redirect_to: str) -> str:
    """The link that proves an address by being followed. Raises as :func:`backstay.auth.steps.redirect.own_url`."""
    query = {"token": sent.token, "type": type_of(purpose), "redirect_to": redirect_to}
    return f"{own_url(sign_in)}/verify?{urlencode(query)}"


def type_of(purpose: Purpose) -> str:
    """What clients call a purpose when they verify its code."""
    return _TYPES.get(purpose, purpose.value)


def post_text(sign_in: SignIn, phone: str, sent: Sent) -> None:
    """Send a code to a phone."""
    minutes = max(1, round(sign_in.settings.code_life.total_seconds() / 60))
    sign_in.post.post_text(phone, sent.code, minutes=minutes)


def notice(kind: MailKind, user: UserRow, **more: Any) -> Letter | None:
    """A letter that tells a user what happened to them; None where they have no address that is proven."""
    if user.email is None or not user.email_is_confirmed:
        return None
    return Letter(kind=kind, to=user.email, data=dict(user.user_metadata), **more)


def post_when_committed(db: AsyncSession, sign_in: SignIn, letter: Letter | None) -> None:
    """Post a letter once what the session does is committed, and never otherwise; None: there is none."""
    if letter is not None and sign_in.post.mails:
        sa.event.listen(db.sync_session, "after_commit", lambda _: sign_in.post.post(letter), once=True)
