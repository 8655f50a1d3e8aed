"""``POST /factors/{id}/verify``: the answer to a challenge, for a session that was shown two factors."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from backstay.auth.audit import note
from backstay.auth.factors.allow import LOCK, check_verifying, read_id
from backstay.auth.factors.challenge import digest_code
from backstay.auth.factors.passkeys import add_key, challenge_of, key_of, party_of
from backstay.auth.factors.recovery import is_recovery_code, use_code
from backstay.auth.factors.seal import is_current, seal, unseal
from backstay.auth.limits.admit import forgive, guess_code, note_wrong
from backstay.auth.protocol.answer import Answer
from backstay.auth.protocol.incoming import Body, Incoming
from backstay.auth.sign_in import SignIn
from backstay.auth.steps.entry import leave, tell_session
from backstay.auth.steps.mailing import notice, post_when_committed
from backstay.auth.steps.present import Present, find_present, is_sure
from backstay.auth.store import factors, sessions
from backstay.auth.store.factors import Kind, Status
from backstay.auth.store.user_row import hold
from backstay.errors import (
    BackstayError,
    ChallengeExpired,
    ChallengeNotFound,
    EnrollingNeedsAal2,
    FactorAddressMismatch,
    FactorCodeWrong,
    FactorNotFound,
    PasskeyRefused,
    TokenSessionNotFound,
    ValidationFailed,
)


class Credential(Body):
    """What a browser answers for a security key."""

    type: str = ""
    credential_response: dict[str, Any] | None = None


class Verifying(Body):
    """The body of ``POST /factors/{id}/verify``."""

    challenge_id: str = ""
    code: str = ""
    webauthn: Credential | None = None


async def verify_factor(sign_in: SignIn, incoming: Incoming) -> Answer:
    """``POST /factors/{id}/verify``. A recovery code does for every factor that was verified before.

    Raises:
        FactorNotFound, ChallengeNotFound: the user has no such factor, or it no such challenge.
        ChallengeExpired: the challenge is too old, was answered, or was answered wrongly too often.
        FactorAddressMismatch: it was asked for from another address.
        FactorCodeWrong, PasskeyRefused: the answer is wrong, or the code was used before.
        TooManyRequests: there were too many wrong ones.
    """
    asked = incoming.read(Verifying)
    factor_id = read_id(incoming.names["factor_id"])
    async with sign_in.session() as db:
        present = await find_present(db, sign_in, incoming)
        factor = await factors.find(db, sign_in.tables, present.user.id, factor_id)
        _check_factor(sign_in, factor)
        challenge = await _find_challenge(db, sign_in, incoming, factor_id, asked.challenge_id)
    user_id = present.user.id
    guess = await guess_code(sign_in, incoming, LOCK, user_id)

    async def work(db: AsyncSession) -> dict[str, Any] | BackstayError:
        # One at a time for each user: else two that end each other's sessions might wait for one another.
        await hold(db, sign_in.tables, user_id)
        present = await find_present(db, sign_in, incoming)
        factor = await factors.find(db, sign_in.tables, present.user.id, factor_id)
        if factor is None:
            raise FactorNotFound
        enrolled = factor["status"] != Status.VERIFIED.value
        if enrolled and not is_sure(incoming, present) and await factors.has_verified(db, sign_in.tables, user_id):
            raise EnrollingNeedsAal2
        if not await factors.take_try(db, sign_in.tables, challenge["id"], incoming.now):
            return _expired(challenge)
        try:
            method = await _prove(db, sign_in, incoming, factor, challenge, asked)
        except (FactorCodeWrong, PasskeyRefused) as error:
            detail = {"factor_id": str(factor_id)}
            await note_wrong(db, sign_in, incoming, guess, "factor_refused", present.user.id, detail)
            return error
        if not await factors.use(db, sign_in.tables, challenge["id"], incoming.now):
            return _expired(challenge)
        if enrolled:
            await _count_in(db, sign_in, incoming, factor)
            post_when_committed(db, sign_in, notice("factor_enrolled", present.user, factor=factor["kind"]))
        await forgive(db, sign_in, guess)
        return await strengthen(db, sign_in, incoming, present, method)

    found = await sign_in.settle(work)
    await sign_in.revocations.refresh()
    return Answer(found)


def _check_factor(sign_in: SignIn, factor: sa.RowMapping | None) -> None:
    if factor is None or factor["kind"] == Kind.PASSKEY.value:
        raise FactorNotFound
    check_verifying(sign_in, Kind(factor["kind"]))


async def _find_challenge(
    db: AsyncSession, sign_in: SignIn, incoming: Incoming, factor_id: UUID, text: str
) -> sa.RowMapping:
    try:
        found = await factors.find_challenge(db, sign_in.tables, UUID(text))
    except ValueError:
        raise ValidationFailed("challenge_id must be a valid UUID") from None
    if found is None or found["factor_id"] != factor_id:
        raise ChallengeNotFound
    if found["address"] != incoming.address:
        raise FactorAddressMismatch
    if found["used_at"] is not None or found["expires_at"] <= incoming.now:
        raise _expired(found)
    return found


def _expired(challenge: sa.RowMapping) -> ChallengeExpired:
    return ChallengeExpired(
        f"MFA challenge {challenge['id']} has expired, verify against another challenge or create a new challenge."
    )


# Proofs ------------------------------------------------------------------------------------------------------


async def _prove(
    db: AsyncSession,
    sign_in: SignIn,
    incoming: Incoming,
    factor: sa.RowMapping,
    challenge: sa.RowMapping,
    asked: Verifying,
) -> str:
    """What a session was proven by, as tokens tell it."""
    if factor["status"] == Status.VERIFIED.value and is_recovery_code(asked.code):
        return await use_code(db, sign_in, incoming, factor["user_id"], asked.code)
    kind = Kind(factor["kind"])
    if kind is Kind.WEBAUTHN:
        return await _prove_key(db, sign_in, incoming, factor, challenge, asked.webauthn)
    if kind is Kind.PHONE:
        typed = "".join(asked.code.split())
        if not hmac.compare_digest(challenge["code_digest"] or "", digest_code(sign_in, str(challenge["id"]), typed)):
            raise FactorCodeWrong("Invalid MFA Phone code entered")
        return "mfa/phone"
    return await _prove_totp(db, sign_in, incoming, factor, asked.code)


async def _prove_totp(db: AsyncSession, sign_in: SignIn, incoming: Incoming, factor: sa.RowMapping, code: str) -> str:
    from backstay.auth.factors.totp import find_step

    about = f"{factor['user_id']}:{factor['id']}"
    secret = unseal(factor["sealed"], sign_in.sealing_keys, about)
    step = find_step(secret, code, incoming.now)
    if step is None or not await factors.take_step(db, sign_in.tables, factor["id"], step):
        raise FactorCodeWrong
    if not is_current(factor["sealed"], sign_in.sealing_keys):
        anew = seal(secret, sign_in.sealing_keys, about)
        await factors.change(db, sign_in.tables, factor["id"], incoming.now, sealed=anew)
    return "totp"


async def _prove_key(
    db: AsyncSession,
    sign_in: SignIn,
    incoming: Incoming,
    factor: sa.RowMapping,
    challenge: sa.RowMapping,
    answer: Credential | None,
) -> str:
    from backstay.auth.factors.passkey import key_id, verify_authentication, verify_registration

    if answer is None or answer.credential_response is None:
        raise ValidationFailed("credential_response required")
    party, shown = party_of(sign_in), challenge_of(sign_in, challenge["id"])
    if factor["status"] != Status.VERIFIED.value:
        made = verify_registration(party, answer.credential_response, shown, verification=False)
        await add_key(db, sign_in, incoming, made, factor_id=factor["id"])
        return "mfa/webauthn"
    known = key_of(factor)
    if key_id(answer.credential_response) != known.id:
        raise PasskeyRefused
    uses = verify_authentication(party, answer.credential_response, shown, known, verification=False)
    kept: Mapping[str, Any] = factor["passkey"]
    await factors.change(db, sign_in.tables, factor["id"], incoming.now, passkey={**kept, "uses": uses})
    return "mfa/webauthn"


# What a proof changes ----------------------------------------------------------------------------------------


async def _count_in(db: AsyncSession, sign_in: SignIn, incoming: Incoming, factor: sa.RowMapping) -> None:
    """Let a new factor count from now on; others of its kind that were begun are forgotten."""
    kept = sign_in.tables.factors.c
    await factors.change(db, sign_in.tables, factor["id"], incoming.now, status=Status.VERIFIED.value)
    await factors.remove(
        db,
        sign_in.tables,
        kept.user_id == factor["user_id"],
        kept.kind == factor["kind"],
        kept.status == Status.UNVERIFIED.value,
    )


async def strengthen(
    db: AsyncSession, sign_in: SignIn, incoming: Incoming, present: Present, method: str
) -> dict[str, Any]:
    """Note in a session that a second factor was shown, and end the user's sessions in which none was.

    Arguments:
        db, sign_in, incoming: where, and by which request.
        present: whose session.
        method: what was shown, as tokens tell it.

    Returns:
        The document of the session, with new tokens.

    Raises:
        TokenSessionNotFound: the session has ended meanwhile.
    """
    kept, user_id = sign_in.tables.sessions.c, present.user.id
    amr = [each for each in present.session["amr"] if each["method"] != method]
    amr.append({"method": method, "timestamp": int(incoming.now.timestamp())})
    session = await sessions.strengthen(db, sign_in.tables, present.session["id"], incoming.now, amr=amr)
    if session is None:
        raise TokenSessionNotFound
    weak = sa.and_(kept.user_id == user_id, kept.aal < 2, kept.id != session["id"])
    await leave(db, sign_in, incoming, weak, by="second factor")
    await note(db, sign_in, incoming, "factor_verified", user_id, {"method": method})
    return await tell_session(db, sign_in, incoming, session)
