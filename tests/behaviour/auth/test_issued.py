"""The tokens of sign-in are signed by a key that others can verify by, and are believed for nothing else."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from backstay.auth.signing.key import read_members, write_members
from backstay.auth.signing.rotate import rotate
from fixtures import forged
from signing_in import Club

ISSUER = "https://club.example/auth/v1"
NOW = time.time()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "signing-keys.json"
    write_members(file, rotate([], now=time.time(), lifetime=timedelta(hours=1)))
    return file


@pytest.fixture
def issuing(database_url: str, file: Path) -> Iterator[Club]:
    with Club(database_url, signing_keys=str(file)) as club:
        yield club


@pytest.mark.asvs("9.2.4", "10.3.1")
def test_a_library_verifies_them_by_what_is_published(issuing: Club) -> None:
    ada = issuing.member()
    configuration = issuing.ask("GET", "/.well-known/openid-configuration", key=None)
    assert configuration.json["issuer"] == ISSUER
    assert configuration.json["id_token_signing_alg_values_supported"] == ["ES256"]
    published = issuing.ask("GET", configuration.json["jwks_uri"].removeprefix(ISSUER), key=None)
    for answer in (configuration, published):
        assert answer.headers["cache-control"] == "public, max-age=600"
    token = jwt.decode(ada.token, KeySet.import_key_set(published.json), algorithms=["ES256"])
    rules = jwt.JWTClaimsRegistry(
        iss={"essential": True, "value": ISSUER},
        aud={"essential": True, "value": "authenticated"},
        exp={"essential": True},
    )
    rules.validate(token.claims)
    assert token.claims["sub"] == ada.id
    assert token.header["kid"] == published.json["keys"][0]["kid"]


def test_without_signing_keys_nothing_is_published(club: Club) -> None:
    assert club.ask("GET", "/.well-known/jwks.json").json == {"keys": []}


def test_a_session_lives_on_through_a_rotation(issuing: Club, file: Path) -> None:
    ada = issuing.member()
    (old,) = read_members(file.read_text())
    new, _ = rotate([old], now=time.time(), lifetime=timedelta(hours=1))
    write_members(file, [{**new, "not_before": time.time()}, {**old, "retires_at": time.time() + 3600}])
    issuing.run(issuing.app.assembly._renew_keys())
    answer = issuing.ask("POST", "/token?grant_type=refresh_token", {"refresh_token": ada.refresh_token})
    kids = {kid_of(each) for each in (ada.token, answer.json["access_token"])}
    assert len(kids) == 2
    for token in (ada.token, answer.json["access_token"]):
        assert issuing.ask("GET", "/rest/v1/notes", token=token).status == 200


def kid_of(token: str) -> str:
    return str(json.loads(forged.decode(token.split(".")[0]))["kid"])


# Forged ---------------------------------------------------------------------------------------------------------------

UNTRUSTED = {
    name: token
    for name, token in forged.untrusted(NOW).items()
    if token and len(token) < 50_000 and not any(each in token for each in "\0\n\ud800")
}
OTHERS = forged.other_purposes(NOW)


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Club]:
    """The club, trusting the keys of the forge, as the issuer that its tokens name."""
    folder = tmp_path_factory.mktemp("database")
    public_url = forged.ISSUER.removesuffix("/auth/v1")
    with Club(f"sqlite:///{folder}/club.db", public_url=public_url, **forged.settings()) as club:
        yield club


def test_their_good_twins_are_accepted(door: Club) -> None:
    for token in forged.good_tokens(NOW).values():
        assert door.ask("GET", "/rest/v1/notes", token=token).status == 200
        # The user is not there, which is another matter than a token that is not good.
        assert door.ask("GET", "/user", token=token).json["code"] in ("user_not_found", "session_not_found")


@pytest.mark.asvs("9.1.1", "9.1.2", "9.1.3", "9.2.1", "6.8.2")
@pytest.mark.parametrize("name", UNTRUSTED)
def test_a_forged_token_is_refused_by_sign_in(door: Club, name: str) -> None:
    answer = door.ask("GET", "/user", token=UNTRUSTED[name])
    assert answer.status in (401, 403)
    assert answer.json["code"] in ("bad_jwt", "no_authorization")
    assert door.ask("POST", "/logout", token=UNTRUSTED[name]).status in (401, 403)
    assert door.ask("PUT", "/user", {"data": {}}, token=UNTRUSTED[name]).status in (401, 403)


@pytest.mark.asvs("9.2.2", "9.2.3", "10.3.1", "10.3.3")
@pytest.mark.parametrize("name", OTHERS)
def test_what_our_own_key_signed_for_another_purpose_opens_no_door(door: Club, name: str) -> None:
    for _ in range(2):
        assert door.ask("GET", "/rest/v1/notes", token=OTHERS[name]).status == 401
    refused = door.ask("GET", "/user", token=OTHERS[name])
    assert (refused.status, refused.json["code"]) == (403, "bad_jwt")
