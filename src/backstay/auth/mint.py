"""New tokens, and their signature with the secret: for development, servers and tests."""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from backstay.schema.caller import Role


def mint(
    secret: str,
    *,
    user: str | UUID | None = None,
    role: Role = Role.AUTHENTICATED,
    lifetime: timedelta | None = timedelta(hours=1),
    audience: str = "",
    claims: Mapping[str, Any] | None = None,
    now: float | None = None,
) -> str:
    """A token that :func:`backstay.auth.identify.identify` accepts.

    Arguments:
        secret: the HS256 secret (``jwt_secret``).
        user: the user's id, which becomes ``sub``.
        role: the caller's role; ``anon`` and ``service_role`` make a key.
        lifetime: how long it is valid; None: for ever.
        audience: the audience it names; empty: none.
        claims: further claims; they win over the ones made here.
        now: the time it is issued, in seconds since 1970 (default: the clock's).
    """
    return sign_by_secret(
        secret, compose(user=user, role=role, lifetime=lifetime, audience=audience, claims=claims, now=now)
    )


def compose(
    *,
    user: str | UUID | None = None,
    role: Role = Role.AUTHENTICATED,
    lifetime: timedelta | None = timedelta(hours=1),
    audience: str = "",
    claims: Mapping[str, Any] | None = None,
    now: float | None = None,
) -> dict[str, Any]:
    """The claims of such a token; the arguments are those of :func:`mint`."""
    issued = int(time.time() if now is None else now)
    content: dict[str, Any] = {"role": role.value, "iat": issued}
    if user is not None:
        content["sub"] = str(user)
    if lifetime is not None:
        content["exp"] = issued + int(lifetime.total_seconds())
    if audience:
        content["aud"] = audience
    content.update(claims or {})
    return content


def sign_by_secret(secret: str, claims: Mapping[str, Any], *, kind: str = "JWT") -> str:
    """A token with these claims in compact form (RFC 7515), by HS256; ``kind`` is its header ``typ``."""
    signed = b".".join(_encode(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": kind}, claims))
    return b".".join((signed, _encode(hmac.digest(secret.encode(), signed, "sha256")))).decode()


def _encode(part: bytes) -> bytes:
    return base64.urlsafe_b64encode(part).rstrip(b"=")
