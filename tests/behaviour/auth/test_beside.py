"""Whoever signed in is known in mounted Flask and Django applications: by token, by browser, by a program's key."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from asking import Agency
from behaviour.auth.test_cookies import ADA, own_id, signed_in
from browser import Browser
from fixtures import agency as agency_rows
from fixtures import sites
from fixtures.club import SECRET_KEY
from in_time import in_time
from signing_in import Club

SITES = ["/flask", "/django", "/django/async"]


@pytest.fixture(scope="module")
def module_club(module_database_url: str) -> Iterator[Club]:
    club = Club(module_database_url, pages=True, cookies=True)
    sites.mount(club.app)
    with club:
        yield club


@pytest.fixture
def browser(club: Club) -> Browser:
    return signed_in(club)


@pytest.mark.parametrize("site", SITES)
def test_a_browser_is_known_as_a_token_is(club: Club, browser: Browser, site: str) -> None:
    own = own_id(club)
    seen = browser.get(f"{site}/me").json
    assert (seen["id"], seen["aal"]) == (own, "aal1")
    stranger = Browser(club)
    assert stranger.get(f"{site}/me").json["id"] is None
    assert stranger.get(f"{site}/me", authorization=f"Bearer {club.enter().token}").json["id"] == own


@pytest.mark.asvs("3.5.1", "3.5.2")
@pytest.mark.parametrize("site", SITES)
def test_another_site_changes_nothing_by_somebodys_cookie(club: Club, browser: Browser, site: str) -> None:
    own = own_id(club)
    assert browser.send("POST", f"{site}/me", b"", sec_fetch_site="same-origin").json["id"] == own
    for headers in ({"sec_fetch_site": "cross-site"}, {"origin": "https://evil.example"}, {}):
        answer = browser.send("POST", f"{site}/me", b"", **headers)
        assert (answer.status, answer.json["code"]) == (403, "BS40304")


@pytest.mark.asvs("7.4.2")
@pytest.mark.parametrize("site", SITES)
def test_who_is_banned_is_out_within_a_second(club: Club, site: str) -> None:
    for watch in in_time(1):
        club.restore()
        browser = signed_in(club)
        own, token = own_id(club), club.enter(ADA).token
        bearer = {"authorization": f"Bearer {token}"}
        assert Browser(club).get(f"{site}/me", **bearer).json["id"] == own
        answer = club.ask("PUT", f"/admin/users/{own}", {"ban_duration": "24h"}, key=SECRET_KEY)
        assert answer.status == 200
        with watch:
            while Browser(club).get(f"{site}/me", **bearer).status != 401:
                watch.check()
        assert browser.get(f"{site}/me").json["id"] is None


def test_a_programs_key_needs_a_scope_that_lets_it_in(database_url: str) -> None:
    agency = Agency(database_url)
    site = sites.flask_site()
    agency.app.mount("/flask", site)
    agency.app.scope("site", "The site, as I.").allow_mount(site)
    with agency:
        agency.restore()
        assert agency.ask("GET", "/flask/me", key=agency.key("site")).json["id"] == str(agency_rows.ADA)
        assert agency.ask("GET", "/flask/me", key=agency.key("billing")).status == 403
        assert agency.ask("GET", "/flask/me", key=f"{agency.key('site')}x").status == 401
