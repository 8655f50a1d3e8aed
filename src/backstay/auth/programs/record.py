"""What is known of a program's key, and whom it speaks for."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from backstay.schema.caller import Caller, Role

METHOD: Final = "api_key"
"""How the holder of a key was told, in the claim ``amr``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A key as it is kept. Moments are seconds since 1970.

    Arguments:
        id: what stands in its text; no secret.
        digest: of its text.
        old_digest: of the text it had before it was rotated, good until ``old_until``.
        expires: when it ends.
        used: when it was used last, as far as that was written.
        scopes: what it may be used for.
        user: the id of the user whom it speaks for; None: for a tenant.
        claims: what is said of them, as by a token: of a tenant the claim that names it.
    """

    id: str
    digest: bytes = field(repr=False)
    old_digest: bytes | None = field(default=None, repr=False)
    old_until: float = 0.0
    expires: float
    used: float | None = None
    scopes: frozenset[str]
    user: str | None = None
    claims: Mapping[str, Any] = field(default_factory=dict)

    def end(self, shown: bytes) -> float | None:
        """When the text with this digest ends to be good; None where it is another key's."""
        # Both are always compared, so that the time taken does not tell which was met.
        old = hmac.compare_digest(shown, self.old_digest or b"")
        if hmac.compare_digest(shown, self.digest):
            return self.expires
        return min(self.old_until, self.expires) if old else None

    def caller(self) -> Caller:
        """Who asks with this key: its owner, by one factor and within its scopes."""
        known = {
            **self.claims,
            "role": Role.AUTHENTICATED.value,
            "aal": "aal1",
            "amr": [{"method": METHOD}],
            "key_id": self.id,
        }
        if self.user is not None:
            known["sub"] = self.user
        return Caller(id=self.user, claims=known, role=Role.AUTHENTICATED, scopes=self.scopes)
