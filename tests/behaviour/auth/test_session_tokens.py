"""What stands for a session: made anew by every sign-in, never to be guessed, and no key in its place."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from backstay.auth.store.sessions import read_refresh_token, write_refresh_token
from backstay.settings import Settings
from fixtures.club import PUBLISHABLE, SECRET, SECRET_KEY
from signing_in import Club, Person


def claims_of(person: Person) -> dict[str, Any]:
    segment = person.token.split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))
    return found


def refresh(club: Club, token: str) -> Any:
    return club.ask("POST", "/token?grant_type=refresh_token", {"refresh_token": token})


@pytest.mark.asvs("7.2.4")
def test_every_sign_in_begins_a_session_of_its_own(club: Club) -> None:
    people = [club.member(), *[club.enter() for _ in range(4)]]
    assert len({claims_of(each)["session_id"] for each in people}) == 5
    assert len({each.refresh_token for each in people}) == len({each.token for each in people}) == 5


@pytest.mark.asvs("7.2.3")
def test_a_refresh_token_cannot_be_made_from_what_is_known(club: Club) -> None:
    ada = club.member()
    session_id = UUID(claims_of(ada)["session_id"])
    raw = base64.urlsafe_b64decode(ada.refresh_token + "=" * (-len(ada.refresh_token) % 4))
    # The tag is what nobody knows: far more than 128 bits, and every one of them counts.
    assert len(raw) - len(session_id.bytes) >= 16
    for place in range(0, len(raw) * 8, 3):
        changed = bytearray(raw)
        changed[place // 8] ^= 1 << place % 8
        assert (
            read_refresh_token(club.sign_in.refresh_key, base64.urlsafe_b64encode(changed).decode().rstrip("=")) is None
        )
    for key in (b"", SECRET.encode(), PUBLISHABLE.encode(), bytes(32), club.sign_in.code_key):
        assert refresh(club, write_refresh_token(key, session_id, 0)).json["code"] == "refresh_token_not_found"
    own = write_refresh_token(club.sign_in.refresh_key, uuid4(), 0)
    assert refresh(club, own).json["code"] == "refresh_token_not_found"


@pytest.mark.asvs("7.2.2")
@pytest.mark.parametrize("key", [PUBLISHABLE, SECRET_KEY])
def test_a_key_is_no_session(club: Club, key: str) -> None:
    club.member()
    for method, path in (("GET", "/user"), ("PUT", "/user"), ("POST", "/logout"), ("GET", "/reauthenticate")):
        assert club.ask(method, path, {} if method == "PUT" else None, key=key, token=key).status in (401, 403)
    assert refresh(club, key).status == 400


@pytest.mark.asvs("6.3.2")
def test_there_are_no_accounts_and_no_secrets_by_default(club: Club) -> None:
    for table in (club.tables.users, club.tables.credentials, club.tables.api_keys):
        assert club.rows(sa.select(table)) == []
    default = Settings()
    assert not any(
        (default.jwt_secret, default.secret_key, default.publishable_key, default.encryption_key, default.signing_keys)
    )
    for email, password in (
        ("admin@example.com", "admin"),
        ("root@localhost", "root"),
        ("admin@admin.com", "password"),
    ):
        answer = club.ask("POST", "/token?grant_type=password", {"email": email, "password": password})
        assert (answer.status, answer.json["code"]) == (400, "invalid_credentials")


@pytest.mark.asvs("6.2.10")
def test_a_password_of_ten_years_is_good(club: Club) -> None:
    club.member()
    credentials = club.tables.credentials
    ((changed,),) = club.rows(sa.select(credentials.c.updated_at))
    long_ago = changed - timedelta(days=3650)
    club.execute(sa.update(credentials).values(password_changed_at=long_ago, updated_at=long_ago))
    assert club.enter().token
