"""An application behind its front door, without a server: requests in, answers out, one after the other."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Self, TypeVar
from urllib.parse import quote

import sqlalchemy as sa

from backstay import Backstay, system
from backstay.auth.mint import mint
from backstay.schema.caller import Caller, Role
from fixtures.rows import CALLERS

T = TypeVar("T")

SECRET = "a secret of the tests, long enough to sign tokens with"
PUBLISHABLE = "sb_publishable_abcdefghijklmnopqrstuv_w"
SECRET_KEY = "sb_secret_abcdefghijklmnopqrstuv_w"
AS_WRITTEN = "!#$%&'()*+,-./:;<=>?@[]^_`{|}~\""


@dataclass(frozen=True)
class Answer:
    """One response."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The code of the error it tells."""
        return str(self.json["code"])

    @property
    def range(self) -> str | None:
        """Its Content-Range."""
        return self.headers.get("content-range")

    @property
    def applied(self) -> str | None:
        """Its Preference-Applied."""
        return self.headers.get("preference-applied")


def token(name: str) -> str | None:
    """The token of one of CALLERS, as sign-in makes it: it tells nothing of the role in the users' table."""
    caller = CALLERS[name]
    if caller.role is Role.ANON:
        return None
    return mint(SECRET, user=caller.id, role=caller.role, claims=_claims(caller))


def _claims(caller: Caller) -> dict[str, Any]:
    return {name: value for name, value in caller.claims.items() if name != "role"}


class Door:
    """The front door of one application on one database.

    Arguments:
        app: the application; its secret and keys become those above.
        fill: makes its tables, if they are not there, and puts its rows in.
    """

    def __init__(self, app: Backstay, fill: Callable[[Backstay], Awaitable[None]]) -> None:
        app.configure(jwt_secret=SECRET, publishable_key=PUBLISHABLE, secret_key=SECRET_KEY)
        # Many who come at once are to be answered, though the machine stands still for a while.
        app.configure(max_delay=timedelta(hours=1))
        self.app = app
        self._fill = fill
        self._runner = asyncio.Runner()
        self._changed = False

    def __enter__(self) -> Self:
        """Open the application, with its rows."""
        try:
            self.run(self.app.start())
            self.run(self._fill(self.app))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Close the application."""
        with self._runner:
            self.run(self.app.stop())

    def restore(self, *, anyway: bool = False) -> None:
        """Have the rows that it began with, where this door (or, ``anyway``, somebody else) may have changed them."""
        if self._changed or anyway:
            self.run(empty(self.app))
            self.run(self._fill(self.app))
            self._changed = False

    def run(self, work: Awaitable[T]) -> T:
        """Run what is awaited, in the event loop that the application lives in."""

        async def awaited() -> T:
            return await work

        return self._runner.run(awaited())

    # Requests ------------------------------------------------------------------------------------------------

    def get(self, url: str, caller: str = "ada", **headers: str) -> Answer:
        """GET ``url``, below ``/rest/v1``."""
        return self.ask("GET", url, caller=caller, **headers)

    def rows(self, url: str, caller: str = "ada", **headers: str) -> Any:
        """The rows that GET answers with."""
        answer = self.get(url, caller, **headers)
        assert answer.status in (200, 206), answer.body
        return answer.json

    def ask(
        self, method: str, url: str, body: Any = None, *, caller: str = "ada", raw: bytes | None = None, **headers: str
    ) -> Answer:
        """Send a request; ``url`` may hold blanks and any other character, ``body`` is sent as JSON."""
        content = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        sent = {"host": "localhost", **{name.replace("_", "-"): value for name, value in headers.items()}}
        bearer = token(caller)
        if bearer is not None:
            sent.setdefault("authorization", f"Bearer {bearer}")
        if content:
            sent.setdefault("content-type", "application/json")
            sent["content-length"] = str(len(content))
        path, _, query = url.partition("?")
        self._changed = self._changed or method not in ("GET", "HEAD", "OPTIONS")
        return self.run(
            call(
                self.app,
                method,
                f"/rest/v1{quote(path, safe=AS_WRITTEN)}".encode(),
                quote(query, safe=AS_WRITTEN).encode(),
                [(name.lower().encode(), value.encode()) for name, value in sent.items()],
                content,
            )
        )


async def empty(app: Backstay) -> None:
    """Take all rows out of the tables of a started application."""
    async with app.session(system) as session:
        for table in reversed(app.schema.metadata.sorted_tables):
            to_itself = {
                column.name: None for column in table.columns if column.references(table.primary_key.columns[0])
            }
            if to_itself:
                await session.execute(sa.update(table).values(to_itself))
            await session.execute(sa.delete(table))


async def call(
    app: Any,
    method: str,
    path: bytes,
    query: bytes,
    headers: list[tuple[bytes, bytes]],
    body: bytes,
    address: str | None = None,
) -> Answer:
    """One request to an ASGI application, from an address if any is given."""
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path.decode("utf-8", "replace"),
        "raw_path": path,
        "query_string": query,
        "root_path": "",
        "headers": headers,
        "client": None if address is None else (address, 50000),
    }
    sent: list[Any] = []
    coming = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Any:
        if coming:
            return coming.pop()
        # The caller stays for as long as the answer takes.
        return await asyncio.get_running_loop().create_future()

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    start, *pieces = sent
    found: dict[str, str] = {}
    for name, value in start["headers"]:
        key = name.decode()
        found[key] = f"{found[key]}, {value.decode('latin-1')}" if key in found else value.decode("latin-1")
    return Answer(start["status"], found, b"".join(piece.get("body", b"") for piece in pieces))
