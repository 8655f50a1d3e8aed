"""Admission: whether a request that came is let in, decided before anything of it is read.

Requests wait in three places: for the event loop, and for their turn to read and to write in the database. A timer
looks at the three; while none of them is behind, a request passes for the price of reading the clock.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from math import inf
from time import monotonic
from typing import Final, TypeAlias

from backstay.observe import SheddingBegan, SheddingEnded, observe
from backstay.server.admission.queue import Queue
from backstay.server.asgi import Scope
from backstay.server.lifespan import LIVE, READY

Waiting: TypeAlias = Callable[[bool], tuple[int, float]]
"""How many wait for the database, and how long one that comes now will; of reads, or (True) of writes."""

TICK: Final = 0.02
"""Seconds between two looks."""
_BUSY_TICK: Final = 0.001
"""The same while requests are refused: less than any turn of a busy loop takes, so there is a look in each."""
TURN: Final = 0.004
"""Seconds for which a busy loop lets requests in, before it refuses those that came meanwhile and begins anew."""
_REST: Final = 1.0
"""Seconds without a request after which nobody looks."""
_READING: Final = frozenset({"GET", "HEAD"})


class Admission:
    """The guard of one application.

    The front door adds to ``seen`` for each request, and asks :meth:`refuses` when the time is past ``until``.

    Arguments:
        longest: how many seconds requests may wait before others are refused; 0: none ever is.
        waiting: what waits for the database.
    """

    def __init__(self, longest: float, waiting: Waiting | None = None) -> None:
        self.seen = 0
        self.until = -inf if longest > 0 else inf
        self._waiting = waiting
        self._loop_queue = Queue(longest)
        self._reads = Queue(longest)
        self._writes = Queue(longest)
        self._queues = (self._loop_queue, self._reads, self._writes)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._due = 0.0
        self._turn_ends = inf
        self._last_seen = 0.0
        self._shedding = False
        self._began = 0.0
        self._refused = 0

    def refuses(self, scope: Scope) -> bool:
        """Whether to refuse a request. Health is always told, and browsers always learn whether they may call."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._wake(loop)
            return False
        now = monotonic()
        if self.seen == 1 and now > self._due:
            # Nobody came between the look that is due and this one: the loop stood still, and there is no queue.
            self._due = now
            self._open(now)
        if not self._shedding:
            # The loop is late for its look, and busy with those who came before: this is one of many.
            self._loop_queue.look(self.seen, now - self._due, now)
            if not self._loop_queue.shedding:
                return False
            self._tell(True, now)
            self._turn_ends = self.until = now
        if now >= self._turn_ends:
            queue = self._loop_queue
        else:
            queue = self._reads if scope["method"] in _READING else self._writes
            if not queue.full:
                return False
        if scope["method"] == "OPTIONS" or scope["path"] in (LIVE, READY):
            return False
        queue.refuse(now)
        self._refused += 1
        return True

    def _wake(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to look, at the first request after a rest."""
        self._loop = loop
        self._last_seen = monotonic()
        self._schedule(TICK, self._last_seen)
        self._open(self._last_seen)

    def _schedule(self, delay: float, now: float) -> None:
        assert self._loop is not None
        self._due = now + delay
        self._loop.call_later(delay, self._look, self._loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._loop is not loop:
            return
        now = monotonic()
        seen, self.seen = self.seen, 0
        if seen:
            self._last_seen = now
        self._loop_queue.look(seen, now - self._due if seen else 0.0, now)
        if self._waiting is not None:
            self._reads.look(*self._waiting(False), now)
            self._writes.look(*self._waiting(True), now)
        shedding = any(queue.shedding for queue in self._queues)
        if shedding is not self._shedding:
            self._tell(shedding, now)
        if not shedding and now - self._last_seen > _REST:
            self._loop = None
            self.until = -inf
            return
        self._schedule(_BUSY_TICK if shedding else TICK, now)
        self._open(now)

    def _open(self, now: float) -> None:
        """Say who passes without a question until the next look."""
        self._turn_ends = now + TURN if self._loop_queue.shedding else inf
        if self._shedding:
            self.until = -inf if self._reads.full or self._writes.full else self._turn_ends
        else:
            self.until = self._due + self._loop_queue.soonest

    def _tell(self, shedding: bool, now: float) -> None:
        self._shedding = shedding
        if shedding:
            self._began, self._refused = now, 0
            observe(SheddingBegan(max(queue.worst for queue in self._queues if queue.shedding) * 1000))
        else:
            observe(SheddingEnded((now - self._began) * 1000, self._refused))
