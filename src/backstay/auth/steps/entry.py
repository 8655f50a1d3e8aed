"""Entering: a user who has proven to be one gets a session, and tokens that speak for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from backstay.auth.audit import note
from backstay.auth.limits.admit import know
from backstay.auth.protocol.answer import user_document
from backstay.auth.protocol.incoming import Incoming
from backstay.auth.revoked import Revoked
from backstay.auth.sign_in import SignIn
from backstay.auth.steps.claims import claims_of
from backstay.auth.store import codes, sessions
from backstay.auth.store.user_row import UserRow, change, factors_of, find_by_id, hold, identities_of
from backstay.errors import InvalidCredentials, UserBanned, UserNotFound

_LONGEST: Final = 300


async def enter(
    db: AsyncSession,
    sign_in: SignIn,
    incoming: Incoming,
    user: UserRow,
    method: str,
    *,
    provider: str | None = None,
    aal: int = 1,
    by_change: bool = False,
    **more: Any,
) -> dict[str, Any]:
    """Begin a session of a user.

    Arguments:
        db: the session of the database in which the proof was taken.
        sign_in, incoming: where, and by which request.
        user: whose.
        method: what they proved themselves by, as ``amr`` tells it: ``password``, ``otp``, ``magiclink``, ``oauth`` ...
        provider: whose word was taken.
        aal: how many factors that proves.
        by_change: whether they proved a new address or identity. That does not show who they are: it was they who
            named it, in the session that they had.
        more: further columns of the session.

    Returns:
        The document of a session (WIRE B.4).

    Raises:
        UserBanned: they may not.
        InvalidCredentials: they were deleted meanwhile.
    """
    # From here on nobody else changes them, so whoever bans them is either known now, or finds this session to end.
    await change(db, sign_in.tables, user.id, incoming.now, last_sign_in_at=incoming.now)
    held = await find_by_id(db, sign_in.tables, user.id)
    if held is None or held.deleted_at is not None:
        raise InvalidCredentials
    if held.is_banned(incoming.now):
        raise UserBanned().of(user.id)
    await sign_in.revocations.refresh()
    if sign_in.settings.single_session:
        await _leave_older(db, sign_in, incoming, user.id)
    proof = {"method": method, "timestamp": int(incoming.now.timestamp())}
    row = await sessions.begin(
        db,
        sign_in.tables,
        user.id,
        incoming.now,
        aal=aal,
        amr=[{**proof, "provider": provider} if provider else proof],
        signed_in=not by_change,
        address=incoming.address or None,
        user_agent=incoming.user_agent[:_LONGEST] or None,
        **more,
    )
    await know(db, sign_in, incoming, held)
    await note(db, sign_in, incoming, "signed_in", user.id, {"method": method, "session_id": str(row["id"])})
    return await tell_session(db, sign_in, incoming, row)


async def _leave_older(db: AsyncSession, sign_in: SignIn, incoming: Incoming, user_id: Any) -> None:
    kept = sign_in.tables.sessions.c
    own = sa.and_(kept.user_id == user_id, kept.client_id.is_(None))
    count = await leave(db, sign_in, incoming, own, by="newer")
    if count:
        await note(db, sign_in, incoming, "signed_out", user_id, {"scope": "newer", "sessions": count})


async def leave(
    db: AsyncSession, sign_in: SignIn, incoming: Incoming, which: sa.ColumnElement[bool], *, by: str
) -> int:
    """End sessions, and the access tokens that speak for them; how many.

    Arguments:
        db, sign_in, incoming: as for :func:`enter`.
        which: a condition on the table of sessions.
        by: what ended them.
    """
    ended = await sessions.end(db, sign_in.tables, which, incoming.now, by=by)
    until = incoming.now + sign_in.settings.access_token_life
    for session_id in ended:
        await sign_in.revocations.note(db, Revoked.SESSION, str(session_id), now=incoming.now, until=until)
    return len(ended)


async def forget_linking(db: AsyncSession, sign_in: SignIn, user_id: Any) -> None:
    """Make worthless what one of a user's sessions began at a provider, to link an identity to them."""
    await _forget_flows(db, sign_in, sign_in.tables.flows.c.linked_user_id == user_id)


async def forget_begun(db: AsyncSession, sign_in: SignIn, user_id: Any) -> None:
    """Make worthless all that was begun for a user, and would still let somebody in.

    These are codes and links that were sent, addresses that wait for their proof, and logins that are on their way.
    """
    tables = sign_in.tables
    credentials, flows = tables.credentials, tables.flows.c
    none = {"new_email": None, "new_email_confirmations": 0, "new_phone": None}
    await db.execute(sa.update(credentials).where(credentials.c.user_id == user_id).values(none))
    await codes.forget(db, tables, user_id, tuple(codes.Purpose))
    await _forget_flows(db, sign_in, sa.or_(flows.user_id == user_id, flows.linked_user_id == user_id))


async def _forget_flows(db: AsyncSession, sign_in: SignIn, which: sa.ColumnElement[bool]) -> None:
    flows = sign_in.tables.flows
    # Whoever redeems one at this moment holds it, and waits for its user: not for each other.
    free = sa.select(flows.c.id).where(which).with_for_update(skip_locked=True)
    await db.execute(sa.delete(flows).where(flows.c.id.in_(free)))


async def turn_out(db: AsyncSession, sign_in: SignIn, incoming: Incoming, user_id: Any, *, by: str) -> None:
    """End all sessions of a user, and make worthless every token that was issued to them until now."""
    # Whoever is signing in as this user waits until this is done, or has a session that is found here.
    await hold(db, sign_in.tables, user_id)
    await leave(db, sign_in, incoming, sign_in.tables.sessions.c.user_id == user_id, by=by)
    await forget_linking(db, sign_in, user_id)
    until = incoming.now + sign_in.settings.access_token_life
    await sign_in.revocations.note(db, Revoked.USER, str(user_id), now=incoming.now, until=until)


async def tell_session(
    db: AsyncSession, sign_in: SignIn, incoming: Incoming, session: sa.RowMapping | Mapping[str, Any]
) -> dict[str, Any]:
    """The document of a session as it is now, with a new access token and the refresh token that is due."""
    user, identities, factors = await find_whole(db, sign_in, session["user_id"])
    issued = int(sign_in.revocations.issue_at(str(user.id), incoming.now.timestamp()))
    expires = issued + int(sign_in.settings.access_token_life.total_seconds())
    claims = {
        **await claims_of(db, sign_in.auth, sign_in.tables, user, identities),
        "iss": sign_in.url,
        "aud": sign_in.settings.jwt_audience or "authenticated",
        "exp": expires,
        "iat": issued,
        "aal": f"aal{session['aal']}",
        "amr": list(session["amr"]),
        "session_id": str(session["id"]),
    }
    claims |= {name: session[name] for name in ("client_id", "scope") if session[name]}
    refresh = sessions.write_refresh_token(sign_in.refresh_key, session["id"], session["generation"])
    return {
        "access_token": sign_in.signer.sign(claims, now=incoming.now.timestamp()),
        "token_type": "bearer",
        "expires_in": expires - issued,
        "expires_at": expires,
        "refresh_token": refresh,
        "user": user_document(user, identities, factors),
    }


async def find_whole(
    db: AsyncSession, sign_in: SignIn, user_id: Any
) -> tuple[UserRow, Sequence[sa.RowMapping], Sequence[sa.RowMapping]]:
    """A user with their identities and second factors.

    Raises:
        UserNotFound: there is no such user.
    """
    user = await find_by_id(db, sign_in.tables, user_id)
    if user is None or user.deleted_at is not None:
        raise UserNotFound
    return (
        user,
        await identities_of(db, sign_in.tables, user.id),
        await factors_of(db, sign_in.tables, user.id),
    )


async def tell_user(db: AsyncSession, sign_in: SignIn, user_id: Any) -> dict[str, Any]:
    """The document of a user as they are now."""
    user, identities, factors = await find_whole(db, sign_in, user_id)
    return user_document(user, identities, factors)
