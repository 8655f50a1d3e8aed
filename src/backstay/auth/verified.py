"""Tokens and keys that were found good before, so that a warm request costs no cryptography."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import TypeAlias

from backstay.schema.caller import Caller

Sent: TypeAlias = tuple[bytes | None, bytes | None]
"""The headers ``Authorization`` and ``apikey``, as they came."""


class VerifiedTokens:
    """The callers of the tokens and keys found good last, by their text; nothing else gets in.

    At most ``capacity`` are kept, the one unused longest goes first, and one whose time is over is forgotten. Beside
    them stand the callers of whole requests, by all that tells who sent one.
    """

    __slots__ = ("_callers", "_capacity", "_senders")

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._callers: OrderedDict[str, tuple[Caller, float]] = OrderedDict()
        self._senders: OrderedDict[Sent, tuple[Caller, float]] = OrderedDict()

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

    def expiry(self, token: str) -> float:
        """When the time of a token is over that was found good just now; at once where it is not kept."""
        return self._callers[token][1] if token in self._callers else 0.0

    def recall(self, headers: Mapping[bytes, bytes], now: float) -> Caller | None:
        """Who sent a request with these headers, where the same was sent before.

        Arguments:
            headers: as they came, by name in lower case.
            now: the time, in seconds since 1970.
        """
        sent = (headers.get(b"authorization"), headers.get(b"apikey"))
        entry = self._senders.get(sent)
        if entry is None:
            return None
        if now >= entry[1]:
            del self._senders[sent]
            return None
        self._senders.move_to_end(sent)
        return entry[0]

    def remember(self, sent: Sent, caller: Caller, expires: float) -> None:
        """Remember who sent a request until ``expires``. What they may do must not depend on its other headers."""
        if self._capacity <= 0:
            return
        self._senders[sent] = (caller, expires)
        self._senders.move_to_end(sent)
        while len(self._senders) > self._capacity:
            self._senders.popitem(last=False)

    def forget_those(self, dead: Callable[[Caller], bool]) -> None:
        """Forget whoever is told by a token that is not good any more."""
        for kept in (self._callers, self._senders):
            for each in [each for each, (caller, _) in kept.items() if dead(caller)]:
                del kept[each]  # type: ignore[arg-type]

    def forget(self) -> None:
        """Forget all, as when keys change."""
        self._callers.clear()
        self._senders.clear()
