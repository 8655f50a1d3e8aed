"""Ways to sign in, and to act for a user, that are added to an account: its owner is told of each by mail."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from authenticator import Authenticator
from backstay import Backstay
from behaviour.door import Answer
from fixtures import club as fixture
from fixtures.club import SECRET_KEY
from signing_in import Club, Person

ADA = "ada@example.com"
SITE = "https://www.club.example"
KEY = {"name": "reset it at evil.example", "scopes": ["*"]}


def build(url: str, post: fixture.Post, **words: Any) -> Backstay:
    """The club, with second factors, passkeys and API keys."""
    app = fixture.build(url, post, auth={"mfa": True, "passkeys": True}, **words)
    app.scope("*", "All that I may.")
    return app


@pytest.fixture(scope="module")
def module_club(module_database_url: str) -> Iterator[Club]:
    with Club(module_database_url, build=build) as club:
        yield club


def register(club: Club, person: Person, key: Authenticator | None = None) -> Answer:
    """Have a passkey."""
    offer = club.ask("POST", "/passkeys/registration/options", {}, token=person.token)
    assert offer.status == 200, offer.body
    credential = (key or Authenticator(SITE)).create(offer.json["options"])
    body = {"challenge_id": offer.json["challenge_id"], "credential": credential}
    return club.ask("POST", "/passkeys/registration/verify", body, token=person.token)


def notices(club: Club) -> list[tuple[str, str]]:
    """To whom what was mailed since the last time, beside what proves addresses."""
    club.settle()
    found = [(mail.to, mail.kind) for mail in club.post.mails if not mail.code]
    club.post.mails.clear()
    return found


@pytest.mark.asvs("6.3.7")
def test_the_owner_is_told_of_passkeys_that_come_and_go(club: Club) -> None:
    ada = club.member()
    made = register(club, ada)
    assert made.status == 200, made.body
    assert "new passkey" in club.mail(ADA, "passkey_added").text
    assert notices(club) == [(ADA, "passkey_added")]
    place = f"/passkeys/{made.json['id']}"
    assert club.ask("PATCH", place, {"friendly_name": "Laptop"}, token=ada.token).status == 200
    assert notices(club) == []
    assert club.ask("DELETE", place, token=ada.token).status == 204
    assert club.ask("DELETE", place, token=ada.token).status == 404
    assert notices(club) == [(ADA, "passkey_removed")]
    # Also where those who run the application do it.
    other = register(club, ada).json["id"]
    assert club.ask("DELETE", f"/admin/users/{ada.id}/passkeys/{other}", key=SECRET_KEY).status == 204
    assert notices(club) == [(ADA, "passkey_added"), (ADA, "passkey_removed")]


@pytest.mark.asvs("6.3.7")
def test_nobody_is_told_of_a_passkey_that_is_refused(club: Club) -> None:
    ada, key = club.member(), Authenticator(SITE)
    assert register(club, ada, key).status == 200
    assert notices(club) == [(ADA, "passkey_added")]
    assert register(club, ada, key).status == 422
    assert notices(club) == []


@pytest.mark.asvs("6.3.7")
def test_the_owner_is_told_of_api_keys_that_are_made_in_their_name(club: Club) -> None:
    ada = club.member()
    made = club.ask("POST", "/user/keys", KEY, token=ada.token)
    assert made.status == 201, made.body
    mail = club.mail(ADA, "api_key_made")
    # Whoever makes a key chooses its name, and shall not choose the words of a mail.
    for words in (mail.text, mail.html):
        assert made.json["id"] in words and made.json["key"] not in words and "evil" not in words
    assert notices(club) == [(ADA, "api_key_made")]
    place = f"/user/keys/{made.json['id']}"
    for method, path, body, told in (
        ("PATCH", place, {"name": "export"}, []),
        ("PATCH", place, {"expires_in": 3600}, [(ADA, "api_key_changed")]),
        ("PATCH", place, {"scopes": ["*"]}, [(ADA, "api_key_changed")]),
        ("POST", f"{place}/rotate", {}, [(ADA, "api_key_changed")]),
        ("PATCH", "/user/keys/unknown", {"scopes": ["*"]}, []),
        ("POST", "/user/keys", {**KEY, "scopes": ["unknown"]}, []),
        ("DELETE", place, None, []),
    ):
        club.ask(method, path, body, token=ada.token)
        assert notices(club) == told, (method, body)


def test_keys_by_the_secret_key_are_told_nobody(club: Club) -> None:
    ada = club.member()
    notices(club)
    made = club.ask("POST", "/admin/keys", {**KEY, "user_id": ada.id}, key=SECRET_KEY)
    assert made.status == 201, made.body
    assert club.ask("POST", f"/admin/keys/{made.json['id']}/rotate", {}, key=SECRET_KEY).status == 200
    assert notices(club) == []


def test_who_has_no_address_is_told_nothing(club: Club) -> None:
    club.ask("POST", "/otp", {"phone": "+15550123"})
    shown = {"type": "sms", "phone": "+15550123", "token": club.text("+15550123")}
    person = Person(club.ask("POST", "/verify", shown).json)
    assert register(club, person).status == 200
    assert club.ask("POST", "/user/keys", KEY, token=person.token).status == 201
    assert notices(club) == []


@pytest.mark.asvs("6.3.7")
def test_no_notice_is_buried_under_others_or_left_out(database_url: str) -> None:
    with Club(database_url, build=build, mail_limit=3) as club:
        ada, bob = club.member(), club.member("bob@example.com")
        notices(club)
        answers = [club.ask("POST", "/user/keys", KEY, token=ada.token).status for _ in range(5)]
        assert answers == [201, 201, 201, 429, 429]
        assert len(club.ask("GET", "/user/keys", token=ada.token).json["keys"]) == 3
        assert notices(club) == [(ADA, "api_key_made")] * 3
        # Other changes, other users and less than that are not held up.
        made = club.ask("GET", "/user/keys", token=ada.token).json["keys"]
        assert club.ask("DELETE", f"/user/keys/{made[0]['id']}", token=ada.token).status == 204
        assert club.ask("POST", "/user/keys", KEY, token=ada.token).status == 429
        assert club.ask("POST", "/user/keys", KEY, token=bob.token).status == 201
        assert [register(club, ada).status for _ in range(4)] == [200, 200, 200, 429]
        assert notices(club) == [("bob@example.com", "api_key_made")] + [(ADA, "passkey_added")] * 3
        assert len(club.ask("GET", "/passkeys", token=ada.token).json) == 3
