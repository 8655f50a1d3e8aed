"""People who sign in: an application behind its front door, what was mailed and texted, and requests in between."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Self, TypeVar
from urllib.parse import parse_qs, urlsplit

import pytest
import sqlalchemy as sa

from backstay import Backstay, system
from backstay.auth.sign_in import SignIn
from backstay.auth.store.tables import Tables
from backstay.schema.post.mail import Mail
from behaviour.door import Answer, call, empty
from fixtures import club

T = TypeVar("T")

PASSWORD = "seven brown horses"


@dataclass
class Person:
    """Somebody who signed in: what the application gave them."""

    session: dict[str, Any]

    @property
    def id(self) -> str:
        """Their id."""
        return str(self.session["user"]["id"])

    @property
    def token(self) -> str:
        """Their access token."""
        return str(self.session["access_token"])

    @property
    def refresh_token(self) -> str:
        """Their refresh token."""
        return str(self.session["refresh_token"])


class Club:
    """The club, open.

    Arguments:
        url: of its database.
        build: what builds it on a database, with what is sent by it.
        words: further words of that.
    """

    def __init__(self, url: str, *, build: Callable[..., Backstay] = club.build, **words: Any) -> None:
        self.post = club.Post()
        self.app: Backstay = build(url, self.post, **words)
        self._runner = asyncio.Runner()

    def __enter__(self) -> Self:
        """Open it."""
        self.run(self.app.start())
        self.run(club.make_tables(self.app))
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        with self._runner:
            self.run(self.app.stop())

    def restore(self) -> None:
        """Have no users, no sessions, no mails."""
        self.settle()
        self.run(empty(self.app))
        self.post.mails.clear()
        self.post.texts.clear()

    def run(self, work: Awaitable[T]) -> T:
        """Run what is awaited, in the event loop that the application lives in."""

        async def awaited() -> T:
            return await work

        return self._runner.run(awaited())

    @property
    def sign_in(self) -> SignIn:
        """Its sign-in."""
        front = self.app.assembly.sign_in
        assert front is not None
        return front.sign_in

    @property
    def tables(self) -> Tables:
        """The tables of its sign-in."""
        return self.sign_in.tables

    # Requests ------------------------------------------------------------------------------------------------

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = None,
        key: str | None = club.PUBLISHABLE,
        address: str | None = None,
        **headers: str,
    ) -> Answer:
        """Send a request below ``/auth/v1`` (or to ``/rest/v1/...``)."""
        return self.run(self.asking(method, path, body, token=token, key=key, address=address, **headers))

    async def asking(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = None,
        key: str | None = club.PUBLISHABLE,
        address: str | None = None,
        **headers: str,
    ) -> Answer:
        """The same, to be awaited beside others."""
        content = b"" if body is None else json.dumps(body).encode()
        sent = {"host": "club.example", **{name.replace("_", "-"): value for name, value in headers.items()}}
        if key is not None:
            sent["apikey"] = key
        if token is not None or key is not None:
            sent.setdefault("authorization", f"Bearer {token or key}")
        if content:
            sent["content-type"] = "application/json"
            sent["content-length"] = str(len(content))
        where, _, query = path.partition("?")
        full = where if where.startswith("/rest/") else f"/auth/v1{where}"
        lines = [(name.encode(), value.encode()) for name, value in sent.items()]
        return await call(self.app, method, full.encode(), query.encode(), lines, content, address)

    def together(self, *requests: Awaitable[Answer]) -> list[Answer]:
        """Answers to requests that are sent at the same time."""

        async def gather() -> list[Answer]:
            return list(await asyncio.gather(*requests))

        return self.run(gather())

    # People --------------------------------------------------------------------------------------------------

    def sign_up(self, email: str = "ada@example.com", password: str = PASSWORD, **more: Any) -> Answer:
        """Sign up; the address is not proven yet."""
        answer = self.ask("POST", "/signup", {"email": email, "password": password, **more})
        assert answer.status == 200, answer.body
        return answer

    def member(self, email: str = "ada@example.com", password: str = PASSWORD, **more: Any) -> Person:
        """Somebody who signed up, proved their address, and is signed in."""
        self.sign_up(email, password, **more)
        answer = self.ask("POST", "/verify", {"type": "signup", "email": email, "token": self.mail(email).code})
        assert answer.status == 200, answer.body
        return Person(answer.json)

    def enter(self, email: str = "ada@example.com", password: str = PASSWORD) -> Person:
        """Sign in by password."""
        answer = self.ask("POST", "/token?grant_type=password", {"email": email, "password": password})
        assert answer.status == 200, answer.body
        return Person(answer.json)

    def settle(self) -> None:
        """Wait for what is done after the answers."""
        self.run(self.sign_in.finish())
        self.run(self._sent())

    async def _sent(self) -> None:
        office: Any = self.sign_in.post
        while office.waiting:
            await asyncio.sleep(0.002)

    def mail(self, to: str, kind: str | None = None) -> Mail:
        """The last mail that was sent to an address."""
        self.settle()
        return next(mail for mail in reversed(self.post.mails) if mail.to == to and (kind is None or mail.kind == kind))

    def text(self, phone: str) -> str:
        """The code that was last texted to a phone."""
        self.settle()
        text = next(text for to, text in reversed(self.post.texts) if to.lstrip("+") == phone.lstrip("+"))
        found = re.search(r"\d{6}", text)
        assert found is not None
        return found[0]

    def rows(self, query: sa.Select[Any]) -> list[Any]:
        """What a query of the database itself tells."""

        async def ask() -> list[Any]:
            async with self.app.session(system) as db:
                return list((await db.execute(query)).all())

        return self.run(ask())

    def execute(self, statement: Any) -> None:
        """Change the database by hand."""

        async def change() -> None:
            async with self.app.session(system) as db:
                await db.execute(statement)

        self.run(change())


class Clock:
    """The time, which can be moved on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._ahead = 0.0
        real = time.time
        monkeypatch.setattr(time, "time", lambda: real() + self._ahead)

    def pass_by(self, span: timedelta) -> None:
        """Let time pass."""
        self._ahead += span.total_seconds()


def path_of(link: str) -> str:
    """The part of a link that :meth:`Club.ask` takes."""
    return link.partition("/auth/v1")[2]


def fragment(answer: Answer) -> dict[str, str]:
    """What the fragment of the address says that a browser is sent to."""
    found = parse_qs(urlsplit(answer.headers["location"]).fragment, keep_blank_values=True)
    return {name: values[0] for name, values in found.items()}


def query(answer: Answer) -> dict[str, str]:
    """What its query string says."""
    found = parse_qs(urlsplit(answer.headers["location"]).query, keep_blank_values=True)
    return {name: values[0] for name, values in found.items()}
