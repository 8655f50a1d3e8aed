"""The front door: what every request passes on its way to a front end, a mounted application or a page.

A plain ASGI application, with nothing between the server and a front end but what this module does: refuse what HTTP
forbids, tell the caller, read the body, keep to the limits, answer browsers, and turn every error into an answer.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, TypeAlias

from backstay.auth.limits.who import Network, client_address, read_networks
from backstay.dialects.rowwise.spool import Spool
from backstay.errors import (
    BackstayError,
    DeclarationError,
    Forbidden,
    LengthRequired,
    MethodNotAllowed,
    NotFound,
    Overloaded,
    TooSlow,
    Unauthenticated,
)
from backstay.frontends.http import Request, Response, Spooled
from backstay.observe import (
    AccessDenied,
    CallerLeft,
    RequestFailed,
    RequestFinished,
    RequestRefused,
    TokenRefused,
    is_observed,
    observe,
)
from backstay.schema.caller import ANONYMOUS, Caller
from backstay.server.admission.admission import Admission, Waiting
from backstay.server.admission.refusal import WITHOUT_BODY, Refusal, rough_head
from backstay.server.asgi import Message, Receive, Scope, Send, frame, send_spool
from backstay.server.body import drain, linger, read_body
from backstay.server.cors import Cors, is_preflight
from backstay.server.guests.mounts import Mount, check_prefixes, enter_mount, find_mount
from backstay.server.guests.visitors import Meet
from backstay.server.head import Head, read_head
from backstay.server.lifespan import LIVE, READY, Health, Lifespan, Step, answer_lifespan
from backstay.server.pages import answer_page
from backstay.server.watch import Visit, Watch
from backstay.settings import Settings

Answering: TypeAlias = Coroutine[Any, Any, Response]
Answer: TypeAlias = Callable[[Request, Caller], Answering]
Prepared: TypeAlias = Callable[[str, str, Mapping[bytes, bytes], Caller], Response | Answering | None]
PreparedWrite: TypeAlias = Callable[[str, str, str, Mapping[bytes, bytes], bytes, Caller], Answering | None]
Identify: TypeAlias = Callable[[Mapping[str, str]], Caller]
Recall: TypeAlias = Callable[[Mapping[bytes, bytes]], Caller | None]
Render: TypeAlias = Callable[[BackstayError, Caller], Response]

_LAST_RESORT: Final = Response(
    500, (("content-type", "application/json; charset=utf-8"),), b'{"code":"BS500","message":"Internal error."}'
)


@dataclass(frozen=True, slots=True)
class FrontEnd:
    """A protocol under its prefix (``/rest/v1``).

    ``answer`` gets every request below the prefix, with the prefix taken off its path. ``render`` words an error in
    the protocol's own way (None: as the front door does). ``prepared`` is given the path, the query string and the raw
    headers of a GET first, and answers it by itself if it can, at once or when it is awaited. So is ``prepared_write``,
    with the method before and the body behind them, for a request with a body that is in memory. ``is_open`` tells, by
    method and path, where anybody may ask: there a token that is no good does not keep its holder out.
    """

    prefix: str
    answer: Answer
    render: Render | None = None
    prepared: Prepared | None = None
    prepared_write: PreparedWrite | None = None
    is_open: Callable[[str, str], bool] | None = None


class Edge:
    """The ASGI application that servers run.

    Arguments:
        front_ends: the protocols served, each under its prefix.
        identify: tells the caller from a request's headers, or raises.
        recall: tells the caller from headers that were sent before (None: nobody remembers).
        meet: finds out what ``identify`` has to know of headers that are not remembered, and who sends them (None:
            nothing).
        render: words an error; it gets a BackstayError always.
        settings: ``max_body``, ``max_url``, ``max_delay``, ``cors_origins`` and ``trusted_proxies`` are read.
        mounts: applications beside ours.
        pages: ready answers by exact path, for GET and HEAD.
        on_start, on_stop: the steps that open and close what the front ends need.
        ready: whether requests can be served now, for ``/health/ready``; raising means no.
        waiting: how many requests wait for the database, and for how long.
        chunked: accept bodies that come in chunks, without a Content-Length, over HTTP/1.1. Only behind a server that
            shows both headers where both were sent: granian shows one, so a request that two readers would cut
            differently cannot be told from an honest one, and all are refused with 411.
        patience: how long a request's body may take to arrive.

    Raises:
        DeclarationError: two of them claim the same prefix, or one is no prefix; a trusted proxy is no network.
    """

    def __init__(
        self,
        front_ends: Sequence[FrontEnd],
        *,
        identify: Identify,
        recall: Recall | None = None,
        meet: Meet | None = None,
        render: Render,
        settings: Settings,
        mounts: Sequence[Mount] = (),
        pages: Mapping[str, Response] | None = None,
        on_start: Sequence[Step] = (),
        on_stop: Sequence[Step] = (),
        ready: Callable[[], Awaitable[bool]] | None = None,
        waiting: Waiting | None = None,
        chunked: bool = False,
        patience: timedelta = timedelta(seconds=30),
    ) -> None:
        guests = [Mount(mount.prefix.rstrip("/"), mount.application) for mount in mounts]
        check_prefixes([*(end.prefix for end in front_ends), *(guest.prefix for guest in guests)])
        # The longest prefix first, so that the first that matches is the closest.
        ends = sorted(front_ends, key=lambda end: len(end.prefix), reverse=True)
        self._front_ends = tuple((f"{end.prefix}/", end) for end in ends)
        self._mounts = tuple(sorted(guests, key=lambda guest: len(guest.prefix), reverse=True))
        self._pages = dict(pages or {})
        self._identify = identify
        self._recall = recall or (lambda headers: None)
        self._meet = meet
        self._render = render
        self._max_url = settings.max_url
        self._max_body = settings.max_body
        self._cors = Cors(settings.cors_origins)
        self._proxies = _read_proxies(settings.trusted_proxies)
        self._chunked = chunked
        self._admission = Admission(settings.max_delay.total_seconds(), waiting)
        self._refusal = Refusal(lambda: self._word(render, Overloaded(), ANONYMOUS), self._cors)
        self._watch = Watch(patience.total_seconds())
        self._health = Health(ready)
        self._lifespan = Lifespan(on_start, on_stop, self._mounts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, one socket, or the server's own start and stop."""
        if scope["type"] == "http":
            admission = self._admission
            admission.seen += 1
            if time.monotonic() > admission.until and admission.refuses(scope):
                await self._turn_away(scope, receive, send)
                return
            try:
                head = read_head(scope, self._max_url)
            except BackstayError as error:
                await self._refuse(scope, send, error)
                return
            for below, front_end in self._front_ends:
                if head.path.startswith(below) or head.path == front_end.prefix:
                    await self._serve_front_end(front_end, head, receive, send)
                    return
            await self._serve_other(head, scope, receive, send)
        elif scope["type"] == "websocket":
            await self._serve_socket(scope, receive, send)
        elif scope["type"] == "lifespan":
            shared = scope.get("state", {})
            await answer_lifespan(receive, send, lambda: self.start(shared), self.stop)

    async def start(self, shared: dict[str, object] | None = None) -> None:
        """Open everything, as the server's lifespan does; for those who call the application without a server.

        Raises:
            Exception: whatever a step of the start raised; all is closed again by then.
        """
        await self._lifespan.start({} if shared is None else shared)
        self._health.open = True

    async def stop(self) -> None:
        """Close everything."""
        self._health.open = False
        await self._lifespan.stop()

    # One request ---------------------------------------------------------------------------------------------

    async def _serve_other(self, head: Head, scope: Scope, receive: Receive, send: Send) -> None:
        ours = head.path in self._pages or head.path in (LIVE, READY)
        mount = None if ours else find_mount(self._mounts, head.path)
        if mount is None:
            await self._serve_own(head, receive, send)
        else:
            await self._serve_mount(mount, head, scope, receive, send)

    async def _refuse(self, scope: Scope, send: Send, error: BackstayError) -> None:
        """Answer a request that could not even be read; what follows it on the connection cannot be trusted."""
        method, path = str(scope.get("method", "")), str(scope.get("path", ""))[:200]
        observe(RequestRefused(method, path, error.status, error.message))
        origin = next((value for name, value in scope["headers"] if name == b"origin"), None)
        head = Head(
            method, path, "", {} if origin is None else {b"origin": origin}, 0, scope.get("http_version", "1.1")
        )
        await self._send(send, self._word(self._render, error, ANONYMOUS), head, closing=True)

    async def _turn_away(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse a request that came when too many waited already."""
        ready = self._refusal.ready(scope)
        if ready is None:
            await self._send_unread(self._refusal.response, rough_head(scope), receive, send)
            return
        await send(ready[0])
        await send(ready[1])
        if scope["method"] not in WITHOUT_BODY:
            await self._refusal.hold()

    async def _tell_caller(self, front_end: FrontEnd, head: Head) -> Caller:
        if self._meet is not None:
            await self._meet(head.headers, head.address)
        try:
            return self._identify(head.headers)
        except Unauthenticated:
            is_open = front_end.is_open
            if is_open is None or not is_open(head.method, _path(front_end, head)):
                raise
            # Clients show the token that they have, also when they ask for a new one in its place; and whoever follows
            # a link from a mail shows nothing.
            headers = {name: value for name, value in head.headers.items() if name != "authorization"}
            return self._identify(headers) if "apikey" in headers else ANONYMOUS

    async def _serve_front_end(self, front_end: FrontEnd, head: Head, receive: Receive, send: Send) -> None:
        began = time.perf_counter()
        if head.method == "OPTIONS" and is_preflight(head.method, head.headers):
            await self._send_unread(self._cors.answer_preflight(head.headers), head, receive, send)
            return
        visit = self._watch.enter(receive, reading=True) if head.length != 0 else None
        caller = ANONYMOUS
        closing = unread = False
        body: bytes | Spool = b""
        try:
            caller = self._recall(head.raw) or await self._tell_caller(front_end, head)
            if visit is not None:
                body = await self._read(visit, head)
                response = await self._answer_body(front_end, head, body, caller)
            else:
                found = None
                if front_end.prepared is not None and head.method == "GET":
                    found = front_end.prepared(_path(front_end, head), head.query, head.raw, caller)
                if isinstance(found, Response):
                    response = found
                else:
                    visit = self._watch.enter(receive, reading=False)
                    response = await (found or front_end.answer(self._request(front_end, head), caller))
        except asyncio.CancelledError:
            if visit is None or not visit.left:
                raise
            observe(CallerLeft(head.method, head.path, (time.perf_counter() - began) * 1000))
            return
        except Exception as error:
            self._report(error, head, caller)
            response = self._word(front_end.render or self._render, error, caller)
            unread = not await _is_drained(visit, head)
            closing = unread or isinstance(error, LengthRequired)
        finally:
            if visit is not None:
                self._watch.leave(visit)
            if body.__class__ is Spool:
                body.close()
        start, content = self._frame(response, head, closing)
        if response.spool is not None:
            await self._send_spool(start, response.spool, head, send)
        else:
            await send(start)
            await (_send_and_linger(content, head, receive, send) if unread else send(content))
        if is_observed(RequestFinished):
            self._finish(head, head.path, response.status, began, caller)

    def _answer_body(self, front_end: FrontEnd, head: Head, body: bytes | Spool, caller: Caller) -> Answering:
        if front_end.prepared_write is not None and isinstance(body, bytes):
            found = front_end.prepared_write(head.method, _path(front_end, head), head.query, head.raw, body, caller)
            if found is not None:
                return found
        return front_end.answer(self._request(front_end, head, body), caller)

    async def _send_spool(self, start: Message, spool: Spool, head: Head, send: Send) -> None:
        try:
            await send_spool(start, spool, send)
        except Exception as error:
            observe(RequestFailed(head.method, head.path, error))
            raise

    def _request(self, front_end: FrontEnd, head: Head, body: bytes | Spool = b"") -> Request:
        address = head.address
        if self._proxies:
            address = client_address(address, head.headers.get("x-forwarded-for"), self._proxies)
        if isinstance(body, Spool):
            return Spooled(head.method, _path(front_end, head), head.query, head.headers, body, address)
        return Request(head.method, _path(front_end, head), head.query, head.headers, body, address)

    async def _read(self, visit: Visit, head: Head) -> bytes | Spool:
        try:
            body = await read_body(visit.receive, head.length, self._max_body)
        except asyncio.CancelledError:
            if visit.slow:
                raise TooSlow from None
            raise
        visit.reading = False
        if head.length is None and head.version == "1.1" and not self._chunked:
            if isinstance(body, Spool):
                body.close()
            raise LengthRequired
        return body

    def _frame(self, response: Response, head: Head, closing: bool) -> tuple[Message, Message]:
        extra = self._cors.answer(head.raw.get(b"origin"))
        closing = closing and not head.version.startswith(("2", "3"))
        try:
            return frame(response, head.method, extra=extra, closing=closing)
        except ValueError as error:
            observe(RequestFailed(head.method, head.path, error))
            return frame(_LAST_RESORT, head.method, extra=extra, closing=closing)

    async def _send(self, send: Send, response: Response, head: Head, *, closing: bool) -> None:
        for message in self._frame(response, head, closing):
            await send(message)

    # What is ours, but no front end ----------------------------------------------------------------------------

    async def _serve_own(self, head: Head, receive: Receive, send: Send) -> None:
        """Answer with a page, the state of health, or that there is nothing here."""
        began = time.perf_counter()
        page = self._pages.get(head.path)
        if page is None and head.path not in (LIVE, READY):
            if is_preflight(head.method, head.headers):
                response = self._cors.answer_preflight(head.headers)
            else:
                response = self._word(self._render, NotFound(), ANONYMOUS)
        elif head.method not in ("GET", "HEAD"):
            error = MethodNotAllowed(f"Unsupported HTTP method: {head.method}", allow=("GET", "HEAD"))
            response = self._word(self._render, error, ANONYMOUS)
        elif page is not None:
            response = answer_page(page, head.headers)
        else:
            response = await self._health.answer(head.path)
        await self._send_unread(response, head, receive, send)
        self._finish(head, head.path, response.status, began, ANONYMOUS)

    async def _send_unread(self, response: Response, head: Head, receive: Receive, send: Send) -> None:
        """Send an answer that was made without reading the request's body."""
        visit = self._watch.enter(receive, reading=True)
        try:
            drained = await _is_drained(visit, head)
        finally:
            self._watch.leave(visit)
        start, content = self._frame(response, head, not drained)
        await send(start)
        await (send(content) if drained else _send_and_linger(content, head, receive, send))

    # What is mounted -------------------------------------------------------------------------------------------

    async def _serve_mount(self, mount: Mount, head: Head, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.perf_counter()
        status = 0

        async def note_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await mount.application(enter_mount(scope, mount), receive, note_status)
        except Exception as error:
            observe(RequestFailed(head.method, mount.prefix, error))
            if status != 0:
                raise
            status = 500
            await self._send(send, self._word(self._render, error, ANONYMOUS), head, closing=True)
        self._finish(head, mount.prefix, status, began, ANONYMOUS)

    async def _serve_socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a web socket to the application it is for; there are no others."""
        try:
            head = read_head(scope, self._max_url)
        except BackstayError as error:
            observe(RequestRefused("GET", str(scope.get("path", ""))[:200], error.status, error.message))
            mount = None
        else:
            mount = find_mount(self._mounts, head.path)
        if mount is None:
            await receive()
            await send({"type": "websocket.close", "code": 1000, "reason": ""})
            return
        try:
            await mount.application(enter_mount(scope, mount), receive, send)
        except Exception as error:
            observe(RequestFailed("GET", mount.prefix, error))
            raise

    # Errors ----------------------------------------------------------------------------------------------------

    def _word(self, render: Render, error: BaseException, caller: Caller) -> Response:
        """The error as an answer. One that is nobody's business outside is only that: an internal error."""
        known = error if isinstance(error, BackstayError) else BackstayError()
        try:
            return render(known, caller)
        except Exception as failure:
            observe(RequestFailed("", "", failure))
            return _LAST_RESORT

    def _report(self, error: Exception, head: Head, caller: Caller) -> None:
        if not isinstance(error, BackstayError) or error.status >= 500:
            observe(RequestFailed(head.method, head.path, error))
        elif isinstance(error, Unauthenticated):
            observe(TokenRefused(head.path, error.code, error.message))
        elif isinstance(error, Forbidden):
            observe(AccessDenied(head.path, error.code, caller.role.value))

    def _finish(self, head: Head, route: str, status: int, began: float, caller: Caller) -> None:
        if is_observed(RequestFinished):
            milliseconds = (time.perf_counter() - began) * 1000
            observe(RequestFinished(head.method, route, status, milliseconds, caller.role.value))


def _read_proxies(texts: Sequence[str]) -> tuple[Network, ...]:
    try:
        return read_networks(texts)
    except ValueError as error:
        raise DeclarationError(f"trusted_proxies: {error}") from None


def _path(front_end: FrontEnd, head: Head) -> str:
    return head.path[len(front_end.prefix) :] or "/"


async def _is_drained(visit: Visit | None, head: Head) -> bool:
    """Whether nothing of the request is left on the connection, having dropped what was little."""
    if visit is None or not visit.reading or head.length == 0:
        return True
    if visit.slow:
        return False
    try:
        return await drain(visit.receive, head.length)
    except asyncio.CancelledError:
        if visit.slow:
            return False
        raise


async def _send_and_linger(content: Message, head: Head, receive: Receive, send: Send) -> None:
    """Send the whole answer, but end it only when the client has stopped sending, or had time to."""
    if b"expect" in head.raw:
        await send(content)
        return
    await send({**content, "more_body": True})
    await linger(receive)
    await send({"type": "http.response.body", "body": b""})
