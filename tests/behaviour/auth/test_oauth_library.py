"""Authlib, a library for clients of any server, with every grant that there is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client

from granting import CALLBACK, DEVICE, ISSUER, PUBLIC_URL, VERIFIER, Client, Granting, query_of
from signing_in import PASSWORD

INVOICES = f"{PUBLIC_URL}/rest/v1/invoices?select=id&order=id"


@asynccontextmanager
async def opened(granting: Granting, client: Client, **words: Any) -> AsyncIterator[tuple[Any, dict[str, str]]]:
    """The library for a client, and what the server says of itself."""
    transport = httpx2.ASGITransport(granting.app)
    words = {"token_endpoint_auth_method": client.document["token_endpoint_auth_method"], **words}
    async with AsyncOAuth2Client(client.id, client.secret, transport=transport, **words) as library:
        where = f"{PUBLIC_URL}/.well-known/oauth-authorization-server/auth/v1"
        told: dict[str, str] = (await library.request("GET", where, withhold_token=True)).json()
        assert told["issuer"] == ISSUER
        yield library, told


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post", "none"])
def test_it_logs_a_user_in(granting: Granting, method: str) -> None:
    ada, client = granting.sign_up("ada@example.com"), granting.client(token_endpoint_auth_method=method)

    async def log_in() -> list[Any]:
        words = {"redirect_uri": CALLBACK, "scope": "invoices:open", "code_challenge_method": "S256"}
        async with opened(granting, client, **words) as (library, ends):
            url, state = library.create_authorization_url(ends["authorization_endpoint"], code_verifier=VERIFIER)
            sent = await library.request("GET", url, withhold_token=True)
            id = query_of(sent.headers["location"])["authorization_id"]
            path = f"/auth/v1/oauth/authorizations/{id}/consent"
            decided = (await granting.asking("POST", path, {"action": "approve"}, key=ada)).json
            words = {"authorization_response": decided["redirect_url"], "state": state, "code_verifier": VERIFIER}
            await library.fetch_token(ends["token_endpoint"], **words)
            first = (await library.get(INVOICES)).json()
            await library.refresh_token(ends["token_endpoint"])
            second = (await library.get(INVOICES)).json()
            seen = await library.introspect_token(ends["introspection_endpoint"], library.token["access_token"])
            await library.revoke_token(ends["revocation_endpoint"], library.token["refresh_token"])
            last = await library.get(INVOICES)
            return [first, second, seen.json().get("active"), last.status_code]

    rows = [{"id": 2}, {"id": 3}]
    # A client without a secret learns nothing of tokens.
    assert granting.run(log_in()) == [rows, rows, None if method == "none" else True, 401]


@pytest.mark.parametrize("asked", [{"prompt": "login"}, {"max_age": 0}])
def test_it_has_a_user_sign_in_again(granting: Granting, asked: dict[str, Any]) -> None:
    old, client = granting.sign_up("ada@example.com"), granting.client()

    async def log_in() -> list[Any]:
        words = {"redirect_uri": CALLBACK, "scope": "invoices:open", "code_challenge_method": "S256"}
        async with opened(granting, client, **words) as (library, ends):
            where = ends["authorization_endpoint"]
            url, state = library.create_authorization_url(where, code_verifier=VERIFIER, **asked)
            sent = await library.request("GET", url, withhold_token=True)
            id = query_of(sent.headers["location"])["authorization_id"]
            path = f"/auth/v1/oauth/authorizations/{id}/consent"
            refused = await granting.asking("POST", path, {"action": "approve"}, key=old)
            body = {"email": "ada@example.com", "password": PASSWORD}
            entered = (await granting.asking("POST", "/auth/v1/token?grant_type=password", body)).json
            approved = await granting.asking("POST", path, {"action": "approve"}, key=entered["access_token"])
            words = {"authorization_response": approved.json["redirect_url"], "state": state}
            await library.fetch_token(ends["token_endpoint"], code_verifier=VERIFIER, **words)
            return [refused.json["code"], (await library.get(INVOICES)).json()]

    assert granting.run(log_in()) == ["reauthentication_needed", [{"id": 2}, {"id": 3}]]


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_it_acts_for_itself(granting: Granting, method: str) -> None:
    more = {"grant_types": ["client_credentials"], "scope": "invoices:read", "token_endpoint_auth_method": method}
    client, other = granting.client(**more), granting.client()

    async def ask() -> Any:
        async with opened(granting, client) as (library, ends):
            token = await library.fetch_token(ends["token_endpoint"], grant_type="client_credentials")
            assert (token["scope"], "refresh_token" in token) == ("invoices:read", False)
            with pytest.raises(OAuthError, match="invalid_scope"):
                await library.fetch_token(ends["token_endpoint"], grant_type="client_credentials", scope="team")
            found = await library.get(INVOICES)
        async with opened(granting, other) as (library, ends):
            with pytest.raises(OAuthError, match="unauthorized_client"):
                await library.fetch_token(ends["token_endpoint"], grant_type="client_credentials")
        return found.status_code, found.json()

    assert granting.run(ask()) == (200, [])


@pytest.mark.parametrize("method", ["client_secret_basic", "none"])
def test_it_speaks_for_a_device(granting: Granting, method: str) -> None:
    more = {"grant_types": [DEVICE, "refresh_token"], "redirect_uris": [], "token_endpoint_auth_method": method}
    ada, client = granting.sign_up("ada@example.com"), granting.client(**more)

    async def log_in() -> Any:
        async with opened(granting, client) as (library, ends):
            form = {"client_id": client.id, "scope": "invoices:open"}
            headers = client.basic
            where = ends["device_authorization_endpoint"]
            begun = (await library.request("POST", where, data=form, headers=headers, withhold_token=True)).json()
            words = {"grant_type": DEVICE, "device_code": begun["device_code"]}
            with pytest.raises(OAuthError, match="authorization_pending"):
                await library.fetch_token(ends["token_endpoint"], **words)
            typed = {"user_code": begun["user_code"]}
            met = (await granting.asking("POST", "/auth/v1/oauth/device", typed, key=ada)).json
            path = f"/auth/v1/oauth/authorizations/{met['authorization_id']}/consent"
            await granting.asking("POST", path, {"action": "approve"}, key=ada)
            await library.fetch_token(ends["token_endpoint"], **words)
            await library.refresh_token(ends["token_endpoint"])
            return (await library.get(INVOICES)).json()

    assert granting.run(log_in()) == [{"id": 2}, {"id": 3}]
