"""Whose turn it is to write: SQLite has one writer, so works and sessions of this process queue here, in order.

The queue spares them SQLite's own lock, which is polled with sleeps. The writers of several processes take turns by two
locked files beside the database; whoever does not know of these (a session, a migration) still meets them at SQLite's.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import ContextVar

try:
    import fcntl
except ModuleNotFoundError:  # pragma: no cover - there are no such locks on Windows
    fcntl = None  # type: ignore[assignment]

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

    def take_at_once(self) -> bool:
        """Take the turn if nobody has it; whether that was so."""
        with self._guard:
            if self._taken:
                return False
            self._taken = True
            return True

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
        if self.take_at_once():
            return
        future = self.request()
        try:
            future.result(seconds)
        except TimeoutError:
            self._leave(future)
            raise _too_long() from None

    async def take_in_loop(self, seconds: float) -> None:
        """Wait for the turn in an event loop. Raises Overloaded, likewise; a cancelled wait leaves the queue."""
        if self.take_at_once():
            return
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


class FileTurn:
    """The right to write among the processes that write to one file, without polling.

    One lock is held by who writes, the other one by who is next: so who has written is behind those that wait, and they
    take turns. The operating system lets go of the locks of a process that dies. Where the files cannot be made, or
    their file system knows no locks, nobody waits here, and SQLite's own lock is all there is.

    Arguments:
        path: of the database; None where no other process can know of it.
    """

    def __init__(self, path: str | None) -> None:
        self._files: list[int] = [] if path is None or fcntl is None else _open([f"{path}-next", f"{path}-turn"])
        self._guard = threading.Lock()
        self._coming: Future[None] | None = None
        self._wanted = False
        self._closed = False

    def take(self, seconds: float) -> None:
        """Wait for the turn in a thread; one thread at a time may do so.

        Raises:
            Overloaded: it did not come in time.
        """
        if not self._files:
            return
        try:
            coming = self._ask()
            if coming is not None:
                coming.result(seconds)
        except TimeoutError:
            with self._guard:
                # It may have come just now. If not, it is handed on when it comes, unless it is wanted again by then.
                if self._coming is None:
                    return
                self._wanted = False
            raise _too_long() from None
        except OSError:
            self._give_up()

    def release(self) -> None:
        """Let the next process write."""
        if self._files:
            fcntl.flock(self._files[1], fcntl.LOCK_UN)

    def close(self) -> None:
        """Leave the queue for good."""
        with self._guard:
            self._wanted, self._closed = False, True
            waiting = self._coming is not None
        if not waiting:
            self._give_up()

    def _ask(self) -> Future[None] | None:
        """None where it is one's turn at once; else the future of it, for which a thread of its own waits."""
        with self._guard:
            self._wanted = True
            if self._coming is None and not self._is_free():
                self._coming = Future()
                threading.Thread(target=self._wait, args=(self._coming,), name="backstay-turn", daemon=True).start()
            return self._coming

    def _is_free(self) -> bool:
        following, turn = self._files
        try:
            fcntl.flock(following, fcntl.LOCK_EX | fcntl.LOCK_NB)
            fcntl.flock(turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        fcntl.flock(following, fcntl.LOCK_UN)
        return True

    def _wait(self, coming: Future[None]) -> None:
        following, turn = self._files
        try:
            fcntl.flock(following, fcntl.LOCK_EX)
            fcntl.flock(turn, fcntl.LOCK_EX)
            fcntl.flock(following, fcntl.LOCK_UN)
        except OSError as error:
            coming.set_exception(error)
            return
        with self._guard:
            self._coming = None
            if self._wanted:
                coming.set_result(None)
            elif self._closed:
                self._give_up()
            else:
                fcntl.flock(turn, fcntl.LOCK_UN)

    def _give_up(self) -> None:
        files, self._files = self._files, []
        for each in files:
            os.close(each)


def _open(paths: list[str]) -> list[int]:
    """The files, made if they are not there; none where one of them cannot be opened."""
    found: list[int] = []
    try:
        for path in paths:
            found.append(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666))
    except OSError:
        for each in found:
            os.close(each)
        return []
    return found


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
    seats = SEATS.get()
    if seats and any(seat.writing and seat.turn is turn and seat is not beside for seat in seats):
        raise BackstayError(
            "A write inside a session that is itself writing would wait for that session for ever.",
            hint="Write through the session you are in, or after it has ended. SQLite has one writer at a time.",
        )
