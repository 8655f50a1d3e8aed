"""Passkeys and security keys on the hosted pages, in a real browser with its own authenticators."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, Page, expect

from compliance.keys import Keys
from signing_in import PASSWORD


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A page, on which nothing may be against its policy."""
    page, refused = chromium.new_page(locale="en-GB"), []
    page.on("console", lambda message: refused.append(message.text) if "Content" in message.text else None)
    yield page
    page.close()
    assert refused == []


def heading(page: Page, text: str) -> None:
    """See that a page is shown."""
    expect(page.get_by_role("heading", level=1)).to_have_text(text)


def join(page: Page, keyring: str) -> str:
    """Sign up, as somebody new; their address."""
    email = f"{uuid4().hex}@example.com"
    page.goto(f"{keyring}/auth/sign-up?next=/auth/account")
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Create an account").click()
    heading(page, "Your account")
    return email


def leave(page: Page) -> None:
    page.get_by_role("button", name="Sign out", exact=True).click()
    heading(page, "Sign in")


def enter(page: Page, keyring: str, email: str) -> None:
    """Sign in by password, on the way to the account."""
    page.goto(f"{keyring}/auth/sign-in?next=/auth/account")
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()


def test_somebody_has_a_passkey_and_signs_in_by_it(page: Page, keyring: str, tmp_path: Path) -> None:
    keys = Keys(page)
    email = join(page, keyring)
    page.get_by_label("Name of the new passkey").fill("Laptop")
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_role("status")).to_have_text("From now on you can sign in with this passkey.")
    expect(page.get_by_role("button", name="Remove it")).to_be_visible()
    page.screenshot(path=tmp_path / "account-passkeys.png", full_page=True)
    # The browser has one of this account already, and makes no other.
    page.get_by_role("button", name="Add a passkey").click()
    said = page.locator("form[data-key] [role=alert]").first
    expect(said).to_have_text("Your browser gave no key. Try again, or choose another way.")
    leave(page)
    page.goto(f"{keyring}/auth/sign-in?next=/auth/account")
    page.screenshot(path=tmp_path / "sign-in-passkey.png", full_page=True)
    page.get_by_role("button", name="Sign in with a passkey").click()
    heading(page, "Your account")
    expect(page.locator("main")).to_contain_text(f"You are signed in as {email}.")
    # A copy counts from where it was made.
    (copy,) = keys.kept
    page.get_by_role("button", name="Remove it").click()
    expect(page.get_by_role("status")).to_have_text("The passkey is removed.")
    leave(page)
    keys.keep(copy)
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.locator("#fault")).to_have_text("This key is not known here, or did not answer as it should.")


def test_a_security_key_is_asked_for_beside_the_password(page: Page, keyring: str, tmp_path: Path) -> None:
    stick = Keys(page, transport="usb", verifies=False)
    email = join(page, keyring)
    page.get_by_label("Name of the new key").fill("Stick")
    page.get_by_role("button", name="Add a security key").click()
    heading(page, "Your recovery codes")
    recovery = page.locator(".codes code").all_inner_texts()
    page.get_by_role("link", name="I have kept them").click()
    expect(page.locator("main")).to_contain_text("Recovery codes that are left: 10")
    (copy,) = stick.kept
    leave(page)
    enter(page, keyring, email)
    heading(page, "Show your second factor")
    page.screenshot(path=tmp_path / "mfa-key.png", full_page=True)
    page.get_by_role("button", name="Use Stick").click()
    heading(page, "Your account")
    leave(page)
    # A copy of the key is seen; a recovery code does without it.
    stick.keep(copy)
    enter(page, keyring, email)
    page.get_by_role("button", name="Use Stick").click()
    expect(page.locator("#fault")).to_have_text("This key is not known here, or did not answer as it should.")
    page.get_by_label("Code").fill(recovery[0])
    page.get_by_role("button", name="Go on").click()
    expect(page.locator("main")).to_contain_text("Recovery codes that are left: 9")
    page.get_by_role("button", name="Make new recovery codes").click()
    assert not set(page.locator(".codes code").all_inner_texts()) & set(recovery)
    page.get_by_role("link", name="I have kept them").click()
    page.get_by_role("button", name="Remove it").click()
    expect(page.get_by_role("status")).to_have_text("The second factor is removed.")


def test_without_scripts_the_other_ways_are_there(chromium: Browser, keyring: str) -> None:
    page = chromium.new_page(java_script_enabled=False)
    page.goto(f"{keyring}/auth/sign-in")
    expect(page.get_by_role("button", name="Sign in", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Sign in with a passkey")).to_be_hidden()
    page.close()
