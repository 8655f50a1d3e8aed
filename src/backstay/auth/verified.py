"""Tokens and keys that were found good before, so that a warm request costs no cryptography."""

from __future__ import annotations

import math
from collections import OrderedDict

from backstay.schema.caller import Caller


class VerifiedTokens:
    """The callers of the tokens and keys found good last, by their text; nothing else gets in.

    At most ``capacity`` are kept, the one unused longest goes first, and one whose time is over is forgotten.
    """

    __slots__ = ("_callers", "_capacity")

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._callers: OrderedDict[str, tuple[Caller, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._callers)

    def find(self, token: str, now: float) -> Caller | None:
        """The caller of ``token``, or None where it is unknown or its time is over."""
        entry = self._callers.get(token)
        if entry is None:
            return None
        caller, expires = entry
        if now >= expires:
            del self._callers[token]
            return None
        self._callers.move_to_end(token)
        return caller

    def keep(self, token: str, caller: Caller, expires: float | None) -> None:
        """Remember a verified token until ``expires`` (None: as long as there is room)."""
        if self._capacity <= 0:
            return
        self._callers[token] = (caller, math.inf if expires is None else expires)
        self._callers.move_to_end(token)
        while len(self._callers) > self._capacity:
            self._callers.popitem(last=False)

    def forget(self) -> None:
        """Forget all, as when keys change."""
        self._callers.clear()
