"""Sessions for code that runs in threads: what they ask of their database is awaited in the event loop meanwhile.

A thread gets the ordinary :class:`sqlalchemy.orm.Session` that an ``AsyncSession`` is made of. Its connections belong
to the event loop, so the few methods by which a driver is reached are ``bridged``: called in a thread, they run in the
loop, and the thread waits. Nothing above them differs: lazy loads, flushes, savepoints, streamed results.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from contextvars import Context, copy_context
from functools import partial, wraps
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session
from sqlalchemy.util.concurrency import greenlet_spawn, in_greenlet

from backstay.errors import DeclarationError

T = TypeVar("T")
P = ParamSpec("P")
S = TypeVar("S")


def is_here(loop: asyncio.AbstractEventLoop) -> bool:
    """Whether it is this loop that runs the present code."""
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False


def wait_in_thread(loop: asyncio.AbstractEventLoop, work: Awaitable[T]) -> T:
    """Have something awaited in a loop, and wait for it in this thread, which is not the loop's.

    What it sets of context variables is set here, too.
    """
    found: Context | None = None

    async def awaited() -> T:
        nonlocal found
        try:
            return await work
        finally:
            found = copy_context()

    try:
        return asyncio.run_coroutine_threadsafe(awaited(), loop).result()
    finally:
        for variable, value in () if found is None else found.items():
            if variable.get(None) is not value:
                variable.set(value)


def call_in_loop(loop: asyncio.AbstractEventLoop, call: Callable[[], T]) -> T:
    """What ``call`` returns or raises, called where a loop runs, from whatever thread."""

    async def called() -> T:
        return call()

    return call() if is_here(loop) or not loop.is_running() else wait_in_thread(loop, called())


def bridged(method: Callable[Concatenate[S, P], T]) -> Callable[Concatenate[S, P], T]:
    """A method that awaits, as SQLAlchemy's adapters do, callable from threads as well; its object has a ``loop``."""

    @wraps(method)
    def call(this: S, /, *arguments: P.args, **named: P.kwargs) -> T:
        loop: asyncio.AbstractEventLoop = this.loop  # type: ignore[attr-defined]
        # a loop that has stopped cannot be waited for: it is the garbage collector that calls
        if in_greenlet() or is_here(loop) or not loop.is_running():
            return method(this, *arguments, **named)
        return wait_in_thread(loop, greenlet_spawn(partial(method, this, *arguments, **named)))

    return call


class ThreadableSession(Session):
    """A session that may be used in threads: what gives its connection back does so in the loop, where the pool is."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.loop = asyncio.get_running_loop()

    commit = bridged(Session.commit)
    rollback = bridged(Session.rollback)
    close = bridged(Session.close)
    reset = bridged(Session.reset)
    invalidate = bridged(Session.invalidate)


class Opening(AbstractContextManager[Session], AbstractAsyncContextManager[AsyncSession]):
    """A session to be opened: by ``async with`` in the event loop, by ``with`` in a thread.

    Arguments:
        loop: of the application.
        opened: makes the session, in one transaction.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, opened: AbstractAsyncContextManager[AsyncSession]) -> None:
        self._loop = loop
        self._opened = opened

    async def __aenter__(self) -> AsyncSession:
        """Open it, in the event loop.

        Raises:
            DeclarationError: this is another loop than the application's.
        """
        if not is_here(self._loop):
            raise DeclarationError(
                "A session cannot be opened in another event loop than the application's.",
                hint="Open it by a plain `with`.",
            )
        return await self._opened.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        """Commit, or roll back what is left by an exception."""
        return await self._opened.__aexit__(kind, error, trace)

    def __enter__(self) -> Session:
        """Open it, in a thread.

        Raises:
            DeclarationError: this is the event loop, which must not wait.
        """
        if is_here(self._loop):
            raise DeclarationError(
                "A session was opened by a plain `with` in asynchronous code.", hint="Write `async with`."
            )
        return wait_in_thread(self._loop, self._open()).sync_session

    async def _open(self) -> AsyncSession:
        session = await self._opened.__aenter__()
        try:
            # a thread finds the connection there: the pool is the loop's
            await session.connection()
        except BaseException as error:
            await self._opened.__aexit__(type(error), error, error.__traceback__)
            raise
        return session

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        """Commit, or roll back what is left by an exception."""
        return wait_in_thread(self._loop, self._opened.__aexit__(kind, error, trace))
