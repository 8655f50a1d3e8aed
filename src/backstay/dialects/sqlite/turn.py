"""Whose turn it is to write: SQLite has one writer, so works and sessions of this process queue here, in order.

The queue spares them SQLite's own lock, which is polled with sleeps. Other processes still meet at that lock.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import ContextVar

from backstay.errors import BackstayError, Overloaded


class Turn:
    """The right to write, held by one at a time and handed on first come, first served."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._taken = False
        self._waiting: deque[Future[None]] = deque()

    def request(self) -> Future[None]:
        """Queue up. The future is done when it is one's turn; cancelling it leaves the queue."""
        future: Future[None] = Future()
        with self._guard:
            if self._taken:
                self._waiting.append(future)
                return future
            self._taken = True
        future.set_running_or_notify_cancel()
        future.set_result(None)
        return future

    def release(self) -> None:
        """Hand the turn on."""
        while True:
            with self._guard:
                if not self._waiting:
                    self._taken = False
                    return
                future = self._waiting.popleft()
            if future.set_running_or_notify_cancel():
                future.set_result(None)
                return

    def take(self, seconds: float) -> None:
        """Wait for the turn in a thread.

        Raises:
            Overloaded: it did not come in time.
        """
        future = self.request()
        try:
            future.result(seconds)
        except TimeoutError:
            self._leave(future)
            raise _too_long() from None

    async def take_in_loop(self, seconds: float) -> None:
        """Wait for the turn in an event loop. Raises Overloaded, likewise; a cancelled wait leaves the queue."""
        future = self.request()
        if future.done():
            return
        loop = asyncio.get_running_loop()
        come = loop.create_future()
        future.add_done_callback(self._waking(loop, come))
        try:
            async with asyncio.timeout(seconds):
                await come
        except TimeoutError:
            self._leave(future)
            raise _too_long() from None
        except BaseException:
            self._leave(future)
            raise

    def _waking(self, loop: asyncio.AbstractEventLoop, come: asyncio.Future[None]) -> Callable[[Future[None]], None]:
        def wake() -> None:
            if not come.done():
                come.set_result(None)

        def done(future: Future[None]) -> None:
            if future.cancelled():
                return
            try:
                loop.call_soon_threadsafe(wake)
            except RuntimeError:  # the loop is closed, and nobody will use the turn
                self.release()

        return done

    def _leave(self, future: Future[None]) -> None:
        if not future.cancel():
            self.release()


def _too_long() -> Overloaded:
    return Overloaded("The database is busy: another write did not finish in time.")


class Seat:
    """A session's place: whether it has the turn. Known to all that runs inside the session."""

    __slots__ = ("turn", "writing")

    def __init__(self, turn: Turn) -> None:
        self.turn = turn
        self.writing = False


SEATS: ContextVar[tuple[Seat, ...]] = ContextVar("backstay_sqlite_seats", default=())
"""The sessions that the present task is inside of, the innermost last."""


def refuse_waiting_for_oneself(turn: Turn, *, beside: Seat | None = None) -> None:
    """Refuse to wait for a turn that a session around this call holds: it would wait for ever.

    Raises:
        BackstayError: such a session has written, and is not ``beside``, the one that asks.
    """
    if any(seat.writing and seat.turn is turn and seat is not beside for seat in SEATS.get()):
        raise BackstayError(
            "A write inside a session that is itself writing would wait for that session for ever.",
            hint="Write through the session you are in, or after it has ended. SQLite has one writer at a time.",
        )
