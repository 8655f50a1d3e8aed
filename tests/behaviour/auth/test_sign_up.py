"""Signing up, proving an address, signing in: what it takes, and what nobody learns by it."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from backstay.auth.store.codes import MOST_ATTEMPTS
from backstay.errors import Conflict
from signing_in import PASSWORD, Club, Person, fragment, path_of, query


def code(answer: object) -> str:
    return str(answer.json["code"])  # type: ignore[attr-defined]


def test_who_signs_up_proves_the_address_and_is_in(club: Club) -> None:
    told = club.sign_up("Ada@Example.com ", data={"name": "Ada"})
    assert told.json["email"] == "ada@example.com"
    assert "access_token" not in told.json
    refused = club.ask("POST", "/token?grant_type=password", {"email": "ada@example.com", "password": PASSWORD})
    assert (refused.status, code(refused)) == (400, "email_not_confirmed")
    entered = club.ask(
        "POST",
        "/verify",
        {"type": "email", "email": "ADA@example.com", "token": club.mail("ada@example.com", "confirmation").code},
    )
    assert entered.status == 200
    user = entered.json["user"]
    assert user["email_confirmed_at"] and user["user_metadata"] == {"name": "Ada"}
    assert user["app_metadata"] == {"provider": "email", "providers": ["email"]}
    assert [each["identity_data"]["email_verified"] for each in user["identities"]] == [True]
    again = club.enter("ada@example.com")
    assert again.id == user["id"]
    assert club.ask("GET", "/user", token=again.token).json["email"] == "ada@example.com"


def test_the_profile_is_written_into_the_application_s_own_table_and_nothing_else_is(club: Club) -> None:
    ada = club.member(data={"name": "Ada", "is_board": True, "id": "00000000-0000-0000-0000-000000000001"})
    users = club.tables.users
    assert club.rows(sa.select(users.c.name, users.c.is_board)) == [("Ada", False)]
    assert ada.id != "00000000-0000-0000-0000-000000000001"
    club.ask("PUT", "/user", {"data": {"name": "Ada L."}}, token=ada.token)
    assert club.rows(sa.select(users.c.name)) == [("Ada L.",)]


def test_a_token_opens_the_doors_of_the_application(club: Club) -> None:
    ada, bob = club.member("ada@example.com"), club.member("bob@example.com")
    made = club.ask("POST", "/rest/v1/notes", {"text": "mine"}, token=ada.token)
    assert made.status == 201, made.body
    assert [each["text"] for each in club.ask("GET", "/rest/v1/notes", token=ada.token).json] == ["mine"]
    assert club.ask("GET", "/rest/v1/notes", token=bob.token).json == []
    assert club.ask("GET", "/rest/v1/auth_credentials", token=ada.token).status == 404


def test_signing_up_does_not_tell_that_an_address_is_taken(club: Club) -> None:
    ada = club.member()
    new, known = club.sign_up("new@example.com").json, club.sign_up("ada@example.com").json
    assert set(known) == set(new)
    assert known["id"] != ada.id and len(known["identities"]) == len(new["identities"])
    assert club.enter().id == ada.id


def test_a_password_comes_into_force_with_the_proof_of_its_own_sign_up(club: Club) -> None:
    club.sign_up(password="the stranger's one")
    strangers = club.mail("ada@example.com")
    club.sign_up(password="the owner's own one")
    owners = club.mail("ada@example.com")
    assert strangers.code != owners.code
    proven = club.ask("GET", path_of(owners.link))
    assert proven.status == 303 and "access_token" in fragment(proven)
    assert club.enter(password="the owner's own one")
    refused = club.ask(
        "POST", "/token?grant_type=password", {"email": "ada@example.com", "password": "the stranger's one"}
    )
    assert code(refused) == "invalid_credentials"
    late = club.ask("GET", path_of(strangers.link))
    assert fragment(late)["error_code"] == "otp_expired"


def test_a_link_to_an_unproven_account_drops_the_password_that_a_stranger_chose(club: Club) -> None:
    club.sign_up(password="the stranger's one")
    club.ask("POST", "/otp", {"email": "ada@example.com"})
    proven = club.ask("GET", path_of(club.mail("ada@example.com", "magic_link").link))
    assert "access_token" in fragment(proven)
    refused = club.ask(
        "POST", "/token?grant_type=password", {"email": "ada@example.com", "password": "the stranger's one"}
    )
    assert code(refused) == "invalid_credentials"


@pytest.mark.asvs("6.5.2")
def test_what_proves_an_address_is_not_in_the_database(club: Club) -> None:
    club.sign_up()
    mail = club.mail("ada@example.com")
    token = path_of(mail.link).partition("token=")[2].partition("&")[0]
    kept = str(club.rows(sa.select(*club.tables.codes.columns)))
    assert mail.code not in kept and token not in kept and PASSWORD not in kept


@pytest.mark.asvs("6.6.3")
def test_a_code_cannot_be_tried_out(club: Club) -> None:
    club.sign_up()
    right = club.mail("ada@example.com").code
    wrong = "000000" if right != "000000" else "111111"
    for _ in range(MOST_ATTEMPTS):
        refused = club.ask("POST", "/verify", {"type": "signup", "email": "ada@example.com", "token": wrong})
        assert (refused.status, code(refused)) == (403, "otp_expired")
    refused = club.ask("POST", "/verify", {"type": "signup", "email": "ada@example.com", "token": right})
    assert code(refused) == "otp_expired"


@pytest.mark.asvs("6.4.1")
def test_a_code_and_a_link_expire(club: Club) -> None:
    club.sign_up()
    mail = club.mail("ada@example.com")
    codes = club.tables.codes
    club.execute(sa.update(codes).values(code_expires_at=codes.c.created_at, expires_at=codes.c.created_at))
    by_code = club.ask("POST", "/verify", {"type": "signup", "email": "ada@example.com", "token": mail.code})
    assert code(by_code) == "otp_expired"
    assert fragment(club.ask("GET", path_of(mail.link)))["error_code"] == "otp_expired"


def test_a_client_of_pkce_gets_a_code_that_only_its_verifier_opens(club: Club) -> None:
    verifier = "v" * 50
    challenge = {"code_challenge": "w" * 43, "code_challenge_method": "s256"}
    club.sign_up(code_challenge=verifier, code_challenge_method="plain")
    link = club.mail("ada@example.com").link
    assert "token=pkce_" in link
    back = club.ask("GET", path_of(link))
    assert "#" not in back.headers["location"]
    auth_code = query(back)["code"]
    body = {"auth_code": auth_code, "code_verifier": verifier}
    answers = club.together(*[club.asking("POST", "/token?grant_type=pkce", body) for _ in range(20)])
    assert sorted(each.status for each in answers) == [200] + [404] * 19
    club.ask("POST", "/otp", {"email": "ada@example.com", **challenge})
    again = query(club.ask("GET", path_of(club.mail("ada@example.com", "magic_link").link)))["code"]
    refused = club.ask("POST", "/token?grant_type=pkce", {"auth_code": again, "code_verifier": "x" * 50})
    assert (refused.status, code(refused)) == (400, "bad_code_verifier")
    used = club.ask("POST", "/token?grant_type=pkce", {"auth_code": again, "code_verifier": "x" * 50})
    assert (used.status, code(used)) == (404, "flow_state_not_found")


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ({"email": "ada@example.com"}, "validation_failed"),
        ({"email": "ada", "password": PASSWORD}, "validation_failed"),
        ({"email": "ada@example.com", "phone": "+491701234567", "password": PASSWORD}, "validation_failed"),
        ({"phone": "12", "password": PASSWORD}, "validation_failed"),
        ({"email": "ada@example.com", "password": "short"}, "weak_password"),
        ({"email": "ada@example.com", "password": PASSWORD, "code_challenge": "x" * 43}, "validation_failed"),
        ({"email": 7, "password": PASSWORD}, "validation_failed"),
        ([], "validation_failed"),
    ],
)
def test_a_sign_up_that_does_not_do_is_refused(club: Club, body: object, name: str) -> None:
    answer = club.ask("POST", "/signup", body)
    assert answer.status in (400, 422) and code(answer) == name
    assert answer.headers["x-sb-error-code"] == name
    assert answer.headers["x-supabase-api-version"] == "2024-01-01"


def test_somebody_may_be_nobody_in_particular(club: Club) -> None:
    answer = club.ask("POST", "/signup", {"data": {"theme": "dark"}})
    somebody = Person(answer.json)
    assert somebody.session["user"]["is_anonymous"] is True
    assert club.ask("GET", "/user", token=somebody.token).json["user_metadata"] == {"theme": "dark"}
    club.ask("PUT", "/user", {"email": "ada@example.com"}, token=somebody.token)
    letter = club.mail("ada@example.com", "email_change")
    club.ask("POST", "/verify", {"type": "email_change", "email": "ada@example.com", "token": letter.code})
    user = club.ask("GET", "/user", token=somebody.token).json
    assert (user["email"], user["is_anonymous"]) == ("ada@example.com", False)


def test_signing_up_by_phone(club: Club) -> None:
    answer = club.ask("POST", "/signup", {"phone": "+49 170 1234567", "password": PASSWORD})
    assert answer.status == 200 and answer.json["phone"] == "491701234567"
    shown = {"type": "sms", "phone": "491701234567", "token": club.text("491701234567")}
    assert club.ask("POST", "/verify", shown).status == 200
    entered = club.ask("POST", "/token?grant_type=password", {"phone": "+491701234567", "password": PASSWORD})
    assert entered.status == 200
    club.ask("POST", "/otp", {"phone": "+491701234567"})
    shown = {"type": "sms", "phone": "+491701234567", "token": club.text("491701234567")}
    assert club.ask("POST", "/verify", shown).json["user"]["phone_confirmed_at"]


def test_a_column_that_nobody_fills_is_told_by_name(database_url: str) -> None:
    with Club(database_url, with_nick=True) as club:
        answer = club.ask("POST", "/signup", {"email": "ada@example.com", "password": PASSWORD})
        assert (answer.status, code(answer)) == (400, "validation_failed")
        assert "nick" in answer.json["message"] and "before_sign_up" in answer.json["hint"]


def test_the_application_may_refuse_a_new_user(database_url: str) -> None:
    async def refuse(db: object, user: object) -> None:
        raise Conflict("Only members' friends may join.")

    with Club(database_url, auth={"before_sign_up": refuse}) as club:
        answer = club.ask("POST", "/signup", {"email": "ada@example.com", "password": PASSWORD})
        assert (answer.status, answer.json["message"]) == (409, "Only members' friends may join.")
        assert club.rows(sa.select(club.tables.users.c.id)) == []


def test_who_has_to_choose_another_password_does_not_wait_for_it(database_url: str) -> None:
    with Club(database_url, mail_pause=timedelta(minutes=1)) as club:
        weak = club.ask("POST", "/signup", {"email": "ada@example.com", "password": "password1"})
        assert (weak.status, code(weak)) == (422, "weak_password")
        club.sign_up()
        assert code(club.ask("POST", "/signup", {"email": "ada@example.com", "password": PASSWORD})) == (
            "over_email_send_rate_limit"
        )


def test_a_link_in_a_mail_needs_no_key_where_requests_do(database_url: str) -> None:
    with Club(database_url, anonymous=False) as club:
        club.sign_up()
        followed = club.ask("GET", path_of(club.mail("ada@example.com").link), key=None)
        assert (followed.status, "access_token" in fragment(followed)) == (303, True)
        assert club.ask("GET", "/rest/v1/notes", key=None).status == 401
