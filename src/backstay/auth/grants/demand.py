"""What a client asks of the user's sign-in (OpenID Connect Core 3.1.2.1).

It is kept with the client's request, so that no browser can leave it out afterwards.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from backstay.auth.grants.client import Client
from backstay.auth.keys import Keys
from backstay.auth.sign_in import SignIn
from backstay.auth.store.user_row import find_by_id
from backstay.auth.token import verify
from backstay.errors import ClientRequestInvalid, FreshSignInNeeded, LoginRequired, Unauthenticated

NONE: Final = "none"
LOGIN: Final = "login"
CONSENT: Final = "consent"
SELECT_ACCOUNT: Final = "select_account"
PROMPTS: Final = (NONE, LOGIN, CONSENT, SELECT_ACCOUNT)
"""What ``prompt`` may ask for; other values are passed over, as new ones will come (OpenID Connect Core 3.1.2.1)."""
_NUMBER: Final = re.compile(r"[0-9]+")
_LONGEST_HINT: Final = 320
_LONGEST: Final = timedelta(days=365 * 50)


def read_demand(asked: Mapping[str, str]) -> dict[str, Any]:
    """What a client's request asks of the sign-in, as columns of what is kept of it.

    Raises:
        ClientRequestInvalid: it cannot be.
    """
    said = asked.get("prompt", "").split()
    if NONE in said and set(said) != {NONE}:
        raise ClientRequestInvalid("prompt=none goes with no other value")
    prompts, hint = [each for each in PROMPTS if each in said], asked.get("login_hint", "")
    return {
        "prompt": " ".join(prompts) or None,
        "max_age": _read_age(asked.get("max_age")),
        # What is no name of anybody's is passed over: it is a hint.
        "login_hint": hint if 0 < len(hint) <= _LONGEST_HINT and hint.isprintable() else None,
        "always_ask": CONSENT in prompts or SELECT_ACCOUNT in prompts,
    }


def _read_age(text: str | None) -> int | None:
    if text is None:
        return None
    if not _NUMBER.fullmatch(text):
        raise ClientRequestInvalid("max_age is a number of seconds")
    return min(int(text), int(_LONGEST.total_seconds()))


async def find_hinted(sign_in: SignIn, client: Client, token: str | None) -> Any:
    """The id of the user of whom an ID token speaks that a client was given (``id_token_hint``); None: no token.

    It may be expired, as the login that it came with may be long ago.

    Raises:
        ClientRequestInvalid: it is no ID token of this client's.
        LoginRequired: there is no such user any more.
    """
    if token is None:
        return None
    keys = Keys(trusted=sign_in.signer.trusted(), audience=client.id, issuer=sign_in.url)
    try:
        claims = verify(token, keys, None)
    except Unauthenticated:
        raise ClientRequestInvalid("id_token_hint is no ID token that this client was given") from None
    async with sign_in.session(readonly=True) as db:
        user = await find_by_id(db, sign_in.tables, str(claims["sub"]))
    if user is None or user.deleted_at is not None:
        raise LoginRequired
    return user.id


def prompts_of(asked: sa.RowMapping) -> list[str]:
    """What a kept request has the user asked for."""
    return str(asked["prompt"] or "").split()


def is_silent(asked: Mapping[str, Any] | sa.RowMapping) -> bool:
    """Whether nobody may be asked, nor shown a page."""
    return bool(asked["prompt"] == NONE)


def check_session(asked: sa.RowMapping, session: sa.RowMapping, now: datetime) -> None:
    """Have only a session decide that is as the client asks for.

    Raises:
        FreshSignInNeeded: it is somebody else's, or began too long ago.
    """
    if is_of_another(asked, session["user_id"]):
        raise FreshSignInNeeded("The program asks for another user: sign in as them, then decide.")
    if not suits(asked, session, now):
        raise FreshSignInNeeded


def is_of_another(asked: sa.RowMapping, user_id: Any) -> bool:
    """Whether a client asks for somebody, and it is not this user."""
    hinted = asked["hinted_user_id"]
    return hinted is not None and str(hinted) != str(user_id)


def suits(asked: sa.RowMapping, session: sa.RowMapping, now: datetime) -> bool:
    """Whether a session is whose, and began as lately as, a client asks for.

    Whoever has signed in since it asked need not do so again, however short ``max_age`` is: reading takes time, too.
    """
    if is_of_another(asked, session["user_id"]):
        return False
    again, most = LOGIN in prompts_of(asked), asked["max_age"]
    if not again and most is None:
        return True
    began: datetime = session["created_at"]
    if not session["signed_in"]:
        return False
    return began >= asked["created_at"] or (not again and began + timedelta(seconds=most) >= now)


def longest_ago(asked: sa.RowMapping) -> int | None:
    """How many seconds ago somebody may have signed in who does so only now, at a provider; None: any number."""
    most: int | None = asked["max_age"]
    return 0 if LOGIN in prompts_of(asked) else most


async def find_waiting(db: AsyncSession, sign_in: SignIn, id: str, now: datetime) -> sa.RowMapping | None:
    """What a client asked for under an id, while nobody has decided it."""
    asked = sign_in.tables.oauth_authorizations
    try:
        key = UUID(id)
    except ValueError:
        return None
    waits = [asked.c.decided_at.is_(None), asked.c.used_at.is_(None), asked.c.expires_at > now]
    return (await db.execute(sa.select(asked).where(asked.c.id == key, *waits))).mappings().first()
