"""A house of things that are good once: how each is used, what the use changes, and how a refusal tells of itself."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self
from urllib.parse import parse_qsl, urlencode, urlsplit
from uuid import UUID

import sqlalchemy as sa

from backstay import Backstay
from behaviour.door import Answer, call
from fixtures import club
from fixtures.one_time import build
from granting import CALLBACK, DEVICE, Client
from issuer import Issuer
from signing_in import Club, Person

ADDRESS = "127.0.0.1"
"""Whence all requests come: some things are good only where they were asked for."""
SIGN_IN = "/auth/v1"


@dataclass(frozen=True)
class Use:
    """A request by which a thing is used."""

    method: str
    path: str
    headers: Mapping[str, str]
    content: bytes = b""


@dataclass(frozen=True)
class Thing:
    """Something that is good once.

    Arguments:
        user: whose it is.
        uses: the requests by which it can be used: whichever comes first, none of them can use it again.
    """

    user: str
    uses: Sequence[Use]


class House(Club):
    """The club with all on that is good once, behind two doors: two workers on one database.

    Arguments:
        url: of its database.
        issuer: a provider that one may log in at; it is told whom to speak of by :meth:`introduce`.
    """

    def __init__(self, url: str, issuer: Issuer) -> None:
        super().__init__(url, build=lambda url, post: build(url, post, issuer.url))
        self.twin: Backstay = build(url, self.post, issuer.url)
        self.issuer = issuer
        self.numbers = itertools.count(1)
        # Each of a second factor may be answered wrongly five times.
        self.challenges = 10
        self._people: dict[str, dict[str, Any]] = {}
        # It would tell of one person alone.
        issuer.metadata = {"userinfo_endpoint": None}
        issuer.change = lambda claims: {**claims, **self._people[claims["nonce"]]}

    def __enter__(self) -> Self:
        """Open it."""
        super().__enter__()
        self.run(self.twin.start())
        return self

    def __exit__(self, *words: object) -> None:
        """Close it."""
        self.run(self.twin.stop())
        super().__exit__(*words)

    async def asking(self, method: str, path: str, body: Any = None, **words: Any) -> Answer:
        """Send a request from the address whence all of them come."""
        return await super().asking(method, path, body, **{**words, "address": ADDRESS})

    def at_once(self, uses: Sequence[Use], count: int) -> list[Answer]:
        """The answers to so many requests at the same time, each door taking every other one."""
        doors = itertools.cycle((self.app, self.twin))
        return self.together(*(send(next(doors), use) for use in itertools.islice(itertools.cycle(uses), count)))

    def using(self, use: Use) -> Answer:
        """The answer to one."""
        return self.run(send(self.app, use))

    # Those whose things they are -----------------------------------------------------------------------------

    def email(self) -> str:
        """An address that is nobody's."""
        return f"person{next(self.numbers)}@example.com"

    def phone(self) -> str:
        """A number that is nobody's."""
        return f"+491510{next(self.numbers):07}"

    def ok(self, method: str, path: str, body: Any = None, **words: Any) -> Any:
        """The document of an answer that is none of a refusal."""
        answer = self.ask(method, path, body, **words)
        assert answer.status < 300, (path, answer.status, answer.body)
        return answer.json if answer.body else None

    def link(self, kind: str, email: str, **more: Any) -> dict[str, Any]:
        """What the secret key is told of a new link."""
        body = {"type": kind, "email": email, **more}
        return dict(self.ok("POST", "/admin/generate_link", body, key=club.SECRET_KEY))

    def invite(self, email: str) -> str:
        """The id of somebody who is invited."""
        return str(self.ok("POST", "/invite", {"email": email}, key=club.SECRET_KEY)["id"])

    def person(self) -> Person:
        """Somebody new, who proved their address and is signed in. No password: hashing one takes its time."""
        token = self.link("magiclink", self.email())["hashed_token"]
        return Person(self.ok("POST", "/verify", {"type": "email", "token_hash": token}))

    def introduce(self, nonce: str, person: Person) -> None:
        """Have the issuer speak of a person in the login with a nonce."""
        self._people[nonce] = {"sub": person.id, "email": person.session["user"]["email"], "email_verified": True}

    @cached_property
    def client(self) -> Client:
        """A client of the authorisation server that may do all there is."""
        grants = ["authorization_code", "refresh_token", DEVICE]
        body = {"client_name": "Books", "redirect_uris": [CALLBACK], "grant_types": grants, "scope": "email"}
        return Client(self.ok("POST", "/admin/oauth/clients", body, key=club.SECRET_KEY))

    # What is kept --------------------------------------------------------------------------------------------

    def count(self, kind: Kind, thing: Thing) -> tuple[int, int]:
        """How often what a thing is for happened to its user, and how many sessions they have had."""
        held = self.tables.sessions
        user = UUID(thing.user)
        begun = sa.select(sa.func.count()).where(held.c.user_id == user)
        ((effects,),), ((sessions,),) = self.rows(kind.effect(self, user)), self.rows(begun)
        return int(effects or 0), int(sessions)


async def send(app: Backstay, use: Use) -> Answer:
    """The answer to a use, by an application in this process."""
    path, _, query = use.path.partition("?")
    lines = [(name.encode(), value.encode()) for name, value in use.headers.items()]
    return await call(app, use.method, path.encode(), query.encode(), lines, use.content, ADDRESS)


# Kinds -------------------------------------------------------------------------------------------------------

Effect = Callable[[House, UUID], sa.Select[Any]]


def noted(*actions: str) -> Effect:
    """What happened as often as the trail has it of a user."""

    def query(house: House, user: UUID) -> sa.Select[Any]:
        trail = house.tables.audit
        return sa.select(sa.func.count()).where(trail.c.user_id == str(user), trail.c.action.in_(actions))

    return query


SIGNED_IN = noted("signed_in")


@dataclass(frozen=True)
class Kind:
    """A kind of things that are good once.

    Arguments:
        name: what they are called.
        make: makes a new one, in somebody's hands.
        refused: the codes that tell of its second use.
        effect: counts how often what it is for happened to its user.
        sessions: how many sessions a use begins.
        whole: whether the use and what it is for are one transaction, so that a crash leaves both or neither. Where
            they are not, a thing may be used up for nothing.
    """

    name: str
    make: Callable[[House], Thing]
    refused: Set[str]
    effect: Effect = SIGNED_IN
    sessions: int = 1
    whole: bool = True


def outcome(status: int, headers: Mapping[str, str], body: bytes) -> str:
    """What an answer to a use tells: nothing where the use succeeded, else the code of the refusal."""
    if "location" in headers:
        parts = urlsplit(headers["location"])
        told = dict([*parse_qsl(parts.query), *parse_qsl(parts.fragment)])
        return told.get("error_code", "")
    if status < 300:
        return ""
    if "json" in headers.get("content-type", ""):
        document = json.loads(body)
        return str(document.get("code") or document["error"])
    return f"page {status}"


# Requests ----------------------------------------------------------------------------------------------------


def use(method: str, path: str, body: Any = None, *, token: str = club.PUBLISHABLE) -> Use:
    """A use by a client of sign-in.

    Arguments:
        method, path: of the request, below sign-in's prefix.
        body: sent as JSON.
        token: of the user who sends it.
    """
    content = b"" if body is None else json.dumps(body).encode()
    headers = {"apikey": club.PUBLISHABLE, "authorization": f"Bearer {token}", "content-type": "application/json"}
    return _use(method, f"{SIGN_IN}{path}", headers, content)


def visit(path: str, cookie: str = "") -> Use:
    """A use by a browser that follows a link."""
    return _use("GET", path, {"cookie": cookie} if cookie else {})


def post(path: str, fields: Mapping[str, str], headers: Mapping[str, str]) -> Use:
    """A use by a form."""
    sent = {"content-type": "application/x-www-form-urlencoded", **headers}
    return _use("POST", path, sent, urlencode(fields).encode())


def _use(method: str, path: str, headers: Mapping[str, str], content: bytes = b"") -> Use:
    length = {"content-length": str(len(content))} if content else {}
    return Use(method, path, {"host": "club.example", **headers, **length}, content)
