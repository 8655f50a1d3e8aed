"""finish: a provider's answer to a login -> who it says someone is; and the same from an ID token alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from urllib.parse import parse_qsl

from backstay.auth.oidc.account import read_account
from backstay.auth.oidc.exchange import Tokens, exchange
from backstay.auth.oidc.flow import Purpose, Seal
from backstay.auth.oidc.id_token import Believed, Expected, read_id_token, read_subject
from backstay.auth.oidc.profile import Profile, from_claims
from backstay.auth.oidc.refused import Declined, Refused
from backstay.auth.oidc.remote import Metadata, Remote, is_issuer
from backstay.auth.secret import digest
from backstay.schema.providers.provider import Account

_READ: Final = ("code", "state", "iss", "error", "error_description", "user")
_LONGEST: Final = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    """The answer that a browser brings from a provider; each part is None where it is not there."""

    state: str
    code: str | None = field(default=None, repr=False)
    iss: str | None = None
    error: str | None = None
    error_description: str | None = None
    user: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """Who logged in, and the provider's own tokens for them."""

    profile: Profile
    tokens: Tokens


def read_returned(text: str) -> Returned:
    """The answer in a query string, or in a form (``response_mode=form_post``).

    Raises:
        Refused: it has no state, or something twice.
    """
    try:
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=50)
    except ValueError:
        raise Refused("the answer cannot be read") from None
    found: dict[str, str] = {}
    for name, value in pairs:
        if name in _READ:
            if name in found or len(value) > _LONGEST:
                raise Refused(f"the answer has {name} twice, or too long")
            found[name] = value
    if not found.get("state"):
        raise Refused("the answer has no state")
    return Returned(**found)


async def finish(remote: Remote, seal: Seal, returned: Returned, *, redirect_uri: str, now: datetime) -> Arrival:
    """Who a provider's answer says someone is.

    The state must have been looked up, found to be this provider's, and used up by then.

    Arguments:
        remote: the provider that the state is bound to.
        seal: the server's secret.
        returned: the answer.
        redirect_uri: the one that the login began with.
        now: the time.

    Raises:
        Declined: the provider says no.
        Refused: the answer is another provider's, or not to be believed.
        Unreachable: the provider does not answer.
    """
    metadata = await remote.metadata(now)
    _check_issuer(returned, metadata, remote)
    if returned.error is not None:
        raise Declined(returned.error[:100], (returned.error_description or "")[:500])
    if not returned.code:
        raise Refused("the answer has no code")
    tokens = await exchange(
        remote,
        returned.code,
        verifier=seal.make(Purpose.VERIFIER, returned.state),
        redirect_uri=redirect_uri,
        now=now,
    )
    if remote.facts.account is not Account.OPENID:
        return Arrival(profile=await read_account(remote, tokens.access_token), tokens=tokens)
    if not tokens.id_token:
        raise Refused("the provider gave no ID token")
    expected = Expected(
        clients=frozenset({remote.facts.client_id}),
        nonce=seal.make(Purpose.NONCE, returned.state),
        asked_nonce=remote.facts.nonce,
        access_token=tokens.access_token,
    )
    believed = await read_id_token(remote, tokens.id_token, expected, now)
    profile = await _read_profile(remote, believed, tokens.access_token, returned.user, now)
    return Arrival(profile=profile, tokens=tokens)


async def read_native(
    remote: Remote, id_token: str, *, nonce: str | None = None, access_token: str = "", now: datetime
) -> Profile:
    """Who an ID token says someone is that an app got from a provider by itself.

    Arguments:
        remote: the provider.
        id_token: the token.
        nonce: what the app made; the token holds its SHA-256 in hex, and holds one if and only if it is given here.
        access_token: the provider's access token, if it came with one.
        now: the time.

    Raises:
        Refused: it is not to be believed.
        Unreachable: the provider does not answer.
    """
    if remote.facts.account is not Account.OPENID:
        raise Refused("this provider has no ID tokens")
    hashed = digest(nonce) if nonce else None
    expected = Expected(clients=remote.facts.clients, nonce=hashed, access_token=access_token)
    believed = await read_id_token(remote, id_token, expected, now)
    return from_claims(remote.facts, believed.issuer, believed.subject, believed.claims, {})


def _check_issuer(returned: Returned, metadata: Metadata, remote: Remote) -> None:
    """RFC 9207 2.4: an answer that says whose it is must be this provider's, and one that must say so says it."""
    if returned.iss is None:
        if metadata.states_issuer:
            raise Refused("the answer does not say whose it is")
        return
    other_names = metadata.issuer == remote.facts.issuer and is_issuer(returned.iss, remote.facts)
    if returned.iss != metadata.issuer and not other_names:
        raise Refused("the answer is another provider's")


async def _read_profile(
    remote: Remote, believed: Believed, access_token: str, user: str | None, now: datetime
) -> Profile:
    info: Mapping[str, Any] = _read_user(user) if remote.facts.form_post and user else {}
    endpoint = (await remote.metadata(now)).userinfo_endpoint
    if endpoint and (remote.facts.userinfo or "email" not in believed.claims):
        heard = await remote.web.get(endpoint, {"authorization": f"Bearer {access_token}"})
        if heard.status != 200 or not isinstance(heard.document, dict):
            raise Refused("the provider's userinfo endpoint did not answer an object")
        info = heard.document
        if read_subject(info) != believed.subject:
            raise Refused("the provider's userinfo endpoint tells of somebody else")
    return from_claims(remote.facts, believed.issuer, believed.subject, believed.claims, info)


def _read_user(text: str) -> dict[str, str]:
    """The name in the form that Apple has the browser post at the first login. Nobody signs it: only names are read."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    name = document.get("name") if isinstance(document, dict) else None
    if not isinstance(name, dict):
        return {}
    parts = {"given_name": name.get("firstName"), "family_name": name.get("lastName")}
    return {kind: part for kind, part in parts.items() if isinstance(part, str) and 0 < len(part) <= 200}
