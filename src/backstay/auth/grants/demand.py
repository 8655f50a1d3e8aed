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

from backstay.auth.sign_in import SignIn
from backstay.errors import ClientRequestInvalid, FreshSignInNeeded

NONE: Final = "none"
LOGIN: Final = "login"
CONSENT: Final = "consent"
SELECT_ACCOUNT: Final = "select_account"
PROMPTS: Final = (NONE, LOGIN, CONSENT, SELECT_ACCOUNT)
"""What ``prompt`` may ask for; other values are passed over, as new ones will come (OpenID Connect Core 3.1.2.1)."""
_NUMBER: Final = re.compile(r"[0-9]+")
_LONGEST: Final = timedelta(days=365 * 50)


def read_demand(asked: Mapping[str, str]) -> dict[str, Any]:
    """What a client's request asks of the sign-in, as columns of what is kept of it.

    Raises:
        ClientRequestInvalid: it cannot be.
    """
    said = asked.get("prompt", "").split()
    if NONE in said and set(said) != {NONE}:
        raise ClientRequestInvalid("prompt=none goes with no other value")
    prompts = [each for each in PROMPTS if each in said]
    return {
        "prompt": " ".join(prompts) or None,
        "max_age": _read_age(asked.get("max_age")),
        "always_ask": CONSENT in prompts or SELECT_ACCOUNT in prompts,
    }


def _read_age(text: str | None) -> int | None:
    if text is None:
        return None
    if not _NUMBER.fullmatch(text):
        raise ClientRequestInvalid("max_age is a number of seconds")
    longest = int(_LONGEST.total_seconds())
    return int(text) if len(text) <= len(str(longest)) and int(text) <= longest else longest


def prompts_of(asked: sa.RowMapping) -> list[str]:
    """What a kept request has the user asked for."""
    return str(asked["prompt"] or "").split()


def is_silent(asked: Mapping[str, Any] | sa.RowMapping) -> bool:
    """Whether nobody may be asked, nor shown a page."""
    return bool(asked["prompt"] == NONE)


def check_fresh(asked: sa.RowMapping, session: sa.RowMapping, now: datetime) -> None:
    """Have only somebody decide who has signed in as lately as the client asks for.

    Raises:
        FreshSignInNeeded: they did so too long ago.
    """
    if not is_fresh(asked, session, now):
        raise FreshSignInNeeded


def is_fresh(asked: sa.RowMapping, session: sa.RowMapping, now: datetime) -> bool:
    """Whether a session began as lately as a client asks for.

    Whoever has signed in since it asked need not do so again, however short ``max_age`` is: reading takes time, too.
    """
    began: datetime = session["created_at"]
    if began >= asked["created_at"]:
        return True
    if LOGIN in prompts_of(asked):
        return False
    return asked["max_age"] is None or began + timedelta(seconds=asked["max_age"]) >= now


async def find_waiting(db: AsyncSession, sign_in: SignIn, id: str, now: datetime) -> sa.RowMapping | None:
    """What a client asked for under an id, while nobody has decided it."""
    asked = sign_in.tables.oauth_authorizations
    try:
        key = UUID(id)
    except ValueError:
        return None
    waits = [asked.c.decided_at.is_(None), asked.c.used_at.is_(None), asked.c.expires_at > now]
    return (await db.execute(sa.select(asked).where(asked.c.id == key, *waits))).mappings().first()
