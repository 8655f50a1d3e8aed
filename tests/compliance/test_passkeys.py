"""Passkeys and security keys by auth-js in a real browser, with the browser's own authenticators."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, TypeAlias
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, Page

from compliance.install import JAVASCRIPT
from compliance.keyring import SITE
from compliance.keys import Keys
from fixtures.club import PUBLISHABLE
from signing_in import PASSWORD

BUNDLE = JAVASCRIPT / "node_modules/@supabase/supabase-js/dist/umd/supabase.js"
OPTIONS = {"auth": {"autoRefreshToken": False, "persistSession": False, "detectSessionInUrl": False}}
CALL = """async ([name, given]) => {
  const path = name.split('.'), method = path.pop()
  const { data, error } = await path.reduce((owner, each) => owner[each], client.auth)[method](...given)
  return { data, error: error && { code: error.code, status: error.status, message: error.message } }
}"""
SHOW = """async change => {
  const { data } = await client.auth.passkey.startAuthentication()
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON({ ...data.options, ...change })
  const credential = (await navigator.credentials.get({ publicKey })).toJSON()
  const { error } = await client.auth.passkey.verifyAuthentication({ challengeId: data.challenge_id, credential })
  return error && [error.status, error.code]
}"""
"""Signs in by a passkey, with options that are not quite those of the server."""
REFUSED = [400, "webauthn_verification_failed"]

Visit: TypeAlias = Callable[..., Page]


@pytest.fixture
def visit(node: str, keyring: str, chromium: Browser) -> Iterator[Visit]:
    """Opens pages of a site, each with a client of the club: ``visit()``, ``visit("https://elsewhere.example")``."""
    start = f"window.client = supabase.createClient({keyring!r}, {PUBLISHABLE!r}, {json.dumps(OPTIONS)})"
    with ExitStack() as closing:

        def visit(site: str = SITE) -> Page:
            page = chromium.new_page()
            closing.callback(page.close)
            page.route(f"{site}/", lambda route: route.fulfill(content_type="text/html", body="<!doctype html>"))
            page.goto(f"{site}/")
            page.add_script_tag(path=BUNDLE)
            page.evaluate(start)
            return page

        yield visit


def ask(page: Page, method: str, *given: Any) -> dict[str, Any]:
    """What a method of ``client.auth`` answers: its data and its error."""
    found: dict[str, Any] = page.evaluate(CALL, [method, list(given)])
    return found


def good(page: Page, method: str, *given: Any) -> Any:
    """The data of an answer that must be good."""
    found = ask(page, method, *given)
    assert found["error"] is None, found["error"]
    return found["data"]


def refused(page: Page, method: str, *given: Any) -> list[Any]:
    """The status and the code of an answer that must be an error."""
    error = ask(page, method, *given)["error"]
    assert error is not None
    return [error["status"], error["code"]]


def join(page: Page) -> str:
    """Sign up, as somebody new; their address."""
    email = f"{uuid4().hex}@example.com"
    good(page, "signUp", {"email": email, "password": PASSWORD})
    return email


def worth(page: Page) -> tuple[str, list[str]]:
    """What the session is worth, and by what it was begun."""
    claims = good(page, "getClaims")["claims"]
    return claims["aal"], [each["method"] for each in claims["amr"]]


# Passkeys --------------------------------------------------------------------------------------------------------


def test_a_passkey_signs_in_whoever_it_is(visit: Visit) -> None:
    page = visit()
    keys = Keys(page)
    email = join(page)
    made = good(page, "registerPasskey")
    assert [each["rpId"] for each in keys.kept] == ["localhost"]
    good(page, "signOut")
    # Nobody says who they are: the browser has the key, and the key has the user.
    session = good(page, "signInWithPasskey")["session"]
    assert (session["user"]["email"], worth(page)) == (email, ("aal2", ["passkey"]))
    named = good(page, "passkey.update", {"passkeyId": made["id"], "friendlyName": "Laptop"})
    (listed,) = good(page, "passkey.list")
    assert (listed["id"], listed["friendly_name"], named["friendly_name"]) == (made["id"], "Laptop", "Laptop")
    assert listed["last_used_at"] > listed["created_at"]
    # The same computer has it already.
    assert refused(page, "registerPasskey")[1] == "ERROR_AUTHENTICATOR_PREVIOUSLY_REGISTERED"
    good(page, "passkey.delete", {"passkeyId": made["id"]})
    good(page, "signOut")
    assert refused(page, "signInWithPasskey") == REFUSED


def test_a_passkey_is_no_good_on_another_site(visit: Visit) -> None:
    page = visit()
    keys = Keys(page)
    join(page)
    good(page, "registerPasskey")
    (key,) = keys.kept
    # Of the same domain, so the browser has no objection.
    neighbour = visit("http://localhost:3001")
    Keys(neighbour).keep(key)
    assert refused(neighbour, "signInWithPasskey") == REFUSED
    # Of another one: the browser does not give the key away ...
    elsewhere = visit("https://elsewhere.example")
    stolen = Keys(elsewhere)
    stolen.keep(key)
    assert refused(elsewhere, "signInWithPasskey")[1] == "ERROR_INVALID_RP_ID"
    # ... and what it says of itself is seen, were it to have the same key for itself.
    stolen.keep({**key, "rpId": "elsewhere.example"})
    assert elsewhere.evaluate(SHOW, {"rpId": "elsewhere.example"}) == REFUSED


def test_a_passkey_asks_for_a_finger(visit: Visit) -> None:
    page = visit()
    keys = Keys(page)
    join(page)
    good(page, "registerPasskey")
    assert page.evaluate(SHOW, {}) is None
    keys.verify(False)
    assert refused(page, "signInWithPasskey")[1] == "ERROR_PASSTHROUGH_SEE_CAUSE_PROPERTY"
    # A page that asks the browser for less gets less, and that is not enough.
    assert page.evaluate(SHOW, {"userVerification": "discouraged"}) == REFUSED


def test_a_copy_of_a_passkey_is_seen(visit: Visit) -> None:
    page = visit()
    keys = Keys(page)
    join(page)
    good(page, "registerPasskey")
    (copy,) = keys.kept
    good(page, "signInWithPasskey")
    good(page, "signInWithPasskey")
    keys.keep(copy)
    assert refused(page, "signInWithPasskey") == REFUSED


# Second factors --------------------------------------------------------------------------------------------------


def test_a_security_key_is_a_second_factor(visit: Visit) -> None:
    page = visit()
    stick = Keys(page, transport="usb", verifies=False)
    email = join(page)
    good(page, "mfa.webauthn.register", {"friendlyName": "Stick"})
    assert worth(page) == ("aal2", ["password", "mfa/webauthn"])
    (factor,) = good(page, "mfa.listFactors")["webauthn"]
    assert (factor["friendly_name"], factor["status"]) == ("Stick", "verified")
    (copy,) = stick.kept
    password = {"email": email, "password": PASSWORD}
    for _ in range(2):
        good(page, "signInWithPassword", password)
        assert good(page, "mfa.getAuthenticatorAssuranceLevel")["nextLevel"] == "aal2"
        good(page, "mfa.webauthn.authenticate", {"factorId": factor["id"]})
        assert worth(page) == ("aal2", ["password", "mfa/webauthn"])
    # The key signs in beside the password alone.
    assert refused(page, "signInWithPasskey")[1] == "ERROR_PASSTHROUGH_SEE_CAUSE_PROPERTY"
    good(page, "signInWithPassword", password)
    stick.keep(copy)
    assert refused(page, "mfa.webauthn.authenticate", {"factorId": factor["id"]}) == REFUSED
    assert worth(page) == ("aal1", ["password"])


def test_a_security_key_that_was_removed_is_no_factor(visit: Visit) -> None:
    page = visit()
    Keys(page, transport="usb")
    email = join(page)
    good(page, "mfa.webauthn.register", {"friendlyName": "Stick"})
    (factor,) = good(page, "mfa.listFactors")["webauthn"]
    good(page, "mfa.unenroll", {"factorId": factor["id"]})
    good(page, "signInWithPassword", {"email": email, "password": PASSWORD})
    assert worth(page)[0] == "aal1"
    assert refused(page, "mfa.webauthn.authenticate", {"factorId": factor["id"]}) == [404, "mfa_factor_not_found"]


def test_a_security_key_is_no_factor_of_another_site(visit: Visit) -> None:
    page = visit()
    stick = Keys(page, transport="usb")
    email = join(page)
    good(page, "mfa.webauthn.register", {"friendlyName": "Stick"})
    (factor,) = good(page, "mfa.listFactors")["webauthn"]
    neighbour = visit("http://localhost:3001")
    Keys(neighbour, transport="usb").keep(stick.kept[0])
    good(neighbour, "signInWithPassword", {"email": email, "password": PASSWORD})
    assert refused(neighbour, "mfa.webauthn.authenticate", {"factorId": factor["id"]}) == REFUSED
