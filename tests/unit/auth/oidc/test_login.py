"""Logging in through a provider: the way there, the way back, and everything that may be wrong with it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from backstay.auth.oidc.finish import read_returned
from backstay.auth.oidc.flow import hash_state
from backstay.auth.oidc.refused import Declined, Refused, Unreachable
from issuer import CLIENT, Answer, Issuer, rsa_key, sign
from unit.auth.oidc.conftest import CALLBACK, SEAL, Application, application


async def test_a_login_tells_who_it_is(app: Application, issuer: Issuer) -> None:
    arrival = await app.log_in(issuer)
    profile = arrival.profile
    assert (profile.provider, profile.issuer, profile.subject) == ("tests", issuer.url, "ada")
    assert (profile.email, profile.email_verified) == ("ada@example.com", True)
    assert profile.data["full_name"] == "Ada Lovelace"
    assert (arrival.tokens.access_token, arrival.tokens.refresh_token) == ("theirs", "theirs-too")


@pytest.mark.asvs("10.2.1")
async def test_the_way_there_is_bound_to_one_login(app: Application, issuer: Issuer) -> None:
    departures = [await app.depart(scopes=["calendar"], extra={"prompt": "consent"}) for _ in range(2)]
    asked, other = [
        {name: values[0] for name, values in parse_qs(urlsplit(each.url).query).items()} for each in departures
    ]
    assert asked["redirect_uri"] == CALLBACK
    assert (asked["client_id"], asked["response_type"], asked["prompt"]) == (CLIENT, "code", "consent")
    assert asked["scope"] == "openid email profile calendar"
    assert asked["code_challenge_method"] == "S256"
    for secret in ("state", "nonce", "code_challenge"):
        assert len(asked[secret]) >= 43
        assert asked[secret] != other[secret]
    assert departures[0].state_hash == hash_state(asked["state"])
    assert asked["state"] not in (departures[0].state_hash, departures[0].mark)


@pytest.mark.parametrize(
    "name", ["redirect_uri", "client_id", "state", "nonce", "response_type", "response_mode", "request", "request_uri"]
)
async def test_a_caller_cannot_change_what_is_checked(name: str, app: Application) -> None:
    departure = await app.depart(extra={name: "https://evil.example.com"})
    assert "evil" not in departure.url


async def test_another_browser_is_told_from_the_one_that_began(app: Application) -> None:
    departure = await app.depart()
    state = parse_qs(urlsplit(departure.url).query)["state"][0]
    assert SEAL.is_same_browser(state, departure.mark)
    for mark in (None, "", (await app.depart()).mark, departure.mark + "a", "\udcff"):
        assert not SEAL.is_same_browser(state, mark)


@pytest.mark.asvs("10.5.1")
async def test_a_code_is_of_no_use_in_another_login(app: Application, issuer: Issuer) -> None:
    # Both the PKCE verifier and the nonce are the other login's.
    stolen = issuer.log_in((await app.depart()).url)
    state = parse_qs(issuer.log_in((await app.depart()).url))["state"][0]
    code = parse_qs(stolen)["code"][0]
    with pytest.raises(Refused, match="invalid_grant"):
        await app.arrive(f"code={code}&state={state}")
    with pytest.raises(Refused, match="another login"):
        without = app.changed(pkce=False)
        stolen = issuer.log_in((await without.depart()).url)
        await without.arrive(f"code={parse_qs(stolen)['code'][0]}&state={state}")


async def test_a_replayed_code_is_refused(app: Application, issuer: Issuer) -> None:
    answer = issuer.log_in((await app.depart()).url)
    await app.arrive(answer)
    with pytest.raises(Refused, match="invalid_grant"):
        await app.arrive(answer)


@pytest.mark.asvs("10.2.2")
async def test_an_answer_of_another_provider_is_refused(app: Application, issuer: Issuer) -> None:
    with pytest.raises(Refused, match="another provider"):
        await app.log_in(issuer, iss="https://evil.example.com")
    assert "/token" not in issuer.heard
    assert (await app.log_in(issuer, iss=issuer.url)).profile.subject == "ada"


@pytest.mark.asvs("10.2.2")
async def test_an_answer_must_say_whose_it_is_where_the_provider_does(issuer: Issuer) -> None:
    issuer.metadata["authorization_response_iss_parameter_supported"] = True
    app = application(issuer)
    with pytest.raises(Refused, match="does not say whose"):
        await app.log_in(issuer)
    with pytest.raises(Refused, match="does not say whose"):
        await app.arrive("state=x&error=access_denied")
    assert "/token" not in issuer.heard
    assert (await app.log_in(issuer, iss=issuer.url)).profile.subject == "ada"


@pytest.mark.asvs("10.2.2")
async def test_a_mixed_up_code_reaches_no_other_provider_with_its_verifier(app: Application, issuer: Issuer) -> None:
    # The browser was sent to an honest provider by a hostile one: the answer goes with the hostile one's state.
    with Issuer() as hostile:
        theirs = application(hostile)
        state = parse_qs(urlsplit((await theirs.depart()).url).query)["state"][0]
        honest = issuer.log_in((await app.depart()).url, iss=issuer.url)
        with pytest.raises(Refused, match="another provider"):
            await theirs.arrive(f"code={parse_qs(honest)['code'][0]}&state={state}&iss={issuer.url}")
        assert "/token" not in hostile.heard


async def test_a_provider_may_decline(app: Application) -> None:
    with pytest.raises(Declined) as told:
        await app.arrive("state=x&error=access_denied&error_description=No%20thanks")
    assert (told.value.error, told.value.description) == ("access_denied", "No thanks")


@pytest.mark.parametrize(
    "query",
    ["", "code=a", "state=", "state=a&state=b&code=c", "state=a&code=b&code=c", "state=a&code=%ff", "a=" + "b&a=" * 60],
)
def test_an_answer_that_is_not_one_is_refused(query: str) -> None:
    with pytest.raises(Refused):
        read_returned(query)


async def test_an_answer_without_a_code_is_refused(app: Application, issuer: Issuer) -> None:
    with pytest.raises(Refused, match="no code"):
        await app.arrive("state=a")
    assert "/token" not in issuer.heard


@pytest.mark.asvs("10.5.2")
async def test_a_userinfo_of_somebody_else_is_refused(app: Application, issuer: Issuer) -> None:
    issuer.info = {"sub": "eve"}
    with pytest.raises(Refused, match="somebody else"):
        await app.log_in(issuer)


async def test_an_address_is_not_vouched_for_by_another_answer(app: Application, issuer: Issuer) -> None:
    issuer.profile = {}
    issuer.change = lambda claims: {**claims, "email_verified": True}
    issuer.info = {"email": "ada@example.com"}
    profile = (await app.log_in(issuer)).profile
    assert (profile.email, profile.email_verified) == ("ada@example.com", False)


@pytest.mark.parametrize(
    ("told", "verified"),
    [
        (True, True),
        ("true", True),
        (False, False),
        ("false", False),
        (None, False),
        ("yes", False),
        (1.5, False),
        ([], False),
    ],
)
async def test_an_address_is_verified_where_the_provider_says_so(
    told: Any, verified: bool, app: Application, issuer: Issuer
) -> None:
    issuer.profile = {"email": "Ada@Example.com", "email_verified": told}
    profile = (await app.log_in(issuer)).profile
    assert (profile.email, profile.email_verified) == ("ada@example.com", verified)


async def test_a_trusted_address_is_verified_unless_the_provider_says_it_is_not(issuer: Issuer) -> None:
    app = application(issuer, email_trusted=True)
    issuer.profile = {"email": "ada@example.com"}
    assert (await app.log_in(issuer)).profile.email_verified
    issuer.profile = {"email": "ada@example.com", "email_verified": False}
    assert not (await app.log_in(issuer)).profile.email_verified


@pytest.mark.parametrize(
    "claim", [{"nickname": "a\0b"}, {"nickname": "\ud800"}, {"groups": ["x" * 20_000]}, {"x": float("nan")}]
)
async def test_a_profile_that_cannot_be_kept_is_refused(
    claim: dict[str, Any], app: Application, issuer: Issuer
) -> None:
    issuer.info = claim
    with pytest.raises(Refused):
        await app.log_in(issuer)


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://evil.example.com"},
        {"issuer": None},
        {"token_endpoint": None},
        {"jwks_uri": 5},
        {"token_endpoint": "http://evil.example.com/token"},
        {"jwks_uri": "file:///etc/passwd"},
        {"authorization_endpoint": "javascript:alert(1)"},
    ],
)
@pytest.mark.asvs("10.5.3")
async def test_metadata_that_is_not_the_issuers_is_refused(metadata: dict[str, Any], issuer: Issuer) -> None:
    issuer.metadata = metadata
    with pytest.raises(Refused):
        await application(issuer).depart()


async def test_metadata_that_could_not_be_read_is_not_asked_for_at_once(app: Application, issuer: Issuer) -> None:
    issuer.instead["/.well-known/openid-configuration"] = Answer(500)
    for _ in range(3):
        with pytest.raises(Unreachable):
            await app.depart()
    assert len(issuer.heard) == 1
    del issuer.instead["/.well-known/openid-configuration"]
    app.now += timedelta(seconds=6)
    await app.depart()


async def test_keys_and_metadata_are_read_once_an_hour(app: Application, issuer: Issuer) -> None:
    for _ in range(3):
        await app.log_in(issuer)
    assert issuer.heard.count("/jwks") == issuer.heard.count("/.well-known/openid-configuration") == 1


async def test_an_unknown_key_is_looked_for_once_a_minute(app: Application, issuer: Issuer) -> None:
    await app.log_in(issuer)
    issuer.signer = lambda claims: sign(claims, key=rsa_key("second"))
    issuer.keys.append(rsa_key("second").as_dict(private=False))
    for _ in range(3):
        with pytest.raises(Refused, match="not signed"):
            await app.log_in(issuer)
    assert issuer.heard.count("/jwks") == 1
    app.now += timedelta(seconds=61)
    assert (await app.log_in(issuer)).profile.subject == "ada"
    assert issuer.heard.count("/jwks") == 2


async def test_nobody_is_signed_in_while_the_keys_cannot_be_read(app: Application, issuer: Issuer) -> None:
    issuer.instead["/jwks"] = Answer(500)
    with pytest.raises(Unreachable):
        await app.log_in(issuer)


@pytest.mark.parametrize(
    ("methods", "basic"),
    [(["client_secret_post"], False), (["client_secret_basic"], True), (None, True)],
)
async def test_the_secret_is_shown_as_the_provider_wants_it(methods: Any, basic: bool, issuer: Issuer) -> None:
    issuer.metadata["token_endpoint_auth_methods_supported"] = methods
    await application(issuer).log_in(issuer)
    assert ("client_secret" in issuer.forms[-1]) is not basic


@pytest.mark.parametrize(
    "body",
    [
        b'{"error": "invalid_client"}',
        b"{}",
        b"[]",
        b'{"access_token": 5}',
        b'{"access_token": "a", "token_type": "mac"}',
        b'{"access_token": "a"}',
    ],
)
async def test_tokens_that_are_none_are_refused(body: bytes, app: Application, issuer: Issuer) -> None:
    issuer.instead["/token"] = Answer(body=body)
    with pytest.raises(Refused):
        await app.log_in(issuer)


async def test_words_of_the_provider_do_not_reach_the_log(app: Application, issuer: Issuer) -> None:
    issuer.instead["/token"] = Answer(400, b'{"error": "bad\\n[fake] line", "error_description": "secret"}')
    with pytest.raises(Refused, match="status 400"):
        await app.log_in(issuer)
