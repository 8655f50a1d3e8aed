"""Who a request's headers say it is."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from backstay.auth.identify import comes_from_browser, identify
from backstay.auth.keys import Keys, generate_publishable_key, generate_secret_key, read_keys
from backstay.auth.mint import mint
from backstay.auth.verified import VerifiedTokens
from backstay.errors import AnonymousDisabled, InvalidClaims, InvalidKey, InvalidToken, SecretKeyInBrowser
from backstay.schema.caller import ANONYMOUS, SERVICE, Role
from backstay.settings import Settings

NOW = 1_800_000_000.0
SECRET = "the secret that only the server of these tests knows"
PUBLISHABLE = "sb_publishable_ACJWlzQHlZjBrEguHvfOxg"
PRIVILEGED = "sb_secret_N7UND0UgjKTVKUodkm0Hg"
CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0 Safari/537.36"


def keys(**settings: Any) -> Keys:
    return read_keys(
        Settings(**{"jwt_secret": SECRET, "publishable_key": PUBLISHABLE, "secret_key": PRIVILEGED, **settings})
    )


def user(name: str = "ada", **claims: Any) -> str:
    return mint(SECRET, user=name, claims=claims, now=NOW)


ANON_KEY = mint(SECRET, role=Role.ANON, lifetime=None, now=NOW)
SERVICE_KEY = mint(SECRET, role=Role.SERVICE, lifetime=None, now=NOW)


def test_no_token_is_anonymous() -> None:
    assert identify({}, keys(), now=NOW) is ANONYMOUS


def test_no_token_is_refused_where_anonymous_callers_are() -> None:
    with pytest.raises(AnonymousDisabled):
        identify({}, keys(anonymous=False), now=NOW)


def test_the_publishable_key_serves_where_anonymous_callers_are_refused() -> None:
    assert identify({"apikey": PUBLISHABLE}, keys(anonymous=False), now=NOW).role is Role.ANON


@pytest.mark.parametrize(
    ("key", "role"),
    [
        (PUBLISHABLE, Role.ANON),
        (PRIVILEGED, Role.SERVICE),
        (ANON_KEY, Role.ANON),
        (SERVICE_KEY, Role.SERVICE),
    ],
)
def test_a_key_says_the_same_in_either_header_and_in_both(key: str, role: Role) -> None:
    for headers in (
        {"apikey": key},
        {"authorization": f"Bearer {key}"},
        {"apikey": key, "authorization": f"Bearer {key}"},
    ):
        caller = identify(headers, keys(), now=NOW)
        assert (caller.role, caller.id) == (role, None)


def test_a_users_token_wins_over_the_key_beside_it() -> None:
    for key in (PUBLISHABLE, PRIVILEGED, ANON_KEY, SERVICE_KEY):
        caller = identify({"apikey": key, "authorization": f"Bearer {user()}"}, keys(), now=NOW)
        assert (caller.role, caller.id) == (Role.AUTHENTICATED, "ada")


def test_a_key_in_authorization_wins_over_the_secret_key_in_apikey() -> None:
    headers = {"apikey": PRIVILEGED, "authorization": f"Bearer {PUBLISHABLE}"}
    assert identify(headers, keys(), now=NOW).role is Role.ANON


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_may_be_written_in_any_case(scheme: str) -> None:
    assert identify({"authorization": f"{scheme}  {user()} "}, keys(), now=NOW).id == "ada"


@pytest.mark.parametrize("authorization", ["Basic YWRhOnNlY3JldA==", "", user(), "Digest a=b"])
def test_another_scheme_is_not_read(authorization: str) -> None:
    assert identify({"authorization": authorization}, keys(), now=NOW) is ANONYMOUS
    assert identify({"authorization": authorization, "apikey": PRIVILEGED}, keys(), now=NOW) is SERVICE


@pytest.mark.parametrize("authorization", ["Bearer", "Bearer ", "bearer   "])
def test_an_empty_token_is_refused_and_not_anonymous(authorization: str) -> None:
    for headers in ({"authorization": authorization}, {"authorization": authorization, "apikey": PUBLISHABLE}):
        with pytest.raises(InvalidToken, match="Empty JWT is sent in Authorization header"):
            identify(headers, keys(), now=NOW)


@pytest.mark.parametrize(
    "wrong",
    [
        "sb_publishable_wrong",
        "sb_secret_wrong",
        PRIVILEGED[:-1],
        PRIVILEGED + "x",
        f"{PRIVILEGED}, {PRIVILEGED}",
        "sb_secret_",
        "sb_secret_a.b.c",
    ],
)
def test_a_wrong_opaque_key_is_refused_in_either_header(wrong: str) -> None:
    for headers in (
        {"apikey": wrong},
        {"authorization": f"Bearer {wrong}"},
        {"apikey": wrong, "authorization": f"Bearer {user()}"},
    ):
        with pytest.raises(InvalidKey) as refused:
            identify(headers, keys(), now=NOW)
        assert refused.value.status == 401
        assert PRIVILEGED not in str(refused.value)


@pytest.mark.parametrize("wrong", ["", "anon", "undefined", "null", "é", "a.b"])
def test_an_apikey_that_is_neither_token_nor_key_is_refused(wrong: str) -> None:
    with pytest.raises(InvalidKey):
        identify({"apikey": wrong}, keys(), now=NOW)


def test_opaque_keys_mean_nothing_where_none_are_configured() -> None:
    for key in (PUBLISHABLE, PRIVILEGED, "sb_secret_", ""):
        with pytest.raises(InvalidKey):
            identify({"apikey": key}, read_keys(Settings(jwt_secret=SECRET)), now=NOW)


def test_an_expired_key_is_refused_even_beside_a_good_token() -> None:
    expired = mint(SECRET, role=Role.ANON, now=NOW - 7200)
    with pytest.raises(InvalidClaims, match="JWT expired"):
        identify({"apikey": expired, "authorization": f"Bearer {user()}"}, keys(), now=NOW)


def test_a_token_without_role_is_anonymous_and_keeps_its_claims() -> None:
    token = mint(SECRET, user="ada", claims={"role": None, "plan": "free"}, now=NOW)
    with pytest.raises(InvalidClaims):
        identify({"authorization": f"Bearer {token}"}, keys(), now=NOW)
    no_such_role = keys(jwt_role_claim="app_metadata.role")
    caller = identify({"authorization": f"Bearer {user(plan='free')}"}, no_such_role, now=NOW)
    assert (caller.role, caller.id, caller.claims["plan"]) == (Role.ANON, None, "free")


@pytest.mark.parametrize(
    ("path", "claims"),
    [
        ("kind", {"kind": "service_role"}),
        (".kind", {"kind": "service_role"}),
        ("app_metadata.kind", {"app_metadata": {"kind": "service_role"}}),
        (".app_metadata.kinds[1]", {"app_metadata": {"kinds": ["anon", "service_role"]}}),
        ('"https://example.com/kind"', {"https://example.com/kind": "service_role"}),
        ('.a."b.c"[0].d', {"a": {"b.c": [{"d": "service_role"}]}}),
        ("$.kind", {"kind": "service_role"}),
        ("$['a b'][\"c'd\"]", {"a b": {"c'd": "service_role"}}),
        ("$.a[-1].b", {"a": [{}, {"b": "service_role"}]}),
        ('.roles[?(@ == "service_role")]', {"roles": ["x", 1, None, "service_role"]}),
        ('.roles[?(@ != "x")]', {"roles": ["x", "service_role", "y"]}),
        ('.realm.roles[?(@ ^== "serv")]', {"realm": {"roles": ["x", "service_role"]}}),
        ('.roles[?(@ ==^ "_role")]', {"roles": ["x", "service_role"]}),
        ('.roles[?(@ *== "ice")]', {"roles": ["x", "service_role"]}),
        ('.roles[?(@=="service_role")]', {"roles": ["service_role"]}),
        ("$.roles[?@ == 'service_role']", {"roles": ["x", "service_role"]}),
        ("$.roles[?search(@, '^service_')]", {"roles": ["not a service_role", "service_role"]}),
    ],
)
def test_the_role_may_be_anywhere_in_the_claims(path: str, claims: dict[str, Any]) -> None:
    token = user(**claims)
    assert identify({"authorization": f"Bearer {token}"}, keys(jwt_role_claim=path), now=NOW).role is Role.SERVICE


@pytest.mark.parametrize("claims", [{"a": "service_role"}, {"a": []}, {"a": {"b": {}}}, {"a": [{"b": 1}]}])
def test_a_path_that_leads_nowhere_is_no_role(claims: dict[str, Any]) -> None:
    for path in ("a.b.c", "a[3]", "a[-3]", "a[0][0]", "a.b[0]", 'a[?(@ == "x")]'):
        token = user(**claims)
        assert identify({"authorization": f"Bearer {token}"}, keys(jwt_role_claim=path), now=NOW).role is Role.ANON


def test_claims_of_a_user_are_kept() -> None:
    caller = identify({"authorization": f"Bearer {user(org_id='acme')}"}, keys(), now=NOW)
    assert caller.claims["org_id"] == "acme"
    assert caller.signed_in


BROWSERS: list[dict[str, str]] = [
    {"origin": "https://app.example"},
    {"origin": "null"},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-dest": "empty"},
    {"user-agent": CHROME},
]


@pytest.mark.parametrize("browser", BROWSERS)
@pytest.mark.parametrize("key", [PRIVILEGED, SERVICE_KEY])
def test_the_secret_key_is_refused_from_a_browser(browser: dict[str, str], key: str) -> None:
    for headers in (
        {"apikey": key},
        {"authorization": f"Bearer {key}"},
        {"apikey": key, "authorization": f"Bearer {user()}"},
        {"apikey": PUBLISHABLE, "authorization": f"Bearer {key}"},
    ):
        with pytest.raises(SecretKeyInBrowser):
            identify({**headers, **browser}, keys(), now=NOW)
        with pytest.raises(SecretKeyInBrowser):
            cached = VerifiedTokens(10)
            identify(headers, keys(), cached, now=NOW)
            identify({**headers, **browser}, keys(), cached, now=NOW)


def test_the_secret_key_serves_a_browser_where_the_setting_says_so() -> None:
    allowing = keys(secret_key_in_browser=True)
    assert identify({"apikey": PRIVILEGED, "origin": "https://a"}, allowing, now=NOW) is SERVICE


def test_other_keys_serve_browsers() -> None:
    for token in (PUBLISHABLE, ANON_KEY, user()):
        headers = {"authorization": f"Bearer {token}", "user-agent": CHROME, "origin": "https://a"}
        assert identify(headers, keys(), now=NOW).role is not Role.SERVICE


@pytest.mark.parametrize(
    "server",
    [
        {"user-agent": "node", "sec-fetch-mode": "cors", "accept-language": "*"},
        {"user-agent": "python-httpx/0.28"},
        {"user-agent": "supabase-py/supabase-flutter 2.3"},
        {"user-agent": "curl/8.5"},
        {},
    ],
)
def test_servers_are_not_taken_for_browsers(server: dict[str, str]) -> None:
    assert not comes_from_browser(server)


def test_a_verified_token_is_remembered_until_it_expires() -> None:
    verified = VerifiedTokens(10)
    token = mint(SECRET, user="ada", lifetime=timedelta(seconds=60), now=NOW)
    first = identify({"authorization": f"Bearer {token}"}, keys(), verified, now=NOW)
    assert identify({"authorization": f"Bearer {token}"}, keys(), verified, now=NOW + 59) is first
    again = identify({"authorization": f"Bearer {token}"}, keys(), verified, now=NOW + 61)
    assert again is not first
    with pytest.raises(InvalidClaims, match="JWT expired"):
        identify({"authorization": f"Bearer {token}"}, keys(), verified, now=NOW + 91)
    assert len(verified) == 0 or verified.find(token, NOW + 91) is None


def test_the_memory_of_tokens_is_bounded_and_drops_the_one_unused_longest() -> None:
    verified = VerifiedTokens(2)
    tokens = [user(name) for name in ("ada", "eve", "bob")]
    for token in (tokens[0], tokens[1], tokens[0], tokens[2]):
        identify({"authorization": f"Bearer {token}"}, keys(), verified, now=NOW)
    assert [verified.find(token, NOW) is not None for token in tokens] == [True, False, True]


def test_a_memory_of_no_size_remembers_nothing() -> None:
    verified = VerifiedTokens(0)
    assert identify({"authorization": f"Bearer {user()}"}, keys(), verified, now=NOW).id == "ada"
    assert len(verified) == 0


def test_bad_tokens_are_never_remembered() -> None:
    verified = VerifiedTokens(10)
    for place in range(20):
        with pytest.raises(InvalidToken):
            identify({"authorization": f"Bearer {user()[:-1]}{place}"}, keys(), verified, now=NOW)
    assert len(verified) == 0


def test_new_keys_are_told_apart_and_are_long() -> None:
    made = {generate_publishable_key() for _ in range(50)} | {generate_secret_key() for _ in range(50)}
    assert len(made) == 100
    assert all(len(key) >= 42 for key in made)


def test_the_clock_is_the_default_time() -> None:
    assert identify({"authorization": f"Bearer {mint(SECRET, user='ada')}"}, keys()).id == "ada"
    with pytest.raises(InvalidClaims):
        identify({"authorization": f"Bearer {mint(SECRET, user='ada', lifetime=timedelta(seconds=-60))}"}, keys())
