"""Logging in at a provider, through the front door: the way there and back, and whose account it leads to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from contextvars import Context
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import httpx
import pytest
import sqlalchemy as sa
from supabase_auth import AsyncGoTrueClient

from backstay import OIDC, Provider
from backstay.auth.steps import entry
from backstay.schema.providers.provider import Facts
from behaviour.door import Answer, call
from fixtures.club import PUBLISHABLE
from issuer import CLIENT, SECRET, Issuer, sign
from issuer import Answer as Status
from signing_in import PASSWORD, Club, Person, fragment, query

VERIFIER = "v" * 43
CHALLENGE = {"code_challenge": VERIFIER, "code_challenge_method": "plain"}


class Posting(Provider):
    """A provider that has its answers posted by the browser, as Apple does."""

    def __init__(self, like: Provider) -> None:
        self.like = like

    @property
    def facts(self) -> Facts:
        """Those of the other, but for that."""
        return replace(self.like.facts, form_post=True)


@pytest.fixture(scope="module")
def module_issuer() -> Iterator[Issuer]:
    with Issuer() as started:
        yield started


@pytest.fixture(scope="module")
def other() -> Iterator[Issuer]:
    with Issuer() as started:
        yield started


@pytest.fixture(scope="module")
def module_club(module_database_url: str, module_issuer: Issuer, other: Issuer) -> Iterator[Club]:
    providers = [
        OIDC("keycloak", module_issuer.url, CLIENT, SECRET),
        OIDC("workos", other.url, CLIENT, SECRET),
        Posting(OIDC("posting", module_issuer.url, CLIENT, SECRET)),
        OIDC("gone", "http://localhost:1", CLIENT, SECRET),
    ]
    with Club(module_database_url, auth={"providers": providers}, manual_linking=True) as opened:
        yield opened


@pytest.fixture
def issuer(module_issuer: Issuer) -> Iterator[Issuer]:
    kept = dict(vars(module_issuer))
    module_issuer.profile = dict(module_issuer.profile)
    yield module_issuer
    vars(module_issuer).update(kept)


@pytest.fixture
def club(module_club: Club) -> Club:
    module_club.restore()
    return module_club


class Browser:
    """A browser with its cookies, which does what it is told by redirects."""

    def __init__(self, club: Club) -> None:
        self.club = club
        self.cookies: dict[str, str] = {}

    def leave(self, provider: str = "keycloak", **words: str) -> str:
        """Go to a provider: its address."""
        answer = self.go("GET", f"/authorize?{urlencode({'provider': provider, **words})}")
        assert answer.status == 302, answer.body
        return answer.headers["location"]

    def come_back(self, text: str) -> Answer:
        """Come back from it with an answer."""
        return self.go("GET", f"/callback?{text}")

    def go(self, method: str, path: str) -> Answer:
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        answer = self.club.ask(method, path, key=None, **({"cookie": cookies} if cookies else {}))
        if "set-cookie" in answer.headers:
            name, _, value = answer.headers["set-cookie"].partition(";")[0].partition("=")
            self.cookies[name] = value
        return answer

    def log_in(self, issuer: Issuer, provider: str = "keycloak", **words: str) -> Answer:
        """The whole way there and back."""
        return self.come_back(issuer.log_in(self.leave(provider, **words)))


def enter(club: Club, issuer: Issuer, provider: str = "keycloak") -> Person:
    """Somebody who logged in at a provider."""
    found = fragment(Browser(club).log_in(issuer, provider))
    assert "access_token" in found, found
    user = club.ask("GET", "/user", token=found["access_token"])
    assert user.status == 200, user.body
    return Person({**found, "user": user.json})


def count(club: Club, table: sa.Table) -> int:
    return int(club.rows(sa.select(sa.func.count()).select_from(table))[0][0])


# The way there ----------------------------------------------------------------------------------------------------


@pytest.mark.asvs("10.1.2", "10.2.1")
def test_a_browser_is_sent_to_the_provider_with_a_mark(club: Club, issuer: Issuer) -> None:
    answer = club.ask("GET", "/authorize?provider=keycloak&scopes=calendar%20mail&prompt=consent&state=mine", key=None)
    assert answer.status == 302
    asked = {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["location"]).query).items()}
    assert answer.headers["location"].startswith(f"{issuer.url}/authorize?")
    assert asked["redirect_uri"] == "https://club.example/auth/v1/callback"
    assert (asked["scope"], asked["prompt"]) == ("openid email profile calendar mail", "consent")
    assert asked["state"] != "mine"
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-backstay-login-")
    assert {"Path=/", "HttpOnly", "Secure", "SameSite=Lax", "Max-Age=600"} <= set(cookie.split("; "))
    assert answer.headers["cache-control"] == "no-store"
    (row,) = club.rows(sa.select(club.tables.flows))
    assert not [
        value for value in row if isinstance(value, str) and (value in answer.headers["location"]) and len(value) > 20
    ]


def test_the_address_is_told_where_no_redirect_is_wanted(club: Club, issuer: Issuer) -> None:
    answer = club.ask("GET", "/authorize?provider=keycloak&skip_http_redirect=true")
    assert answer.json["url"].startswith(f"{issuer.url}/authorize?")
    assert "set-cookie" not in answer.headers
    assert "access_token" in fragment(club.ask("GET", f"/callback?{issuer.log_in(answer.json['url'])}", key=None))


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ("provider=unknown", "validation_failed"),
        ("", "validation_failed"),
        ("provider=keycloak&code_challenge=short&code_challenge_method=s256", "validation_failed"),
        (f"provider=keycloak&code_challenge={VERIFIER}", "validation_failed"),
    ],
)
def test_a_wrong_request_is_refused(asked: str, code: str, club: Club) -> None:
    answer = club.ask("GET", f"/authorize?{asked}", key=None)
    assert (answer.status, answer.json["error_code"]) == (400, code)


def test_the_settings_tell_the_providers(club: Club) -> None:
    external = club.ask("GET", "/settings").json["external"]
    assert (external["keycloak"], external["google"]) == (True, False)


# The way back -----------------------------------------------------------------------------------------------------


def test_a_new_user_signs_up_by_logging_in(club: Club, issuer: Issuer) -> None:
    answer = Browser(club).log_in(issuer)
    assert answer.status == 302
    assert answer.headers["location"].startswith("https://www.club.example/start#")
    found = fragment(answer)
    assert {"access_token", "refresh_token", "expires_in", "expires_at", "sb", "token_type"} <= set(found)
    assert (found["provider_token"], found["provider_refresh_token"]) == ("theirs", "theirs-too")
    user = club.ask("GET", "/user", token=found["access_token"]).json
    assert (user["email"], user["app_metadata"]["provider"]) == ("ada@example.com", "keycloak")
    assert user["user_metadata"]["full_name"] == "Ada Lovelace"
    assert user["email_confirmed_at"]
    (identity,) = user["identities"]
    assert (identity["provider"], identity["id"], identity["email"]) == ("keycloak", "ada", "ada@example.com")
    assert identity["identity_data"]["iss"] == issuer.url


def test_the_same_identity_is_the_same_user(club: Club, issuer: Issuer) -> None:
    first = enter(club, issuer)
    # Whatever address it has by now.
    issuer.profile = {"email": "new@example.com", "email_verified": True}
    again = enter(club, issuer)
    assert (first.id, again.session["user"]["email"]) == (again.id, "ada@example.com")


@pytest.mark.asvs("6.8.1")
def test_the_same_subject_of_another_issuer_is_somebody_else(club: Club, issuer: Issuer, other: Issuer) -> None:
    issuer.profile = {}
    first = enter(club, issuer)
    assert first.session["user"]["email"] == ""
    assert enter(club, other, "workos").id != first.id


def test_a_client_of_pkce_gets_a_code(club: Club, issuer: Issuer) -> None:
    to = "https://www.club.example/welcome?a=1&sb_flow_id=x"
    answer = Browser(club).log_in(issuer, redirect_to=to, **CHALLENGE)
    found = query(answer)
    assert (found["a"], found["sb_flow_id"]) == ("1", "x")
    body = {"auth_code": found["code"], "code_verifier": VERIFIER}
    session = club.ask("POST", "/token?grant_type=pkce", body)
    assert session.status == 200, session.body
    assert (session.json["provider_token"], session.json["provider_refresh_token"]) == ("theirs", "theirs-too")
    assert session.json["user"]["email"] == "ada@example.com"
    assert club.ask("POST", "/token?grant_type=pkce", body).json["error_code"] == "flow_state_not_found"


@pytest.mark.asvs("3.7.2")
@pytest.mark.parametrize(
    "to", ["https://evil.example.com/", "javascript:alert(1)", "https://www.club.example@evil.example.com"]
)
def test_a_browser_is_sent_nowhere_else(to: str, club: Club, issuer: Issuer) -> None:
    answer = Browser(club).log_in(issuer, redirect_to=to)
    assert answer.headers["location"].startswith("https://www.club.example/start#")


def test_an_answer_that_a_browser_posts_is_taken(club: Club, issuer: Issuer) -> None:
    left = club.ask("GET", "/authorize?provider=posting", key=None)
    cookie = left.headers["set-cookie"]
    # The form comes from another site, so the cookie has to come along from there.
    assert "SameSite=None" in cookie.split("; ")
    form = {"content-type": "application/x-www-form-urlencoded", "cookie": cookie.partition(";")[0]}
    answer = club.run(posted(club, issuer.log_in(left.headers["location"]), form))
    assert "access_token" in fragment(answer)
    refused = club.run(posted(club, "state=a&code=b", {"content-type": "text/plain"}))
    assert error(refused) == ("access_denied", "bad_oauth_callback")


async def posted(club: Club, text: str, headers: dict[str, str]) -> Answer:
    content = text.encode()
    sent = {"host": "club.example", "content-length": str(len(content)), **headers}
    lines = [(name.encode(), value.encode()) for name, value in sent.items()]
    return await call(club.app, "POST", b"/auth/v1/callback", b"", lines, content)


# Answers that are not taken -----------------------------------------------------------------------------------


def error(answer: Answer) -> tuple[str, str]:
    assert answer.status == 302
    found = fragment(answer)
    return found["error"], found["error_code"]


@pytest.mark.asvs("10.2.1")
def test_an_answer_is_taken_once(club: Club, issuer: Issuer) -> None:
    browser = Browser(club)
    text = issuer.log_in(browser.leave())
    assert "access_token" in fragment(browser.come_back(text))
    assert error(browser.come_back(text)) == ("access_denied", "bad_oauth_state")


def test_first_logins_at_the_same_moment_are_one_user(club: Club, issuer: Issuer) -> None:
    waiting: list[Awaitable[Answer]] = []
    for _ in range(10):
        browser = Browser(club)
        text = issuer.log_in(browser.leave())
        ((name, value),) = browser.cookies.items()
        waiting.append(club.asking("GET", f"/callback?{text}", key=None, cookie=f"{name}={value}"))
    answers = club.together(*waiting)
    assert all("access_token" in fragment(each) for each in answers)
    assert count(club, club.tables.users) == 1


@pytest.mark.asvs("10.2.1")
def test_another_browser_cannot_bring_the_answer(club: Club, issuer: Issuer) -> None:
    # Or whoever lures one to it has its user signed in as somebody else.
    text = issuer.log_in(Browser(club).leave())
    assert error(Browser(club).come_back(text)) == ("access_denied", "bad_oauth_state")
    stranger = Browser(club)
    stranger.leave()
    assert error(stranger.come_back(issuer.log_in(Browser(club).leave()))) == ("access_denied", "bad_oauth_state")
    assert count(club, club.tables.sessions) == 0


@pytest.mark.parametrize("text", ["", "code=a", "state=b.unknown&code=a", "state=a&state=b&code=c", "state=u.x&code=a"])
def test_an_answer_to_nothing_goes_to_the_site(text: str, club: Club) -> None:
    answer = Browser(club).come_back(text)
    assert answer.headers["location"].startswith("https://www.club.example/start#")
    assert error(answer)[1] in ("bad_oauth_state", "bad_oauth_callback")


@pytest.mark.asvs("10.2.2")
def test_a_state_is_bound_to_its_provider(club: Club, issuer: Issuer, other: Issuer) -> None:
    # The browser left for the one, and is sent back by the other.
    browser = Browser(club)
    state = parse_qs(urlsplit(browser.leave("workos")).query)["state"][0]
    honest = parse_qs(issuer.log_in(Browser(club).leave()))["code"][0]
    heard = len(issuer.forms)
    assert error(browser.come_back(f"code={honest}&state={state}")) == ("access_denied", "bad_oauth_callback")
    assert len(issuer.forms) == heard
    state = parse_qs(urlsplit(browser.leave("workos")).query)["state"][0]
    heard = len(other.forms)
    answer = browser.come_back(f"code={honest}&state={state}&iss={quote(issuer.url)}")
    assert error(answer) == ("access_denied", "bad_oauth_callback")
    assert len(other.forms) == heard


FORGED: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "another issuer with the right address": lambda claims: {**claims, "iss": "https://evil.example.com"},
    "another application": lambda claims: {**claims, "aud": "another"},
    "no nonce": lambda claims: {name: value for name, value in claims.items() if name != "nonce"},
    "expired": lambda claims: {**claims, "exp": 1_700_000_000},
}


@pytest.mark.asvs("6.8.2", "10.5.1", "10.5.2", "10.5.3", "10.5.4")
@pytest.mark.parametrize("change", FORGED.values(), ids=FORGED.keys())
def test_a_forged_token_signs_nobody_in(
    change: Callable[[dict[str, Any]], dict[str, Any]], club: Club, issuer: Issuer
) -> None:
    club.member("ada@example.com")
    sessions = count(club, club.tables.sessions)
    issuer.change = change
    assert error(Browser(club).log_in(issuer)) == ("access_denied", "bad_oauth_callback")
    assert count(club, club.tables.sessions) == sessions
    (noted,) = club.rows(sa.select(club.tables.audit.c.detail).where(club.tables.audit.c.action == "login_refused"))
    assert noted[0]["provider"] == "keycloak"


@pytest.mark.asvs("16.5.2")
def test_nobody_is_signed_in_while_a_provider_does_not_answer(club: Club, issuer: Issuer) -> None:
    assert club.ask("GET", "/authorize?provider=gone", key=None).json["error_code"] == "unexpected_failure"
    issuer.instead = {"/token": Status(500)}
    assert error(Browser(club).log_in(issuer)) == ("server_error", "unexpected_failure")
    assert count(club, club.tables.users) == 0


def test_a_provider_that_declines_is_told_of(club: Club) -> None:
    browser = Browser(club)
    state = parse_qs(urlsplit(browser.leave(**CHALLENGE)).query)["state"][0]
    answer = browser.come_back(f"state={state}&error=access_denied&error_description=No%0Athanks")
    assert error(answer) == ("access_denied", "bad_oauth_callback")
    assert fragment(answer)["error_description"] == "Nothanks"
    assert query(answer)["error_code"] == "bad_oauth_callback"


def test_a_mark_is_taken_back(club: Club, issuer: Issuer) -> None:
    assert "Max-Age=0" in Browser(club).log_in(issuer).headers["set-cookie"].split("; ")


# Whose account it is ------------------------------------------------------------------------------------------


def test_a_proven_address_links_the_account(club: Club, issuer: Issuer) -> None:
    member = club.member("ada@example.com")
    entered = enter(club, issuer)
    assert entered.id == member.id
    assert [each["provider"] for each in entered.session["user"]["identities"]] == ["email", "keycloak"]
    # It was theirs before, and stays so.
    assert club.enter("ada@example.com").id == member.id
    assert club.ask("GET", "/user", token=member.token).status == 200


@pytest.mark.parametrize("told", [False, None, "no"])
def test_an_address_that_the_provider_did_not_verify_links_nothing(told: Any, club: Club, issuer: Issuer) -> None:
    club.member("ada@example.com")
    sessions = count(club, club.tables.sessions)
    issuer.profile = {"email": "ada@example.com", "email_verified": told}
    assert error(Browser(club).log_in(issuer)) == ("access_denied", "provider_email_needs_verification")
    assert (count(club, club.tables.users), count(club, club.tables.sessions)) == (1, sessions)


def test_an_account_made_by_somebody_else_is_taken_over(club: Club, issuer: Issuer) -> None:
    # An attacker signed up with the victim's address beforehand, and waits for the victim to log in.
    made = club.sign_up("ada@example.com", "the attacker's password", data={"name": "Eve"}).json
    club.settle()
    code = club.mail("ada@example.com").code
    entered = enter(club, issuer)
    assert entered.id == made["id"]
    assert entered.session["user"]["user_metadata"]["name"] == "Ada Lovelace"
    refused = club.ask(
        "POST", "/token?grant_type=password", {"email": "ada@example.com", "password": "the attacker's password"}
    )
    assert refused.json["error_code"] == "invalid_credentials"
    late = club.ask("POST", "/verify", {"type": "signup", "email": "ada@example.com", "token": code})
    assert late.json["error_code"] == "otp_expired"
    assert [each["provider"] for each in entered.session["user"]["identities"]] == ["keycloak"]


def test_a_taken_over_account_leaves_no_session_of_others(club: Club, issuer: Issuer) -> None:
    # Where sign-up takes no proof, the attacker is even signed in.
    club.sign_in.settings = replaced(club, confirm_email=False)
    try:
        attacker = Person(club.sign_up("ada@example.com", PASSWORD).json)
        entered = enter(club, issuer)
        assert entered.id == attacker.id
        assert club.ask("GET", "/user", token=attacker.token).status == 403
        refused = club.ask("POST", "/token?grant_type=refresh_token", {"refresh_token": attacker.refresh_token})
        assert refused.status == 400
        assert club.ask("GET", "/user", token=entered.token).status == 200
        # The second time it is theirs already, and nothing ends.
        assert enter(club, issuer).id == entered.id
        assert club.ask("GET", "/user", token=entered.token).status == 200
    finally:
        club.sign_in.settings = club.app.settings


def test_nobody_signs_in_to_an_account_while_it_is_taken_over(
    club: Club, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    signing_in: list[asyncio.Task[Answer]] = []

    async def leave(*words: Any, **named: Any) -> int:
        ended = await entry.leave(*words, **named)
        # The attacker's sessions are ended, and their password is not yet gone.
        body = {"email": "ada@example.com", "password": PASSWORD}
        asked = club.asking("POST", "/token?grant_type=password", body)
        # A request of its own, and none inside this one's session.
        signing_in.append(asyncio.get_running_loop().create_task(asked, context=Context()))
        await asyncio.wait(signing_in, timeout=1)
        return ended

    club.sign_in.settings = replaced(club, confirm_email=False)
    try:
        club.sign_up("ada@example.com", PASSWORD)
        monkeypatch.setattr("backstay.auth.flows.provider.owner.leave", leave)
        entered = enter(club, issuer)
        (answer,) = club.together(*signing_in)
    finally:
        club.sign_in.settings = club.app.settings
    assert answer.json["code"] == "invalid_credentials"
    left = sa.select(club.tables.sessions.c.id).where(club.tables.sessions.c.ended_at.is_(None))
    assert len(club.rows(left)) == 1 and entered.session["user"]["email"] == "ada@example.com"


def test_an_account_of_somebody_with_a_phone_only_loses_the_address(club: Club, issuer: Issuer) -> None:
    club.ask("POST", "/signup", {"phone": "+4915112345678", "password": PASSWORD})
    body = {"type": "sms", "phone": "+4915112345678", "token": club.text("+4915112345678")}
    owner = Person(club.ask("POST", "/verify", body).json)
    users = club.tables.users
    club.execute(sa.update(users).values(email="ada@example.com"))
    entered = enter(club, issuer)
    assert entered.id != owner.id
    kept = club.ask("GET", "/user", token=owner.token)
    assert (kept.status, kept.json["email"]) == (200, "")


def test_an_unverified_address_has_to_be_proven_first(club: Club, issuer: Issuer) -> None:
    issuer.profile = {"email": "ada@example.com"}
    assert error(Browser(club).log_in(issuer)) == ("access_denied", "provider_email_needs_verification")
    assert count(club, club.tables.sessions) == 0
    # A second try sends no second mail at once.
    assert error(Browser(club).log_in(issuer)) == ("access_denied", "provider_email_needs_verification")
    club.settle()
    assert len(club.post.mails) == 1
    body = {"type": "email_change", "email": "ada@example.com", "token": club.mail("ada@example.com").code}
    proven = Person(club.ask("POST", "/verify", body).json)
    entered = enter(club, issuer)
    assert (entered.id, entered.session["user"]["email"]) == (proven.id, "ada@example.com")


def test_an_unverified_address_is_nobodys_until_it_is_proven(club: Club, issuer: Issuer) -> None:
    # An attacker's provider lets them claim any address, and they wait for its owner to sign up.
    issuer.subject, issuer.profile = "eve", {"email": "ada@example.com"}
    assert error(Browser(club).log_in(issuer)) == ("access_denied", "provider_email_needs_verification")
    owner = club.member("ada@example.com")
    assert error(Browser(club).log_in(issuer)) == ("access_denied", "provider_email_needs_verification")
    held = club.ask("GET", "/user", token=owner.token).json["identities"]
    assert [each["provider"] for each in held] == ["email"]
    club.post.mails.clear()
    club.ask("POST", "/otp", {"email": "ada@example.com"})
    body = {"type": "email", "email": "ada@example.com", "token": club.mail("ada@example.com").code}
    assert club.ask("POST", "/verify", body).json["user"]["id"] == owner.id


def test_a_provider_may_verify_an_address_later(club: Club, issuer: Issuer) -> None:
    issuer.profile = {"email": "ada@example.com"}
    assert error(Browser(club).log_in(issuer)) == ("access_denied", "provider_email_needs_verification")
    issuer.profile = {"email": "ada@example.com", "email_verified": True}
    assert enter(club, issuer).session["user"]["email"] == "ada@example.com"


def test_a_user_may_enter_before_the_address_is_proven_where_no_proof_is_asked(club: Club, issuer: Issuer) -> None:
    issuer.profile = {"email": "ada@example.com"}
    club.sign_in.settings = replaced(club, confirm_email=False)
    try:
        user = enter(club, issuer).session["user"]
        assert (user["email"], user["new_email"]) == ("", "ada@example.com")
    finally:
        club.sign_in.settings = club.app.settings


def test_a_banned_user_does_not_enter_by_a_provider(club: Club, issuer: Issuer) -> None:
    enter(club, issuer)
    credentials = club.tables.credentials
    club.execute(sa.update(credentials).values(banned_until=datetime(2999, 1, 1, tzinfo=UTC)))
    assert error(Browser(club).log_in(issuer)) == ("access_denied", "user_banned")


# Identities that users link -----------------------------------------------------------------------------------


def start_linking(club: Club, person: Person, provider: str = "keycloak", **words: str) -> str:
    asked = urlencode({"provider": provider, "skip_http_redirect": "true", **CHALLENGE, **words})
    answer = club.ask("GET", f"/user/identities/authorize?{asked}", token=person.token)
    assert answer.status == 200, answer.body
    return str(answer.json["url"])


def finish_linking(club: Club, answer: Answer) -> Answer:
    """What the client is answered that redeems the code which a browser came back with."""
    body = {"auth_code": query(answer)["code"], "code_verifier": VERIFIER}
    return club.ask("POST", "/token?grant_type=pkce", body)


def test_a_user_links_an_identity(club: Club, issuer: Issuer) -> None:
    member = club.member("grace@example.com")
    text = issuer.log_in(start_linking(club, member))
    user = finish_linking(club, club.ask("GET", f"/callback?{text}", key=None)).json["user"]
    assert (user["id"], user["email"]) == (member.id, "grace@example.com")
    assert [each["provider"] for each in user["identities"]] == ["email", "keycloak"]
    assert club.mail("grace@example.com", "identity_linked")
    assert enter(club, issuer).id == member.id


def test_with_pkce_an_identity_is_linked_when_its_client_came_back(club: Club, issuer: Issuer) -> None:
    # An attacker has a victim's browser answer for a login that the attacker began: the code is of no use to it.
    member = club.member("grace@example.com")
    text = issuer.log_in(start_linking(club, member))
    returned = club.ask("GET", f"/callback?{text}", key=None)
    assert count(club, club.tables.identities) == 1
    answer = finish_linking(club, returned)
    assert [each["provider"] for each in answer.json["user"]["identities"]] == ["email", "keycloak"]


def test_an_identity_is_linked_to_one_user(club: Club, issuer: Issuer) -> None:
    enter(club, issuer)
    member = club.member("grace@example.com")
    text = issuer.log_in(start_linking(club, member))
    answer = club.ask("GET", f"/callback?{text}", key=None)
    assert error(answer) == ("access_denied", "identity_already_exists")


def test_an_anonymous_user_becomes_somebody(club: Club, issuer: Issuer) -> None:
    nobody = Person(club.ask("POST", "/signup", {}).json)
    text = issuer.log_in(start_linking(club, nobody))
    user = finish_linking(club, club.ask("GET", f"/callback?{text}", key=None)).json["user"]
    assert (user["id"], user["is_anonymous"], user["email"]) == (nobody.id, False, "ada@example.com")


def test_linking_takes_a_user(club: Club) -> None:
    assert club.ask("GET", "/user/identities/authorize?provider=keycloak").status == 401


def test_linking_can_be_disabled(club: Club) -> None:
    member = club.member("grace@example.com")
    club.sign_in.settings = replaced(club, manual_linking=False)
    try:
        answer = club.ask("GET", "/user/identities/authorize?provider=keycloak", token=member.token)
        assert (answer.status, answer.json["error_code"]) == (404, "manual_linking_disabled")
    finally:
        club.sign_in.settings = club.app.settings


def replaced(club: Club, **changed: Any) -> Any:
    return replace(club.app.settings, **changed)


def identity_of(club: Club, person: Person, provider: str) -> str:
    held = club.ask("GET", "/user", token=person.token).json["identities"]
    return next(str(each["identity_id"]) for each in held if each["provider"] == provider)


def test_a_user_unlinks_an_identity(club: Club, issuer: Issuer) -> None:
    member = club.member("ada@example.com")
    enter(club, issuer)
    gone = identity_of(club, member, "keycloak")
    answer = club.ask("DELETE", f"/user/identities/{gone}", token=member.token)
    assert (answer.status, answer.json) == (200, {})
    again = club.ask("DELETE", f"/user/identities/{gone}", token=member.token)
    assert (again.status, again.json["error_code"]) == (422, "identity_not_found")
    last = identity_of(club, member, "email")
    kept = club.ask("DELETE", f"/user/identities/{last}", token=member.token)
    assert (kept.status, kept.json["error_code"]) == (422, "single_identity_not_deletable")


def test_of_the_last_two_identities_one_stays_whoever_unlinks_both_at_once(club: Club, issuer: Issuer) -> None:
    member = club.member("ada@example.com")
    enter(club, issuer)
    both = [identity_of(club, member, provider) for provider in ("email", "keycloak")]
    asked = [club.asking("DELETE", f"/user/identities/{each}", token=member.token) for each in both]
    answers = club.together(*asked)
    assert sorted(each.status for each in answers) == [200, 422]
    assert len(club.ask("GET", "/user", token=member.token).json["identities"]) == 1


def test_unlinking_the_address_ends_its_password(club: Club, issuer: Issuer) -> None:
    member = club.member("ada@example.com")
    entered = enter(club, issuer)
    answer = club.ask("DELETE", f"/user/identities/{identity_of(club, member, 'email')}", token=entered.token)
    assert answer.status == 200
    body = {"email": "ada@example.com", "password": PASSWORD}
    assert club.ask("POST", "/token?grant_type=password", body).status == 400
    assert enter(club, issuer).id == member.id


def test_another_users_identity_is_not_unlinked(club: Club, issuer: Issuer) -> None:
    theirs = enter(club, issuer)
    member = club.member("grace@example.com")
    answer = club.ask("DELETE", f"/user/identities/{identity_of(club, theirs, 'keycloak')}", token=member.token)
    assert answer.json["error_code"] == "identity_not_found"
    assert club.ask("DELETE", "/user/identities/none", token=member.token).status == 400


# ID tokens alone ----------------------------------------------------------------------------------------------


def by_token(club: Club, token: str, person: Person | None = None, **more: Any) -> Answer:
    body = {"provider": "keycloak", "id_token": token, "access_token": None, "nonce": None, **more}
    return club.ask("POST", "/token?grant_type=id_token", body, token=None if person is None else person.token)


def test_an_id_token_signs_in(club: Club, issuer: Issuer) -> None:
    answer = by_token(club, sign(issuer.claims({})))
    assert answer.status == 200, answer.body
    assert answer.json["user"]["email"] == "ada@example.com"
    assert enter(club, issuer).id == answer.json["user"]["id"]
    named = {"provider": None, "issuer": issuer.url, "client_id": CLIENT}
    assert by_token(club, sign(issuer.claims({})), **named).status == 200


@pytest.mark.parametrize(
    ("changed", "more"),
    [
        ({"iss": "https://evil.example.com"}, {}),
        ({"aud": "another"}, {}),
        ({"exp": 1_700_000_000}, {}),
        ({"nonce": "a"}, {}),
        ({}, {"nonce": "a"}),
    ],
)
def test_a_wrong_id_token_signs_nobody_in(
    changed: dict[str, Any], more: dict[str, str], club: Club, issuer: Issuer
) -> None:
    answer = by_token(club, sign({**issuer.claims({}), **changed}), **more)
    assert (answer.status, answer.json["message"]) == (400, "Bad ID token")
    assert count(club, club.tables.users) == 0


def test_an_id_token_is_linked_to_the_user_who_sends_it(club: Club, issuer: Issuer) -> None:
    member = club.member("grace@example.com")
    answer = by_token(club, sign(issuer.claims({})), member, link_identity=True)
    assert (answer.status, answer.json["user"]["id"]) == (200, member.id)
    assert by_token(club, sign(issuer.claims({})), link_identity=True).status == 401
    again = by_token(club, sign(issuer.claims({})), member, link_identity=True)
    assert again.json["error_code"] == "identity_already_exists"


@pytest.mark.parametrize(
    "body",
    [
        {"provider": "keycloak"},
        {"id_token": "a.b.c"},
        {"provider": "unknown", "id_token": "a.b.c"},
        {"issuer": "https://evil.example.com", "client_id": CLIENT, "id_token": "a.b.c"},
        {"provider": "keycloak", "id_token": "a.b.c"},
        {"provider": "keycloak", "id_token": 5},
    ],
)
def test_a_request_without_what_it_needs_is_refused(body: dict[str, Any], club: Club) -> None:
    assert club.ask("POST", "/token?grant_type=id_token", body).status == 400


# What is kept -------------------------------------------------------------------------------------------------


@pytest.mark.invariant("I24")
def test_the_database_tells_no_secret_of_a_login(club: Club, issuer: Issuer) -> None:
    browser = Browser(club)
    text = issuer.log_in(browser.leave(**CHALLENGE))
    code = query(browser.come_back(text))["code"]
    kept = repr([club.rows(sa.select(table)) for table in club.app.schema.metadata.tables.values()])
    asked = issuer.logins[parse_qs(text)["code"][0]].asked
    for secret in (
        "theirs",
        code,
        asked["state"],
        asked["nonce"],
        parse_qs(text)["code"][0],
        *browser.cookies.values(),
    ):
        assert not secret or secret not in kept


def test_a_login_that_nobody_finished_is_forgotten_after_a_day(club: Club) -> None:
    flows = club.tables.flows
    for _ in range(3):
        Browser(club).leave()
    club.settle()
    kept, *old = (row[0] for row in club.rows(sa.select(flows.c.id)))
    ended = datetime.now(UTC) - timedelta(days=2)
    club.execute(sa.update(flows).where(flows.c.id.in_(old)).values(expires_at=ended))

    async def tidy() -> None:
        club.sign_in.tidy(datetime.now(UTC) + timedelta(hours=2))

    club.run(tidy())
    club.settle()
    assert [row[0] for row in club.rows(sa.select(flows.c.id))] == [kept]


# Clients ------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def client(club: Club) -> AsyncIterator[AsyncGoTrueClient]:
    """Supabase's client in Python, in the flow of PKCE."""
    http = httpx.AsyncClient(transport=httpx.ASGITransport(club.app))
    headers = {"apiKey": PUBLISHABLE, "Authorization": f"Bearer {PUBLISHABLE}"}
    url = "https://club.example/auth/v1"
    async with AsyncGoTrueClient(url=url, headers=headers, http_client=http, flow_type="pkce") as opened:
        yield opened


async def go(club: Club, issuer: Issuer, url: str) -> str:
    """A browser's way from the address that a client gives to the one that it comes back to."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(club.app)) as browser:
        if url.startswith("https://club.example/"):
            url = (await browser.get(url)).headers["location"]
        answer = await browser.get(f"https://club.example/auth/v1/callback?{issuer.log_in(url)}")
    return parse_qs(urlsplit(answer.headers["location"]).query).get("code", [""])[0]


def test_supabases_client_logs_in_and_links(club: Club, issuer: Issuer, other: Issuer) -> None:
    other.subject = "ada at another place"

    async def session() -> None:
        async with client(club) as auth:
            left = await auth.sign_in_with_oauth({"provider": "keycloak", "options": {"scopes": "mail"}})
            code = await go(club, issuer, left.url)
            found = await auth.exchange_code_for_session({"auth_code": code, "code_verifier": "", "redirect_to": ""})
            assert found.user is not None and found.session is not None
            assert (found.user.email, found.session.provider_token) == ("ada@example.com", "theirs")
            code = await go(club, other, (await auth.link_identity({"provider": "workos"})).url)
            await auth.exchange_code_for_session({"auth_code": code, "code_verifier": "", "redirect_to": ""})
            held = await auth.get_user_identities()
            assert [each.provider for each in held.identities] == ["keycloak", "workos"]
            await auth.unlink_identity(held.identities[1])
            assert [each.provider for each in (await auth.get_user_identities()).identities] == ["keycloak"]
            again = await auth.sign_in_with_id_token({"provider": "keycloak", "token": sign(issuer.claims({}))})
            assert again.user is not None and again.user.id == found.user.id

    club.run(session())
