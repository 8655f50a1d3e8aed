"""Clients: how they are registered, what is told of the server, and that it can be switched off."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from asking import Agency
from backstay import Backstay
from backstay.auth.mint import mint
from backstay.auth.signing.key import write_members
from backstay.auth.signing.rotate import rotate
from backstay.errors import DeclarationError
from fixtures import club
from fixtures.agency import SECRET, SECRET_KEY
from granting import CALLBACK, ISSUER, PUBLIC_URL, Granting, error_of

CLIENTS = "/auth/v1/admin/oauth/clients"


def test_the_secret_key_keeps_the_clients(granting: Granting) -> None:
    client = granting.client(client_uri="https://books.example")
    listed = granting.ask("GET", CLIENTS, key=SECRET_KEY)
    assert [each["client_id"] for each in listed.json["clients"]] == [client.id]
    assert listed.headers["x-total-count"] == "1"
    path = f"{CLIENTS}/{client.id}"
    changed = granting.ask("PUT", path, {"client_name": "Ledgers"}, key=SECRET_KEY).json
    assert (changed["client_name"], changed["redirect_uris"]) == ("Ledgers", [CALLBACK])
    assert granting.ask("PUT", path, {"redirect_uris": []}, key=SECRET_KEY).json["code"] == "validation_failed"
    ada = granting.sign_up("ada@example.com")
    tokens = granting.tokens(client, ada)
    assert granting.ask("DELETE", path, key=ada).status == 403
    assert granting.ask("DELETE", path, key=SECRET_KEY).status == 204
    assert granting.reads(tokens["access_token"]) == 401
    assert error_of(granting.refresh(client, tokens["refresh_token"])) == (401, "invalid_client")
    assert granting.ask("GET", path, key=SECRET_KEY).json["code"] == "oauth_client_not_found"


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"redirect_uris": ["http://books.example/callback"]}, "redirect_uri"),
        ({"redirect_uris": ["https://books.example/#x"]}, "redirect_uri"),
        ({"redirect_uris": ["https://*.example/callback"]}, "redirect_uri"),
        ({"redirect_uris": ["https://user@books.example/"]}, "redirect_uri"),
        ({"redirect_uris": ["javascript:alert(1)"]}, "redirect_uri"),
        ({"redirect_uris": ["data:text/html,x"]}, "redirect_uri"),
        ({"redirect_uris": ["books:/callback"]}, "redirect_uri"),
        ({"redirect_uris": ["https:///callback"]}, "redirect_uri"),
        ({"redirect_uris": []}, "redirect_uri"),
        ({"grant_types": ["implicit"]}, "grant_types"),
        ({"grant_types": ["password"]}, "grant_types"),
        ({"response_types": ["token"]}, "response_types"),
        ({"scope": "nothing"}, "scope"),
        ({"logo_uri": "javascript:alert(1)"}, "logo_uri"),
        ({"token_endpoint_auth_method": "private_key_jwt"}, "token_endpoint_auth_method"),
        ({"token_endpoint_auth_method": "none", "grant_types": ["client_credentials"]}, "client_credentials"),
    ],
)
def test_what_no_client_can_be(granting: Granting, wrong: dict[str, Any], named: str) -> None:
    said = {"client_name": "Books", "redirect_uris": [CALLBACK], **wrong}
    answer = granting.ask("POST", CLIENTS, said, key=SECRET_KEY)
    assert (answer.status, answer.json["code"]) == (400, "validation_failed")
    assert named in answer.json["message"]


@pytest.mark.parametrize("address", ["http://localhost:8400/x", "http://127.0.0.1/x", "com.example.books:/x"])
def test_programs_on_users_machines_have_addresses_too(granting: Granting, address: str) -> None:
    client = granting.public_client(redirect_uris=[address])
    assert granting.authorize(client, redirect_uri=address).status == 302


def test_clients_register_themselves_where_they_may(granting: Granting, database_url: str) -> None:
    path, said = "/auth/v1/oauth/clients/register", {"client_name": "Books", "redirect_uris": [CALLBACK]}
    assert granting.ask("POST", path, said).json["code"] == "feature_disabled"
    with Granting(database_url, oauth_registration=True) as open_to_all:
        made = open_to_all.ask("POST", path, said)
        assert (made.status, made.json["registration_type"]) == (201, "dynamic")
        assert "*" not in made.json["scope"].split()
        own = {**said, "grant_types": ["client_credentials"]}
        assert error_of(open_to_all.ask("POST", path, own)) == (400, "invalid_client_metadata")
        assert error_of(open_to_all.ask("POST", path, {**said, "scope": "*"})) == (400, "invalid_client_metadata")
        for address in ("http://books.example/", "javascript:alert(1)", f"{CALLBACK}#x"):
            wrong = {**said, "redirect_uris": [address]}
            assert error_of(open_to_all.ask("POST", path, wrong)) == (400, "invalid_redirect_uri")
        told = open_to_all.ask("GET", "/auth/v1/.well-known/oauth-authorization-server").json
        assert told["registration_endpoint"] == f"{ISSUER}/oauth/clients/register"


def test_the_server_tells_where_everything_is(granting: Granting) -> None:
    told = granting.ask("GET", "/auth/v1/.well-known/oauth-authorization-server").json
    assert told["issuer"] == ISSUER
    assert told["code_challenge_methods_supported"] == ["S256"]
    assert told["authorization_response_iss_parameter_supported"] is True
    assert "openid" not in told["scopes_supported"], "a secret signs here"
    both = granting.ask("GET", "/auth/v1/.well-known/openid-configuration").json
    assert both["token_endpoint"] == told["token_endpoint"] == f"{ISSUER}/oauth/token"


@pytest.mark.parametrize("document", ["oauth-authorization-server", "openid-configuration"])
def test_what_the_server_tells_is_at_the_root_of_the_host_too(granting: Granting, document: str) -> None:
    """RFC 8414 3.1: between host and path of the issuer."""
    origin = "https://app.example.com"
    below = granting.ask("GET", f"/auth/v1/.well-known/{document}", origin=origin)
    at_root = granting.ask("GET", f"/.well-known/{document}/auth/v1", origin=origin)
    assert (at_root.status, at_root.headers, at_root.body) == (200, below.headers, below.body)
    assert "access-control-allow-origin" in at_root.headers
    # Whoever shows a token that is over finds it all the same.
    assert granting.ask("GET", f"/.well-known/{document}/auth/v1", key="over").status == 200
    assert granting.ask("POST", f"/.well-known/{document}/auth/v1", {}).status == 405
    for path in (
        f"/.well-known/{document}",
        f"/.well-known/{document}/auth/v1/user",
        f"/.well-known/{document}/auth/v2",
    ):
        assert granting.ask("GET", path).status == 404


@pytest.fixture
def agency(database_url: str) -> Iterator[Agency]:
    """The agency, where programs of others have no business."""
    with Agency(database_url) as agency:
        yield agency


def test_nothing_is_there_while_it_is_switched_off(agency: Agency) -> None:
    ada = agency.sign_up("ada@example.com")
    assert agency.ask("GET", "/.well-known/oauth-authorization-server/auth/v1").json["code"] == "feature_disabled"
    for method, path, key in (
        ("GET", "/oauth/authorize?client_id=x", None),
        ("POST", "/oauth/token", None),
        ("POST", "/oauth/introspect", None),
        ("POST", "/oauth/clients/register", None),
        ("GET", "/.well-known/oauth-authorization-server", None),
        ("GET", "/user/oauth/grants", ada),
        ("GET", "/admin/oauth/clients", SECRET_KEY),
    ):
        answer = agency.ask(method, f"/auth/v1{path}", key=key)
        assert (answer.status, answer.json["code"]) == (404, "feature_disabled"), path


def test_a_clients_token_is_no_users_where_there_is_no_server(agency: Agency) -> None:
    claims = {"client_id": "x", "session_id": "y", "scope": "invoices:read"}
    token = mint(SECRET, user="00000000-0000-0000-0000-000000000001", claims=claims)
    assert agency.ask("GET", "/rest/v1/invoices", key=token).status == 401


def test_a_server_needs_scopes() -> None:
    app: Backstay = club.build("sqlite://", club.Post(), oauth_server=True)
    with pytest.raises(DeclarationError, match="oauth_server"):
        app.assembly  # noqa: B018


@pytest.mark.asvs("10.3.3")
def test_who_the_user_is_is_told_as_far_as_they_allow(database_url: str, tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    write_members(file, rotate([], now=time.time(), lifetime=timedelta(hours=1)))
    with Granting(database_url, signing_keys=str(file)) as granting:
        ada, client = granting.sign_up("ada@example.com"), granting.client(scope="openid email invoices:read")
        tokens = granting.tokens(client, ada, nonce="a nonce")
        keys = KeySet.import_key_set(granting.ask("GET", "/auth/v1/.well-known/jwks.json").json)
        told = jwt.decode(tokens["id_token"], keys).claims
        assert (told["iss"], told["aud"], told["nonce"]) == (ISSUER, client.id, "a nonce")
        assert abs(told["auth_time"] - time.time()) < 60
        # It is when they signed in that counts, not when they were asked.
        granting.backdate(granting.tables.sessions, "created_at", hours=2)
        later = jwt.decode(granting.tokens(client, ada)["id_token"], keys).claims
        assert 7100 < later["iat"] - later["auth_time"] < 7300
        next_tokens = granting.refresh(client, tokens["refresh_token"]).json
        assert "auth_time" not in jwt.decode(next_tokens["id_token"], keys).claims
        person = granting.ask("GET", "/auth/v1/oauth/userinfo", key=tokens["access_token"]).json
        assert person == {"sub": told["sub"], "email": "ada@example.com", "email_verified": True}
        assert granting.reads(tokens["id_token"]) == 401, "it opens nothing"
        for token in (ada, tokens["id_token"], "nothing", granting.tokens(client, ada, scope="email")["access_token"]):
            answer = granting.ask("GET", "/auth/v1/oauth/userinfo", key=token)
            assert error_of(answer) == (401, "invalid_token")
        less = jwt.decode(granting.tokens(client, ada, scope="invoices:read")["access_token"], keys)
        assert less.header["typ"] == "at+jwt"
        assert not {"email", "phone", "user_metadata"} & set(less.claims)
        assert less.claims["iss"] == f"{PUBLIC_URL}/auth/v1"
