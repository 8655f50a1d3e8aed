"""What users say to clients: their front end shows what is asked, and tells the answer (``oauth.*`` of auth-js)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final, Literal
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from backstay.auth.audit import note
from backstay.auth.grants.ask import for_users
from backstay.auth.grants.authorize import answer_address
from backstay.auth.grants.client import Client, find_client, read_client
from backstay.auth.grants.demand import SELECT_ACCOUNT, check_session, find_waiting, is_silent, prompts_of
from backstay.auth.grants.scopes import offered
from backstay.auth.protocol.answer import Answer, moment
from backstay.auth.protocol.incoming import Body, Incoming
from backstay.auth.secret import digest, make_token
from backstay.auth.sign_in import SignIn
from backstay.auth.steps.entry import leave
from backstay.auth.steps.present import Present, check_aal, find_present
from backstay.auth.store.user_row import hold
from backstay.errors import (
    AccessDenied,
    AnonymousNotAllowed,
    ConsentNotFound,
    ConsentRequired,
    OAuthAuthorizationNotFound,
    OAuthError,
    ValidationFailed,
)

CODE_LIFE: Final = timedelta(minutes=5)
"""How long an authorisation code is good; OAuth allows ten."""


class Deciding(Body):
    """The body of ``POST /oauth/authorizations/{id}/consent``."""

    action: Literal["approve", "deny"]


@for_users
async def show_authorization(sign_in: SignIn, incoming: Incoming) -> Answer:
    """``GET /oauth/authorizations/{authorization_id}``: who asks for what; from now on it is this user's to decide.

    A client that is known, and that the user has let do all this before, gets its code at once; one that would have
    nobody asked is told else that they have to be.

    Raises:
        FreshSignInNeeded: the client asks for a later sign-in than the user's.
    """

    async def work(db: AsyncSession) -> Answer:
        present, row = await _meet(db, sign_in, incoming, shown=True)
        client = await find_client(db, sign_in.tables, row["client_id"])
        assert client is not None
        if await _is_settled(db, sign_in, client, row, present):
            return Answer(await _approve(db, sign_in, incoming, present, row))
        if is_silent(row):
            return Answer(await _refuse(db, sign_in, incoming, row, ConsentRequired()))
        return Answer(describe(sign_in, client, row, present))

    return await sign_in.settle(work)


@for_users
async def decide(sign_in: SignIn, incoming: Incoming) -> Answer:
    """``POST /oauth/authorizations/{authorization_id}/consent``: where to send the browser with the answer.

    Raises:
        FreshSignInNeeded: the client asks for a later sign-in than the user's; no is said without one.
    """
    action = incoming.read(Deciding).action

    async def work(db: AsyncSession) -> Answer:
        present, row = await _meet(db, sign_in, incoming, sure=action == "approve")
        if is_silent(row):
            raise OAuthAuthorizationNotFound
        if action == "approve":
            return Answer(await _approve(db, sign_in, incoming, present, row))
        sent = await _refuse(db, sign_in, incoming, row, AccessDenied("The user said no"))
        await _tell_device(db, sign_in, incoming, row, present, allowed=False)
        await note(db, sign_in, incoming, "oauth_denied", present.user.id, {"client_id": row["client_id"]})
        return Answer(sent)

    return await sign_in.settle(work)


async def refuse(sign_in: SignIn, incoming: Incoming, id: str, error: OAuthError) -> str:
    """Where to send the browser with the refusal of what a client asked for under an id.

    Raises:
        OAuthAuthorizationNotFound: it is decided, or too old.
    """
    async with sign_in.session() as db:
        row = await find_waiting(db, sign_in, id, incoming.now)
        if row is None:
            raise OAuthAuthorizationNotFound
        return str((await _refuse(db, sign_in, incoming, row, error))["redirect_url"])


@for_users
async def show_grants(sign_in: SignIn, incoming: Incoming) -> Answer:
    """``GET /user/oauth/grants``: which clients the user lets do what."""
    consents, clients = sign_in.tables.oauth_consents, sign_in.tables.oauth_clients
    async with sign_in.session() as db:
        present = await find_present(db, sign_in, incoming)
        query = (
            sa.select(clients, consents.c.scopes.label("granted"), consents.c.updated_at.label("granted_at"))
            .join_from(consents, clients, consents.c.client_id == clients.c.id)
            .where(consents.c.user_id == present.user.id, consents.c.revoked_at.is_(None))
            .order_by(consents.c.updated_at.desc())
        )
        rows = (await db.execute(query)).mappings().all()
    return Answer(
        [
            {
                "client": client_summary(read_client(row)),
                "scopes": list(row["granted"]),
                "granted_at": moment(row["granted_at"]),
            }
            for row in rows
        ]
    )


@for_users
async def revoke_grant(sign_in: SignIn, incoming: Incoming) -> Answer:
    """``DELETE /user/oauth/grants?client_id=``: 204, and within a second the client can do nothing for the user.

    Raises:
        ConsentNotFound: the user lets it do nothing.
    """
    client_id = incoming.query.get("client_id", "")
    if not client_id or "\0" in client_id:
        raise ValidationFailed("client_id is required")
    tables = sign_in.tables
    consents, sessions = tables.oauth_consents, tables.sessions

    async def work(db: AsyncSession) -> None:
        user_id = (await find_present(db, sign_in, incoming)).user.id
        # In the order in which codes are decided and used, so that none of them waits for another.
        for asked in (tables.oauth_authorizations, tables.device_codes):
            await db.execute(
                sa.update(asked)
                .where(asked.c.user_id == user_id, asked.c.client_id == client_id, asked.c.used_at.is_(None))
                .values(used_at=incoming.now)
            )
        # Whoever takes a code of this user's to the door meanwhile waits, and finds the consent gone.
        await hold(db, tables, user_id)
        revoked = await db.execute(
            sa.update(consents)
            .where(consents.c.user_id == user_id, consents.c.client_id == client_id, consents.c.revoked_at.is_(None))
            .values(revoked_at=incoming.now)
            .returning(consents.c.id)
        )
        if revoked.first() is None:
            raise ConsentNotFound
        which = sa.and_(sessions.c.user_id == user_id, sessions.c.client_id == client_id)
        await leave(db, sign_in, incoming, which, by="consent")
        await note(db, sign_in, incoming, "oauth_consent_revoked", user_id, {"client_id": client_id})

    await sign_in.settle(work)
    await sign_in.revocations.refresh()
    return Answer(None, 204)


def describe(sign_in: SignIn, client: Client, row: sa.RowMapping, present: Present) -> dict[str, Any]:
    """What a page of consent shows."""
    meanings = offered(sign_in)
    return {
        "authorization_id": str(row["id"]),
        "redirect_uri": row["redirect_uri"] or "",
        "client": client_summary(client),
        "user": {"id": str(present.user.id), "email": present.user.email or ""},
        "prompt": row["prompt"] or "",
        "scope": row["scope"],
        "scopes": [{"name": name, "description": meanings.get(name, name)} for name in row["scope"].split()],
    }


def client_summary(client: Client) -> dict[str, Any]:
    """A client as users know it."""
    return {"id": client.id, "name": client.name, "uri": client.uri or "", "logo_uri": client.logo_uri or ""}


async def _meet(
    db: AsyncSession, sign_in: SignIn, incoming: Incoming, *, sure: bool = True, shown: bool = False
) -> tuple[Present, sa.RowMapping]:
    """Who is there, and what is asked of them; nobody else can decide it afterwards.

    Arguments:
        db, sign_in, incoming: where, and by which request.
        sure: whether their sign-in has to be as the client asks for.
        shown: whether it is only shown to them yet, so that they can leave it to another account where they shall
            choose one.
    """
    present = await find_present(db, sign_in, incoming)
    if present.user.is_anonymous:
        raise AnonymousNotAllowed
    row = await find_waiting(db, sign_in, incoming.names["authorization_id"], incoming.now)
    # Before the second factor: whoever signs in again shows that one again, too.
    if sure and row is not None and row["user_id"] in (None, present.user.id):
        check_session(row, present.session, incoming.now)
    await check_aal(db, sign_in, incoming, present)
    if row is None or row["user_id"] not in (None, present.user.id):
        raise OAuthAuthorizationNotFound
    client = await find_client(db, sign_in.tables, row["client_id"])
    if client is None or row["redirect_uri"] not in (None, *client.redirect_uris):
        # It was taken from the client since it asked: nobody is sent there with a code any more.
        raise OAuthAuthorizationNotFound
    if shown and SELECT_ACCOUNT in prompts_of(row):
        return present, row
    return present, await _claim(db, sign_in, incoming, present, row)


async def _claim(
    db: AsyncSession, sign_in: SignIn, incoming: Incoming, present: Present, row: sa.RowMapping
) -> sa.RowMapping:
    asked = sign_in.tables.oauth_authorizations
    claimed = await db.execute(
        sa.update(asked)
        .where(
            asked.c.id == row["id"],
            asked.c.decided_at.is_(None),
            asked.c.used_at.is_(None),
            asked.c.expires_at > incoming.now,
            sa.or_(asked.c.user_id.is_(None), asked.c.user_id == present.user.id),
        )
        .values(user_id=present.user.id)
        .returning(*asked.columns)
    )
    found = claimed.mappings().first()
    if found is None:
        raise OAuthAuthorizationNotFound
    return found


async def _is_settled(db: AsyncSession, sign_in: SignIn, client: Client, row: sa.RowMapping, present: Present) -> bool:
    """Whether the user need not be asked: never where anybody could be asking in the client's name (ASVS 10.7.1)."""
    if not client.is_assured or row["always_ask"] or row["device_id"] is not None:
        return False
    consents = sign_in.tables.oauth_consents
    query = sa.select(consents.c.scopes).where(
        consents.c.user_id == present.user.id, consents.c.client_id == client.id, consents.c.revoked_at.is_(None)
    )
    found = (await db.execute(query)).scalar_one_or_none()
    return found is not None and set(row["scope"].split()) <= set(found)


async def _approve(
    db: AsyncSession, sign_in: SignIn, incoming: Incoming, present: Present, row: sa.RowMapping
) -> dict[str, Any]:
    code = make_token()
    await _settle(
        db,
        sign_in,
        incoming,
        row,
        code_digest=None if row["device_id"] is not None else digest(code),
        user_session_id=present.session["id"],
        expires_at=incoming.now + CODE_LIFE,
    )
    await _keep_consent(db, sign_in, incoming, present.user.id, row)
    await _tell_device(db, sign_in, incoming, row, present, allowed=True)
    detail = {"client_id": row["client_id"], "scope": row["scope"]}
    await note(db, sign_in, incoming, "oauth_allowed", present.user.id, detail)
    return _sent(sign_in, row, {"code": code})


async def _refuse(
    db: AsyncSession, sign_in: SignIn, incoming: Incoming, row: sa.RowMapping, error: OAuthError
) -> dict[str, Any]:
    await _settle(db, sign_in, incoming, row, expires_at=incoming.now)
    return _sent(sign_in, row, {"error": error.error, "error_description": error.message})


async def _settle(db: AsyncSession, sign_in: SignIn, incoming: Incoming, row: sa.RowMapping, **values: Any) -> None:
    """Decide, once."""
    asked = sign_in.tables.oauth_authorizations
    decided = await db.execute(
        sa.update(asked)
        .where(asked.c.id == row["id"], asked.c.decided_at.is_(None))
        .values(decided_at=incoming.now, **values)
        .returning(asked.c.id)
    )
    if decided.first() is None:
        raise OAuthAuthorizationNotFound


async def _keep_consent(
    db: AsyncSession, sign_in: SignIn, incoming: Incoming, user_id: Any, row: sa.RowMapping
) -> None:
    # One decision of a user's at a time, so that none is lost to another.
    await hold(db, sign_in.tables, user_id)
    consents, now = sign_in.tables.oauth_consents, incoming.now
    which = sa.and_(consents.c.user_id == user_id, consents.c.client_id == row["client_id"])
    kept = (await db.execute(sa.select(consents).where(which))).mappings().first()
    scopes = row["scope"].split()
    if kept is None:
        values = {"id": uuid4(), "user_id": user_id, "client_id": row["client_id"], "created_at": now}
        await db.execute(sa.insert(consents).values(**values, scopes=scopes, updated_at=now))
        return
    held = [] if kept["revoked_at"] is not None else kept["scopes"]
    together = list(dict.fromkeys([*held, *scopes]))
    await db.execute(sa.update(consents).where(which).values(scopes=together, updated_at=now, revoked_at=None))


async def _tell_device(
    db: AsyncSession, sign_in: SignIn, incoming: Incoming, row: sa.RowMapping, present: Present, *, allowed: bool
) -> None:
    if row["device_id"] is None:
        return
    devices = sign_in.tables.device_codes
    await db.execute(
        sa.update(devices)
        .where(devices.c.id == row["device_id"], devices.c.decided_at.is_(None))
        .values(
            user_id=present.user.id,
            user_session_id=present.session["id"],
            decided_at=incoming.now,
            allowed=allowed,
        )
    )


def _sent(sign_in: SignIn, row: sa.RowMapping, told: dict[str, str]) -> dict[str, Any]:
    if row["device_id"] is not None:
        return {"redirect_url": ""}
    address = answer_address(sign_in, row["redirect_uri"], row["state"], told)
    # Both names are read: the older clients' and the newer ones'.
    return {"redirect_url": address, "redirect_to": address}
