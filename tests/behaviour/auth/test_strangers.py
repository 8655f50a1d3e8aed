"""Ways by which a stranger came, or stayed, where they have no business: each was tried, and worked once."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import pytest
import sqlalchemy as sa

from backstay import OIDC, Backstay
from backstay.auth.password.hashes import make_hash
from fixtures.club import SECRET_KEY, Post, build
from granting import CALLBACK, Client, Granting, error_of
from issuer import CLIENT, SECRET, Issuer, sign
from signing_in import PASSWORD, Clock, Club, Person, fragment, path_of, query

PHONE = "+491701234567"


def nested(depth: int) -> Any:
    """A list in a list, and so on."""
    return [] if not depth else [nested(depth - 1)]


PKCE = {"code_challenge": "v" * 43, "code_challenge_method": "plain"}


def test_a_program_links_no_identity_to_the_user_it_acts_for(database_url: str) -> None:
    with Issuer() as issuer:
        words = {"providers": [OIDC("keycloak", issuer.url, CLIENT, SECRET)], "manual_linking": True}
        with Granting(database_url, **words) as granting:
            ada = granting.sign_up("ada@agency.example")
            program = granting.tokens(granting.public_client(), ada)["access_token"]
            body = {"provider": "keycloak", "id_token": sign(issuer.claims({})), "link_identity": True}
            answer = granting.ask("POST", "/auth/v1/token?grant_type=id_token", body, key=program)
            assert (answer.status, answer.json["error_code"]) == (403, "api_key_not_allowed")
            user = granting.ask("GET", "/auth/v1/user", key=ada).json
            assert [each["provider"] for each in user["identities"]] == ["email"]
            taken = granting.ask("POST", "/auth/v1/token?grant_type=id_token", body, key=ada)
            assert taken.status == 200, "the user themselves may"


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    with Issuer() as started:
        yield started


@pytest.fixture
def linking(database_url: str, issuer: Issuer) -> Iterator[Club]:
    """The club, whose members may link identities, and change their address by the new one's word alone."""
    providers = [OIDC("keycloak", issuer.url, CLIENT, SECRET)]
    words = {"manual_linking": True, "secure_email_change": False}
    with Club(database_url, auth={"providers": providers}, **words) as club:
        yield club


def begin_linking(club: Club, issuer: Issuer, thief: Person) -> str:
    """What the provider has the browser bring back of somebody who wants an identity linked to an account."""
    asked = urlencode({"provider": "keycloak", "skip_http_redirect": "true", **PKCE})
    answer = club.ask("GET", f"/user/identities/authorize?{asked}", token=thief.token)
    return issuer.log_in(str(answer.json["url"]))


def take_back(club: Club) -> Person:
    """The owner, who chose a new password."""
    club.ask("POST", "/recover", {"email": "ada@example.com"})
    came = fragment(club.ask("GET", path_of(club.mail("ada@example.com", "recovery").link)))
    changed = club.ask("PUT", "/user", {"password": "an entirely new one"}, token=came["access_token"])
    assert changed.status == 200, changed.body
    return Person({**came, "user": changed.json})


@pytest.mark.asvs("7.4.3")
def test_nothing_that_a_thief_began_outlives_a_new_password(linking: Club, issuer: Issuer) -> None:
    club, thief = linking, linking.member()
    for change in ({"phone": PHONE}, {"email": "thief@example.com"}):
        assert club.ask("PUT", "/user", change, token=thief.token).status == 200
    link = begin_linking(club, issuer, thief)
    linked = query(club.ask("GET", f"/callback?{begin_linking(club, issuer, thief)}", key=None))["code"]
    club.ask("POST", "/otp", {"email": "ada@example.com", **PKCE})
    code = query(club.ask("GET", path_of(club.mail("ada@example.com", "magic_link").link)))["code"]
    text, mail = club.text(PHONE), club.mail("thief@example.com")
    owner = take_back(club)
    shown = {"type": "phone_change", "phone": PHONE, "token": text}
    assert club.ask("POST", "/verify", shown).json["error_code"] == "otp_expired"
    assert fragment(club.ask("GET", path_of(mail.link)))["error_code"] == "otp_expired"
    assert fragment(club.ask("GET", f"/callback?{link}", key=None))["error_code"] == "bad_oauth_state"
    for each in (linked, code):
        late = club.ask("POST", "/token?grant_type=pkce", {"auth_code": each, "code_verifier": "v" * 43})
        assert late.json["error_code"] == "flow_state_not_found"
    user = club.ask("GET", "/user", token=owner.token).json
    assert (user["email"], user["phone"], "new_email" in user) == ("ada@example.com", "", False)


@pytest.mark.asvs("7.4.3")
@pytest.mark.parametrize("way", ["global", "others", "all", "one", "admin"])
def test_no_identity_is_linked_by_a_session_that_was_ended(linking: Club, issuer: Issuer, way: str) -> None:
    club, thief = linking, linking.member()
    owner, text = club.enter(), begin_linking(club, issuer, thief)
    match way:
        case "all":
            ended = club.ask("DELETE", "/sessions", token=owner.token)
        case "one":
            listed = club.ask("GET", "/sessions", token=owner.token).json
            theirs = next(each["id"] for each in listed if not each["current"])
            ended = club.ask("DELETE", f"/sessions/{theirs}", token=owner.token)
        case "admin":
            ended = club.ask("PUT", f"/admin/users/{owner.id}", {"password": "an entirely new one"}, key=SECRET_KEY)
        case _:
            ended = club.ask("POST", f"/logout?scope={way}", token=owner.token)
    assert ended.status < 300, ended.body
    assert fragment(club.ask("GET", f"/callback?{text}", key=None))["error_code"] == "bad_oauth_state"
    assert len(club.rows(sa.select(club.tables.identities))) == 1


@pytest.mark.parametrize("way", ["phone", "mail", "mail, PKCE", "identity", "identity, PKCE", "ID token"])
def test_the_proof_of_what_a_thief_has_chosen_is_no_sign_in(linking: Club, issuer: Issuer, way: str) -> None:
    club, thief = linking, linking.member()
    came, pkce = None, PKCE if way.endswith("PKCE") else {}
    match way.partition(",")[0]:
        case "phone":
            club.ask("PUT", "/user", {"phone": PHONE}, token=thief.token)
            shown = {"type": "phone_change", "phone": PHONE, "token": club.text(PHONE)}
            assert club.ask("POST", "/verify", shown).status == 200
        case "mail":
            club.ask("PUT", "/user", {"email": "thief@example.com", **pkce}, token=thief.token)
            came = club.ask("GET", path_of(club.mail("thief@example.com").link))
        case "identity" if pkce:
            came = club.ask("GET", f"/callback?{begin_linking(club, issuer, thief)}", key=None)
        case "identity":
            left = club.ask("GET", "/user/identities/authorize?provider=keycloak", token=thief.token)
            mark = left.headers["set-cookie"].partition(";")[0]
            text = issuer.log_in(left.headers["location"])
            club.ask("GET", f"/callback?{text}", key=None, cookie=mark)
        case "ID token":
            body = {"provider": "keycloak", "id_token": sign(issuer.claims({})), "link_identity": True}
            assert club.ask("POST", "/token?grant_type=id_token", body, token=thief.token).status == 200
    if pkce:
        assert came is not None
        body = {"auth_code": query(came)["code"], "code_verifier": "v" * 43}
        assert club.ask("POST", "/token?grant_type=pkce", body).status == 200
    sessions = club.tables.sessions
    found = sa.select(sessions.c.signed_in).order_by(sessions.c.created_at)
    assert [row[0] for row in club.rows(found)] == [True, False]


@pytest.mark.asvs("3.7.2")
@pytest.mark.parametrize(
    "asked", ["https://3232235777\u4e2d.club.example/", "https://www.club.example/\u4e2d?a=\u00fc"]
)
def test_no_letter_of_an_address_ends_its_host(database_url: str, asked: str) -> None:
    # As `https://3232235777?.club.example/` a browser took it for 192.168.1.1, and left the tokens there.
    with Club(database_url, redirect_urls=("https://*.club.example/**",)) as club:
        answer = club.ask("GET", f"/verify?token=none&type=signup&redirect_to={quote(asked, safe='')}", key=None)
        sent = answer.headers["location"].partition("#")[0]
        assert sent == quote(asked, safe=":/?=")
        assert (urlsplit(sent).hostname or "").endswith(".club.example")


STRANGERS, OWNERS = "the stranger's own one", "the owner's own one"


def enters(club: Club, password: str, **address: str) -> bool:
    """Whether a password signs in."""
    return club.ask("POST", "/token?grant_type=password", {**address, "password": password}).status == 200


def type_code(club: Club) -> None:
    """Prove the phone by the code that came last."""
    shown = {"type": "sms", "phone": PHONE, "token": club.text(PHONE)}
    assert club.ask("POST", "/verify", shown).status == 200


def test_who_proves_a_phone_by_a_code_drops_the_password_that_a_stranger_chose(club: Club) -> None:
    club.ask("POST", "/signup", {"phone": PHONE, "password": STRANGERS})
    club.ask("POST", "/otp", {"phone": PHONE})
    club.settle()
    club.ask("POST", "/resend", {"type": "sms", "phone": PHONE})
    type_code(club)
    assert not enters(club, STRANGERS, phone=PHONE)


def test_a_code_that_is_texted_again_brings_the_password_of_the_only_sign_up(club: Club) -> None:
    club.ask("POST", "/signup", {"phone": PHONE, "password": OWNERS})
    club.settle()
    club.ask("POST", "/resend", {"type": "sms", "phone": PHONE})
    type_code(club)
    assert enters(club, OWNERS, phone=PHONE)
    club.ask("POST", "/otp", {"phone": PHONE})
    type_code(club)
    assert enters(club, OWNERS, phone=PHONE), "a proven phone keeps its password"


@pytest.mark.parametrize("passwords", [(STRANGERS, OWNERS), (OWNERS, STRANGERS)])
def test_a_code_that_is_sent_again_brings_neither_of_two_passwords(club: Club, passwords: tuple[str, str]) -> None:
    for each in passwords:
        club.sign_up(password=each)
        club.ask("POST", "/signup", {"phone": PHONE, "password": each})
        club.settle()
    club.ask("POST", "/resend", {"type": "signup", "email": "ada@example.com"})
    club.ask("POST", "/resend", {"type": "sms", "phone": PHONE})
    assert "access_token" in fragment(club.ask("GET", path_of(club.mail("ada@example.com").link)))
    type_code(club)
    for each in passwords:
        assert not enters(club, each, email="ada@example.com")
        assert not enters(club, each, phone=PHONE)


def test_a_link_that_is_sent_again_brings_the_password_of_the_only_sign_up(club: Club) -> None:
    club.sign_up(password=OWNERS)
    club.ask("POST", "/resend", {"type": "signup", "email": "ada@example.com"})
    assert "access_token" in fragment(club.ask("GET", path_of(club.mail("ada@example.com").link)))
    assert enters(club, OWNERS, email="ada@example.com")


def shape(found: Any) -> Any:
    """What a document shows but for its ids; each moment is told by whether it is the first one that is shown."""
    known: list[str] = []

    def look(value: Any) -> Any:
        if isinstance(value, dict):
            return [(name, look(each)) for name, each in value.items()]
        if isinstance(value, list):
            return [look(each) for each in value]
        if isinstance(value, str) and re.fullmatch(r"[0-9a-f]{8}-[0-9a-f-]{27}|[0-9T:.-]{26}Z", value):
            known.append(value)
            return (len(value), known.index(value))
        return value

    return look(found)


@pytest.mark.parametrize("asked", [{"email": "ada@example.com"}, {"phone": PHONE}])
def test_every_sign_up_with_an_address_is_answered_alike(club: Club, asked: dict[str, str]) -> None:
    said = {**asked, "password": OWNERS, "data": {"name": "Ada Lovelace"}}
    first = club.ask("POST", "/signup", said).json
    club.settle()
    second = club.ask("POST", "/signup", {**said, "data": {"name": "Nobody"}}).json
    assert "Lovelace" not in str(second) and first["id"] not in str(second)
    kind = "signup" if "email" in asked else "sms"
    code = club.mail("ada@example.com").code if "email" in asked else club.text(PHONE)
    assert club.ask("POST", "/verify", {**asked, "type": kind, "token": code}).json["user"]["id"] == first["id"]
    third = club.ask("POST", "/signup", said).json
    assert shape(first) == shape(third)
    assert shape({**first, "user_metadata": {"name": "Nobody"}}) == shape(second)


def test_what_a_stranger_says_of_somebody_keeps_nobody_out(club: Club) -> None:
    # Tokens tell it; one that was too long was refused wherever its user went.
    most = {"name": "\u4e2d" * 600, "about": "a" * 400}
    club.sign_up("ada@example.com", STRANGERS, data=most)
    club.ask("POST", "/otp", {"email": "ada@example.com"})
    entered = fragment(club.ask("GET", path_of(club.mail("ada@example.com", "magic_link").link)))
    assert club.ask("GET", "/user", token=entered["access_token"]).status == 200
    more = {"data": {"about": "a" * 500}}
    asked = [
        club.ask("POST", "/signup", {"email": "bob@example.com", "password": OWNERS, "data": {**most, **more["data"]}}),
        club.ask("POST", "/otp", {"email": "bob@example.com", "data": {**most, **more["data"]}}),
        club.ask("PUT", "/user", more, token=entered["access_token"]),
        club.ask("PUT", f"/admin/users/{user_id(club)}", {"user_metadata": more["data"]}, key=SECRET_KEY),
    ]
    assert [(each.status, each.json["error_code"]) for each in asked] == [(400, "validation_failed")] * 4
    assert len(club.rows(sa.select(club.tables.users))) == 1


def user_id(club: Club) -> str:
    """The id of the only user."""
    return str(club.rows(sa.select(club.tables.users.c.id))[0][0])


def test_a_provider_that_says_too_much_keeps_nobody_out(linking: Club, issuer: Issuer) -> None:
    claims = {**issuer.claims({}), "name": "Ada", "picture": "data:image/png;base64," + "A" * 6000, "locale": "en"}
    body = {"provider": "keycloak", "id_token": sign(claims)}
    entered = linking.ask("POST", "/token?grant_type=id_token", body)
    assert entered.status == 200, entered.body
    user = linking.ask("GET", "/user", token=entered.json["access_token"])
    assert user.status == 200, user.body
    assert (user.json["user_metadata"]["name"], user.json["user_metadata"]["locale"]) == ("Ada", "en")
    assert "picture" not in user.json["user_metadata"]


def test_a_session_tells_no_easy_password(club: Club) -> None:
    # A hash that was imported may be of any.
    thief = club.member()
    easy = club.tables.credentials.update().values(password=make_hash("password1"))
    club.execute(easy)
    tried = [club.ask("PUT", "/user", {"password": each}, token=thief.token) for each in ("password", "password1")]
    assert [each.json["error_code"] for each in tried] == ["weak_password", "weak_password"]


NUL = "a\0b"


@pytest.mark.invariant("I25")
def test_what_holds_nul_is_refused(database_url: str) -> None:
    # A token that told it was refused everywhere; and PostgreSQL takes it in no column.
    with Club(database_url, auth={"mfa": True}, confirm_email=False, oauth_server=True, build=build_scoped) as club:
        ada = Person(club.sign_up().json)
        asked = [
            club.ask("POST", "/signup", {"email": "bob@example.com", "password": PASSWORD, "data": {"about": NUL}}),
            club.ask("PUT", "/user", {"data": {NUL: 1}}, token=ada.token),
            club.ask("POST", "/factors", {"factor_type": "totp", "friendly_name": NUL}, token=ada.token),
            club.ask("POST", "/user/keys", {"name": NUL, "scopes": ["none"]}, token=ada.token),
            club.ask("POST", "/admin/oauth/clients", {"client_name": NUL}, key=SECRET_KEY),
        ]
        assert [(each.status, each.json["error_code"]) for each in asked] == [(400, "validation_failed")] * 5
        said = {"data": {"about": "a backslash: \\u0000"}}
        assert club.ask("PUT", "/user", said, token=ada.token).json["user_metadata"] == said["data"]


def build_scoped(url: str, post: Post, **words: Any) -> Backstay:
    """The club, with a scope that lets nothing."""
    app = build(url, post, **words)
    app.scope("none", "Nothing.")
    return app


def test_a_client_keeps_no_scope_that_is_taken_from_it(database_url: str) -> None:
    with Granting(database_url) as granting:
        ada, client = granting.sign_up("ada@example.com"), granting.client()
        waiting = granting.code(client, ada)
        given = granting.tokens(client, ada)
        path = f"/auth/v1/admin/oauth/clients/{client.id}"
        assert granting.ask("PUT", path, {"scope": "invoices:open"}, key=SECRET_KEY).status == 200
        narrowed = granting.refresh(client, given["refresh_token"]).json
        assert (narrowed["scope"], granting.reads(narrowed["access_token"])) == ("invoices:open", [2, 3])
        assert granting.redeem(client, waiting).json["scope"] == "invoices:open"
        assert granting.ask("PUT", path, {"scope": "team"}, key=SECRET_KEY).status == 200
        assert error_of(granting.refresh(client, narrowed["refresh_token"])) == (400, "invalid_grant")


def test_what_strangers_begin_does_not_stay_for_ever(database_url: str, clock: Clock) -> None:
    with Club(database_url, auth={"passkeys": True}) as club:
        for number in range(3):
            assert club.ask("POST", "/passkeys/authentication/options", {}).status == 200
            assert club.ask("POST", "/otp", {"email": f"somebody{number}@example.com"}).status == 200
            club.settle()
            clock.pass_by(timedelta(days=2))
        assert club.ask("POST", "/otp", {"email": "ada@example.com"}).status == 200
        club.settle()
        club.settle()
        kept = [len(club.rows(sa.select(table.c.id))) for table in (club.tables.challenges, club.tables.codes)]
        assert kept == [0, 1]


def test_a_sign_up_with_a_known_address_takes_as_long_as_a_new_one(database_url: str) -> None:
    async def think(db: object, user: object) -> None:
        await asyncio.sleep(0.3)

    with Club(database_url, auth={"before_sign_up": think}) as club:
        for asked in ({"email": "ada@example.com"}, {"phone": PHONE}):
            for _ in range(3):
                began = time.monotonic()
                assert club.ask("POST", "/signup", {**asked, "password": PASSWORD}).status == 200
                assert time.monotonic() - began >= 0.3


@pytest.mark.asvs("3.7.2")
def test_no_browser_is_sent_unasked_to_a_client_that_registered_itself(database_url: str) -> None:
    with Granting(database_url, oauth_registration=True) as granting:
        said = {"client_name": "Evil", "redirect_uris": [CALLBACK]}
        client = Client(granting.ask("POST", "/auth/v1/oauth/clients/register", said).json)
        wrong = [{"response_type": "token"}, {"code_challenge": None}, {"scope": "none"}, {"prompt": "none"}]
        for each in wrong:
            answer = granting.authorize(client, **each)
            assert (answer.status, "location" in answer.headers) == (400, False), each
            assert granting.authorize(granting.client(), **each).headers["location"].startswith(CALLBACK)
        assert granting.code(client, granting.sign_up("ada@example.com"))


@pytest.mark.invariant("I25")
@pytest.mark.parametrize("said", [2**64, -(2**63) - 1, 10**300, nested(240), nested(900), {"a": nested(400)}])
def test_what_no_answer_can_tell_is_not_kept(linking: Club, issuer: Issuer, said: Any) -> None:
    # A stranger's sign-up kept its owner out, and the secret key from the list of all users.
    club, ada = linking, linking.member()
    asked = [
        club.ask("POST", "/signup", {"email": "bob@example.com", "password": PASSWORD, "data": {"about": said}}),
        club.ask("POST", "/otp", {"email": "bob@example.com", "data": {"about": said}}),
        club.ask("PUT", "/user", {"data": {"about": said}}, token=ada.token),
        club.ask("PUT", f"/admin/users/{ada.id}", {"app_metadata": {"about": said}}, key=SECRET_KEY),
        club.ask("POST", "/admin/users", {"email": "bob@example.com", "app_metadata": {"a": said}}, key=SECRET_KEY),
    ]
    claims = {**issuer.claims({}), "sub": "bob", "email": "bob@example.com", "groups": said}
    body = {"provider": "keycloak", "id_token": sign(claims)}
    asked.append(club.ask("POST", "/token?grant_type=id_token", body))
    assert [each.status for each in asked] == [400] * len(asked)
    assert club.ask("GET", "/admin/users", key=SECRET_KEY).status == 200
    assert club.enter().id == ada.id


@pytest.mark.asvs("6.3.4")
def test_nobody_signs_in_by_an_address_where_that_is_switched_off(database_url: str, issuer: Issuer) -> None:
    providers = [OIDC("keycloak", issuer.url, CLIENT, SECRET)]
    with Club(database_url, auth={"providers": providers}, email_sign_in=False, phone_sign_in=False) as club:
        body = {"provider": "keycloak", "id_token": sign(issuer.claims({}))}
        ada = Person(club.ask("POST", "/token?grant_type=id_token", body).json)
        club.ask("PUT", "/user", {"phone": PHONE}, token=ada.token)
        shown = {"type": "phone_change", "phone": PHONE, "token": club.text(PHONE)}
        assert club.ask("POST", "/verify", shown).status == 200
        club.post.texts.clear()
        for path, asked, name in [
            ("/recover", {"email": "ada@example.com"}, "email_provider_disabled"),
            ("/resend", {"type": "signup", "email": "ada@example.com"}, "email_provider_disabled"),
            ("/resend", {"type": "sms", "phone": PHONE}, "phone_provider_disabled"),
        ]:
            answer = club.ask("POST", path, asked)
            assert (answer.status, answer.json["error_code"]) == (400, name)
        club.settle()
        assert (club.post.texts, [mail.kind for mail in club.post.mails if mail.code]) == ([], [])


@pytest.mark.asvs("7.5.2")
def test_a_phone_of_a_thief_makes_no_session_fresh(club: Club) -> None:
    thief, sessions = club.member(), club.tables.sessions
    assert club.ask("PUT", "/user", {"phone": PHONE}, token=thief.token).status == 200
    club.execute(sa.update(sessions).values(created_at=datetime.now(UTC) - timedelta(days=2)))
    change = {"password": "an entirely new one"}
    for body in (change, {"phone": "+15550199"}):
        refused = club.ask("PUT", "/user", body, token=thief.token)
        assert (refused.status, refused.json["error_code"]) == (400, "reauthentication_needed")
    shown = {"type": "phone_change", "phone": PHONE, "token": club.text(PHONE)}
    again = Person(club.ask("POST", "/verify", shown).json)
    for method, path, body in [("PUT", "/user", change), ("DELETE", "/sessions", None)]:
        answer = club.ask(method, path, body, token=again.token)
        assert (answer.status, answer.json["error_code"]) == (400, "reauthentication_needed")
    assert club.enter().id == thief.id
    assert club.ask("PUT", "/user", {**change, "current_password": PASSWORD}, token=again.token).status == 200


@pytest.mark.asvs("10.4.1")
def test_no_code_goes_to_an_address_that_was_taken_from_its_client(database_url: str) -> None:
    with Granting(database_url) as granting:
        ada, client = granting.sign_up("ada@example.com"), granting.client()
        assert granting.code(client, ada)
        waiting = [granting.asked(client) for _ in range(2)]
        path = f"/auth/v1/admin/oauth/clients/{client.id}"
        moved = {"redirect_uris": ["https://new.example/callback"]}
        assert granting.ask("PUT", path, moved, key=SECRET_KEY).status == 200
        shown = granting.ask("GET", f"/auth/v1/oauth/authorizations/{waiting[0]}", key=ada)
        for answer in (shown, granting.decide(ada, waiting[1])):
            assert (answer.status, answer.json["error_code"]) == (404, "oauth_authorization_not_found")
