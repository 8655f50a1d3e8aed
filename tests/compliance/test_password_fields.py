"""Fields for passwords, as a real browser shows them: they hide what is typed, and take what is pasted."""

from __future__ import annotations

import httpx2
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from compliance.hosted import ADA, PASSWORD, mail
from compliance.test_pages import NEW, url

__all__ = ["url"]

# Longer than people choose, with what keyboards do not have.
PASTED = "ein Paßwort aus 🔐 und allerlei " * 3


def fields(page: Page) -> dict[str | None, Locator]:
    """The fields for passwords of a page, by what a password manager knows them as."""
    found = page.locator("input[type=password]").all()
    return {each.get_attribute("autocomplete"): each for each in found}


def paste(page: Page, field: Locator, text: str) -> None:
    """Put a text into the clipboard, and paste it."""
    page.evaluate("text => navigator.clipboard.writeText(text)", text)
    field.focus()
    page.keyboard.press("Control+V")


def heading(page: Page, text: str) -> None:
    """See that a page is shown."""
    expect(page.get_by_role("heading", level=1)).to_have_text(text)


def enter(page: Page, url: str) -> None:
    """Sign up, and prove the address."""
    page.goto(f"{url}/auth/sign-up")
    page.get_by_label("E-mail address").fill(ADA)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Create an account").click()
    page.get_by_label("Code").fill(mail(url, "confirmation")["code"])
    page.get_by_role("button", name="Go on").click()
    heading(page, "Your account")


@pytest.mark.asvs("6.2.6", "6.2.7")
def test_every_field_for_a_password_hides_it_and_is_known_to_password_managers(chromium: Browser, url: str) -> None:
    page = chromium.new_page()
    for path, known in (("sign-in", {"current-password"}), ("sign-up", {"new-password"})):
        page.goto(f"{url}/auth/{path}")
        assert set(fields(page)) == known
        # What they keep the password for is beside it.
        expect(page.locator("input[name=email]")).to_have_attribute("autocomplete", "username")
    enter(page, url)
    page.get_by_role("link", name="Change your password").click()
    heading(page, "Choose a new password")
    assert "new-password" in fields(page)
    # No field whose name or label speaks of a password shows what is typed.
    for path in ("sign-in", "sign-up", "password", "account", "reset"):
        page.goto(f"{url}/auth/{path}")
        for field in page.locator("input[name*=password]").all():
            expect(field).to_have_attribute("type", "password")
    page.close()


@pytest.mark.asvs("6.2.6")
def test_what_is_typed_is_not_in_the_answer(chromium: Browser, url: str) -> None:
    page = chromium.new_page()
    page.goto(f"{url}/auth/sign-in")
    page.get_by_label("E-mail address").fill(ADA)
    page.get_by_label("Password").fill("purple wrong horses")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_be_visible()
    assert "purple wrong horses" not in page.content()
    expect(page.get_by_label("Password")).to_have_value("")
    page.close()


@pytest.mark.asvs("6.2.7")
@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_passwords_are_pasted_and_filled_in_by_managers(chromium: Browser, url: str, scripts: bool) -> None:
    context = chromium.new_context(java_script_enabled=scripts)
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.goto(f"{url}/auth/sign-up")
    page.get_by_label("E-mail address").fill(ADA)
    field = page.get_by_label("Password")
    paste(page, field, PASTED)
    expect(field).to_have_value(PASTED)
    page.get_by_role("button", name="Create an account").click()
    page.get_by_label("Code").fill(mail(url, "confirmation")["code"])
    page.get_by_role("button", name="Go on").click()
    heading(page, "Your account")
    page.get_by_role("button", name="Sign out", exact=True).click()
    heading(page, "Sign in")
    # A manager sets values without a key being pressed.
    for name, value in (("email", ADA), ("password", PASTED)):
        page.eval_on_selector(f"input[name={name}]", "(field, value) => { field.value = value }", value)
    page.get_by_role("button", name="Sign in").click()
    heading(page, "Your account")
    # It is the whole of it that counts.
    answer = httpx2.post(f"{url}/auth/v1/token?grant_type=password", json={"email": ADA, "password": PASTED[:72]})
    assert answer.status_code in (400, 401)
    page.get_by_role("link", name="Change your password").click()
    for field in fields(page).values():
        paste(page, field, NEW if field.get_attribute("autocomplete") == "new-password" else PASTED)
    page.get_by_role("button", name="Change it").click()
    expect(page.get_by_role("status")).to_have_text("Your password is changed.")
    context.close()
