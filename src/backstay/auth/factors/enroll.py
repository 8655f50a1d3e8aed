"""``POST /factors``: a new second factor, which counts once it has been verified."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from backstay.auth.audit import note
from backstay.auth.factors.allow import check_enrolling, check_named
from backstay.auth.factors.seal import seal
from backstay.auth.protocol.answer import Answer
from backstay.auth.protocol.incoming import Body, Incoming
from backstay.auth.sign_in import SignIn
from backstay.auth.steps.address import read_number
from backstay.auth.steps.present import Present, find_present, is_sure
from backstay.auth.steps.redirect import site_of
from backstay.auth.store import factors
from backstay.auth.store.factors import Kind, Status
from backstay.errors import EnrollingNeedsAal2, FactorNameConflict, PhoneFactorExists, TooManyFactors, ValidationFailed

MOST: Final = 10
"""Factors of one user."""
LONGEST_NAME: Final = 120
_ABANDONED: Final = timedelta(minutes=10)
_KINDS: Final = (Kind.TOTP, Kind.PHONE, Kind.WEBAUTHN)


class Enrolling(Body):
    """The body of ``POST /factors``."""

    factor_type: str = ""
    friendly_name: str | None = None
    issuer: str | None = None
    phone: str | None = None


async def enroll_factor(sign_in: SignIn, incoming: Incoming) -> Answer:
    """``POST /factors``.

    Raises:
        TotpEnrollDisabled, PhoneEnrollDisabled, WebauthnEnrollDisabled: there are none of this kind here.
        EnrollingNeedsAal2: there is a second factor already, and it was not shown.
        FactorNameConflict, TooManyFactors, PhoneFactorExists: of those there are already.
    """
    asked = incoming.read(Enrolling)
    kind = next((each for each in _KINDS if each.value == asked.factor_type), None)
    if kind is None:
        raise ValidationFailed("factor_type needs to be totp, phone, or webauthn")
    check_enrolling(sign_in, kind)
    name = read_name(asked.friendly_name)

    async def work(db: AsyncSession) -> Answer:
        present = await find_present(db, sign_in, incoming)
        check_named(present)
        await _make_room(db, sign_in, incoming, present, name)
        made = await _MAKERS[kind](db, sign_in, incoming, present, asked, name)
        detail = {"factor_id": made["id"], "factor_type": kind.value}
        await note(db, sign_in, incoming, "factor_enrolled", present.user.id, detail)
        return Answer({"type": kind.value, "friendly_name": name or "", **made})

    return await sign_in.settle(work)


def read_name(text: str | None) -> str | None:
    """What the user calls a factor; None: nothing.

    Raises:
        ValidationFailed: it is too long.
    """
    name = (text or "").strip()
    if len(name) > LONGEST_NAME:
        raise ValidationFailed(f"friendly_name must be {LONGEST_NAME} characters or less")
    return name or None


async def _make_room(db: AsyncSession, sign_in: SignIn, incoming: Incoming, present: Present, name: str | None) -> None:
    """Forget what was begun and never verified, and see that one more factor may be had."""
    tables, user_id = sign_in.tables, present.user.id
    kept = tables.factors.c
    begun = (kept.user_id == user_id, kept.status == Status.UNVERIFIED.value)
    await factors.remove(db, tables, *begun, kept.created_at < incoming.now - _ABANDONED)
    found = await factors.all_of(db, tables, user_id, *_KINDS)
    if any(each["status"] == Status.VERIFIED.value for each in found) and not is_sure(incoming, present):
        raise EnrollingNeedsAal2
    if name is not None and any(each["friendly_name"] == name for each in found):
        raise FactorNameConflict(f'A factor with the friendly name "{name}" for this user already exists')
    if len(found) >= MOST:
        raise TooManyFactors


async def _make_totp(
    db: AsyncSession, sign_in: SignIn, incoming: Incoming, present: Present, asked: Enrolling, name: str | None
) -> dict[str, Any]:
    from backstay.auth.factors.totp import draw, generate_secret, write_address

    factor_id, secret, user = uuid4(), generate_secret(), present.user
    issuer = (asked.issuer or "").strip()[:LONGEST_NAME] or urlsplit(site_of(sign_in)).hostname or "Backstay"
    address = write_address(secret, account=user.email or user.phone or str(user.id), issuer=issuer)
    sealed = seal(secret, sign_in.sealing_keys, f"{user.id}:{factor_id}")
    await factors.add(
        db,
        sign_in.tables,
        user.id,
        Kind.TOTP,
        incoming.now,
        status=Status.UNVERIFIED,
        id=factor_id,
        friendly_name=name,
        sealed=sealed,
    )
    return {"id": str(factor_id), "totp": {"qr_code": draw(address), "secret": secret, "uri": address}}


async def _make_phone(
    db: AsyncSession, sign_in: SignIn, incoming: Incoming, present: Present, asked: Enrolling, name: str | None
) -> dict[str, Any]:
    if not asked.phone:
        raise ValidationFailed("Phone number required to enroll Phone factor")
    number, tables = read_number(asked.phone), sign_in.tables
    for each in await factors.all_of(db, tables, present.user.id, Kind.PHONE):
        if each["phone"] == number and each["status"] == Status.VERIFIED.value:
            raise PhoneFactorExists
        if each["phone"] == number:
            await factors.remove(db, tables, tables.factors.c.id == each["id"])
    made = await factors.add(
        db,
        tables,
        present.user.id,
        Kind.PHONE,
        incoming.now,
        status=Status.UNVERIFIED,
        friendly_name=name,
        phone=number,
    )
    return {"id": str(made["id"]), "phone": asked.phone}


async def _make_webauthn(
    db: AsyncSession, sign_in: SignIn, incoming: Incoming, present: Present, asked: Enrolling, name: str | None
) -> dict[str, Any]:
    status = Status.UNVERIFIED
    made = await factors.add(
        db, sign_in.tables, present.user.id, Kind.WEBAUTHN, incoming.now, status=status, friendly_name=name
    )
    return {"id": str(made["id"])}


_MAKERS: Final = {Kind.TOTP: _make_totp, Kind.PHONE: _make_phone, Kind.WEBAUTHN: _make_webauthn}
