"""Renewing a session by its refresh token, as its browser's cookies have it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from backstay.auth.protocol.front import dispatch
from backstay.auth.sign_in import SignIn
from backstay.errors import RefreshSessionExpired, RefreshTokenNotFound, RefreshTokenUsed, UserBanned, ValidationFailed
from backstay.schema.caller import ANONYMOUS
from backstay.schema.exchange import Request

_OVER = (RefreshTokenNotFound, RefreshTokenUsed, RefreshSessionExpired, UserBanned, ValidationFailed)


async def renew(sign_in: SignIn, refresh: str) -> Mapping[str, Any] | None:
    """The document of a session with its next tokens; None where the session is over.

    Requests of one browser that are made at the same time get the same ones (the setting ``refresh_reuse``).
    """
    body = orjson.dumps({"refresh_token": refresh})
    request = Request("POST", "/token", "grant_type=refresh_token", {}, body)
    try:
        answer = await dispatch(sign_in, request, ANONYMOUS)
    except _OVER:
        return None
    found: Mapping[str, Any] = answer.document
    return found
