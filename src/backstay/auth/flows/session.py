"""The sessions of a user: which there are, and ending them (beyond GoTrue's protocol)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from backstay.auth.audit import note
from backstay.auth.flows.token import bounds_of
from backstay.auth.flows.user import check_own, end_others
from backstay.auth.protocol.answer import Answer, moment
from backstay.auth.protocol.incoming import Body, Incoming
from backstay.auth.sign_in import SignIn
from backstay.auth.steps.entry import forget_linking, leave
from backstay.auth.steps.present import Present, find_present, is_fresh
from backstay.auth.store import sessions
from backstay.errors import NotThere, ReauthenticationNeeded

RECENT: Final = timedelta(minutes=15)
"""For how long after signing in a user may end other sessions without showing who they are again."""


class Ending(Body):
    """The body of ``DELETE /sessions`` and ``DELETE /sessions/{id}``."""

    current_password: str | None = None


async def list_sessions(sign_in: SignIn, incoming: Incoming) -> Answer:
    """``GET /sessions``: the user's sessions, the one that asks marked as ``current``.

    Those that are ``fresh`` may add ways to sign in.
    """
    async with sign_in.session() as db:
        present = await find_present(db, sign_in, incoming)
        found = await sessions.list_alive(db, sign_in.tables, present.user.id, incoming.now, bounds_of(sign_in))
    return Answer([_document(each, present, incoming) for each in found])


def _document(session: sa.RowMapping, present: Present, incoming: Incoming) -> dict[str, Any]:
    return {
        "id": str(session["id"]),
        "current": session["id"] == present.session["id"],
        "created_at": moment(session["created_at"]),
        "refreshed_at": moment(session["refreshed_at"]),
        "address": session["address"],
        "user_agent": session["user_agent"],
        "aal": f"aal{session['aal']}",
        "client_id": session["client_id"],
        "fresh": is_fresh(incoming, Present(present.user, session)),
    }


async def end_session(sign_in: SignIn, incoming: Incoming) -> Answer:
    """``DELETE /sessions/{id}``: end one.

    Raises:
        NotThere: the user has no such session.
        ReauthenticationNeeded, CurrentPasswordInvalid: as for :func:`end_other_sessions`.
    """
    present = await _find_sure(sign_in, incoming)
    try:
        session_id = UUID(incoming.names["session_id"])
    except ValueError:
        raise NotThere from None
    kept = sign_in.tables.sessions.c

    async def work(db: AsyncSession) -> None:
        which = sa.and_(kept.user_id == present.user.id, kept.id == session_id)
        if not await leave(db, sign_in, incoming, which, by="signed out"):
            raise NotThere
        await forget_linking(db, sign_in, present.user.id)
        await _note(db, sign_in, incoming, present, 1)

    await sign_in.settle(work)
    await sign_in.revocations.refresh()
    return Answer(None, 204)


async def end_other_sessions(sign_in: SignIn, incoming: Incoming) -> Answer:
    """``DELETE /sessions``: end all but the one that asks.

    Raises:
        ReauthenticationNeeded: the user signed in too long ago, and does not show their password.
        CurrentPasswordInvalid: the password is not theirs.
    """
    present = await _find_sure(sign_in, incoming)

    async def work(db: AsyncSession) -> None:
        count = await end_others(db, sign_in, incoming, present, by="signed out")
        await _note(db, sign_in, incoming, present, count)

    await sign_in.settle(work)
    await sign_in.revocations.refresh()
    return Answer(None, 204)


async def _note(db: AsyncSession, sign_in: SignIn, incoming: Incoming, present: Present, count: int) -> None:
    await note(db, sign_in, incoming, "signed_out", present.user.id, {"scope": "chosen", "sessions": count})


async def _find_sure(sign_in: SignIn, incoming: Incoming) -> Present:
    """The user who is there, and has shown just now that it is still them (ASVS 7.5.2)."""
    asked = incoming.read(Ending)
    async with sign_in.session() as db:
        present = await find_present(db, sign_in, incoming)
    if asked.current_password is not None:
        await check_own(sign_in, incoming, present.user, asked.current_password)
    elif not present.signed_in_since(incoming.now - RECENT):
        raise ReauthenticationNeeded
    return present
