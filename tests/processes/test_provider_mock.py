"""Logging in through a provider that others wrote, in a process of its own."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest

from backstay import OIDC
from backstay.auth.oidc.begin import begin
from backstay.auth.oidc.finish import Arrival, finish, read_returned
from backstay.auth.oidc.flow import Seal
from backstay.auth.oidc.refused import Declined, Refused
from backstay.auth.oidc.remote import Remote
from browser import HOME, Browser
from provider_mock import ProviderMock, provider_mock
from signing_in import Club

pytestmark = pytest.mark.processes

CALLBACK = "https://api.example.com/auth/v1/callback"
SEAL = Seal(b"the secret that only the server of these tests knows")


@pytest.fixture(scope="module")
def provider() -> Iterator[ProviderMock]:
    with provider_mock("--require-nonce", "true") as started:
        yield started


async def arrive(remote: Remote, query: str) -> Arrival:
    return await finish(remote, SEAL, read_returned(query), redirect_uri=CALLBACK, now=datetime.now(UTC))


async def test_a_user_logs_in(provider: ProviderMock) -> None:
    remote = Remote(OIDC("mock", provider.url, "any", "secret").facts)
    departure = await begin(remote, SEAL, redirect_uri=CALLBACK, now=datetime.now(UTC))
    answer = provider.log_in(departure.url, "ada", email="ada@example.com", email_verified=True, name="Ada Lovelace")
    profile = (await arrive(remote, answer)).profile
    assert (profile.issuer, profile.subject) == (provider.url, "ada")
    assert (profile.email, profile.email_verified) == ("ada@example.com", True)
    assert profile.data["full_name"] == "Ada Lovelace"
    with pytest.raises(Refused, match="invalid_grant"):
        await arrive(remote, answer)


async def test_another_applications_login_is_refused(provider: ProviderMock) -> None:
    ours, theirs = (Remote(OIDC("mock", provider.url, name, "secret").facts) for name in ("ours", "theirs"))
    departure = await begin(theirs, SEAL, redirect_uri=CALLBACK, now=datetime.now(UTC))
    with pytest.raises(Refused):
        await arrive(ours, provider.log_in(departure.url, "ada", email="ada@example.com"))


async def test_a_user_declines(provider: ProviderMock) -> None:
    remote = Remote(OIDC("mock", provider.url, "any", "secret").facts)
    with pytest.raises(Declined):
        await arrive(remote, "error=access_denied&state=x")


# The hosted pages --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def club(module_database_url: str, provider: ProviderMock) -> Iterator[Club]:
    """The club with pages and cookies, and a button of the provider's."""
    auth = {"providers": [OIDC("mock", provider.url, "club", "secret")]}
    with Club(module_database_url, auth=auth, pages=True, cookies=True, site_url="") as club:
        yield club


def leave(browser: Browser) -> str:
    """Press the button of the page for signing in: where it leads."""
    browser.get("/auth/sign-in?next=/board")
    (button,) = [each for each in browser.page().links if each.startswith("/auth/provider")]
    browser.get(button)
    return browser.follow().headers["location"]


def test_a_button_of_the_page_for_signing_in_leads_there_and_back(club: Club, provider: ProviderMock) -> None:
    browser = Browser(club)
    address = leave(browser)
    assert address.startswith(f"{provider.url}/")
    answer = provider.log_in(address, "ada", email="ada@example.com", email_verified=True)
    browser.get(f"/auth/v1/callback?{answer}")
    browser.follow()
    assert browser.last is not None
    assert (browser.last.status, browser.last.headers["location"]) == (303, "/board")
    assert browser.is_signed_in
    assert "<strong>ada@example.com</strong>" in browser.get("/auth/account").body.decode()
    # The session in the cookies says who calls, for pages of the same origin alone.
    assert browser.get("/rest/v1/users?select=email", sec_fetch_site="same-origin").json == [
        {"email": "ada@example.com"}
    ]
    # What came back is good once, and in no other browser.
    other = Browser(club)
    other.get(f"/auth/v1/callback?{answer}")
    assert other.follow().status == 400 and not other.is_signed_in


def test_whoever_is_not_let_in_there_is_told_so(club: Club, provider: ProviderMock) -> None:
    browser = Browser(club)
    state = parse_qs(urlsplit(leave(browser)).query)["state"][0]
    sent = browser.get(f"/auth/v1/callback?error=access_denied&state={state}").headers["location"]
    assert sent.startswith(f"{HOME}/auth/arrive?")
    answer = browser.follow()
    assert answer.status == 400 and not browser.is_signed_in
    assert "your log-in at the other site did not succeed" in answer.body.decode()
