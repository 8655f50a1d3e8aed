"""Proving an address: by following the link that was sent there, or by typing the code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from backstay.auth.audit import note
from backstay.auth.limits.admit import admit_proof, tell_refusal
from backstay.auth.protocol.answer import Answer, redirect
from backstay.auth.protocol.incoming import Body, Incoming
from backstay.auth.sign_in import SignIn
from backstay.auth.steps.address import read_email, read_number
from backstay.auth.steps.entry import enter
from backstay.auth.steps.mailing import needs_both, notice, post_when_committed, type_of
from backstay.auth.steps.redirect import add_error, add_query, add_session, choose_redirect
from backstay.auth.steps.users import prove_email, prove_phone
from backstay.auth.store import codes, flow
from backstay.auth.store.codes import PKCE_PREFIX, Purpose
from backstay.auth.store.user_row import UserRow, change, find_by_email, find_by_id, find_by_phone, readdress
from backstay.errors import BackstayError, CodeExpired, SignInError, UserBanned, ValidationFailed

_BY_MAIL: Final = (Purpose.SIGN_UP, Purpose.MAGIC_LINK, Purpose.RECOVERY, Purpose.INVITE)
_PURPOSES: Final[Mapping[str, tuple[Purpose, ...]]] = {
    "signup": (Purpose.SIGN_UP, Purpose.MAGIC_LINK),
    "magiclink": (Purpose.MAGIC_LINK, Purpose.SIGN_UP),
    "invite": (Purpose.INVITE,),
    "recovery": (Purpose.RECOVERY,),
    "email": _BY_MAIL,
    "email_change": (Purpose.EMAIL_CHANGE_CURRENT, Purpose.EMAIL_CHANGE_NEW),
    "sms": (Purpose.PHONE,),
    "phone_change": (Purpose.PHONE_CHANGE,),
}
_METHODS: Final[Mapping[Purpose, str]] = {
    Purpose.SIGN_UP: "email/signup",
    Purpose.MAGIC_LINK: "magiclink",
    Purpose.RECOVERY: "recovery",
    Purpose.INVITE: "invite",
    Purpose.EMAIL_CHANGE_CURRENT: "email_change",
    Purpose.EMAIL_CHANGE_NEW: "email_change",
    Purpose.PHONE: "otp",
    Purpose.PHONE_CHANGE: "otp",
}
_CHANGES: Final = (Purpose.EMAIL_CHANGE_CURRENT, Purpose.EMAIL_CHANGE_NEW, Purpose.PHONE_CHANGE)
_HALF: Final = {
    "msg": "Confirmation link accepted. Please proceed to confirm link sent to the other email",
    "code": "200",
}
_LATE: Final = "Email link is invalid or has expired"


class Shown(Body):
    """The body of ``POST /verify``."""

    type: str = ""
    token: str | None = None
    token_hash: str | None = None
    email: str | None = None
    phone: str | None = None


async def verify(sign_in: SignIn, incoming: Incoming) -> Answer:
    """``POST /verify``: a session for a code that was sent, or for the token of a link.

    Raises:
        CodeExpired: it is wrong, was used, or is too old.
    """
    asked = incoming.read(Shown)
    purposes = _read_type(asked.type)
    if not asked.token and not asked.token_hash:
        raise ValidationFailed("Verify requires either a token or a token hash")

    async def work(db: AsyncSession) -> dict[str, Any] | BackstayError:
        if asked.token_hash:
            row = await codes.redeem_link(db, sign_in.tables, asked.token_hash, purposes, incoming.now)
        else:
            row = await codes.redeem_code(
                db, sign_in.tables, sign_in.code_key, _sent_to(asked), asked.token or "", purposes, incoming.now
            )
        if row is None:
            await note(db, sign_in, incoming, "code_refused", None, {"type": asked.type})
            return CodeExpired()
        return await _take(db, sign_in, incoming, row, typed=not asked.token_hash)

    return Answer(await sign_in.settle(work))


async def follow(sign_in: SignIn, incoming: Incoming) -> Answer:
    """``GET /verify``: a link was followed; the browser goes on to where it leads, with a session or the error."""
    query = incoming.query
    token, kind = query.get("token", ""), query.get("type", "")
    target = choose_redirect(sign_in, query.get("redirect_to"))
    pkce = token.startswith(PKCE_PREFIX)

    async def work(db: AsyncSession) -> str | BackstayError:
        purposes = _read_type(kind)
        row = await codes.redeem_link(db, sign_in.tables, token, purposes, incoming.now)
        if row is None:
            await note(db, sign_in, incoming, "code_refused", None, {"type": kind[:30]})
            return CodeExpired(_LATE)
        if row["flow_id"] is not None:
            return await _return(db, sign_in, incoming, row, target)
        found = await _take(db, sign_in, incoming, row, typed=False)
        if isinstance(found, BackstayError):
            return found
        return add_session(target, found, kind) if "access_token" in found else _tell_half(target, found)

    try:
        await admit_proof(sign_in, incoming)
        return redirect(await sign_in.settle(work))
    except SignInError as error:
        await tell_refusal(sign_in, incoming, "/verify", error)
        return redirect(add_error(target, error, pkce=pkce))


async def _return(
    db: AsyncSession, sign_in: SignIn, incoming: Incoming, row: sa.RowMapping, target: str
) -> str | BackstayError:
    """Send a client back who left for the mailbox, with a code that only it can use."""
    proven = await _prove(db, sign_in, incoming, row)
    if isinstance(proven, dict):
        return _tell_half(target, proven)
    if isinstance(proven, BackstayError):
        return proven
    code = await flow.give_code(db, sign_in.tables, row["flow_id"], proven.id, incoming.now)
    return CodeExpired(_LATE) if code is None else add_query(target, {"code": code})


async def _take(
    db: AsyncSession, sign_in: SignIn, incoming: Incoming, row: sa.RowMapping, *, typed: bool
) -> dict[str, Any] | BackstayError:
    proven = await _prove(db, sign_in, incoming, row)
    if not isinstance(proven, UserRow):
        return proven
    purpose = Purpose(row["purpose"])
    method = _METHODS[purpose]
    told = "otp" if typed and method == "magiclink" else method
    return await enter(db, sign_in, incoming, proven, told, by_change=purpose in _CHANGES)


async def _prove(
    db: AsyncSession, sign_in: SignIn, incoming: Incoming, row: sa.RowMapping
) -> UserRow | dict[str, Any] | BackstayError:
    """What the proof of an address changes: the user as they are then, or what is still to be done."""
    user = await find_by_id(db, sign_in.tables, row["user_id"])
    if user is None or user.deleted_at is not None:
        return CodeExpired()
    if user.is_banned(incoming.now):
        return UserBanned().of(user.id)
    purpose = Purpose(row["purpose"])
    if purpose in _BY_MAIL:
        if user.email != row["sent_to"]:
            return CodeExpired()
        await _prove_email(db, sign_in, incoming, user, row)
    elif purpose is Purpose.PHONE:
        if user.phone != row["sent_to"]:
            return CodeExpired()
        more = {"password": row["password"]} if row["password"] else {}
        if not more and user.confirmed_at is None:
            # As for an address: whoever chose this password never proved that the phone is theirs; this one did.
            more = {"password": None}
        await prove_phone(db, sign_in, incoming, user, **more)
    elif purpose is Purpose.PHONE_CHANGE:
        refused = await _change_phone(db, sign_in, incoming, user, row)
        if refused is not None:
            return refused
    else:
        half = await _change_email(db, sign_in, incoming, user, row, purpose)
        if half is not None:
            return half
    await note(db, sign_in, incoming, "address_proven", user.id, {"type": type_of(purpose)})
    return await find_by_id(db, sign_in.tables, user.id) or CodeExpired()


async def _prove_email(
    db: AsyncSession, sign_in: SignIn, incoming: Incoming, user: UserRow, row: sa.RowMapping
) -> None:
    more: dict[str, Any] = {}
    if row["password"] is not None:
        more = {"password": row["password"], "password_changed_at": incoming.now}
    elif not user.email_is_confirmed and Purpose(row["purpose"]) is not Purpose.SIGN_UP:
        # Whoever chose this password never proved that the address is theirs; this one did.
        more = {"password": None}
    await prove_email(db, sign_in, incoming, user, **more)
    await codes.forget(db, sign_in.tables, user.id, _BY_MAIL)


async def _change_email(
    db: AsyncSession, sign_in: SignIn, incoming: Incoming, user: UserRow, row: sa.RowMapping, purpose: Purpose
) -> dict[str, Any] | BackstayError | None:
    """Take the new address, if all is proven; else what is still to be done."""
    if user.new_email is None or row["sent_to"] not in (user.email, user.new_email):
        return CodeExpired()
    done = user.new_email_confirmations | (1 if purpose is Purpose.EMAIL_CHANGE_CURRENT else 2)
    if done != 3 and (needs_both(sign_in, user) or purpose is Purpose.EMAIL_CHANGE_CURRENT):
        await change(db, sign_in.tables, user.id, incoming.now, new_email_confirmations=done)
        return dict(_HALF)
    taken = await find_by_email(db, sign_in.tables, user.new_email)
    if taken is not None and taken.id != user.id:
        return CodeExpired()
    pending = {"new_email": None, "new_email_confirmations": 0}
    await readdress(db, sign_in.tables, user.id, user.new_email, incoming.now, **pending)
    changed = await find_by_id(db, sign_in.tables, user.id)
    assert changed is not None
    await prove_email(db, sign_in, incoming, changed, email_confirmed_at=incoming.now)
    await codes.forget(db, sign_in.tables, user.id, tuple(Purpose))
    await note(db, sign_in, incoming, "email_changed", user.id)
    told = notice("email_changed", user, old_email=user.email, new_email=user.new_email)
    post_when_committed(db, sign_in, told)
    return None


async def _change_phone(
    db: AsyncSession, sign_in: SignIn, incoming: Incoming, user: UserRow, row: sa.RowMapping
) -> BackstayError | None:
    if user.new_phone is None or user.new_phone != row["sent_to"]:
        return CodeExpired()
    taken = await find_by_phone(db, sign_in.tables, user.new_phone)
    if taken is not None and taken.id != user.id:
        return CodeExpired()
    at = {"phone_confirmed_at": incoming.now}
    await change(db, sign_in.tables, user.id, incoming.now, phone=user.new_phone, new_phone=None, **at)
    changed = await find_by_id(db, sign_in.tables, user.id)
    assert changed is not None
    await prove_phone(db, sign_in, incoming, changed)
    await note(db, sign_in, incoming, "phone_changed", user.id)
    post_when_committed(db, sign_in, notice("phone_changed", user))
    return None


def _read_type(kind: str) -> tuple[Purpose, ...]:
    if not kind:
        raise ValidationFailed("Verify requires a verification type")
    if kind not in _PURPOSES:
        raise ValidationFailed("Invalid verification type")
    return _PURPOSES[kind]


def _sent_to(asked: Shown) -> str:
    if bool(asked.email) == bool(asked.phone):
        raise ValidationFailed("Only an email address or phone number should be provided on verify")
    return read_email(asked.email) if asked.email else read_number(asked.phone)


def _tell_half(target: str, half: Mapping[str, Any]) -> str:
    return add_query(target, {"message": half["msg"]})
