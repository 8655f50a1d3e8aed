"""``Signer``: signs the tokens of sign-in, and tells by which keys they are to be verified."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from backstay.auth.keys import Keys, TrustedKey
from backstay.auth.mint import sign_by_secret
from backstay.auth.signing.key import KeyFile, SigningKey, is_text, read_keys_that_sign
from backstay.errors import DeclarationError, SecretMissing
from backstay.observe import SigningKeysChanged, SigningKeysUnreadable, observe
from backstay.settings import Settings


class Signer:
    """Signs tokens: by the newest signing key whose time has come, or by the secret where there are no signing keys.

    A file of keys is read anew when it has changed; until it can be read, the keys from before hold.

    Arguments:
        keys: the signing keys, the newest first.
        secret: the HS256 secret (``jwt_secret``); empty: none.
        file: where the keys come from (None: they do not change).
    """

    def __init__(self, keys: tuple[SigningKey, ...] = (), *, secret: str = "", file: KeyFile | None = None) -> None:
        self._keys = keys
        self._secret = secret
        self._file = file
        self._trusted: dict[str, TrustedKey] = {}

    @property
    def has_keys(self) -> bool:
        """Whether there are signing keys, so that others can verify what is signed by public keys."""
        return bool(self._keys)

    @property
    def kids(self) -> tuple[str, ...]:
        """The names of the signing keys, the newest first."""
        return tuple(key.kid for key in self._keys)

    def sign(self, claims: Mapping[str, Any], *, kind: str = "JWT", now: float | None = None) -> str:
        """A token with these claims.

        Arguments:
            claims: what it says; ``exp`` and all others are the caller's business.
            kind: the header ``typ``; ``at+jwt`` for an access token of RFC 9068.
            now: the time, in seconds since 1970 (default: the clock's).

        Raises:
            SecretMissing: there is nothing to sign with.
        """
        moment = time.time() if now is None else now
        key = self._key_at(moment)
        if key is not None:
            from backstay.auth.signing.private import sign_by_key

            return sign_by_key(key.private, claims, kid=key.kid, algorithm=key.algorithm, kind=kind)
        if not self._secret:
            raise SecretMissing(hint="Set signing_keys (`backstay keys rotate`) or jwt_secret.")
        return sign_by_secret(self._secret, claims, kind=kind)

    def _key_at(self, now: float) -> SigningKey | None:
        """The newest key whose time has come; before the first one's time, that one."""
        signing = next((key for key in self._keys if key.signs(now)), None)
        return signing or next((key for key in reversed(self._keys) if key.verifies(now)), None)

    def jwks(self, *, now: float | None = None) -> dict[str, Any]:
        """The public keys that verify what is signed, now or soon, as a JSON Web Key Set; secrets are never in it."""
        moment = time.time() if now is None else now
        if not self._keys:
            return {"keys": []}
        from backstay.auth.signing.private import public_member

        return {
            "keys": [
                public_member(key.public, kid=key.kid, algorithm=key.algorithm)
                for key in self._keys
                if key.verifies(moment)
            ]
        }

    def trusted(self, *, now: float | None = None) -> tuple[TrustedKey, ...]:
        """What verifies the tokens that the signing keys signed."""
        moment = time.time() if now is None else now
        return tuple(self._trust(key) for key in self._keys if key.verifies(moment))

    def _trust(self, key: SigningKey) -> TrustedKey:
        # One object a key, so that two answers can be compared.
        if key.kid not in self._trusted:
            self._trusted[key.kid] = TrustedKey(kid=key.kid, algorithm=key.algorithm, key=key.public, own=True)
        return self._trusted[key.kid]

    def complete(self, keys: Keys, *, now: float | None = None) -> Keys:
        """``keys`` with those of the signer in the place of whichever it had before; the same where none changed."""
        others = tuple(key for key in keys.trusted if not key.own)
        trusted = (*self.trusted(now=now), *others)
        return keys if trusted == keys.trusted else replace(keys, trusted=trusted)

    def reload(self) -> bool:
        """Read the file again if it has changed.

        Returns:
            whether there are other keys than before.
        """
        if self._file is None or not self._file.has_changed():
            return False
        try:
            keys = self._file.read()
        except (OSError, ValueError, RecursionError) as error:
            observe(SigningKeysUnreadable(_told(error)))
            return False
        self._keys = keys
        self._trusted = {}
        observe(SigningKeysChanged(", ".join(key.kid for key in keys)))
        return True


def read_signer(settings: Settings) -> Signer:
    """The signer that ``settings`` describe.

    Raises:
        DeclarationError: the setting ``signing_keys`` cannot be read; it never shows a key.
    """
    setting = settings.signing_keys
    if not setting.strip():
        return Signer(secret=settings.jwt_secret)
    file = None if is_text(setting) else KeyFile(Path(setting))
    try:
        keys = read_keys_that_sign(setting) if file is None else file.read()
    except (OSError, ValueError, RecursionError) as error:
        where = "" if file is None else f" {setting}"
        raise DeclarationError(
            f"signing_keys:{where} cannot be read: {_told(error)}",
            hint="`backstay keys rotate FILE` makes such a file.",
        ) from None
    return Signer(keys, secret=settings.jwt_secret, file=file)


def _told(error: Exception) -> str:
    return (error.strerror or "it cannot be opened") if isinstance(error, OSError) else str(error)
