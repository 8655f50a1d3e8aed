"""The bare loop, the limit: a server, a driver and Backstay's statements as text. Nothing is parsed, checked or asked.

On SQLite it reads in the event loop and commits what waits together; on PostgreSQL it has ten connections.
"""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Protocol
from uuid import uuid4

import apsw
import asyncpg
import orjson

Statement = tuple[str, list[Callable[["Call"], Any]]]
STATEMENTS: dict[str, list[tuple[str, list[Any]]]] = json.loads(Path(os.environ["BENCH_STATEMENTS"]).read_text())
CONNECTIONS = 10


class Call:
    """One request: the values that its statements take."""

    def __init__(self, caller: str, value: str, body: bytes) -> None:
        self.caller = caller
        self.value = value
        document = orjson.loads(body) if body else None
        self.rows: list[Any] = document if isinstance(document, list) else [document]
        self.keys = [str(uuid4()) for _ in self.rows]


def reader(parameter: Any) -> Callable[[Call], Any]:
    """What gives a parameter its value."""
    if not isinstance(parameter, dict):
        return lambda call: parameter
    match parameter["mark"]:
        case "caller":
            return lambda call: call.caller
        case "value":
            return lambda call: call.value
        case "number":
            return lambda call: int(call.value)
        case "cell":
            return lambda call: _cell(call, 0, parameter["cell"])
        case "website":
            return lambda call: call.rows[0]["website"]
        case _:
            return lambda call: _rows(call, parameter["item"])


def _rows(call: Call, item: Any) -> str:
    rows = [_row(call, number, item) for number in range(len(call.rows))]
    return orjson.dumps(rows).decode()


def _row(call: Call, number: int, item: Any) -> Any:
    if isinstance(item, dict):
        return {name: _cell(call, number, place) for name, place in item.items()}
    return [_cell(call, number, place) for place in item]


def _cell(call: Call, number: int, place: str) -> Any:
    match place:
        case "key":
            return call.keys[number]
        case "number":
            return number
        case "filters_text":
            return orjson.dumps(call.rows[number]["filters"]).decode()
        case _:
            return call.rows[number][place]


class Store(Protocol):
    """A database, as bare as the loop."""

    async def read(self, statement: Statement, call: Call) -> Sequence[Any]:
        """The one row of a read."""
        ...

    async def write(self, statements: list[Statement], call: Call) -> Sequence[Any]:
        """The last statement's one row, once all are committed."""
        ...


class SQLite:
    """One connection to read, in the loop; one to write, in a thread that commits what waits together.

    The connections are opened by Backstay's own function, since the text speaks of functions and of a tokenizer
    that it defines; nothing else of it is run.
    """

    def __init__(self, path: str) -> None:
        from backstay.dialects.sqlite.open import connect_file

        self.reading = connect_file(path, readonly=True)
        self.writing = connect_file(path)
        self.waiting: SimpleQueue[tuple[list[Statement], Call, asyncio.Future[Any]]] = SimpleQueue()
        self.loop = asyncio.get_running_loop()
        threading.Thread(target=self.commit, daemon=True).start()

    async def read(self, statement: Statement, call: Call) -> Sequence[Any]:
        """Run in the loop."""
        text, parameters = statement
        return next(self.reading.execute(text, [read(call) for read in parameters]))

    async def write(self, statements: list[Statement], call: Call) -> Sequence[Any]:
        """Wait for the commit."""
        done: asyncio.Future[Any] = self.loop.create_future()
        self.waiting.put((statements, call, done))
        return await done  # type: ignore[no-any-return]

    def commit(self) -> None:
        """Group after group, for ever."""
        while True:
            group = [self.waiting.get()]
            try:
                while len(group) < 256:
                    group.append(self.waiting.get_nowait())
            except Empty:
                pass
            self.writing.execute("BEGIN IMMEDIATE")
            rows = [run(self.writing, statements, call) for statements, call, _ in group]
            self.writing.execute("COMMIT")
            self.loop.call_soon_threadsafe(_tell, [done for *_, done in group], rows)


def run(connection: apsw.Connection, statements: list[Statement], call: Call) -> Sequence[Any]:
    """The statements of a write, one after the other; the first answers with the keys."""
    row: Sequence[Any] = ()
    for number, (text, parameters) in enumerate(statements):
        rows = connection.execute(text, [read(call) for read in parameters]).fetchall()
        if number == 0:
            call.keys = [str(key) for (key, *_) in rows]
        row = rows[-1]
    return row


def _tell(waiting: list[asyncio.Future[Any]], rows: list[Sequence[Any]]) -> None:
    for done, row in zip(waiting, rows, strict=True):
        if not done.done():
            done.set_result(row)


class PostgreSQL:
    """A few connections, the one used last first. The driver's own pool would wrap and reset them."""

    def __init__(self, connections: list[Any]) -> None:
        self.idle = connections
        self.free = asyncio.Semaphore(len(connections))

    async def read(self, statement: Statement, call: Call) -> Sequence[Any]:
        """Run on any connection."""
        text, parameters = statement
        async with self.free:
            connection = self.idle.pop()
            row: Sequence[Any] = await connection.fetchrow(text, *[read(call) for read in parameters])
            self.idle.append(connection)
        return row

    async def write(self, statements: list[Statement], call: Call) -> Sequence[Any]:
        """Run in a transaction."""
        row: Sequence[Any] = ()
        async with self.free:
            connection = self.idle.pop()
            async with connection.transaction():
                for number, (text, parameters) in enumerate(statements):
                    rows = await connection.fetch(text, *[read(call) for read in parameters])
                    if number == 0:
                        call.keys = [key for (key, *_) in rows]
                    row = rows[-1]
            self.idle.append(connection)
        return row


async def open_store(url: str) -> Store:
    """The store at a URL."""
    if url.startswith("sqlite"):
        return SQLite(url.removeprefix("sqlite:///"))
    return PostgreSQL([await asyncpg.connect(url) for _ in range(CONNECTIONS)])


class Loop:
    """The ASGI application."""

    def __init__(self) -> None:
        self.statements: dict[str, list[Statement]] = {
            name: [(text, [reader(each) for each in parameters]) for text, parameters in statements]
            for name, statements in STATEMENTS.items()
        }
        self.store: Store | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self.live(receive, send)
            return
        _, work, caller, value = scope["path"].split("/")
        body = b""
        if scope["method"] == "POST":
            more = True
            while more:
                message = await receive()
                body += message["body"]
                more = message.get("more_body", False)
        call = Call(caller, value, body)
        statements = self.statements.get(f"{work}/{value}") or self.statements[work]
        assert self.store is not None
        if body:
            row = await self.store.write(statements, call)
        else:
            row = await self.store.read(statements[0], call)
        await answer(send, 201 if work == "bulk" else 200, row)

    async def live(self, receive: Any, send: Any) -> None:
        """Open the store when the server starts."""
        await receive()
        self.store = await open_store(os.environ["BENCH_STORE"])
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})


async def answer(send: Any, status: int, row: Sequence[Any]) -> None:
    """The body as the database made it; the total of a count where Backstay has it.

    A row of four is what an insert tells of its row: the third is its JSON.
    """
    told = len(row) == 4
    text = f"[{row[2]}]" if told and row[2] else row[0]
    body = text.encode() if isinstance(text, str) and text.startswith("[") else b""
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if len(row) > 2 and not told:
        headers.append((b"content-range", f"*/{row[2]}".encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


app = Loop()
