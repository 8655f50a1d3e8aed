"""The hosted pages in a real browser, with scripts and without: from signing up to leaving."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pyotp
import pytest
from playwright.sync_api import Browser, expect

from compliance.hosted import ADA, PASSWORD, Visitor, developed, mail

NEW = "nine green lanterns"


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """A club under development, and where it is."""
    with developed(tmp_path) as url:
        yield url


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_somebody_signs_up_resets_their_password_and_leaves(
    chromium: Browser, url: str, tmp_path: Path, scripts: bool
) -> None:
    visitor = Visitor(chromium, tmp_path, scripts=scripts)
    page, shoot, heading = visitor.page, visitor.shoot, visitor.sees

    # Signing up, and the code of the mail.
    page.goto(f"{url}/auth/sign-in?next=/site/")
    heading("Sign in")
    shoot("sign-in")
    page.get_by_role("link", name="Create an account").click()
    page.get_by_label("E-mail address").fill(ADA)
    page.get_by_label("Password").fill("password")
    page.get_by_role("button", name="Create an account").click()
    field = page.get_by_label("Password")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_be_focused()
    expect(page.get_by_role("alert")).to_be_visible()
    shoot("sign-up-refused")
    field.fill(PASSWORD)
    page.get_by_role("button", name="Create an account").click()
    heading("Prove your address")
    shoot("verify")
    page.get_by_label("Code").fill(mail(url, "confirmation")["code"])
    page.get_by_role("button", name="Go on").click()
    # The application beside knows who is there.
    expect(page.locator("body")).to_contain_text(f"Hello {ADA}")

    # The account, and an authenticator app.
    page.goto(f"{url}/auth/account")
    heading("Your account")
    page.get_by_role("button", name="Add an authenticator app").click()
    app = pyotp.TOTP(page.locator("code.key").inner_text())
    assert page.get_by_alt_text("The key as a QR code").bounding_box()
    shoot("factor")
    page.get_by_label("Code that the app shows now").fill(app.at(time.time() - 30))
    page.get_by_role("button", name="Go on").click()
    heading("Your recovery codes")
    recovery = page.locator(".codes code").first.inner_text()
    shoot("codes")
    page.get_by_role("link", name="I have kept them").click()
    shoot("account")
    page.get_by_role("button", name="Sign out", exact=True).click()
    heading("Sign in")

    # A new password, by the link of the mail.
    page.get_by_role("link", name="Forgot your password?").click()
    page.get_by_label("E-mail address").fill(ADA)
    page.get_by_role("button", name="Send it").click()
    heading("Reset your password")
    page.goto(mail(url, "recovery")["link"])
    heading("Show your second factor")
    shoot("mfa")
    page.get_by_label("Code").fill(app.now())
    page.get_by_role("button", name="Go on").click()
    heading("Choose a new password")
    shoot("password")
    page.get_by_label("New password").fill(NEW)
    page.get_by_role("button", name="Change it").click()
    expect(page.get_by_role("status")).to_have_text("Your password is changed.")
    page.get_by_role("button", name="Sign out everywhere").click()

    # The new one alone is good.
    visitor.sign_in(PASSWORD)
    expect(page.get_by_role("alert")).to_have_text("The e-mail address or the password is not right.")
    shoot("sign-in-refused")
    visitor.sign_in(NEW)
    page.get_by_label("Code").fill(recovery)
    page.get_by_role("button", name="Go on").click()
    heading("Your account")
    assert visitor.refused == []
    visitor.context.close()


def test_the_keyboard_alone_is_enough(chromium: Browser, url: str) -> None:
    page = chromium.new_page()
    page.goto(f"{url}/auth/sign-in")
    expect(page.get_by_label("E-mail address")).to_be_focused()
    page.keyboard.type(ADA)
    page.keyboard.press("Tab")
    expect(page.get_by_label("Password")).to_be_focused()
    page.keyboard.type("wrong")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Sign in")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_be_visible()
    page.close()


def test_a_page_fits_a_narrow_screen(chromium: Browser, url: str, tmp_path: Path) -> None:
    page = chromium.new_page(viewport={"width": 320, "height": 640}, color_scheme="dark")
    for name in ("auth/sign-in", "auth/sign-up", "auth/verify", "auth/reset", "mailbox"):
        page.goto(f"{url}/{name}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 320
        page.screenshot(path=tmp_path / f"{name.rpartition('/')[2]}-dark.png", full_page=True)
    page.close()


def test_a_script_does_not_reach_the_session(chromium: Browser, url: str) -> None:
    page = chromium.new_page()
    page.goto(f"{url}/auth/sign-in")
    assert page.evaluate("document.cookie") == ""
    assert any(re.match("backstay-visit", str(each.get("name"))) for each in page.context.cookies())
    page.close()
