"""Second factors that go: by their user, who must have shown one, or by the secret key."""

from __future__ import annotations

from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from backstay.auth.audit import note
from backstay.auth.factors.allow import read_id
from backstay.auth.protocol.answer import Answer, factor_document
from backstay.auth.protocol.incoming import Incoming
from backstay.auth.sign_in import SignIn
from backstay.auth.steps.entry import leave, turn_out
from backstay.auth.steps.mailing import notice, post_when_committed
from backstay.auth.steps.present import find_present, is_sure
from backstay.auth.store import factors, sessions
from backstay.auth.store.factors import Kind, Status
from backstay.auth.store.user_row import UserRow, find_by_id, hold
from backstay.errors import FactorNotFound, RemovingNeedsAal2, UserNotFound

_SECOND = (Kind.TOTP, Kind.PHONE, Kind.WEBAUTHN)


async def remove_factor(sign_in: SignIn, incoming: Incoming) -> Answer:
    """``DELETE /factors/{id}``. What other sessions were shown is worth less then, so they end.

    Raises:
        FactorNotFound: the user has no such factor.
        RemovingNeedsAal2: it counts, and no second factor was shown.
    """
    factor_id = read_id(incoming.names["factor_id"])

    async def work(db: AsyncSession) -> None:
        present = await find_present(db, sign_in, incoming)
        await hold(db, sign_in.tables, present.user.id)
        factor = await _find(db, sign_in, present.user, factor_id)
        counts = factor["status"] == Status.VERIFIED.value
        if counts and not is_sure(incoming, present):
            raise RemovingNeedsAal2
        await _remove(db, sign_in, incoming, present.user, factor)
        if counts:
            kept = sign_in.tables.sessions.c
            others = sa.and_(kept.user_id == present.user.id, kept.id != present.session["id"])
            await leave(db, sign_in, incoming, others, by="second factor")
            if not await factors.has_verified(db, sign_in.tables, present.user.id):
                await sessions.weaken(db, sign_in.tables, present.user.id)
        _tell(db, sign_in, present.user, factor)

    await sign_in.settle(work)
    await sign_in.revocations.refresh()
    return Answer({"id": str(factor_id)})


async def list_factors(sign_in: SignIn, incoming: Incoming) -> Answer:
    """``GET /admin/users/{user_id}/factors``."""
    async with sign_in.session() as db:
        user = await find_user(db, sign_in, incoming)
        found = await factors.all_of(db, sign_in.tables, user.id, *_SECOND)
    return Answer([factor_document(each) for each in found])


async def remove_factor_of(sign_in: SignIn, incoming: Incoming) -> Answer:
    """``DELETE /admin/users/{user_id}/factors/{factor_id}``: for a user who lost it. They sign in anew."""

    async def work(db: AsyncSession) -> Answer:
        user = await find_user(db, sign_in, incoming)
        factor = await _find(db, sign_in, user, read_id(incoming.names["factor_id"]))
        await _remove(db, sign_in, incoming, user, factor)
        await turn_out(db, sign_in, incoming, user.id, by="second factor")
        _tell(db, sign_in, user, factor)
        return Answer(factor_document(factor))

    answer = await sign_in.settle(work)
    await sign_in.revocations.refresh()
    return answer


async def find_user(db: AsyncSession, sign_in: SignIn, incoming: Incoming) -> UserRow:
    """The user that a path of the admin's names.

    Raises:
        UserNotFound: it names none.
    """
    found = await find_by_id(db, sign_in.tables, incoming.names["user_id"])
    if found is None:
        raise UserNotFound
    return found


async def _find(db: AsyncSession, sign_in: SignIn, user: UserRow, factor_id: UUID) -> sa.RowMapping:
    found = await factors.find(db, sign_in.tables, user.id, factor_id)
    if found is None or found["kind"] == Kind.PASSKEY.value:
        raise FactorNotFound
    return found


async def _remove(db: AsyncSession, sign_in: SignIn, incoming: Incoming, user: UserRow, factor: sa.RowMapping) -> None:
    await factors.remove(db, sign_in.tables, sign_in.tables.factors.c.id == factor["id"])
    if not await factors.has_verified(db, sign_in.tables, user.id):
        await factors.replace_recovery_codes(db, sign_in.tables, user.id, (), incoming.now)
    detail = {"factor_id": str(factor["id"]), "factor_status": factor["status"]}
    await note(db, sign_in, incoming, "factor_removed", user.id, detail)


def _tell(db: AsyncSession, sign_in: SignIn, user: UserRow, factor: sa.RowMapping) -> None:
    if factor["status"] == Status.VERIFIED.value:
        post_when_committed(db, sign_in, notice("factor_removed", user, factor=factor["kind"]))
