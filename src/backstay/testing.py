"""A client for the tests of your own application: real requests, in process, on a database of the test's own.

async with client(app) as backend:
    ada = backend.as_(ADA_ID)
    answer = await ada.post("/rest/v1/notes", json={"text": "Hello"})
    assert answer.status == 201
    assert (await backend.get("/rest/v1/notes")).json() == []
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, unquote, urlencode
from uuid import UUID

import orjson

from backstay.app import Backstay
from backstay.auth.keys import generate_jwt_secret, generate_publishable_key, generate_secret_key
from backstay.auth.mail.mailbox import Mailbox
from backstay.auth.mint import mint
from backstay.dialects.migrate.run import run
from backstay.schema.caller import Role, System
from backstay.schema.declaration import AuthUser

__all__ = ["Answer", "Client", "Mailbox", "client"]

_SAFE: Final = "/:@!$&'()*+,;=-._~%"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the application answered. ``headers`` have lower-case names."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body, decoded; None where there is none."""
        return orjson.loads(self.body) if self.body else None

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()


@dataclass(frozen=True, slots=True)
class Client:
    """Asks an application as somebody. Made by :func:`client`; :meth:`as_` gives one that asks as somebody else.

    ``app`` is started, and has the keys that ``headers`` speak of.
    """

    app: Backstay
    headers: Mapping[str, str] = field(default_factory=dict)

    def as_(self, who: AuthUser | UUID | str | System, **claims: Any) -> Client:
        """A client that asks as somebody.

        Arguments:
            who: a user's row or id; ``"anon"``; ``"service_role"`` or ``system`` for the secret key.
            claims: further claims of the user's token, such as ``org_id=7``.
        """
        settings = self.app.settings
        if isinstance(who, System) or who == Role.SERVICE.value:
            return replace(self, headers={"apikey": settings.secret_key})
        public = {"apikey": settings.publishable_key}
        if who == Role.ANON.value:
            return replace(self, headers=public)
        user = str(who.id if isinstance(who, AuthUser) else who)
        known = {name: str(value) if isinstance(value, UUID) else value for name, value in claims.items()}
        token = mint(settings.jwt_secret, user=user, audience=settings.jwt_audience, claims=known)
        return replace(self, headers={**public, "authorization": f"Bearer {token}"})

    def with_key(self, key: str) -> Client:
        """A client that asks with a program's key (``bsk_...``)."""
        return replace(self, headers={"authorization": f"Bearer {key}"})

    async def get(
        self, path: str, *, params: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Ask with GET; ``params`` are added to the path's own query string."""
        return await self.request("GET", path, params=params, headers=headers)

    async def post(
        self,
        path: str,
        json: Any = None,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Ask with POST; the answer holds the new rows."""
        return await self._write("POST", path, json, params, headers)

    async def put(
        self,
        path: str,
        json: Any = None,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Ask with PUT; the answer holds the row."""
        return await self._write("PUT", path, json, params, headers)

    async def patch(
        self,
        path: str,
        json: Any = None,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Ask with PATCH; the answer holds the changed rows."""
        return await self._write("PATCH", path, json, params, headers)

    async def delete(
        self, path: str, *, params: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Ask with DELETE; the answer holds the deleted rows."""
        return await self._write("DELETE", path, None, params, headers)

    async def _write(
        self, method: str, path: str, json: Any, params: Mapping[str, str] | None, headers: Mapping[str, str] | None
    ) -> Answer:
        wanted = {"prefer": "return=representation", **(headers or {})}
        return await self.request(method, path, json=json, params=params, headers=wanted)

    async def request(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        content: bytes | None = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Ask anything.

        Arguments:
            method: GET, POST ...
            path: ``/rest/v1/notes?select=*``.
            json: the body, to be encoded.
            content: the body as bytes, instead.
            params: added to the path's query string.
            headers: added to those of this client; names in any case.
        """
        known = {**self.headers, **{name.lower(): value for name, value in (headers or {}).items()}}
        if content is None and json is not None:
            content = orjson.dumps(json)
            known.setdefault("content-type", "application/json")
        return await _ask(self.app, method, _target(path, params), known, content or b"")


@asynccontextmanager
async def client(app: Backstay, *, database: str | None = None, tables: bool = True) -> AsyncIterator[Client]:
    """Start an application for a test, on an empty database, with keys of its own.

    Arguments:
        app: the application; it keeps its other settings.
        database: the URL of the database; without it, an SQLite file that is deleted afterwards.
        tables: make the tables that the models declare.

    Returns:
        a client that asks as an anonymous caller.

    Raises:
        DeclarationError: with everything that is wrong with the application.
    """
    with tempfile.TemporaryDirectory(prefix="backstay-test-") as folder:
        app.configure(
            database=database if database is not None else f"sqlite:///{Path(folder) / 'test.db'}",
            publishable_key=generate_publishable_key(),
            secret_key=generate_secret_key(),
            jwt_secret=generate_jwt_secret(),
            # Links in mails lead somewhere.
            public_url=app.settings.public_url or ("http://testserver" if app.auth is not None else None),
        )
        if tables:
            await run(app.settings.database, app.schema.metadata.create_all, writing=True)
        await app.start()
        try:
            yield Client(app).as_(Role.ANON.value)
        finally:
            await app.stop()


# ASGI --------------------------------------------------------------------------------------------------------


def _target(path: str, params: Mapping[str, str] | None) -> tuple[str, str]:
    path, _, query = path.partition("?")
    added = urlencode(dict(params), quote_via=quote) if params else ""
    return quote(path, safe=_SAFE), "&".join(filter(None, [quote(query, safe=_SAFE + '?"<>[]{}|\\^`'), added]))


async def _ask(app: Backstay, method: str, target: tuple[str, str], headers: Mapping[str, str], body: bytes) -> Answer:
    path, query = target
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": method.upper(),
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode("ascii"),
        "query_string": query.encode("ascii", "surrogateescape"),
        "root_path": "",
        "headers": list(_encode({"host": "testserver", "content-length": str(len(body)), **headers})),
        "client": ("127.0.0.1", 50000),
        "server": ("testserver", 80),
        "state": {},
    }
    exchange = _Exchange(body)
    await app(scope, exchange.receive, exchange.send)
    return Answer(exchange.status, exchange.headers, bytes(exchange.body))


def _encode(headers: Mapping[str, str]) -> Sequence[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]


class _Exchange:
    """One request and its answer, as ASGI's messages."""

    def __init__(self, body: bytes) -> None:
        self._request: bytes | None = body
        self.status = 500
        self.headers: dict[str, str] = {}
        self.body = bytearray()

    async def receive(self) -> dict[str, Any]:
        if self._request is None:
            # Nobody leaves before the answer.
            await asyncio.Event().wait()
        body, self._request = self._request, None
        return {"type": "http.request", "body": body or b"", "more_body": False}

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            for name, value in message["headers"]:
                key = name.decode("latin-1").lower()
                text = value.decode("latin-1")
                self.headers[key] = f"{self.headers[key]}, {text}" if key in self.headers else text
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")
