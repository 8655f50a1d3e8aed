"""Secrets that the server must read again, so kept that a copy of the database does not yield them.

AES-256-GCM (NIST SP 800-38D) under a key that HKDF (RFC 5869) derives from a secret of the settings. A sealed text is
bound to what it belongs to: moved to another row it cannot be opened.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from backstay.errors import DeclarationError, SecretUnreadable

SHORTEST: Final = 32
"""Bytes that a secret must have."""

_VERSION: Final = "v1"
_NONCE: Final = 12


@dataclass(frozen=True, slots=True, repr=False)
class SealingKey:
    """One key. ``id`` tells sealed texts of this key from those of others, and nothing of the key itself."""

    id: str
    key: bytes


SealingKeys = Sequence[SealingKey]
"""The first seals; all of them open."""


@lru_cache(maxsize=8)
def sealing_keys(encryption_key: str, jwt_secret: str) -> tuple[SealingKey, ...]:
    """The keys that the settings give.

    What was sealed before there was an ``encryption_key`` is under ``jwt_secret``, so that always opens, too.

    Arguments:
        encryption_key: the setting: one secret, or several separated by commas, the newest first.
        jwt_secret: the setting.

    Raises:
        DeclarationError: there is no secret, or one is shorter than 32 bytes.
    """
    named = [("encryption_key", part.strip()) for part in encryption_key.split(",") if part.strip()]
    named += [("jwt_secret", jwt_secret)] if jwt_secret else []
    if not named:
        hint = "Set encryption_key to a random text of 32 bytes or more."
        raise DeclarationError("Second factors need a secret to be encrypted under", hint=hint)
    for name, secret in named:
        if len(secret.encode()) < SHORTEST:
            raise DeclarationError(f"{name} must have {SHORTEST} bytes or more")
    return tuple(_derive(secret) for _, secret in named)


def _derive(secret: str) -> SealingKey:
    # RFC 5869 with a hash's length of output: one extract, one expand, each a single HMAC.
    extracted = hmac.digest(bytes(32), secret.encode(), "sha256")
    key, name = (hmac.digest(extracted, use + b"\x01", "sha256") for use in (b"backstay seal", b"backstay seal id"))
    return SealingKey(name[:6].hex(), key)


def seal(text: str, keys: SealingKeys, about: str) -> str:
    """A text, readable with the first key only.

    Arguments:
        text: the secret.
        keys: the first one seals.
        about: what the text belongs to; the same must be said to open it.
    """
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce = secrets.token_bytes(_NONCE)
    closed = AESGCM(keys[0].key).encrypt(nonce, text.encode(), about.encode())
    return f"{_VERSION}.{keys[0].id}.{base64.urlsafe_b64encode(nonce + closed).decode()}"


def unseal(sealed: str, keys: SealingKeys, about: str) -> str:
    """The text of a sealed one.

    Raises:
        SecretUnreadable: no key is the one that it was sealed with, or somebody changed or moved it.
    """
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    version, _, rest = sealed.partition(".")
    name, _, content = rest.partition(".")
    key = next((each for each in keys if each.id == name), None)
    if version != _VERSION or key is None:
        raise SecretUnreadable(hint="Add the secret that it was sealed with to the setting encryption_key.")
    try:
        raw = base64.urlsafe_b64decode(content)
        return AESGCM(key.key).decrypt(raw[:_NONCE], raw[_NONCE:], about.encode()).decode()
    except (InvalidTag, binascii.Error, ValueError) as error:
        raise SecretUnreadable from error


def is_current(sealed: str, keys: SealingKeys) -> bool:
    """Whether a text is sealed with the first key, and need not be sealed anew."""
    return sealed.startswith(f"{_VERSION}.{keys[0].id}.")
