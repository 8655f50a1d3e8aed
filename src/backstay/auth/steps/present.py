"""The user who is there: whose token came with a request, as they are in the database now."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from backstay.auth.protocol.incoming import Incoming
from backstay.auth.sign_in import SignIn
from backstay.auth.store import factors, sessions
from backstay.auth.store.user_row import UserRow, find_by_id
from backstay.errors import (
    InsufficientAal,
    KeyNotAllowed,
    ReauthenticationNeeded,
    TokenSessionNotFound,
    TokenUserNotFound,
    UserBanned,
)

FRESH: Final = timedelta(hours=24)
"""For how long after signing in a user is taken to be the one who did."""


@dataclass(frozen=True, slots=True)
class Present:
    """A user and the session that their token is of."""

    user: UserRow
    session: sa.RowMapping

    @property
    def aal(self) -> int:
        """By how many factors they signed in."""
        return int(self.session["aal"])

    def signed_in_since(self, moment: datetime) -> bool:
        """Whether they signed in after a moment. A session by the proof of what they named themselves shows nothing."""
        return bool(self.session["signed_in"]) and self.session["created_at"] >= moment


async def find_present(db: AsyncSession, sign_in: SignIn, incoming: Incoming) -> Present:
    """The user whose token came with a request. A token without a session, as of other issuers, is not enough here.

    Raises:
        NoAuthorization: no user's token came.
        KeyNotAllowed: what came is a program's, which acts for the user within its scopes alone.
        TokenUserNotFound, TokenSessionNotFound: they are gone.
        UserBanned: they may not be here.
    """
    # Not every route that leads here is for users alone: `POST /token` is open to all, and links identities.
    if incoming.caller.scopes is not None:
        raise KeyNotAllowed
    user = await find_by_id(db, sign_in.tables, incoming.user_id)
    if user is None or user.deleted_at is not None:
        raise TokenUserNotFound
    session_id = incoming.session_id
    session = None if session_id is None else await sessions.find(db, sign_in.tables, session_id, user.id)
    if session is None:
        raise TokenSessionNotFound
    if user.is_banned(incoming.now):
        raise UserBanned().of(user.id)
    return Present(user, session)


def is_sure(incoming: Incoming, present: Present) -> bool:
    """Whether a second factor was shown: in the session, and before this token was issued to it.

    A token from before is worth what it was then: somebody else may have taken it.
    """
    return present.aal >= 2 and incoming.caller.claims.get("aal") == "aal2"


async def check_aal(db: AsyncSession, sign_in: SignIn, incoming: Incoming, present: Present) -> None:
    """Keep whoever has only the first factor of two from changing what a user signs in by, or who may act for them.

    Raises:
        InsufficientAal: the user has a second factor, and did not show it.
    """
    if not is_sure(incoming, present) and await factors.has_verified(db, sign_in.tables, present.user.id):
        raise InsufficientAal


def is_fresh(incoming: Incoming, present: Present) -> bool:
    """Whether a user signed in lately enough to be taken for who they are."""
    return present.signed_in_since(incoming.now - FRESH)


def check_fresh(incoming: Incoming, present: Present) -> None:
    """Keep an old session, which somebody else may have come by, from opening a way in that outlives it (ASVS 7.5.1).

    Raises:
        ReauthenticationNeeded: the user signed in too long ago.
    """
    if not is_fresh(incoming, present):
        raise ReauthenticationNeeded("Signing in again is required for a new way to sign in")
