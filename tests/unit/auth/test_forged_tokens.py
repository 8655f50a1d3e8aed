"""Every forged or broken token is refused with 401, and by no other kind of exception."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from joserfc import jws
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from backstay.auth.identify import identify
from backstay.auth.keys import Keys, read_keys
from backstay.auth.verified import VerifiedTokens
from backstay.errors import InvalidClaims, InvalidToken, SecretMissing, Unauthenticated
from backstay.schema.caller import Role
from backstay.settings import Settings

NOW = 1_800_000_000.0
SECRET = "the secret that only the server of these tests knows"
RSA = RSAKey.generate_key(2048, {"kid": "rsa-1"})
RSA_PUBLIC_PEM = RSA.as_pem(private=False)
RSA_PUBLIC_DER = serialization.load_pem_public_key(RSA_PUBLIC_PEM).public_bytes(
    serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
)
EC = ECKey.generate_key("P-256", {"kid": "ec-1"})
ED = OKPKey.generate_key("Ed25519", {"kid": "ed-1"})
STRANGER_RSA = RSAKey.generate_key(2048, {"kid": "rsa-1"})
STRANGER_EC = ECKey.generate_key("P-256", {"kid": "ec-1"})
STRANGER_ED = OKPKey.generate_key("Ed25519", {"kid": "ed-1"})
PRIVATE = {"RS256": RSA, "ES256": EC, "EdDSA": ED, "Ed25519": ED}

GOOD: dict[str, Any] = {"sub": "ada", "role": "authenticated", "aud": "backstay", "exp": NOW + 60, "iat": NOW}


def public(key: RSAKey | ECKey | OKPKey) -> dict[str, Any]:
    return dict(key.as_dict(private=False))


@pytest.fixture(scope="module")
def keys() -> Keys:
    jwks = json.dumps({"keys": [public(RSA), public(EC), public(ED)]})
    return read_keys(Settings(jwt_secret=SECRET, jwks=jwks, jwt_audience="backstay"))


def encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def text(value: Any) -> bytes:
    return value if isinstance(value, bytes) else json.dumps(value).encode()


def by_secret(claims: Any = GOOD, header: Any = None, secret: bytes = SECRET.encode(), hash: str = "sha256") -> str:
    """A token put together by hand, so that it may hold what no library would write."""
    signed = encode(text({"alg": "HS256", "typ": "JWT"} if header is None else header)) + "." + encode(text(claims))
    return signed + "." + encode(hmac.new(secret, signed.encode(), hash).digest())


def by_key(key: RSAKey | ECKey | OKPKey, claims: Any = GOOD, /, **header: Any) -> str:
    signature = OKP if (header.get("alg") in ("EdDSA", "Ed25519")) else str(header["alg"])
    signed = encode(text(header)) + "." + encode(text(claims))
    algorithm = jws.JWSRegistry.algorithms[signature]
    return signed + "." + encode(algorithm.sign(signed.encode(), key))


OKP = "Ed25519"


def change(part: int, edit: Callable[[str], str], token: str | None = None) -> str:
    parts = (token or by_secret()).split(".")
    parts[part] = edit(parts[part])
    return ".".join(parts)


def flip_last_bit(segment: str) -> str:
    """Another way to write the same bytes: a stray bit in the last character."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    assert len(segment) % 4 != 0
    return segment[:-1] + alphabet[alphabet.index(segment[-1]) ^ 1]


def unsigned(algorithm: Any, signature: str = "") -> str:
    return encode(text({"alg": algorithm, "typ": "JWT"})) + "." + encode(text(GOOD)) + "." + signature


def signed_by_empty_ecdsa() -> str:
    """CVE-2022-21449: r = s = 0 passes a careless verifier."""
    return encode(text({"alg": "ES256", "kid": "ec-1"})) + "." + encode(text(GOOD)) + "." + encode(bytes(64))


DEEP = b'{"sub":"ada","a":' + b"[" * 2500 + b"]" * 2500 + b"}"
JWK_OF_STRANGER = public(STRANGER_RSA)

UNTRUSTED: dict[str, str] = {
    # no signature
    "alg none": unsigned("none"),
    "alg None": unsigned("None"),
    "alg NONE": unsigned("NONE"),
    "alg nOnE with a signature": unsigned("nOnE", encode(b"signature")),
    "alg none with the right signature": by_secret(header={"alg": "none"}),
    "alg empty": unsigned(""),
    "alg absent": encode(b'{"typ":"JWT"}') + "." + encode(text(GOOD)) + ".",
    "alg null": unsigned(None),
    "alg a number": unsigned(256),
    "alg a list": unsigned(["HS256"]),
    "alg an object": unsigned({"HS256": True}),
    "good header, empty signature": change(2, lambda _: ""),
    # the wrong algorithm
    "alg hs256 in lower case": by_secret(header={"alg": "hs256"}),
    "alg HS256 with a space": by_secret(header={"alg": "HS256 "}),
    "alg HS384": by_secret(header={"alg": "HS384"}, hash="sha384"),
    "alg HS512": by_secret(header={"alg": "HS512"}, hash="sha512"),
    "alg RS512 by the right key": by_key(RSA, alg="RS512", kid="rsa-1"),
    "alg PS256 by the right key": by_key(RSA, alg="PS256", kid="rsa-1"),
    "alg dir": by_secret(header={"alg": "dir", "enc": "A128GCM"}),
    # the public key as if it were a secret
    "HS256 by the public key's PEM": by_secret(secret=RSA_PUBLIC_PEM),
    "HS256 by the public key's PEM without its last newline": by_secret(secret=RSA_PUBLIC_PEM.strip()),
    "HS256 by the public key's PEM, with its kid": by_secret(
        header={"alg": "HS256", "kid": "rsa-1"}, secret=RSA_PUBLIC_PEM
    ),
    "HS256 by the public key's DER": by_secret(secret=RSA_PUBLIC_DER),
    "HS256 by the modulus": by_secret(header={"alg": "HS256", "kid": "rsa-1"}, secret=public(RSA)["n"].encode()),
    "HS256 by the JWK's text": by_secret(secret=json.dumps(public(EC)).encode()),
    "HS256 by the Edwards point": by_secret(header={"alg": "HS256", "kid": "ed-1"}, secret=public(ED)["x"].encode()),
    "RS256 in name, signed by the secret": by_secret(header={"alg": "RS256", "kid": "rsa-1"}),
    "ES256 in name, signed by the secret": by_secret(header={"alg": "ES256", "kid": "ec-1"}),
    # the wrong key
    "another secret": by_secret(secret=b"another secret, that only an attacker knows about"),
    "the empty secret": by_secret(secret=b""),
    "RS256 by a stranger of the same kid": by_key(STRANGER_RSA, alg="RS256", kid="rsa-1"),
    "ES256 by a stranger of the same kid": by_key(STRANGER_EC, alg="ES256", kid="ec-1"),
    "EdDSA by a stranger of the same kid": by_key(STRANGER_ED, alg="EdDSA", kid="ed-1"),
    "RS256 by a stranger without kid": by_key(STRANGER_RSA, alg="RS256"),
    "ES256 of zeroes": signed_by_empty_ecdsa(),
    "ES256 by the right key in DER": encode(text({"alg": "ES256", "kid": "ec-1"}))
    + "."
    + encode(text(GOOD))
    + "."
    + encode(b"\x30\x06\x02\x01\x01\x02\x01\x01"),
    # kid as a lever
    "unknown kid": by_key(RSA, alg="RS256", kid="rsa-2"),
    "kid of a key of another kind": by_key(RSA, alg="RS256", kid="ec-1"),
    "kid a path": by_key(STRANGER_RSA, alg="RS256", kid="../../../../dev/null"),
    "kid a path, signed by nothing": by_secret(header={"alg": "HS256", "kid": "/dev/null"}, secret=b""),
    "kid an SQL fragment": by_secret(header={"alg": "HS256", "kid": "x' UNION SELECT 'k"}, secret=b"k"),
    "kid an empty text": by_key(RSA, alg="RS256", kid=""),
    "kid a number": by_key(RSA, alg="RS256", kid=1),
    "kid a list": by_key(RSA, alg="RS256", kid=["rsa-1"]),
    "kid null": by_key(STRANGER_RSA, alg="RS256", kid=None),
    # the key inside the token
    "jwk in the header": by_key(STRANGER_RSA, alg="RS256", jwk=JWK_OF_STRANGER),
    "jwk in the header, with our kid": by_key(STRANGER_RSA, alg="RS256", kid="rsa-1", jwk=JWK_OF_STRANGER),
    "jwk of a symmetric key": by_secret(
        header={"alg": "HS256", "jwk": {"kty": "oct", "k": encode(b"mine")}}, secret=b"mine"
    ),
    "jku in the header": by_key(STRANGER_RSA, alg="RS256", jku="https://attacker.example/jwks.json"),
    "x5u in the header": by_key(STRANGER_RSA, alg="RS256", x5u="https://attacker.example/chain.pem"),
    "x5c in the header": by_key(STRANGER_RSA, alg="RS256", x5c=[base64.b64encode(RSA_PUBLIC_DER).decode()]),
    # extensions
    "crit unknown": by_secret(header={"alg": "HS256", "crit": ["bork"], "bork": True}),
    "crit empty": by_secret(header={"alg": "HS256", "crit": []}),
    "crit of a registered name": by_secret(header={"alg": "HS256", "crit": ["kid"], "kid": "a"}),
    "crit not a list": by_secret(header={"alg": "HS256", "crit": "exp"}),
    "crit null": by_secret(header={"alg": "HS256", "crit": None}),
    "b64 false": by_secret(header={"alg": "HS256", "b64": False, "crit": ["b64"]}),
    "b64 false, not critical": by_secret(header={"alg": "HS256", "b64": False}),
    "zip": by_secret(header={"alg": "HS256", "zip": "DEF"}),
    "typ of another protocol": by_secret(header={"alg": "HS256", "typ": "secevent+jwt"}),
    "typ not a text": by_secret(header={"alg": "HS256", "typ": ["JWT"]}),
    # the form
    "empty": "",
    "one part": "token",
    "null": "null",
    "two parts": by_secret().rpartition(".")[0],
    "four parts": by_secret() + ".x",
    "five parts, as if encrypted": "a.b.c.d.e",
    "two dots": "..",
    "header cut": change(0, lambda part: part[:-1]),
    "claims cut": change(1, lambda part: part[:-4]),
    "signature cut": change(2, lambda part: part[:-4]),
    "signature longer": change(2, lambda part: part + "AAAA"),
    "signature with padding": change(2, lambda part: part + "="),
    "header with padding": change(0, lambda part: part + "=" * (-len(part) % 4 or 4)),
    "claims with padding": change(1, lambda part: part + "=="),
    "signature written with a stray bit": change(2, flip_last_bit),
    "standard base64 alphabet": change(2, lambda part: part.replace("-", "+").replace("_", "/") + "+"),
    "a newline inside": change(1, lambda part: part[:4] + "\n" + part[4:]),
    "a space inside": change(2, lambda part: part[:4] + " " + part[4:]),
    "a letter that is not ASCII": change(1, lambda part: part + "é"),
    "a NUL": change(1, lambda part: part + "\x00"),
    "a lone surrogate": change(1, lambda part: part + "\ud800"),
    "claims of another token": by_secret().split(".")[0]
    + "."
    + encode(text({**GOOD, "role": "service_role"}))
    + "."
    + by_secret().split(".")[2],
    "too long": by_secret({**GOOD, "padding": "x" * 10_000}),
    "a megabyte": "a" * 1_000_000 + ".b.c",
    "header not JSON": by_secret(header=b"alg"),
    "header not an object": by_secret(header=["HS256"]),
    "header with alg twice": by_secret(header=b'{"alg":"none","alg":"HS256"}'),
    "header with NaN": by_secret(header=b'{"alg":"HS256","x":NaN}'),
    "header in UTF-16": by_secret(header='{"alg":"HS256"}'.encode("utf-16")),
    "header not UTF-8": by_secret(header=b'{"alg":"HS256","x":"\xff"}'),
    "header with a byte order mark": by_secret(header=b"\xef\xbb\xbf" + b'{"alg":"HS256"}'),
    "header nested deeply": by_secret(header=b'{"alg":"HS256","x":' + b"[" * 2000 + b"]" * 2000 + b"}"),
    "two tokens": by_secret() + ", Bearer " + by_secret(),
    "the word Bearer twice": "Bearer " + by_secret(),
}

NONSENSE: dict[str, bytes | dict[str, Any]] = {
    "claims a list": b"[]",
    "claims a text": b'"ada"',
    "claims null": b"null",
    "claims not JSON": b"sub=ada",
    "claims empty": b"",
    "claims nested deeply": DEEP,
    "claims in UTF-16": '{"sub":"ada"}'.encode("utf-16"),
    "claims not UTF-8": b'{"sub":"\xff"}',
    "claims with sub twice": b'{"sub":"ada","sub":"eve","aud":"backstay"}',
    "claims with role twice": b'{"sub":"ada","role":"anon","role":"service_role","aud":"backstay"}',
    "claims with a name twice inside": b'{"sub":"ada","a":{"b":1,"b":2},"aud":"backstay"}',
    "claims with NaN": b'{"sub":"ada","exp":NaN,"aud":"backstay"}',
    "claims with Infinity": b'{"sub":"ada","exp":Infinity,"aud":"backstay"}',
    "claims with -Infinity": b'{"sub":"ada","nbf":-Infinity,"aud":"backstay"}',
    "claims with a number beyond all": b'{"sub":"ada","x":' + b"9" * 5000 + b"}",
    "claims with a lone surrogate": b'{"sub":"\\ud800","aud":"backstay"}',
    "claims with NUL": b'{"sub":"ada\\u0000","aud":"backstay"}',
    "exp 1e400": b'{"sub":"ada","exp":1e400,"aud":"backstay"}',
    "exp a text": {**GOOD, "exp": "1800000060"},
    "exp true": {**GOOD, "exp": True},
    "exp null": {**GOOD, "exp": None},
    "exp a list": {**GOOD, "exp": [NOW + 60]},
    "exp an object": {**GOOD, "exp": {}},
    "exp past": {**GOOD, "exp": NOW - 31},
    "exp zero": {**GOOD, "exp": 0},
    "exp below zero": {**GOOD, "exp": -(10**30)},
    "nbf a text": {**GOOD, "nbf": "0"},
    "nbf to come": {**GOOD, "nbf": NOW + 31},
    "nbf never": {**GOOD, "nbf": 10**400},
    "iat a text": {**GOOD, "iat": "now"},
    "iat to come": {**GOOD, "iat": NOW + 31},
    "aud absent": {name: value for name, value in GOOD.items() if name != "aud"},
    "aud wrong": {**GOOD, "aud": "another"},
    "aud in other case": {**GOOD, "aud": "Backstay"},
    "aud empty": {**GOOD, "aud": ""},
    "aud an empty list": {**GOOD, "aud": []},
    "aud null": {**GOOD, "aud": None},
    "aud a number": {**GOOD, "aud": 1},
    "aud an object": {**GOOD, "aud": {"backstay": True}},
    "aud a list with a number": {**GOOD, "aud": ["backstay", 1]},
    "aud a list of others": {**GOOD, "aud": ["a", "b"]},
    "aud a part of ours": {**GOOD, "aud": ["back", "stay"]},
    "sub a number": {**GOOD, "sub": 1},
    "sub empty": {**GOOD, "sub": ""},
    "sub a list": {**GOOD, "sub": ["ada"]},
    "sub an object": {**GOOD, "sub": {"$ne": None}},
    "role unknown": {**GOOD, "role": "postgres"},
    "role in other case": {**GOOD, "role": "SERVICE_ROLE"},
    "role empty": {**GOOD, "role": ""},
    "role null": {**GOOD, "role": None},
    "role a list": {**GOOD, "role": ["service_role"]},
    "role a number": {**GOOD, "role": 1},
    "role with a quote": {**GOOD, "role": 'x" \r\nset-cookie: a=b'},
}


def test_a_good_token_is_accepted_by_each_kind_of_key(keys: Keys) -> None:
    tokens = [by_secret()] + [by_key(key, alg=name, kid=key.kid) for name, key in PRIVATE.items()]
    callers = [identify({"authorization": f"Bearer {token}"}, keys, now=NOW) for token in tokens]
    assert [(caller.id, caller.role) for caller in callers] == [("ada", Role.AUTHENTICATED)] * 5


@pytest.mark.asvs("9.1.1")
@pytest.mark.parametrize("token", UNTRUSTED.values(), ids=UNTRUSTED.keys())
def test_a_token_that_no_trusted_key_signed_is_refused(keys: Keys, token: str) -> None:
    verified = VerifiedTokens(10)
    with pytest.raises(Unauthenticated) as refused:
        identify({"authorization": f"Bearer {token}"}, keys, verified, now=NOW)
    assert type(refused.value) is InvalidToken
    assert refused.value.status == 401
    assert len(verified) == 0


@pytest.mark.asvs("9.2.1")
@pytest.mark.parametrize("claims", NONSENSE.values(), ids=NONSENSE.keys())
def test_a_signed_token_whose_claims_do_not_hold_is_refused(keys: Keys, claims: Any) -> None:
    verified = VerifiedTokens(10)
    with pytest.raises(Unauthenticated) as refused:
        identify({"authorization": f"Bearer {by_secret(claims)}"}, keys, verified, now=NOW)
    assert type(refused.value) is InvalidClaims
    assert "\n" not in refused.value.message
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
    for name, key in PRIVATE.items():
        with pytest.raises(InvalidToken):
            identify({"authorization": f"Bearer {by_key(key, alg=name)}"}, keys, now=NOW)


@pytest.mark.parametrize(
    "claims",
    [{**GOOD, "exp": NOW - 29}, {**GOOD, "nbf": NOW + 29}, {**GOOD, "iat": NOW + 29}, {**GOOD, "exp": 10**400}],
)
def test_clocks_may_differ_by_half_a_minute(keys: Keys, claims: dict[str, Any]) -> None:
    assert identify({"authorization": f"Bearer {by_secret(claims)}"}, keys, now=NOW).id == "ada"


@pytest.mark.parametrize("audience", ["backstay", ["backstay"], ["other", "backstay"]])
def test_the_audience_may_be_one_or_among_several(keys: Keys, audience: Any) -> None:
    token = by_secret({**GOOD, "aud": audience})
    assert identify({"authorization": f"Bearer {token}"}, keys, now=NOW).id == "ada"


def test_messages_are_postgrests(keys: Keys) -> None:
    def message(token: str) -> str:
        with pytest.raises(Unauthenticated) as refused:
            identify({"authorization": f"Bearer {token}"}, keys, now=NOW)
        return refused.value.message

    assert message("") == "Empty JWT is sent in Authorization header"
    assert message("a.b") == "Expected 3 parts in JWT; got 2"
    assert message(UNTRUSTED["alg none"]) == "Wrong or unsupported encoding algorithm"
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
