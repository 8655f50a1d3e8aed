"""A token's signature and claims: trusted, or refused in PostgREST's words.

Neither the key nor the algorithm is ever taken from the token: its header only chooses among the keys that the
settings name, each of which verifies by one algorithm. The messages are WIRE A.16's.
"""

from __future__ import annotations

import base64
import hmac
import json
import math
from collections.abc import Mapping
from typing import Any, Final

from backstay.auth.keys import Keys, TrustedKey
from backstay.errors import InvalidClaims, InvalidToken, SecretMissing

MOST_CHARACTERS: Final = 8192
SKEW: Final = 30
"""Seconds by which two clocks may differ."""

_ALGORITHMS: Final = frozenset({"HS256", "RS256", "ES256", "EdDSA", "Ed25519"})
_SAME: Final = {"Ed25519": "EdDSA"}
"""Two names of one algorithm (RFC 9864)."""
_TYPES: Final = frozenset({"jwt", "at+jwt", "application/at+jwt"})
_BROKEN: Final = "JWT cryptographic operation failed"
_UNPARSED: Final = "Parsing claims failed"


def verify(token: str, keys: Keys, now: float | None) -> dict[str, Any]:
    """The claims of a token that is signed by a trusted key and valid now.

    Arguments:
        token: a JWS in compact form, as it came.
        keys: the keys to trust, and the audience to ask for.
        now: the time, in seconds since 1970; None: it may be expired, as one that only says of whom it speaks.

    Raises:
        SecretMissing: there is no key to trust.
        InvalidToken: it is no token, or no trusted key signed it.
        InvalidClaims: it is expired, not yet valid, of another issuer, for another audience, or its claims make no
            sense.
    """
    if token and not keys.trusted:
        raise SecretMissing(hint="Set jwt_secret or jwks.")
    header = _read_header(token)
    algorithm = header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in _ALGORITHMS:
        raise InvalidToken("Wrong or unsupported encoding algorithm")
    _check_header(header)
    kid = header.get("kid")
    candidates = [key for key in keys.trusted if _fits(key, algorithm, kid)]
    signer = next((key for key in candidates if _is_signed_by(token, key, algorithm)), None)
    if signer is None:
        raise InvalidToken("No suitable key or wrong key type", detail="None of the keys was able to decode the JWT")
    claims = _read_claims(token.split(".")[1])
    if now is not None:
        _check_times(claims, now)
    _check_audience(claims, keys.audience)
    _check_issuer(claims, header, signer, keys)
    return claims


def _read_header(token: str) -> dict[str, Any]:
    if not token:
        raise InvalidToken("Empty JWT is sent in Authorization header")
    if len(token) > MOST_CHARACTERS:
        raise InvalidToken(_BROKEN, detail=f"The token is longer than {MOST_CHARACTERS} characters")
    parts = token.split(".")
    if len(parts) != 3:
        raise InvalidToken(f"Expected 3 parts in JWT; got {len(parts)}")
    try:
        _decode(parts[2])
        return _read_object(_decode(parts[0]))
    except (ValueError, RecursionError):
        raise InvalidToken(_BROKEN) from None


def _check_header(header: Mapping[str, Any]) -> None:
    """Refuse what changes a token's meaning in ways that are not understood here (RFC 7515 4.1.11, RFC 8725 3.11)."""
    kind = header.get("typ", "JWT")
    if "crit" in header or "b64" in header or "zip" in header or "enc" in header:
        raise InvalidToken(_BROKEN)
    if not isinstance(kind, str) or kind.lower() not in _TYPES:
        raise InvalidToken(_BROKEN)
    if not isinstance(header.get("kid", ""), str):
        raise InvalidToken(_BROKEN)


def _fits(key: TrustedKey, algorithm: str, kid: str | None) -> bool:
    return key.algorithm == _SAME.get(algorithm, algorithm) and (key.kid is None or kid is None or key.kid == kid)


def _is_signed_by(token: str, trusted: TrustedKey, algorithm: str) -> bool:
    if not token.isascii():
        return False
    if isinstance(trusted.key, bytes):
        signed, _, signature = token.rpartition(".")
        return hmac.compare_digest(_decode(signature), hmac.digest(trusted.key, signed.encode(), "sha256"))
    from backstay.auth.public import is_signed_by

    return is_signed_by(token, trusted.key, algorithm)


def _read_claims(segment: str) -> dict[str, Any]:
    try:
        claims = _read_object(_decode(segment))
        # Lone surrogates and NUL cannot be sent to a database, and no issuer means them.
        text = json.dumps(claims, ensure_ascii=False)
        text.encode("utf-8")
    except (ValueError, RecursionError):
        raise InvalidClaims(_UNPARSED) from None
    if "\\u0000" in text:
        raise InvalidClaims(_UNPARSED)
    return claims


def _check_times(claims: Mapping[str, Any], now: float) -> None:
    for name in ("exp", "nbf", "iat"):
        if name in claims and not _is_number(claims[name]):
            raise InvalidClaims(f"The JWT '{name}' claim must be a number")
    if "exp" in claims and claims["exp"] + SKEW < now:
        raise InvalidClaims("JWT expired")
    if "nbf" in claims and claims["nbf"] - SKEW > now:
        raise InvalidClaims("JWT not yet valid")
    if "iat" in claims and claims["iat"] - SKEW > now:
        raise InvalidClaims("JWT issued at future")


def _check_audience(claims: Mapping[str, Any], audience: str) -> None:
    given = claims.get("aud", [])
    several = isinstance(given, list) and all(isinstance(one, str) for one in given)
    if not several and not isinstance(given, str):
        raise InvalidClaims("The JWT 'aud' claim must be a string or an array of strings")
    if audience and audience not in ([given] if isinstance(given, str) else given):
        raise InvalidClaims("JWT not in audience")


def _check_issuer(claims: Mapping[str, Any], header: Mapping[str, Any], signer: TrustedKey, keys: Keys) -> None:
    """Take tokens of those issuers alone that are named, and of our own keys only what sign-in issues.

    The secret may be shared with servers that sign tokens by themselves, so what it signed is asked for no issuer
    unless the settings do.
    """
    issuer = claims.get("iss")
    if signer.own and keys.issuer:
        if issuer != keys.issuer:
            raise InvalidClaims("JWT not of this issuer")
        if "typ" not in header or "exp" not in claims or not claims.get("sub"):
            raise InvalidClaims("JWT not an access token")
        _check_audience(claims, keys.issued_audience)
    elif keys.other_issuer and (not isinstance(issuer, str) or issuer not in (keys.other_issuer, keys.issuer)):
        raise InvalidClaims("JWT not of this issuer")


def _is_number(value: Any) -> bool:
    if isinstance(value, bool):
        return False
    return isinstance(value, int) or (isinstance(value, float) and math.isfinite(value))


def _decode(segment: str) -> bytes:
    """The bytes of a base64url segment that is written as it must be: no padding, no stray bits (RFC 7515 2)."""
    raw = base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    if base64.urlsafe_b64encode(raw).rstrip(b"=") != segment.encode("ascii"):
        raise ValueError("not base64url")
    return raw


def _read_object(text: bytes) -> dict[str, Any]:
    document = json.loads(text.decode("utf-8"), object_pairs_hook=_refuse_duplicates, parse_constant=_refuse_constant)
    if not isinstance(document, dict):
        raise ValueError("not an object")
    return document


def _refuse_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a name is given twice")
    return members


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
