"""The secrets of one login: all of them made from its ``state`` and the server's own secret, none of them kept.

Only the hash of ``state`` is stored. Who reads the database, or sees ``state`` in an address, learns neither the nonce
nor the PKCE verifier, and cannot answer for the browser that began.
"""

from __future__ import annotations

import base64
import hmac
import secrets
from dataclasses import dataclass, field
from enum import Enum

from backstay.auth.secret import digest

_BYTES = 32
_BOUND = "b."
_UNBOUND = "u."


class Purpose(Enum):
    """What is made from a state."""

    NONCE = "nonce"
    VERIFIER = "verifier"
    BROWSER = "browser"


@dataclass(frozen=True, slots=True)
class Seal:
    """The server's secret, by which it recognises what it made."""

    secret: bytes = field(repr=False)

    def make(self, purpose: Purpose, state: str) -> str:
        """A secret of one login; 256 bits as 43 characters of base64url."""
        text = f"{purpose.value}\0{state}".encode("utf-8", "surrogatepass")
        return base64.urlsafe_b64encode(hmac.digest(self.secret, text, "sha256")).rstrip(b"=").decode()

    def is_same_browser(self, state: str, mark: str | None) -> bool:
        """Whether a browser shows the mark that the one which began this login was given, if it was given one."""
        if not state.startswith(_BOUND):
            return True
        made = self.make(Purpose.BROWSER, state).encode()
        return hmac.compare_digest(made, (mark or "").encode("utf-8", "surrogatepass"))


def new_state(*, bound: bool = True) -> str:
    """A new state: 256 random bits, and whether the browser that begins is given a mark."""
    return (_BOUND if bound else _UNBOUND) + secrets.token_urlsafe(_BYTES)


def hash_state(state: str) -> str:
    """What is stored of a state."""
    return digest(state)
