"""``/factors/recovery-codes``: a user's recovery codes, as they make, count, use and give them up."""

from __future__ import annotations

from typing import Any
from uuid import NAMESPACE_OID, uuid5

from sqlalchemy.ext.asyncio import AsyncSession

from backstay.auth.audit import note
from backstay.auth.factors.allow import LOCK
from backstay.auth.factors.recovery import digest, make_codes, use_code
from backstay.auth.factors.verify import strengthen
from backstay.auth.limits.admit import forgive, guess_code, note_wrong
from backstay.auth.protocol.answer import Answer
from backstay.auth.protocol.incoming import Body, Incoming
from backstay.auth.sign_in import SignIn
from backstay.auth.steps.present import Present, find_present, is_sure
from backstay.auth.store import factors
from backstay.auth.store.user_row import hold
from backstay.errors import (
    BackstayError,
    EnrollingNeedsAal2,
    FactorCodeWrong,
    FactorNotFound,
    FeatureDisabled,
    RecoveryCodesAlone,
    RecoveryCodesExist,
    RemovingNeedsAal2,
)


class Recovering(Body):
    """The body of ``POST /factors/recovery-codes/verify``."""

    code: str = ""


async def make_recovery_codes(sign_in: SignIn, incoming: Incoming) -> Answer:
    """``POST /factors/recovery-codes``: a user's first codes, told this once.

    Raises:
        EnrollingNeedsAal2: no second factor was shown.
        RecoveryCodesAlone: there is no factor that they could stand in for.
        RecoveryCodesExist: the user has codes, which new ones would make worthless.
    """
    _check_on(sign_in)

    async def work(db: AsyncSession) -> Answer:
        present = await _find_sure(db, sign_in, incoming)
        if not await factors.has_verified(db, sign_in.tables, present.user.id):
            raise RecoveryCodesAlone
        if (await factors.count_recovery_codes(db, sign_in.tables, present.user.id)).total:
            raise RecoveryCodesExist
        return await _make(db, sign_in, incoming, present)

    return await sign_in.settle(work)


async def renew_recovery_codes(sign_in: SignIn, incoming: Incoming) -> Answer:
    """``POST /factors/recovery-codes/regenerate``: new codes; those that there were are worthless from now on.

    Raises:
        EnrollingNeedsAal2: no second factor was shown.
        FactorNotFound: there were none.
    """
    _check_on(sign_in)

    async def work(db: AsyncSession) -> Answer:
        present = await _find_sure(db, sign_in, incoming)
        await _count(db, sign_in, present)
        return await _make(db, sign_in, incoming, present)

    return await sign_in.settle(work)


async def count_recovery_codes(sign_in: SignIn, incoming: Incoming) -> Answer:
    """``GET /factors/recovery-codes``: how many there are, and how many of them are still good.

    Raises:
        FactorNotFound: there are none.
    """
    _check_on(sign_in)
    async with sign_in.session() as db:
        present = await find_present(db, sign_in, incoming)
        found = await _count(db, sign_in, present)
    return Answer({**_describe(present), "total": found.total, "remaining": found.remaining})


async def remove_recovery_codes(sign_in: SignIn, incoming: Incoming) -> Answer:
    """``DELETE /factors/recovery-codes``.

    Raises:
        RemovingNeedsAal2: no second factor was shown.
        FactorNotFound: there are none.
    """
    _check_on(sign_in)

    async def work(db: AsyncSession) -> Answer:
        present = await find_present(db, sign_in, incoming)
        if not is_sure(incoming, present):
            raise RemovingNeedsAal2
        await _count(db, sign_in, present)
        await factors.replace_recovery_codes(db, sign_in.tables, present.user.id, (), incoming.now)
        await note(db, sign_in, incoming, "recovery_codes_removed", present.user.id)
        return Answer({"id": _describe(present)["id"]})

    return await sign_in.settle(work)


async def verify_recovery_code(sign_in: SignIn, incoming: Incoming) -> Answer:
    """``POST /factors/recovery-codes/verify``: a session of two factors for a code, whichever factor is lost.

    Raises:
        FactorCodeWrong: it is none of the user's, or was used.
        TooManyRequests: there were too many wrong ones.
    """
    _check_on(sign_in)
    code = incoming.read(Recovering).code
    async with sign_in.session() as db:
        user_id = (await find_present(db, sign_in, incoming)).user.id
    guess = await guess_code(sign_in, incoming, LOCK, user_id)

    async def work(db: AsyncSession) -> dict[str, Any] | BackstayError:
        await hold(db, sign_in.tables, user_id)
        present = await find_present(db, sign_in, incoming)
        try:
            method = await use_code(db, sign_in, incoming, user_id, code)
        except FactorCodeWrong as error:
            await note_wrong(db, sign_in, incoming, guess, "factor_refused", user_id, {})
            return error
        await forgive(db, sign_in, guess)
        return await strengthen(db, sign_in, incoming, present, method)

    found = await sign_in.settle(work)
    await sign_in.revocations.refresh()
    return Answer(found)


async def _make(db: AsyncSession, sign_in: SignIn, incoming: Incoming, present: Present) -> Answer:
    codes = make_codes()
    digests = [digest(code, str(present.user.id)) for code in codes]
    await factors.replace_recovery_codes(db, sign_in.tables, present.user.id, digests, incoming.now)
    await note(db, sign_in, incoming, "recovery_codes_made", present.user.id)
    return Answer({**_describe(present), "total": len(codes), "codes": codes})


async def _find_sure(db: AsyncSession, sign_in: SignIn, incoming: Incoming) -> Present:
    present = await find_present(db, sign_in, incoming)
    # One at a time for each user: of two at once each would make the other's codes worthless.
    await hold(db, sign_in.tables, present.user.id)
    if not is_sure(incoming, present):
        raise EnrollingNeedsAal2("AAL2 required to make recovery codes")
    return present


async def _count(db: AsyncSession, sign_in: SignIn, present: Present) -> factors.Count:
    found = await factors.count_recovery_codes(db, sign_in.tables, present.user.id)
    if not found.total:
        raise FactorNotFound
    return found


def _describe(present: Present) -> dict[str, str]:
    """What clients call the codes: they know them as one factor."""
    return {"id": str(uuid5(NAMESPACE_OID, f"recovery codes of {present.user.id}")), "type": "recovery_code"}


def _check_on(sign_in: SignIn) -> None:
    if not sign_in.auth.mfa:
        raise FeatureDisabled("Second factors are switched off", hint="Declare Auth(User, mfa=True).")
