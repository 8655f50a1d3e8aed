"""Clients that ask for a fresh sign-in, on the hosted pages: whoever has a session signs in again, without a script."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import quote, urlsplit

import pyotp
import pytest
import sqlalchemy as sa

from backstay import OIDC
from browser import Browser
from granting import CALLBACK, PUBLIC_URL, Client, Granting, query_of
from issuer import CLIENT, SECRET, Issuer
from signing_in import PASSWORD, Clock

ADA, BOB = "ada@example.com", "bob@example.com"


@pytest.fixture(scope="module")
def module_granting(module_database_url: str) -> Iterator[Granting]:
    with Granting(module_database_url, pages=True) as granting:
        yield granting


def page_of(granting: Granting, client: Client, **more: Any) -> str:
    """Where a browser is sent that a client sends here."""
    return granting.authorize(client, **more).headers["location"]


def visitor(granting: Granting, email: str = ADA) -> Browser:
    """The browser of a new user, who has signed in a while ago."""
    granting.sign_up(email)
    browser = Browser(granting, PUBLIC_URL)
    browser.get("/auth/sign-in")
    assert enter(browser, email).status == 303
    granting.backdate(granting.tables.sessions, "created_at", minutes=10)
    return browser


def enter(browser: Browser, email: str = ADA, password: str = PASSWORD) -> Any:
    """Fill in the page for signing in."""
    return browser.fill("/auth/sign-in", email=email, password=password)


def shown(browser: Browser) -> str:
    """The path of the page that is shown, when all redirects are followed."""
    assert browser.last is not None
    path = ""
    for _ in range(5):
        if browser.last.status != 303:
            break
        path = urlsplit(browser.last.headers["location"]).path
        browser.follow()
    assert browser.last.status == 200, browser.last.body
    return path


def answer_of(browser: Browser) -> dict[str, str]:
    """What the page that is shown brings to the client."""
    assert browser.last is not None and browser.last.status == 200, browser.last
    address = browser.last.headers["refresh"].partition(";url=")[2]
    assert address.startswith(f"{CALLBACK}?")
    return query_of(address)


@pytest.mark.parametrize("asked", [{"prompt": "login"}, {"max_age": "0"}, {"max_age": "599"}])
def test_somebody_who_is_signed_in_signs_in_again(granting: Granting, asked: dict[str, str]) -> None:
    browser, client = visitor(granting), granting.client()
    before = browser.token()
    browser.get(page_of(granting, client, **asked))
    assert shown(browser) == "/auth/sign-in"
    assert "asks you to sign in again" in browser.page().text and "script" not in browser.page().tags
    # Loading it again is no sign-in, and neither is a wrong password.
    browser.get(browser.home + "/auth/sign-in?next=" + quote(browser.form("/auth/sign-in").fields["next"]))
    assert enter(browser, password="eight brown horses").status == 400
    assert "asks you to sign in again" in browser.page().text and browser.token() == before
    enter(browser)
    assert shown(browser) == "/auth/consent"
    browser.fill("/auth/consent", action="approve")
    assert granting.redeem(client, answer_of(browser)["code"]).status == 200
    # The session from before is over.
    sessions = granting.tables.sessions
    alive = sa.select(sa.func.count()).where(sessions.c.ended_at.is_(None), sessions.c.user_agent.like("Mozilla%"))
    assert granting.rows(alive) == [(1,)]


@pytest.mark.parametrize("asked", [{}, {"max_age": "601"}, {"prompt": "consent"}])
def test_whose_sign_in_is_late_enough_is_not_asked_again(granting: Granting, asked: dict[str, str]) -> None:
    browser = visitor(granting)
    browser.get(page_of(granting, granting.client(), **asked))
    browser.fill("/auth/consent", action="approve")
    assert "code" in answer_of(browser)


def test_a_sign_in_for_the_first_time_is_fresh(granting: Granting) -> None:
    granting.sign_up(ADA)
    browser = Browser(granting, PUBLIC_URL)
    browser.get(page_of(granting, granting.client(), prompt="login"))
    assert shown(browser) == "/auth/sign-in"
    assert "again" not in browser.page().text
    enter(browser)
    assert shown(browser) == "/auth/consent"


def test_a_form_that_was_shown_before_does_not_do_when_it_is_too_late(granting: Granting, clock: Clock) -> None:
    browser = visitor(granting)
    browser.get(page_of(granting, granting.client(), max_age="660"))
    form = browser.form("/auth/consent")
    clock.pass_by(timedelta(seconds=61))
    browser.submit(form, action="approve")
    assert shown(browser) == "/auth/sign-in"
    enter(browser)
    assert shown(browser) == "/auth/consent"


def test_a_form_of_another_question_does_not_do(granting: Granting) -> None:
    browser, client = visitor(granting), granting.client()
    browser.get(page_of(granting, client))
    form = browser.form("/auth/consent")
    asked = query_of(page_of(granting, client, prompt="login"))["authorization_id"]
    browser.submit(form, authorization_id=asked, action="approve")
    assert shown(browser) == "/auth/sign-in"


def test_two_tabs(granting: Granting) -> None:
    browser, client, other = visitor(granting), granting.client(), granting.client()
    pages = [page_of(granting, each, prompt="login") for each in (client, other)]
    forms = []
    for page in pages:
        browser.get(page)
        shown(browser)
        forms.append(browser.form("/auth/sign-in"))
    browser.submit(forms[0], email=ADA, password=PASSWORD)
    assert shown(browser) == "/auth/consent"
    browser.fill("/auth/consent", action="approve")
    assert granting.redeem(client, answer_of(browser)["code"]).status == 200
    # The other tab's form was made for the session from before. Loaded again, it need not be filled in.
    assert browser.submit(forms[1], email=ADA, password=PASSWORD).status == 403
    browser.get("/auth/sign-in?next=" + quote(forms[1].fields["next"]))
    assert shown(browser) == "/auth/consent"
    browser.fill("/auth/consent", action="approve")
    assert granting.redeem(other, answer_of(browser)["code"]).status == 200
    # What is asked after that wants a later one.
    browser.get(page_of(granting, client, prompt="login"))
    assert shown(browser) == "/auth/sign-in"


def test_another_user_may_sign_in(granting: Granting) -> None:
    browser, client = visitor(granting), granting.client()
    granting.sign_up(BOB)
    browser.get(page_of(granting, client, prompt="login"))
    shown(browser)
    enter(browser, BOB)
    assert shown(browser) == "/auth/consent"
    assert f"<strong>{BOB}</strong>" in browser.page().text and ADA not in browser.page().text


def test_both_factors_are_shown_again(granting: Granting, clock: Clock) -> None:
    ada = granting.sign_up(ADA)
    made = granting.ask("POST", "/auth/v1/factors", {"factor_type": "totp", "friendly_name": ""}, key=ada).json
    app, path = pyotp.TOTP(made["totp"]["secret"]), f"/auth/v1/factors/{made['id']}"
    challenge = granting.ask("POST", f"{path}/challenge", {}, key=ada).json["id"]
    proof = {"challenge_id": challenge, "code": app.at(time.time())}
    assert granting.ask("POST", f"{path}/verify", proof, key=ada).status == 200
    browser = Browser(granting, PUBLIC_URL)
    for more in ({}, {"prompt": "login"}, {"max_age": "0"}):
        clock.pass_by(timedelta(seconds=30))  # a code is good once
        browser.get(page_of(granting, granting.client(), **more))
        assert shown(browser) == "/auth/sign-in"
        enter(browser)
        assert shown(browser) == "/auth/mfa"
        browser.fill("/auth/mfa", code=app.at(time.time()))
        assert shown(browser) == "/auth/consent"


def test_a_session_that_is_over_is_no_hindrance(granting: Granting) -> None:
    browser = visitor(granting)
    browser.get(page_of(granting, granting.client(), prompt="login"))
    shown(browser)
    next = browser.form("/auth/sign-in").fields["next"]
    granting.execute(sa.update(granting.tables.sessions).values(ended_at=sa.func.now()))
    browser.get("/auth/sign-in?next=" + quote(next))
    assert "again" not in browser.page().text
    enter(browser)
    assert shown(browser) == "/auth/consent"


def test_it_ends_where_there_is_one_session_of_a_user_alone(database_url: str) -> None:
    with Granting(database_url, pages=True, single_session=True) as granting:
        browser = visitor(granting)
        browser.get(page_of(granting, granting.client(), prompt="login"))
        assert shown(browser) == "/auth/sign-in"
        enter(browser)
        assert shown(browser) == "/auth/consent"


# Who signs in ------------------------------------------------------------------------------------------------


def test_a_user_may_take_another_account(granting: Granting) -> None:
    browser, client = visitor(granting), granting.client()
    granting.sign_up(BOB)
    # The page says so also where it would be passed over, as all of it is allowed.
    granting.tokens(client, granting.ask("POST", "/auth/v1/token?grant_type=password", ada()).json["access_token"])
    browser.get(page_of(granting, client, prompt="select_account"))
    assert f"<strong>{ADA}</strong>" in browser.page().text and "Use another account" in browser.page().text
    browser.fill("/auth/sign-out")
    assert not browser.is_signed_in
    assert shown(browser) == "/auth/sign-in"
    assert browser.page().inputs["email"].get("value") is None
    enter(browser, BOB)
    assert shown(browser) == "/auth/consent"
    assert f"<strong>{BOB}</strong>" in browser.page().text and ADA not in browser.page().text
    browser.fill("/auth/consent", action="approve")
    granting.redeem(client, answer_of(browser)["code"])
    owners = sa.select(granting.tables.users.c.email).join(granting.tables.oauth_consents)
    assert {row[0] for row in granting.rows(owners)} == {ADA, BOB}


def ada() -> dict[str, str]:
    return {"email": ADA, "password": PASSWORD}


def test_a_user_may_stay_with_the_account(granting: Granting) -> None:
    browser, client = visitor(granting), granting.client()
    browser.get(page_of(granting, client, prompt="select_account"))
    browser.fill("/auth/consent", action="approve")
    assert granting.redeem(client, answer_of(browser)["code"]).status == 200
    # Where nobody is to choose, the question is theirs who have seen it.
    browser.get(page_of(granting, client, prompt="consent"))
    assert "Use another account" not in browser.page().text


def test_a_choice_and_a_fresh_sign_in(granting: Granting) -> None:
    browser, client = visitor(granting), granting.client()
    browser.get(page_of(granting, client, prompt="login select_account"))
    assert shown(browser) == "/auth/sign-in"
    assert browser.page().inputs["email"].get("value") is None
    enter(browser)
    assert shown(browser) == "/auth/consent" and "Use another account" in browser.page().text


@pytest.mark.parametrize("next", ["https://evil.example/", "//evil.example/", "javascript:alert(1)"])
def test_signing_out_leads_nowhere_else(granting: Granting, next: str) -> None:
    browser = visitor(granting)
    browser.get("/auth/account")
    assert browser.fill("/auth/sign-out", next=next).headers["location"] == "/auth/sign-in"


@pytest.mark.parametrize(
    ("hint", "filled"),
    [
        ("carol@example.com", "carol@example.com"),
        ('"><script>', '"><script>'),
        ("x" * 321, None),
        ("a\nb", None),
        (None, None),
    ],
)
def test_the_address_is_filled_in_that_the_client_knows(granting: Granting, hint: str, filled: str | None) -> None:
    browser = Browser(granting, PUBLIC_URL)
    browser.get(page_of(granting, granting.client(), login_hint=hint))
    assert shown(browser) == "/auth/sign-in"
    assert browser.page().inputs["email"].get("value") == filled
    assert "script" not in browser.page().tags


def test_whoever_signs_in_again_need_not_fill_in_who_they_are(granting: Granting) -> None:
    browser, client = visitor(granting), granting.client()
    for more, filled in (({}, ADA), ({"login_hint": BOB}, BOB)):
        browser.get(page_of(granting, client, prompt="login", **more))
        shown(browser)
        assert browser.page().inputs["email"]["value"] == filled
    assert browser.fill("/auth/sign-in", password=PASSWORD).status == 400


def test_a_page_of_the_applications_own_is_told_the_address(database_url: str) -> None:
    with Granting(database_url, oauth_consent_url="https://own.example/consent?a=1") as granting:
        sent = page_of(granting, granting.client(), login_hint=BOB, prompt="select_account")
        told = query_of(sent)
        assert (told["login_hint"], told["a"], set(told)) == (BOB, "1", {"login_hint", "a", "authorization_id"})
        path = f"/auth/v1/oauth/authorizations/{told['authorization_id']}"
        tokens = [granting.sign_up(email) for email in (ADA, BOB)]
        for token in (*tokens, tokens[0]):
            assert granting.ask("GET", path, key=token).json["prompt"] == "select_account"
        assert [granting.decide(token, told["authorization_id"]).status for token in tokens] == [200, 404]


# At a provider -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "passed"),
    [
        ({"prompt": "login"}, {"max_age": "0"}),
        ({"prompt": "login", "max_age": "900"}, {"max_age": "0"}),
        ({"max_age": "300", "login_hint": "her@keycloak"}, {"max_age": "300", "login_hint": "her@keycloak"}),
        ({"prompt": "consent"}, {}),
    ],
)
@pytest.mark.parametrize("knows", [True, False], ids=["tells auth_time", "does not"])
def test_a_provider_is_asked_for_the_same(
    database_url: str, asked: dict[str, str], passed: dict[str, str], knows: bool
) -> None:
    with Issuer() as issuer:
        issuer.metadata = {"claims_supported": ["sub", "auth_time"]} if knows else {}
        providers = [OIDC("keycloak", issuer.url, CLIENT, SECRET)]
        with Granting(database_url, pages=True, providers=providers) as granting:
            browser = Browser(granting, PUBLIC_URL)
            browser.get(page_of(granting, granting.client(), **asked))
            assert shown(browser) == "/auth/sign-in"
            (link,) = (each for each in browser.page().links if each.startswith("/auth/provider?"))
            browser.get(link)
            left = browser.follow().headers["location"]
            wanted = passed if knows else {name: value for name, value in passed.items() if name != "max_age"}
            told = query_of(left)
            assert {name: told[name] for name in ("max_age", "login_hint", "prompt") if name in told} == wanted
            # Whoever comes back has signed in just now.
            browser.get(f"/auth/v1/callback?{issuer.log_in(left)}")
            browser.follow()
            assert shown(browser) == "/auth/consent"
