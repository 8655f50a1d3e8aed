"""Tokens that are shown: what they are good for (RFC 7662), whose they are, and that they shall end (RFC 7009)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from backstay.auth.audit import note
from backstay.auth.grants.ask import for_programs, read_form, require
from backstay.auth.grants.client import authenticate
from backstay.auth.grants.issue import bounds_of, find_user, person
from backstay.auth.grants.scopes import OPENID
from backstay.auth.keys import read_keys
from backstay.auth.protocol.answer import Answer
from backstay.auth.protocol.incoming import Incoming
from backstay.auth.revoked import Revoked
from backstay.auth.sign_in import SignIn
from backstay.auth.steps.entry import leave
from backstay.auth.store import sessions
from backstay.auth.token import verify
from backstay.errors import AccessTokenInvalid, ClientUnknown, OAuthError, Unauthenticated
from backstay.schema.caller import Role

_TOLD = ("iss", "sub", "aud", "iat", "exp", "jti", "client_id", "scope")


@for_programs
async def introspect(sign_in: SignIn, incoming: Incoming) -> Answer:
    """``POST /oauth/introspect``: a client learns of its own tokens, the secret key of those of all clients.

    Raises:
        ClientUnknown: it is neither; or a client that has no secret.
    """
    form = read_form(incoming)
    client_id = None
    if incoming.caller.role is not Role.SERVICE:
        client = await authenticate(sign_in, incoming, form)
        if client.is_public:
            raise ClientUnknown
        client_id = client.id
    found = await _look(sign_in, incoming, require(form, "token"))
    if found is None or client_id not in (None, found["client_id"]):
        return Answer({"active": False})
    return Answer({"active": True, **found})


@for_programs
async def revoke(sign_in: SignIn, incoming: Incoming) -> Answer:
    """``POST /oauth/revoke``: end what a token is of. Of what is not the client's, or no token, nothing is told."""
    form = read_form(incoming)
    client = await authenticate(sign_in, incoming, form)
    token = require(form, "token")
    read = sessions.read_refresh_token(sign_in.client_refresh_key, token)
    claims = None if read is not None else _claims(sign_in, incoming, token)
    session_id = read[0] if read is not None else _session_of(claims)
    if session_id is None or (claims is not None and claims["client_id"] != client.id):
        return Answer()
    kept = sign_in.tables.sessions

    async def work(db: AsyncSession) -> None:
        which = sa.and_(kept.c.id == session_id, kept.c.client_id == client.id)
        ended = await leave(db, sign_in, incoming, which, by="client")
        if not ended and claims is not None and claims.get("sub") == client.id:
            until = incoming.now + sign_in.settings.access_token_life
            await sign_in.revocations.note(db, Revoked.SESSION, str(session_id), now=incoming.now, until=until)
        await note(db, sign_in, incoming, "oauth_token_revoked", None, {"client_id": client.id})

    await sign_in.settle(work)
    await sign_in.revocations.refresh()
    return Answer()


@for_programs
async def show_person(sign_in: SignIn, incoming: Incoming) -> Answer:
    """``GET /oauth/userinfo``: whom a client acts for, as far as it may know (OpenID Connect Core 5.3).

    Raises:
        AccessTokenInvalid: no token of a client's came that may know who the user is.
    """
    caller = incoming.caller
    if caller.scopes is None or caller.id is None or OPENID not in caller.scopes or "client_id" not in caller.claims:
        raise AccessTokenInvalid
    async with sign_in.session() as db:
        try:
            user = await find_user(db, sign_in, incoming, caller.id)
        except OAuthError:
            raise AccessTokenInvalid from None
    return Answer(person(user, " ".join(caller.scopes)))


async def _look(sign_in: SignIn, incoming: Incoming, token: str) -> dict[str, Any] | None:
    read = sessions.read_refresh_token(sign_in.client_refresh_key, token)
    if read is not None:
        async with sign_in.session() as db:
            return await _look_at_session(db, sign_in, incoming, *read)
    claims = _claims(sign_in, incoming, token)
    if claims is None:
        return None
    return {**{name: claims[name] for name in _TOLD if name in claims}, "token_type": "bearer"}


async def _look_at_session(
    db: AsyncSession, sign_in: SignIn, incoming: Incoming, session_id: UUID, generation: int
) -> dict[str, Any] | None:
    kept = sign_in.tables.sessions
    query = sa.select(kept).where(
        kept.c.id == session_id,
        kept.c.ended_at.is_(None),
        kept.c.generation == generation,
        kept.c.client_id.is_not(None),
    )
    row = (await db.execute(query)).mappings().first()
    ends = None if row is None else bounds_of(sign_in).end_of(row)
    if row is None or ends is None or ends <= incoming.now:
        return None
    told = {"client_id": row["client_id"], "scope": row["scope"], "sub": str(row["user_id"]), "iss": sign_in.url}
    return {**told, "exp": int(ends.timestamp())}


def _claims(sign_in: SignIn, incoming: Incoming, token: str) -> Mapping[str, Any] | None:
    """The claims of a client's access token; None where it is none, or no good."""
    moment = incoming.now.timestamp()
    keys = sign_in.signer.complete(read_keys(sign_in.settings, sign_in=True), now=moment)
    try:
        claims = verify(token, keys, moment)
        sign_in.revocations.check(claims)
    except Unauthenticated:
        return None
    return claims if isinstance(claims.get("client_id"), str) and "session_id" in claims else None


def _session_of(claims: Mapping[str, Any] | None) -> UUID | None:
    try:
        return None if claims is None else UUID(str(claims["session_id"]))
    except ValueError:
        return None
