"""What requests about keys may say."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Annotated, Any, Final

import msgspec

from backstay.auth.protocol.incoming import Body, Incoming
from backstay.auth.sign_in import SignIn
from backstay.errors import RequestError, ValidationFailed
from backstay.schema.kind import kind_of

MOST_KEYS: Final = 100
"""Most keys of one user, or of one tenant."""
MOST_SHOWN: Final = 1000
"""Most keys on one page."""
MOST_OVERLAP: Final = timedelta(days=7)
"""Longest time for which a secret is good beside the one that took its place."""

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
Seconds = Annotated[int, msgspec.Meta(ge=0, le=10**9)]


class Making(Body):
    """The body of ``POST /user/keys``; seconds count from now."""

    name: Name
    scopes: list[str]
    expires_in: Seconds | None = None


class AdminMaking(Making):
    """The body of ``POST /admin/keys``: whose key it shall be, too."""

    user_id: str | None = None
    tenant: Any = None


class Changing(Body):
    """The body of ``PATCH``: what is left out stays."""

    name: Name | None = None
    scopes: list[str] | None = None
    expires_in: Seconds | None = None


class Rotating(Body):
    """The body of ``POST .../rotate``."""

    overlap: Seconds = 24 * 60 * 60
    expires_in: Seconds | None = None


def read_scopes(sign_in: SignIn, scopes: list[str]) -> list[str]:
    """The scopes that a key shall have, each once.

    Raises:
        ValidationFailed: there are none, or one is not declared.
    """
    known = sign_in.schema.scopes
    if not scopes:
        raise ValidationFailed("A key needs a scope", hint=f"There are: {', '.join(known)}.")
    for scope in scopes:
        if scope not in known:
            raise ValidationFailed(f"There is no scope {scope[:64]!r}", hint=f"There are: {', '.join(known)}.")
    return sorted(set(scopes))


def read_end(sign_in: SignIn, seconds: int | None, now: datetime) -> datetime:
    """When a key shall end: as late as it may where nothing is said.

    Raises:
        ValidationFailed: at once, or too late.
    """
    longest = sign_in.settings.api_key_life
    life = longest if seconds is None else timedelta(seconds=seconds)
    if not timedelta(0) < life <= longest:
        raise ValidationFailed(f"expires_in is from 1 to {int(longest.total_seconds())} seconds")
    return now + life


def read_overlap(seconds: int, now: datetime) -> datetime:
    """Until when an old secret is good.

    Raises:
        ValidationFailed: for too long.
    """
    overlap = timedelta(seconds=seconds)
    if overlap > MOST_OVERLAP:
        raise ValidationFailed(f"overlap is from 0 to {int(MOST_OVERLAP.total_seconds())} seconds")
    return now + overlap


def read_page(incoming: Incoming) -> tuple[int, int]:
    """How many keys to pass over, and how many to show.

    Raises:
        ValidationFailed: ``page`` or ``per_page`` is no number that can be.
    """
    asked = [incoming.query.get("page", "1"), incoming.query.get("per_page", str(MOST_KEYS))]
    if not all(each.isascii() and each.isdecimal() and len(each) < 7 and int(each) for each in asked):
        raise ValidationFailed("page and per_page are whole numbers from 1")
    page, size = int(asked[0]), min(int(asked[1]), MOST_SHOWN)
    return (page - 1) * size, size


def read_tenant(sign_in: SignIn, tenant: Any) -> str:
    """A tenant as a key keeps it: the JSON of its claim.

    Raises:
        ValidationFailed: the application has no tenants, or this cannot be one.
    """
    current = sign_in.schema.tenant
    if current is None:
        raise ValidationFailed("There are no tenants here", hint="Give user_id.")
    try:
        kind_of(current.type).take(tenant)
    except RequestError:
        raise ValidationFailed("This is no tenant") from None
    return json.dumps(tenant)
