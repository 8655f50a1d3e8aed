"""What a mounted application is told of who calls it: the caller, and a session in which their rules hold.

Both are found only when they are asked for, so an application with a sign-in of its own is left alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from sqlalchemy.ext.asyncio import AsyncSession

from backstay.dialects.threads import Opening, call_in_loop
from backstay.errors import BackstayError, CrossSite, DeclarationError, PermissionDenied
from backstay.frontends.http import Response
from backstay.schema.caller import ANONYMOUS, Caller
from backstay.server.asgi import Application, Message, Receive, Scope, Send

if TYPE_CHECKING:
    from backstay.auth.cookies.welcome import Cookies

Sessions: TypeAlias = Callable[[Caller], AbstractAsyncContextManager[AsyncSession]]
Identify: TypeAlias = Callable[[Mapping[str, str]], Caller]
Render: TypeAlias = Callable[[BackstayError, Caller], Response]
Meet: TypeAlias = Callable[[Mapping[str, str], str], Awaitable[None]]
"""Is given a request's headers, and the address of the connection's other end."""

VISITOR: Final = "backstay.visitor"
"""Where a request's scope has its :class:`Visitor`."""


class Visitor:
    """Who sent a request to a mounted application.

    Arguments:
        headers: the request's, as ASGI has them.
        identify: tells the caller from a request's headers, or raises.
        sessions: opens a session of a caller's.
        render: words an error.
        scopes: the names of those that let a program's key in.
    """

    def __init__(
        self,
        headers: list[tuple[bytes, bytes]],
        identify: Identify,
        sessions: Sessions,
        render: Render,
        scopes: Collection[str] = (),
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._headers = headers
        self._identify = identify
        self._sessions = sessions
        self._render = render
        self._scopes = scopes
        self._refused: BackstayError | None = None
        self._told: Caller | None = None

    @cached_property
    def sent(self) -> Mapping[str, str]:
        """The request's headers, names in lower case, repeated ones joined."""
        found: dict[str, str] = {}
        for raw_name, raw_value in self._headers:
            name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
            between = "; " if name == "cookie" else ", "
            found[name] = f"{found[name]}{between}{value}" if name in found else value
        return found

    async def welcome(self, cookies: Cookies, scope: Scope) -> Sequence[tuple[str, str]]:
        """Know the visitor by the cookies of their browser, where they bring nothing else.

        Arguments:
            cookies: know them.
            scope: of the request.

        Returns:
            What the answer has to carry, so that the browser keeps its session.
        """
        kept = cookies.jar.read(self.sent)
        if "authorization" in self.sent or not (kept.access or kept.refresh):
            return ()
        try:
            # A socket is opened by GET, and then changes what it likes.
            cookies.check("POST" if scope["type"] == "websocket" else scope["method"], self.sent)
        except CrossSite as error:
            self._refused = error
            return ()
        found = await cookies.welcome(self.sent)
        if found.caller is not None:
            self.sent = {**self.sent, "authorization": f"Bearer {found.access}"}
        return found.lines

    async def meet(self, meet: Meet, scope: Scope) -> None:
        """Find out what there is to know of the visitor's headers."""
        client = scope.get("client")
        try:
            await meet(self.sent, str(client[0]) if client else "")
        except BackstayError as error:
            self._refused = error

    def _tell(self) -> Caller:
        if self._told is None:
            if self._refused is not None:
                raise self._refused
            self._told = self._identify(self.sent)
        return self._told

    @property
    def caller(self) -> Caller:
        """The caller.

        Raises:
            Unauthenticated: the request's token or key is not valid.
            PermissionDenied: it is a program's key, and none of its scopes lets it in here.
            CrossSite: another site made the visitor's browser send it.
        """
        # no lock may be held in a thread that waits for the loop, as `cached_property` would until Python 3.12
        told = self._told or call_in_loop(self._loop, self._tell)
        if not told.holds(*self._scopes):
            raise PermissionDenied("permission denied for this application")
        return told

    @property
    def known(self) -> Caller:
        """The caller as far as somebody has asked; else the anonymous one."""
        return self._told or ANONYMOUS

    def session(self) -> Opening:
        """A session in one transaction, in which the caller's rules hold. Raises Unauthenticated, likewise."""
        return Opening(self._loop, self._sessions(self.caller))

    def answer(self, error: BackstayError) -> Response:
        """An error that the application's own code raised, worded as REST words it."""
        return self._render(error, self.known)


def visitor_in(scope: Any, door: str) -> Visitor:
    """The visitor of the request that an ASGI scope describes.

    Arguments:
        scope: of the request; anything else where there is none.
        door: the module that asks, for the error.

    Raises:
        DeclarationError: the application is not mounted.
    """
    visitor = scope.get(VISITOR) if isinstance(scope, dict) else None
    if not isinstance(visitor, Visitor):
        raise DeclarationError(
            f"backstay.{door} knows the callers of mounted applications only.", hint='app.mount("/path", application)'
        )
    return visitor


def introduce(
    application: Application,
    *,
    identify: Identify,
    sessions: Sessions,
    render: Render,
    meet: Meet | None = None,
    scopes: Collection[str] = (),
    cookies: Cookies | None = None,
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
        cookies: know callers by their browsers; None: they are known by tokens and keys alone.
    """
    _answer_errors(application, render)

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            visitor = Visitor(scope["headers"], identify, sessions, render, scopes)
            if meet is not None:
                await visitor.meet(meet, scope)
            lines = () if cookies is None else await visitor.welcome(cookies, scope)
            send = _adding(lines, send) if lines else send
            scope = {**scope, VISITOR: visitor}
        await application(scope, receive, send)

    return serve


def _adding(lines: Sequence[tuple[str, str]], send: Send) -> Send:
    """A way on which an answer gets further headers, and is kept by nobody."""
    extra = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in lines]

    async def pass_on(message: Message) -> None:
        if message["type"] in ("http.response.start", "websocket.accept"):
            headers = [*message.get("headers", ()), *extra, (b"cache-control", b"no-store")]
            message = {**message, "headers": headers}
        await send(message)

    return pass_on


def _answer_errors(application: Any, render: Render) -> None:
    add = getattr(application, "add_exception_handler", None)
    if add is None or BackstayError in getattr(application, "exception_handlers", {}):
        return
    # Whoever has such an application has Starlette loaded already.
    from starlette.responses import Response as StarletteResponse

    async def answer(request: Any, error: BackstayError) -> StarletteResponse:
        visitor: Visitor | None = request.scope.get(VISITOR)
        response = render(error, ANONYMOUS) if visitor is None else visitor.answer(error)
        return StarletteResponse(response.body, response.status, dict(response.headers))

    add(BackstayError, answer)
