"""Keys that sign-in derives from the server's secret, one for each purpose, so that none needs to be kept."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from typing import Final

_SALT: Final = b"backstay sign-in"
CODE_DIGITS: Final = 6


def derive(secret: str, purpose: str) -> bytes:
    """A key of 32 bytes for one purpose (HKDF of RFC 5869 with SHA-256, one block).

    Arguments:
        secret: the server's own (the setting ``encryption_key`` or ``jwt_secret``), which is not in the database.
        purpose: what the key is for; different purposes have keys that tell nothing of each other.
    """
    extracted = hmac.digest(_SALT, secret.encode(), "sha256")
    return hmac.digest(extracted, purpose.encode() + b"\x01", "sha256")


def digest(token: str) -> str:
    """What is kept of a token that is too long to be guessed."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def challenge_of(verifier: str) -> str:
    """The challenge that stands for a verifier of PKCE: S256 of RFC 7636."""
    hashed = hashlib.sha256(verifier.encode("utf-8", "replace")).digest()
    return base64.urlsafe_b64encode(hashed).decode().rstrip("=")


def keyed_digest(key: bytes, *parts: str) -> str:
    """What is kept of a code that is short enough to be tried out by whoever has the database: a hash under a key.

    Arguments:
        key: as :func:`derive` gives it.
        parts: the code, and all that it is bound to.
    """
    return hmac.digest(key, "\0".join(parts).encode("utf-8", "surrogatepass"), "sha256").hex()


def make_token() -> str:
    """A new token for a link; 256 random bits."""
    return secrets.token_urlsafe(32)


def make_code() -> str:
    """A new code to be typed: six digits."""
    return f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}d}"
