"""Devices without a browser (RFC 8628): the user types a short code elsewhere, while the device goes on asking."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from backstay.auth.audit import note
from backstay.auth.grants.ask import for_programs, for_users, read_form, require
from backstay.auth.grants.authorize import DECISION_LIFE, keep
from backstay.auth.grants.client import Client, authenticate, check_grant, find_client
from backstay.auth.grants.consent import describe
from backstay.auth.grants.issue import begin, tell_tokens
from backstay.auth.grants.metadata import DEVICE
from backstay.auth.grants.scopes import choose
from backstay.auth.limits.admit import admit_proof, admit_refresh
from backstay.auth.protocol.answer import Answer
from backstay.auth.protocol.incoming import Body, Incoming
from backstay.auth.secret import digest, keyed_digest, make_token
from backstay.auth.sign_in import SignIn
from backstay.auth.steps.present import check_aal, find_present
from backstay.auth.steps.redirect import add_query, page_of
from backstay.errors import (
    AccessDenied,
    AnonymousNotAllowed,
    AskedTooSoon,
    BackstayError,
    DecisionPending,
    DeviceCodeExpired,
    GrantInvalid,
    OAuthAuthorizationNotFound,
    OAuthError,
)

PAUSE: Final = 5
"""Seconds between two questions of a device; and by how many they grow when it asks sooner."""
_LETTERS: Final = "BCDFGHJKLMNPQRSTVWXZ"
_LENGTH: Final = 8


class Typed(Body):
    """The body of ``POST /oauth/device``."""

    user_code: str


@for_programs
async def begin_device(sign_in: SignIn, incoming: Incoming) -> Answer:
    """``POST /oauth/device_authorization``: a code for the device, and one for its user to type elsewhere."""
    form = read_form(incoming)
    client = await authenticate(sign_in, incoming, form)
    check_grant(client, DEVICE)
    if not client.is_public:
        await admit_refresh(sign_in, incoming)
    scope = choose(sign_in, client, form.get("scope"))
    device_code = make_token()
    user_code = "".join(secrets.choice(_LETTERS) for _ in range(_LENGTH))
    sign_in.tidy(incoming.now)
    async with sign_in.session() as db:
        values = {
            "id": uuid4(),
            "client_id": client.id,
            "device_digest": digest(device_code),
            "user_digest": _user_digest(sign_in, user_code),
            "scope": scope,
            "pause": PAUSE,
            "created_at": incoming.now,
            "expires_at": incoming.now + DECISION_LIFE,
        }
        await db.execute(sa.insert(sign_in.tables.device_codes).values(values))
    shown = f"{user_code[:4]}-{user_code[4:]}"
    page = page_of(sign_in, sign_in.settings.oauth_device_url, "device")
    return Answer(
        {
            "device_code": device_code,
            "user_code": shown,
            "verification_uri": page,
            "verification_uri_complete": add_query(page, {"user_code": shown}),
            "expires_in": int(DECISION_LIFE.total_seconds()),
            "interval": PAUSE,
        }
    )


@for_users
async def meet_device(sign_in: SignIn, incoming: Incoming) -> Answer:
    """``POST /oauth/device``: the user types the code of a device, and is told what it asks for.

    They decide it as they do what a browser brought: ``POST /oauth/authorizations/{id}/consent``.

    Raises:
        OAuthAuthorizationNotFound: there is no such code, or not any more.
        TooManyRequests: too many were tried from there.
    """
    await admit_proof(sign_in, incoming)
    typed = "".join(each for each in incoming.read(Typed).user_code.upper() if each in _LETTERS)
    devices = sign_in.tables.device_codes

    async def work(db: AsyncSession) -> Answer:
        present = await find_present(db, sign_in, incoming)
        if present.user.is_anonymous:
            raise AnonymousNotAllowed
        await check_aal(db, sign_in, incoming, present)
        met = await db.execute(
            sa.update(devices)
            .where(
                devices.c.user_digest == _user_digest(sign_in, typed),
                devices.c.met_at.is_(None),
                devices.c.expires_at > incoming.now,
            )
            .values(met_at=incoming.now)
            .returning(*devices.columns)
        )
        row = met.mappings().first()
        client = None if row is None else await find_client(db, sign_in.tables, row["client_id"])
        if row is None or client is None:
            raise OAuthAuthorizationNotFound
        more = {"user_id": present.user.id, "device_id": row["id"], "scope": row["scope"], "always_ask": True}
        id = await keep(db, sign_in, incoming, client, **more)
        asked = sign_in.tables.oauth_authorizations
        kept = (await db.execute(sa.select(asked).where(asked.c.id == id))).mappings().one()
        return Answer(describe(sign_in, client, kept, present))

    return await sign_in.settle(work)


async def grant_by_device(
    sign_in: SignIn, incoming: Incoming, client: Client, form: Mapping[str, str]
) -> dict[str, Any]:
    """Tokens for a device code, when the user has allowed it.

    Raises:
        DecisionPending: they have not decided.
        AskedTooSoon: the device does not wait between its questions.
        AccessDenied: they said no.
        DeviceCodeExpired: it is too late.
        GrantInvalid: the code is not good.
    """
    device_digest = digest(require(form, "device_code"))
    devices = sign_in.tables.device_codes

    async def work(db: AsyncSession) -> dict[str, Any] | BackstayError:
        mine = sa.and_(devices.c.device_digest == device_digest, devices.c.client_id == client.id)
        found = (await db.execute(sa.select(devices).where(mine))).mappings().first()
        if found is None or found["used_at"] is not None:
            return GrantInvalid()
        if found["expires_at"] <= incoming.now:
            return DeviceCodeExpired()
        if found["decided_at"] is None:
            return await _wait(db, sign_in, incoming, found)
        used = await db.execute(
            sa.update(devices)
            .where(mine, devices.c.used_at.is_(None))
            .values(used_at=incoming.now)
            .returning(*devices.columns)
        )
        row = used.mappings().first()
        if row is None:
            return GrantInvalid()
        return AccessDenied() if not row["allowed"] else await _give(db, sign_in, incoming, client, row)

    return await sign_in.settle(work)


async def _give(
    db: AsyncSession, sign_in: SignIn, incoming: Incoming, client: Client, row: sa.RowMapping
) -> dict[str, Any] | BackstayError:
    try:
        session = await begin(
            db,
            sign_in,
            incoming,
            client,
            row["user_id"],
            scope=row["scope"],
            method="device_code",
            user_session_id=row["user_session_id"],
        )
    except OAuthError as error:
        return error
    detail = {"client_id": client.id, "session_id": str(session["id"]), "scope": row["scope"]}
    await note(db, sign_in, incoming, "oauth_session_begun", row["user_id"], detail)
    return await tell_tokens(db, sign_in, incoming, client, session, user_session_id=row["user_session_id"])


async def _wait(db: AsyncSession, sign_in: SignIn, incoming: Incoming, row: sa.RowMapping) -> OAuthError:
    """Note that a device asked; whether it waited."""
    devices = sign_in.tables.device_codes
    asked_at = row["asked_at"]
    is_early = asked_at is not None and incoming.now < asked_at + timedelta(seconds=row["pause"])
    values = {"asked_at": incoming.now, "pause": devices.c.pause + PAUSE if is_early else devices.c.pause}
    await db.execute(sa.update(devices).where(devices.c.id == row["id"]).values(values))
    return AskedTooSoon() if is_early else DecisionPending()


def _user_digest(sign_in: SignIn, user_code: str) -> str:
    return keyed_digest(sign_in.code_key, "device", user_code)
