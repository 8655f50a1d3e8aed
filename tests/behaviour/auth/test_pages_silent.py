"""Clients that would have nobody asked (``prompt=none``): they are answered at once, and no page is shown."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pyotp
import pytest
import sqlalchemy as sa

from browser import Browser
from granting import CALLBACK, ISSUER, PUBLIC_URL, Client, Granting, query_of
from signing_in import PASSWORD

ADA = "ada@example.com"


@pytest.fixture(scope="module")
def module_granting(module_database_url: str) -> Iterator[Granting]:
    with Granting(module_database_url, pages=True, oauth_registration=True) as granting:
        yield granting


def visitor(granting: Granting) -> Browser:
    """The browser of a new user, who is signed in."""
    granting.sign_up(ADA)
    browser = Browser(granting, PUBLIC_URL)
    browser.get("/auth/sign-in")
    assert browser.fill("/auth/sign-in", email=ADA, password=PASSWORD).status == 303
    return browser


def allow(granting: Granting, browser: Browser, client: Client, **more: Any) -> None:
    """Let a client do what it asks for."""
    browser.get(granting.authorize(client, **more).headers["location"])
    assert browser.fill("/auth/consent", action="approve").status == 200


def answer_of(granting: Granting, browser: Browser, client: Client, **more: Any) -> dict[str, str]:
    """What a client is answered: browsers go on at once, and there is nothing to be seen on the way."""
    page = granting.authorize(client, **{"prompt": "none", "scope": "invoices:read", **more}).headers["location"]
    assert page.startswith(f"{PUBLIC_URL}/auth/consent?authorization_id=")
    answer = browser.get(page)
    assert (answer.status, answer.body) == (303, b"")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["location"].startswith(f"{CALLBACK}?")
    told = query_of(answer.headers["location"])
    assert (told["state"], told["iss"]) == ("a state", ISSUER)
    # It is answered once.
    assert browser.get(page).status in (303, 404) and "code" not in (browser.last or answer).headers.get("location", "")
    return told


def test_what_is_allowed_is_given_at_once(granting: Granting) -> None:
    browser, client = visitor(granting), granting.client()
    allow(granting, browser, client, scope="invoices:read")
    for more in ({}, {"max_age": "600"}):
        told = answer_of(granting, browser, client, **more)
        tokens = granting.redeem(client, told["code"]).json
        assert granting.reads(tokens["access_token"]) == [1, 2, 3]


def test_a_browser_without_a_session(granting: Granting) -> None:
    assert answer_of(granting, Browser(granting, PUBLIC_URL), granting.client())["error"] == "login_required"


def test_a_session_from_too_long_ago(granting: Granting) -> None:
    browser, client = visitor(granting), granting.client()
    allow(granting, browser, client, scope="invoices:read")
    granting.backdate(granting.tables.sessions, "created_at", minutes=10)
    assert answer_of(granting, browser, client, max_age="599")["error"] == "login_required"
    assert answer_of(granting, browser, client, max_age="0")["error"] == "login_required"
    assert "code" in answer_of(granting, browser, client, max_age="660")


def test_a_session_that_is_over(granting: Granting) -> None:
    browser, client = visitor(granting), granting.client()
    allow(granting, browser, client, scope="invoices:read")
    granting.execute(sa.update(granting.tables.sessions).values(ended_at=sa.func.now()))
    assert answer_of(granting, browser, client)["error"] == "login_required"
    assert not browser.is_signed_in


def test_a_second_factor_that_was_not_shown(granting: Granting) -> None:
    ada = granting.sign_up(ADA)
    made = granting.ask("POST", "/auth/v1/factors", {"factor_type": "totp", "friendly_name": ""}, key=ada).json
    path, app = f"/auth/v1/factors/{made['id']}", pyotp.TOTP(made["totp"]["secret"])
    challenge = granting.ask("POST", f"{path}/challenge", {}, key=ada).json["id"]
    proof = {"challenge_id": challenge, "code": app.at(time.time())}
    assert granting.ask("POST", f"{path}/verify", proof, key=ada).status == 200
    browser, client = Browser(granting, PUBLIC_URL), granting.client()
    browser.get("/auth/sign-in")
    browser.fill("/auth/sign-in", email=ADA, password=PASSWORD)
    assert answer_of(granting, browser, client)["error"] == "login_required"


@pytest.mark.asvs("10.7.1")
def test_what_is_not_allowed_is_not_given(granting: Granting) -> None:
    browser, client, public = visitor(granting), granting.client(), granting.public_client()
    said = {"client_name": "Anybody", "redirect_uris": [CALLBACK]}
    unknown = Client(granting.ask("POST", "/auth/v1/oauth/clients/register", said).json)
    assert answer_of(granting, browser, client)["error"] == "consent_required"
    for each in (client, public, unknown):
        allow(granting, browser, each, scope="invoices:read")
    assert answer_of(granting, browser, client, scope="invoices:read email")["error"] == "consent_required"
    told = answer_of(granting, browser, public)
    assert told["error"] == "consent_required", "anybody may ask in its name"
    refused = granting.authorize(unknown, prompt="none", scope="invoices:read")
    assert (refused.status, refused.json["error"], refused.headers.get("location")) == (400, "login_required", None)
    ada = browser.token()
    grants = f"/auth/v1/user/oauth/grants?client_id={client.id}"
    assert granting.ask("DELETE", grants, key=ada).status == 204
    assert answer_of(granting, browser, client)["error"] == "consent_required"


def test_nobody_decides_what_nobody_may_be_asked(granting: Granting) -> None:
    browser, client = visitor(granting), granting.client()
    id = granting.asked(client, prompt="none")
    assert granting.decide(browser.token(), id).json["code"] == "oauth_authorization_not_found"
    assert granting.decide(browser.token(), id, "deny").json["code"] == "oauth_authorization_not_found"
    told = granting.ask("GET", f"/auth/v1/oauth/authorizations/{id}", key=browser.token()).json
    assert query_of(told["redirect_url"])["error"] == "consent_required"


def test_where_the_page_is_the_applications_own_nobody_is_known(database_url: str) -> None:
    with Granting(database_url, pages=True, oauth_consent_url="https://own.example/consent") as granting:
        sent = granting.authorize(granting.client(), prompt="none").headers["location"]
        assert sent.startswith(f"{CALLBACK}?")
        assert (query_of(sent)["error"], query_of(sent)["state"]) == ("login_required", "a state")
