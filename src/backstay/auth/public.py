"""Public keys, and the signatures that they verify (RS256, ES256, EdDSA): what joserfc is needed for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

PublicKey: TypeAlias = RSAKey | ECKey | OKPKey

LEAST_RSA_BITS: Final = 2048

_MEMBERS: Final = ("kty", "crv", "n", "e", "x", "y")
"""The members that make a public key; whatever else a file holds (private parts, ``alg``) is left behind."""


class _Registry(JWSRegistry):
    """The algorithms there are; no other can be reached, ``none`` least of all. (Ed25519 is RFC 9864's EdDSA.)"""

    algorithms: dict[str, Any] = {  # noqa: RUF012 (as the base class declares it)
        "RS256": JWSRegistry.algorithms["RS256"],
        "ES256": JWSRegistry.algorithms["ES256"],
        "EdDSA": JWSRegistry.algorithms["Ed25519"],
        "Ed25519": JWSRegistry.algorithms["Ed25519"],
    }
    # How long a token may be is decided where it is read.
    max_header_length = 1 << 16
    max_payload_length = 1 << 16


REGISTRIES: Final = {name: _Registry(algorithms=[name], strict_check_header=False) for name in _Registry.algorithms}
"""By the name of an algorithm, what can verify and sign by that one alone."""


def is_public_key(secret: str) -> bool:
    """Whether a secret is a public key, which anyone may know."""
    try:
        OctKey.import_key(secret)
    except ValueError:
        return True
    return False


def read_public_key(member: Mapping[str, Any]) -> PublicKey:
    """The public key that a member of a key set describes (RFC 7517), without whatever it holds beside that.

    Raises:
        ValueError: it is none, or too weak.
    """
    public = {name: value for name, value in member.items() if name in _MEMBERS}
    try:
        match public["kty"]:
            case "RSA":
                key = RSAKey.import_key(public)
                bits = key.public_key.key_size
                if bits < LEAST_RSA_BITS:
                    raise ValueError(f"an RSA key of {bits} bits is too weak; {LEAST_RSA_BITS} are needed")
                return key
            case "EC":
                return ECKey.import_key(public)
            case _:
                return OKPKey.import_key(public)
    except JoseError as error:
        raise ValueError(str(error)) from None


def is_signed_by(token: str, key: PublicKey, algorithm: str) -> bool:
    """Whether a token in compact form is signed by a key.

    Arguments:
        token: as it came.
        key: the public key.
        algorithm: the one that the token names, which the caller has found to be the key's.
    """
    try:
        jws.deserialize_compact(token.encode("ascii"), key, registry=REGISTRIES[algorithm])
    except Exception:  # whatever the library stumbles over, the token is not signed by this key
        return False
    return True
