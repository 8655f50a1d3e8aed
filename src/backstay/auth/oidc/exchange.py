"""exchange: the code of an answer -> the provider's tokens (RFC 6749 4.1.3, RFC 7636 4.5)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote_plus

from backstay.auth.oidc.refused import Refused
from backstay.auth.oidc.remote import Metadata, Remote

_ERROR: Final = re.compile(r"[A-Za-z0-9_.-]{1,60}")
_LONGEST: Final = 16 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """What a provider gives for a code; each is empty where it gives none."""

    access_token: str = field(repr=False)
    refresh_token: str = field(default="", repr=False)
    id_token: str = field(default="", repr=False)


async def exchange(remote: Remote, code: str, *, verifier: str, redirect_uri: str, now: datetime) -> Tokens:
    """The provider's tokens for a code.

    Raises:
        Refused: it does not give them.
        Unreachable: it does not answer.
    """
    from authlib.oauth2.auth import ClientAuth
    from authlib.oauth2.rfc6749.parameters import prepare_token_request

    metadata = await remote.metadata(now)
    asked = {"code": code}
    if remote.facts.pkce:
        asked["code_verifier"] = verifier
    form = prepare_token_request("authorization_code", redirect_uri=redirect_uri, **asked)
    method, client_id, secret = _authentication(remote, metadata, now)
    url, headers, body = ClientAuth(client_id, secret, method).prepare("POST", metadata.token_endpoint, {}, form)
    heard = await remote.web.post(url, body, headers)
    if not isinstance(heard.document, dict):
        raise Refused("the provider's token endpoint did not answer an object")
    return _read(heard.status, heard.document)


def _authentication(remote: Remote, metadata: Metadata, now: datetime) -> tuple[str, str, str]:
    """How the application shows who it is: method, id and secret."""
    facts = remote.facts
    if facts.signature is not None:
        from backstay.auth.oidc.signed import sign_client_secret

        return "client_secret_post", facts.client_id, sign_client_secret(facts, facts.signature, now)
    if not facts.secret:
        return "none", facts.client_id, ""
    if metadata.token_authentication == "client_secret_basic":
        # RFC 6749 2.3.1: both are encoded as in a form before they are joined.
        return "client_secret_basic", quote_plus(facts.client_id), quote_plus(facts.secret)
    return "client_secret_post", facts.client_id, facts.secret


def _read(status: int, document: Mapping[str, Any]) -> Tokens:
    error = document.get("error")
    if status != 200 or error is not None:
        shown = error if isinstance(error, str) and _ERROR.fullmatch(error) else f"status {status}"
        raise Refused(f"the provider does not take the code: {shown}")
    tokens = {name: document.get(name) or "" for name in ("access_token", "refresh_token", "id_token")}
    if any(not isinstance(token, str) or len(token) > _LONGEST for token in tokens.values()):
        raise Refused("the provider's tokens are not text")
    kind = document.get("token_type", "bearer")
    if not tokens["access_token"] or not isinstance(kind, str) or kind.lower() != "bearer":
        raise Refused("the provider gave no bearer token")
    return Tokens(**tokens)
