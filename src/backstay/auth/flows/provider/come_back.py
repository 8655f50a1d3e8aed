"""``GET`` and ``POST /callback``: a provider's answer, brought by a browser."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, Final, TypeVar

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from backstay.auth.audit import note
from backstay.auth.flows.provider.account import find_account
from backstay.auth.flows.provider.ask import callback_of, seal_of
from backstay.auth.flows.provider.link import link, refuse_known
from backstay.auth.flows.provider.mark import read_mark, set_mark
from backstay.auth.flows.provider.parcel import Parcel, pack
from backstay.auth.limits.admit import tell_refusal
from backstay.auth.oidc.finish import Arrival, Returned, finish, read_returned
from backstay.auth.oidc.flow import hash_state
from backstay.auth.oidc.profile import Profile
from backstay.auth.oidc.refused import Declined, Refused, Unreachable
from backstay.auth.oidc.remote import Remote
from backstay.auth.protocol.answer import Answer, redirect
from backstay.auth.protocol.incoming import Incoming
from backstay.auth.sign_in import SignIn
from backstay.auth.steps.entry import enter
from backstay.auth.steps.mailing import post_when_committed
from backstay.auth.steps.redirect import add_error, add_query, add_session, site_of
from backstay.auth.store import flow
from backstay.auth.store.user_row import UserRow, hold
from backstay.errors import (
    BackstayError,
    BadOAuthCallback,
    BadOAuthState,
    EmailNeedsVerification,
    ProviderDisabled,
    ProviderUnreachable,
    SignInError,
    UniqueViolation,
)

T = TypeVar("T")

_FORM: Final = "application/x-www-form-urlencoded"


async def come_back(sign_in: SignIn, incoming: Incoming) -> Answer:
    """Take a provider's answer, and send the browser on: with a session, a code for it, or an error."""
    try:
        returned = read_returned(_read(incoming))
    except Refused:
        return _send(add_error(site_of(sign_in), BadOAuthCallback()))
    state_hash = hash_state(returned.state)
    async with sign_in.session() as db:
        row = await flow.use_state(db, sign_in.tables, state_hash, incoming.now)
        if row is None:
            await note(db, sign_in, incoming, "login_refused", None, {"why": "the state is unknown, used or old"})
    if row is None:
        return _send(add_error(site_of(sign_in), BadOAuthState()))
    pkce = row["challenge"] is not None
    remote = sign_in.remotes.get(row["provider"])
    if remote is None:
        return _send(add_error(row["redirect_to"], ProviderDisabled(), pkce=pkce))
    try:
        target = await _take(sign_in, incoming, row, remote, returned, state_hash)
    except (SignInError, ProviderUnreachable) as error:
        await tell_refusal(sign_in, incoming, "/callback", error)
        target = add_error(row["redirect_to"], error, pkce=pkce)
    return _send(target, set_mark(sign_in, remote.facts, state_hash, "", timedelta(0)))


def _read(incoming: Incoming) -> str:
    request = incoming.request
    if request.method == "GET":
        return request.query
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        raise Refused("the answer is not a form")
    try:
        return request.body.decode("ascii")
    except UnicodeDecodeError:
        raise Refused("the answer is not a form") from None


def _send(target: str, *more: tuple[str, str]) -> Answer:
    sent = redirect(target, 302)
    return Answer(None, sent.status, (*sent.headers, *more, ("cache-control", "no-store")))


async def _take(
    sign_in: SignIn, incoming: Incoming, row: sa.RowMapping, remote: Remote, returned: Returned, state_hash: str
) -> str:
    """Where to send the browser whose answer is good.

    Raises:
        SignInError, ProviderUnreachable: it is not.
    """
    arrival = await _arrive(sign_in, incoming, remote, returned, state_hash)

    async def work(db: AsyncSession) -> str | BackstayError:
        if row["linked_user_id"] is not None:
            return await _link(db, sign_in, incoming, row, arrival)
        found = await find_account(db, sign_in, incoming, arrival.profile, row["redirect_to"])
        if isinstance(found, BackstayError):
            return found
        post_when_committed(db, sign_in, found.letter)
        if found.waits:
            return EmailNeedsVerification()
        return await _hand_over(db, sign_in, incoming, row, found.user, arrival)

    return await settle_twice(sign_in, work)


async def settle_twice(sign_in: SignIn, work: Callable[[AsyncSession], Awaitable[T | BackstayError]]) -> T:
    """Do something in a transaction; once more, if another did the same at the same moment."""
    try:
        return await sign_in.settle(work)
    except UniqueViolation:
        return await sign_in.settle(work)


async def _arrive(sign_in: SignIn, incoming: Incoming, remote: Remote, returned: Returned, state_hash: str) -> Arrival:
    seal = seal_of(sign_in)
    try:
        if not seal.is_same_browser(returned.state, read_mark(sign_in, incoming, state_hash)):
            raise BadOAuthState
        return await finish(remote, seal, returned, redirect_uri=callback_of(sign_in), now=incoming.now)
    except Declined as declined:
        raise BadOAuthCallback(clean(declined.description) or declined.error) from None
    except Unreachable as refused:
        await note_refusal(sign_in, incoming, remote, refused)
        raise ProviderUnreachable from None
    except Refused as refused:
        await note_refusal(sign_in, incoming, remote, refused)
        raise BadOAuthCallback("The provider's answer is not to be trusted") from None


async def note_refusal(sign_in: SignIn, incoming: Incoming, remote: Remote, refused: Refused) -> None:
    """Keep on record that a provider's word was not believed."""
    async with sign_in.session() as db:
        detail = {"provider": remote.facts.name, "why": refused.why}
        await note(db, sign_in, incoming, "login_refused", None, detail)


def clean(text: str) -> str:
    """What a provider says, as far as it can be shown: printable, and short."""
    return "".join(letter for letter in text if letter.isprintable())[:200]


async def _link(
    db: AsyncSession,
    sign_in: SignIn,
    incoming: Incoming,
    row: sa.RowMapping,
    arrival: Arrival,
) -> str | BackstayError:
    """Link the identity: at once, or, with PKCE, when the client that asked for it has shown that it came back.

    So nobody can have another's browser link that one's identity to an account of theirs.
    """
    # Whoever ends the session that began this takes the flow away, also while the provider was asked.
    await hold(db, sign_in.tables, row["linked_user_id"])
    if not await flow.is_there(db, sign_in.tables, row["id"]):
        return BadOAuthState()
    if row["challenge"] is not None:
        refused = await refuse_known(db, sign_in, row["linked_user_id"], arrival.profile)
        if refused is not None:
            return refused
        return await _give_code(db, sign_in, incoming, row, row["linked_user_id"], arrival, arrival.profile)
    linked = await link(db, sign_in, incoming, row["linked_user_id"], arrival.profile)
    if isinstance(linked, BackstayError):
        return linked
    user, letter = linked
    post_when_committed(db, sign_in, letter)
    return await _hand_over(db, sign_in, incoming, row, user, arrival)


async def _hand_over(
    db: AsyncSession, sign_in: SignIn, incoming: Incoming, row: sa.RowMapping, user: UserRow, arrival: Arrival
) -> str | BackstayError:
    if row["challenge"] is not None:
        return await _give_code(db, sign_in, incoming, row, user.id, arrival, None)
    by_change, provider = row["linked_user_id"] is not None, arrival.profile.provider
    session = await enter(db, sign_in, incoming, user, "oauth", provider=provider, by_change=by_change)
    return add_session(row["redirect_to"], {**session, **Parcel.of(arrival.tokens).tokens})


async def _give_code(
    db: AsyncSession,
    sign_in: SignIn,
    incoming: Incoming,
    row: sa.RowMapping,
    user_id: Any,
    arrival: Arrival,
    profile: Profile | None,
) -> str | BackstayError:
    code = await flow.give_code(db, sign_in.tables, row["id"], user_id, incoming.now)
    if code is None:
        return BadOAuthState()
    await pack(db, sign_in, row["id"], Parcel.of(arrival.tokens, profile))
    return add_query(row["redirect_to"], {"code": code})
