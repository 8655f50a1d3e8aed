"""Requests of programs: an agency behind its front door, and keys to ask it with."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable
from typing import Any, Self, TypeVar
from uuid import UUID

import sqlalchemy as sa

from backstay import Backstay, system
from backstay.auth.mint import mint
from backstay.auth.store.tables import Tables
from behaviour.door import Answer, call, empty
from fixtures import agency

T = TypeVar("T")


class Agency:
    """The agency, open.

    Arguments:
        url: of its database.
        settings: as for :func:`fixtures.agency.build`.
    """

    def __init__(self, url: str, **settings: Any) -> None:
        self.app: Backstay = agency.build(url, **settings)
        self._runner = asyncio.Runner()
        self._made: dict[tuple[Any, ...], str] = {}

    def __enter__(self) -> Self:
        """Open it."""
        self.run(self.app.start())
        self.run(agency.fill(self.app))
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        with self._runner:
            self.run(self.app.stop())

    def restore(self) -> None:
        """Have the rows that it began with, and no keys."""
        self.forget()
        self._made.clear()
        self.run(empty(self.app))
        self.run(agency.fill(self.app))

    def run(self, work: Awaitable[T]) -> T:
        """Run what is awaited, in the event loop that the application lives in."""

        async def awaited() -> T:
            return await work

        return self._runner.run(awaited())

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = None,
        address: str | None = None,
        **headers: str,
    ) -> Answer:
        """Send a request, with a key or token as Authorization, from an address if any is given."""
        return self.run(self.asking(method, path, body, key=key, address=address, **headers))

    async def asking(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = None,
        address: str | None = None,
        **headers: str,
    ) -> Answer:
        """The same, to be awaited beside others."""
        content = b"" if body is None else json.dumps(body).encode()
        sent = {"host": "localhost", **{name.replace("_", "-"): value for name, value in headers.items()}}
        if key is not None:
            sent.setdefault("authorization", f"Bearer {key}")
        if content:
            sent |= {"content-type": "application/json", "content-length": str(len(content))}
        where, _, query = path.partition("?")
        lines = [(name.encode(), value.encode()) for name, value in sent.items()]
        return await call(self.app, method, where.encode(), query.encode(), lines, content, address)

    def key(self, *scopes: str, user: UUID | None = agency.ADA, tenant: Any = None, **more: Any) -> str:
        """A key with these scopes; the same for the same words."""
        words = (scopes, user, tenant, *more.items())
        if words not in self._made:
            owner = {"tenant": tenant} if user is None else {"user_id": str(user)}
            self._made[words] = self.make({"name": "a program", "scopes": list(scopes), **owner, **more})["key"]
        return self._made[words]

    def make(self, body: Any) -> Any:
        """Make a key with the secret key."""
        answer = self.ask("POST", "/auth/v1/admin/keys", body, key=agency.SECRET_KEY)
        assert answer.status == 201, answer.body
        return answer.json

    def token(self, user: UUID) -> str:
        """A token of a user's, as sign-in elsewhere gives it."""
        return mint(agency.SECRET, user=str(user))

    def sign_up(self, email: str) -> str:
        """The token of somebody who signs up, of the first organisation."""
        answer = self.ask("POST", "/auth/v1/signup", {"email": email, "password": "seven brown horses"})
        assert answer.status == 200, answer.body
        self.execute(sa.update(agency.User).where(agency.User.email == email).values(org_id=1))
        return str(answer.json["access_token"])

    def forget(self) -> None:
        """Know no key any more, as a second later."""
        self.app.assembly._verified.forget()
        programs = self.app.assembly._programs
        assert programs is not None
        if programs.known is not None:
            programs.known._known.clear()

    @property
    def tables(self) -> Tables:
        """The tables of its sign-in."""
        front = self.app.assembly.sign_in
        assert front is not None
        return front.sign_in.tables

    def execute(self, statement: Any) -> None:
        """Change the database by hand."""

        async def change() -> None:
            async with self.app.session(system) as db:
                await db.execute(statement)

        self.run(change())

    def rows(self, query: sa.Select[Any]) -> list[Any]:
        """What a query of the database itself tells."""

        async def ask() -> list[Any]:
            async with self.app.session(system) as db:
                return list((await db.execute(query)).all())

        return self.run(ask())
