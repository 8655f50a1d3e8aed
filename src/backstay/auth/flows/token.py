"""``POST /token``: a session for a password, for a refresh token, or for an authorisation code."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncSession

from backstay.auth.audit import note
from backstay.auth.flows.about import refuse_web3
from backstay.auth.flows.provider.link import link
from backstay.auth.flows.provider.native import grant_by_id_token
from backstay.auth.flows.provider.parcel import unpack
from backstay.auth.limits.admit import Guess, admit, admit_sign_in, forgive, guessing, note_wrong
from backstay.auth.limits.limit import Limit, Limits, by_refresh, by_sign_in
from backstay.auth.protocol.answer import Answer
from backstay.auth.protocol.incoming import Body, Incoming
from backstay.auth.revoked import Revoked
from backstay.auth.sign_in import SignIn
from backstay.auth.steps.address import read_email, read_number
from backstay.auth.steps.choose import judge_password
from backstay.auth.steps.entry import enter, leave, tell_session
from backstay.auth.steps.mailing import post_when_committed
from backstay.auth.store import flow, sessions
from backstay.auth.store.sessions import Bounds, Refused
from backstay.auth.store.user_row import UserRow, change, find_by_email, find_by_id, find_by_phone, hold
from backstay.errors import (
    BackstayError,
    EmailNotConfirmed,
    EmailProviderDisabled,
    InvalidCredentials,
    PhoneNotConfirmed,
    PhoneProviderDisabled,
    RefreshSessionExpired,
    RefreshTokenNotFound,
    RefreshTokenUsed,
    SignInError,
    UnsupportedGrant,
    UserBanned,
    ValidationFailed,
)

Grant = Callable[[SignIn, Incoming], Awaitable[Answer]]


class ByPassword(Body):
    """The body of ``grant_type=password``."""

    email: str | None = None
    phone: str | None = None
    password: str = ""


class ByRefreshToken(Body):
    """The body of ``grant_type=refresh_token``."""

    refresh_token: str = ""


class ByCode(Body):
    """The body of ``grant_type=pkce``."""

    auth_code: str = ""
    code_verifier: str = ""


async def grant_token(sign_in: SignIn, incoming: Incoming) -> Answer:
    """``POST /token?grant_type=...``.

    Raises:
        UnsupportedGrant: there is no such grant.
    """
    name = incoming.query.get("grant_type", "")
    if name == "password":
        return await grant_by_password(sign_in, incoming)
    grant, limit_of = GRANTS.get(name, (_refuse, by_sign_in))
    await admit(sign_in, incoming, limit_of(sign_in.limits))
    return await grant(sign_in, incoming)


async def _refuse(sign_in: SignIn, incoming: Incoming) -> Answer:
    raise UnsupportedGrant


async def grant_by_password(sign_in: SignIn, incoming: Incoming) -> Answer:
    """A session for an address and a password. Who is not known is told apart from a wrong password by nothing.

    Raises:
        InvalidCredentials: they are not right.
        EmailNotConfirmed, PhoneNotConfirmed: they are, but the address was not proven.
        UserBanned: they are, but the user may not sign in.
        TooManyRequests: too many were tried.
    """
    try:
        asked = _read_password(sign_in, incoming)
    except SignInError:
        # What is no guess at all is counted all the same; guesses are when it is their turn.
        await admit_sign_in(sign_in, incoming)
        raise
    async with guessing(sign_in, incoming, email=asked.email, phone=asked.phone) as guess:
        return Answer(await _enter_by_password(sign_in, incoming, asked, guess))


def _read_password(sign_in: SignIn, incoming: Incoming) -> ByPassword:
    asked = incoming.read(ByPassword)
    if bool(asked.email) == bool(asked.phone):
        raise ValidationFailed("One of email or phone must be set")
    if asked.email and not sign_in.settings.email_sign_in:
        raise EmailProviderDisabled
    if asked.phone and not sign_in.settings.phone_sign_in:
        raise PhoneProviderDisabled
    return asked


async def _enter_by_password(sign_in: SignIn, incoming: Incoming, asked: ByPassword, guess: Guess) -> dict[str, Any]:
    async with sign_in.session() as db:
        user = await _find(db, sign_in, asked)
    kept = None if user is None else user.password
    verdict = await sign_in.hashing.check(asked.password, kept)
    if user is None or not verdict.matches:
        async with sign_in.session() as db:
            user_id = None if user is None else user.id
            await note_wrong(db, sign_in, incoming, guess, "sign_in_failed", user_id, {"method": "password"})
        raise InvalidCredentials
    weakness = await judge_password(sign_in, asked.password, context=[user.email or ""])

    async def work(db: AsyncSession) -> dict[str, Any] | BackstayError:
        # It may have been changed while it was being checked; from here on it is not.
        await hold(db, sign_in.tables, user.id)
        now_kept = await find_by_id(db, sign_in.tables, user.id)
        if now_kept is None or now_kept.password != kept:
            return InvalidCredentials()
        await forgive(db, sign_in, guess)
        if verdict.renewed is not None:
            await change(db, sign_in.tables, user.id, incoming.now, password=verdict.renewed)
        hindrance = _find_hindrance(incoming, asked, now_kept)
        if hindrance is not None:
            return hindrance.of(user.id)
        return await enter(db, sign_in, incoming, now_kept, "password")

    document = await sign_in.settle(work)
    if weakness is not None:
        document["weak_password"] = {"message": weakness.message, "reasons": [weakness.reason]}
    return document


def _find_hindrance(incoming: Incoming, asked: ByPassword, user: UserRow) -> SignInError | None:
    """Why somebody may not enter, whose password is right."""
    if user.is_banned(incoming.now):
        return UserBanned()
    if asked.email and not user.email_is_confirmed:
        return EmailNotConfirmed()
    return PhoneNotConfirmed() if asked.phone and not user.phone_is_confirmed else None


async def _find(db: AsyncSession, sign_in: SignIn, asked: ByPassword) -> UserRow | None:
    try:
        if asked.email:
            found = await find_by_email(db, sign_in.tables, read_email(asked.email))
        else:
            found = await find_by_phone(db, sign_in.tables, read_number(asked.phone))
    except ValidationFailed:
        return None
    return None if found is None or found.deleted_at is not None else found


async def grantby_refresh_token(sign_in: SignIn, incoming: Incoming) -> Answer:
    """A session's next tokens. A token used twice ends the session, in the transaction that says so.

    Raises:
        RefreshTokenNotFound: there is no such session, or it is over.
        RefreshTokenUsed: the token was used before.
        RefreshSessionExpired: the session is too old, or was not used for too long.
        UserBanned: its user may not sign in any more.
        TooManyRequests: there were too many from there.
    """
    asked = incoming.read(ByRefreshToken)
    if not asked.refresh_token:
        raise ValidationFailed("refresh_token required")
    read = sessions.read_refresh_token(sign_in.refresh_key, asked.refresh_token)
    if read is None:
        raise RefreshTokenNotFound

    async def work(db: AsyncSession) -> dict[str, Any] | BackstayError:
        found = await sessions.rotate(db, sign_in.tables, *read, incoming.now, bounds_of(sign_in))
        if isinstance(found, Refused):
            if found is Refused.USED:
                await _end_family(db, sign_in, incoming, read[0])
            return _REFUSALS[found]()
        user = await find_by_id(db, sign_in.tables, found["user_id"])
        if user is None or user.deleted_at is not None:
            return RefreshTokenNotFound()
        if user.is_banned(incoming.now):
            await leave(db, sign_in, incoming, sign_in.tables.sessions.c.id == read[0], by="ban")
            return UserBanned("Invalid Refresh Token: User Banned").of(user.id)
        return await tell_session(db, sign_in, incoming, found)

    return Answer(await sign_in.settle(work))


async def _end_family(db: AsyncSession, sign_in: SignIn, incoming: Incoming, session_id: Any) -> None:
    until = incoming.now + sign_in.settings.access_token_life
    await sign_in.revocations.note(db, Revoked.SESSION, str(session_id), now=incoming.now, until=until)
    await note(db, sign_in, incoming, "refresh_token_reused", None, {"session_id": str(session_id)})


def bounds_of(sign_in: SignIn) -> Bounds:
    """How long sessions live, by the settings."""
    settings = sign_in.settings
    return Bounds(settings.refresh_reuse, settings.session_idle, settings.session_life)


_REFUSALS: Final[Mapping[Refused, Callable[[], SignInError]]] = {
    Refused.UNKNOWN: RefreshTokenNotFound,
    Refused.USED: RefreshTokenUsed,
    Refused.OLD: RefreshSessionExpired,
    Refused.IDLE: lambda: RefreshSessionExpired("Invalid Refresh Token: Session Expired (Inactivity)"),
}


async def grant_by_code(sign_in: SignIn, incoming: Incoming) -> Answer:
    """A session for the authorisation code of a flow of PKCE, and the verifier that only its client knows.

    Raises:
        FlowStateNotFound, FlowStateExpired: the code is not good, or not any more.
        BadCodeVerifier: the verifier is not the flow's. The code is used up by it.
    """
    asked = incoming.read(ByCode)
    if not asked.auth_code or not asked.code_verifier:
        raise ValidationFailed("invalid request: both auth code and code verifier should be non-empty")

    async def work(db: AsyncSession) -> dict[str, Any] | BackstayError:
        found = await flow.redeem(db, sign_in.tables, asked.auth_code, asked.code_verifier, incoming.now)
        if isinstance(found, BackstayError):
            return found
        user = await find_by_id(db, sign_in.tables, found["user_id"])
        if user is None or user.deleted_at is not None:
            return InvalidCredentials()
        left = unpack(sign_in, found)
        if left.profile is not None:
            linked = await link(db, sign_in, incoming, user.id, left.profile)
            if isinstance(linked, BackstayError):
                return linked
            user, letter = linked
            post_when_committed(db, sign_in, letter)
        method, provider = found["method"], found["provider"]
        by_change = method == "email_change" or found["linked_user_id"] is not None
        session = await enter(db, sign_in, incoming, user, method, provider=provider, by_change=by_change)
        return {**session, **left.tokens}

    return Answer(await sign_in.settle(work))


GRANTS: Final[Mapping[str, tuple[Grant, Callable[[Limits], Limit]]]] = {
    "refresh_token": (grantby_refresh_token, by_refresh),
    "pkce": (grant_by_code, by_refresh),
    "id_token": (grant_by_id_token, by_sign_in),
    "web3": (refuse_web3, by_sign_in),
}
"""What a session is granted for beside a password, by the name in the query string; and what limits it."""
