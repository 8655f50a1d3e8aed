"""``POST /factors/{id}/challenge``: what a second factor is to answer, within five minutes, from the same address."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from backstay.auth.audit import note
from backstay.auth.factors.allow import check_verifying, read_id
from backstay.auth.factors.passkeys import challenge_of, key_of, keys_of, name_of, party_of
from backstay.auth.limits.admit import admit_sign_in, admit_text
from backstay.auth.protocol.answer import Answer
from backstay.auth.protocol.incoming import Body, Incoming
from backstay.auth.secret import keyed_digest, make_code
from backstay.auth.sign_in import SignIn
from backstay.auth.steps.present import Present, find_present
from backstay.auth.store import factors
from backstay.auth.store.factors import LIFE, Kind, Status
from backstay.errors import FactorNotFound, ValidationFailed

_MINUTES: Final = round(LIFE.total_seconds() / 60)


class Challenging(Body):
    """The body of ``POST /factors/{id}/challenge``; the site of security keys is the settings' word, not its."""

    channel: str | None = None


async def challenge_factor(sign_in: SignIn, incoming: Incoming) -> Answer:
    """``POST /factors/{id}/challenge``.

    Raises:
        FactorNotFound: the user has no such factor.
        TooManyTexts: a code was sent to this phone just now.
        TooManyRequests: too many were asked for from there.
    """
    asked = incoming.read(Challenging)
    factor_id = read_id(incoming.names["factor_id"])
    async with sign_in.session() as db:
        _, factor = await _find(db, sign_in, incoming, factor_id)
    if factor["kind"] == Kind.PHONE.value:
        _check_channel(asked.channel)
        # Whoever has a session might have anybody's phone sent something by it.
        await admit_sign_in(sign_in, incoming)
        await admit_text(sign_in, incoming, "factor", factor["phone"])

    async def work(db: AsyncSession) -> tuple[Answer, tuple[str, str] | None]:
        present, factor = await _find(db, sign_in, incoming, factor_id)
        kind, challenge_id, code, more = Kind(factor["kind"]), uuid4(), None, {}
        if kind is Kind.PHONE:
            code = make_code()
            more = {"code_digest": digest_code(sign_in, str(challenge_id), code)}
        made = await factors.challenge(
            db,
            sign_in.tables,
            incoming.now,
            kind=kind,
            address=incoming.address,
            user_id=present.user.id,
            factor_id=factor_id,
            challenge_id=challenge_id,
            **more,
        )
        await factors.change(db, sign_in.tables, factor_id, incoming.now, last_challenged_at=incoming.now)
        told = await _offer(db, sign_in, present, factor, made) if kind is Kind.WEBAUTHN else {}
        detail = {"factor_id": str(factor_id), "factor_status": factor["status"]}
        await note(db, sign_in, incoming, "factor_challenged", present.user.id, detail)
        expires = int(made["expires_at"].timestamp())
        answer = Answer({"id": str(challenge_id), "type": kind.value, "expires_at": expires, **told})
        return answer, (factor["phone"], code) if code is not None else None

    answer, text = await sign_in.settle(work)
    if text is not None:
        sign_in.post.post_text(*text, minutes=_MINUTES)
    return answer


async def _find(
    db: AsyncSession, sign_in: SignIn, incoming: Incoming, factor_id: UUID
) -> tuple[Present, sa.RowMapping]:
    """The user who is there, and their factor."""
    present = await find_present(db, sign_in, incoming)
    factor = await factors.find(db, sign_in.tables, present.user.id, factor_id)
    if factor is None or factor["kind"] == Kind.PASSKEY.value:
        raise FactorNotFound
    check_verifying(sign_in, Kind(factor["kind"]))
    return present, factor


def digest_code(sign_in: SignIn, challenge_id: str, code: str) -> str:
    """What is kept of a code that was sent to a phone: it is good for its challenge alone."""
    return keyed_digest(sign_in.code_key, "factor", challenge_id, code)


def _check_channel(channel: str | None) -> None:
    if channel not in (None, "", "sms"):
        raise ValidationFailed("Invalid channel, supported values are 'sms'")


async def _offer(
    db: AsyncSession, sign_in: SignIn, present: Present, factor: sa.RowMapping, made: sa.RowMapping
) -> dict[str, Any]:
    """What the browser needs to make a security key, or to use the one that there is."""
    from backstay.auth.factors.passkey import offer_authentication, offer_registration

    party, challenge = party_of(sign_in), challenge_of(sign_in, made["id"])
    if factor["status"] == Status.VERIFIED.value:
        known = [key_of(factor)]
        options = offer_authentication(party, challenge, known=known, verification=False)
        return {"webauthn": {"type": "request", "credential_options": {"publicKey": options}}}
    options = offer_registration(
        party,
        challenge,
        user=str(present.user.id),
        name=name_of(present.user),
        known=await keys_of(db, sign_in, present.user.id),
        discoverable=False,
    )
    return {"webauthn": {"type": "create", "credential_options": {"publicKey": options}}}
