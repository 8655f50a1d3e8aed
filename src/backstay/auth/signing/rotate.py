"""``rotate(members) -> members``: a new key for a key set, with an overlap in which nobody is turned away.

The new key is published at once and signs when those who keep a copy of the public keys have it, too. The keys before
it verify until the last token that they signed has expired.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from backstay.auth.signing.key import ALGORITHMS
from backstay.auth.token import SKEW
from backstay.errors import DeclarationError

CACHED: Final = timedelta(minutes=10)
"""How long others may keep the public keys (the ``max-age`` of the key set)."""


def rotate(
    members: Sequence[Mapping[str, Any]],
    *,
    now: float,
    lifetime: timedelta,
    algorithm: str = ALGORITHMS[0],
    at_once: bool = False,
) -> list[dict[str, Any]]:
    """A key set with one key more, the newest first, without those that are retired already.

    Arguments:
        members: the key set so far; empty: the first key signs at once.
        now: the time, in seconds since 1970.
        lifetime: how long the longest-lived token is valid.
        algorithm: ES256, RS256 or EdDSA.
        at_once: the keys so far are in wrong hands. The new key signs now, and what they signed is refused now.

    Raises:
        DeclarationError: there is no such algorithm.
    """
    if algorithm not in ALGORITHMS:
        raise DeclarationError(
            f"There is no algorithm {algorithm!r} for signing keys.", hint=f"It is one of {', '.join(ALGORITHMS)}."
        )
    from backstay.auth.signing.private import make_private_key

    kept = [dict(member) for member in members if _retires_at(member) > now]
    signs = int(now) if at_once or not kept else int(now + CACHED.total_seconds()) + SKEW
    retires = int(now) if at_once else int(signs + lifetime.total_seconds()) + SKEW
    for member in kept:
        member["retires_at"] = min(_retires_at(member), retires)
    new = {**make_private_key(algorithm), "not_before": signs}
    return [new, *(member for member in kept if _retires_at(member) > now)]


def _retires_at(member: Mapping[str, Any]) -> float:
    return float(member.get("retires_at", "inf"))
