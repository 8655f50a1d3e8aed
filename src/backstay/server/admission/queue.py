"""One queue that requests stand in, judged by how long they wait in it: Controlled Delay.

A queue that empties again is what queues are for: it takes up a burst. One that does not empties nothing but patience:
every request in it waits as long as the one before. CoDel (RFC 8289) tells the two apart by the least delay within an
interval; that a server then keeps requests for only a moment is how Facebook has it ("Fail at Scale", ACM Queue 13.8).
"""

from __future__ import annotations

from typing import Final

INTERVAL: Final = 0.1
"""Seconds for which a delay must last to be a standing one."""

SHORT: Final = 0.03
"""Seconds that a request may wait while others are refused."""

CALM: Final = 1.0
"""Seconds without a refusal after which all is well again."""

MANY: Final = 256
"""So many wait only where there is more to do than can be done; fewer may be a few callers' slow requests."""

HURRY: Final = 20
"""Where many wait, this part of the longest delay is long enough."""


class Queue:
    """Whether requests that come to a queue are to be refused.

    ``shedding`` says that the queue is a standing one; ``full`` that a request that comes now is refused.
    ``soonest`` is the least wait that may be too long.

    Arguments:
        longest: seconds that requests may wait, if no more than ``MANY`` do.
    """

    __slots__ = ("_behind", "_longest", "_refused", "full", "shedding", "soonest", "worst")

    def __init__(self, longest: float) -> None:
        self._longest = longest
        self.soonest = longest / HURRY
        self._behind: float | None = None
        self._refused = 0.0
        self.full = False
        self.shedding = False
        self.worst = 0.0

    def look(self, many: int, waited: float, now: float) -> None:
        """Judge it anew.

        Arguments:
            many: how many wait.
            waited: seconds that one that comes now will, as far as is known.
            now: the time.
        """
        if self.shedding:
            self.worst = max(self.worst, waited)
            self.full = waited > SHORT
            if not self.full and now - self._refused > CALM:
                self.shedding = False
                self._behind = None
            return
        if waited <= (self.soonest if many > MANY else self._longest):
            self._behind = None
        elif self._behind is None:
            self._behind = now
        elif now - self._behind >= INTERVAL:
            self.shedding = self.full = True
            self.worst = waited
            self._refused = now

    def refuse(self, now: float) -> None:
        """Note that a request was refused for its sake."""
        self._refused = now
