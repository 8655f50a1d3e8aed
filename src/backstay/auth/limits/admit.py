"""What each way in counts against. All of it is counted before anything is looked up, so that it is the same for all.

The holder of the secret key is a server that speaks for its own callers, so no network is counted for it; accounts and
mailboxes are.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncSession

from backstay.auth.limits.gate import Counted
from backstay.auth.limits.limit import Limit
from backstay.auth.limits.who import line, mailbox, network
from backstay.auth.protocol.incoming import Incoming
from backstay.auth.sign_in import SignIn
from backstay.schema.caller import Role


async def admit_sign_in(sign_in: SignIn, incoming: Incoming) -> None:
    """Let somebody sign in or up, or ask for a mail. Raises TooManyRequests."""
    await _admit(sign_in, incoming, sign_in.limits.sign_in)


async def admit_anonymous(sign_in: SignIn, incoming: Incoming) -> None:
    """Let somebody become a user without saying who they are. Raises TooManyRequests."""
    await _admit(sign_in, incoming, sign_in.limits.anonymous)


async def admit_refresh(sign_in: SignIn, incoming: Incoming) -> None:
    """Let somebody exchange a token or a code for a session's tokens. Raises TooManyRequests."""
    await _admit(sign_in, incoming, sign_in.limits.refresh)


async def admit_registration(sign_in: SignIn, incoming: Incoming) -> None:
    """Let a program register itself. Raises TooManyRequests."""
    await _admit(sign_in, incoming, sign_in.limits.registration)


async def admit_proof(sign_in: SignIn, incoming: Incoming) -> None:
    """Let somebody try a code or a link. Raises TooManyRequests."""
    await _admit(sign_in, incoming, sign_in.limits.verify)


@asynccontextmanager
async def guessing(
    sign_in: SignIn, incoming: Incoming, *, email: str | None = None, phone: str | None = None
) -> AsyncIterator[None]:
    """Let somebody try a password for an account, whether there is such an account or not.

    They wait for their turn first, unless they are known to be refused. Whoever's password is right calls
    :func:`forgive`.

    Raises:
        TooManyRequests: too many were tried, from there or for this account.
        Overloaded: too many wait for their turn.
    """
    limits = sign_in.limits
    counted = _counted(incoming, limits.sign_in, (limits.lock, address_name(email, phone)))
    sign_in.gate.look(incoming.now, *counted)
    async with sign_in.hashing.turn():
        await sign_in.gate.admit(incoming.now, *counted)
        yield


@asynccontextmanager
async def guessing_own(sign_in: SignIn, incoming: Incoming, user_id: object) -> AsyncIterator[None]:
    """The same for a user who tells their password again: their session may be in other hands."""
    limits = sign_in.limits
    counted = _counted(incoming, limits.sign_in, (limits.lock, user_name(user_id)))
    sign_in.gate.look(incoming.now, *counted)
    async with sign_in.hashing.turn():
        await sign_in.gate.admit(incoming.now, *counted)
        yield


async def forgive(db: AsyncSession, sign_in: SignIn, name: str) -> None:
    """Forget the wrong passwords of somebody who told the right one.

    Arguments:
        db: the session in whose transaction they are forgotten.
        sign_in: where.
        name: as :func:`address_name` or :func:`user_name` gives it.
    """
    if sign_in.limits.lock.after:
        await sign_in.gate.forgive(db, sign_in.limits.lock, name)


async def admit_mail(sign_in: SignIn, incoming: Incoming, kind: str, email: str, *, entering: bool = True) -> None:
    """Let somebody have a mail sent to an address, whoever's it is.

    Arguments:
        sign_in, incoming: where, and by which request.
        kind: what the mail is for; mails of different kinds need not wait for each other.
        email: the address.
        entering: whether the request counts as one to sign in, too.

    Raises:
        TooManyMails: the last one is not a minute ago, or there were too many in this hour.
        TooManyRequests: too many were asked for from there.
    """
    name, limits = address_name(email, None), sign_in.limits
    sent: tuple[Counted, ...] = ((limits.mail_pause, f"{kind} {name}"), (limits.mails, name))
    await _admit(sign_in, incoming, limits.sign_in if entering else None, *sent)


async def admit_text(sign_in: SignIn, incoming: Incoming, kind: str, phone: str, *, entering: bool = True) -> None:
    """The same for a message to a telephone. Raises TooManyTexts, TooManyRequests."""
    name, limits = address_name(None, phone), sign_in.limits
    sent: tuple[Counted, ...] = ((limits.text_pause, f"{kind} {name}"), (limits.texts, name))
    await _admit(sign_in, incoming, limits.sign_in if entering else None, *sent)


def address_name(email: str | None, phone: str | None) -> str:
    """What an account is counted by that is named by an address, however that is written."""
    return f"mail {mailbox(email)}" if email else f"phone {line(phone or '')}"


def user_name(user_id: object) -> str:
    """What an account is counted by whose user is known."""
    return f"user {user_id}"


async def _admit(sign_in: SignIn, incoming: Incoming, limit: Limit | None, *more: Counted) -> None:
    await sign_in.gate.admit(incoming.now, *_counted(incoming, limit, *more))


def _counted(incoming: Incoming, limit: Limit | None, *more: Counted) -> tuple[Counted, ...]:
    if limit is None or not incoming.address or incoming.caller.role is Role.SERVICE:
        return more
    return ((limit, network(incoming.address)), *more)
