"""The hosted pages in a real browser, with scripts and without: from signing up to leaving."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx2
import pyotp
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from processes.test_cli import Serving

ADA = "ada@example.com"
PASSWORD, NEW = "seven brown horses", "nine green lanterns"
CLUB = """
from fastapi import FastAPI
from sqlalchemy.orm import DeclarativeBase

from backstay import Auth, AuthUser, Backstay
from backstay.fastapi import CurrentCaller


class Base(DeclarativeBase): ...


class User(AuthUser, Base):
    __tablename__ = "users"


site = FastAPI()


@site.get("/")
async def show(caller: CurrentCaller) -> str:
    return f"Hello {caller.claims.get('email')}"


app = Backstay("sqlite:///club.db", auth=Auth(User, mfa=True))
app.mount("/site", site)
app.configure(cookies=True)
"""


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """A club under development, and where it is."""
    (tmp_path / "club.py").write_text(CLUB)
    with closing(Serving(tmp_path, "dev", "club.py", "--no-reload")) as serving:
        serving.await_line("/mailbox")
        yield f"http://127.0.0.1:{serving.port}"


def mail(url: str, kind: str) -> dict[str, str]:
    """The last mail of a kind to Ada."""
    for _ in range(200):
        mails: list[dict[str, str]] = httpx2.get(f"{url}/mailbox.json?to={ADA}").json()
        found = [each for each in mails if each["kind"] == kind]
        if found:
            return found[0]
        time.sleep(0.05)
    raise AssertionError(f"no mail: {kind}")


def heading(page: Page, text: str) -> None:
    """See that a page is shown."""
    expect(page.get_by_role("heading", level=1), page.locator("main").inner_text()).to_have_text(text)


def sign_in(page: Page, password: str) -> None:
    page.get_by_label("E-mail address").fill(ADA)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_somebody_signs_up_resets_their_password_and_leaves(
    chromium: Browser, url: str, tmp_path: Path, scripts: bool
) -> None:
    context = chromium.new_context(java_script_enabled=scripts, locale="en-GB")
    page = context.new_page()
    refused: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text or "Content-Security-Policy" in message.text:
            refused.append(message.text)

    page.on("console", hear)

    def shoot(name: str) -> None:
        page.screenshot(path=tmp_path / f"{name}.png", full_page=True)

    # Signing up, and the code of the mail.
    page.goto(f"{url}/auth/sign-in?next=/site/")
    heading(page, "Sign in")
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
    heading(page, "Prove your address")
    shoot("verify")
    page.get_by_label("Code").fill(mail(url, "confirmation")["code"])
    page.get_by_role("button", name="Go on").click()
    # The application beside knows who is there.
    expect(page.locator("body")).to_contain_text(f"Hello {ADA}")

    # The account, and an authenticator app.
    page.goto(f"{url}/auth/account")
    heading(page, "Your account")
    page.get_by_role("button", name="Add an authenticator app").click()
    app = pyotp.TOTP(page.locator("code.key").inner_text())
    assert page.get_by_alt_text("The key as a QR code").bounding_box()
    shoot("factor")
    page.get_by_label("Code that the app shows now").fill(app.at(time.time() - 30))
    page.get_by_role("button", name="Go on").click()
    heading(page, "Your recovery codes")
    recovery = page.locator(".codes code").first.inner_text()
    shoot("codes")
    page.get_by_role("link", name="I have kept them").click()
    shoot("account")
    page.get_by_role("button", name="Sign out", exact=True).click()
    heading(page, "Sign in")

    # A new password, by the link of the mail.
    page.get_by_role("link", name="Forgot your password?").click()
    page.get_by_label("E-mail address").fill(ADA)
    page.get_by_role("button", name="Send it").click()
    heading(page, "Reset your password")
    page.goto(mail(url, "recovery")["link"])
    heading(page, "Show your second factor")
    shoot("mfa")
    page.get_by_label("Code").fill(app.now())
    page.get_by_role("button", name="Go on").click()
    heading(page, "Choose a new password")
    shoot("password")
    page.get_by_label("New password").fill(NEW)
    page.get_by_role("button", name="Change it").click()
    expect(page.get_by_role("status")).to_have_text("Your password is changed.")
    page.get_by_role("button", name="Sign out everywhere").click()

    # The new one alone is good.
    sign_in(page, PASSWORD)
    expect(page.get_by_role("alert")).to_have_text("The e-mail address or the password is not right.")
    shoot("sign-in-refused")
    sign_in(page, NEW)
    page.get_by_label("Code").fill(recovery)
    page.get_by_role("button", name="Go on").click()
    heading(page, "Your account")
    assert refused == []
    context.close()


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
    for name in ("sign-in", "sign-up", "verify", "reset"):
        page.goto(f"{url}/auth/{name}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 320
        page.screenshot(path=tmp_path / f"{name}-narrow.png", full_page=True)
    page.close()


def test_a_script_does_not_reach_the_session(chromium: Browser, url: str) -> None:
    page = chromium.new_page()
    page.goto(f"{url}/auth/sign-in")
    assert page.evaluate("document.cookie") == ""
    assert any(re.match("backstay-visit", str(each.get("name"))) for each in page.context.cookies())
    page.close()
