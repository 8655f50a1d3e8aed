"""Private keys: made, read, and signed by. What joserfc is needed for."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from backstay.auth.keys import algorithm_of
from backstay.auth.public import REGISTRIES, PublicKey, read_public_key

_RSA_BITS: Final = 3072

_MAKE: Final[Mapping[str, Callable[[], PublicKey]]] = {
    "ES256": lambda: ECKey.generate_key("P-256"),
    "RS256": lambda: RSAKey.generate_key(_RSA_BITS),
    "EdDSA": lambda: OKPKey.generate_key("Ed25519"),
}
_IMPORT: Final[Mapping[str, Callable[[Any], PublicKey]]] = {
    "EC": ECKey.import_key,
    "RSA": RSAKey.import_key,
    "OKP": OKPKey.import_key,
}
_PARTS: Final = ("kty", "crv", "n", "e", "d", "p", "q", "dp", "dq", "qi", "x", "y")


def make_private_key(algorithm: str) -> dict[str, Any]:
    """A new key as a member of a key set. Its name is its thumbprint (RFC 7638)."""
    key = _MAKE[algorithm]()
    return {**key.as_dict(private=True), "kid": key.thumbprint(), "alg": algorithm, "use": "sig"}


def read_private_key(member: Mapping[str, Any]) -> tuple[PublicKey, PublicKey, str]:
    """The private key that a member of a key set describes, its public half, and the one algorithm that it signs by.

    Raises:
        ValueError: it is none, too weak, or for something else.
    """
    algorithm = algorithm_of(member)
    if algorithm is None or "d" not in member:
        raise ValueError("it is no private key for RS256, ES256 or EdDSA (Ed25519)")
    public = read_public_key(member)
    try:
        key = _IMPORT[str(member["kty"])]({name: value for name, value in member.items() if name in _PARTS})
    except (JoseError, ValueError):
        raise ValueError("its parts do not make a key") from None
    if not key.is_private:
        raise ValueError("it is a public key")
    return key, public, algorithm


def public_member(key: PublicKey, *, kid: str, algorithm: str) -> dict[str, Any]:
    """The public half, as a member of a key set (RFC 7517)."""
    return {**key.as_dict(private=False), "kid": kid, "alg": algorithm, "use": "sig", "key_ops": ["verify"]}


def sign_by_key(key: PublicKey, claims: Mapping[str, Any], *, kid: str, algorithm: str, kind: str) -> str:
    """A token in compact form (RFC 7515), signed by a private key."""
    header = {"alg": algorithm, "typ": kind, "kid": kid}
    content = json.dumps(claims, separators=(",", ":"))
    return jws.serialize_compact(header, content, key, registry=REGISTRIES[algorithm])
