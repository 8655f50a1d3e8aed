"""The second factor on the hosted pages."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pyotp
import pytest

from browser import Browser
from signing_in import PASSWORD, Club

ADA = "ada@example.com"


@pytest.fixture(scope="module")
def module_club(module_database_url: str) -> Iterator[Club]:
    with Club(module_database_url, pages=True, site_url="", auth={"mfa": True}) as club:
        yield club


def sign_in(browser: Browser, next: str = "") -> str:
    """Sign in by password; where that leads."""
    browser.get(f"/auth/sign-in?next={next}")
    answer = browser.fill("/auth/sign-in", email=ADA, password=PASSWORD)
    assert answer.status == 303, answer.body
    return answer.headers["location"]


def enrolled(club: Club) -> tuple[pyotp.TOTP, list[str]]:
    """A member's authenticator app, had by the pages, and their recovery codes."""
    club.member()
    browser = Browser(club)
    sign_in(browser)
    browser.get("/auth/account")
    browser.fill("/auth/factors", name="My <phone>")
    page = browser.page()
    secret = re.search(r'<code class="key">([A-Z2-7]+)</code>', page.text)
    assert secret is not None and 'src="data:image/svg+xml;utf-8,' in page.text
    app = pyotp.TOTP(secret[1])
    assert browser.fill("/auth/factor", code="000000").status == 422
    # The secret is shown once.
    assert secret[1] not in browser.page().text
    assert browser.fill("/auth/factor", code=app.at(time.time() - 30)).status == 200
    codes = re.findall(r"<code>([A-Z0-9-]+)</code>", browser.page().text)
    assert len(codes) == 10
    browser.get("/auth/account")
    assert "My &lt;phone&gt;" in browser.page().text
    return app, codes


@pytest.mark.asvs("6.3.4")
def test_whoever_has_a_second_factor_is_asked_for_it(club: Club) -> None:
    app, _ = enrolled(club)
    browser = Browser(club)
    assert sign_in(browser, "/board") == "/auth/mfa?next=%2Fboard"
    browser.follow()
    assert browser.fill("/auth/mfa", code="").status == 422
    assert browser.fill("/auth/mfa", code="12").status == 422
    answer = browser.fill("/auth/mfa", code=app.now())
    assert (answer.status, answer.headers["location"]) == (303, "/board")
    assert browser.get("/auth/mfa").headers["location"] == "/auth/account"


def test_a_recovery_code_does_once_in_the_place_of_the_app(club: Club) -> None:
    _, codes = enrolled(club)
    for status in (303, 422):
        browser = Browser(club)
        sign_in(browser)
        browser.follow()
        assert browser.fill("/auth/mfa", code=codes[0].lower()).status == status


@pytest.mark.asvs("6.4.3")
def test_a_reset_does_not_get_around_the_second_factor(club: Club) -> None:
    app, _ = enrolled(club)
    browser = Browser(club)
    browser.get("/auth/reset")
    browser.fill("/auth/reset", email=ADA)
    browser.fill("/auth/verify", code=club.mail(ADA, "recovery").code)
    assert browser.last is not None and browser.last.headers["location"] == "/auth/mfa?next=%2Fauth%2Fpassword"
    browser.get("/auth/password")
    answer = browser.fill("/auth/password", password="nine green lanterns")
    assert answer.headers["location"].startswith("/auth/mfa")
    browser.follow()
    assert browser.fill("/auth/mfa", code=app.now()).headers["location"] == "/auth/password"
    browser.follow()
    assert browser.fill("/auth/password", password="nine green lanterns").status == 303


def test_a_second_factor_is_removed_by_whoever_showed_it(club: Club) -> None:
    app, _ = enrolled(club)
    browser = Browser(club)
    sign_in(browser)
    browser.get("/auth/account")
    form = browser.form("/auth/factor")
    found = re.search(r'name="remove" value="([^"]+)"', browser.page().text)
    assert found is not None
    refused = browser.submit(form, remove=found[1])
    assert refused.status == 422 and "Use your second factor first." in refused.body.decode()
    browser.get("/auth/mfa")
    browser.fill("/auth/mfa", code=app.now())
    assert browser.submit(form, remove=found[1]).headers["location"] == "/auth/account?done=factor"
    assert "The second factor is removed." in browser.follow().body.decode()
