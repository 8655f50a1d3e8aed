"""What a client is given: an access token, a refresh token, and an ID token where it asked who the user is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from backstay.auth.grants.client import Client
from backstay.auth.grants.metadata import REFRESH
from backstay.auth.grants.scopes import OPENID
from backstay.auth.protocol.incoming import Incoming
from backstay.auth.sign_in import SignIn
from backstay.auth.steps.claims import claims_of
from backstay.auth.store import sessions
from backstay.auth.store.sessions import Bounds
from backstay.auth.store.user_row import UserRow, find_by_id, hold
from backstay.errors import GrantInvalid

ACCESS_TOKEN: Final = "at+jwt"
"""The header ``typ`` of an access token (RFC 9068)."""
LEVELS: Final = ("aal1", "aal2")
"""What ``acr`` is in an ID token: by how many factors a user signed in."""
CLAIMS: Final = (
    *("iss", "sub", "aud", "exp", "iat", "auth_time", "acr", "nonce"),
    *("email", "email_verified", "phone_number", "phone_number_verified", "name", "picture"),
)
"""What an ID token may tell."""
_HELD_BACK: Final[Mapping[str, str]] = {"email": "email", "phone": "phone", "user_metadata": "profile"}
"""Claims of users' own tokens that a client's tokens have only in a scope."""


def longest(sign_in: SignIn) -> timedelta:
    """How long a client may act for a user before it has to ask again: never without an end (ASVS 10.4.8)."""
    settings = sign_in.settings
    lives = [each for each in (settings.session_life, settings.oauth_session_life) if each > timedelta(0)]
    return min(lives, default=timedelta(days=90))


def bounds_of(sign_in: SignIn) -> Bounds:
    """How long clients' sessions live."""
    return Bounds(sign_in.settings.refresh_reuse, sign_in.settings.session_idle, longest(sign_in))


async def begin(
    db: AsyncSession,
    sign_in: SignIn,
    incoming: Incoming,
    client: Client,
    user_id: Any,
    *,
    scope: str,
    method: str,
    user_session_id: Any,
) -> sa.RowMapping:
    """A session of a user's in which a client acts for them.

    Arguments:
        db, sign_in, incoming: where, and by which request.
        client: which client.
        user_id: which user.
        scope: what the user lets it do.
        method: by which grant, as ``amr`` tells it.
        user_session_id: the session in which they said so.

    Raises:
        GrantInvalid: they have left since, may not be here, or do not let it any more.
    """
    tables = sign_in.tables
    # From here on nobody else changes the user, so whoever takes it back is known now, or finds this session to end.
    await hold(db, tables, user_id)
    await find_user(db, sign_in, incoming, user_id)
    consents = tables.oauth_consents
    consented = sa.select(consents.c.id).where(
        consents.c.user_id == user_id, consents.c.client_id == client.id, consents.c.revoked_at.is_(None)
    )
    if (await db.execute(consented)).first() is None:
        raise GrantInvalid
    if await sessions.find(db, tables, user_session_id, user_id) is None:
        raise GrantInvalid
    await sign_in.revocations.refresh()
    return await sessions.begin(
        db,
        tables,
        user_id,
        incoming.now,
        # A program shows no second factor, whoever let it in.
        aal=1,
        amr=[{"method": f"oauth_provider/{method}", "timestamp": int(incoming.now.timestamp())}],
        client_id=client.id,
        scope=scope,
        address=incoming.address or None,
        user_agent=incoming.user_agent[:300] or None,
    )


async def find_user(db: AsyncSession, sign_in: SignIn, incoming: Incoming, user_id: Any) -> UserRow:
    """The user whom a client acts for.

    Raises:
        GrantInvalid: they are gone, or may not be here.
    """
    user = await find_by_id(db, sign_in.tables, user_id)
    if user is None or user.deleted_at is not None or user.is_banned(incoming.now):
        raise GrantInvalid
    return user


async def tell_tokens(
    db: AsyncSession,
    sign_in: SignIn,
    incoming: Incoming,
    client: Client,
    session: sa.RowMapping,
    *,
    scope: str | None = None,
    nonce: str | None = None,
    user_session_id: Any = None,
) -> dict[str, Any]:
    """The tokens of a client's session as it is now (RFC 6749 5.1).

    Arguments:
        db, sign_in, incoming: where, and by which request.
        client, session: whose.
        scope: a part of the session's.
        nonce: what the ID token repeats; None: nothing.
        user_session_id: the session in which the user allowed it: since when they are there, the ID token tells.

    Raises:
        GrantInvalid: the client may ask for nothing of it any more, or the user is gone.
    """
    user = await find_user(db, sign_in, incoming, session["user_id"])
    # What the client may not ask for any more, it does not keep by having asked before.
    held = " ".join(each for each in (scope or str(session["scope"])).split() if each in client.scopes)
    if not held:
        raise GrantInvalid
    issued, expires = _times(sign_in, str(user.id), incoming.now)
    claims = {
        **_within(held, await claims_of(db, sign_in.auth, sign_in.tables, user)),
        **_common(sign_in, issued, expires),
        "aal": f"aal{session['aal']}",
        "amr": list(session["amr"]),
        "session_id": str(session["id"]),
        "client_id": client.id,
        "scope": held,
    }
    found = _answer(sign_in, incoming, claims, held, expires - issued)
    if REFRESH in client.grant_types:
        found["refresh_token"] = sessions.write_refresh_token(
            sign_in.client_refresh_key, session["id"], session["generation"]
        )
    if OPENID in held.split():
        told = {**person(user, held), "iss": sign_in.url, "aud": client.id, "exp": expires, "iat": issued}
        told |= {"nonce": nonce} if nonce else {}
        if user_session_id is not None:
            there = await sessions.find(db, sign_in.tables, user_session_id, user.id)
            told |= _sign_in_of(there) if there is not None else {}
        found["id_token"] = sign_in.signer.sign(told, now=incoming.now.timestamp())
    return found


def _sign_in_of(session: sa.RowMapping) -> dict[str, Any]:
    """When a user signed in, and by how many factors (OpenID Connect Core 2)."""
    found: dict[str, Any] = {"acr": f"aal{session['aal']}"}
    if session["signed_in"]:
        found["auth_time"] = int(session["created_at"].timestamp())
    return found


def tell_own_token(sign_in: SignIn, incoming: Incoming, client: Client, scope: str) -> dict[str, Any]:
    """The token of a client that acts for itself: it is nobody's, and its subject is the client (RFC 9068 2.2)."""
    issued, expires = _times(sign_in, client.id, incoming.now)
    claims = {
        **_common(sign_in, issued, expires),
        "sub": client.id,
        "role": "authenticated",
        "aal": "aal1",
        "amr": [{"method": "oauth_provider/client_credentials", "timestamp": issued}],
        "session_id": str(uuid4()),
        "client_id": client.id,
        "scope": scope,
    }
    return _answer(sign_in, incoming, claims, scope, expires - issued)


def person(user: UserRow, scope: str) -> dict[str, Any]:
    """What a client is told of a user (OpenID Connect Core 5.1 and 5.4)."""
    held = scope.split()
    found: dict[str, Any] = {"sub": str(user.id)}
    if "email" in held and user.email:
        found |= {"email": user.email, "email_verified": user.email_is_confirmed}
    if "phone" in held and user.phone:
        found |= {"phone_number": user.phone, "phone_number_verified": user.phone_is_confirmed}
    if "profile" in held:
        said = user.user_metadata
        known = {"name": said.get("full_name", said.get("name")), "picture": said.get("avatar_url")}
        found |= {name: value for name, value in known.items() if isinstance(value, str) and value}
    return found


def _times(sign_in: SignIn, subject: str, now: datetime) -> tuple[int, int]:
    issued = int(sign_in.revocations.issue_at(subject, now.timestamp()))
    return issued, issued + int(sign_in.settings.access_token_life.total_seconds())


def _common(sign_in: SignIn, issued: int, expires: int) -> dict[str, Any]:
    audience = sign_in.settings.jwt_audience or "authenticated"
    return {"iss": sign_in.url, "aud": audience, "iat": issued, "exp": expires, "jti": str(uuid4())}


def _within(scope: str, claims: Mapping[str, Any]) -> dict[str, Any]:
    held = scope.split()
    return {name: value for name, value in claims.items() if _HELD_BACK.get(name) in (None, *held)}


def _answer(sign_in: SignIn, incoming: Incoming, claims: Mapping[str, Any], scope: str, seconds: int) -> dict[str, Any]:
    return {
        "access_token": sign_in.signer.sign(claims, kind=ACCESS_TOKEN, now=incoming.now.timestamp()),
        "token_type": "bearer",
        "expires_in": seconds,
        "scope": scope,
    }
