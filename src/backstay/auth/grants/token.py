"""``POST /oauth/token``: tokens for a code, a refresh token, a device code, or a client's own name."""

from __future__ import annotations

import hmac
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeAlias

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from backstay.auth.audit import note
from backstay.auth.grants.ask import for_programs, read_form, require
from backstay.auth.grants.client import Client, authenticate, check_grant
from backstay.auth.grants.device import grant_by_device
from backstay.auth.grants.issue import begin, bounds_of, tell_own_token, tell_tokens
from backstay.auth.grants.metadata import CODE, DEVICE, OWN, REFRESH
from backstay.auth.grants.scopes import choose_own, narrow
from backstay.auth.protocol.answer import Answer
from backstay.auth.protocol.incoming import Incoming
from backstay.auth.revoked import Revoked
from backstay.auth.secret import challenge_of, digest
from backstay.auth.sign_in import SignIn
from backstay.auth.steps.entry import leave
from backstay.auth.store import sessions
from backstay.auth.store.sessions import Refused
from backstay.errors import BackstayError, GrantInvalid, GrantUnsupported, OAuthError

Grant: TypeAlias = Callable[[SignIn, Incoming, Client, Mapping[str, str]], Awaitable[dict[str, Any]]]

_VERIFIER: Final = re.compile(r"[A-Za-z0-9._~-]{43,128}")


@for_programs
async def grant_token(sign_in: SignIn, incoming: Incoming) -> Answer:
    """Give a client tokens.

    Raises:
        GrantUnsupported: there is no such grant.
        GrantNotAllowed: the client may not use it.
        ClientUnknown: it is not the client that it says it is.
    """
    form = read_form(incoming)
    name = require(form, "grant_type")
    grant = GRANTS.get(name)
    if grant is None:
        raise GrantUnsupported
    client = await authenticate(sign_in, incoming, form)
    check_grant(client, name)
    return Answer(await grant(sign_in, incoming, client, form))


async def grant_by_code(sign_in: SignIn, incoming: Incoming, client: Client, form: Mapping[str, str]) -> dict[str, Any]:
    """Tokens for a code. One that comes twice ends what it gave, as somebody else has it (RFC 6749 10.5).

    Raises:
        GrantInvalid: the code is not good, or not this client's; or the verifier is not, which uses it up.
    """
    code, verifier = require(form, "code"), require(form, "code_verifier")
    asked = sign_in.tables.oauth_authorizations

    async def work(db: AsyncSession) -> dict[str, Any] | BackstayError:
        used = await db.execute(
            sa.update(asked)
            .where(asked.c.code_digest == digest(code), asked.c.client_id == client.id, asked.c.used_at.is_(None))
            .values(used_at=incoming.now)
            .returning(*asked.columns)
        )
        row = used.mappings().first()
        if row is None:
            await _end_what_it_gave(db, sign_in, incoming, client, code)
            return GrantInvalid()
        address = form.get("redirect_uri", row["redirect_uri"])
        if row["expires_at"] <= incoming.now or address != row["redirect_uri"] or not _fits(verifier, row["challenge"]):
            return GrantInvalid()
        try:
            session = await begin(
                db,
                sign_in,
                incoming,
                client,
                row["user_id"],
                scope=row["scope"],
                method=CODE,
                user_session_id=row["user_session_id"],
            )
        except OAuthError as error:
            return error
        await db.execute(sa.update(asked).where(asked.c.id == row["id"]).values(session_id=session["id"]))
        await _note(db, sign_in, incoming, session, client)
        known = {"nonce": row["nonce"], "user_session_id": row["user_session_id"]}
        return await tell_tokens(db, sign_in, incoming, client, session, **known)

    return await sign_in.settle(work)


async def _end_what_it_gave(db: AsyncSession, sign_in: SignIn, incoming: Incoming, client: Client, code: str) -> None:
    asked, kept = sign_in.tables.oauth_authorizations, sign_in.tables.sessions
    given = sa.select(asked.c.session_id).where(asked.c.code_digest == digest(code), asked.c.client_id == client.id)
    session_id = (await db.execute(given)).scalar_one_or_none()
    if session_id is None:
        return
    await leave(db, sign_in, incoming, kept.c.id == session_id, by="code reused")
    detail = {"client_id": client.id, "session_id": str(session_id)}
    await note(db, sign_in, incoming, "oauth_code_reused", None, detail)


async def grant_by_refresh_token(
    sign_in: SignIn, incoming: Incoming, client: Client, form: Mapping[str, str]
) -> dict[str, Any]:
    """The next tokens of a session. A refresh token that comes twice ends the session.

    Raises:
        GrantInvalid: the token is not good, or not this client's.
        ScopeInvalid: more is asked for than the user allowed.
    """
    read = sessions.read_refresh_token(sign_in.client_refresh_key, require(form, "refresh_token"))
    if read is None:
        raise GrantInvalid
    kept = sign_in.tables.sessions

    async def work(db: AsyncSession) -> dict[str, Any] | BackstayError:
        mine = sa.select(kept.c.scope).where(kept.c.id == read[0], kept.c.client_id == client.id)
        granted = (await db.execute(mine)).scalar_one_or_none()
        if granted is None:
            return GrantInvalid()
        scope = narrow(granted, form.get("scope"))
        found = await sessions.rotate(db, sign_in.tables, *read, incoming.now, bounds_of(sign_in))
        if isinstance(found, Refused):
            if found is Refused.USED:
                await _end_family(db, sign_in, incoming, client, read[0])
            return GrantInvalid()
        return await tell_tokens(db, sign_in, incoming, client, found, scope=scope)

    return await sign_in.settle(work)


async def _end_family(db: AsyncSession, sign_in: SignIn, incoming: Incoming, client: Client, session_id: Any) -> None:
    until = incoming.now + sign_in.settings.access_token_life
    await sign_in.revocations.note(db, Revoked.SESSION, str(session_id), now=incoming.now, until=until)
    detail = {"client_id": client.id, "session_id": str(session_id)}
    await note(db, sign_in, incoming, "refresh_token_reused", None, detail)


async def grant_to_itself(
    sign_in: SignIn, incoming: Incoming, client: Client, form: Mapping[str, str]
) -> dict[str, Any]:
    """A token of a client that acts for itself; it asks again when that is over.

    Raises:
        ScopeInvalid: it may not do this.
    """
    return tell_own_token(sign_in, incoming, client, choose_own(sign_in, client, form.get("scope")))


async def _note(db: AsyncSession, sign_in: SignIn, incoming: Incoming, session: sa.RowMapping, client: Client) -> None:
    detail = {"client_id": client.id, "session_id": str(session["id"]), "scope": session["scope"]}
    await note(db, sign_in, incoming, "oauth_session_begun", session["user_id"], detail)


def _fits(verifier: str, challenge: str) -> bool:
    if not _VERIFIER.fullmatch(verifier):
        return False
    return hmac.compare_digest(challenge_of(verifier).encode(), challenge.encode())


GRANTS: Final[Mapping[str, Grant]] = {
    CODE: grant_by_code,
    REFRESH: grant_by_refresh_token,
    OWN: grant_to_itself,
    DEVICE: grant_by_device,
}
"""What tokens are given for, by the name in the form."""
