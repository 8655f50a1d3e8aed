"""What a worker knows to be refused, so that a flood of what is refused anyway reaches no database."""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime, timedelta
from typing import Final

_CAPACITY: Final = 10_000


class Refused:
    """The keys that were refused last, and until when. The oldest goes when there is no more room."""

    def __init__(self, capacity: int = _CAPACITY) -> None:
        self._capacity = capacity
        self._until: OrderedDict[str, datetime] = OrderedDict()

    def wait(self, key: str, now: datetime) -> timedelta:
        """How long a key is still refused; zero where that is not known."""
        until = self._until.get(key)
        if until is None:
            return timedelta(0)
        if until <= now:
            del self._until[key]
            return timedelta(0)
        return until - now

    def add(self, key: str, until: datetime) -> None:
        """Refuse a key until then."""
        self._until[key] = until
        self._until.move_to_end(key)
        while len(self._until) > self._capacity:
            self._until.popitem(last=False)

    def remove(self, key: str) -> None:
        """Refuse a key no longer."""
        self._until.pop(key, None)
