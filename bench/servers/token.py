"""What FastAPI, Django and Litestar need to know of a bearer token: whose it is."""

from __future__ import annotations

from uuid import UUID

import jwt

from bench.places import SECRET


def subject(header: str | None) -> UUID | None:
    """The user that an ``Authorization`` header speaks of; None where it is no token of ours."""
    scheme, _, token = (header or "").partition(" ")
    if scheme.lower() != "bearer":
        return None
    try:
        return UUID(jwt.decode(token, SECRET, algorithms=["HS256"])["sub"])
    except (jwt.InvalidTokenError, KeyError, ValueError):
        return None
