"""Ways to sign in, and to act for a user, that are added to an account: they take a fresh sign-in, and a mail tells."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from authenticator import Authenticator
from backstay import Backstay
from behaviour.door import Answer
from fixtures import club as fixture
from fixtures.club import SECRET_KEY
from signing_in import PASSWORD, Club, Person

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


def age(club: Club) -> None:
    """Have everybody signed in a day and an hour ago."""
    then = datetime.now(UTC) - timedelta(hours=25)
    club.execute(sa.update(club.tables.sessions).values(created_at=then))


def needs_sign_in(answer: Answer) -> bool:
    """Whether a request was refused since its user signed in too long ago."""
    return (answer.status, answer.json.get("error_code")) == (400, "reauthentication_needed")


# Being told ----------------------------------------------------------------------------------------------------


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


# A fresh sign-in -----------------------------------------------------------------------------------------------


@pytest.mark.asvs("7.5.1")
def test_a_passkey_takes_a_fresh_sign_in(club: Club) -> None:
    ada, key = club.member(), Authenticator(SITE)
    kept = register(club, ada).json["id"]
    offer = club.ask("POST", "/passkeys/registration/options", {}, token=ada.token).json
    age(club)
    assert needs_sign_in(club.ask("POST", "/passkeys/registration/options", {}, token=ada.token))
    # What was begun in time is not ended later.
    body = {"challenge_id": offer["challenge_id"], "credential": key.create(offer["options"])}
    assert needs_sign_in(club.ask("POST", "/passkeys/registration/verify", body, token=ada.token))
    # Less than there was takes none.
    assert club.ask("DELETE", f"/passkeys/{kept}", token=ada.token).status == 204
    assert register(club, club.enter(), key).status == 200
    actions = club.rows(sa.select(club.tables.audit.c.detail).where(club.tables.audit.c.action == "refused"))
    assert [row[0]["why"] for row in actions] == ["reauthentication_needed"]


@pytest.mark.asvs("7.5.1")
def test_a_key_for_a_program_takes_a_fresh_sign_in(club: Club) -> None:
    ada = club.member()
    made = club.ask("POST", "/user/keys", KEY, token=ada.token).json
    notices(club)
    age(club)
    place = f"/user/keys/{made['id']}"
    for method, path, body in (
        ("POST", "/user/keys", KEY),
        ("PATCH", place, {"expires_in": 3600}),
        ("POST", f"{place}/rotate", {}),
    ):
        assert needs_sign_in(club.ask(method, path, body, token=ada.token)), path
    assert notices(club) == []
    assert club.ask("GET", "/user/keys", token=ada.token).json["keys"] == [_told(made)]
    assert club.ask("DELETE", place, token=ada.token).status == 204
    assert club.ask("POST", "/user/keys", KEY, token=club.enter().token).status == 201


def _told(made: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in made.items() if name != "key"}


@pytest.mark.asvs("7.5.1")
@pytest.mark.parametrize("proof", ["sign-in", "password", "code"])
def test_a_phone_takes_a_fresh_sign_in_or_a_proof(club: Club, proof: str) -> None:
    ada = club.member()
    age(club)
    body = {"phone": "+15550124"}
    assert needs_sign_in(club.ask("PUT", "/user", body, token=ada.token))
    wrong = club.ask("PUT", "/user", {**body, "nonce": "000000"}, token=ada.token)
    assert wrong.json["error_code"] == "reauthentication_not_valid"
    wrong = club.ask("PUT", "/user", {**body, "current_password": "not this one"}, token=ada.token)
    assert wrong.json["error_code"] == "current_password_invalid"
    club.settle()
    assert club.post.texts == []
    if proof == "sign-in":
        ada = club.enter()
    elif proof == "password":
        body["current_password"] = PASSWORD
    else:
        assert club.ask("GET", "/reauthenticate", token=ada.token).status == 200
        body["nonce"] = club.mail(ADA, "reauthentication").code
    assert club.ask("PUT", "/user", body, token=ada.token).status == 200
    shown = {"type": "phone_change", "phone": "+15550124", "token": club.text("+15550124")}
    assert club.ask("POST", "/verify", shown).status == 200
    assert notices(club) == [(ADA, "phone_changed")]


def test_one_code_is_enough_for_all_that_is_changed_at_once(club: Club) -> None:
    ada = club.member()
    age(club)
    club.ask("GET", "/reauthenticate", token=ada.token)
    nonce = club.mail(ADA, "reauthentication").code
    body = {"password": "nine green apples", "phone": "+15550125", "nonce": nonce}
    assert club.ask("PUT", "/user", body, token=ada.token).status == 200
    assert club.enter(password="nine green apples").id == ada.id


@pytest.mark.asvs("7.5.1")
def test_a_new_address_takes_no_fresh_sign_in_where_the_old_one_is_proven(club: Club) -> None:
    ada = club.member()
    age(club)
    assert club.ask("PUT", "/user", {"email": "new@example.com"}, token=ada.token).status == 200
    new = {"type": "email_change", "email": "new@example.com", "token": club.mail("new@example.com").code}
    assert "other email" in club.ask("POST", "/verify", new).json["msg"]
    assert club.ask("GET", "/user", token=ada.token).json["email"] == ADA


@pytest.mark.asvs("7.5.1")
@pytest.mark.parametrize("settings", [{"secure_email_change": False}, {"confirm_email": False}])
def test_a_new_address_takes_one_where_the_old_one_is_not(database_url: str, settings: dict[str, bool]) -> None:
    with Club(database_url, build=build, **settings) as club:
        ada = club.member() if settings.get("confirm_email", True) else Person(club.sign_up().json)
        age(club)
        body = {"email": "new@example.com"}
        assert needs_sign_in(club.ask("PUT", "/user", body, token=ada.token))
        assert club.ask("PUT", "/user", {"email": ADA, "data": {}}, token=ada.token).status == 200
        assert club.ask("PUT", "/user", body, token=club.enter().token).status == 200


@pytest.mark.asvs("7.5.1")
def test_a_first_address_beside_a_phone_takes_a_fresh_sign_in_or_a_code(club: Club) -> None:
    club.ask("POST", "/otp", {"phone": "+15550126"})
    shown = {"type": "sms", "phone": "+15550126", "token": club.text("+15550126")}
    person = Person(club.ask("POST", "/verify", shown).json)
    age(club)
    body = {"email": ADA}
    assert needs_sign_in(club.ask("PUT", "/user", body, token=person.token))
    assert club.ask("GET", "/reauthenticate", token=person.token).status == 200
    assert club.ask("PUT", "/user", {**body, "nonce": club.text("+15550126")}, token=person.token).status == 200


@pytest.mark.parametrize("body", [{"email": ADA}, {"phone": "+15550127"}])
def test_guests_name_their_first_address_at_any_time(club: Club, body: dict[str, str]) -> None:
    guest = Person(club.ask("POST", "/signup", {}).json)
    age(club)
    assert club.ask("PUT", "/user", body, token=guest.token).status == 200


def test_sessions_tell_which_of_them_may_add_ways_to_sign_in(club: Club) -> None:
    club.member()
    age(club)
    ada = club.enter()
    told = club.ask("GET", "/sessions", token=ada.token).json
    assert [(each["current"], each["fresh"]) for each in told] == [(True, True), (False, False)]
