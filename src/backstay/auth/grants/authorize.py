"""``GET /oauth/authorize``: a client sends a browser here, and what it asks for is kept until the user has decided."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from backstay.auth.grants.ask import for_programs, read_query, require
from backstay.auth.grants.client import DYNAMIC, Client, check_grant, find_client
from backstay.auth.grants.demand import find_hinted, is_silent, read_demand
from backstay.auth.grants.metadata import CODE
from backstay.auth.grants.scopes import choose
from backstay.auth.limits.admit import admit_refresh
from backstay.auth.protocol.answer import Answer, redirect
from backstay.auth.protocol.incoming import Incoming
from backstay.auth.sign_in import SignIn
from backstay.auth.steps.redirect import add_query, page_of
from backstay.errors import ClientRequestInvalid, LoginRequired, OAuthError, RedirectInvalid, ResponseTypeUnsupported

DECISION_LIFE: Final = timedelta(minutes=10)
"""How long a user may take to decide."""
_CHALLENGE: Final = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a client asks a user for; ``demand`` is what it asks of their sign-in."""

    scope: str
    challenge: str
    state: str | None
    nonce: str | None
    demand: Mapping[str, Any]


@for_programs
async def authorize(sign_in: SignIn, incoming: Incoming) -> Answer:
    """Keep what a client asks for, and send the browser to the page that asks the user.

    Until client and address are known to belong together nobody is sent anywhere (RFC 6749 4.1.2.1).

    Raises:
        ClientRequestInvalid: there is no such client.
        RedirectInvalid: the address is not one of the client's, letter by letter.
        OAuthError: a client that registered itself asks for what cannot be; others are told at their address.
    """
    await admit_refresh(sign_in, incoming)
    asked = read_query(incoming)
    async with sign_in.session() as db:
        client = await find_client(db, sign_in.tables, require(asked, "client_id"))
    if client is None:
        raise ClientRequestInvalid("There is no such client")
    address = asked.get("redirect_uri")
    if address is None or address not in client.redirect_uris:
        raise RedirectInvalid("redirect_uri is not one that the client has registered")
    try:
        wanted = _read(sign_in, client, asked)
        hinted = await find_hinted(sign_in, client, asked.get("id_token_hint"))
    except OAuthError as error:
        if client.registration == DYNAMIC:
            # Anybody could have any browser sent anywhere from here, by asking wrongly (RFC 9700 4.11.2).
            raise
        told = {"error": error.error, "error_description": error.message}
        return redirect(answer_address(sign_in, address, asked.get("state"), told), 302)
    # Not within the session in which this is kept: whatever is begun there would be a part of it.
    sign_in.tidy(incoming.now)
    async with sign_in.session() as db:
        id = await keep(
            db,
            sign_in,
            incoming,
            client,
            redirect_uri=address,
            scope=wanted.scope,
            challenge=wanted.challenge,
            state=wanted.state,
            nonce=wanted.nonce,
            **wanted.demand,
            hinted_user_id=hinted,
        )
    page = page_of(sign_in, sign_in.settings.oauth_consent_url, "consent")
    told = {"authorization_id": str(id)}
    if wanted.demand["login_hint"] and not _is_hosted(sign_in):
        # A page of the application's own is told before anybody has signed in, who could ask what else is asked for.
        told["login_hint"] = wanted.demand["login_hint"]
    return redirect(add_query(page, told), 302)


async def keep(db: AsyncSession, sign_in: SignIn, incoming: Incoming, client: Client, **more: Any) -> UUID:
    """Keep what a client asks for until a user has decided; its id.

    Arguments:
        db, sign_in, incoming: where, and by which request.
        client: which.
        more: further columns.
    """
    id, now = uuid4(), incoming.now
    values = {"id": id, "client_id": client.id, "created_at": now, "expires_at": now + DECISION_LIFE, **more}
    await db.execute(sa.insert(sign_in.tables.oauth_authorizations).values(values))
    return id


def answer_address(sign_in: SignIn, address: str, state: str | None, told: Mapping[str, str]) -> str:
    """Where a browser brings the answer to a client: it says who gives it (RFC 9207), and repeats the state."""
    return add_query(address, {**told, **({"state": state} if state is not None else {}), "iss": sign_in.url})


def _read(sign_in: SignIn, client: Client, asked: Mapping[str, str]) -> Wanted:
    if asked.get("response_type") != "code":
        raise ResponseTypeUnsupported
    check_grant(client, CODE)
    if "request" in asked or "request_uri" in asked or asked.get("response_mode", "query") != "query":
        raise ClientRequestInvalid("request, request_uri and response_mode are not for this server")
    challenge = asked.get("code_challenge", "")
    if asked.get("code_challenge_method") != "S256" or not _CHALLENGE.fullmatch(challenge):
        raise ClientRequestInvalid("code_challenge with code_challenge_method=S256 is required")
    demand = read_demand(asked)
    if is_silent(demand) and client.registration == DYNAMIC:
        # It is never let do anything unasked, so the answer is known.
        raise LoginRequired
    if is_silent(demand) and not _is_hosted(sign_in):
        # Whether a browser has a session is known to the application's own page alone, which it would be shown.
        raise LoginRequired
    return Wanted(
        scope=choose(sign_in, client, asked.get("scope")),
        challenge=challenge,
        state=asked.get("state"),
        nonce=asked.get("nonce"),
        demand=demand,
    )


def _is_hosted(sign_in: SignIn) -> bool:
    """Whether users decide on the hosted page."""
    settings = sign_in.settings
    return settings.pages and page_of(sign_in, settings.oauth_consent_url, "consent") == page_of(sign_in, "", "consent")
