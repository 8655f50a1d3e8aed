"""Clients that know whom they ask for: the ID token that they were given earlier (``id_token_hint``)."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from backstay.auth.signing.key import write_members
from backstay.auth.signing.rotate import rotate
from browser import Browser
from fixtures.agency import SECRET_KEY
from granting import CALLBACK, ISSUER, PUBLIC_URL, Client, Granting, query_of
from signing_in import PASSWORD, Clock

ADA, BOB = "ada@example.com", "bob@example.com"


@pytest.fixture(scope="module")
def module_granting(module_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Granting]:
    file = tmp_path_factory.mktemp("keys") / "keys.json"
    write_members(file, rotate([], now=time.time(), lifetime=timedelta(hours=1)))
    with Granting(module_database_url, pages=True, signing_keys=str(file)) as granting:
        yield granting


@pytest.fixture
def books(granting: Granting) -> Client:
    return granting.client(scope="openid invoices:read")


def refused(granting: Granting, client: Client, hint: str, **more: Any) -> str:
    """The error that the client is told at once."""
    sent = granting.authorize(client, id_token_hint=hint, **more).headers["location"]
    assert sent.startswith(f"{CALLBACK}?")
    return query_of(sent)["error"]


def test_nobody_else_decides(granting: Granting, books: Client, clock: Clock) -> None:
    granting.sign_up(ADA)
    hint = granting.tokens(books, entered(granting, ADA))["id_token"]
    # The login that it came with may be long ago.
    clock.pass_by(timedelta(hours=3))
    granting.sign_up(BOB)
    ada, bob = entered(granting, ADA), entered(granting, BOB)
    id = granting.asked(books, id_token_hint=hint, prompt="consent")
    path = f"/auth/v1/oauth/authorizations/{id}"
    for answer in (granting.ask("GET", path, key=bob), granting.decide(bob, id)):
        assert (answer.status, answer.json["code"]) == (401, "reauthentication_needed")
        assert answer.json["message"] == "The program asks for another user: sign in as them, then decide."
    assert granting.ask("GET", path, key=ada).status == 200
    code = query_of(granting.decide(ada, id).json["redirect_url"])["code"]
    assert claims_of(granting.redeem(books, code).json["id_token"])["sub"] == claims_of(hint)["sub"]


def entered(granting: Granting, email: str) -> str:
    """The token of a new session."""
    body = {"email": email, "password": PASSWORD}
    return str(granting.ask("POST", "/auth/v1/token?grant_type=password", body).json["access_token"])


def claims_of(token: str) -> dict[str, Any]:
    """What a token says."""
    payload = token.split(".")[1]
    return dict(json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))))


def test_the_pages_have_them_sign_in(granting: Granting, books: Client) -> None:
    hint = granting.tokens(books, granting.sign_up(ADA))["id_token"]
    granting.sign_up(BOB)
    browser = Browser(granting, PUBLIC_URL)
    browser.get("/auth/sign-in")
    browser.fill("/auth/sign-in", email=BOB, password=PASSWORD)
    silent = {"id_token_hint": hint, "prompt": "none", "scope": "openid"}
    assert query_of(went(browser, granting, books, **silent))["error"] == "login_required"
    assert went(browser, granting, books, id_token_hint=hint, scope="openid").startswith("/auth/sign-in?next=")
    browser.follow()
    for email in (BOB, ADA):
        assert "asks for another account" in browser.page().text
        # Whose it is is not told.
        assert browser.page().inputs["email"].get("value") is None and ADA not in browser.page().text
        browser.fill("/auth/sign-in", email=email, password=PASSWORD)
        browser.follow()
        if email == BOB:
            browser.follow()
    assert browser.last is not None and "refresh" in browser.last.headers, "Ada has allowed it before"
    assert "code" in query_of(went(browser, granting, books, **silent))


def went(browser: Browser, granting: Granting, client: Client, **more: Any) -> str:
    """Where the page of consent sends a browser."""
    answer = browser.get(granting.authorize(client, **more).headers["location"])
    assert answer.status == 303, answer.body
    return answer.headers["location"]


def test_what_is_no_id_token_of_the_clients_is_no_hint(granting: Granting, books: Client) -> None:
    ada = granting.sign_up(ADA)
    tokens, other = granting.tokens(books, ada), granting.client(scope="openid invoices:read")
    hint = tokens["id_token"]
    header, payload, signature = hint.split(".")
    strange = ECKey.generate_key("P-256")
    unsigned = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').decode().rstrip("=")
    changed = base64.urlsafe_b64encode(json.dumps({**claims_of(hint), "sub": "x"}).encode()).decode().rstrip("=")
    for wrong in (
        granting.tokens(other, ada)["id_token"],
        tokens["access_token"],
        ada,
        "x",
        f"{unsigned}.{payload}.",
        f"{header}.{changed}.{signature}",
        jwt.encode({"alg": "ES256", "typ": "JWT"}, claims_of(hint), strange),
    ):
        assert refused(granting, books, wrong) == "invalid_request"
        assert refused(granting, books, wrong, prompt="none") == "invalid_request"
    assert granting.authorize(books, id_token_hint=hint).headers["location"].startswith(f"{PUBLIC_URL}/auth/consent")


def test_a_user_who_is_gone_cannot_sign_in(granting: Granting, books: Client) -> None:
    hint = granting.tokens(books, granting.sign_up(ADA))["id_token"]
    open_question = granting.asked(books, id_token_hint=hint)
    user = quote(claims_of(hint)["sub"])
    assert granting.ask("DELETE", f"/auth/v1/admin/users/{user}", key=SECRET_KEY).status == 200
    assert refused(granting, books, hint) == "login_required"
    bob = granting.sign_up(BOB)
    assert granting.decide(bob, open_question).json["code"] == "oauth_authorization_not_found"
    assert claims_of(hint)["iss"] == ISSUER
