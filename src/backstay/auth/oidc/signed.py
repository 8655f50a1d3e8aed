"""What providers sign, and what is signed for them: their keys, ID tokens' signatures, Apple's client secret."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, TypeAlias

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from backstay.auth.oidc.refused import Refused
from backstay.errors import DeclarationError
from backstay.schema.providers.provider import Facts, Signature

Key: TypeAlias = RSAKey | ECKey | OKPKey

MOST_CHARACTERS: Final = 16 * 1024
"""The longest ID token that is read."""

_MOST_KEYS: Final = 100
_LEAST_RSA_BITS: Final = 2048
_MEMBERS: Final = ("kty", "crv", "n", "e", "x", "y")

_KINDS: Final[Mapping[str, tuple[str, str]]] = {
    "RS256": ("RSA", ""),
    "RS384": ("RSA", ""),
    "RS512": ("RSA", ""),
    "PS256": ("RSA", ""),
    "PS384": ("RSA", ""),
    "PS512": ("RSA", ""),
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
    "ES512": ("EC", "P-521"),
    "EdDSA": ("OKP", "Ed25519"),
    "Ed25519": ("OKP", "Ed25519"),
}
"""The algorithms that ID tokens may be signed by, with the kind of key of each: only those with public keys."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderKey:
    """A public key of a provider; ``issuer`` is whose tokens alone it signs, where the provider says so (Microsoft)."""

    kid: str | None
    kind: tuple[str, str]
    algorithm: str | None
    issuer: str | None
    key: Key = field(repr=False)


@dataclass(frozen=True, slots=True)
class Opened:
    """The claims of a token with a good signature, and the key and algorithm that made it."""

    claims: dict[str, Any]
    key: ProviderKey
    algorithm: str


def read_provider_keys(members: Any) -> tuple[ProviderKey, ...]:
    """The keys of a key set that sign (RFC 7517); secret, weak and strange ones are left out.

    Raises:
        Refused: it is no key set, or holds far too many.
    """
    if not isinstance(members, list) or len(members) > _MOST_KEYS:
        raise Refused("the provider's keys are not a key set")
    found = [_read_key(member) for member in members if isinstance(member, dict)]
    return tuple(key for key in found if key is not None)


def _read_key(member: Mapping[str, Any]) -> ProviderKey | None:
    kind = (str(member.get("kty")), str(member.get("crv", "")))
    if kind not in _KINDS.values() or member.get("use") not in (None, "sig"):
        return None
    texts = {name: member.get(name) for name in ("kid", "alg", "issuer")}
    if any(value is not None and not isinstance(value, str) for value in texts.values()):
        return None
    public = {name: member[name] for name in _MEMBERS if name in member}
    try:
        key: Key
        match kind[0]:
            case "RSA":
                # Told apart first: the library warns of weak ones, and who asks can do nothing about them.
                modulus = base64.urlsafe_b64decode(public["n"] + "==")
                if int.from_bytes(modulus, "big").bit_length() < _LEAST_RSA_BITS:
                    return None
                key = RSAKey.import_key(public)
            case "EC":
                key = ECKey.import_key(public)
            case _:
                key = OKPKey.import_key(public)
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    return ProviderKey(kid=texts["kid"], kind=kind, algorithm=texts["alg"], issuer=texts["issuer"], key=key)


def read_header(token: str, algorithms: frozenset[str]) -> tuple[str, str | None]:
    """The algorithm and the key's name in an ID token's header.

    Raises:
        Refused: it is no token, or asks for what is not allowed.
    """
    if len(token) > MOST_CHARACTERS or not token.isascii() or token.count(".") != 2:
        raise Refused("the ID token is not one")
    try:
        header = jws.extract_compact(token.encode("ascii")).headers()
    except Exception:  # whatever the library stumbles over, this is not a token
        raise Refused("the ID token is not one") from None
    algorithm, kid, kind = header.get("alg"), header.get("kid"), header.get("typ", "JWT")
    if not isinstance(algorithm, str) or algorithm not in _KINDS or algorithm not in algorithms:
        raise Refused("the ID token is signed by an algorithm that is not allowed")
    if not isinstance(kind, str) or kind.lower() not in ("jwt", "id_token+jwt"):
        raise Refused("the token is not an ID token")
    if {"crit", "b64", "zip", "enc"} & header.keys() or not isinstance(kid, str | None):
        raise Refused("the ID token's header is not understood")
    return algorithm, kid


def open_token(token: str, algorithm: str, kid: str | None, keys: tuple[ProviderKey, ...]) -> Opened:
    """The claims of an ID token that one of a provider's keys signed.

    Arguments:
        token: as it came.
        algorithm, kid: what :func:`read_header` found in it.
        keys: the provider's.

    Raises:
        Refused: none did.
    """
    for key in keys:
        fits = key.kind == _KINDS[algorithm] and key.algorithm in (None, algorithm) and kid in (None, key.kid)
        if fits and (claims := _claims(token, key, algorithm)) is not None:
            return Opened(claims, key, algorithm)
    raise Refused("the ID token is not signed by the provider")


def _claims(token: str, key: ProviderKey, algorithm: str) -> dict[str, Any] | None:
    try:
        payload = jws.deserialize_compact(token.encode("ascii"), key.key, algorithms=[algorithm]).payload
        claims = json.loads(payload)
    except Exception:  # whatever the library stumbles over, the token is not signed by this key
        return None
    return claims if isinstance(claims, dict) else None


def sign_client_secret(facts: Facts, signature: Signature, now: datetime) -> str:
    """A client secret for one use: a token of five minutes, signed with the application's own key.

    Raises:
        DeclarationError: the key is none for ES256.
    """
    try:
        key = ECKey.import_key(signature.private_key)
        claims = {
            "iss": signature.team,
            "iat": int(now.timestamp()),
            "exp": int((now + timedelta(minutes=5)).timestamp()),
            "aud": facts.issuer,
            "sub": facts.client_id,
        }
        return jwt.encode({"alg": "ES256", "kid": signature.key_id}, claims, key, algorithms=["ES256"])
    except (JoseError, ValueError, TypeError):
        raise DeclarationError("Apple: private_key is not an ES256 key") from None
