"""Sessions: their tokens, how long they live, and what ends them."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from fixtures.club import SECRET_KEY
from signing_in import PASSWORD, Club, Person


def refresh(club: Club, token: str) -> object:
    return club.asking("POST", "/token?grant_type=refresh_token", {"refresh_token": token})


def later(club: Club, seconds: float) -> None:
    """Have everything happened so many seconds earlier."""
    sessions = club.tables.sessions
    for row in club.rows(sa.select(sessions.c.id, sessions.c.created_at, sessions.c.refreshed_at)):
        values = {
            "created_at": row[1] - timedelta(seconds=seconds),
            "refreshed_at": row[2] - timedelta(seconds=seconds),
        }
        club.execute(sa.update(sessions).where(sessions.c.id == row[0]).values(values))


@pytest.mark.invariant("I21")
@pytest.mark.asvs("10.4.5")
def test_a_refresh_token_used_twice_ends_the_session(club: Club) -> None:
    ada = club.member()
    second = club.run(refresh(club, ada.refresh_token)).json
    later(club, 11)
    reused = club.run(refresh(club, ada.refresh_token))
    assert (reused.status, reused.json["code"]) == (400, "refresh_token_already_used")
    assert club.run(refresh(club, second["refresh_token"])).json["code"] == "refresh_token_already_used"
    club.run(club.sign_in.revocations.refresh())
    assert club.ask("GET", "/rest/v1/notes", token=second["access_token"]).status == 401


def test_a_lost_answer_can_be_asked_for_again(club: Club) -> None:
    ada = club.member()
    answers = club.together(*[refresh(club, ada.refresh_token) for _ in range(50)])
    assert {each.status for each in answers} == {200}
    assert len({each.json["refresh_token"] for each in answers}) == 1
    assert club.rows(sa.select(club.tables.sessions.c.generation)) == [(1,)]


@pytest.mark.invariant("I21")
@pytest.mark.asvs("10.4.5")
def test_without_reuse_a_clock_that_is_behind_is_no_excuse(club: Club) -> None:
    ada, settings = club.member(), club.sign_in.settings
    club.sign_in.settings = replace(settings, refresh_reuse=timedelta(0))
    try:
        assert club.run(refresh(club, ada.refresh_token)).status == 200
        later(club, -5)
        answer = club.run(refresh(club, ada.refresh_token))
        assert (answer.status, answer.json["code"]) == (400, "refresh_token_already_used")
    finally:
        club.sign_in.settings = settings


@pytest.mark.parametrize("token", ["", "x", "A" * 60, "é" * 60, "=" * 60])
def test_a_refresh_token_cannot_be_made_up(club: Club, token: str) -> None:
    ada = club.member()
    answer = club.run(refresh(club, token))
    assert answer.status == 400
    assert answer.json["code"] == ("refresh_token_not_found" if token else "validation_failed")
    changed = ada.refresh_token[:-1] + ("A" if ada.refresh_token[-1] != "A" else "B")
    assert club.run(refresh(club, changed)).json["code"] == "refresh_token_not_found"


def test_a_token_that_is_no_good_does_not_keep_its_holder_from_a_new_one(club: Club) -> None:
    ada = club.member()
    for token in (ada.token[:-2], "a.b.c", "sb_secret_nothing"):
        body = {"refresh_token": ada.refresh_token}
        assert club.ask("POST", "/token?grant_type=refresh_token", body, token=token).status == 200
        assert club.ask("GET", "/user", token=token).status in (401, 403)
        assert club.ask("GET", "/admin/users", token=token).status in (401, 403)
    club.ask("POST", "/logout", token=ada.token)
    answer = club.ask(
        "POST", "/token?grant_type=password", {"email": "ada@example.com", "password": PASSWORD}, token=ada.token
    )
    assert answer.status == 200
    wrong = club.ask("POST", "/token?grant_type=password", {}, token=ada.token, key="sb_publishable_nothing")
    assert (wrong.status, wrong.json["code"]) == (401, "no_authorization")


@pytest.mark.asvs("7.4.1")
@pytest.mark.parametrize(("scope", "left"), [("global", []), ("local", ["other"]), ("others", ["own"])])
def test_leaving_ends_the_sessions_that_are_named(club: Club, scope: str, left: list[str]) -> None:
    club.member()
    sessions = {"own": club.enter(), "other": club.enter()}
    answer = club.ask("POST", f"/logout?scope={scope}", token=sessions["own"].token)
    assert (answer.status, answer.body) == (204, b"")
    for name, person in sessions.items():
        alive = club.run(refresh(club, person.refresh_token)).status == 200
        seen = club.ask("GET", "/rest/v1/notes", token=person.token).status == 200
        assert (alive, seen) == (name in left, name in left)


@pytest.mark.asvs("7.3.1", "7.3.2")
@pytest.mark.parametrize("setting", ["session_idle", "session_life"])
def test_a_session_ends_when_its_time_is_over(database_url: str, setting: str) -> None:
    with Club(database_url, **{setting: timedelta(hours=8)}) as club:
        ada = club.member()
        later(club, 7 * 3600)
        kept = Person(club.run(refresh(club, ada.refresh_token)).json)
        later(club, 8 * 3600 + 1)
        ended = club.run(refresh(club, kept.refresh_token))
        assert (ended.status, ended.json["code"]) == (400, "session_expired")


def test_one_session_at_a_time_where_the_settings_say_so(database_url: str) -> None:
    with Club(database_url, single_session=True) as club:
        first = club.member()
        club.enter()
        club.run(club.sign_in.revocations.refresh())
        assert club.run(refresh(club, first.refresh_token)).json["code"] == "refresh_token_not_found"
        assert club.ask("GET", "/rest/v1/notes", token=first.token).status == 401


def test_a_token_says_who_how_and_for_how_long(club: Club) -> None:
    import base64
    import json

    ada = club.member()
    segment = ada.token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))
    assert claims["iss"] == "https://club.example/auth/v1"
    assert (claims["sub"], claims["role"], claims["aud"]) == (ada.id, "authenticated", "authenticated")
    assert (claims["aal"], claims["is_anonymous"], claims["email"]) == ("aal1", False, "ada@example.com")
    assert [each["method"] for each in claims["amr"]] == ["email/signup"]
    assert claims["exp"] - claims["iat"] == 3600 and abs(claims["iat"] - time.time()) < 10
    assert claims["session_id"]


def test_the_application_adds_claims_but_does_not_say_who_it_is(database_url: str) -> None:
    async def claims(db: object, user: object) -> dict[str, object]:
        return {"badge": user.email.upper(), "sub": "somebody else", "role": "service_role"}  # type: ignore[attr-defined]

    with Club(database_url, auth={"claims": claims}) as club:
        ada = club.member()
        caller = club.app.assembly.identify({"authorization": f"Bearer {ada.token}"})
        assert (caller.id, caller.claims["badge"]) == (ada.id, "ADA@EXAMPLE.COM")


@pytest.mark.asvs("7.4.3")
@pytest.mark.invariant("I23")
def test_a_new_password_ends_the_other_sessions(club: Club) -> None:
    club.member()
    own, other = club.enter(), club.enter()
    answer = club.ask("PUT", "/user", {"password": "nine green apples"}, token=own.token)
    assert answer.status == 200, answer.body
    club.run(club.sign_in.revocations.refresh())
    assert club.run(refresh(club, own.refresh_token)).status == 200
    assert club.run(refresh(club, other.refresh_token)).status == 400
    assert club.ask("GET", "/rest/v1/notes", token=other.token).status == 401
    assert club.enter(password="nine green apples").id == own.id
    assert club.mail("ada@example.com", "password_changed")


@pytest.mark.asvs("6.2.3", "7.5.1")
def test_a_new_password_takes_more_than_an_old_session(club: Club) -> None:
    ada = club.member()
    later(club, 25 * 3600)
    body = {"password": "nine green apples"}
    assert club.ask("PUT", "/user", body, token=ada.token).json["code"] == "reauthentication_needed"
    wrong = club.ask("PUT", "/user", {**body, "current_password": "not this one"}, token=ada.token)
    assert wrong.json["code"] == "current_password_invalid"
    assert club.ask("PUT", "/user", {**body, "nonce": "000000"}, token=ada.token).json["code"] == (
        "reauthentication_not_valid"
    )
    club.ask("GET", "/reauthenticate", token=ada.token)
    nonce = club.mail("ada@example.com", "reauthentication").code
    assert club.ask("PUT", "/user", {**body, "nonce": nonce}, token=ada.token).status == 200
    same = club.ask("PUT", "/user", {**body, "current_password": "nine green apples"}, token=ada.token)
    assert same.json["code"] == "same_password"


def test_a_new_address_takes_the_proof_of_both(club: Club) -> None:
    ada = club.member()
    asked = club.ask("PUT", "/user", {"email": "new@example.com"}, token=ada.token)
    assert (asked.json["email"], asked.json["new_email"]) == ("ada@example.com", "new@example.com")
    old, new = (club.mail(to, "email_change") for to in ("ada@example.com", "new@example.com"))
    half = club.ask("POST", "/verify", {"type": "email_change", "email": "new@example.com", "token": new.code})
    assert half.json["code"] == "200" and "other email" in half.json["msg"]
    assert club.ask("GET", "/user", token=ada.token).json["email"] == "ada@example.com"
    whole = club.ask("POST", "/verify", {"type": "email_change", "email": "ada@example.com", "token": old.code})
    assert whole.json["user"]["email"] == "new@example.com"
    assert club.enter("new@example.com").id == ada.id


def test_an_address_of_somebody_else_cannot_be_taken_and_is_not_told_of(club: Club) -> None:
    ada, bob = club.member("ada@example.com"), club.member("bob@example.com")
    club.post.mails.clear()
    asked = club.ask("PUT", "/user", {"email": "bob@example.com"}, token=ada.token)
    assert (asked.status, asked.json["new_email"]) == (200, "bob@example.com")
    club.settle()
    assert [mail.to for mail in club.post.mails] == ["ada@example.com"]
    assert club.enter("bob@example.com").id == bob.id


@pytest.mark.asvs("6.4.3")
def test_who_forgot_the_password_gets_in_by_a_link_and_nobody_learns_who_is_known(club: Club) -> None:
    ada = club.member()
    club.post.mails.clear()
    known, unknown = (club.ask("POST", "/recover", {"email": each}) for each in ("ada@example.com", "no@example.com"))
    assert (known.status, known.body) == (unknown.status, unknown.body) == (200, b"{}")
    club.settle()
    assert [mail.to for mail in club.post.mails] == ["ada@example.com"]
    shown = {"type": "recovery", "email": "ada@example.com", "token": club.mail("ada@example.com").code}
    recovered = Person(club.ask("POST", "/verify", shown).json)
    assert recovered.id == ada.id
    assert club.ask("PUT", "/user", {"password": "nine green apples"}, token=recovered.token).status == 200


def test_every_endpoint_of_users_wants_a_user(club: Club) -> None:
    for method, path in (("GET", "/user"), ("PUT", "/user"), ("POST", "/logout"), ("GET", "/reauthenticate")):
        answer = club.ask(method, path)
        assert (answer.status, answer.json["code"]) == (401, "no_authorization")
    assert club.ask("GET", "/nowhere").status == 404
    assert club.ask("DELETE", "/signup").status == 405
    assert club.ask("GET", "/health").json["name"] == "GoTrue"
    assert club.ask("GET", "/.well-known/jwks.json").json == {"keys": []}
    told = club.ask("GET", "/settings").json
    assert told["external"]["email"] is True and told["external"]["google"] is False


def test_what_happened_is_on_record_and_holds_no_secret(club: Club) -> None:
    ada = club.member()
    club.ask("POST", "/token?grant_type=password", {"email": "ada@example.com", "password": "wrong one, sorry"})
    audit = club.tables.audit
    rows = club.rows(sa.select(audit.c.action, audit.c.user_id).order_by(audit.c.id))
    assert [row[0] for row in rows] == ["signed_up", "code_made", "address_proven", "signed_in", "sign_in_failed"]
    assert {row[1] for row in rows} == {ada.id}
    kept = str(club.rows(sa.select(*audit.columns)))
    assert PASSWORD not in kept and ada.token not in kept and "wrong one" not in kept
    assert datetime.now(UTC) - club.rows(sa.select(sa.func.max(audit.c.at)))[0][0] < timedelta(minutes=1)


def test_what_is_not_offered_is_told_by_its_name(club: Club) -> None:
    saml = club.ask("POST", "/sso", {"domain": "example.com"})
    assert (saml.status, saml.json["code"]) == (404, "saml_provider_disabled")
    for method, path in (("GET", ""), ("POST", ""), ("GET", "/x"), ("PUT", "/x"), ("DELETE", "/x")):
        for kept, code in (("sso/providers", "saml_provider_disabled"), ("custom-providers", "feature_disabled")):
            refused = club.ask(method, f"/admin/{kept}{path}", key=SECRET_KEY)
            assert (refused.status, refused.json["code"]) == (404, code)
            assert club.ask(method, f"/admin/{kept}{path}").status == 401
    web3 = club.ask("POST", "/token?grant_type=web3", {"chain": "ethereum"})
    assert (web3.status, web3.json["code"]) == (422, "web3_provider_disabled")
    unknown = club.ask("POST", "/token?grant_type=nothing", {})
    assert unknown.status == 400
