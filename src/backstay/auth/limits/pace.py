"""The time that an answer takes, where it must not tell what was found."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import deque
from typing import Final

_KEPT: Final = 32
_LONGEST: Final = 1.0
"""Seconds beyond which no answer is held back: one that took longer had another reason."""


class Pace:
    """How long the longer of two ways took lately, so that the shorter one takes as long."""

    def __init__(self) -> None:
        self._spent: deque[float] = deque(maxlen=_KEPT)

    async def keep(self, began: float, *, is_longer: bool) -> None:
        """Remember how long the longer way took; or wait as long as one of those that are remembered.

        Arguments:
            began: when, by ``time.monotonic()``.
            is_longer: whether it was the longer way.
        """
        spent = time.monotonic() - began
        if is_longer:
            self._spent.append(min(spent, _LONGEST))
        elif self._spent:
            await asyncio.sleep(max(0.0, secrets.choice(self._spent) - spent))
