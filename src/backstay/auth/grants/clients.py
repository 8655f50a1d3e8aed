"""Registering clients: by the secret key under ``/admin/oauth/clients``, or by themselves (RFC 7591)."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from backstay.auth.admin.pages import read_page
from backstay.auth.audit import note
from backstay.auth.grants.ask import for_programs, for_users
from backstay.auth.grants.client import PUBLIC, Client, find_client, read_client
from backstay.auth.grants.metadata import Metadata, check_whole, client_document, read_changes, read_metadata
from backstay.auth.limits.admit import admit
from backstay.auth.protocol.answer import Answer
from backstay.auth.protocol.incoming import Incoming
from backstay.auth.revoked import Revoked
from backstay.auth.secret import digest, make_token
from backstay.auth.sign_in import SignIn
from backstay.auth.steps.entry import leave
from backstay.errors import ClientMetadataInvalid, FeatureDisabled, OAuthClientNotFound


@for_programs
async def register(sign_in: SignIn, incoming: Incoming) -> Answer:
    """``POST /oauth/clients/register``: a client registers itself.

    Raises:
        FeatureDisabled: the setting ``oauth_registration`` is off.
        ClientMetadataInvalid, RedirectInvalid: what it says cannot be.
        TooManyRequests: too many did from there.
    """
    if not sign_in.settings.oauth_registration:
        raise FeatureDisabled
    await admit(sign_in, incoming, sign_in.limits.registration)
    return await _create(sign_in, incoming, dynamic=True)


@for_users
async def create(sign_in: SignIn, incoming: Incoming) -> Answer:
    """``POST /admin/oauth/clients``: a new client; only this answer ever tells its secret."""
    return await _create(sign_in, incoming, dynamic=False)


async def _create(sign_in: SignIn, incoming: Incoming, *, dynamic: bool) -> Answer:
    columns = read_metadata(sign_in, incoming.read(Metadata), dynamic=dynamic)
    clients, now = sign_in.tables.oauth_clients, incoming.now
    async with sign_in.session() as db:
        values = {"id": str(uuid4()), "secret_digest": None, "created_at": now, "updated_at": now, **columns}
        secret = None
        if columns["method"] != PUBLIC:
            secret = make_token()
            values["secret_digest"] = digest(secret)
        made = await db.execute(sa.insert(clients).values(values).returning(*clients.columns))
        client = read_client(made.mappings().one())
        await note(db, sign_in, incoming, "oauth_client_created", None, {"client_id": client.id, "dynamic": dynamic})
    return Answer(client_document(client, secret), 201)


@for_users
async def list_clients(sign_in: SignIn, incoming: Incoming) -> Answer:
    """``GET /admin/oauth/clients?page=&per_page=``: all of them, the newest first."""
    page, clients = read_page(incoming), sign_in.tables.oauth_clients
    newest = sa.select(clients).order_by(clients.c.created_at.desc(), clients.c.id).limit(page.size).offset(page.offset)
    async with sign_in.session() as db:
        total = (await db.execute(sa.select(sa.func.count()).select_from(clients))).scalar_one()
        rows = (await db.execute(newest)).mappings().all()
    documents = [client_document(read_client(row)) for row in rows]
    headers = page.headers("/admin/oauth/clients", total)
    return Answer({"clients": documents, "aud": "authenticated"}, headers=headers)


@for_users
async def show(sign_in: SignIn, incoming: Incoming) -> Answer:
    """``GET /admin/oauth/clients/{client_id}``."""
    async with sign_in.session() as db:
        return Answer(client_document(await _find(db, sign_in, incoming)))


@for_users
async def change(sign_in: SignIn, incoming: Incoming) -> Answer:
    """``PUT /admin/oauth/clients/{client_id}``: what is left out stays.

    Raises:
        ClientMetadataInvalid, RedirectInvalid: something cannot be, or cannot be changed.
        OAuthClientNotFound: there is none.
    """
    said = incoming.read(Metadata)
    changes = read_changes(sign_in, said)
    clients = sign_in.tables.oauth_clients
    async with sign_in.session() as db:
        client = await _find(db, sign_in, incoming)
        if said.token_endpoint_auth_method not in (None, client.method):
            raise ClientMetadataInvalid("token_endpoint_auth_method stays as it was registered")
        grants, redirects = changes.get("grant_types"), changes.get("redirect_uris")
        check_whole(
            client.method,
            client.grant_types if grants is None else grants,
            client.redirect_uris if redirects is None else redirects,
        )
        changed = await db.execute(
            sa.update(clients)
            .where(clients.c.id == client.id)
            .values(**changes, updated_at=incoming.now)
            .returning(*clients.columns)
        )
        await note(db, sign_in, incoming, "oauth_client_changed", None, {"client_id": client.id})
        return Answer(client_document(read_client(changed.mappings().one())))


@for_users
async def delete(sign_in: SignIn, incoming: Incoming) -> Answer:
    """``DELETE /admin/oauth/clients/{client_id}``: 204; all its tokens are dead with it."""
    clients = sign_in.tables.oauth_clients

    async def work(db: AsyncSession) -> None:
        client = await _find(db, sign_in, incoming)
        await _end_all(db, sign_in, incoming, client)
        await db.execute(sa.delete(clients).where(clients.c.id == client.id))
        await note(db, sign_in, incoming, "oauth_client_deleted", None, {"client_id": client.id})

    await sign_in.settle(work)
    await sign_in.revocations.refresh()
    return Answer(None, 204)


@for_users
async def regenerate_secret(sign_in: SignIn, incoming: Incoming) -> Answer:
    """``POST /admin/oauth/clients/{client_id}/regenerate_secret``: the old one is worth nothing, nor what it got."""
    clients, secret = sign_in.tables.oauth_clients, make_token()

    async def work(db: AsyncSession) -> Answer:
        client = await _find(db, sign_in, incoming)
        if client.is_public:
            raise ClientMetadataInvalid("A public client has no secret")
        changed = await db.execute(
            sa.update(clients)
            .where(clients.c.id == client.id)
            .values(secret_digest=digest(secret), updated_at=incoming.now)
            .returning(*clients.columns)
        )
        changed_client = read_client(changed.mappings().one())
        await _end_all(db, sign_in, incoming, client)
        await note(db, sign_in, incoming, "oauth_client_secret_changed", None, {"client_id": client.id})
        return Answer(client_document(changed_client, secret))

    answer = await sign_in.settle(work)
    await sign_in.revocations.refresh()
    return answer


async def _end_all(db: AsyncSession, sign_in: SignIn, incoming: Incoming, client: Client) -> None:
    """End what a client was given: for users, and for itself, where it is the subject of its tokens."""
    await leave(db, sign_in, incoming, sign_in.tables.sessions.c.client_id == client.id, by="client")
    until: Any = incoming.now + sign_in.settings.access_token_life
    await sign_in.revocations.note(db, Revoked.USER, client.id, now=incoming.now, until=until)


async def _find(db: AsyncSession, sign_in: SignIn, incoming: Incoming) -> Client:
    client = await find_client(db, sign_in.tables, incoming.names["client_id"])
    if client is None:
        raise OAuthClientNotFound
    return client
