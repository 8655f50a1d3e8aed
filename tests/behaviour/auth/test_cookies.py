"""Callers known by the cookies of their browsers: in mounted applications, and over REST."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi import FastAPI

from backstay.fastapi import CallerSession, CurrentCaller
from browser import Browser, session_of
from signing_in import PASSWORD, Club

ADA = "ada@example.com"
JSON = "application/json"
ELSEWHERE = [
    {"sec_fetch_site": "cross-site"},
    {"sec_fetch_site": "same-site"},
    {"origin": "https://evil.example"},
    {"origin": "null"},
    {},
]


def site() -> FastAPI:
    """A site that stands beside our own application."""
    app = FastAPI()

    @app.get("/me")
    async def me(caller: CurrentCaller) -> Any:
        return caller.id

    @app.post("/names")
    async def rename(caller: CurrentCaller, db: CallerSession) -> Any:
        return caller.id

    @app.post("/hooks")
    async def take_hook() -> str:
        return "taken"

    return app


def open_club(url: str, **settings: Any) -> Club:
    club = Club(url, **{"pages": True, "cookies": True, **settings})
    club.app.mount("/site", site())
    return club


@pytest.fixture(scope="module")
def module_club(module_database_url: str) -> Iterator[Club]:
    with open_club(module_database_url) as club:
        yield club


@pytest.fixture
def browser(club: Club) -> Browser:
    return signed_in(club)


def signed_in(club: Club, home: str = "https://club.example") -> Browser:
    """The browser of a member who is signed in."""
    club.member()
    found = Browser(club, home)
    found.get("/auth/sign-in")
    assert found.fill("/auth/sign-in", email=ADA, password=PASSWORD).status == 303
    return found


def own_id(club: Club) -> str:
    return str(club.rows(sa.select(club.tables.users.c.id))[0][0])


def generations(club: Club) -> list[int]:
    sessions = club.tables.sessions
    return sorted(row[0] for row in club.rows(sa.select(sessions.c.generation)))


# Mounted applications ----------------------------------------------------------------------------------------


def test_a_mounted_application_knows_whose_browser_it_is(club: Club, browser: Browser) -> None:
    assert browser.get("/site/me").json == own_id(club)
    assert Browser(club).get("/site/me").json is None


def test_a_token_goes_before_the_cookie(club: Club, browser: Browser) -> None:
    bob = club.member("bob@example.com")
    assert browser.get("/site/me", authorization=f"Bearer {bob.token}").json == bob.id
    assert browser.get("/site/me", authorization="Bearer a.b.c").status == 401


@pytest.mark.asvs("3.5.1")
def test_a_form_of_the_site_itself_may_change_something(club: Club, browser: Browser) -> None:
    own = own_id(club)
    assert browser.post("/site/names", {}).json == own
    assert browser.post("/site/names", {}, sec_fetch_site="", origin="https://club.example").json == own


@pytest.mark.asvs("3.5.1", "3.5.2")
@pytest.mark.parametrize("headers", ELSEWHERE)
@pytest.mark.parametrize("media", [JSON, "text/plain", "application/x-www-form-urlencoded"])
def test_another_site_changes_nothing_by_somebodys_cookie(
    browser: Browser, headers: dict[str, str], media: str
) -> None:
    answer = browser.send("POST", "/site/names", b"{}", content_type=media, **headers)
    assert (answer.status, answer.json["code"]) == (403, "BS40304")
    # What asks nobody who calls is left alone.
    assert browser.send("POST", "/site/hooks", b"{}", content_type=media, **headers).json == "taken"


def test_a_socket_of_another_site_has_no_caller(club: Club, browser: Browser) -> None:
    from backstay.errors import CrossSite
    from backstay.server.guests.visitors import VISITOR, introduce

    seen: list[Any] = []

    async def mounted(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope[VISITOR])

    assembly = club.app.assembly
    application = introduce(
        mounted,
        identify=assembly.identify,
        sessions=assembly.session,
        render=assembly.render,
        cookies=assembly._cookies,
    )
    for origin in ("https://evil.example", "https://club.example"):
        cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
        headers = [(b"cookie", cookie.encode()), (b"origin", origin.encode())]
        club.run(application({"type": "websocket", "headers": headers}, None, None))  # type: ignore[arg-type]
    with pytest.raises(CrossSite):
        _ = seen[0].caller
    assert seen[1].caller.id == own_id(club)


@pytest.mark.asvs("7.4.1")
def test_a_cookie_is_worth_nothing_when_its_session_has_ended(club: Club, browser: Browser) -> None:
    club.ask("POST", "/logout", token=browser.token())
    kept = dict(browser.cookies)
    assert browser.get("/site/me").json is None
    # The browser is told to forget it.
    assert kept and not browser.cookies


# Renewal -----------------------------------------------------------------------------------------------------


def test_a_session_is_renewed_when_its_token_is_nearly_over(database_url: str) -> None:
    with open_club(database_url, access_token_life=timedelta(seconds=30)) as club:
        browser = signed_in(club)
        session, refresh = session_of(browser), browser.token("__Host-backstay-refresh")
        answer = browser.get("/site/me")
        assert answer.json == own_id(club)
        assert answer.headers["cache-control"] == "no-store"
        assert browser.token("__Host-backstay-refresh") != refresh and session_of(browser) == session
        assert browser.get("/auth/account").status == 200
        assert max(generations(club)) == 2


def test_requests_at_the_same_time_renew_a_session_once(database_url: str) -> None:
    with open_club(database_url, access_token_life=timedelta(seconds=30)) as club:
        browser = signed_in(club)
        kept = dict(browser.cookies)

        async def at_once() -> list[Any]:
            browsers = [Browser(club) for _ in range(20)]
            for each in browsers:
                each.cookies = dict(kept)
            return await asyncio.gather(*[each.sending("GET", "/site/me") for each in browsers])

        answers = club.run(at_once())
        assert {each.json for each in answers} == {own_id(club)}
        assert max(generations(club)) == 1


def test_a_long_token_is_kept_in_several_cookies(database_url: str) -> None:
    async def claims(db: Any, row: Any) -> dict[str, Any]:
        return {"groups": "g" * 4000}

    club = Club(database_url, pages=True, cookies=True, auth={"claims": claims})
    club.app.mount("/site", site())
    with club:
        browser = signed_in(club)
        assert "__Host-backstay-access.1" in browser.cookies
        assert all(len(line) < 4096 for line in browser.set)
        assert browser.get("/site/me").json == own_id(club)
        browser.get("/auth/account")
        browser.fill("/auth/sign-out")
        assert not browser.cookies


# REST --------------------------------------------------------------------------------------------------------


def test_rest_knows_the_caller_of_a_page_of_the_same_origin(club: Club, browser: Browser) -> None:
    own = own_id(club)
    headers = {"sec_fetch_site": "same-origin", "content_type": JSON, "prefer": "return=representation"}
    # Somebody without a session asked before with the same keys.
    assert Browser(club).send("GET", "/rest/v1/users", sec_fetch_site="same-origin").json == []
    assert [each["id"] for each in browser.send("GET", "/rest/v1/users", sec_fetch_site="same-origin").json] == [own]
    answer = browser.send("POST", "/rest/v1/notes", b'{"text":"mine"}', **headers)
    assert (answer.status, answer.json[0]["author_id"]) == (201, own)
    assert Browser(club).send("GET", "/rest/v1/users", sec_fetch_site="same-origin").json == []


@pytest.mark.asvs("3.5.1", "3.5.2")
def test_rest_takes_no_cookie_from_another_site(browser: Browser) -> None:
    for headers in ELSEWHERE:
        answer = browser.send("POST", "/rest/v1/notes", b'{"text":"theirs"}', content_type=JSON, **headers)
        assert (answer.status, answer.json["code"]) == (403, "BS40304")
        read = browser.send("GET", "/rest/v1/users", **headers)
        assert read.status == 403 if "origin" in headers else read.json == []


def test_cookies_count_for_nothing_without_the_setting(database_url: str) -> None:
    with open_club(database_url, cookies=False) as club:
        browser = signed_in(club)
        assert browser.get("/auth/account").status == 200
        assert browser.get("/site/me").json is None
        assert browser.send("GET", "/rest/v1/users", sec_fetch_site="same-origin").json == []


# Development -------------------------------------------------------------------------------------------------


@pytest.mark.asvs("3.3.1")
@pytest.mark.parametrize(
    ("url", "secure"),
    [
        ("http://localhost:8000", False),
        ("http://127.0.0.1:8000", False),
        ("http://[::1]:8000", False),
        ("http://club.localhost", False),
        ("http://localhost.example", True),
        ("http://10.0.0.1", True),
        ("https://localhost", True),
        ("", True),
    ],
)
def test_only_this_machine_gets_cookies_without_https(url: str, secure: bool) -> None:
    from backstay.auth.cookies.jar import is_secure

    assert is_secure(url) is secure


def test_cookies_of_development_have_no_prefix(database_url: str) -> None:
    with open_club(database_url, public_url="http://localhost:8000", site_url="") as club:
        browser = signed_in(club, "http://localhost:8000")
        assert set(browser.cookies) == {"backstay-access", "backstay-refresh"}
        assert not any("Secure" in line for line in browser.set)
        assert browser.get("/site/me").json == own_id(club)
