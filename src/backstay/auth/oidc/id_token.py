"""What an ID token says, once everything it must say has been checked (OpenID Connect Core 3.1.3.7)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from backstay.auth.oidc.refused import Refused
from backstay.auth.oidc.remote import TENANT_ID, Metadata, Remote
from backstay.schema.providers.provider import TENANT, Facts

SKEW: Final = timedelta(seconds=60)
"""By how much the provider's clock may differ."""

MOST_SUBJECT: Final = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What an ID token must agree with.

    Arguments:
        clients: the client ids it may be for.
        nonce: what it must repeat; None: it must hold none.
        asked_nonce: whether the provider repeats nonces at all.
        access_token: the token that came with it, which its ``at_hash`` must fit; empty: none came.
    """

    clients: frozenset[str]
    nonce: str | None
    asked_nonce: bool = True
    access_token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Believed:
    """An ID token's claims, all checked; ``issuer`` as identities are kept by."""

    issuer: str
    subject: str
    claims: Mapping[str, Any]


async def read_id_token(remote: Remote, token: str, expected: Expected, now: datetime) -> Believed:
    """The claims of an ID token of a provider.

    Raises:
        Refused: it is not the provider's, not for this application, not of this login, or not of this time.
        Unreachable: the provider's keys cannot be read.
    """
    from backstay.auth.oidc.signed import open_token, read_header

    metadata = await remote.metadata(now)
    algorithm, kid = read_header(token, metadata.algorithms)
    opened = open_token(token, algorithm, kid, await remote.keys(kid, now))
    issuer = _check_issuer(opened.claims, metadata, remote.facts)
    if opened.key.issuer is not None and opened.key.issuer not in (issuer, metadata.issuer):
        raise Refused("the ID token is signed by a key of another issuer")
    _check_audience(opened.claims, expected.clients)
    _check_times(opened.claims, now)
    _check_nonce(opened.claims, expected)
    _check_access_token(opened.claims, expected.access_token, algorithm)
    return Believed(issuer=issuer, subject=read_subject(opened.claims), claims=opened.claims)


def read_subject(claims: Mapping[str, Any]) -> str:
    """Who the claims are about.

    Raises:
        Refused: nobody.
    """
    subject = claims.get("sub")
    if not isinstance(subject, str) or not subject.isprintable() or not 0 < len(subject) <= MOST_SUBJECT:
        raise Refused("the provider does not say who this is")
    return subject


def _check_issuer(claims: Mapping[str, Any], metadata: Metadata, facts: Facts) -> str:
    named, expected = claims.get("iss"), metadata.issuer
    if TENANT in expected:
        tenant = claims.get("tid")
        if not isinstance(tenant, str) or not TENANT_ID.fullmatch(tenant):
            raise Refused("the ID token names no tenant")
        expected = expected.replace(TENANT, tenant)
    elif named in facts.issuers:
        named = expected
    if named != expected:
        raise Refused("the ID token is another issuer's")
    # An identity's issuer never changes, whichever of its names the provider prefers today.
    return facts.issuer if expected in facts.issuers else expected


def _check_audience(claims: Mapping[str, Any], clients: frozenset[str]) -> None:
    given, party = claims.get("aud"), claims.get("azp")
    audiences = [given] if isinstance(given, str) else given
    if not isinstance(audiences, list) or not all(isinstance(one, str) for one in audiences):
        raise Refused("the ID token names no audience")
    if not clients.intersection(audiences):
        raise Refused("the ID token is for another application")
    if (party is not None or len(audiences) > 1) and (not isinstance(party, str) or party not in clients):
        raise Refused("the ID token was issued to another application")


def _check_times(claims: Mapping[str, Any], now: datetime) -> None:
    time, skew = now.timestamp(), SKEW.total_seconds()
    for name in ("exp", "iat"):
        if not _is_number(claims.get(name)):
            raise Refused(f"the ID token has no {name}")
    if claims["exp"] + skew < time:
        raise Refused("the ID token has expired")
    if claims["iat"] - skew > time:
        raise Refused("the ID token is from the future")
    before = claims.get("nbf", 0)
    if not _is_number(before) or before - skew > time:
        raise Refused("the ID token is not valid yet")


def _check_nonce(claims: Mapping[str, Any], expected: Expected) -> None:
    given = claims.get("nonce")
    if not expected.asked_nonce and given is None:
        return
    if expected.nonce is None and given is None:
        return
    if not isinstance(given, str) or expected.nonce is None:
        raise Refused("the ID token has no nonce, or one that was not given")
    if not _is_same(given, expected.nonce):
        raise Refused("the ID token is of another login")


def _check_access_token(claims: Mapping[str, Any], access_token: str, algorithm: str) -> None:
    """The token must fit ``at_hash`` (OpenID Connect Core 3.1.3.8), where both are there."""
    given = claims.get("at_hash")
    if given is None or not access_token:
        return
    # Ed25519 hashes by SHA-512 itself.
    size = algorithm[-3:] if algorithm[-3:] in ("256", "384", "512") else "512"
    made = hashlib.new(f"sha{size}", access_token.encode()).digest()
    half = base64.urlsafe_b64encode(made[: len(made) // 2]).rstrip(b"=").decode()
    if not isinstance(given, str) or not _is_same(given, half):
        raise Refused("the ID token came with another access token")


def _is_same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), expected.encode("utf-8", "surrogatepass"))


def _is_number(value: Any) -> bool:
    # Neither infinite nor so large that it cannot be added to.
    return isinstance(value, int | float) and not isinstance(value, bool) and -1e15 < value < 1e15
