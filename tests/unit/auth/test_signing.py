"""Signing keys: one signs, those before it verify, the next is known before its time."""

from __future__ import annotations

import base64
import json
import stat
import subprocess
import sys
import warnings
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OKPKey, RSAKey

from backstay.auth.identify import identify
from backstay.auth.keys import Keys, read_keys
from backstay.auth.mint import compose
from backstay.auth.signing import Signer, read_signer
from backstay.auth.signing.key import ALGORITHMS, read_keys_that_sign, write_members
from backstay.auth.signing.private import make_private_key
from backstay.auth.signing.rotate import CACHED, rotate
from backstay.auth.token import SKEW
from backstay.errors import DeclarationError, InvalidClaims, InvalidToken, SecretMissing
from backstay.observe import SigningKeysChanged, SigningKeysUnreadable, subscribe
from backstay.settings import Settings

NOW = 1_800_000_000.0
SECRET = "the secret that only the server of these tests knows"
LIFETIME = timedelta(hours=1)
PRIVATE = ("d", "p", "q", "dp", "dq", "qi", "k")


def text(*members: dict[str, Any]) -> str:
    return json.dumps({"keys": members})


def signer(members: list[dict[str, Any]], secret: str = "") -> Signer:
    return Signer(read_keys_that_sign(text(*members)), secret=secret)


def member(algorithm: str = "ES256", **times: float) -> dict[str, Any]:
    return {**make_private_key(algorithm), **times}


def kid_of(token: str) -> str:
    return str(jwt_header(token)["kid"])


def jwt_header(token: str) -> dict[str, Any]:
    part = token.split(".")[0]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=="))
    return found


def asked(token: str, keys: Keys, now: float = NOW) -> str | None:
    return identify({"authorization": f"Bearer {token}"}, keys, now=now).id


def claims(now: float = NOW, **more: Any) -> dict[str, Any]:
    return compose(user="ada", now=now, claims=more)


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_signed_token_is_accepted_by_the_public_half_alone(algorithm: str) -> None:
    made = signer([member(algorithm)])
    token = made.sign(claims(), now=NOW)
    assert jwt_header(token) == {"alg": algorithm, "typ": "JWT", "kid": made.jwks()["keys"][0]["kid"]}
    assert asked(token, made.complete(Keys(), now=NOW)) == "ada"
    assert asked(token, read_keys(Settings(jwks=json.dumps(made.jwks())))) == "ada"
    library = jwt.decode(token, KeySet.import_key_set(made.jwks()), algorithms=[algorithm, "Ed25519"])
    assert library.claims["sub"] == "ada"


def test_new_keys_sign_by_es256_and_are_named_by_their_thumbprint() -> None:
    (only,) = rotate([], now=NOW, lifetime=LIFETIME)
    assert only["alg"] == "ES256"
    assert only["kid"] == ECKey.import_key({name: only[name] for name in ("kty", "crv", "x", "y")}).thumbprint()


def test_without_signing_keys_the_secret_signs() -> None:
    token = Signer(secret=SECRET).sign(claims(), now=NOW)
    assert jwt_header(token) == {"alg": "HS256", "typ": "JWT"}
    assert asked(token, read_keys(Settings(jwt_secret=SECRET))) == "ada"
    assert Signer(secret=SECRET).jwks() == {"keys": []}


def test_without_both_nothing_signs() -> None:
    with pytest.raises(SecretMissing):
        Signer().sign(claims())


def test_the_type_of_a_token_may_be_another() -> None:
    for made in (signer([member()]), Signer(secret=SECRET)):
        assert jwt_header(made.sign(claims(), kind="at+jwt"))["typ"] == "at+jwt"


@pytest.mark.invariant("I24")
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_what_is_published_holds_nothing_private(algorithm: str) -> None:
    made = signer([member(algorithm)], secret=SECRET)
    shown = json.dumps(made.jwks())
    (published,) = made.jwks()["keys"]
    assert not set(published) & set(PRIVATE)
    assert (published["use"], published["key_ops"], published["alg"]) == ("sig", ["verify"], algorithm)
    assert "not_before" not in shown and SECRET not in shown


def test_a_key_does_not_show_itself() -> None:
    private = member()
    (key,) = read_keys_that_sign(text(private))
    assert private["d"] not in repr(key) + repr(Signer((key,))) + repr(signer([private]).trusted())


# Rotation --------------------------------------------------------------------------------------------------------


def test_the_first_key_signs_at_once() -> None:
    (only,) = rotate([], now=NOW, lifetime=LIFETIME)
    assert only["not_before"] == NOW
    assert "retires_at" not in only
    assert kid_of(signer([only]).sign(claims(), now=NOW)) == only["kid"]


@pytest.mark.asvs("9.1.3")
def test_the_next_key_is_published_before_it_signs_and_the_old_one_verifies_until_its_tokens_have_expired() -> None:
    before = rotate([], now=NOW - 1000, lifetime=LIFETIME)
    after = rotate(before, now=NOW, lifetime=LIFETIME)
    new, old = after
    made = signer(after)
    overlap = CACHED.total_seconds()

    assert {each["kid"] for each in made.jwks(now=NOW)["keys"]} == {new["kid"], old["kid"]}
    assert kid_of(made.sign(claims(), now=NOW + overlap)) == old["kid"]
    last = NOW + new["not_before"] - NOW - 1
    last_token = made.sign(claims(last), now=last)
    assert kid_of(last_token) == old["kid"]
    assert kid_of(made.sign(claims(), now=new["not_before"])) == new["kid"]

    end = last + LIFETIME.total_seconds()
    assert asked(last_token, made.complete(Keys(), now=end), now=end) == "ada"
    assert asked(last_token, made.complete(Keys(), now=end + SKEW), now=end + SKEW) == "ada"
    gone = old["retires_at"]
    assert [each["kid"] for each in made.jwks(now=gone)["keys"]] == [new["kid"]]
    with pytest.raises(InvalidToken):
        asked(last_token, made.complete(Keys(), now=gone), now=gone)


def test_keys_that_are_retired_leave_the_set_with_the_next_rotation() -> None:
    members: list[dict[str, Any]] = []
    kids = []
    for day in range(4):
        members = rotate(members, now=NOW + 86_400 * day, lifetime=LIFETIME)
        kids.append(members[0]["kid"])
    assert [each["kid"] for each in members] == [kids[3], kids[2]]


def test_two_rotations_in_a_row_leave_no_gap() -> None:
    members = rotate(
        rotate(rotate([], now=NOW, lifetime=LIFETIME), now=NOW + 60, lifetime=LIFETIME),
        now=NOW + 120,
        lifetime=LIFETIME,
    )
    made = signer(members)
    for after in range(0, 7200, 30):
        token = made.sign(claims(NOW + after), now=NOW + after)
        for later in (0, 600, 3600):
            then = NOW + after + later
            assert asked(token, made.complete(Keys(), now=then), now=then) == "ada"


def test_in_an_emergency_the_new_key_signs_and_the_old_ones_are_refused_at_once() -> None:
    before = rotate([], now=NOW - 1000, lifetime=LIFETIME)
    stolen = signer(before).sign(claims(), now=NOW)
    after = rotate(before, now=NOW, lifetime=LIFETIME, at_once=True)
    made = signer(after)
    assert len(after) == 1
    assert kid_of(made.sign(claims(), now=NOW)) == after[0]["kid"] != before[0]["kid"]
    with pytest.raises(InvalidToken):
        asked(stolen, made.complete(Keys(), now=NOW))


def test_the_algorithm_may_change_with_a_rotation() -> None:
    members = rotate(rotate([], now=NOW, lifetime=LIFETIME), now=NOW, lifetime=LIFETIME, algorithm="EdDSA")
    assert [each["alg"] for each in members] == ["EdDSA", "ES256"]
    with pytest.raises(DeclarationError, match="HS256"):
        rotate(members, now=NOW, lifetime=LIFETIME, algorithm="HS256")


def test_where_no_key_s_time_has_come_the_first_to_come_signs() -> None:
    late, later = member(not_before=NOW + 10), member(not_before=NOW + 20)
    assert kid_of(signer([later, late]).sign(claims(), now=NOW)) == late["kid"]


def test_where_all_keys_are_retired_nothing_signs() -> None:
    with pytest.raises(SecretMissing):
        signer([member(retires_at=NOW)]).sign(claims(), now=NOW)


# Files -----------------------------------------------------------------------------------------------------------


def test_the_file_is_its_owner_s_alone_and_is_replaced_as_a_whole(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    write_members(file, [member()])
    first = file.stat()
    write_members(file, [member(), member()])
    assert stat.S_IMODE(first.st_mode) == stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.stat().st_ino != first.st_ino
    assert list(tmp_path.iterdir()) == [file]


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    write_members(file, [member()])
    made = read_signer(Settings(signing_keys=str(file)))
    seen: list[Any] = []
    end = subscribe(seen.append, SigningKeysChanged, SigningKeysUnreadable)
    try:
        assert not made.reload()
        other = member()
        write_members(file, [other])
        assert made.reload()
        assert not made.reload()
        assert kid_of(made.sign(claims())) == other["kid"]
        file.write_text("{")
        assert not made.reload()
        file.unlink()
        assert not made.reload()
        assert kid_of(made.sign(claims())) == other["kid"]
        write_members(file, [other])
        assert made.reload()
    finally:
        end()
    assert [type(each) for each in seen] == [
        SigningKeysChanged,
        SigningKeysUnreadable,
        SigningKeysUnreadable,
        SigningKeysChanged,
    ]
    assert all(other["d"] not in repr(each) for each in seen)


def test_the_setting_may_hold_the_keys_themselves() -> None:
    only = member()
    made = read_signer(Settings(signing_keys=f" {text(only)}", jwt_secret=SECRET))
    assert kid_of(made.sign(claims())) == only["kid"]
    assert not made.reload()


def test_the_secret_still_verifies_beside_signing_keys() -> None:
    settings = Settings(signing_keys=text(member()), jwt_secret=SECRET)
    keys = read_signer(settings).complete(read_keys(settings))
    assert asked(Signer(secret=SECRET).sign(claims(), now=NOW), keys) == "ada"


EC = make_private_key("ES256")
with warnings.catch_warnings(action="ignore"):
    WEAK = RSAKey.generate_key(1024)


@pytest.mark.filterwarnings("ignore:Key size")
@pytest.mark.parametrize(
    "broken",
    [
        "no-such-file.json",
        "{",
        '{"keys": []}',
        '{"keys": 1}',
        '{"keys": ["x"]}',
        json.dumps(EC),
        text({**EC, "d": "AAAA"}),
        text({name: value for name, value in EC.items() if name != "d"}),
        text({name: value for name, value in EC.items() if name != "kid"}),
        text({**EC, "kid": 7}),
        text({**EC, "alg": "RS256"}),
        text({**EC, "use": "enc"}),
        text({**EC, "not_before": "soon"}),
        text({**EC, "retires_at": True}),
        text(EC, EC),
        text({"kty": "oct", "k": "AAAA", "kid": "a"}),
        text({**WEAK.as_dict(private=True), "kid": "weak"}),
        text({**ECKey.generate_key("P-384").as_dict(private=True), "kid": "other"}),
        text({**OKPKey.generate_key("X25519").as_dict(private=True), "kid": "other"}),
    ],
)
def test_what_is_no_signing_key_is_told_and_never_shown(broken: str) -> None:
    with pytest.raises(DeclarationError, match="signing_keys") as raised:
        read_signer(Settings(signing_keys=broken))
    told = f"{raised.value.message} {raised.value.hint} {raised.value.__cause__} {raised.value!r}"
    assert EC["d"] not in told and EC["x"] not in told


def test_signing_by_the_secret_loads_no_cryptography() -> None:
    program = (
        "import sys; from backstay.auth.signing import Signer, read_signer; from backstay.settings import Settings; "
        f"read_signer(Settings(jwt_secret='{SECRET}')).sign({{'sub': 'ada'}}); "
        "print(sorted({'joserfc', 'cryptography'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# The tokens of sign-in -----------------------------------------------------------------------------------------------

ISSUER = "https://api.example.com/auth/v1"
ISSUED: dict[str, Any] = {
    "iss": ISSUER,
    "aud": "authenticated",
    "sub": "ada",
    "role": "authenticated",
    "iat": NOW,
    "exp": NOW + 60,
}


def issuing(secret: str = "") -> tuple[Signer, Keys]:
    made = signer([member()], secret=secret)
    return made, made.complete(Keys(issuer=ISSUER, trusted=read_keys(Settings(jwt_secret=SECRET)).trusted), now=NOW)


def test_a_token_of_sign_in_is_accepted() -> None:
    made, keys = issuing()
    assert asked(made.sign(ISSUED, now=NOW), keys) == "ada"
    assert asked(made.sign(ISSUED, now=NOW, kind="at+jwt"), keys) == "ada"
    assert asked(Signer(secret=SECRET).sign(ISSUED), keys) == "ada"


@pytest.mark.asvs("9.2.2")
@pytest.mark.asvs("9.2.4")
@pytest.mark.parametrize(
    "change",
    [
        {"iss": None},
        {"iss": ""},
        {"iss": "https://other.example.com/auth/v1"},
        {"iss": ISSUER + "/"},
        {"iss": [ISSUER]},
        {"iss": ISSUER.upper()},
        {"aud": None},
        {"aud": "a-client"},
        {"aud": []},
        {"exp": None},
        {"sub": None},
        {"sub": ""},
    ],
    ids=str,
)
def test_of_our_own_keys_nothing_but_access_tokens_is_accepted(change: dict[str, Any]) -> None:
    made, keys = issuing()
    changed = {name: value for name, value in {**ISSUED, **change}.items() if value is not None}
    with pytest.raises(InvalidClaims):
        asked(made.sign(changed, now=NOW), keys)


def test_the_secret_s_tokens_may_come_from_other_servers() -> None:
    _, keys = issuing()
    by_secret = Signer(secret=SECRET).sign
    assert asked(by_secret({"sub": "ada", "role": "authenticated"}), keys) == "ada"
    assert asked(by_secret({"iss": "supabase", "role": "anon", "ref": "x"}), keys) is None
    assert asked(by_secret({**ISSUED, "iss": "https://other.example.com"}), keys) == "ada"


@pytest.mark.asvs("9.2.3")
def test_where_the_settings_name_an_issuer_tokens_of_others_are_refused() -> None:
    made, keys = issuing()
    keys = replace(keys, other_issuer="https://issuer.example.com")
    by_secret = Signer(secret=SECRET).sign
    assert asked(by_secret({**ISSUED, "iss": "https://issuer.example.com"}), keys) == "ada"
    assert asked(by_secret(ISSUED), keys) == asked(made.sign(ISSUED, now=NOW), keys) == "ada"
    for issuer in ("https://other.example.com", "", None, ["https://issuer.example.com"], 1):
        with pytest.raises(InvalidClaims, match="issuer"):
            asked(by_secret({**ISSUED, "iss": issuer}), keys)
    with pytest.raises(InvalidClaims, match="issuer"):
        asked(made.sign({**ISSUED, "iss": "https://issuer.example.com"}, now=NOW), keys)


def test_the_settings_say_who_issues() -> None:
    given = Settings(jwt_secret=SECRET, public_url="https://api.example.com/", jwt_issuer="https://issuer.example.com")
    assert (read_keys(given).issuer, read_keys(given).other_issuer) == ("", "https://issuer.example.com")
    assert read_keys(given, sign_in=True).issuer == ISSUER
