"""The watch over requests under way: who left, and who is too slow.

A task per request that waits for the client to leave would cost more than most requests take. So one timer, which
runs only while there are requests, looks at all of them, and only one that has run for a while is watched by a task.
"""

from __future__ import annotations

import asyncio
from typing import Final

from backstay.server.asgi import Receive

TICK: Final = 0.02
"""Seconds between two looks; a request that is quicker is never watched."""


class Visit:
    """One request under way: its task, and how it ended if it was cut short. ``since`` is counted in ticks.

    ``reading`` says whether its body is still arriving; ``left`` and ``slow`` say why its task was cancelled.
    """

    __slots__ = ("left", "reading", "receive", "since", "slow", "task", "watcher")

    def __init__(self, task: asyncio.Task[object], receive: Receive, since: int, reading: bool) -> None:
        self.task = task
        self.receive = receive
        self.since = since
        self.reading = reading
        self.left = False
        self.slow = False
        self.watcher: asyncio.Task[None] | None = None


class Watch:
    """All visits, and the timer that looks at them.

    ``patience`` is how many seconds a body may take to arrive.
    """

    def __init__(self, patience: float) -> None:
        self._patience = patience / TICK
        self._ticks = 0
        self._visits: set[Visit] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def __len__(self) -> int:
        return len(self._visits)

    def enter(self, receive: Receive, *, reading: bool) -> Visit:
        """Begin to watch the request that the present task answers."""
        loop = asyncio.get_running_loop()
        task = asyncio.current_task(loop)
        assert task is not None
        visit = Visit(task, receive, self._ticks, reading)
        self._visits.add(visit)
        if self._timer is None or self._loop is not loop:
            self._loop = loop
            self._timer = loop.call_later(TICK, self._look)
        return visit

    def leave(self, visit: Visit) -> None:
        """End the watch; the request is answered, or given up."""
        self._visits.discard(visit)
        if visit.watcher is not None:
            visit.watcher.cancel()
        if visit.left or visit.slow:
            visit.task.uncancel()

    def _look(self) -> None:
        assert self._loop is not None
        self._ticks += 1
        for visit in self._visits:
            age = self._ticks - visit.since
            if visit.reading:
                if age > self._patience and not visit.slow:
                    visit.slow = True
                    visit.task.cancel()
            elif visit.watcher is None and age > 1:
                visit.watcher = self._loop.create_task(_await_leaving(visit))
        self._timer = self._loop.call_later(TICK, self._look) if self._visits else None


async def _await_leaving(visit: Visit) -> None:
    message = await visit.receive()
    while message["type"] != "http.disconnect":
        message = await visit.receive()
    visit.left = True
    visit.task.cancel()
