"""Passkeys and security keys on the hosted pages, with an authenticator made of software."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from authenticator import Authenticator
from behaviour.door import Answer
from browser import HOME, Browser
from signing_in import PASSWORD, Club

ADA = "ada@example.com"
WORDS = {"pages": True, "site_url": "", "auth": {"mfa": True, "passkeys": True}}


@pytest.fixture(scope="module")
def module_club(module_database_url: str) -> Iterator[Club]:
    with Club(module_database_url, **WORDS) as club:
        yield club


def sign_in(club: Club) -> Browser:
    """A browser that has signed in by password."""
    browser = Browser(club)
    browser.get("/auth/sign-in?next=/auth/account")
    assert browser.fill("/auth/sign-in", email=ADA, password=PASSWORD).status == 303
    browser.follow()
    return browser


def use(browser: Browser, use: str, key: Authenticator, **more: str) -> Answer:
    """Do with a form of the page what its script does."""
    form = next(each for each in browser.page().forms if each.fields.get("use") == use and "credential" in each.fields)
    form.fields |= more
    told = browser.submit(form, to="/auth/keys/options")
    assert told.status == 200, told.body
    answer = key.create(told.json["make"]) if "make" in told.json else key.get(told.json["show"])
    named = {name: told.json[name] for name in ("challenge", "factor") if name in told.json}
    return browser.submit(form, credential=json.dumps(answer), **named)


def having(club: Club, kind: str, name: str = "") -> tuple[Authenticator, Answer]:
    """A member with a key, and what they were answered when they got it."""
    club.member()
    key = Authenticator(HOME)
    return key, use(sign_in(club), kind, key, name=name)


def test_a_passkey_is_had_named_used_and_removed(club: Club) -> None:
    key, made = having(club, "passkey", "My <laptop>")
    assert made.headers["location"] == "/auth/account?done=new-passkey"
    browser = Browser(club)
    browser.get("/auth/sign-in?next=/board")
    assert use(browser, "enter", key).headers["location"] == "/board"
    browser.get("/auth/account")
    assert "My &lt;laptop&gt;" in browser.page().text
    form = next(each for each in browser.page().forms if each.fields.get("use") == "passkey")
    found = re.search(r'name="remove" value="([^"]+)"', browser.page().text)
    assert found is not None
    assert browser.submit(form, remove=found[1]).headers["location"] == "/auth/account?done=passkey"
    other = Browser(club)
    other.get("/auth/sign-in")
    answer = use(other, "enter", key)
    assert answer.status == 400 and "This key is not known here" in answer.body.decode()


def test_a_security_key_is_the_second_factor(club: Club) -> None:
    key, made = having(club, "factor", "Stick")
    assert len(re.findall(r"<code>([A-Z0-9-]+)</code>", made.body.decode())) == 10
    browser = sign_in(club)
    assert "Show your second factor" in browser.page().text
    wrong = use(browser, "prove", Authenticator(HOME))
    assert wrong.status == 400 and "This key is not known here" in wrong.body.decode()
    assert use(browser, "prove", key).headers["location"] == "/auth/account"


@pytest.mark.parametrize("credential", ["", "[]", "{", "null"])
def test_what_no_browser_answers_is_refused(club: Club, credential: str) -> None:
    browser = Browser(club)
    browser.get("/auth/sign-in")
    form = next(each for each in browser.page().forms if each.fields.get("use") == "enter")
    assert browser.submit(form, credential=credential).status == 400
    assert not browser.is_signed_in


def test_whoever_has_a_second_factor_shows_it_before_they_have_a_passkey(club: Club) -> None:
    having(club, "factor")
    browser = sign_in(club)
    browser.get("/auth/account")
    assert "/auth/mfa?next=/auth/account" in browser.page().links
    form = next(each for each in browser.page().forms if each.fields.get("use") == "passkey")
    told = browser.submit(form, to="/auth/keys/options")
    assert (told.status, told.json) == (403, {"message": "Use your second factor first."})


@pytest.mark.asvs("7.5.1")
def test_whoever_signed_in_long_ago_does_that_again_and_comes_back(club: Club) -> None:
    club.member()
    browser = sign_in(club)
    browser.get("/auth/account")
    open_since_then = browser.page()
    then = datetime.now(UTC) - timedelta(hours=25)
    club.execute(sa.update(club.tables.sessions).values(created_at=then))
    # The page that is open already says why, and what its script sends leads to signing in.
    form = next(each for each in open_since_then.forms if each.fields.get("use") == "passkey")
    told = browser.submit(form, to="/auth/keys/options")
    assert (told.status, told.json) == (400, {"message": "Sign in again before you change this."})
    again = "/auth/sign-in?again=1&next=/auth/account"
    sent = browser.submit(form, challenge="", credential="{}")
    assert (sent.status, sent.headers["location"]) == (303, again.replace("=/auth/", "=%2Fauth%2F"))
    browser.get("/auth/account")
    assert not any(each.fields.get("use") == "passkey" for each in browser.page().forms)
    assert again in browser.page().links
    browser.get(again)
    assert "show that it is still you" in browser.page().text
    assert browser.page().inputs["email"]["value"] == ADA
    assert browser.fill("/auth/sign-in", password="not this one").status == 400
    assert browser.fill("/auth/sign-in", password=PASSWORD).headers["location"] == "/auth/account"
    browser.follow()
    assert use(browser, "passkey", Authenticator(HOME)).headers["location"] == "/auth/account?done=new-passkey"


def test_a_key_begun_and_not_made_is_begun_again_under_its_name(club: Club) -> None:
    club.member()
    browser = sign_in(club)
    form = next(each for each in browser.page().forms if each.fields.get("use") == "factor")
    for _ in range(2):
        assert browser.submit(form, to="/auth/keys/options", name="Stick").status == 200


@pytest.mark.asvs("3.4.3")
def test_a_page_that_asks_for_keys_has_the_servers_own_script_alone(club: Club) -> None:
    browser = Browser(club)
    policy = browser.get("/auth/sign-in").headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; ") and "unsafe" not in policy
    assert "script-src 'self'; connect-src 'self'; " in policy
    script = browser.get("/auth/keys.js")
    assert script.headers["content-type"] == "text/javascript; charset=utf-8"
    # No other page has any.
    assert "script-src" not in browser.get("/auth/sign-up").headers["content-security-policy"]


@pytest.mark.parametrize("settings", [{"auth": {"mfa": True}}, {"site_url": "https://elsewhere.example"}])
def test_pages_that_browsers_give_no_keys_to_do_not_ask_for_them(
    database_url: str, settings: dict[str, object]
) -> None:
    with Club(database_url, **{**WORDS, **settings}) as club:
        browser = Browser(club)
        answer = browser.get("/auth/sign-in")
        assert "script" not in browser.page().tags
        assert "script-src" not in answer.headers["content-security-policy"]
