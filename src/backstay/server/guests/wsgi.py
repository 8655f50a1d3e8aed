"""WSGI applications (Flask) beside ours: a2wsgi runs them in threads, and no slow client keeps a thread waiting.

What a2wsgi leaves open is closed here. A request's body is read before a thread is taken, and so before the application
can refuse it, which is why its length is bounded; a client who leaves ends the answer, where the thread would wait
forever for what nobody takes; headers that CGI's names cannot tell apart are left out.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from typing import IO, Any, Final, TypeAlias

from backstay.errors import BackstayError, DeclarationError, TooLarge
from backstay.server.asgi import Message, Receive, Scope, Send, frame
from backstay.server.body import linger
from backstay.server.guests.visitors import VISITOR

Wsgi: TypeAlias = Callable[[Any, Callable[..., Any]], Iterable[bytes]]

SCOPE: Final = "asgi.scope"
"""Where a request's environment has its ASGI scope."""

_HELD: Final = 1024 * 1024
"""Bytes of a body up to which it is in memory; a longer one is in a file."""
_PATIENCE: Final = 8.0
"""Seconds for which a stop waits for answers under way."""
_CALL: Final = "backstay.call"


class Call:
    """One request to a WSGI application: its body, and whether its client has left."""

    def __init__(self, body: IO[bytes]) -> None:
        self.body = body
        self.left = False


class Threaded:
    """A WSGI application as an ASGI one, which runs it in threads of its own.

    Arguments:
        application: the WSGI application.
        threads: how many requests it answers at a time; others wait.
        max_body: most bytes in a request's body.

    Raises:
        DeclarationError: a2wsgi is not installed.
    """

    def __init__(self, application: Wsgi, *, threads: int, max_body: int) -> None:
        try:
            from a2wsgi import WSGIMiddleware
        except ModuleNotFoundError:
            raise DeclarationError(
                "A WSGI application is mounted, and a2wsgi is not installed.", hint="pip install 'backstay[flask]'"
            ) from None
        self._make: Callable[[], Any] = lambda: WSGIMiddleware(_watched(application), workers=threads)
        self._max_body = max_body
        self._runner: Any = None
        self._under_way: dict[asyncio.Task[None], Call] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or start and stop."""
        if scope["type"] == "http":
            await self._serve(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            await receive()
            await send({"type": "websocket.close", "code": 1000, "reason": ""})

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        self._runner = self._make()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        for call in self._under_way.values():
            call.left = True
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=_PATIENCE)
        self._runner.executor.shutdown(wait=False)
        await send({"type": "lifespan.shutdown.complete"})

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        with tempfile.SpooledTemporaryFile(max_size=_HELD) as body:
            try:
                if not await _read(receive, body, _declared(scope), self._max_body):
                    return
            except TooLarge as error:
                await _refuse(scope, receive, send, error)
                return
            call = Call(body)
            scope = {**scope, "headers": _told(scope["headers"]), _CALL: call}
            answering = asyncio.create_task(self._runner(scope, receive, _passing(send, call)))
            self._under_way[answering] = call
            leaving = asyncio.create_task(_leave(receive, call))
            try:
                await _until_done(answering, call)
            finally:
                del self._under_way[answering]
                leaving.cancel()
            await answering


def answer_errors(application: Any) -> None:
    """Have a Flask application answer errors of :mod:`backstay.errors` as REST does, unless it has a handler itself."""
    register = getattr(application, "register_error_handler", None)
    if register is None or BackstayError in application.error_handler_spec[None][None]:
        return
    # Whoever has such an application has Flask loaded already.
    from flask import request

    def answer(error: BackstayError) -> tuple[bytes, int, list[tuple[str, str]]]:
        scope = request.environ.get(SCOPE)
        if scope is None or isinstance(error, DeclarationError):
            raise error
        response = scope[VISITOR].answer(error)
        return response.body, response.status, list(response.headers)

    register(BackstayError, answer)


def _declared(scope: Scope) -> int:
    """How long a request says that its body is; the server has seen that it is a number."""
    return next((int(value) for name, value in scope["headers"] if name == b"content-length"), 0)


async def _refuse(scope: Scope, receive: Receive, send: Send, error: BackstayError) -> None:
    """Answer a request whose body is not read to its end, and let the client finish for a while."""
    response = scope[VISITOR].answer(error)
    start, content = frame(response, scope["method"], closing=scope["http_version"].startswith("1"))
    await send(start)
    await send({**content, "more_body": True})
    if not any(name == b"expect" for name, _ in scope["headers"]):
        await linger(receive)
    await send({"type": "http.response.body", "body": b""})


async def _read(receive: Receive, body: IO[bytes], declared: int, limit: int) -> bool:
    """Whether the whole body came, which is then there to be read. Raises TooLarge: it is longer than ``limit``."""
    if declared > limit:
        raise TooLarge(f"The body is longer than {limit} bytes.")
    more, size = True, 0
    while more:
        message = await receive()
        if message["type"] != "http.request":
            return False
        piece = message.get("body", b"")
        more, size = message.get("more_body", False), size + len(piece)
        if size > limit:
            raise TooLarge(f"The body is longer than {limit} bytes.")
        if size > _HELD:
            await asyncio.to_thread(body.write, piece)
        else:
            body.write(piece)
    body.seek(0)
    return True


def _told(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The headers that an environment can hold.

    ``X-User`` and ``X_User`` have one name there, so a proxy that removes the first would be tricked by the second;
    ``Proxy`` has that of a variable which HTTP clients heed.
    """
    told = [(name, value) for name, value in headers if b"_" not in name and name not in (b"proxy", b"cookie")]
    cookies = [value for name, value in headers if name == b"cookie"]
    return [*told, (b"cookie", b"; ".join(cookies))] if cookies else told


def _watched(application: Wsgi) -> Wsgi:
    """The application, whose answer ends where its client has left."""

    def answer(environment: Any, start_response: Callable[..., Any]) -> Iterator[bytes]:
        call: Call = environment[SCOPE][_CALL]
        if call.left:
            return
        environment.update({"wsgi.input": call.body, "wsgi.errors": sys.stderr, "wsgi.input_terminated": True})
        pieces = application(environment, start_response)
        try:
            for piece in pieces:
                yield piece
                if call.left:
                    return
        finally:
            getattr(pieces, "close", lambda: None)()

    return answer


def _passing(send: Send, call: Call) -> Send:
    """A way for the answer that never fails: a2wsgi's threads would wait forever."""

    async def pass_on(message: Message) -> None:
        if call.left:
            return
        try:
            await send(message)
        except Exception:  # whatever it is, nobody takes the rest
            call.left = True

    return pass_on


async def _leave(receive: Receive, call: Call) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue
    call.left = True


async def _until_done(answering: asyncio.Task[None], call: Call) -> None:
    """Wait for the thread, whatever is cancelled meanwhile: it works with the request's body."""
    cancelled = False
    while not answering.done():
        try:
            await asyncio.wait([answering])
        except asyncio.CancelledError:
            call.left = cancelled = True
    if cancelled:
        raise asyncio.CancelledError
