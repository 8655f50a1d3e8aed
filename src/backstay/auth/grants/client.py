"""Clients: the programs of others, as they are kept, and how they show that they are one."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Final
from urllib.parse import unquote_plus

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from backstay.auth.limits.admit import admit_proof, admit_refresh
from backstay.auth.protocol.incoming import Incoming
from backstay.auth.secret import digest
from backstay.auth.sign_in import SignIn
from backstay.auth.store.tables import Tables
from backstay.errors import ClientRequestInvalid, ClientUnknown, GrantNotAllowed

PUBLIC: Final = "none"
"""The method of a client that cannot keep a secret: it has none."""
DYNAMIC: Final = "dynamic"
"""The registration of a client that registered itself, so that nobody here knows whose it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A client. ``method`` is how it shows its secret; ``scopes`` are all that it may ever ask for."""

    id: str
    secret_digest: str | None = field(repr=False)
    name: str
    uri: str | None
    logo_uri: str | None
    method: str
    registration: str
    redirect_uris: Sequence[str]
    grant_types: Sequence[str]
    scopes: Sequence[str]
    created_at: datetime
    updated_at: datetime

    @property
    def is_public(self) -> bool:
        """Whether it has no secret, so that anybody can say to be it."""
        return self.method == PUBLIC

    @property
    def is_assured(self) -> bool:
        """Whether it is known whose it is, and that it is it that asks."""
        return not self.is_public and self.registration != DYNAMIC


def read_client(row: sa.RowMapping) -> Client:
    """A client, from its row."""
    return Client(**{each.name: row[each.name] for each in fields(Client)})


async def find_client(db: AsyncSession, tables: Tables, id: str) -> Client | None:
    """The client with an id."""
    clients = tables.oauth_clients
    if "\0" in id:
        return None
    row = (await db.execute(sa.select(clients).where(clients.c.id == id))).mappings().first()
    return None if row is None else read_client(row)


def check_grant(client: Client, grant: str) -> None:
    """Let a client use only the grants that it is registered for.

    Raises:
        GrantNotAllowed: it is not for this one.
    """
    if grant not in client.grant_types:
        raise GrantNotAllowed


async def authenticate(sign_in: SignIn, incoming: Incoming, form: Mapping[str, str]) -> Client:
    """The client that sent a form, by its secret in the header or in the form (RFC 6749 2.3.1); a public one by name.

    Raises:
        ClientRequestInvalid: it shows itself in two ways.
        ClientUnknown: there is no such client, or it did not show its secret.
        TooManyRequests: too many tried from there.
    """
    id, secret = _shown(incoming, form)
    async with sign_in.session() as db:
        client = await find_client(db, sign_in.tables, id)
    if client is None or not _is_right(client, secret):
        await admit_proof(sign_in, incoming)
        raise ClientUnknown
    if client.is_public:
        await admit_refresh(sign_in, incoming)
    incoming.counted = True
    return client


def _is_right(client: Client, secret: str | None) -> bool:
    if client.is_public:
        return secret is None
    kept = client.secret_digest
    return kept is not None and secret is not None and hmac.compare_digest(digest(secret), kept)


def _shown(incoming: Incoming, form: Mapping[str, str]) -> tuple[str, str | None]:
    scheme, _, encoded = incoming.request.headers.get("authorization", "").partition(" ")
    id, secret = form.get("client_id", ""), form.get("client_secret")
    if scheme.lower() != "basic":
        return id, secret
    try:
        named, colon, shown = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except ValueError:
        raise ClientUnknown from None
    named, shown = unquote_plus(named), unquote_plus(shown)
    if not colon or "\0" in named:
        raise ClientUnknown
    if secret is not None or (id and id != named):
        raise ClientRequestInvalid("The client shows itself in two ways")
    return named, shown or None
