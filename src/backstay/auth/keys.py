"""The keys callers are told by: those the settings name, and new ones.

Public keys are joserfc's. It is imported only for them, for with the cryptography below it, it is a tenth of what an
idle application holds.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from backstay.auth.claim import Path, read_path
from backstay.errors import DeclarationError
from backstay.schema.caller import Role
from backstay.settings import Settings

if TYPE_CHECKING:
    from backstay.auth.public import PublicKey

VerificationKey: TypeAlias = "bytes | PublicKey"

PUBLISHABLE_PREFIX: Final = "sb_publishable_"
SECRET_PREFIX: Final = "sb_secret_"
PROGRAM_PREFIX: Final = "bsk_"
LEAST_SECRET: Final = 32
SIGN_IN: Final = "/auth/v1"
"""Where sign-in is served."""
ISSUED_AUDIENCE: Final = "authenticated"
"""Whom the tokens of sign-in are for, where the setting ``jwt_audience`` says nothing else."""

_ALGORITHMS: Final[Mapping[tuple[str, str], str]] = {
    ("RSA", ""): "RS256",
    ("EC", "P-256"): "ES256",
    ("OKP", "Ed25519"): "EdDSA",
}
"""The one algorithm that each kind of public key verifies; other kinds are not used."""

_LIKE_PUBLIC: Final = ("-BEGIN ", "ssh-", "ecdsa-", "sk-")
"""What stands in every public key that is written as text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedKey:
    """A key that verifies tokens, with the one algorithm it does so by.

    ``kid`` is None where the key has no name; it is then tried for a token of any name. The key of HS256 is the
    secret's bytes. ``own``: it is a signing key's other half, so what it verifies was signed here.
    """

    kid: str | None
    algorithm: str
    key: VerificationKey = field(repr=False)
    own: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Keys:
    """All that callers are told by. Opaque keys are kept as digests only.

    ``role_claim`` is the path to the role in a token's claims. ``issuer`` is what sign-in calls itself in the tokens
    that it signs; empty: there is no sign-in. ``other_issuer`` is what all other tokens must name; empty: anything.
    ``clients``: programs of others may act for users, within the scopes that their tokens name.
    ``database_roles``: the role is one of the database's own, under which requests run; without a token it is
    ``anonymous_role``.
    """

    trusted: tuple[TrustedKey, ...] = ()
    publishable: bytes | None = None
    secret: bytes | None = None
    audience: str = ""
    issuer: str = ""
    other_issuer: str = ""
    role_claim: Path = ("role",)
    anonymous: bool = True
    secret_in_browser: bool = False
    clients: bool = False
    database_roles: bool = False
    anonymous_role: str = Role.ANON.value

    @property
    def issued_audience(self) -> str:
        """The audience of the tokens that sign-in issues."""
        return self.audience or ISSUED_AUDIENCE


def issuer_of(settings: Settings) -> str:
    """Where callers reach sign-in, which is what it calls itself in the tokens that it issues (``iss``)."""
    return f"{settings.public_url.rstrip('/')}{SIGN_IN}"


def read_keys(settings: Settings, *, sign_in: bool = False) -> Keys:
    """The keys that ``settings`` name.

    Arguments:
        settings: the settings in force.
        sign_in: whether users sign in here, so that the signing keys are for that alone.

    Raises:
        DeclarationError: naming everything that is wrong with them; never showing a secret.
    """
    problems: list[str] = []
    trusted = [*_secret_key(settings.jwt_secret, problems), *_public_keys(settings.jwks, problems)]
    role_claim = read_path(settings.jwt_role_claim)
    if not role_claim:
        problems.append(f"jwt_role_claim: {settings.jwt_role_claim!r} is not a path such as role or app_metadata.role")
    if settings.publishable_key and settings.publishable_key == settings.secret_key:
        problems.append("publishable_key and secret_key are the same; everybody would be the service")
    if problems:
        raise DeclarationError("\n".join(problems), hint="`backstay keys` makes new ones.")
    return Keys(
        trusted=tuple(trusted),
        publishable=digest(settings.publishable_key) if settings.publishable_key else None,
        secret=digest(settings.secret_key) if settings.secret_key else None,
        audience=settings.jwt_audience,
        issuer=issuer_of(settings) if sign_in else "",
        other_issuer=settings.jwt_issuer,
        role_claim=role_claim,
        anonymous=settings.anonymous,
        secret_in_browser=settings.secret_key_in_browser,
        clients=sign_in and settings.oauth_server,
        database_roles=settings.database_roles,
        anonymous_role=settings.anonymous_role,
    )


def digest(key: str) -> bytes:
    """What is kept of an opaque key; equal lengths make the comparison take the same time for every guess."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


def generate_publishable_key() -> str:
    """A new key for front ends, ``sb_publishable_...``; 192 random bits."""
    return PUBLISHABLE_PREFIX + secrets.token_urlsafe(24)


def generate_secret_key() -> str:
    """A new key for servers, ``sb_secret_...``; 192 random bits."""
    return SECRET_PREFIX + secrets.token_urlsafe(24)


def generate_jwt_secret() -> str:
    """A new secret for HS256 tokens; 384 random bits."""
    return secrets.token_urlsafe(48)


def _secret_key(secret: str, problems: list[str]) -> list[TrustedKey]:
    if not secret:
        return []
    if len(secret.encode()) < LEAST_SECRET:
        problems.append(f"jwt_secret is shorter than {LEAST_SECRET} bytes; a short one can be guessed from a token")
        return []
    if _is_public_key(secret):
        problems.append("jwt_secret holds a public key, which anyone may know; put it into jwks")
        return []
    return [TrustedKey(kid=None, algorithm="HS256", key=secret.encode())]


def _is_public_key(secret: str) -> bool:
    if not any(mark in secret for mark in _LIKE_PUBLIC) and secret.isprintable():
        return False
    from backstay.auth.public import is_public_key

    return is_public_key(secret)


def _public_keys(jwks: str, problems: list[str]) -> list[TrustedKey]:
    if not jwks.strip():
        return []
    try:
        members = _read_key_set(jwks)
    except (OSError, ValueError, RecursionError) as error:
        problems.append(f"jwks cannot be read: {error}")
        return []
    found: list[TrustedKey] = []
    before = len(problems)
    for place, member in enumerate(members):
        try:
            key = _public_key(member)
        except (ValueError, TypeError) as error:
            problems.append(f"jwks: key {place + 1} cannot be used: {error}")
        else:
            found.extend([key] if key else [])
    if not found and len(problems) == before:
        problems.append("jwks holds no RS256, ES256 or EdDSA (Ed25519) key for signatures")
    return found


def _read_key_set(jwks: str) -> list[Any]:
    text = jwks if jwks.lstrip().startswith("{") else FilePath(jwks).read_text(encoding="utf-8")
    document = json.loads(text)
    if isinstance(document, dict) and isinstance(document.get("keys"), list):
        return list(document["keys"])
    if isinstance(document, dict) and "kty" in document:
        return [document]
    raise ValueError('it is not an object with "keys"')


def _public_key(member: Any) -> TrustedKey | None:
    """The key, or None for one that is made for something else."""
    if not isinstance(member, dict):
        raise ValueError("it is not an object")
    if member.get("kty") == "oct":
        raise ValueError("it is a symmetric key; put it into jwt_secret")
    algorithm = algorithm_of(member)
    if algorithm is None:
        return None
    kid = member.get("kid")
    if not isinstance(kid, str | None):
        raise ValueError("its kid is not text")
    from backstay.auth.public import read_public_key

    return TrustedKey(kid=kid, algorithm=algorithm, key=read_public_key(member))


def algorithm_of(member: Mapping[str, Any]) -> str | None:
    """The one algorithm by which a member of a key set signs or verifies; None where it is for something else."""
    algorithm = _ALGORITHMS.get((str(member.get("kty")), str(member.get("crv", ""))))
    stated = {"Ed25519": "EdDSA"}.get(str(member.get("alg")), member.get("alg"))
    if stated not in (None, algorithm) or member.get("use") not in (None, "sig"):
        return None
    return algorithm
