"""What a mounted application is told of who calls it: the caller, and a session in which their rules hold.

Both are found only when they are asked for, so an application with a sign-in of its own is left alone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import AbstractAsyncContextManager
from functools import cached_property
from typing import Any, Final, TypeAlias

from sqlalchemy.ext.asyncio import AsyncSession

from backstay.errors import BackstayError, PermissionDenied
from backstay.frontends.http import Response
from backstay.schema.caller import ANONYMOUS, Caller
from backstay.server.asgi import Application, Receive, Scope, Send

Sessions: TypeAlias = Callable[[Caller], AbstractAsyncContextManager[AsyncSession]]
Meet: TypeAlias = Callable[[Mapping[str, str]], Awaitable[None]]

VISITOR: Final = "backstay.visitor"
"""Where a request's scope has its :class:`Visitor`."""


class Visitor:
    """Who sent a request to a mounted application.

    Arguments:
        headers: the request's, as ASGI has them.
        identify: tells the caller from a request's headers, or raises.
        sessions: opens a session of a caller's.
        scopes: the names of those that let a program's key in.
    """

    def __init__(
        self,
        headers: list[tuple[bytes, bytes]],
        identify: Callable[[Mapping[str, str]], Caller],
        sessions: Sessions,
        scopes: Collection[str] = (),
    ) -> None:
        self._headers = headers
        self._identify = identify
        self._sessions = sessions
        self._scopes = scopes

    @cached_property
    def sent(self) -> Mapping[str, str]:
        """The request's headers, names in lower case, repeated ones joined."""
        found: dict[str, str] = {}
        for raw_name, raw_value in self._headers:
            name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
            found[name] = f"{found[name]}, {value}" if name in found else value
        return found

    @cached_property
    def _told(self) -> Caller:
        return self._identify(self.sent)

    @property
    def caller(self) -> Caller:
        """The caller.

        Raises:
            Unauthenticated: the request's token or key is not valid.
            PermissionDenied: it is a program's key, and none of its scopes lets it in here.
        """
        if not self._told.holds(*self._scopes):
            raise PermissionDenied("permission denied for this application")
        return self._told

    @property
    def known(self) -> Caller:
        """The caller as far as somebody has asked; else the anonymous one."""
        found: Caller = self.__dict__.get("_told", ANONYMOUS)
        return found

    def session(self) -> AbstractAsyncContextManager[AsyncSession]:
        """A session in one transaction, in which the caller's rules hold. Raises Unauthenticated, likewise."""
        return self._sessions(self.caller)


def introduce(
    application: Application,
    *,
    identify: Callable[[Mapping[str, str]], Caller],
    sessions: Sessions,
    render: Callable[[BackstayError, Caller], Response],
    meet: Meet | None = None,
    scopes: Collection[str] = (),
) -> Application:
    """A mounted application that is told of its visitors.

    Arguments:
        application: any ASGI application. One of Starlette's kind answers errors of :mod:`backstay.errors` that its
            own code raises, unless it has a handler for them itself.
        identify: tells the caller from a request's headers, or raises.
        sessions: opens a session of a caller's.
        render: words an error.
        meet: finds out what ``identify`` has to know of a request's headers.
        scopes: the names of those that let programs' keys into the application.
    """
    _answer_errors(application, render)

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            visitor = Visitor(scope["headers"], identify, sessions, scopes)
            if meet is not None:
                await meet(visitor.sent)
            scope = {**scope, VISITOR: visitor}
        await application(scope, receive, send)

    return serve


def _answer_errors(application: Any, render: Callable[[BackstayError, Caller], Response]) -> None:
    add = getattr(application, "add_exception_handler", None)
    if add is None or BackstayError in getattr(application, "exception_handlers", {}):
        return
    # Whoever has such an application has Starlette loaded already.
    from starlette.responses import Response as StarletteResponse

    async def answer(request: Any, error: BackstayError) -> StarletteResponse:
        visitor: Visitor | None = request.scope.get(VISITOR)
        response = render(error, ANONYMOUS if visitor is None else visitor.known)
        return StarletteResponse(response.body, response.status, dict(response.headers))

    add(BackstayError, answer)
