"""ID tokens: every check of OpenID Connect Core 3.1.3.7, by a login and by the token alone."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from joserfc.jwk import ECKey, OctKey, RSAKey

from backstay import Apple, Google, Microsoft
from backstay.auth.oidc.refused import Refused
from backstay.auth.oidc.remote import Remote
from backstay.auth.oidc.signed import read_provider_keys
from issuer import CLIENT, Issuer, rsa_key, sign
from unit.auth.oidc.conftest import Application, application

Claims = dict[str, Any]


def encode(part: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


def without(name: str) -> Callable[[Claims], Claims]:
    return lambda claims: {key: value for key, value in claims.items() if key != name}


def with_(**changed: Any) -> Callable[[Claims], Claims]:
    return lambda claims: {**claims, **changed}


WRONG: dict[str, Callable[[Claims], Claims]] = {
    "issuer": with_(iss="https://evil.example.com"),
    "issuer with a slash": lambda claims: {**claims, "iss": claims["iss"] + "/"},
    "issuer in a list": lambda claims: {**claims, "iss": [claims["iss"]]},
    "no issuer": without("iss"),
    "audience": with_(aud="another-application"),
    "no audience": without("aud"),
    "empty audience": with_(aud=[]),
    "audience that is no text": with_(aud={"client": CLIENT}),
    "several audiences and no party": with_(aud=[CLIENT, "another-application"]),
    "party": with_(azp="another-application"),
    "party that is no text": with_(azp=[CLIENT]),
    "expired": with_(exp=1_700_000_000),
    "no expiry": without("exp"),
    "expiry as text": with_(exp="4000000000"),
    "expiry that is no number": with_(exp=True),
    "expiry beyond all numbers": with_(exp=10**400),
    "no time of issue": without("iat"),
    "from the future": with_(iat=4_000_000_000),
    "not yet valid": with_(nbf=4_000_000_000),
    "no subject": without("sub"),
    "empty subject": with_(sub=""),
    "number as subject": with_(sub=1),
    "subject with NUL": with_(sub="ada\0"),
    "long subject": with_(sub="a" * 256),
    "no nonce": without("nonce"),
    "nonce": with_(nonce="another"),
    "nonce that is no text": with_(nonce=["another"]),
    "nonce that is no unicode": with_(nonce="\ud800"),
    "hash of another access token": with_(at_hash="AAAAAAAAAAAAAAAAAAAAAA"),
}


@pytest.mark.asvs("10.5.1", "10.5.3", "10.5.4")
@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG.keys())
async def test_a_token_with_a_wrong_claim_signs_nobody_in(
    change: Callable[[Claims], Claims], app: Application, issuer: Issuer
) -> None:
    issuer.change = change
    with pytest.raises(Refused):
        await app.log_in(issuer)


async def test_right_claims_sign_in(app: Application, issuer: Issuer) -> None:
    half = hashlib.sha256(b"theirs").digest()[:16]
    issuer.change = with_(
        aud=[CLIENT, "another"], azp=CLIENT, nbf=0, at_hash=base64.urlsafe_b64encode(half).rstrip(b"=").decode()
    )
    assert (await app.log_in(issuer)).profile.subject == "ada"


PUBLIC = rsa_key("first")
STRANGER = RSAKey.generate_key(2048, {"kid": "first"})
CURVE = ECKey.generate_key("P-256", {"kid": "curve"})


def unsigned(claims: Claims) -> str:
    return f"{encode({'alg': 'none'})}.{encode(claims)}."


def secret_of(text: bytes) -> OctKey:
    return OctKey.import_key(base64.urlsafe_b64encode(text).decode())


FORGED: dict[str, Callable[[Claims], str]] = {
    "no algorithm": unsigned,
    "None": lambda claims: f"{encode({'alg': 'None'})}.{encode(claims)}.",
    "no signature": lambda claims: sign(claims).rpartition(".")[0] + ".",
    "a secret that is the public key": lambda claims: hmac_signed(claims, PUBLIC.as_pem(private=False)),
    "a secret that is the public key's JSON": lambda claims: hmac_signed(
        claims, json.dumps(PUBLIC.as_dict(private=False)).encode()
    ),
    "the client's secret": lambda claims: hmac_signed(claims, b"the secret of the tests' client"),
    "a stranger's key": lambda claims: sign(claims, key=STRANGER),
    "an algorithm that is not allowed": lambda claims: sign(claims, alg="RS512"),
    "the wrong kind of key": lambda claims: sign(claims, alg="ES256", key=CURVE),
    "its own key": lambda claims: sign(claims, key=STRANGER, jwk=STRANGER.as_dict(private=False)),
    "a key set elsewhere": lambda claims: sign(claims, key=STRANGER, jku="https://evil.example.com/jwks"),
    "a meaning that is not understood": lambda claims: sign(claims, b64=True, crit=["b64"]),
    "another kind of token": lambda claims: sign(claims, typ="at+jwt"),
    "a logout token": lambda claims: sign(claims, typ="logout+jwt"),
    "a changed claim": lambda claims: replace_claims(sign(claims), {**claims, "sub": "eve"}),
    "two parts": lambda claims: sign(claims).rpartition(".")[0],
    "five parts": lambda claims: sign(claims) + ".a.b",
    "no JSON": lambda claims: "a.b.c",
    "too long": lambda claims: sign({**claims, "more": "x" * 17_000}),
    "no ASCII": lambda claims: sign(claims) + "\u00e9",
}


def hmac_signed(claims: Claims, secret: bytes) -> str:
    import hmac

    text = f"{encode({'alg': 'HS256', 'kid': 'first'})}.{encode(claims)}"
    made = hmac.digest(secret, text.encode(), "sha256")
    return f"{text}.{base64.urlsafe_b64encode(made).rstrip(b'=').decode()}"


def replace_claims(token: str, claims: Claims) -> str:
    header, _, signature = token.split(".")
    return f"{header}.{encode(claims)}.{signature}"


@pytest.mark.asvs("6.8.2", "9.1.1", "9.1.2")
@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED.keys())
async def test_a_token_that_the_provider_did_not_sign_signs_nobody_in(
    forge: Callable[[Claims], str], app: Application, issuer: Issuer
) -> None:
    issuer.signer = forge
    issuer.metadata["id_token_signing_alg_values_supported"] = ["none", "HS256", "RS256", "ES256"]
    with pytest.raises(Refused):
        await app.log_in(issuer)


async def test_a_provider_may_sign_on_a_curve(app: Application, issuer: Issuer) -> None:
    issuer.keys = [CURVE.as_dict(private=False)]
    issuer.signer = lambda claims: sign(claims, alg="ES256", key=CURVE)
    assert (await app.log_in(issuer)).profile.subject == "ada"


def test_keys_that_cannot_be_trusted_are_left_out() -> None:
    good = rsa_key("first").as_dict(private=False)
    assert len(read_provider_keys([good])) == 1
    weak = {**good, "n": base64.urlsafe_b64encode(b"\xff" * 128).decode().rstrip("=")}
    bad = [
        {**good, "use": "enc"},
        {"kty": "oct", "k": "c2VjcmV0"},
        weak,
        {**good, "kid": 5},
        {"kty": "RSA"},
        "key",
        None,
    ]
    assert read_provider_keys(bad) == ()
    for members in (None, {}, [good] * 101):
        with pytest.raises(Refused):
            read_provider_keys(members)


# ID tokens that an app got by itself -------------------------------------------------------------------------


def native(issuer: Issuer, **changed: Any) -> str:
    return sign({**issuer.claims({}), **changed})


async def test_an_id_token_alone_signs_in(app: Application, issuer: Issuer) -> None:
    profile = await app.sign_in(native(issuer))
    assert (profile.issuer, profile.subject, profile.email_verified) == (issuer.url, "ada", True)


async def test_the_nonce_of_an_id_token_is_hashed(app: Application, issuer: Issuer) -> None:
    token = native(issuer, nonce=hashlib.sha256(b"raw").hexdigest())
    assert (await app.sign_in(token, nonce="raw")).subject == "ada"
    for nonce in (None, "", "other", hashlib.sha256(b"raw").hexdigest()):
        with pytest.raises(Refused):
            await app.sign_in(token, nonce=nonce)
    with pytest.raises(Refused):
        await app.sign_in(native(issuer), nonce="raw")


@pytest.mark.parametrize("name", [name for name in WRONG if "nonce" not in name and "hash" not in name])
async def test_an_id_token_alone_is_checked_as_well(name: str, app: Application, issuer: Issuer) -> None:
    with pytest.raises(Refused):
        await app.sign_in(sign(WRONG[name](issuer.claims({}))))


async def test_an_id_token_fits_the_access_token_beside_it(app: Application, issuer: Issuer) -> None:
    half = base64.urlsafe_b64encode(hashlib.sha256(b"theirs").digest()[:16]).rstrip(b"=").decode()
    token = native(issuer, at_hash=half)
    assert (await app.sign_in(token, access_token="theirs")).subject == "ada"
    with pytest.raises(Refused, match="another access token"):
        await app.sign_in(token, access_token="stolen")


async def test_an_id_token_for_a_mobile_app_is_accepted_where_it_is_declared(app: Application, issuer: Issuer) -> None:
    token = native(issuer, aud="mobile")
    with pytest.raises(Refused, match="another application"):
        await app.sign_in(token)
    assert (await application(issuer, audiences=("mobile",)).sign_in(token)).subject == "ada"


async def test_an_expired_id_token_is_refused_after_the_clocks_skew(app: Application, issuer: Issuer) -> None:
    token = native(issuer)
    app.now += timedelta(seconds=355)
    assert (await app.sign_in(token)).subject == "ada"
    app.now += timedelta(seconds=10)
    with pytest.raises(Refused, match="expired"):
        await app.sign_in(token)


# Issuers with a name of their own ----------------------------------------------------------------------------

TENANT = "11111111-2222-3333-4444-555555555555"
OTHER = "99999999-2222-3333-4444-555555555555"


def microsoft(issuer: Issuer, app: Application) -> Application:
    facts = Microsoft(CLIENT, "secret", authority=issuer.url).facts
    issuer.metadata["issuer"] = f"{issuer.url}/{{tenantid}}/v2.0"
    found = replace(facts, discovery=f"{issuer.url}/.well-known/openid-configuration")
    return Application(Remote(found), app.now)


@pytest.mark.asvs("6.8.1")
async def test_a_tenants_token_is_of_its_own_issuer(app: Application, issuer: Issuer) -> None:
    theirs = microsoft(issuer, app)
    named = f"{issuer.url}/{TENANT}/v2.0"
    profile = await theirs.sign_in(native(issuer, iss=named, tid=TENANT))
    assert (profile.issuer, profile.email_verified) == (named, False)
    assert (await theirs.sign_in(native(issuer, iss=named, tid=TENANT, xms_edov="1"))).email_verified
    for wrong in (
        {"iss": named, "tid": OTHER},
        {"iss": named},
        {"iss": f"{issuer.url}/{{tenantid}}/v2.0", "tid": "{tenantid}"},
        {"iss": f"{issuer.url}/evil/v2.0", "tid": "evil"},
        {"iss": f"https://evil.example.com/{TENANT}/v2.0", "tid": TENANT},
    ):
        with pytest.raises(Refused):
            await theirs.sign_in(native(issuer, **wrong))


async def test_a_key_signs_for_its_own_tenant_alone(app: Application, issuer: Issuer) -> None:
    theirs = microsoft(issuer, app)
    issuer.keys = [{**rsa_key("first").as_dict(private=False), "issuer": f"{issuer.url}/{OTHER}/v2.0"}]
    with pytest.raises(Refused, match="key of another issuer"):
        await theirs.sign_in(native(issuer, iss=f"{issuer.url}/{TENANT}/v2.0", tid=TENANT))
    assert await theirs.sign_in(native(issuer, iss=f"{issuer.url}/{OTHER}/v2.0", tid=OTHER))


async def test_both_spellings_of_an_issuer_are_one_identity(app: Application, issuer: Issuer) -> None:
    facts = Google(CLIENT, "secret").facts
    found = replace(facts, issuer=issuer.url, discovery=f"{issuer.url}/.well-known/openid-configuration")
    theirs = Application(Remote(found), app.now)
    for spelling in (issuer.url, "accounts.google.com"):
        assert (await theirs.sign_in(native(issuer, iss=spelling))).issuer == issuer.url


# Apple ---------------------------------------------------------------------------------------------------------


async def test_apple_is_shown_a_secret_that_the_application_signed(app: Application, issuer: Issuer) -> None:
    from joserfc import jwt

    pem = CURVE.as_pem(private=True).decode()
    facts = Apple(CLIENT, team="TEAM", key_id="KEY", private_key=pem).facts
    found = replace(facts, issuer=issuer.url, discovery=f"{issuer.url}/.well-known/openid-configuration")
    theirs = Application(Remote(found), app.now)
    issuer.profile = {"email": "ada@example.com", "email_verified": "true"}
    departure = await theirs.depart()
    assert "response_mode=form_post" in departure.url
    user = json.dumps({"name": {"firstName": "Ada", "lastName": "Lovelace"}, "email": "eve@example.com"})
    profile = (await theirs.arrive(issuer.log_in(departure.url, user=user))).profile
    assert (profile.email, profile.email_verified, profile.data["name"]) == ("ada@example.com", True, "Ada Lovelace")
    shown = jwt.decode(issuer.forms[-1]["client_secret"], CURVE, algorithms=["ES256"])
    assert shown.header["kid"] == "KEY"
    assert (shown.claims["iss"], shown.claims["sub"], shown.claims["aud"]) == ("TEAM", CLIENT, issuer.url)
    assert shown.claims["exp"] - shown.claims["iat"] == 300


@pytest.mark.parametrize("user", ["", "no JSON", "[]", '{"name": "Ada"}', '{"name": {"firstName": 5}}', "[" * 3000])
async def test_a_name_that_is_none_is_not_taken_from_apples_form(user: str, app: Application, issuer: Issuer) -> None:
    issuer.profile = {"email": "ada@example.com"}
    theirs = app.changed(form_post=True, userinfo=False)
    profile = (await theirs.log_in(issuer, user=user)).profile
    assert (profile.subject, profile.data.get("name")) == ("ada", None)
