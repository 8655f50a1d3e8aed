"""The hosted pages: signing up, in and out by forms, and what their answers must and must not say."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest
import sqlalchemy as sa

from browser import HOME, Browser, session_of
from signing_in import PASSWORD, Club

ADA = "ada@example.com"
NEW = "nine green lanterns"


@pytest.fixture(scope="module")
def module_club(module_database_url: str) -> Iterator[Club]:
    with Club(module_database_url, pages=True, site_url="", redirect_urls=("https://shop.example/**",)) as club:
        yield club


@pytest.fixture
def browser(club: Club) -> Browser:
    return Browser(club)


def sign_in(browser: Browser, password: str = PASSWORD) -> None:
    browser.get("/auth/sign-in")
    assert browser.fill("/auth/sign-in", email=ADA, password=password).status == 303
    assert browser.is_signed_in


# The ways in -------------------------------------------------------------------------------------------------


def test_somebody_signs_up_proves_their_address_and_is_signed_in(club: Club, browser: Browser) -> None:
    browser.get("/auth/sign-up")
    answer = browser.fill("/auth/sign-up", email=ADA, password=PASSWORD, **{"profile.name": "Ada"})
    assert answer.status == 200 and not browser.is_signed_in
    assert browser.fill("/auth/verify", code="000000").status == 403
    answer = browser.fill("/auth/verify", code=club.mail(ADA).code)
    assert (answer.status, answer.headers["location"]) == (303, "/auth/account")
    assert f"<strong>{ADA}</strong>" in browser.follow().body.decode()
    assert club.rows(sa.select(club.tables.users.c.name)) == [("Ada",)]


def test_the_link_of_the_mail_signs_in_the_browser_that_asked_for_it(club: Club, browser: Browser) -> None:
    browser.get("/auth/sign-up?next=/board")
    browser.fill("/auth/sign-up", email=ADA, password=PASSWORD)
    browser.get(club.mail(ADA).link)
    assert browser.follow().status == 303
    assert browser.is_signed_in and browser.last is not None
    assert browser.last.headers["location"] == "/board"


def test_the_link_of_the_mail_signs_in_no_other_browser(club: Club, browser: Browser) -> None:
    browser.get("/auth/sign-up")
    browser.fill("/auth/sign-up", email=ADA, password=PASSWORD)
    other = Browser(club)
    other.get("/auth/sign-in")
    other.get(club.mail(ADA).link)
    answer = other.follow()
    assert answer.status == 400 and not other.is_signed_in
    assert "signs in only the browser that asked for it" in answer.body.decode()
    # What it was for is done all the same: the address is proven.
    sign_in(other)


def test_a_password_is_reset_without_the_old_one(club: Club, browser: Browser) -> None:
    other = club.member()
    browser.get("/auth/reset")
    browser.fill("/auth/reset", email=ADA)
    browser.fill("/auth/verify", code=club.mail(ADA, "recovery").code)
    assert browser.last is not None and browser.last.headers["location"] == "/auth/password"
    browser.follow()
    assert "current_password" not in browser.page().inputs
    assert browser.fill("/auth/password", password="password").status == 422
    assert browser.fill("/auth/password", password=NEW).status == 303
    assert "Your password is changed." in browser.follow().body.decode()
    # All other sessions of the user are over.
    assert club.ask("GET", "/user", token=other.token).status == 403
    sign_in(Browser(club), NEW)


def test_a_password_is_reset_by_the_link(club: Club, browser: Browser) -> None:
    club.member()
    browser.get("/auth/reset")
    browser.fill("/auth/reset", email=ADA)
    browser.get(club.mail(ADA, "recovery").link)
    browser.follow()
    assert browser.last is not None and browser.last.headers["location"] == "/auth/password"


@pytest.mark.asvs("6.2.3")
def test_a_password_is_changed_by_the_old_one(club: Club, browser: Browser) -> None:
    club.member()
    sign_in(browser)
    browser.get("/auth/password")
    for given in ("", "wrong"):
        answer = browser.fill("/auth/password", current_password=given, password=NEW)
        assert answer.status == 400
        assert "This is not your current password." in answer.body.decode()
    assert browser.fill("/auth/password", current_password=PASSWORD, password=NEW).status == 303
    sign_in(Browser(club), NEW)


def test_a_new_code_is_sent_in_place_of_one_that_did_not_arrive(club: Club, browser: Browser) -> None:
    browser.get("/auth/sign-up")
    browser.fill("/auth/sign-up", email=ADA, password=PASSWORD)
    first = club.mail(ADA).code
    answer = browser.submit(browser.form("/auth/verify"), to="/auth/resend")
    assert "A new code is on its way." in answer.body.decode()
    second = club.mail(ADA).code
    assert second != first or len(club.post.mails) == 2
    assert browser.fill("/auth/verify", code=second).status == 303


def test_who_signs_in_before_their_address_is_proven_is_asked_for_the_code(club: Club, browser: Browser) -> None:
    club.sign_up()
    browser.get("/auth/sign-in")
    answer = browser.fill("/auth/sign-in", email=ADA, password=PASSWORD)
    assert answer.status == 400
    assert browser.fill("/auth/verify", code=club.mail(ADA).code).status == 303


# What answers do not say -------------------------------------------------------------------------------------


@pytest.mark.asvs("6.3.8")
@pytest.mark.parametrize("page", ["sign-in", "sign-up", "reset"])
def test_no_page_tells_whose_addresses_are_known(club: Club, page: str) -> None:
    club.member()
    told = []
    for email in (ADA, "bob@example.com"):
        browser = Browser(club)
        browser.get(f"/auth/{page}")
        fields = {} if page == "reset" else {"password": "another of the kind"}
        answer = browser.fill(f"/auth/{page}", email=email, **fields)
        token = browser.page().inputs["form_token"]["value"] or ""
        told.append((answer.status, answer.body.decode().replace(email, "").replace(token, "")))
    assert told[0] == told[1]


def test_what_was_typed_is_shown_as_text_and_passwords_never(browser: Browser) -> None:
    browser.get("/auth/sign-in")
    bad = '"><script>alert(1)</script>'
    answer = browser.fill("/auth/sign-in", email=bad, password="swordfish")
    text = answer.body.decode()
    assert "<script" not in text and "swordfish" not in text
    assert browser.page().inputs["email"]["value"] == bad


# Forms -------------------------------------------------------------------------------------------------------


@pytest.mark.asvs("3.5.1")
@pytest.mark.parametrize("case", ["none", "made up", "another browser's", "another session's"])
def test_a_form_without_the_token_of_its_browser_changes_nothing(club: Club, browser: Browser, case: str) -> None:
    club.member()
    sign_in(browser)
    browser.get("/auth/account")
    form = browser.form("/auth/sign-out")
    if case == "none":
        del form.fields["form_token"]
    elif case == "made up":
        form.fields["form_token"] = form.fields["form_token"][:-1] + "x"
    else:
        other = Browser(club)
        if case == "another session's":
            sign_in(other)
        other.get("/auth/account" if case == "another session's" else "/auth/sign-in")
        form.fields["form_token"] = other.page().inputs["form_token"]["value"] or ""
    assert browser.submit(form).status == 403
    assert browser.is_signed_in
    assert browser.get("/auth/account").status == 200


@pytest.mark.asvs("3.5.1", "3.5.3")
@pytest.mark.parametrize(
    "headers",
    [
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
        {"sec_fetch_site": "", "origin": "https://evil.example"},
        {"sec_fetch_site": "", "origin": "http://club.example"},
        {"sec_fetch_site": "", "origin": "https://club.example.evil.example"},
        {"sec_fetch_site": "", "origin": "https://club.example:444"},
    ],
)
def test_a_form_of_another_site_is_refused_whatever_it_holds(
    club: Club, browser: Browser, headers: dict[str, str]
) -> None:
    club.member()
    sign_in(browser)
    browser.get("/auth/account")
    form = browser.form("/auth/sign-out")
    assert browser.post(form.action, form.fields, **headers).status == 403
    assert browser.is_signed_in


@pytest.mark.asvs("3.5.2")
@pytest.mark.parametrize("media", ["application/json", "text/plain", "multipart/form-data", ""])
def test_only_a_form_is_a_form(club: Club, browser: Browser, media: str) -> None:
    browser.get("/auth/sign-in")
    form = browser.form("/auth/sign-in")
    answer = browser.post(form.action, {**form.fields, "email": ADA, "password": PASSWORD}, content_type=media)
    assert answer.status == 400 and not browser.is_signed_in


@pytest.mark.asvs("3.5.3")
@pytest.mark.parametrize("page", ["sign-out", "sessions", "resend"])
def test_nothing_is_changed_by_following_a_link(club: Club, browser: Browser, page: str) -> None:
    club.member()
    sign_in(browser)
    answer = browser.get(f"/auth/{page}?scope=global")
    assert (answer.status, answer.headers["allow"]) == (405, "POST")
    assert browser.get("/auth/account").status == 200


def test_a_form_that_is_too_long_is_refused(browser: Browser) -> None:
    browser.get("/auth/sign-in")
    assert browser.fill("/auth/sign-in", email="a" * 70_000).status == 413


# Sessions ----------------------------------------------------------------------------------------------------


@pytest.mark.asvs("7.2.4")
def test_signing_in_makes_a_new_session_and_ends_the_one_before(club: Club, browser: Browser) -> None:
    club.member()
    browser.get("/auth/sign-in")
    before = dict(browser.cookies)
    form = browser.form("/auth/sign-in")
    browser.submit(form, email=ADA, password=PASSWORD)
    assert not set(before.values()) & set(browser.cookies.values())
    first, first_token = session_of(browser), browser.token()
    browser.get("/auth/account")
    form.fields["form_token"] = browser.page().inputs["form_token"]["value"] or ""
    browser.submit(form, email=ADA, password=PASSWORD)
    assert session_of(browser) != first
    assert club.ask("GET", "/user", token=first_token).status == 403


@pytest.mark.asvs("7.2.4")
def test_no_session_can_be_given_to_a_browser_beforehand(club: Club, browser: Browser) -> None:
    club.member()
    browser.cookies = {"__Host-backstay-visit": "x" * 40, "__Host-backstay-access": "chosen"}
    sign_in(browser)
    assert "chosen" not in browser.cookies.values()
    assert "__Host-backstay-visit" not in browser.cookies


@pytest.mark.asvs("7.5.2")
def test_users_see_their_sessions_and_end_them(club: Club, browser: Browser) -> None:
    other = club.member()
    sign_in(browser)
    browser.get("/auth/account")
    text = browser.page().text
    assert text.count("(this one)") == 1 and "Mozilla/5.0 (a test)" in text
    form = browser.form("/auth/sessions")
    kept = club.tables.sessions.c
    ids = club.rows(sa.select(kept.id).where(kept.user_id.isnot(None)))
    which = next(str(each[0]) for each in ids if str(each[0]) != session_of(browser))
    assert browser.submit(form).status == 422
    assert browser.submit(form, end=which, current_password="wrong").status == 400
    assert browser.submit(form, end=which, current_password=PASSWORD).status == 303
    assert "That session has ended." in browser.follow().body.decode()
    assert club.ask("GET", "/user", token=other.token).status == 403
    assert browser.submit(form, end=which, current_password=PASSWORD).status == 404


def test_nobody_chooses_the_address_that_their_session_is_shown_with(club: Club, browser: Browser) -> None:
    club.member()
    browser.get("/auth/sign-in")
    form = browser.form("/auth/sign-in")
    browser.post(form.action, {**form.fields, "email": ADA, "password": PASSWORD}, x_forwarded_for="192.0.2.7")
    sessions = club.tables.sessions
    addresses = club.rows(sa.select(sessions.c.address).order_by(sessions.c.created_at))
    # Nobody said that whoever sent this is a proxy.
    assert "192.0.2.7" not in [each[0] for each in addresses]


@pytest.mark.asvs("7.5.2")
def test_ending_sessions_takes_the_password_when_the_sign_in_is_long_ago(club: Club, browser: Browser) -> None:
    club.member()
    sign_in(browser)
    sessions = club.tables.sessions
    club.execute(sa.update(sessions).values(created_at=datetime.now(UTC) - timedelta(hours=1)))
    browser.get("/auth/account")
    assert browser.fill("/auth/sessions", end="others").status in (400, 401, 403)
    assert browser.fill("/auth/sessions", end="others", current_password=PASSWORD).status == 303


@pytest.mark.asvs("7.4.1")
@pytest.mark.parametrize("scope", ["local", "global"])
def test_signing_out_ends_the_session(club: Club, browser: Browser, scope: str) -> None:
    other = club.member()
    sign_in(browser)
    token = browser.token()
    browser.get("/auth/account")
    fields = {"scope": "global"} if scope == "global" else {}
    assert browser.fill("/auth/sign-out", **fields).headers["location"] == "/auth/sign-in"
    assert not browser.cookies
    assert club.ask("GET", "/user", token=token).status == 403
    assert club.ask("GET", "/user", token=other.token).status == (403 if scope == "global" else 200)
    assert browser.get("/auth/account").headers["location"] == "/auth/sign-in?next=/auth/account"


# Headers -----------------------------------------------------------------------------------------------------


@pytest.mark.asvs("3.3.1", "3.3.2", "3.3.3", "3.3.4")
def test_cookies_are_for_this_host_alone_and_for_no_script(club: Club, browser: Browser) -> None:
    club.member()
    browser.get("/auth/sign-in")
    lines = list(browser.set)
    browser.fill("/auth/sign-in", email=ADA, password=PASSWORD)
    lines += browser.set
    assert {line.partition("=")[0] for line in lines} == {
        "__Host-backstay-visit",
        "__Host-backstay-access",
        "__Host-backstay-refresh",
    }
    for line in lines:
        words = line.split("; ")[1:]
        assert {"Path=/", "HttpOnly", "SameSite=Lax", "Secure"} < set(words)
        assert not any(word.startswith("Domain") for word in words)


@pytest.mark.asvs("3.4.3", "3.4.5", "3.4.6")
@pytest.mark.parametrize("path", ["sign-in", "sign-up", "reset", "verify", "nosuch", "arrive"])
def test_every_page_is_bound_by_a_strict_policy(browser: Browser, path: str) -> None:
    answer = browser.get(f"/auth/{path}")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "form-action 'self'" in policy
    assert "unsafe" not in policy and "script-src" not in policy
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "access-control-allow-origin" not in answer.headers
    page = browser.page()
    assert not {"script", "style", "iframe"} & set(page.tags)
    assert " style=" not in page.text and " on" not in {each[:3] for each in page.inputs}


@pytest.mark.parametrize("path", ["sign-in", "sign-up", "reset", "verify"])
def test_every_field_has_a_label_and_its_error_is_linked_to_it(browser: Browser, path: str) -> None:
    browser.get(f"/auth/{path}")
    action = browser.page().forms[0].action
    browser.fill(action, email="", password="", code="")
    page = browser.page()
    shown = {name: each for name, each in page.inputs.items() if each.get("type") != "hidden"}
    assert shown and all(each.get("id") in page.labels for each in shown.values())
    assert len(page.ids) == len(set(page.ids))
    for each in shown.values():
        described = (each.get("aria-describedby") or "").split()
        assert set(described) <= set(page.ids)
        assert ("aria-invalid" in each) == any(name.endswith("-error") for name in described)
    assert 'role="alert"' in page.text and "<title>Error: " in page.text


# Where browsers are sent -------------------------------------------------------------------------------------


BAD_TARGETS = [
    "https://evil.example/",
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "https:evil.example",
    "https:/evil.example",
    "https://club.example@evil.example",
    "https://club.example.evil.example",
    "https://evil.example/https://club.example",
    "https://shop.example.evil.example/",
    "https://shop.example@evil.example/",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "data:text/html,hi",
    " https://evil.example",
    "/%5c/evil.example\r\nset-cookie: a=b",
    "evil.example",
    "?next",
    "https://[evil",
    "/" + "a" * 3000,
]


@pytest.mark.asvs("3.7.2")
def test_nobody_is_sent_where_the_settings_do_not_allow(club: Club, browser: Browser) -> None:
    club.member()
    browser.get("/auth/sign-in")
    form = browser.form("/auth/sign-in")
    answer = browser.submit(form, email=ADA, password=PASSWORD, next=BAD_TARGETS[0])
    assert (answer.status, answer.headers["location"]) == (303, "/auth/account")
    # Neither is whoever is signed in already, nor does a page let its form lead there.
    other = Browser(club)
    for target in BAD_TARGETS:
        asked = f"/auth/sign-in?next={quote(target, safe='')}"
        assert browser.get(asked).headers["location"] == "/auth/account"
        assert "form-action 'self';" in other.get(asked).headers["content-security-policy"]
        assert "next" not in other.page().inputs


@pytest.mark.parametrize("target", ["/board?page=2#top", "https://shop.example/cart", f"{HOME}/board"])
def test_everybody_is_sent_where_they_may_go(club: Club, browser: Browser, target: str) -> None:
    club.member()
    browser.get(f"/auth/sign-in?next={quote(target, safe='')}")
    answer = browser.fill("/auth/sign-in", email=ADA, password=PASSWORD)
    assert (answer.status, answer.headers["location"]) == (303, target)


def test_what_an_address_says_of_an_error_is_not_shown(browser: Browser) -> None:
    answer = browser.get("/auth/arrive?error=x&error_description=Call+this+number")
    assert answer.status == 400 and b"Call this" not in answer.body
