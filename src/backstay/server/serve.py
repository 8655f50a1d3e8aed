"""Run an ASGI application: ``serve`` in processes of its own, ``serving`` within this one. The server is granian."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import functools
import gc
import importlib
import importlib.util
import logging
import multiprocessing
import os
import signal
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing.synchronize import Event
from typing import TYPE_CHECKING, Any, Final, cast

from backstay.errors import DeclarationError
from backstay.observe import ServerInformed, ServerWarned, StartFailed, is_observed, observe, start_logging
from backstay.server.asgi import Application, Message, Receive, Scope, Send
from backstay.server.guests.mounts import Guest, Mount

if TYPE_CHECKING:
    from granian.constants import Loops

_BUFFER: Final = 256 * 1024
"""Bytes that granian may hold of a request's head, or of a body's next piece."""
_BACKLOG: Final = 4096
"""Connections that may wait to be accepted."""
_OWN_FILES: Final = 256
"""Files that a worker may want open beside its clients' connections."""
_PR_SET_PDEATHSIG: Final = 1
_MOST_RESPAWNS: Final = 8
_RESPAWNS_WITHIN: Final = 30.0
_RETRY: Final = 6.0
"""Seconds between two tries to start a worker; longer than what granian takes for a crash loop."""


class ServerLog(logging.Handler):
    """Turns what granian logs into observations, so that one process writes one kind of log."""

    def emit(self, record: logging.LogRecord) -> None:
        """Observe what a record says."""
        kind = ServerWarned if record.levelno >= logging.WARNING else ServerInformed
        observe(kind(record.getMessage()))


def serve(
    target: str | Callable[[], Application],
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    workers: int = 1,
    connections: int = 10_000,
    log_level: str = "info",
    grace: timedelta = timedelta(seconds=30),
    refuse: Callable[[Exception], None] | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT.

    Each worker is a process that loads the application for itself. One that dies is replaced; all of them end with
    the process that started them, even if that one is killed.

    Arguments:
        target: ``module:name`` of an ASGI application, or a function that makes it in each worker (it is pickled
            where processes do not fork, so a lambda will not do).
        host, port: where to listen.
        workers: how many processes serve.
        connections: most connections of clients per worker, idle ones included; fewer where fewer files may be open.
        log_level: least severity that is logged, where nothing logs yet.
        grace: how long requests under way may take to finish when the server stops.
        refuse: says why the application could not be made (pickled as ``target`` is); None: the log does.

    Raises:
        DeclarationError: the address cannot be listened on.
        SystemExit: with 1, when a worker could not be started, or died again and again.
    """
    from granian.constants import Interfaces
    from granian.http import HTTP1Settings
    from granian.server import Server

    _start_logging(log_level)
    server = Server(
        target if isinstance(target, str) else "application",
        address=_find_address(host, port),
        port=port,
        interface=Interfaces.ASGI,
        loop=_find_loop(),
        workers=workers,
        backlog=_BACKLOG,
        backpressure=_allow_files(connections),
        http1_settings=HTTP1Settings(max_buffer_size=_BUFFER),
        log_dictconfig=_log_config(),
        respawn_failed_workers=True,
        workers_kill_timeout=max(1, int(grace.total_seconds())),
    )
    server.respawned_wrks = _Respawns()
    load = functools.partial(_import, target) if isinstance(target, str) else target
    worker = _make_worker(load, log_level, refuse or _log_failure)
    # Workers that fork share what is here: a collector that went through it would make copies.
    gc.freeze()
    server.serve(target_loader=worker.load_application, wrap_loader=False)
    if worker.failed.is_set():
        raise SystemExit(1)


@contextlib.asynccontextmanager
async def serving(application: Application, *, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
    """Serve within this event loop, for as long as the block runs: for development and tests.

    Arguments:
        application: the ASGI application.
        host: the address to listen on.
        port: the port to listen on; 0: any that is free.

    Returns:
        The server's address, such as ``http://127.0.0.1:8000``.

    Raises:
        DeclarationError: the application did not start, or the address cannot be listened on.
    """
    from granian.constants import Interfaces
    from granian.http import HTTP1Settings
    from granian.server.embed import Server

    chosen = port or _find_port(host)
    address = _find_address(host, chosen)
    lifespan = Guest(Mount("", application))
    shared: dict[str, object] = {}
    await lifespan.start(shared)

    async def with_state(scope: Any, receive: Any, send: Any) -> None:
        scope["state"] = dict(shared)
        await application(scope, receive, send)

    server: Any = Server(
        with_state,
        address=address,
        port=chosen,
        interface=Interfaces.ASGINL,
        http1_settings=HTTP1Settings(max_buffer_size=_BUFFER),
        log_enabled=False,
    )
    running = asyncio.create_task(server.serve())
    try:
        await _await_listening(address, chosen, running)
        yield f"http://{f'[{address}]' if ':' in address else address}:{chosen}"
    finally:
        server.stop()
        await running
        await lifespan.stop()


# In the worker -----------------------------------------------------------------------------------------------


class _Respawns(dict[int, float]):
    """When each worker was replaced last, as granian keeps it, but forgiving.

    Granian stops the whole server when one worker dies twice within seconds. One that is killed now and then should
    only be replaced; one that dies on and on is a reason to stop.
    """

    def __init__(self) -> None:
        super().__init__()
        self._recent: deque[float] = deque(maxlen=_MOST_RESPAWNS)

    def __setitem__(self, worker: int, when: float) -> None:
        self._recent.append(when)
        super().__setitem__(worker, when)

    def get(self, worker: int, default: Any = None) -> Any:
        crowded = len(self._recent) == _MOST_RESPAWNS and time.monotonic() - self._recent[0] < _RESPAWNS_WITHIN
        return super().get(worker, default) if crowded else default


@dataclass(frozen=True, slots=True)
class _Worker:
    """What a worker has to know: how to make the application, and what to do when it does not start.

    ``served`` says that some worker has served before. A worker that fails to start before that stops the server, for
    the program or its settings are wrong. One that fails later waits for better days, while the others go on.
    """

    load: Callable[[], Application]
    refuse: Callable[[Exception], None]
    log_level: str
    parent: int
    served: Event
    failed: Event

    def load_application(self) -> Application:
        """Make the application, in the worker's own process."""
        # What is made now stays: to look for garbage in it again and again takes a tenth of the start.
        gc.disable()
        _die_with(self.parent)
        _start_logging(self.log_level)
        try:
            application = self.load()
        except Exception as error:
            (_log_failure if self.served.is_set() else self.refuse)(error)
            self.give_up()
            raise SystemExit(1) from None

        def watched(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
            if scope["type"] == "lifespan":
                return application(scope, receive, functools.partial(self.watch_start, send))
            return application(scope, receive, send)

        return watched

    async def watch_start(self, send: Send, message: Message) -> None:
        """Pass on what the application says of its start, and act on it."""
        if message["type"] == "lifespan.startup.complete":
            # From here on collections go through what requests made, and never through the program.
            gc.freeze()
            gc.enable()
            self.served.set()
        elif message["type"] == "lifespan.startup.failed":
            self.give_up()
        await send(message)

    def give_up(self) -> None:
        """Stop the server that never served, or wait before the next try."""
        if self.served.is_set():
            time.sleep(_RETRY)
        else:
            self.failed.set()
            os.kill(self.parent, signal.SIGTERM)


def _find_loop() -> Loops:
    """The fastest event loop that is there: uvloop is no part of what is installed on Windows and PyPy."""
    from granian.constants import Loops

    return Loops.uvloop if importlib.util.find_spec("uvloop") else Loops.asyncio


def _log_failure(error: Exception) -> None:
    observe(StartFailed(error))


def _make_worker(load: Callable[[], Application], log_level: str, refuse: Callable[[Exception], None]) -> _Worker:
    method = multiprocessing.get_start_method()
    processes = multiprocessing.get_context(method if method in ("fork", "spawn") else "spawn")
    return _Worker(load, refuse, log_level, parent=os.getpid(), served=processes.Event(), failed=processes.Event())


def _import(target: str) -> Application:
    module, _, name = target.partition(":")
    found = importlib.import_module(module)
    for part in (name or "app").split("."):
        found = getattr(found, part)
    return cast("Application", found)


def _die_with(parent: int) -> None:
    """Have this process end when its parent ends, however that ends; an orphan would keep the port.

    It is killed, not asked to stop: nobody is left to see to it that it does.
    """
    # A fork inherits the parent's handlers, which would swallow a signal until granian sets the worker's own.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it ended before this line
            os.kill(os.getpid(), signal.SIGKILL)
    elif sys.platform != "win32":
        threading.Thread(target=_watch_parent, args=(parent,), daemon=True).start()


def _watch_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os.kill(os.getpid(), signal.SIGKILL)


def _allow_files(connections: int) -> int:
    """Let this process and its workers open as many files as connections need; how many connections that allows."""
    try:
        import resource
    except ImportError:  # Windows knows no such limit
        return max(connections, 1)
    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + _OWN_FILES
    if most != resource.RLIM_INFINITY:
        wanted = min(wanted, most)
    if allowed != resource.RLIM_INFINITY and allowed < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
    return max(min(connections, wanted - _OWN_FILES), 1)


# Logs and addresses ------------------------------------------------------------------------------------------


def _start_logging(level: str) -> None:
    if not is_observed(StartFailed):
        start_logging(level)


def _log_config() -> dict[str, Any]:
    handler = {"class": "backstay.server.serve.ServerLog"}
    names = ("_granian", "granian.access")
    return {
        "formatters": {},
        "handlers": {"observe": handler},
        "loggers": {name: {"handlers": ["observe"], "level": "INFO", "propagate": False} for name in names},
    }


def _find_address(host: str, port: int) -> str:
    """The numeric address of ``host``, having seen that nobody listens there.

    Workers share a port, so two servers on one port would both be content, and each would get half of the requests.
    """
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            if os.name == "posix":
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(place)
    except (OSError, OverflowError) as error:
        words = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise DeclarationError(f"Cannot listen on {host}:{port}: {words}", hint="Choose another --port.") from None
    return str(place[0])


def _find_port(host: str) -> int:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


async def _await_listening(address: str, port: int, running: asyncio.Task[None]) -> None:
    while not running.done():
        try:
            _, writer = await asyncio.open_connection(address, port)
        except OSError:
            await asyncio.sleep(0.005)
        else:
            writer.close()
            return
    raise DeclarationError(f"The server on {address}:{port} stopped at once.") from running.exception()
