"""What the secret key does with users: it makes, changes, bans and deletes them, makes links, and reads the trail."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import bcrypt
import pytest
import sqlalchemy as sa

from backstay.auth.admin.fields import read_ban
from backstay.auth.protocol.route import Who
from backstay.auth.protocol.routes import ROUTES
from backstay.errors import ValidationFailed
from behaviour.door import Answer
from fixtures import club as program
from signing_in import PASSWORD, Club, Person, fragment, path_of

OTHER = "nine green apples"


def admin(club: Club, method: str, path: str, body: Any = None, status: int = 200) -> Any:
    answer = club.ask(method, path, body, key=program.SECRET_KEY)
    assert answer.status == status, answer.body
    return answer.json


def refused(club: Club, method: str, path: str, body: Any = None) -> tuple[int, str, str]:
    answer = club.ask(method, path, body, key=program.SECRET_KEY)
    return answer.status, answer.json["code"], answer.json["message"]


def make(club: Club, email: str = "ada@example.com", **more: Any) -> dict[str, Any]:
    body = {"email": email, "password": PASSWORD, "email_confirm": True, **more}
    made: dict[str, Any] = admin(club, "POST", "/admin/users", body)
    return made


def refresh(club: Club, person: Person) -> Answer:
    return club.ask("POST", "/token?grant_type=refresh_token", {"refresh_token": person.refresh_token})


def log_in(club: Club, password: str = PASSWORD, email: str = "ada@example.com") -> Answer:
    return club.ask("POST", "/token?grant_type=password", {"email": email, "password": password})


def is_out(club: Club, person: Person) -> bool:
    """Whether somebody's tokens are dead on every door, asked at once; they never may differ."""
    asked = [
        club.ask("GET", "/rest/v1/notes", token=person.token).status == 401,
        club.ask("GET", "/user", token=person.token).status in (401, 403),
        refresh(club, person).status == 400,
    ]
    assert len(set(asked)) == 1, asked
    return all(asked)


# Who may -----------------------------------------------------------------------------------------------------


ENDPOINTS = [(each.method, each.pattern) for each in ROUTES if each.who is Who.ADMIN]


def test_the_endpoints_of_the_secret_key_are_all_of_these() -> None:
    assert {path for _, path in ENDPOINTS} == {
        each.pattern for each in ROUTES if each.pattern.startswith("/admin/") or each.pattern == "/invite"
    }


@pytest.mark.parametrize(("method", "pattern"), ENDPOINTS)
def test_only_the_secret_key_may(club: Club, method: str, pattern: str) -> None:
    ada = club.member()
    path = re.sub(r"\{\w+\}", ada.id, pattern)
    for token, key, status, code in (
        (None, None, 401, "no_authorization"),
        (None, program.PUBLISHABLE, 401, "no_authorization"),
        (ada.token, program.PUBLISHABLE, 403, "not_admin"),
    ):
        answer = club.ask(method, path, {"email": "bob@example.com"}, token=token, key=key)
        assert (answer.status, answer.json["code"]) == (status, code)
    assert not is_out(club, ada)
    assert club.rows(sa.select(sa.func.count()).select_from(club.tables.users)) == [(1,)]


# Users: made, shown, listed ----------------------------------------------------------------------------------


def test_a_user_is_made_with_all_that_is_said(club: Club) -> None:
    number = str(uuid4())
    body = {
        "id": number,
        "email": "Ada@Example.com",
        "phone": "+1 555 123 4567",
        "password": PASSWORD,
        "email_confirm": True,
        "phone_confirm": True,
        "user_metadata": {"name": "Ada"},
        "app_metadata": {"plan": "gold"},
        "role": "authenticated",
        "nonce": "",
    }
    made = admin(club, "POST", "/admin/users", body)
    assert (made["id"], made["email"], made["phone"]) == (number, "ada@example.com", "15551234567")
    assert made["email_confirmed_at"] and made["phone_confirmed_at"] and made["role"] == "authenticated"
    assert made["app_metadata"] == {"provider": "email", "providers": ["email", "phone"], "plan": "gold"}
    assert made["user_metadata"] == {"name": "Ada"}
    assert [each["identity_data"]["sub"] for each in made["identities"]] == [number, number]
    assert admin(club, "GET", f"/admin/users/{number}") == made
    assert club.enter().id == number
    assert club.rows(sa.select(club.tables.users.c.name)) == [("Ada",)]
    club.settle()
    assert club.post.mails == []


def test_a_user_whose_address_is_not_vouched_for_has_to_prove_it(club: Club) -> None:
    made = make(club, email_confirm=False)
    assert "email_confirmed_at" not in made
    assert made["identities"][0]["identity_data"]["email_verified"] is False
    assert log_in(club).json["code"] == "email_not_confirmed"
    assert admin(club, "PUT", f"/admin/users/{made['id']}", {"email_confirm": True})["email_confirmed_at"]
    assert log_in(club).status == 200


def test_imported_hashes_let_their_users_in_and_are_made_anew(club: Club) -> None:
    kept = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    make(club, password=None, password_hash=kept)
    assert club.enter().token
    (found,) = club.rows(sa.select(club.tables.credentials.c.password))[0]
    assert found.startswith("$argon2id$")


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        ({}, "validation_failed", "Cannot create a user without either an email or phone"),
        ({"email": "no address"}, "validation_failed", "Unable to validate email address: invalid format"),
        ({"phone": "none"}, "validation_failed", "Invalid phone number format (E.164 required)"),
        ({"email": "a@b.example", "password": "short"}, "weak_password", ""),
        ({"email": "a@b.example", "password_hash": "$1$x"}, "validation_failed", "password_hash: only hashes"),
        (
            {"email": "a@b.example", "password": PASSWORD, "password_hash": "$1$x"},
            "validation_failed",
            "Only a password or a password hash should be provided",
        ),
        ({"email": "a@b.example", "id": "7"}, "validation_failed", "ID must conform to the uuid v4 format"),
        ({"email": "a@b.example", "role": "admin"}, "validation_failed", "role: every user has the role"),
        ({"email": "a@b.example", "ban_duration": "soon"}, "validation_failed", "invalid format for ban duration: "),
        ({"email": "a@b.example", "user_metadata": []}, "validation_failed", "The body is not valid"),
    ],
)
def test_a_user_who_cannot_be_is_not_made(club: Club, body: Any, code: str, message: str) -> None:
    status, found, told = refused(club, "POST", "/admin/users", body)
    assert (status, found) == (422 if code == "weak_password" else 400, code)
    assert told.startswith(message)
    assert club.rows(sa.select(club.tables.users)) == []


def test_addresses_and_ids_of_others_are_refused(club: Club) -> None:
    made = make(club, phone="+15551234567")
    for body, status, code in (
        ({"email": "ADA@example.com"}, 422, "email_exists"),
        ({"phone": "15551234567"}, 422, "phone_exists"),
        ({"email": "bob@example.com", "id": made["id"]}, 409, "conflict"),
    ):
        assert refused(club, "POST", "/admin/users", body)[:2] == (status, code)
    bob = make(club, "bob@example.com")
    assert refused(club, "PUT", f"/admin/users/{bob['id']}", {"email": "ada@example.com"})[1] == "email_exists"
    assert refused(club, "PUT", f"/admin/users/{bob['id']}", {"phone": "15551234567"})[1] == "phone_exists"
    assert admin(club, "PUT", f"/admin/users/{made['id']}", {"email": "ada@example.com"})["email"] == "ada@example.com"


def test_of_two_who_make_one_user_at_once_one_is_told(club: Club) -> None:
    body = {"email": "ada@example.com", "email_confirm": True}
    answers = club.together(*[club.asking("POST", "/admin/users", body, key=program.SECRET_KEY) for _ in range(8)])
    assert sorted(each.status for each in answers) == [200] + [422] * 7
    assert {each.json["code"] for each in answers if each.status == 422} == {"email_exists"}


@pytest.mark.parametrize(("method", "body"), [("GET", None), ("PUT", {}), ("DELETE", {})])
def test_a_user_who_is_not_there(club: Club, method: str, body: Any) -> None:
    assert refused(club, method, "/admin/users/7", body) == (404, "validation_failed", "user_id must be an UUID")
    assert refused(club, method, f"/admin/users/{uuid4()}", body) == (404, "user_not_found", "User not found")


def test_a_user_is_told_in_a_list_as_by_themselves(club: Club) -> None:
    made = make(club, phone="+1 555 123 4567", phone_confirm=True)
    now, factors = datetime.now(UTC), club.tables.factors
    for kind in ("passkey", "totp"):
        row = {"user_id": UUID(made["id"]), "kind": kind, "friendly_name": kind, "status": "verified"}
        club.execute(sa.insert(factors).values(id=uuid4(), created_at=now, updated_at=now, **row))
    (listed,) = admin(club, "GET", "/admin/users")["users"]
    assert listed == admin(club, "GET", f"/admin/users/{made['id']}")
    assert [each["factor_type"] for each in listed["factors"]] == ["totp"], "passkeys are no second factors"
    assert [each["provider"] for each in listed["identities"]] == ["email", "phone"]


def test_users_are_listed_a_page_at_a_time(club: Club) -> None:
    for number in range(5):
        make(club, f"user{number}@example.com", password=None)
    answer = club.ask("GET", "/admin/users?page=1&per_page=2", key=program.SECRET_KEY)
    assert answer.headers["x-total-count"] == "5"
    assert answer.headers["link"] == (
        '</admin/users?page=2&per_page=2>; rel="next", </admin/users?page=3&per_page=2>; rel="last"'
    )
    assert answer.json["aud"] == "authenticated"
    pages = [admin(club, "GET", f"/admin/users?page={page}&per_page=2")["users"] for page in (1, 2, 3, 4)]
    assert [len(page) for page in pages] == [2, 2, 1, 0]
    assert {user["email"] for page in pages for user in page} == {f"user{number}@example.com" for number in range(5)}
    assert all(user["identities"][0]["email"] == user["email"] for page in pages for user in page)
    last = club.ask("GET", "/admin/users", key=program.SECRET_KEY)
    assert last.headers["link"] == '</admin/users?page=1&per_page=50>; rel="last"'


@pytest.mark.parametrize("query", ["page=0", "page=x", "per_page=-1", "per_page=1001", "page=99999999999999999999"])
def test_pages_that_cannot_be(club: Club, query: str) -> None:
    status, code, message = refused(club, "GET", f"/admin/users?{query}")
    assert (status, code) == (400, "validation_failed")
    assert message.startswith("Bad Pagination Parameters: ")


def test_a_row_that_the_application_made_itself_is_a_user_too(club: Club) -> None:
    club.execute(sa.insert(club.tables.users).values(id=uuid4(), email="ada@example.com", is_board=False))
    (user,) = admin(club, "GET", "/admin/users")["users"]
    assert (user["email"], user["identities"], user["is_anonymous"]) == ("ada@example.com", [], False)
    admin(club, "PUT", f"/admin/users/{user['id']}", {"password": PASSWORD, "email_confirm": True})
    assert club.enter().id == user["id"]


# Changed -----------------------------------------------------------------------------------------------------


def test_metadata_is_merged_and_null_takes_away(club: Club) -> None:
    made = make(club, user_metadata={"name": "Ada", "born": 1815}, app_metadata={"plan": "gold", "seat": 7})
    body = {"user_metadata": {"born": None, "name": "Lovelace"}, "app_metadata": {"seat": None, "vip": True}}
    changed = admin(club, "PUT", f"/admin/users/{made['id']}", body)
    assert changed["user_metadata"] == {"name": "Lovelace"}
    assert changed["app_metadata"] == {"provider": "email", "providers": ["email"], "plan": "gold", "vip": True}
    assert club.rows(sa.select(club.tables.users.c.name)) == [("Lovelace",)]


def test_a_new_address_is_in_force_at_once_and_the_old_one_is_told(club: Club) -> None:
    ada = club.member()
    club.ask("POST", "/recover", {"email": "ada@example.com"})
    link = path_of(club.mail("ada@example.com", "recovery").link)
    changed = admin(club, "PUT", f"/admin/users/{ada.id}", {"email": "new@example.com", "phone": "15551234567"})
    assert (changed["email"], changed["phone"]) == ("new@example.com", "15551234567")
    assert changed["email_confirmed_at"] and "phone_confirmed_at" not in changed
    assert {each["provider"]: each["identity_data"].get("email") for each in changed["identities"]} == {
        "email": "new@example.com",
        "phone": None,
    }
    assert club.mail("ada@example.com", "email_changed")
    assert fragment(club.ask("GET", link, key=None))["error_code"] == "otp_expired"
    assert club.enter("new@example.com").id == ada.id


@pytest.mark.asvs("7.4.3")
@pytest.mark.invariant("I23")
def test_a_new_password_ends_every_session(club: Club) -> None:
    ada = club.member()
    admin(club, "PUT", f"/admin/users/{ada.id}", {"password": OTHER})
    assert is_out(club, ada)
    assert log_in(club).json["code"] == "invalid_credentials"
    assert club.enter(password=OTHER).id == ada.id
    assert not is_out(club, club.enter(password=OTHER))
    assert club.mail("ada@example.com", "password_changed")


# Banned ------------------------------------------------------------------------------------------------------


@pytest.mark.asvs("7.4.2", "7.4.5")
@pytest.mark.invariant("I23")
def test_who_is_banned_is_out_at_once_on_every_door_and_comes_back_when_it_is_lifted(club: Club) -> None:
    ada, bob = club.member(), club.member("bob@example.com")
    banned = admin(club, "PUT", f"/admin/users/{ada.id}", {"ban_duration": "24h"})
    assert banned["banned_until"]
    assert is_out(club, ada) and not is_out(club, bob)
    assert log_in(club).json["code"] == "user_banned"
    club.ask("POST", "/recover", {"email": "ada@example.com"})
    club.settle()
    assert [mail.kind for mail in club.post.mails if mail.to == "ada@example.com"] == ["confirmation"]
    lifted = admin(club, "PUT", f"/admin/users/{ada.id}", {"ban_duration": "none"})
    assert "banned_until" not in lifted
    assert is_out(club, ada)
    assert not is_out(club, club.enter())


def test_a_link_that_was_sent_before_a_ban_lets_nobody_in(club: Club) -> None:
    club.member()
    club.ask("POST", "/recover", {"email": "ada@example.com"})
    link = path_of(club.mail("ada@example.com", "recovery").link)
    (user,) = admin(club, "GET", "/admin/users")["users"]
    admin(club, "PUT", f"/admin/users/{user['id']}", {"ban_duration": "1h"})
    assert fragment(club.ask("GET", link, key=None))["error_code"] == "user_banned"


@pytest.mark.parametrize(
    ("text", "hours"), [("24h", 24), ("1h30m", 1.5), ("90m", 1.5), (".5h", 0.5), ("876000h", 876000), ("none", 0)]
)
def test_durations_of_bans(text: str, hours: float) -> None:
    assert read_ban(text) == timedelta(hours=hours)


@pytest.mark.parametrize("text", ["", "h", "24", "-1h", "1d", "24h ", "1h soon", "99999999999h", "٣h"])
def test_durations_that_are_none(text: str) -> None:
    with pytest.raises(ValidationFailed, match="invalid format for ban duration: "):
        read_ban(text)


# Deleted -----------------------------------------------------------------------------------------------------


@pytest.mark.asvs("7.4.2", "7.4.5")
@pytest.mark.invariant("I23")
@pytest.mark.parametrize("body", [None, {}, {"should_soft_delete": False}])
def test_who_is_deleted_is_out_at_once_on_every_door(club: Club, body: Any) -> None:
    ada, bob = club.member(), club.member("bob@example.com")
    assert admin(club, "DELETE", f"/admin/users/{ada.id}", body) == {}
    assert is_out(club, ada) and not is_out(club, bob)
    assert log_in(club).json["code"] == "invalid_credentials"
    assert refused(club, "GET", f"/admin/users/{ada.id}")[1] == "user_not_found"
    left = [table for table in own_tables(club) if "user_id" in table.c and table.name != "auth_audit"]
    for table in left:
        assert [row for row in club.rows(sa.select(table.c.user_id)) if str(row[0]) == ada.id] == []
    assert club.member().id != ada.id


def test_a_row_that_is_deleted_by_hand_takes_the_sessions_along(club: Club) -> None:
    ada, users = club.member(), club.tables.users
    club.execute(sa.delete(users).where(users.c.id == UUID(ada.id)))
    assert club.ask("GET", "/user", token=ada.token).json["code"] == "user_not_found"
    body = {"refresh_token": ada.session["refresh_token"]}
    assert club.ask("POST", "/token?grant_type=refresh_token", body).json["code"] == "refresh_token_not_found"


def own_tables(club: Club) -> Iterator[sa.Table]:
    yield from (each for each in club.app.schema.metadata.tables.values() if each.name.startswith("auth_"))


@pytest.mark.asvs("7.4.2")
@pytest.mark.invariant("I23")
def test_who_is_deleted_softly_leaves_a_row_and_nothing_to_sign_in_by(club: Club) -> None:
    ada = club.member(data={"name": "Ada"})
    club.ask("POST", "/recover", {"email": "ada@example.com"})
    link = path_of(club.mail("ada@example.com", "recovery").link)
    assert admin(club, "DELETE", f"/admin/users/{ada.id}", {"should_soft_delete": True}) == {}
    assert is_out(club, ada)
    assert log_in(club).json["code"] == "invalid_credentials"
    assert fragment(club.ask("GET", link, key=None))["error_code"] == "otp_expired"
    shown = admin(club, "GET", f"/admin/users/{ada.id}")
    assert shown["deleted_at"] and (shown["email"], shown["identities"], shown["user_metadata"]) == ("", [], {})
    assert refused(club, "PUT", f"/admin/users/{ada.id}", {"password": OTHER})[1] == "user_not_found"
    credentials = str(club.rows(sa.select(*club.tables.credentials.columns)))
    assert "ada@example.com" not in credentials and "argon2" not in credentials
    assert club.member().id != ada.id
    assert admin(club, "DELETE", f"/admin/users/{ada.id}") == {}
    assert refused(club, "GET", f"/admin/users/{ada.id}")[0] == 404


def test_rows_of_the_application_may_hold_on_to_a_user(club: Club) -> None:
    ada = club.member()
    metadata = sa.MetaData()
    users = club.tables.users.to_metadata(metadata)
    held = sa.Table("held", metadata, sa.Column("user_id", users.c.id.type, sa.ForeignKey(users.c.id)))
    club.execute(sa.schema.CreateTable(held))
    try:
        club.execute(sa.insert(held).values(user_id=UUID(ada.id)))
        status, code, message = refused(club, "DELETE", f"/admin/users/{ada.id}")
        assert (status, code, message) == (409, "conflict", "Rows of the application refer to this user")
        assert not is_out(club, ada)
        assert admin(club, "DELETE", f"/admin/users/{ada.id}", {"should_soft_delete": True}) == {}
        assert not is_out(club, club.member())
    finally:
        club.execute(sa.schema.DropTable(held))


# Links and invitations ---------------------------------------------------------------------------------------


def link(club: Club, kind: str, email: str = "ada@example.com", **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = admin(club, "POST", "/admin/generate_link", {"type": kind, "email": email, **more})
    assert made["redirect_to"] == more.get("redirect_to", program.SITE_URL)
    club.settle()
    return made


@pytest.mark.parametrize("kind", ["signup", "magiclink", "invite", "recovery"])
@pytest.mark.parametrize("way", ["link", "code", "hash"])
def test_links_let_users_in(club: Club, kind: str, way: str) -> None:
    if kind == "recovery":
        club.member()
        club.post.mails.clear()
    made = link(club, kind, **({"password": PASSWORD, "data": {"name": "Ada"}} if kind == "signup" else {}))
    assert club.post.mails == []
    assert made["verification_type"] == ("signup" if kind == "magiclink" else kind)
    if way == "link":
        found = fragment(club.ask("GET", path_of(made["action_link"]), key=None))
        assert found["type"] == made["verification_type"]
        token = found["access_token"]
    else:
        shown = {"token_hash": made["hashed_token"]} if way == "hash" else {"token": made["email_otp"]}
        if way == "code":
            shown["email"] = "ada@example.com"
        answer = club.ask("POST", "/verify", {"type": made["verification_type"], **shown})
        assert answer.status == 200, answer.body
        token = answer.json["access_token"]
    assert club.ask("GET", "/user", token=token).json["id"] == made["id"]
    assert log_in(club).status == (200 if kind in ("signup", "recovery") else 400)


def test_links_for_a_new_address_are_two(club: Club) -> None:
    ada = club.member()
    current = link(club, "email_change_current", new_email="new@example.com")
    new = link(club, "email_change_new", new_email="new@example.com")
    assert (current["verification_type"], new["verification_type"]) == ("email_change_current", "email_change_new")
    assert "message" in club.ask("GET", path_of(current["action_link"]), key=None).headers["location"]
    whole = club.ask("POST", "/verify", {"type": "email_change", "token": new["email_otp"], "email": "new@example.com"})
    assert whole.json["user"]["email"] == "new@example.com"
    assert whole.json["user"]["id"] == ada.id


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"type": "none", "email": "ada@example.com"}, 400, "validation_failed"),
        ({"type": "magiclink"}, 400, "validation_failed"),
        ({"type": "signup", "email": "new@example.com"}, 400, "validation_failed"),
        ({"type": "signup", "email": "new@example.com", "password": "short"}, 422, "weak_password"),
        ({"type": "signup", "email": "ada@example.com", "password": PASSWORD}, 422, "email_exists"),
        ({"type": "invite", "email": "ada@example.com"}, 422, "email_exists"),
        ({"type": "recovery", "email": "new@example.com"}, 404, "user_not_found"),
        ({"type": "email_change_new", "email": "new@example.com", "new_email": "x@example.com"}, 404, "user_not_found"),
        ({"type": "email_change_new", "email": "ada@example.com"}, 400, "validation_failed"),
        ({"type": "email_change_new", "email": "ada@example.com", "new_email": "ada@example.com"}, 422, "email_exists"),
    ],
)
def test_links_that_cannot_be_made(club: Club, body: Any, status: int, code: str) -> None:
    club.member()
    assert refused(club, "POST", "/admin/generate_link", body)[:2] == (status, code)


def test_a_link_leads_only_where_the_settings_allow(club: Club) -> None:
    body = {"type": "magiclink", "email": "ada@example.com", "redirect_to": "https://evil.example/"}
    assert admin(club, "POST", "/admin/generate_link", body)["redirect_to"] == program.SITE_URL
    link(club, "magiclink", redirect_to="https://www.club.example/notes")


def test_who_is_invited_gets_a_letter_and_comes_in_by_it(club: Club) -> None:
    invited = admin(club, "POST", "/invite", {"email": "ada@example.com", "data": {"name": "Ada"}})
    assert invited["invited_at"] and invited["user_metadata"] == {"name": "Ada"}
    letter = club.mail("ada@example.com", "invite")
    again = admin(club, "POST", "/invite", {"email": "ada@example.com"})
    assert again["id"] == invited["id"]
    found = fragment(club.ask("GET", path_of(letter.link), key=None))
    assert found["type"] == "invite"
    assert club.ask("PUT", "/user", {"password": PASSWORD}, token=found["access_token"]).status == 200
    assert refused(club, "POST", "/invite", {"email": "ada@example.com"})[:2] == (422, "email_exists")
    assert refused(club, "POST", "/invite", {})[:2] == (400, "validation_failed")


# The trail ---------------------------------------------------------------------------------------------------


@pytest.mark.asvs("16.2.1")
def test_what_the_secret_key_did_is_on_record(club: Club) -> None:
    made = make(club)
    path = f"/admin/users/{made['id']}"
    admin(club, "PUT", path, {"ban_duration": "1h", "password": OTHER})
    admin(club, "PUT", path, {"ban_duration": "none"})
    link(club, "magiclink")
    admin(club, "POST", "/invite", {"email": "bob@example.com"})
    admin(club, "DELETE", path)
    answer = club.ask("GET", f"/admin/audit?query=user:{made['id']}", key=program.SECRET_KEY)
    trail = answer.json
    assert answer.headers["x-total-count"] == str(len(trail))
    assert [each["payload"]["action"] for each in reversed(trail)] == [
        "user_created",
        *("password_changed", "user_banned", "user_changed"),
        *("user_unbanned", "user_changed"),
        *("code_made", "link_made", "user_deleted"),
    ]
    assert {each["payload"]["actor_id"] for each in trail} == {"service_role"}
    assert all(each["id"] and each["created_at"] and "ip_address" in each for each in trail)
    assert OTHER not in answer.body.decode() and PASSWORD not in answer.body.decode()
    (invited,) = admin(club, "GET", "/admin/audit?query=action:user_invited")
    assert invited["user_id"] != made["id"]
    assert len(admin(club, "GET", "/admin/audit?per_page=3&page=2")) == 3
    status, code, message = refused(club, "GET", "/admin/audit?query=colour:red")
    assert (status, code, message) == (400, "validation_failed", "Invalid query scope: colour:red")
