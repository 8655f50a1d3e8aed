"""What each way in counts against. All of it is counted before anything is looked up, so that it is the same for all.

The holder of the secret key is a server that speaks for its own callers, so no network is counted for it; accounts and
mailboxes are.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncSession

from backstay.auth.audit import note
from backstay.auth.limits.gate import Counted
from backstay.auth.limits.limit import KNOWN, Limit, Lock
from backstay.auth.limits.who import line, mailbox, network
from backstay.auth.protocol.incoming import Incoming
from backstay.auth.sign_in import SignIn
from backstay.auth.store.user_row import UserRow
from backstay.errors import (
    BackstayError,
    BadCodeVerifier,
    ClientUnknown,
    EmailNotConfirmed,
    EnrollingNeedsAal2,
    FactorAddressMismatch,
    InsufficientAal,
    KeyNotAllowed,
    NotAdmin,
    OAuthError,
    PasskeyNeedsAal2,
    PasskeyRefused,
    PhoneNotConfirmed,
    ReauthenticationNeeded,
    ReauthenticationNotValid,
    RefreshTokenNotFound,
    RemovingNeedsAal2,
    TooManyRequests,
    UserBanned,
)
from backstay.schema.caller import Role
from backstay.schema.post.mail import MailKind

_ONCE: Final = Limit("refused", 1, timedelta(minutes=5))
_TOLD: Final = (
    *(BadCodeVerifier, ClientUnknown, PasskeyRefused, ReauthenticationNotValid, RefreshTokenNotFound),
    *(
        EnrollingNeedsAal2,
        FactorAddressMismatch,
        InsufficientAal,
        PasskeyNeedsAal2,
        ReauthenticationNeeded,
        RemovingNeedsAal2,
    ),
    *(EmailNotConfirmed, PhoneNotConfirmed, UserBanned, KeyNotAllowed, NotAdmin),
)
"""The refusals that the trail tells: something shown that is not good, or more asked for than one may."""


async def admit(sign_in: SignIn, incoming: Incoming, limit: Limit) -> None:
    """Let somebody try something as often as a limit lets one network.

    Raises:
        TooManyRequests: there were too many from there.
    """
    incoming.counted = True
    await _admit(sign_in, incoming, *_from_there(incoming, limit))


async def admit_sign_in(sign_in: SignIn, incoming: Incoming) -> None:
    """Let somebody sign in or up, or ask for a mail. Raises TooManyRequests."""
    await admit(sign_in, incoming, sign_in.limits.sign_in)


async def admit_refresh(sign_in: SignIn, incoming: Incoming) -> None:
    """Let somebody exchange a token or a code for a session's tokens. Raises TooManyRequests."""
    await admit(sign_in, incoming, sign_in.limits.refresh)


async def admit_proof(sign_in: SignIn, incoming: Incoming) -> None:
    """Let somebody try a code or a link. Raises TooManyRequests."""
    await admit(sign_in, incoming, sign_in.limits.verify)


def look_for_key(sign_in: SignIn, incoming: Incoming) -> None:
    """Refuse at once whoever is known to have shown too many wrong API keys. Raises TooManyRequests."""
    sign_in.gate.look(incoming.now, *_from_there(incoming, sign_in.limits.api_keys))


# Guesses -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Guess:
    """A guess that was let pass.

    Arguments:
        lock: what it is counted by.
        who: for whom, as :class:`~backstay.auth.limits.gate.Gate` counts.
        until: how long they are locked out if it is wrong; None: they are not.
        here: whether it is only somebody from a network where the account's user was before.
    """

    lock: Lock
    who: str
    until: datetime | None = None
    here: bool = False


@asynccontextmanager
async def guessing(
    sign_in: SignIn, incoming: Incoming, *, email: str | None = None, phone: str | None = None
) -> AsyncIterator[Guess]:
    """Let somebody try a password for an account, whether there is such an account or not.

    They wait for their turn first, unless they are known to be refused. Whoever's password is right calls
    :func:`forgive`, and whoever's is wrong :func:`note_wrong`.

    From a network where the account's user signed in lately, guesses have a budget of their own. Nobody elsewhere uses
    it up, so nobody can keep the user from signing in where they commonly do.

    Raises:
        TooManyRequests: too many were tried, from there or for this account.
        Overloaded: too many wait for their turn.
    """
    limits, name = sign_in.limits, address_name(email, phone)
    counted = _from_there(incoming, limits.sign_in)
    sign_in.gate.look(incoming.now, *counted)
    pair = _at_home(sign_in, incoming, name)
    here = pair is not None and await sign_in.gate.knows(pair, incoming.now)
    guess = Guess(limits.lock, pair if pair is not None and here else name, here=here)
    async with _taking_turns(sign_in, incoming, counted, guess) as admitted:
        yield admitted


@asynccontextmanager
async def guessing_own(sign_in: SignIn, incoming: Incoming, user_id: object) -> AsyncIterator[Guess]:
    """The same for a user who tells their password again: their session may be in other hands."""
    counted = _from_there(incoming, sign_in.limits.sign_in)
    async with _taking_turns(sign_in, incoming, counted, Guess(sign_in.limits.lock, f"user {user_id}")) as admitted:
        yield admitted


async def guess_code(sign_in: SignIn, incoming: Incoming, lock: Lock, user_id: object) -> Guess:
    """Let a user answer for a second factor. Raises TooManyRequests."""
    counted = _from_there(incoming, sign_in.limits.verify)
    return await _guess(sign_in, incoming, counted, Guess(lock, str(user_id)))


@asynccontextmanager
async def _taking_turns(
    sign_in: SignIn, incoming: Incoming, counted: tuple[Counted, ...], guess: Guess
) -> AsyncIterator[Guess]:
    sign_in.gate.look(incoming.now, *counted, (guess.lock, guess.who))
    async with sign_in.hashing.turn():
        yield await _guess(sign_in, incoming, counted, guess)


async def _guess(sign_in: SignIn, incoming: Incoming, counted: tuple[Counted, ...], guess: Guess) -> Guess:
    until = await _admit(sign_in, incoming, *counted, (guess.lock, guess.who))
    return Guess(guess.lock, guess.who, until, guess.here)


async def forgive(db: AsyncSession, sign_in: SignIn, guess: Guess) -> None:
    """Forget the wrong guesses before one that was right, in the transaction of a session."""
    if guess.lock.after:
        await sign_in.gate.forgive(db, guess.lock, guess.who)


async def note_wrong(
    db: AsyncSession,
    sign_in: SignIn,
    incoming: Incoming,
    guess: Guess,
    action: str,
    user_id: object,
    detail: dict[str, Any],
) -> None:
    """Put a wrong guess on the trail, and the lock that begins with it. As :func:`backstay.auth.audit.note` does."""
    await note(db, sign_in, incoming, action, user_id, detail)
    if guess.until is not None:
        told = {"lock": guess.lock.name, "until": guess.until.isoformat(), "network_only": guess.here}
        await note(db, sign_in, incoming, "locked_out", user_id, told)


async def know(db: AsyncSession, sign_in: SignIn, incoming: Incoming, user: UserRow) -> None:
    """Know the network from which a user has signed in, in the transaction of a session."""
    if user.password is None or not sign_in.limits.lock.after:
        return
    names = [address_name(user.email, None)] if user.email else []
    names += [address_name(None, user.phone)] if user.phone else []
    for name in names:
        pair = _at_home(sign_in, incoming, name)
        if pair is not None:
            await sign_in.gate.know(db, pair, incoming.now, incoming.now + KNOWN)


def _at_home(sign_in: SignIn, incoming: Incoming, name: str) -> str | None:
    """An account and the network that somebody comes from; None where that tells nothing of who they are."""
    if not sign_in.limits.lock.after or not incoming.address or incoming.caller.role is Role.SERVICE:
        return None
    return f"{name} {network(incoming.address)}"


# Mails and messages ------------------------------------------------------------------------------------------


async def admit_mail(sign_in: SignIn, incoming: Incoming, kind: str, email: str) -> None:
    """Let a mail be sent to an address, whoever's it is. What can be wrong with the request is known to be right.

    Arguments:
        sign_in, incoming: where, and by which request.
        kind: what the mail is for; mails of different kinds need not wait for each other.
        email: the address.

    Raises:
        TooManyMails: the last one is not a minute ago, or there were too many in this hour.
    """
    sign_in.tidy(incoming.now)
    name, limits = address_name(email, None), sign_in.limits
    await _admit(sign_in, incoming, (limits.mail_pause, f"{kind} {name}"), (limits.mails, name))


async def admit_notice(sign_in: SignIn, incoming: Incoming, kind: MailKind, user: UserRow) -> None:
    """Let a user change something that a mail will tell them of.

    Whoever has their session might else bury one notice under a thousand others. What is refused is the change: a
    notice of what was done is never left out.

    Raises:
        TooManyRequests: there were too many of this kind in this hour.
    """
    if sign_in.post.mails and user.email is not None and user.email_is_confirmed:
        await _admit(sign_in, incoming, (sign_in.limits.notices, f"{kind} {user.id}"))


async def admit_text(sign_in: SignIn, incoming: Incoming, kind: str, phone: str) -> None:
    """The same for a message to a telephone. Raises TooManyTexts."""
    sign_in.tidy(incoming.now)
    name, limits = address_name(None, phone), sign_in.limits
    await _admit(sign_in, incoming, (limits.text_pause, f"{kind} {name}"), (limits.texts, name))


def address_name(email: str | None, phone: str | None) -> str:
    """What an account is counted by that is named by an address, however that is written."""
    return f"mail {mailbox(email)}" if email else f"phone {line(phone or '')}"


# All of them -------------------------------------------------------------------------------------------------


async def _admit(sign_in: SignIn, incoming: Incoming, *counted: Counted) -> datetime | None:
    async def tell(db: AsyncSession, limit: Limit, until: datetime) -> None:
        detail = {"limit": limit.name, "until": until.isoformat()}
        await note(db, sign_in, incoming, "rate_limited", incoming.caller.id, detail)

    return await sign_in.gate.admit(incoming.now, *counted, tell=tell)


def _from_there(incoming: Incoming, limit: Limit) -> tuple[Counted, ...]:
    if not incoming.address or incoming.caller.role is Role.SERVICE:
        return ()
    return ((limit, network(incoming.address)),)


# Refusals ----------------------------------------------------------------------------------------------------


async def tell_refusal(sign_in: SignIn, incoming: Incoming, where: str, error: BackstayError) -> None:
    """Put on the trail that somebody tried what they may not, or showed what is not good.

    It is told once in five minutes for each user, network and reason, so that nobody fills the trail by asking again.

    Arguments:
        sign_in, incoming: where, and by which request.
        where: the endpoint.
        error: how it is refused.
    """
    if not isinstance(error, _TOLD):
        return
    caller, name = incoming.caller, error.error if isinstance(error, OAuthError) else error.name
    try:
        who = f"{name} {error.user_id or caller.id or caller.role.value} {network(incoming.address)}"
        await sign_in.gate.admit(incoming.now, (_ONCE, who))
    except TooManyRequests:
        return
    async with sign_in.session() as db:
        await note(db, sign_in, incoming, "refused", error.user_id or caller.id, {"why": name, "path": where})
