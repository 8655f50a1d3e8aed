"""The hosted pages on which users let programs of others act for them: their consent, and the codes of devices."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import pyotp
import pytest
import sqlalchemy as sa

from browser import Browser
from granting import CALLBACK, DEVICE, ISSUER, PUBLIC_URL, Client, Granting, error_of, query_of
from signing_in import PASSWORD, Club

ADA = "ada@example.com"


@pytest.fixture(scope="module")
def module_granting(module_database_url: str) -> Iterator[Granting]:
    with Granting(module_database_url, pages=True, oauth_registration=True) as granting:
        yield granting


def visitor(granting: Granting, email: str = ADA) -> Browser:
    """The browser of a new user, who is signed in."""
    granting.sign_up(email)
    browser = Browser(granting, PUBLIC_URL)
    enter(browser, email)
    return browser


def enter(browser: Browser, email: str = ADA) -> None:
    browser.get("/auth/sign-in")
    assert browser.fill("/auth/sign-in", email=email, password=PASSWORD).status == 303


def page_of(granting: Granting, client: Client, **more: Any) -> str:
    """Where a browser is sent that a client sends here."""
    page = granting.authorize(client, **more).headers["location"]
    assert page.startswith(f"{PUBLIC_URL}/auth/consent?authorization_id=")
    return page


def target(browser: Browser) -> str:
    """Where the page that is shown sends the browser on."""
    assert browser.last is not None
    assert browser.last.status == 200, browser.last.body
    wait, _, address = browser.last.headers["refresh"].partition(";url=")
    assert wait == "0" and address.replace("&", "&amp;") in browser.page().text
    return address


def begun(granting: Granting, **more: Any) -> tuple[Client, dict[str, Any]]:
    """A device, and what it was told."""
    client = granting.public_client(grant_types=[DEVICE, "refresh_token"], client_name="Television")
    return client, granting.post("/device_authorization", {"client_id": client.id, **more}).json


def asking(granting: Granting, client: Client, told: dict[str, Any]) -> Any:
    """What a device is answered that asks whether its user has decided."""
    form = {"grant_type": DEVICE, "device_code": told["device_code"], "client_id": client.id}
    return granting.post("/token", form)


# Consent -----------------------------------------------------------------------------------------------------


@pytest.mark.asvs("10.7.2")
def test_a_user_signs_in_and_allows_what_a_client_asks_for(granting: Granting) -> None:
    granting.sign_up(ADA)
    client = granting.client(client_uri="https://books.example/about")
    browser = Browser(granting, PUBLIC_URL)
    browser.get(page_of(granting, client, scope="invoices:open email"))
    browser.follow()
    browser.fill("/auth/sign-in", email=ADA, password=PASSWORD)
    browser.follow()
    page = browser.page()
    assert "<h1>Books asks to act for you</h1>" in page.text
    assert "https://books.example/about" in page.links
    for told in ("<strong>books.example</strong>", f"<strong>{ADA}</strong>", "For 90 days at a time"):
        assert told in page.text
    for scope in ("Read and write open invoices.", "Read your e-mail address."):
        assert f"<li>{scope}</li>" in page.text
    browser.fill("/auth/consent", action="approve")
    address = target(browser)
    assert address.startswith(f"{CALLBACK}?")
    sent = query_of(address)
    assert (sent["state"], sent["iss"]) == ("a state", ISSUER)
    tokens = granting.redeem(client, sent["code"]).json
    assert tokens["scope"] == "invoices:open email"
    assert granting.reads(tokens["access_token"]) == [2, 3]


def test_a_user_says_no(granting: Granting) -> None:
    browser, client = visitor(granting), granting.client()
    browser.get(page_of(granting, client))
    browser.fill("/auth/consent", action="deny")
    sent = query_of(target(browser))
    assert (sent["error"], sent["state"], sent["iss"]) == ("access_denied", "a state", ISSUER)
    assert not granting.rows(sa.select(granting.tables.oauth_consents))


@pytest.mark.parametrize("action", ["", "Approve", "yes"])
def test_what_is_no_answer_decides_nothing(granting: Granting, action: str) -> None:
    browser, client = visitor(granting), granting.client()
    browser.get(page_of(granting, client))
    form = browser.form("/auth/consent")
    assert browser.submit(form, action=action).status == 400
    assert browser.submit(form, action="approve").status == 200


@pytest.mark.asvs("10.7.1")
def test_whoever_has_allowed_it_goes_on_at_once_where_the_client_is_known(granting: Granting) -> None:
    browser = visitor(granting)
    for client, asked_again in ((granting.client(), False), (granting.public_client(), True)):
        browser.get(page_of(granting, client, scope="invoices:read"))
        browser.fill("/auth/consent", action="approve")
        browser.get(page_of(granting, client, scope="invoices:read"))
        assert any(form.action == "/auth/consent" for form in browser.page().forms) == asked_again
        if not asked_again:
            assert granting.redeem(client, query_of(target(browser))["code"]).status == 200
        # More than before is asked for.
        browser.get(page_of(granting, client, scope="invoices:read email"))
        assert any(form.action == "/auth/consent" for form in browser.page().forms)


@pytest.mark.parametrize(
    ("address", "receiver"),
    [
        ("https://books.example:8443/callback", "books.example:8443"),
        ("http://localhost:8400/x", "a program on this computer (localhost:8400)"),
        ("com.example.books:/x", "the program com.example.books on this device"),
    ],
)
def test_the_page_tells_where_the_answer_goes(granting: Granting, address: str, receiver: str) -> None:
    browser, client = visitor(granting), granting.client(redirect_uris=[address])
    browser.get(page_of(granting, client, redirect_uri=address))
    assert f"<strong>{receiver}</strong>" in browser.page().text
    browser.fill("/auth/consent", action="approve")
    assert target(browser).startswith(f"{address}?code=")


@pytest.mark.asvs("10.7.2")
def test_what_a_client_says_of_itself_is_told_as_that(granting: Granting) -> None:
    browser = visitor(granting)
    said = {"client_name": '<script>alert("x")</script>', "redirect_uris": [CALLBACK]}
    client = Client(granting.ask("POST", "/auth/v1/oauth/clients/register", said).json)
    browser.get(page_of(granting, client))
    assert "script" not in browser.page().tags
    assert "This program has registered itself." in browser.page().text
    browser.get(page_of(granting, granting.client()))
    assert "This program has registered itself." not in browser.page().text


@pytest.mark.asvs("3.5.1", "3.5.3")
@pytest.mark.parametrize("case", ["no token", "another session's", "another site's", "a link"])
def test_nobody_else_answers_for_the_user(granting: Granting, case: str) -> None:
    browser, client = visitor(granting), granting.client()
    browser.get(page_of(granting, client))
    form = browser.form("/auth/consent")
    headers = {"sec_fetch_site": "cross-site"} if case == "another site's" else {}
    fields = {**form.fields, "action": "approve"}
    if case == "no token":
        del fields["form_token"]
    if case == "another session's":
        other = visitor(granting, "bob@example.com")
        other.get("/auth/account")
        fields["form_token"] = other.page().inputs["form_token"]["value"] or ""
    if case == "a link":
        browser.get(f"/auth/consent?authorization_id={fields['authorization_id']}&action=approve")
    else:
        assert browser.post(form.action, fields, **headers).status == 403
    asked = granting.tables.oauth_authorizations
    assert granting.rows(sa.select(asked.c.decided_at)) == [(None,)]


@pytest.mark.parametrize("case", ["another user's", "answered", "too old", "unknown", "none"])
def test_what_cannot_be_decided_is_not_shown(granting: Granting, case: str) -> None:
    browser, page = visitor(granting), page_of(granting, granting.client())
    browser.get(page)
    form = browser.form("/auth/consent")
    if case == "another user's":
        browser = visitor(granting, "bob@example.com")
        browser.get("/auth/account")
        form.fields["form_token"] = browser.page().inputs["form_token"]["value"] or ""
    if case == "answered":
        browser.submit(form, action="deny")
    if case == "too old":
        granting.backdate(granting.tables.oauth_authorizations, "expires_at", minutes=11)
    if case in ("unknown", "none"):
        page = page.partition("=")[0] + ("=../x" if case == "unknown" else "=")
        form.fields["authorization_id"] = "00000000-0000-0000-0000-000000000000"
    for answer in (browser.get(page), browser.submit(form, action="approve")):
        assert answer.status == 404 and "refresh" not in answer.headers
        assert "Books" not in answer.body.decode()


def test_a_user_with_a_second_factor_shows_it_first(granting: Granting) -> None:
    ada = granting.sign_up(ADA)
    made = granting.ask("POST", "/auth/v1/factors", {"factor_type": "totp", "friendly_name": ""}, key=ada).json
    app, path = pyotp.TOTP(made["totp"]["secret"]), f"/auth/v1/factors/{made['id']}"
    challenge = granting.ask("POST", f"{path}/challenge", {}, key=ada).json["id"]
    proof = {"challenge_id": challenge, "code": app.at(time.time() - 30)}
    assert granting.ask("POST", f"{path}/verify", proof, key=ada).status == 200
    browser = Browser(granting, PUBLIC_URL)
    enter(browser)
    for page, code in ((page_of(granting, granting.client()), ""), ("/auth/device?user_code=ABCD", "ABCD")):
        browser.get(page)
        if code:
            browser.fill("/auth/device")
        assert browser.last is not None and browser.last.headers["location"].startswith("/auth/mfa?next=")
    browser.get(page_of(granting, granting.client()))
    browser.follow()
    browser.fill("/auth/mfa", code=app.now())
    assert "Books asks to act for you" in browser.follow().body.decode()


@pytest.mark.asvs("3.4.3", "3.4.6")
def test_the_pages_are_bound_as_the_others_are(granting: Granting) -> None:
    browser, client = visitor(granting), granting.client()
    names = {"content-security-policy", "cache-control", "referrer-policy", "x-frame-options"}
    found = []
    for path in ("/auth/account", page_of(granting, client), "/auth/device"):
        answer = browser.get(path)
        found.append({name: answer.headers[name] for name in names})
    browser.get(page_of(granting, client))
    answer = browser.fill("/auth/consent", action="approve")
    found.append({name: answer.headers[name] for name in names})
    assert found == [found[0]] * 4
    assert "frame-ancestors 'none'" in found[0]["content-security-policy"]


def test_an_application_may_bring_its_own_pages(database_url: str) -> None:
    own = {"oauth_consent_url": "https://own.example/consent", "oauth_device_url": "https://own.example/device?a=1"}
    with Granting(database_url, pages=True, **own) as granting:
        sent = granting.authorize(granting.client()).headers["location"]
        assert sent.startswith("https://own.example/consent?authorization_id=")
        assert begun(granting)[1]["verification_uri"] == "https://own.example/device?a=1"


def test_the_pages_are_not_there_without_the_server(database_url: str) -> None:
    with Club(database_url, pages=True, site_url="") as club:
        club.member()
        browser = Browser(club)
        enter(browser)
        for path in ("/auth/consent?authorization_id=00000000-0000-0000-0000-000000000000", "/auth/device"):
            assert browser.get(path).status == 404


# Devices -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ["approve", "deny"])
def test_a_user_types_the_code_of_a_device_and_decides(granting: Granting, action: str) -> None:
    browser = visitor(granting)
    client, told = begun(granting, scope="invoices:open")
    assert told["verification_uri"] == f"{PUBLIC_URL}/auth/device"
    browser.get(told["verification_uri"])
    browser.fill("/auth/device", user_code=told["user_code"].lower().replace("-", " "))
    browser.follow()
    page = browser.page()
    assert "<h1>Television asks to act for you</h1>" in page.text
    assert "<li>Read and write open invoices.</li>" in page.text
    assert "Allow it only if you have that device before you" in page.text
    assert error_of(asking(granting, client, told)) == (400, "authorization_pending")
    browser.fill("/auth/consent", action=action)
    shown = browser.follow().body.decode()
    granting.backdate(granting.tables.device_codes, "asked_at", minutes=1)
    if action == "approve":
        assert "It is connected." in shown
        assert granting.reads(asking(granting, client, told).json["access_token"]) == [2, 3]
    else:
        assert "It is not connected" in shown
        assert error_of(asking(granting, client, told)) == (400, "access_denied")


def test_a_code_in_the_address_is_filled_in_and_asked_for_all_the_same(granting: Granting) -> None:
    granting.sign_up(ADA)
    _, told = begun(granting)
    browser = Browser(granting, PUBLIC_URL)
    browser.get(told["verification_uri_complete"])
    browser.follow()
    browser.fill("/auth/sign-in", email=ADA, password=PASSWORD)
    browser.follow()
    assert browser.page().inputs["user_code"]["value"] == told["user_code"]
    assert granting.rows(sa.select(granting.tables.device_codes.c.met_at)) == [(None,)]
    browser.fill("/auth/device")
    assert "Television asks to act for you" in browser.follow().body.decode()
    # The page is shown again to whoever loads it again, and the code is good once.
    assert browser.last is not None and browser.last.status == 200
    browser.get(told["verification_uri_complete"])
    assert browser.fill("/auth/device").status == 404


@pytest.mark.asvs("6.6.3")
def test_guessing_codes_of_devices_is_held_up(granting: Granting) -> None:
    browser = visitor(granting)
    browser.address = "192.0.2.7"
    _, told = begun(granting)
    browser.get("/auth/device")
    form = browser.form("/auth/device")
    assert browser.submit(form).status == 422
    statuses = [browser.submit(form, user_code=f"BCDF-BCD{letter}").status for letter in "BCDFGHJKLM" * 3]
    assert statuses == [404] * 30
    assert browser.submit(form, user_code=told["user_code"]).status == 429
    assert granting.rows(sa.select(granting.tables.device_codes.c.met_at)) == [(None,)]


@pytest.mark.parametrize("done", ["approved", "<b>x</b>", ""])
def test_the_address_says_nothing_on_the_page_of_devices(granting: Granting, done: str) -> None:
    browser = visitor(granting)
    browser.get(f"/auth/device?done={done}&user_code=%22%3E%3Cscript%3E")
    assert browser.page().inputs["user_code"]["value"] == '"><script>'
    assert not {"script", "b"} & set(browser.page().tags) and "connected" not in browser.page().text


# Taking it back ----------------------------------------------------------------------------------------------


@pytest.mark.asvs("10.4.9", "10.7.3")
def test_users_see_what_they_allowed_and_take_it_back(granting: Granting) -> None:
    browser, client = visitor(granting), granting.client()
    assert "Programs that act for you" not in browser.get("/auth/account").body.decode()
    browser.get(page_of(granting, client, scope="invoices:open"))
    browser.fill("/auth/consent", action="approve")
    tokens = granting.redeem(client, query_of(target(browser))["code"]).json
    text = browser.get("/auth/account").body.decode()
    assert re.search("<strong>Books</strong>.*Read and write open invoices", text, re.DOTALL)
    # It is no place where the user is signed in: those are this one, another one, and all others together.
    assert text.count('name="end"') == 2
    form = browser.form("/auth/grants")
    assert browser.submit(form, client_id="another").status == 404
    assert browser.submit(form).status == 400
    assert browser.submit(form, client_id=client.id).headers["location"] == "/auth/account?done=grant"
    assert "The program can do nothing for you any more." in browser.follow().body.decode()
    assert granting.reads(tokens["access_token"]) == 401
    browser.get(page_of(granting, client, scope="invoices:open"))
    assert "Books asks to act for you" in browser.page().text
