"""How often programs of others, and those who say to be one, may ask."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from behaviour.door import Answer
from databases import sqlite_url
from fixtures.agency import SECRET_KEY
from granting import CALLBACK, DEVICE, Granting, error_of

HERE, THERE = "192.0.2.7", "198.51.100.9"
REGISTER = "/auth/v1/oauth/clients/register"


@pytest.fixture
def opened(database_url: str) -> Iterator[Callable[..., Granting]]:
    """Opens the agency with further settings."""
    granted: list[Granting] = []

    def build(**settings: Any) -> Granting:
        granted.append(Granting(database_url, **settings).__enter__())
        return granted[-1]

    yield build
    for each in granted:
        each.__exit__()


def is_limited(answer: Answer) -> bool:
    """Whether a program is told, in OAuth's words, to come back later."""
    if answer.status != 429:
        return False
    assert error_of(answer) == (429, "temporarily_unavailable")
    assert 1 <= int(answer.headers["retry-after"]) <= 3600
    return True


@pytest.mark.asvs("2.4.1", "10.4.7")
def test_few_clients_register_themselves_from_one_address(opened: Callable[..., Granting]) -> None:
    granting = opened(oauth_registration=True, registration_limit=3)
    said = {"client_name": "Books", "redirect_uris": [CALLBACK]}

    def register(address: str | None, body: Any = said, **headers: str) -> Answer:
        return granting.ask("POST", REGISTER, body, address=address, **headers)

    assert register(HERE).status == 201
    # What cannot be registered counts, too: it is read only afterwards.
    assert error_of(register(HERE, {**said, "redirect_uris": ["http://x.example"]})) == (400, "invalid_redirect_uri")
    assert register(HERE).status == 201
    assert is_limited(register(HERE))
    # No name, no header and no body makes a program another one.
    assert is_limited(register(HERE, {**said, "client_name": "Other"}, user_agent="other"))
    assert is_limited(register(HERE, x_forwarded_for=THERE, forwarded=f"for={THERE}", x_real_ip=THERE))
    listed = granting.ask("GET", "/auth/v1/admin/oauth/clients", key=SECRET_KEY).json["clients"]
    assert len(listed) == 2
    # Others, and those who register clients by the secret key, are not held up.
    assert register(THERE).status == 201
    made = granting.ask("POST", "/auth/v1/admin/oauth/clients", said, key=SECRET_KEY, address=HERE)
    assert made.status == 201


@pytest.mark.asvs("2.4.1")
def test_guesses_at_a_clients_secret_are_held_up(opened: Callable[..., Granting]) -> None:
    granting = opened(verify_limit=3)
    client = granting.client(grant_types=["client_credentials"], scope="invoices:read")
    form = {"grant_type": "client_credentials", "client_id": client.id}

    def guess(secret: str, address: str = HERE) -> Answer:
        return granting.post("/token", {**form, "client_secret": secret}, address=address)

    for number in range(3):
        assert error_of(guess(f"guess {number}")) == (401, "invalid_client")
    assert is_limited(guess("another guess"))
    # The client itself may be at the same address.
    assert guess(str(client.secret)).status == 200
    assert error_of(guess("another guess", THERE)) == (401, "invalid_client")


@pytest.mark.asvs("6.6.3")
def test_guesses_at_the_code_of_a_device_are_held_up(opened: Callable[..., Granting]) -> None:
    granting = opened(verify_limit=3)
    ada, client = granting.sign_up("ada@example.com"), granting.client(grant_types=[DEVICE], redirect_uris=[])
    begun = granting.post("/device_authorization", {}, client.basic).json

    def type_code(code: str, address: str = HERE) -> Answer:
        return granting.ask("POST", "/auth/v1/oauth/device", {"user_code": code}, key=ada, address=address)

    for _ in range(3):
        assert type_code("BBBB-BBBB").status == 404
    assert type_code(begun["user_code"]).status == 429
    assert type_code(begun["user_code"], THERE).status == 200


@pytest.mark.parametrize("path", ["/token", "/device_authorization", "/revoke", "/introspect"])
def test_public_clients_are_limited_by_where_they_are(tmp_path: Any, path: str) -> None:
    with Granting(sqlite_url(tmp_path), refresh_limit=2) as granting:
        client = granting.public_client(grant_types=[DEVICE])
        form = {"client_id": client.id, "token": "x", "grant_type": DEVICE, "device_code": "x"}
        answers = [granting.post(path, form, address=HERE) for _ in range(3)]
        assert 429 not in {answer.status for answer in answers[:2]}
        assert is_limited(answers[2])
