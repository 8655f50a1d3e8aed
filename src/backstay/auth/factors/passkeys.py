"""``/passkeys``: keys that sign in by themselves, as their user makes, names and removes them."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from backstay.auth.audit import note
from backstay.auth.factors.allow import check_named
from backstay.auth.factors.enroll import read_name
from backstay.auth.factors.passkey import Party, PublicKey, require_passkeys
from backstay.auth.factors.remove import find_user
from backstay.auth.limits.admit import admit_notice
from backstay.auth.protocol.answer import Answer, moment
from backstay.auth.protocol.incoming import Body, Incoming
from backstay.auth.secret import keyed_digest
from backstay.auth.sign_in import SignIn
from backstay.auth.steps.mailing import notice, post_when_committed
from backstay.auth.steps.present import Present, check_fresh, find_present, is_sure
from backstay.auth.steps.redirect import site_of
from backstay.auth.store import factors
from backstay.auth.store.factors import Kind, Status
from backstay.auth.store.user_row import UserRow
from backstay.errors import (
    PasskeyChallengeExpired,
    PasskeyChallengeNotFound,
    PasskeyDisabled,
    PasskeyExists,
    PasskeyNeedsAal2,
    PasskeyNotFound,
    TooManyPasskeys,
    ValidationFailed,
)

MOST: Final = 10
"""Passkeys of one user."""


class Answering(Body):
    """The body that answers options; the credential by either of the names that clients have for it."""

    challenge_id: str = ""
    credential: dict[str, Any] | None = None
    credential_response: dict[str, Any] | None = None


class Renaming(Body):
    """The body of ``PATCH /passkeys/{id}``."""

    friendly_name: str = ""


# Making ------------------------------------------------------------------------------------------------------


async def offer_key(sign_in: SignIn, incoming: Incoming) -> Answer:
    """``POST /passkeys/registration/options``.

    Raises:
        PasskeyDisabled: there are none here.
        ReauthenticationNeeded: the user signed in too long ago.
        PasskeyNeedsAal2: the user has a second factor, and did not show it.
        TooManyPasskeys: they have enough.
    """
    check_on(sign_in)
    from backstay.auth.factors.passkey import offer_registration

    async with sign_in.session() as db:
        present = await find_present(db, sign_in, incoming)
        await _check_may(db, sign_in, incoming, present)
        known = await keys_of(db, sign_in, present.user.id)
        made = await factors.challenge(
            db, sign_in.tables, incoming.now, kind=Kind.PASSKEY, address=incoming.address, user_id=present.user.id
        )
    options = offer_registration(
        party_of(sign_in),
        challenge_of(sign_in, made["id"]),
        user=str(present.user.id),
        name=name_of(present.user),
        known=known,
    )
    return tell_options(made, options)


async def register_key(sign_in: SignIn, incoming: Incoming) -> Answer:
    """``POST /passkeys/registration/verify``.

    Raises:
        PasskeyChallengeNotFound, PasskeyChallengeExpired: the options are not the user's, were answered, or are old.
        PasskeyRefused, PasskeyExists: the key is none, or somebody's already.
        TooManyRequests: the user came to too many keys in this hour.
    """
    check_on(sign_in)
    from backstay.auth.factors.passkey import verify_registration

    asked = incoming.read(Answering)
    answer = read_credential(asked)
    async with sign_in.session() as db:
        present = await find_present(db, sign_in, incoming)
        await _check_may(db, sign_in, incoming, present)
        await find_open(db, sign_in, incoming, asked.challenge_id, present.user.id)
    await admit_notice(sign_in, incoming, "passkey_added", present.user)

    async def work(db: AsyncSession) -> Answer:
        present = await find_present(db, sign_in, incoming)
        await _check_may(db, sign_in, incoming, present)
        challenge = await find_open(db, sign_in, incoming, asked.challenge_id, present.user.id)
        shown = challenge_of(sign_in, challenge["id"])
        made = verify_registration(party_of(sign_in), answer, shown, verification=True)
        if not await factors.use(db, sign_in.tables, challenge["id"], incoming.now):
            raise PasskeyChallengeNotFound
        row = await add_key(db, sign_in, incoming, made, user_id=present.user.id)
        await note(db, sign_in, incoming, "passkey_made", present.user.id, {"passkey_id": str(row["id"])})
        post_when_committed(db, sign_in, notice("passkey_added", present.user))
        return Answer(tell_key(row))

    return await sign_in.settle(work)


async def _check_may(db: AsyncSession, sign_in: SignIn, incoming: Incoming, present: Present) -> None:
    """See that a user may make one more key, and signed in lately."""
    check_named(present)
    check_fresh(incoming, present)
    await check_sure(db, sign_in, incoming, present)
    if len(await factors.all_of(db, sign_in.tables, present.user.id, Kind.PASSKEY)) >= MOST:
        raise TooManyPasskeys


async def check_sure(db: AsyncSession, sign_in: SignIn, incoming: Incoming, present: Present) -> None:
    """Keep whoever has one factor of two from changing by what the user signs in.

    Raises:
        PasskeyNeedsAal2: the user has a second factor, and did not show it.
    """
    if not is_sure(incoming, present) and await factors.has_verified(db, sign_in.tables, present.user.id):
        raise PasskeyNeedsAal2


async def add_key(
    db: AsyncSession,
    sign_in: SignIn,
    incoming: Incoming,
    key: PublicKey,
    *,
    user_id: Any = None,
    factor_id: UUID | None = None,
) -> sa.RowMapping:
    """Keep a key that was made: as a new passkey of a user, or as what a second factor is.

    Raises:
        PasskeyExists: it is kept already.
    """
    from webauthn.helpers import bytes_to_base64url

    tables, named = sign_in.tables, bytes_to_base64url(key.id)
    if await factors.find_key(db, tables, named) is not None:
        raise PasskeyExists
    kept = {
        "key": bytes_to_base64url(key.key),
        "uses": key.uses,
        "transports": list(key.transports),
        "synchronised": key.synchronised,
    }
    if factor_id is not None:
        return await factors.change(db, tables, factor_id, incoming.now, credential_id=named, passkey=kept)
    return await factors.add(
        db,
        tables,
        user_id,
        Kind.PASSKEY,
        incoming.now,
        status=Status.VERIFIED,
        id=uuid4(),
        credential_id=named,
        passkey=kept,
    )


# Keeping -----------------------------------------------------------------------------------------------------


async def list_keys(sign_in: SignIn, incoming: Incoming) -> Answer:
    """``GET /passkeys``."""
    check_on(sign_in)
    async with sign_in.session() as db:
        present = await find_present(db, sign_in, incoming)
        found = await factors.all_of(db, sign_in.tables, present.user.id, Kind.PASSKEY)
    return Answer([tell_key(each) for each in found])


async def rename_key(sign_in: SignIn, incoming: Incoming) -> Answer:
    """``PATCH /passkeys/{id}``."""
    check_on(sign_in)
    name = read_name(incoming.read(Renaming).friendly_name)
    if name is None:
        raise ValidationFailed("friendly_name is required")
    async with sign_in.session() as db:
        present = await find_present(db, sign_in, incoming)
        await check_sure(db, sign_in, incoming, present)
        found = await _find(db, sign_in, present.user.id, incoming.names["passkey_id"])
        await factors.change(db, sign_in.tables, found["id"], incoming.now, friendly_name=name)
        await note(db, sign_in, incoming, "passkey_renamed", present.user.id, {"passkey_id": str(found["id"])})
    return Answer(tell_key({**found, "friendly_name": name}))


async def remove_key(sign_in: SignIn, incoming: Incoming) -> Answer:
    """``DELETE /passkeys/{id}``."""
    check_on(sign_in)
    async with sign_in.session() as db:
        present = await find_present(db, sign_in, incoming)
        await check_sure(db, sign_in, incoming, present)
        await _remove(db, sign_in, incoming, present.user, incoming.names["passkey_id"])
    return Answer(None, 204)


async def list_keys_of(sign_in: SignIn, incoming: Incoming) -> Answer:
    """``GET /admin/users/{user_id}/passkeys``."""
    check_on(sign_in)
    async with sign_in.session() as db:
        user = await find_user(db, sign_in, incoming)
        found = await factors.all_of(db, sign_in.tables, user.id, Kind.PASSKEY)
    return Answer([tell_key(each) for each in found])


async def remove_key_of(sign_in: SignIn, incoming: Incoming) -> Answer:
    """``DELETE /admin/users/{user_id}/passkeys/{passkey_id}``."""
    check_on(sign_in)
    async with sign_in.session() as db:
        user = await find_user(db, sign_in, incoming)
        await _remove(db, sign_in, incoming, user, incoming.names["passkey_id"])
    return Answer(None, 204)


async def _remove(db: AsyncSession, sign_in: SignIn, incoming: Incoming, user: UserRow, text: str) -> None:
    found = await _find(db, sign_in, user.id, text)
    await factors.remove(db, sign_in.tables, sign_in.tables.factors.c.id == found["id"])
    await note(db, sign_in, incoming, "passkey_removed", user.id, {"passkey_id": str(found["id"])})
    post_when_committed(db, sign_in, notice("passkey_removed", user))


async def _find(db: AsyncSession, sign_in: SignIn, user_id: Any, text: str) -> sa.RowMapping:
    try:
        found = await factors.find(db, sign_in.tables, user_id, UUID(text))
    except ValueError:
        found = None
    if found is None or found["kind"] != Kind.PASSKEY.value:
        raise PasskeyNotFound
    return found


# What making and signing in share ----------------------------------------------------------------------------


def check_on(sign_in: SignIn) -> None:
    """Raise where there are no passkeys."""
    if not sign_in.auth.passkeys:
        raise PasskeyDisabled


def party_of(sign_in: SignIn) -> Party:
    """For whom keys are made here: the site and our own pages, unless the settings say otherwise."""
    require_passkeys()
    settings, site = sign_in.settings, site_of(sign_in)
    domain = settings.passkey_domain or urlsplit(site).hostname or "localhost"
    own = [f"{each.scheme}://{each.netloc}" for each in map(urlsplit, filter(None, (site, settings.public_url)))]
    return Party(domain, domain, settings.passkey_origins or tuple(dict.fromkeys(own)))


def challenge_of(sign_in: SignIn, challenge_id: UUID) -> bytes:
    """What a key is to sign for a challenge: derived from its id, so there is nothing more to keep."""
    return bytes.fromhex(keyed_digest(sign_in.code_key, "webauthn", str(challenge_id)))


async def find_open(
    db: AsyncSession, sign_in: SignIn, incoming: Incoming, text: str, user_id: Any = None
) -> sa.RowMapping:
    """The challenge that a body names, if it can be answered still.

    Arguments:
        db, sign_in, incoming: where, and by which request.
        text: its id.
        user_id: who asked for it; None where nobody in particular did.

    Raises:
        PasskeyChallengeNotFound, PasskeyChallengeExpired: it is another's, was answered, or is too old.
    """
    try:
        found = await factors.find_challenge(db, sign_in.tables, UUID(text))
    except ValueError:
        raise ValidationFailed("challenge_id must be a valid UUID") from None
    if found is None or found["kind"] != Kind.PASSKEY.value or found["user_id"] != user_id:
        raise PasskeyChallengeNotFound
    if found["used_at"] is not None:
        raise PasskeyChallengeNotFound
    if found["expires_at"] <= incoming.now:
        raise PasskeyChallengeExpired
    return found


def read_credential(asked: Answering) -> dict[str, Any]:
    """The credential of a body.

    Raises:
        ValidationFailed: there is none.
    """
    found = asked.credential_response if asked.credential is None else asked.credential
    if found is None:
        raise ValidationFailed("credential is required")
    return found


def key_of(factor: sa.RowMapping) -> PublicKey:
    """The key that a row keeps."""
    from webauthn.helpers import base64url_to_bytes

    kept = factor["passkey"]
    return PublicKey(
        base64url_to_bytes(factor["credential_id"]),
        base64url_to_bytes(kept["key"]),
        kept["uses"],
        tuple(kept["transports"]),
        kept["synchronised"],
    )


async def keys_of(db: AsyncSession, sign_in: SignIn, user_id: Any) -> list[PublicKey]:
    """Every key of a user, be it a passkey or a second factor."""
    found = await factors.all_of(db, sign_in.tables, user_id, Kind.PASSKEY, Kind.WEBAUTHN)
    return [key_of(each) for each in found if each["passkey"] is not None]


def name_of(user: UserRow) -> str:
    """What a browser calls a user when it offers their keys."""
    return user.email or user.phone or str(user.id)


def tell_options(challenge: sa.RowMapping, options: dict[str, Any]) -> Answer:
    """Options for a browser, and until when they can be answered."""
    expires = int(challenge["expires_at"].timestamp())
    return Answer({"challenge_id": str(challenge["id"]), "options": options, "expires_at": expires})


def tell_key(factor: Any) -> dict[str, Any]:
    """A passkey as clients know one."""
    found = {
        "id": str(factor["id"]),
        "friendly_name": factor["friendly_name"],
        "created_at": moment(factor["created_at"]),
        "last_used_at": moment(factor["last_challenged_at"]),
        "backup_eligible": factor["passkey"]["synchronised"],
        "transports": factor["passkey"]["transports"],
    }
    return {name: value for name, value in found.items() if value is not None}
