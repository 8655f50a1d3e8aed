"""Where passwords are hashed: in a few threads of their own, so that other requests do not wait for them."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, TypeVar

from backstay.auth.password import hashes
from backstay.errors import Overloaded

T = TypeVar("T")

LONGEST: Final = 1000
"""The most characters of a password. None is cut; a longer one is refused when it is set, and matches nothing."""

_THREADS: Final = 2
_NICENESS: Final = 5


@dataclass(frozen=True, slots=True)
class Verdict:
    """What checking a password against a hash tells.

    ``renewed`` is a new hash of the same password, to be kept in the old one's place, where it matches and that one
    is of another form than we make.
    """

    matches: bool
    renewed: str | None = field(default=None, repr=False)


class Hashing:
    """Makes and checks hashes in a bounded number of threads, started when first needed.

    A hash takes some 20 ms of a processor and 19 MiB, whoever asks, so only so many are made at once and only so many
    wait; who comes then is sent away.

    Arguments:
        threads: how many hashes are made at once; 0: two, or one where there is one processor.
        waiting: how many more may wait for their turn.
    """

    def __init__(self, *, threads: int = 0, waiting: int = 128) -> None:
        count = threads or min(_THREADS, _processors())
        self._turns = asyncio.Semaphore(2 * count + 2)
        self._queue = waiting
        self._queued = 0
        self._places = threading.BoundedSemaphore(count + waiting)
        self._pool = ThreadPoolExecutor(count, thread_name_prefix="backstay-hash", initializer=_yield_to_others)
        self._slowest = 0.0

    async def make(self, password: str) -> str:
        """The hash to keep of a new password.

        Raises:
            Overloaded: too many wait already.
        """
        return await self._run(lambda: hashes.make_hash(password))

    async def check(self, password: str, kept: str | None) -> Verdict:
        """Whether a password is the one that a hash was made of.

        Arguments:
            password: as it was received.
            kept: the hash; None where the account has none or there is no account, which takes as long as a wrong
                password.

        Raises:
            Overloaded: too many wait already.
        """
        if len(password) > LONGEST:
            password, kept = "", None
        verdict, spent = await self._run(lambda: _check(password, kept))
        # Hashes by bcrypt, once one was met here, are not told from others by the time they take.
        if kept is not None and hashes.is_bcrypt(kept):
            self._slowest = max(self._slowest, spent)
        if not verdict.matches and spent < self._slowest:
            await asyncio.sleep(self._slowest - spent)
        return verdict

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait until there are few enough who check a password, with all that goes with it.

        What is done beside the hashing takes its time in the thread that answers all requests. So only so much of it is
        under way as keeps the hashing busy, however many come at once.

        Raises:
            Overloaded: too many wait already.
        """
        if self._queued >= self._queue and self._turns.locked():
            raise _refusal()
        self._queued += 1
        try:
            await self._turns.acquire()
        finally:
            self._queued -= 1
        try:
            yield
        finally:
            self._turns.release()

    def close(self) -> None:
        """Give up what waits, and let the threads end."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _run(self, work: Callable[[], T]) -> T:
        if not self._places.acquire(blocking=False):
            raise _refusal()
        try:
            future = self._pool.submit(work)
        except BaseException:
            self._places.release()
            raise
        # One whose caller went away frees its place only when it is done, or was not begun.
        future.add_done_callback(lambda _: self._places.release())
        return await asyncio.wrap_future(future)


def _refusal() -> Overloaded:
    return Overloaded("Too many passwords are being checked.", headers={"retry-after": "1"})


def _check(password: str, kept: str | None) -> tuple[Verdict, float]:
    """Check, and tell how much of a processor it took, in seconds."""
    began = time.thread_time()
    matches = hashes.is_match(password, hashes.decoy() if kept is None else kept) and kept is not None
    spent = time.thread_time() - began
    if matches and kept is not None and hashes.is_outdated(kept):
        return Verdict(matches=True, renewed=hashes.make_hash(password)), spent
    return Verdict(matches=matches), spent


def _processors() -> int:
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _yield_to_others() -> None:
    """Let the thread that answers requests go first. Only Linux knows a priority of one thread."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
