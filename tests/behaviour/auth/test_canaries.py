"""Secrets with names: none of them is in a log, an observation, an error's body or the database, and a copy of the
database opens no door."""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import sqlalchemy as sa

from backstay.auth.signing.key import write_members
from backstay.auth.signing.rotate import rotate
from backstay.observe import OBSERVATIONS, start_logging, subscribe
from behaviour.door import Answer
from signing_in import Club, Person, path_of

PASSWORDS = ("canary horse of the first password", "canary horse of the second one", "canary horse that is wrong")
JWT_SECRET = "canary-of-the-secret-that-signs-tokens-0123456789"
ENCRYPTION_KEY = "canary-of-the-secret-that-keys-are-derived-from"
SECRET_KEY = "sb_secret_canaryOfTheKeyOfServers0123"
OPAQUE = "canary-of-something-that-looks-like-nothing"


@dataclass
class Sinks:
    """Everything that is told to others than the one who asked."""

    log: io.StringIO = field(default_factory=io.StringIO)
    observed: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)

    def told(self) -> str:
        return "\n".join([self.log.getvalue(), *self.observed, *self.refusals])


class Witness(Club):
    """The club; what it refuses is kept, and so are the secrets that it hands out."""

    def __init__(self, url: str, sinks: Sinks, **settings: Any) -> None:
        super().__init__(url, **settings)
        self.sinks = sinks
        self.secrets: set[str] = set()

    async def asking(self, method: str, path: str, body: Any = None, **more: Any) -> Answer:
        answer = await super().asking(method, path, body, **more)
        self.secrets |= set(_secrets(answer.body.decode(errors="replace")))
        location = answer.headers.get("location", "")
        self.secrets |= set(_secrets(location))
        if answer.status >= 400:
            self.sinks.refusals.append(f"{answer.status} {answer.headers} {answer.body.decode(errors='replace')}")
        return answer


def _secrets(text: str) -> Iterator[str]:
    """Tokens and codes in what is handed out."""
    for found in re.finditer(r'"(?:access|refresh)_token":\s*"([^"]+)"', text):
        yield found[1]
    for found in re.finditer(r"\b(?:access_token|refresh_token|code|token)=([^&#\"]{8,})", text):
        yield found[1]


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    file = tmp_path / "signing-keys.json"
    write_members(file, rotate([], now=1_700_000_000, lifetime=timedelta(hours=1)))
    return file


@pytest.fixture
def sinks(caplog: pytest.LogCaptureFixture) -> Iterator[Sinks]:
    """All sinks, at their most talkative."""
    sinks = Sinks()
    handler = logging.StreamHandler(sinks.log)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    ends = [
        subscribe(lambda observation: sinks.observed.append(repr(observation)), *OBSERVATIONS),
        start_logging("debug", stream=sinks.log, console=False),
    ]
    yield sinks
    for end in ends:
        end()
    root.removeHandler(handler)
    root.setLevel(level)


@pytest.fixture
def witness(database_url: str, key_file: Path, sinks: Sinks) -> Iterator[Witness]:
    given = {"jwt_secret": JWT_SECRET, "encryption_key": ENCRYPTION_KEY, "secret_key": SECRET_KEY}
    with Witness(database_url, sinks, signing_keys=str(key_file), refresh_reuse=timedelta(0), **given) as witness:
        witness.secrets |= {*PASSWORDS, JWT_SECRET, ENCRYPTION_KEY, SECRET_KEY, OPAQUE}
        witness.secrets.add(json.loads(key_file.read_text())["keys"][0]["d"])
        yield witness


def token_of(link: str) -> str:
    """What a link in a mail proves an address by."""
    return parse_qs(urlsplit(link).query)["token"][0]


def live(witness: Witness) -> Person:
    """Do what users do, and what goes wrong when they do."""
    first, second, wrong = PASSWORDS
    witness.member(password=first)
    ada = witness.enter(password=first)
    witness.ask("POST", "/token?grant_type=password", {"email": "ada@example.com", "password": wrong})
    witness.ask("POST", "/token?grant_type=password", {"email": wrong, "password": first})
    witness.ask("POST", "/token?grant_type=password", {"email": "ada@example.com", "password": [first]})
    witness.ask("POST", "/signup", {"email": first, "password": "x"})
    witness.ask("POST", "/signup", {"email": "bob@example.com", "password": wrong, "data": wrong})
    witness.ask("PUT", "/user", {"password": second, "current_password": wrong}, token=ada.token)
    witness.ask("PUT", "/user", {"password": second, "current_password": first}, token=ada.token)
    for kind, path in (("magic_link", "/otp"), ("recovery", "/recover")):
        witness.ask("POST", path, {"email": "ada@example.com"})
        mail = witness.mail("ada@example.com", kind)
        token = token_of(mail.link)
        witness.secrets.add(token)
        witness.ask("GET", path_of(mail.link))
        witness.ask("GET", path_of(mail.link))
        witness.ask("POST", "/verify", {"type": "email", "token_hash": token})
    witness.ask("POST", "/token?grant_type=refresh_token", {"refresh_token": OPAQUE})
    renewed = Person(witness.ask("POST", "/token?grant_type=refresh_token", {"refresh_token": ada.refresh_token}).json)
    witness.ask("POST", "/token?grant_type=refresh_token", {"refresh_token": ada.refresh_token})
    for bearer in (OPAQUE, renewed.token, renewed.token[:-3], f"{renewed.token}x", JWT_SECRET, SECRET_KEY + "x"):
        witness.ask("GET", "/user", token=bearer)
        witness.ask("GET", "/rest/v1/notes", token=bearer)
        witness.ask("GET", "/rest/v1/notes", key=bearer)
    # Links are opened later: what is sent last stays unused.
    kept = witness.enter(password=second)
    witness.ask("POST", "/otp", {"email": "ada@example.com"})
    witness.secrets.add(token_of(witness.mail("ada@example.com", "magic_link").link))
    return kept


def break_down(witness: Witness, person: Person) -> None:
    """Ask for all the same when the tables are gone, so that every request ends in the driver's own error."""

    async def drop() -> None:
        async with witness.sign_in.session() as db:
            for name in ("sessions", "codes", "credentials"):
                await db.execute(sa.text(f"ALTER TABLE auth_{name} RENAME TO gone_{name}"))

    witness.run(drop())
    first, second, _ = PASSWORDS
    for path, body in (
        ("/token?grant_type=password", {"email": "ada@example.com", "password": second}),
        ("/token?grant_type=refresh_token", {"refresh_token": person.refresh_token}),
        ("/signup", {"email": "carl@example.com", "password": first}),
        ("/verify", {"type": "email", "email": "ada@example.com", "token": "123456"}),
        ("/otp", {"email": "ada@example.com"}),
    ):
        witness.ask("POST", path, body)
    witness.ask("PUT", "/user", {"password": first}, token=person.token)
    witness.settle()


@pytest.mark.invariant("I24")
@pytest.mark.asvs("16.2.5", "16.5.1", "14.2.1")
def test_no_secret_is_told_to_others(witness: Witness) -> None:
    person = live(witness)
    break_down(witness, person)
    told = witness.sinks.told()
    assert len(witness.secrets) > 15 and len(witness.sinks.refusals) > 25
    assert any(refusal.startswith("500") for refusal in witness.sinks.refusals)
    assert [secret for secret in witness.secrets if secret in told] == []


def test_a_secret_that_was_told_would_be_noticed(witness: Witness) -> None:
    logging.getLogger("anybody").warning("the password is %s", PASSWORDS[0])
    assert PASSWORDS[0] in witness.sinks.told()
    witness.sinks.observed.append(SECRET_KEY)
    assert SECRET_KEY in witness.sinks.told()


# The database ------------------------------------------------------------------------------------------------------


def dump(witness: Witness) -> list[tuple[str, str]]:
    """Every value in the database as text, with its column."""
    values: list[tuple[str, str]] = []
    for table in witness.app.schema.metadata.sorted_tables:
        for row in witness.rows(sa.select(table)):
            for column, value in zip(table.columns, row, strict=True):
                values.extend((str(column), each) for each in _texts(value))
    return values


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _texts(each)
    elif isinstance(value, bytes):
        yield value.decode("latin-1")
    elif value is not None and value != "":
        yield str(value)


@pytest.mark.invariant("I24")
@pytest.mark.asvs("6.5.2", "11.4.2")
def test_no_secret_is_in_the_database(witness: Witness, tmp_path: Path) -> None:
    live(witness)
    whole = "\n".join(value for _, value in dump(witness))
    # As it lies on the disk, too, where the database is a file.
    files = b"".join(each.read_bytes() for each in tmp_path.glob("*.db*"))
    assert "ada@example.com" in whole
    assert [secret for secret in witness.secrets if secret in whole or secret.encode() in files] == []


@pytest.mark.invariant("I24")
@pytest.mark.asvs("6.5.2", "6.8.2")
def test_nothing_in_a_copy_of_the_database_opens_a_door(witness: Witness) -> None:
    live(witness)
    values = {value for _, value in dump(witness) if len(value) >= 6}
    assert len(values) > 40
    for value in sorted(values):
        answers = [
            witness.ask("GET", "/user", token=value),
            witness.ask("GET", "/rest/v1/notes", key=value, token=None),
            witness.ask("POST", "/token?grant_type=refresh_token", {"refresh_token": value}),
            witness.ask("POST", "/token?grant_type=pkce", {"auth_code": value, "code_verifier": value}),
            witness.ask("POST", "/verify", {"type": "email", "token_hash": value}),
            witness.ask("POST", "/verify", {"type": "email", "email": "ada@example.com", "token": value}),
            witness.ask("GET", f"/verify?type=magiclink&token={value if value.isalnum() else 'x'}"),
        ]
        assert all(answer.status >= 300 and "access_token" not in str(answer.headers) for answer in answers), value
    for column, value in dump(witness):
        if "password" in column:
            assert (
                witness.ask(
                    "POST", "/token?grant_type=password", {"email": "ada@example.com", "password": value}
                ).status
                == 400
            )


def test_a_credential_in_the_database_would_be_noticed(witness: Witness) -> None:
    person = live(witness)
    witness.execute(sa.update(witness.tables.audit).values(detail={"token": person.refresh_token}))
    assert person.refresh_token in "\n".join(value for _, value in dump(witness))
    assert witness.ask("POST", "/token?grant_type=refresh_token", {"refresh_token": person.refresh_token}).status == 200
