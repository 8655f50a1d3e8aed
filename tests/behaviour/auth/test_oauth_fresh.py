"""Clients that ask for a fresh sign-in: ``prompt`` and ``max_age``, which hold whatever a browser says later."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyotp
import pytest
import sqlalchemy as sa
from joserfc import jwt
from joserfc.jwk import KeySet

from backstay.auth.signing.key import write_members
from backstay.auth.signing.rotate import rotate
from fixtures.agency import SECRET_KEY
from granting import CALLBACK, Granting, query_of
from signing_in import PASSWORD, Clock

ADA, BOB = "ada@example.com", "bob@example.com"
STALE = (401, "reauthentication_needed")
GONE = (404, "oauth_authorization_not_found")


def sign_in(granting: Granting, email: str = ADA) -> dict[str, Any]:
    """A new session of a user's."""
    body = {"email": email, "password": PASSWORD}
    answer = granting.ask("POST", "/auth/v1/token?grant_type=password", body)
    assert answer.status == 200, answer.body
    return dict(answer.json)


def enter(granting: Granting, email: str = ADA) -> str:
    """The token of a new session."""
    return str(sign_in(granting, email)["access_token"])


def outcome(answer: Any) -> tuple[int, str]:
    """The status of an answer, and the name of its error."""
    return answer.status, answer.json.get("code", "")


def look(granting: Granting, token: str, id: str) -> tuple[int, str]:
    """What becomes of a page of consent that asks what is asked."""
    return outcome(granting.ask("GET", f"/auth/v1/oauth/authorizations/{id}", key=token))


def approve(granting: Granting, token: str, id: str) -> tuple[int, str]:
    """What becomes of a user's yes."""
    return outcome(granting.decide(token, id))


def age(granting: Granting, **ago: Any) -> None:
    """Have all sessions begun earlier."""
    granting.backdate(granting.tables.sessions, "created_at", **ago)


@pytest.mark.parametrize(
    "asked",
    [
        {"prompt": "login"},
        {"max_age": "0"},
        {"max_age": "1"},
        {"max_age": "0" * 40 + "1"},
        {"prompt": "login", "max_age": "900"},
        {"prompt": "consent login"},
        {"prompt": "login of_a_later_version"},
    ],
)
def test_a_session_from_before_decides_nothing(granting: Granting, asked: dict[str, str]) -> None:
    granting.sign_up(ADA)
    session, client = sign_in(granting), granting.client()
    age(granting, seconds=2)
    id = granting.asked(client, **asked)
    assert look(granting, session["access_token"], id) == STALE
    assert approve(granting, session["access_token"], id) == STALE, "nor by asking directly"
    # What is issued anew to an old session is no sign-in.
    body = {"refresh_token": session["refresh_token"]}
    renewed = granting.ask("POST", "/auth/v1/token?grant_type=refresh_token", body).json["access_token"]
    assert approve(granting, renewed, id) == STALE
    assert not granting.rows(sa.select(granting.tables.oauth_consents))
    ada = enter(granting)
    assert look(granting, ada, id) == (200, "")
    code = query_of(granting.decide(ada, id).json["redirect_url"])["code"]
    assert granting.redeem(client, code).status == 200


def test_the_refusal_says_what_to_do(granting: Granting) -> None:
    ada = granting.sign_up(ADA)
    answer = granting.decide(ada, granting.asked(granting.client(), prompt="login"))
    assert answer.json["message"] == "The program asks for a fresh sign-in: sign in again, then decide."


def test_max_age_is_counted_from_the_sign_in(granting: Granting, clock: Clock) -> None:
    granting.sign_up(ADA)
    ada, client = enter(granting), granting.client()
    clock.pass_by(timedelta(seconds=50))
    early, late = (granting.asked(client, max_age="60", prompt="consent") for _ in range(2))
    assert approve(granting, ada, early) == (200, "")
    assert look(granting, ada, late) == (200, "")
    # It is at the decision that the sign-in must not be too old.
    clock.pass_by(timedelta(seconds=11))
    assert approve(granting, ada, late) == STALE
    assert approve(granting, ada, granting.asked(client, max_age="600")) == (200, "")
    assert approve(granting, ada, granting.asked(client)) == (200, "")


def test_whoever_signed_in_for_it_may_take_their_time(granting: Granting, clock: Clock) -> None:
    granting.sign_up(ADA)
    id = granting.asked(granting.client(), max_age="0")
    ada = enter(granting)
    clock.pass_by(timedelta(minutes=5))
    assert approve(granting, ada, id) == (200, "")


def test_the_second_factor_is_shown_again_too(granting: Granting, clock: Clock) -> None:
    ada = granting.sign_up(ADA)
    made = granting.ask("POST", "/auth/v1/factors", {"factor_type": "totp", "friendly_name": ""}, key=ada).json
    app, path = pyotp.TOTP(made["totp"]["secret"]), f"/auth/v1/factors/{made['id']}"

    def prove(token: str) -> str:
        clock.pass_by(timedelta(seconds=30))  # a code is good once
        challenge = granting.ask("POST", f"{path}/challenge", {}, key=token).json["id"]
        proof = {"challenge_id": challenge, "code": app.at(time.time())}
        return str(granting.ask("POST", f"{path}/verify", proof, key=token).json["access_token"])

    ada = prove(ada)
    id = granting.asked(granting.client(), prompt="login")
    # A second factor that is shown now makes the sign-in no later.
    ada = prove(ada)
    assert approve(granting, ada, id) == STALE
    fresh = enter(granting)
    assert approve(granting, fresh, id) == (401, "insufficient_aal")
    assert approve(granting, prove(fresh), id) == (200, "")


def test_the_proof_of_a_new_address_is_no_sign_in(granting: Granting) -> None:
    granting.sign_up(ADA)
    client = granting.client()
    asked = [granting.asked(client, **more) for more in ({"prompt": "login"}, {"max_age": "0"}, {"max_age": "900"}, {})]
    for kind in ("email_change_current", "email_change_new"):
        body = {"type": kind, "email": ADA, "new_email": BOB}
        link = granting.ask("POST", "/auth/v1/admin/generate_link", body, key=SECRET_KEY).json
        shown = {"type": "email_change", "token_hash": link["hashed_token"]}
        proven = granting.ask("POST", "/auth/v1/verify", shown)
    # Whoever had a session could have named the address: the session that its proof begins is worth no more.
    ada = proven.json["access_token"]
    assert [approve(granting, ada, id) for id in asked] == [STALE, STALE, STALE, (200, "")]
    fresh = enter(granting, BOB)
    assert [approve(granting, fresh, id) for id in asked[:3]] == [(200, "")] * 3


def test_a_fresh_sign_in_is_its_users_alone(granting: Granting) -> None:
    ada, _, client = granting.sign_up(ADA), granting.sign_up(BOB), granting.client()
    id = granting.asked(client, prompt="login")
    bob = enter(granting, BOB)
    assert approve(granting, ada, id) == STALE
    assert look(granting, bob, id) == (200, ""), "whoever had to sign in again has not made it theirs"
    ada = enter(granting, ADA)
    assert look(granting, ada, id) == approve(granting, ada, id) == GONE
    code = query_of(granting.decide(bob, id).json["redirect_url"])["code"]
    assert granting.redeem(client, code).status == 200
    consents = granting.tables.oauth_consents
    (owner,) = granting.rows(sa.select(granting.tables.users.c.email).join(consents))
    assert owner == (BOB,)


def test_two_questions_at_a_time(granting: Granting) -> None:
    granting.sign_up(ADA)
    first, second = (granting.asked(granting.client(), prompt="login") for _ in range(2))
    ada = enter(granting)
    third = granting.asked(granting.client(), prompt="login")
    # One sign-in is later than both of the first two, and no later than the third.
    assert [approve(granting, ada, id) for id in (second, first, third)] == [(200, ""), (200, ""), STALE]
    assert approve(granting, ada, first) == GONE


def test_a_user_says_no_without_signing_in_again(granting: Granting) -> None:
    ada, client = granting.sign_up(ADA), granting.client()
    id = granting.asked(client, prompt="login")
    sent = query_of(granting.decide(ada, id, "deny").json["redirect_url"])
    assert (sent["error"], sent["state"]) == ("access_denied", "a state")
    assert approve(granting, enter(granting), id) == GONE


def test_a_fresh_sign_in_is_no_consent_and_none_is_asked_for_twice(granting: Granting) -> None:
    granting.sign_up(ADA)
    client = granting.client()

    def ask(**more: str) -> Any:
        id = granting.asked(client, scope="invoices:read", **more)
        return granting.ask("GET", f"/auth/v1/oauth/authorizations/{id}", key=enter(granting)).json

    assert "redirect_url" not in ask(prompt="login")
    granting.tokens(client, enter(granting), scope="invoices:read")
    assert "code" in query_of(ask(prompt="login")["redirect_url"])
    assert "code" in query_of(ask(max_age="0")["redirect_url"])
    assert "redirect_url" not in ask(prompt="login consent")


def test_what_is_allowed_already_takes_the_sign_in_all_the_same(granting: Granting) -> None:
    ada, client = granting.sign_up(ADA), granting.client()
    granting.tokens(client, ada)
    assert look(granting, ada, granting.asked(client)) == (200, "")
    id = granting.asked(client, prompt="login")
    assert look(granting, ada, id) == approve(granting, ada, id) == STALE
    assert granting.rows(sa.select(granting.tables.oauth_authorizations.c.user_id).filter_by(decided_at=None)) == [
        (None,)
    ]


def test_what_a_browser_adds_later_changes_nothing(granting: Granting) -> None:
    ada = granting.sign_up(ADA)
    id = granting.asked(granting.client(), prompt="login")
    path = f"/auth/v1/oauth/authorizations/{id}"
    assert outcome(granting.ask("GET", f"{path}?prompt=consent&max_age=9999", key=ada)) == STALE
    body = {"action": "approve", "prompt": "", "max_age": 9999}
    assert outcome(granting.ask("POST", f"{path}/consent?max_age=9999", body, key=ada)) == STALE


@pytest.mark.parametrize(
    "asked",
    [
        {"max_age": "soon"},
        {"max_age": "-1"},
        {"max_age": "+1"},
        {"max_age": "1.5"},
        {"max_age": "1e3"},
        {"max_age": " 1"},
        {"max_age": "\u0661"},
        {"prompt": "none login"},
        {"prompt": "consent none"},
        {"prompt": "none of_a_later_version"},
    ],
)
def test_what_cannot_be_asked_of_a_sign_in(granting: Granting, asked: dict[str, str]) -> None:
    answer = granting.authorize(granting.client(), **asked)
    assert answer.headers["location"].startswith(f"{CALLBACK}?")
    told = query_of(answer.headers["location"])
    assert (told["error"], told["state"]) == ("invalid_request", "a state")
    assert not granting.rows(sa.select(granting.tables.oauth_authorizations))


@pytest.mark.parametrize("asked", [{"prompt": "create"}, {"prompt": "LOGIN"}, {"max_age": "9" * 4000}, {"max_age": ""}])
def test_what_is_not_known_or_asks_for_nothing_is_passed_over(granting: Granting, asked: dict[str, str]) -> None:
    ada = granting.sign_up(ADA)
    age(granting, days=300)
    assert approve(granting, ada, granting.asked(granting.client(), **asked)) == (200, "")


def test_the_id_token_tells_the_time_of_the_sign_in(database_url: str, tmp_path: Path, clock: Clock) -> None:
    file = tmp_path / "keys.json"
    write_members(file, rotate([], now=time.time(), lifetime=timedelta(hours=5)))
    with Granting(database_url, signing_keys=str(file)) as granting:
        granting.sign_up(ADA)
        client = granting.client(scope="openid invoices:read")
        keys = KeySet.import_key_set(granting.ask("GET", "/auth/v1/.well-known/jwks.json").json)

        def told(token: str, **more: str) -> float:
            id = granting.asked(client, **more)
            clock.pass_by(timedelta(seconds=20))
            code = query_of(granting.decide(token, id).json["redirect_url"])["code"]
            return float(jwt.decode(granting.redeem(client, code).json["id_token"], keys).claims["auth_time"])

        began, ada = time.time(), enter(granting)
        clock.pass_by(timedelta(minutes=5))
        for more in ({}, {"max_age": "900"}, {"prompt": "consent"}):
            assert told(ada, **more) == pytest.approx(began, abs=5)
        body = {"refresh_token": sign_in(granting)["refresh_token"]}
        began = time.time()
        clock.pass_by(timedelta(minutes=5))
        renewed = granting.ask("POST", "/auth/v1/token?grant_type=refresh_token", body).json["access_token"]
        assert told(renewed, max_age="900") == pytest.approx(began, abs=5)


def test_the_id_token_tells_by_how_many_factors(database_url: str, tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    write_members(file, rotate([], now=time.time(), lifetime=timedelta(hours=1)))
    with Granting(database_url, signing_keys=str(file)) as granting:
        ada, client = granting.sign_up(ADA), granting.client(scope="openid invoices:read")
        keys = KeySet.import_key_set(granting.ask("GET", "/auth/v1/.well-known/jwks.json").json)

        def told(token: str, **more: str) -> dict[str, Any]:
            given = granting.tokens(client, token, **more)
            again = granting.refresh(client, given["refresh_token"]).json["id_token"]
            assert not {"acr", "auth_time"} & set(jwt.decode(again, keys).claims), "nobody signed in for it"
            return dict(jwt.decode(given["id_token"], keys).claims)

        # It is asked for as what would be nice to have (OpenID Connect Core 5.5.1.1), and told as it is.
        assert told(ada)["acr"] == told(ada, acr_values="aal2")["acr"] == "aal1"
        made = granting.ask("POST", "/auth/v1/factors", {"factor_type": "totp", "friendly_name": ""}, key=ada).json
        path, app = f"/auth/v1/factors/{made['id']}", pyotp.TOTP(made["totp"]["secret"])
        challenge = granting.ask("POST", f"{path}/challenge", {}, key=ada).json["id"]
        proof = {"challenge_id": challenge, "code": app.at(time.time())}
        sure = granting.ask("POST", f"{path}/verify", proof, key=ada).json["access_token"]
        assert told(sure)["acr"] == "aal2"
        server = granting.ask("GET", "/auth/v1/.well-known/openid-configuration").json
        assert server["acr_values_supported"] == ["aal1", "aal2"]
        assert set(told(sure, nonce="a nonce")) <= set(server["claims_supported"])


@pytest.mark.parametrize("document", ["oauth-authorization-server", "openid-configuration"])
def test_what_can_be_asked_is_told(granting: Granting, document: str) -> None:
    told = granting.ask("GET", f"/auth/v1/.well-known/{document}").json
    assert told["prompt_values_supported"] == ["none", "login", "consent", "select_account"]
    assert not told["claims_parameter_supported"] and not told["request_parameter_supported"]
