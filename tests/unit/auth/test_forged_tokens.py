"""Every forged or broken token is refused with 401, and by no other kind of exception."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from joserfc.jwk import OctKey

from backstay.auth.identify import identify
from backstay.auth.keys import Keys, read_keys
from backstay.auth.signing import read_signer
from backstay.auth.verified import VerifiedTokens
from backstay.errors import InvalidClaims, InvalidToken, SecretMissing, Unauthenticated
from backstay.schema.caller import Role
from backstay.settings import Settings
from fixtures import forged
from fixtures.forged import ISSUER, KEYS, RSA, SECRET, USER, Forge, public

NOW = 1_800_000_000.0
FORGE = Forge(NOW)
GOOD = FORGE.good
UNTRUSTED = forged.untrusted(NOW)
NONSENSE = forged.nonsense(NOW)
OTHER_PURPOSES = forged.other_purposes(NOW)
RSA_PUBLIC_PEM = RSA.as_pem(private=False)
RSA_PUBLIC_DER = serialization.load_pem_public_key(RSA_PUBLIC_PEM).public_bytes(
    serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
)
by_secret, by_key = FORGE.by_secret, FORGE.by_key


@pytest.fixture(scope="module", params=["", ISSUER], ids=["without sign-in", "with sign-in"])
def keys(request: pytest.FixtureRequest) -> Keys:
    given = Settings(**forged.settings())
    keys = read_signer(given).complete(read_keys(given), now=NOW)
    return replace(keys, issuer=request.param)


def test_there_are_many_and_all_are_different() -> None:
    assert len(set(UNTRUSTED.values())) + len(NONSENSE) + len(OTHER_PURPOSES) > 300


def test_a_good_token_is_accepted_by_each_kind_of_key(keys: Keys) -> None:
    tokens = forged.good_tokens(NOW).values()
    callers = [identify({"authorization": f"Bearer {token}"}, keys, now=NOW) for token in tokens]
    assert [(caller.id, caller.role) for caller in callers] == [(USER, Role.AUTHENTICATED)] * 6


@pytest.mark.asvs("9.1.1")
@pytest.mark.asvs("9.1.2")
@pytest.mark.asvs("9.1.3")
@pytest.mark.parametrize("token", UNTRUSTED.values(), ids=UNTRUSTED.keys())
def test_a_token_that_no_trusted_key_signed_is_refused(keys: Keys, token: str) -> None:
    verified = VerifiedTokens(10)
    with pytest.raises(Unauthenticated) as refused:
        identify({"authorization": f"Bearer {token}"}, keys, verified, now=NOW)
    assert type(refused.value) is InvalidToken
    assert refused.value.status == 401
    assert len(verified) == 0


@pytest.mark.asvs("9.2.1")
@pytest.mark.asvs("9.2.3")
@pytest.mark.parametrize("claims", NONSENSE.values(), ids=NONSENSE.keys())
def test_a_signed_token_whose_claims_do_not_hold_is_refused(keys: Keys, claims: Any) -> None:
    verified = VerifiedTokens(10)
    with pytest.raises(Unauthenticated) as refused:
        identify({"authorization": f"Bearer {by_secret(claims)}"}, keys, verified, now=NOW)
    assert type(refused.value) is InvalidClaims
    assert "\n" not in refused.value.message
    assert len(verified) == 0


@pytest.mark.asvs("9.2.2")
@pytest.mark.parametrize("token", OTHER_PURPOSES.values(), ids=OTHER_PURPOSES.keys())
def test_what_our_own_key_signed_for_another_purpose_is_refused_where_there_is_sign_in(keys: Keys, token: str) -> None:
    verified = VerifiedTokens(10)
    with pytest.raises(Unauthenticated):
        identify({"authorization": f"Bearer {token}"}, replace(keys, issuer=ISSUER), verified, now=NOW)
    assert len(verified) == 0


@pytest.mark.parametrize("token", UNTRUSTED.values(), ids=UNTRUSTED.keys())
def test_a_forged_token_is_refused_as_apikey_too(keys: Keys, token: str) -> None:
    with pytest.raises(Unauthenticated):
        identify({"apikey": token}, keys, now=NOW)


@pytest.mark.parametrize("token", UNTRUSTED.values(), ids=UNTRUSTED.keys())
def test_without_any_key_every_token_is_refused(token: str) -> None:
    with pytest.raises(SecretMissing if token.strip(" ") else Unauthenticated):
        identify({"authorization": f"Bearer {token}"}, read_keys(Settings()), now=NOW)


def test_without_any_key_even_a_well_formed_token_is_refused() -> None:
    for secret in (b"", SECRET.encode(), b"null", b"None"):
        with pytest.raises(SecretMissing):
            identify({"authorization": f"Bearer {by_secret(secret=secret)}"}, read_keys(Settings()), now=NOW)


def test_a_public_key_alone_accepts_no_token_signed_with_its_text() -> None:
    keys = read_keys(Settings(jwks=json.dumps({"keys": [public(RSA)]})))
    for secret in (RSA_PUBLIC_PEM, RSA_PUBLIC_PEM.strip(), RSA_PUBLIC_DER, hashlib.sha256(RSA_PUBLIC_DER).digest()):
        with pytest.raises(InvalidToken):
            identify({"authorization": f"Bearer {by_secret(secret=secret)}"}, keys, now=NOW)


def test_a_secret_alone_accepts_no_token_of_another_algorithm() -> None:
    keys = read_keys(Settings(jwt_secret=SECRET))
    assert OctKey.import_key(SECRET)
    for name, key in KEYS.items():
        with pytest.raises(InvalidToken):
            identify({"authorization": f"Bearer {by_key(key, alg=name)}"}, keys, now=NOW)


@pytest.mark.parametrize(
    "claims",
    [{**GOOD, "exp": NOW - 29}, {**GOOD, "nbf": NOW + 29}, {**GOOD, "iat": NOW + 29}, {**GOOD, "exp": 10**400}],
)
def test_clocks_may_differ_by_half_a_minute(keys: Keys, claims: dict[str, Any]) -> None:
    assert identify({"authorization": f"Bearer {by_secret(claims)}"}, keys, now=NOW).id == USER


@pytest.mark.parametrize("audience", ["backstay", ["backstay"], ["other", "backstay"]])
def test_the_audience_may_be_one_or_among_several(keys: Keys, audience: Any) -> None:
    token = by_secret({**GOOD, "aud": audience})
    assert identify({"authorization": f"Bearer {token}"}, keys, now=NOW).id == USER


def test_messages_are_postgrests(keys: Keys) -> None:
    def message(token: str) -> str:
        with pytest.raises(Unauthenticated) as refused:
            identify({"authorization": f"Bearer {token}"}, keys, now=NOW)
        return refused.value.message

    assert message("") == "Empty JWT is sent in Authorization header"
    assert message("a.b") == "Expected 3 parts in JWT; got 2"
    assert message(UNTRUSTED["alg 'none'"]) == "Wrong or unsupported encoding algorithm"
    assert message(UNTRUSTED["another secret"]) == "No suitable key or wrong key type"
    assert message(UNTRUSTED["header not JSON"]) == "JWT cryptographic operation failed"
    assert message(by_secret({**GOOD, "exp": NOW - 31})) == "JWT expired"
    assert message(by_secret({**GOOD, "nbf": NOW + 31})) == "JWT not yet valid"
    assert message(by_secret({**GOOD, "iat": NOW + 31})) == "JWT issued at future"
    assert message(by_secret({**GOOD, "aud": "x"})) == "JWT not in audience"
    assert message(by_secret(b"[]")) == "Parsing claims failed"
    assert message(by_secret({**GOOD, "exp": "x"})) == "The JWT 'exp' claim must be a number"
    assert message(by_secret({**GOOD, "aud": 1})) == "The JWT 'aud' claim must be a string or an array of strings"
    assert message(by_secret({**GOOD, "role": "postgres"})) == 'role "postgres" does not exist'
