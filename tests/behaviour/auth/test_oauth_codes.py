"""Codes of authorisation: who gets one, what it is good for, and that it is good once."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from fixtures.agency import SECRET_KEY
from granting import CALLBACK, ISSUER, VERIFIER, Granting, challenge_of, error_of, query_of
from in_time import in_time
from signing_in import Clock


def test_a_client_acts_for_a_user_who_allows_it(granting: Granting) -> None:
    ada, client = granting.sign_up("ada@example.com"), granting.client()
    id = granting.asked(client, scope="invoices:open")
    shown = granting.ask("GET", f"/auth/v1/oauth/authorizations/{id}", key=ada).json
    assert shown["client"]["name"] == "Books"
    assert (shown["scope"], shown["user"]["email"]) == ("invoices:open", "ada@example.com")
    sent = query_of(granting.decide(ada, id).json["redirect_url"])
    assert (sent["state"], sent["iss"]) == ("a state", ISSUER)
    tokens = granting.redeem(client, sent["code"]).json
    assert (tokens["token_type"], tokens["scope"]) == ("bearer", "invoices:open")
    assert granting.reads(tokens["access_token"]) == [2, 3]
    assert granting.reads(ada) == [1, 2, 3]


@pytest.mark.asvs("10.3.1", "10.3.2", "10.4.11")
def test_a_client_may_no_more_than_its_scopes(granting: Granting) -> None:
    ada, client = granting.sign_up("ada@example.com"), granting.client(scope="invoices:read email")
    token = granting.tokens(client, ada)["access_token"]
    assert granting.reads(token) == [1, 2, 3]
    assert granting.reads(token, "/rest/v1/salaries?select=id") == 403
    body = {"id": 70, "customer_id": 1, "amount": 5}
    assert granting.ask("POST", "/rest/v1/invoices", body, key=token).status == 403
    assert granting.ask("POST", "/rest/v1/rpc/pay_roll", {}, key=token).status == 403
    assert granting.ask("GET", "/api/me", key=token).status == 403
    for method, path in (
        ("GET", "/user"),
        ("PUT", "/user"),
        ("POST", "/logout"),
        ("GET", "/user/keys"),
        ("POST", "/user/keys"),
        ("GET", "/user/oauth/grants"),
        ("GET", "/oauth/authorizations/00000000-0000-0000-0000-000000000000"),
        ("GET", "/admin/oauth/clients"),
    ):
        assert granting.ask(method, f"/auth/v1{path}", {}, key=token).status == 403, path
    # Nor by its refresh token, at the endpoint where users' own are good.
    refresh = granting.tokens(client, ada)["refresh_token"]
    own = granting.ask("POST", "/auth/v1/token?grant_type=refresh_token", {"refresh_token": refresh})
    assert own.json["code"] == "refresh_token_not_found"


@pytest.mark.asvs("10.4.1")
@pytest.mark.parametrize(
    "address",
    [
        None,
        "https://evil.example/callback",
        f"{CALLBACK}/",
        f"{CALLBACK}?x=1",
        f"{CALLBACK}#x",
        f"{CALLBACK}/../x",
        CALLBACK.upper(),
        "https://books.example:443/callback",
        "https://books.example@evil.example/callback",
        "http://books.example/callback",
        "//books.example/callback",
    ],
)
def test_a_browser_is_sent_to_registered_addresses_alone(granting: Granting, address: str | None) -> None:
    answer = granting.authorize(granting.client(), redirect_uri=address)
    assert error_of(answer) == (400, "invalid_redirect_uri")
    assert "location" not in answer.headers


def test_a_browser_with_an_unknown_client_is_sent_nowhere(granting: Granting) -> None:
    answer = granting.authorize(granting.client(), client_id="nobody")
    assert error_of(answer) == (400, "invalid_request")
    assert "location" not in answer.headers
    twice = granting.ask("GET", "/auth/v1/oauth/authorize?client_id=a&client_id=b")
    assert error_of(twice) == (400, "invalid_request")


@pytest.mark.asvs("10.4.6", "10.4.11", "10.6.1")
@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": VERIFIER, "code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": None}, "unsupported_response_type"),
        ({"response_type": "id_token"}, "unsupported_response_type"),
        ({"response_type": "code token"}, "unsupported_response_type"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"request_uri": "https://evil.example"}, "invalid_request"),
        ({"prompt": "none"}, "login_required"),
        ({"scope": "team"}, "invalid_scope"),
        ({"scope": "invoices:read nothing"}, "invalid_scope"),
        ({"scope": "*"}, "invalid_scope"),
    ],
)
def test_what_cannot_be_asked_for_is_told_to_the_client(granting: Granting, wrong: dict[str, Any], error: str) -> None:
    answer = granting.authorize(granting.client(), **wrong)
    assert answer.status == 302
    assert answer.headers["location"].startswith(f"{CALLBACK}?")
    told = query_of(answer.headers["location"])
    assert (told["error"], told["state"], told["iss"]) == (error, "a state", ISSUER)


@pytest.mark.asvs("10.4.6")
@pytest.mark.parametrize("verifier", [None, "", challenge_of(), "x" * 43, VERIFIER[:-1], f"{VERIFIER}x"])
def test_a_code_is_worth_nothing_without_its_verifier(granting: Granting, verifier: str | None) -> None:
    ada, client = granting.sign_up("ada@example.com"), granting.public_client()
    code = granting.code(client, ada)
    wanted = "invalid_grant" if verifier else "invalid_request"
    assert error_of(granting.redeem(client, code, code_verifier=verifier)) == (400, wanted)
    if verifier:
        assert error_of(granting.redeem(client, code)) == (400, "invalid_grant"), "a wrong guess uses it up"


def test_a_code_is_its_clients_alone(granting: Granting) -> None:
    ada, client, other = granting.sign_up("ada@example.com"), granting.client(), granting.client()
    code = granting.code(client, ada)
    assert error_of(granting.redeem(other, code)) == (400, "invalid_grant")
    assert error_of(granting.redeem(granting.public_client(), code)) == (400, "invalid_grant")
    assert granting.redeem(client, code).status == 200
    code = granting.code(client, ada)
    assert error_of(granting.redeem(client, code, redirect_uri=f"{CALLBACK}/")) == (400, "invalid_grant")


@pytest.mark.asvs("10.4.2")
def test_a_code_that_comes_twice_ends_what_it_gave(granting: Granting) -> None:
    for watch in in_time(1):
        granting.restore()
        ada, client = granting.sign_up("ada@example.com"), granting.client()
        code = granting.code(client, ada)
        tokens = granting.redeem(client, code).json
        assert granting.reads(tokens["access_token"]) == [1, 2, 3]
        assert error_of(granting.redeem(client, code)) == (400, "invalid_grant")
        with watch:
            while granting.reads(tokens["access_token"]) != 401:
                watch.check()
                granting.run(asyncio.sleep(0.02))
        assert error_of(granting.refresh(client, tokens["refresh_token"])) == (400, "invalid_grant")


@pytest.mark.asvs("10.4.3")
def test_a_code_and_a_question_are_soon_over(granting: Granting) -> None:
    ada, client = granting.sign_up("ada@example.com"), granting.client()
    asked = granting.tables.oauth_authorizations
    code = granting.code(client, ada)
    granting.backdate(asked, "expires_at", minutes=5, seconds=1)
    assert error_of(granting.redeem(client, code)) == (400, "invalid_grant")
    id = granting.asked(client)
    granting.backdate(asked, "expires_at", minutes=10, seconds=1)
    assert granting.decide(ada, id).json["code"] == "oauth_authorization_not_found"


def test_a_question_that_nobody_decided_is_forgotten_after_a_day(granting: Granting, clock: Clock) -> None:
    client, asked = granting.client(), granting.tables.oauth_authorizations
    for _ in range(2):
        granting.asked(client)
        clock.pass_by(timedelta(days=2))
    last = granting.asked(client)
    front = granting.app.assembly.sign_in
    assert front is not None
    granting.run(front.sign_in.finish())
    assert [str(row[0]) for row in granting.rows(sa.select(asked.c.id))] == [last]


def test_a_question_is_decided_once_and_by_one_user(granting: Granting) -> None:
    ada, bob, client = granting.sign_up("ada@example.com"), granting.sign_up("bob@example.com"), granting.client()
    id = granting.asked(client)
    path = f"/auth/v1/oauth/authorizations/{id}"
    assert granting.ask("GET", path).status == 401
    assert granting.ask("GET", path, key=ada).status == 200
    assert granting.ask("GET", path, key=bob).status == 404
    assert granting.decide(bob, id).status == 404
    assert granting.decide(ada, id, "maybe").status == 400
    denied = query_of(granting.decide(ada, id, "deny").json["redirect_url"])
    assert (denied["error"], denied["state"], denied["iss"]) == ("access_denied", "a state", ISSUER)
    assert granting.decide(ada, id).status == 404
    assert granting.ask("GET", "/auth/v1/user/oauth/grants", key=ada).json == []


def test_a_known_client_need_not_ask_twice(granting: Granting) -> None:
    ada, client, public = granting.sign_up("ada@example.com"), granting.client(), granting.public_client()

    def ask(of: Any, **more: Any) -> Any:
        return granting.ask("GET", f"/auth/v1/oauth/authorizations/{granting.asked(of, **more)}", key=ada).json

    for each in (client, public):
        granting.tokens(each, ada, scope="invoices:read")
    code = query_of(ask(client, scope="invoices:read")["redirect_url"])["code"]
    assert granting.redeem(client, code).status == 200
    assert "redirect_url" not in ask(client, scope="invoices:read invoices:open")
    assert "redirect_url" not in ask(client, scope="invoices:read", prompt="consent")
    assert "redirect_url" not in ask(public, scope="invoices:read"), "anybody may ask in its name"


def test_a_code_is_worth_nothing_when_its_user_has_left(granting: Granting) -> None:
    ada, client = granting.sign_up("ada@example.com"), granting.client()
    code = granting.code(client, ada)
    assert granting.ask("POST", "/auth/v1/logout?scope=local", key=ada).status == 204
    assert error_of(granting.redeem(client, code)) == (400, "invalid_grant")


def test_no_code_is_kept_as_it_is(granting: Granting) -> None:
    ada, client = granting.sign_up("ada@example.com"), granting.client()
    code = granting.code(client, ada)
    kept = [granting.rows(sa.select(table)) for table in (granting.tables.oauth_authorizations, granting.tables.audit)]
    assert code not in repr(kept)
    assert str(client.secret) not in repr(granting.rows(sa.select(granting.tables.oauth_clients)))
    assert (
        granting.ask("GET", f"/auth/v1/admin/oauth/clients/{client.id}", key=SECRET_KEY).json.get("client_secret")
        is None
    )
