"""What clients do with their tokens: refresh, show, revoke; and what ends them."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from fixtures.agency import SECRET_KEY
from granting import DEVICE, Granting, error_of, query_of
from in_time import in_time


@pytest.mark.invariant("I21")
@pytest.mark.asvs("10.4.5")
def test_a_refresh_token_that_comes_twice_ends_the_family(granting: Granting) -> None:
    for watch in in_time(1):
        granting.restore()
        ada, client = granting.sign_up("ada@example.com"), granting.client()
        first = granting.tokens(client, ada)
        second = granting.refresh(client, first["refresh_token"]).json
        assert second["refresh_token"] != first["refresh_token"]
        assert granting.reads(second["access_token"]) == [1, 2, 3]
        granting.backdate(granting.tables.sessions, "refreshed_at", seconds=11)
        assert error_of(granting.refresh(client, first["refresh_token"])) == (400, "invalid_grant")
        assert error_of(granting.refresh(client, second["refresh_token"])) == (400, "invalid_grant")
        with watch:
            while granting.reads(second["access_token"]) != 401:
                watch.check()
                granting.run(asyncio.sleep(0.02))
        assert granting.reads(ada) == [1, 2, 3], "the user's own session is another one"


def test_a_refresh_token_is_its_clients_alone(granting: Granting) -> None:
    ada, client, other = granting.sign_up("ada@example.com"), granting.client(), granting.client()
    token = granting.tokens(client, ada)["refresh_token"]
    assert error_of(granting.refresh(other, token)) == (400, "invalid_grant")
    assert error_of(granting.refresh(granting.public_client(), token)) == (400, "invalid_grant")
    assert error_of(granting.refresh(client, f"{token[:-1]}{'A' if token[-1] != 'A' else 'E'}")) == (
        400,
        "invalid_grant",
    )
    assert granting.refresh(client, token).status == 200


def test_a_refreshed_token_has_no_more_scopes(granting: Granting) -> None:
    ada, client = granting.sign_up("ada@example.com"), granting.client()
    tokens = granting.tokens(client, ada, scope="invoices:read invoices:open")
    assert error_of(granting.refresh(client, tokens["refresh_token"], scope="invoices:read email")) == (
        400,
        "invalid_scope",
    )
    less = granting.refresh(client, tokens["refresh_token"], scope="invoices:open").json
    assert (less["scope"], granting.reads(less["access_token"])) == ("invoices:open", [2, 3])


@pytest.mark.asvs("10.4.8")
def test_a_clients_session_ends_however_it_is_used(granting: Granting) -> None:
    ada, client = granting.sign_up("ada@example.com"), granting.client()
    token = granting.tokens(client, ada)["refresh_token"]
    granting.backdate(granting.tables.sessions, "created_at", days=89)
    token = granting.refresh(client, token).json["refresh_token"]
    granting.backdate(granting.tables.sessions, "created_at", days=2)
    assert error_of(granting.refresh(client, token)) == (400, "invalid_grant")


@pytest.mark.asvs("10.4.9")
def test_what_a_user_takes_back_is_worth_nothing_within_a_second(granting: Granting) -> None:
    ada, client, other = granting.sign_up("ada@example.com"), granting.client(), granting.client()
    tokens, kept, code = granting.tokens(client, ada), granting.tokens(other, ada), granting.code(client, ada)
    grants = granting.ask("GET", "/auth/v1/user/oauth/grants", key=ada).json
    assert {each["client"]["id"] for each in grants} == {client.id, other.id}
    path = f"/auth/v1/user/oauth/grants?client_id={client.id}"
    assert granting.ask("DELETE", path, key=ada).status == 204
    assert granting.reads(tokens["access_token"]) == 401
    assert error_of(granting.refresh(client, tokens["refresh_token"])) == (400, "invalid_grant")
    assert error_of(granting.redeem(client, code)) == (400, "invalid_grant")
    assert granting.ask("DELETE", path, key=ada).json["code"] == "oauth_consent_not_found"
    assert granting.reads(kept["access_token"]) == [1, 2, 3]
    # What was allowed anew does not bring back what was given before.
    granting.tokens(client, ada)
    assert error_of(granting.redeem(client, code)) == (400, "invalid_grant")


TURN_OUT: dict[str, tuple[str, dict[str, Any]]] = {
    "banned": ("PUT", {"ban_duration": "1h"}),
    "deleted": ("DELETE", {}),
    "deleted softly": ("DELETE", {"should_soft_delete": True}),
}


@pytest.mark.invariant("I23")
@pytest.mark.asvs("7.4.2")
@pytest.mark.parametrize("how", TURN_OUT)
def test_what_turns_a_user_out_turns_out_their_clients(granting: Granting, how: str) -> None:
    for watch in in_time(1):
        granting.restore()
        ada, bob = granting.sign_up("ada@example.com"), granting.sign_up("bob@example.com")
        client = granting.client(grant_types=["authorization_code", "refresh_token", DEVICE])
        tokens, kept, code = granting.tokens(client, ada), granting.tokens(client, bob), granting.code(client, ada)
        begun = granting.post("/device_authorization", {}, client.basic).json
        met = granting.ask("POST", "/auth/v1/oauth/device", {"user_code": begun["user_code"]}, key=ada).json
        granting.decide(ada, met["authorization_id"])
        open_question = granting.asked(client, prompt="consent")
        assert granting.ask("GET", f"/auth/v1/oauth/authorizations/{open_question}", key=ada).status == 200
        user = granting.ask("GET", "/auth/v1/user", key=ada).json["id"]
        method, body = TURN_OUT[how]
        assert granting.ask(method, f"/auth/v1/admin/users/{user}", body, key=SECRET_KEY).status == 200
        with watch:
            while granting.reads(tokens["access_token"]) != 401:
                watch.check()
                granting.run(asyncio.sleep(0.02))
        assert error_of(granting.refresh(client, tokens["refresh_token"])) == (400, "invalid_grant")
        assert error_of(granting.redeem(client, code)) == (400, "invalid_grant")
        form = {"grant_type": DEVICE, "device_code": begun["device_code"]}
        assert error_of(granting.post("/token", form, client.basic)) == (400, "invalid_grant")
        assert granting.decide(ada, open_question).status == 403
        for token in (tokens["access_token"], tokens["refresh_token"]):
            assert granting.post("/introspect", {"token": token}, client.basic).json == {"active": False}
        consents = granting.tables.oauth_consents
        left = granting.rows(sa.select(consents.c.user_id).where(consents.c.client_id == client.id))
        assert (UUID(user) in {row.user_id for row in left}) == (how == "banned")
        assert granting.reads(kept["access_token"]) == [1, 2, 3]


def test_what_was_given_before_a_ban_is_worth_nothing_after_it(granting: Granting) -> None:
    ada, client = granting.sign_up("ada@example.com"), granting.client()
    tokens, code = granting.tokens(client, ada), granting.code(client, ada)
    path = f"/auth/v1/admin/users/{granting.ask('GET', '/auth/v1/user', key=ada).json['id']}"
    for duration in ("1h", "none"):
        assert granting.ask("PUT", path, {"ban_duration": duration}, key=SECRET_KEY).status == 200
    assert granting.reads(tokens["access_token"]) == 401
    assert error_of(granting.refresh(client, tokens["refresh_token"])) == (400, "invalid_grant")
    assert error_of(granting.redeem(client, code)) == (400, "invalid_grant")


@pytest.mark.asvs("10.4.9")
@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
def test_a_client_revokes_its_own_tokens(granting: Granting, kind: str) -> None:
    ada, client, other = granting.sign_up("ada@example.com"), granting.client(), granting.client()
    tokens = granting.tokens(client, ada)
    for token in (tokens[kind], "nothing", ada):
        assert granting.post("/revoke", {"token": token}, other.basic).status == 200
    assert granting.reads(tokens["access_token"]) == [1, 2, 3]
    assert granting.reads(ada) == [1, 2, 3]
    assert granting.post("/revoke", {"token": tokens[kind]}, client.basic).status == 200
    assert granting.reads(tokens["access_token"]) == 401
    assert error_of(granting.refresh(client, tokens["refresh_token"])) == (400, "invalid_grant")


def test_a_client_learns_of_its_own_tokens_alone(granting: Granting) -> None:
    ada, client, other = granting.sign_up("ada@example.com"), granting.client(), granting.client()
    tokens = granting.tokens(client, ada, scope="invoices:read")

    def look(token: str, headers: dict[str, str]) -> Any:
        return granting.post("/introspect", {"token": token}, headers).json

    for kind in ("access_token", "refresh_token"):
        found = look(tokens[kind], client.basic)
        assert (found["active"], found["client_id"], found["scope"]) == (True, client.id, "invoices:read")
        assert look(tokens[kind], {"authorization": f"Bearer {SECRET_KEY}"})["active"]
        assert look(tokens[kind], other.basic) == {"active": False}
    assert look(ada, client.basic) == {"active": False}
    assert look("nothing", client.basic) == {"active": False}
    public = granting.public_client()
    asked = granting.post("/introspect", {"token": "x", "client_id": public.id})
    assert error_of(asked) == (401, "invalid_client")
    granting.post("/revoke", {"token": tokens["refresh_token"]}, client.basic)
    for kind in ("access_token", "refresh_token"):
        assert look(tokens[kind], client.basic) == {"active": False}


def test_a_client_learns_when_a_refresh_token_ends(granting: Granting) -> None:
    ada, client = granting.sign_up("ada@example.com"), granting.client()
    token = granting.tokens(client, ada)["refresh_token"]
    granting.backdate(granting.tables.sessions, "created_at", days=89)
    seen = granting.post("/introspect", {"token": token}, client.basic).json
    assert timedelta(hours=23) < timedelta(seconds=seen["exp"] - time.time()) <= timedelta(days=1)
    granting.backdate(granting.tables.sessions, "created_at", days=2)
    assert granting.post("/introspect", {"token": token}, client.basic).json == {"active": False}


@pytest.mark.asvs("10.4.10")
def test_a_client_with_a_secret_has_to_show_it(granting: Granting) -> None:
    ada, client = granting.sign_up("ada@example.com"), granting.client()
    code = granting.code(client, ada)
    form = {"grant_type": "authorization_code", "code": code, "code_verifier": "x" * 43}
    wrong: list[tuple[dict[str, str], dict[str, str]]] = [
        ({"client_id": client.id}, {}),
        ({"client_id": client.id, "client_secret": "wrong"}, {}),
        ({"client_id": client.id, "client_secret": str(granting.client().secret)}, {}),
        ({"client_id": "nobody", "client_secret": str(client.secret)}, {}),
        ({}, {"authorization": "Basic bm90aGluZw=="}),
        ({}, {"authorization": "Basic !"}),
        ({"client_id": granting.public_client().id, "client_secret": "any"}, {}),
    ]
    for more, headers in wrong:
        answer = granting.post("/token", {**form, **more}, headers)
        assert error_of(answer) == (401, "invalid_client")
        assert answer.headers["www-authenticate"].startswith("Basic")
    two_ways = granting.post("/token", {**form, "client_secret": str(client.secret)}, client.basic)
    assert error_of(two_ways) == (400, "invalid_request")
    in_form = {"client_id": client.id, "client_secret": str(client.secret)}
    shown = granting.post(
        "/token", {**form, **in_form, "code_verifier": "a-verifier-of-forty-three-characters-or-more"}
    )
    assert shown.status == 200


def test_a_client_acts_for_itself_as_nobody(granting: Granting) -> None:
    client = granting.client(grant_types=["client_credentials"], scope="invoices:read email")
    own = {"grant_type": "client_credentials"}
    answer = granting.post("/token", own, client.basic)
    assert (answer.json["scope"], "refresh_token" in answer.json) == ("invoices:read", False)
    token = answer.json["access_token"]
    assert granting.reads(token) == [], "it is of no organisation"
    assert granting.reads(token, "/rest/v1/salaries?select=id") == 403
    assert granting.ask("GET", "/auth/v1/user", key=token).status == 403
    assert error_of(granting.post("/token", {**own, "scope": "team"}, client.basic)) == (400, "invalid_scope")
    assert error_of(granting.post("/token", own, granting.client().basic)) == (400, "unauthorized_client")
    assert granting.post("/revoke", {"token": token}, client.basic).status == 200
    assert granting.reads(token) == 401
    token = granting.post("/token", own, client.basic).json["access_token"]
    path = f"/auth/v1/admin/oauth/clients/{client.id}"
    renewed = granting.ask("POST", f"{path}/regenerate_secret", key=SECRET_KEY)
    assert renewed.status == 200
    assert granting.reads(token) == 401
    assert error_of(granting.post("/token", own, client.basic)) == (401, "invalid_client")


@pytest.mark.asvs("10.4.4")
def test_a_client_uses_only_the_grants_that_it_is_registered_for(granting: Granting) -> None:
    ada = granting.sign_up("ada@example.com")
    coded = granting.client(grant_types=["authorization_code"], scope="invoices:read")
    tokens = granting.tokens(coded, ada)
    assert "refresh_token" not in tokens
    device = granting.client(grant_types=[DEVICE], scope="invoices:read")
    told = query_of(granting.authorize(device).headers["location"])
    assert told["error"] == "unauthorized_client"
    other = granting.tokens(granting.client(), ada)
    for client, forms in (
        (coded, [{"grant_type": DEVICE, "device_code": "x"}, {"grant_type": "client_credentials"}]),
        (device, [{"grant_type": "authorization_code", "code": "x", "code_verifier": "x" * 43}]),
        (coded, [{"grant_type": "refresh_token", "refresh_token": other["refresh_token"]}]),
    ):
        for form in forms:
            assert error_of(granting.post("/token", form, client.basic)) == (400, "unauthorized_client"), form
    assert error_of(granting.post("/device_authorization", {}, coded.basic)) == (400, "unauthorized_client")
    # Nor does one that lost a grant go on with what it got by it.
    path = f"/auth/v1/admin/oauth/clients/{coded.id}"
    both = {"grant_types": ["authorization_code", "refresh_token"]}
    assert granting.ask("PUT", path, both, key=SECRET_KEY).status == 200
    refresh = granting.tokens(coded, ada)["refresh_token"]
    assert granting.ask("PUT", path, {"grant_types": ["authorization_code"]}, key=SECRET_KEY).status == 200
    assert error_of(granting.refresh(coded, refresh)) == (400, "unauthorized_client")


@pytest.mark.asvs("10.4.4")
def test_what_is_no_grant_is_told(granting: Granting) -> None:
    client = granting.client()
    for name in ("password", "implicit", "urn:ietf:params:oauth:grant-type:jwt-bearer"):
        asked = granting.post("/token", {"grant_type": name}, client.basic)
        assert error_of(asked) == (400, "unsupported_grant_type")
    assert error_of(granting.post("/token", {}, client.basic)) == (400, "invalid_request")
    twice = [("grant_type", "refresh_token"), ("grant_type", "refresh_token")]
    assert error_of(granting.post("/token", twice, client.basic)) == (400, "invalid_request")
    as_json = granting.ask("POST", "/auth/v1/oauth/token", {"grant_type": "refresh_token"})
    assert error_of(as_json) == (400, "invalid_request")


# Devices -----------------------------------------------------------------------------------------------------


def test_a_device_gets_its_tokens_when_its_user_allows_it(granting: Granting) -> None:
    ada, client = granting.sign_up("ada@example.com"), granting.public_client(grant_types=[DEVICE, "refresh_token"])
    begun = granting.post("/device_authorization", {"client_id": client.id, "scope": "invoices:open"}).json
    asking = {"grant_type": DEVICE, "device_code": begun["device_code"], "client_id": client.id}
    devices = granting.tables.device_codes
    assert error_of(granting.post("/token", asking)) == (400, "authorization_pending")
    assert error_of(granting.post("/token", asking)) == (400, "slow_down")
    granting.backdate(devices, "asked_at", seconds=6)
    assert error_of(granting.post("/token", asking)) == (400, "slow_down"), "five seconds more than before"
    granting.backdate(devices, "asked_at", seconds=20)
    assert error_of(granting.post("/token", asking)) == (400, "authorization_pending")
    typed = begun["user_code"].lower().replace("-", " ")
    met = granting.ask("POST", "/auth/v1/oauth/device", {"user_code": typed}, key=ada)
    assert (met.status, met.json["scope"]) == (200, "invoices:open")
    again = granting.ask("POST", "/auth/v1/oauth/device", {"user_code": typed}, key=ada)
    assert again.status == 404
    assert granting.decide(ada, met.json["authorization_id"]).json == {"redirect_url": ""}
    other = granting.public_client(grant_types=[DEVICE])
    assert error_of(granting.post("/token", {**asking, "client_id": other.id})) == (400, "invalid_grant")
    given = granting.post("/token", asking).json
    assert granting.reads(given["access_token"]) == [2, 3]
    assert granting.refresh(client, given["refresh_token"]).status == 200
    assert error_of(granting.post("/token", asking)) == (400, "invalid_grant")


def test_a_device_is_told_of_a_refusal_and_of_the_end(granting: Granting) -> None:
    ada, client = granting.sign_up("ada@example.com"), granting.client(grant_types=[DEVICE], redirect_uris=[])
    begun = granting.post("/device_authorization", {}, client.basic).json
    met = granting.ask("POST", "/auth/v1/oauth/device", {"user_code": begun["user_code"]}, key=ada).json
    granting.decide(ada, met["authorization_id"], "deny")
    asking = {"grant_type": DEVICE, "device_code": begun["device_code"]}
    assert error_of(granting.post("/token", asking, client.basic)) == (400, "access_denied")
    begun = granting.post("/device_authorization", {}, client.basic).json
    granting.backdate(granting.tables.device_codes, "expires_at", minutes=11)
    asking = {"grant_type": DEVICE, "device_code": begun["device_code"]}
    assert error_of(granting.post("/token", asking, client.basic)) == (400, "expired_token")
    late = granting.ask("POST", "/auth/v1/oauth/device", {"user_code": begun["user_code"]}, key=ada)
    assert late.status == 404
    assert error_of(granting.post("/device_authorization", {}, granting.client().basic)) == (400, "unauthorized_client")
    kept = granting.rows(sa.select(granting.tables.device_codes))
    assert begun["device_code"] not in repr(kept)
    assert begun["user_code"].replace("-", "") not in repr(kept)
