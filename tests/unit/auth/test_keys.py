"""The keys that settings name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from backstay.auth.keys import generate_jwt_secret, generate_publishable_key, generate_secret_key, read_keys
from backstay.errors import DeclarationError
from backstay.settings import Settings

EC = ECKey.generate_key("P-256", {"kid": "ec-1", "alg": "ES256", "use": "sig", "key_ops": ["verify"]}, private=True)
RSA = RSAKey.generate_key(2048, {"kid": "rsa-1"})


def key_set(*members: Any) -> str:
    return json.dumps({"keys": list(members)})


def problem(**settings: Any) -> str:
    with pytest.raises(DeclarationError) as refused:
        read_keys(Settings(**settings))
    return refused.value.message


def test_generated_keys_are_accepted() -> None:
    keys = read_keys(
        Settings(
            jwt_secret=generate_jwt_secret(),
            publishable_key=generate_publishable_key(),
            secret_key=generate_secret_key(),
        )
    )
    assert len(keys.trusted) == 1


@pytest.mark.asvs("13.2.3")
def test_without_settings_nothing_is_trusted() -> None:
    keys = read_keys(Settings())
    assert (keys.trusted, keys.publishable, keys.secret) == ((), None, None)


@pytest.mark.invariant("I24")
def test_keys_do_not_show_their_secrets() -> None:
    secret, privileged = generate_jwt_secret(), generate_secret_key()
    keys = read_keys(Settings(jwt_secret=secret, secret_key=privileged))
    assert secret not in repr(keys)
    assert privileged not in repr(keys)
    assert privileged.encode() != keys.secret


def test_a_key_set_is_read_from_text_and_from_a_file(tmp_path: Path) -> None:
    text = key_set(EC.as_dict(private=False), RSA.as_dict(private=False))
    file = tmp_path / "jwks.json"
    file.write_text(text)
    for jwks in (text, f"\n {text}", str(file)):
        assert [key.kid for key in read_keys(Settings(jwks=jwks)).trusted] == ["ec-1", "rsa-1"]


def test_a_single_key_is_a_set_of_one() -> None:
    assert len(read_keys(Settings(jwks=json.dumps(EC.as_dict(private=False)))).trusted) == 1


def test_of_a_private_key_only_the_public_part_is_kept() -> None:
    keys = read_keys(Settings(jwks=key_set(EC.as_dict(private=True), RSA.as_dict(private=True))))
    assert [key.key.is_private for key in keys.trusted] == [False, False]


def test_keys_for_other_purposes_are_left_aside() -> None:
    others = [
        {**RSA.as_dict(private=False), "use": "enc"},
        {**RSA.as_dict(private=False), "alg": "RSA-OAEP"},
        {**RSA.as_dict(private=False), "alg": "PS256"},
        ECKey.generate_key("P-384").as_dict(private=False),
        OKPKey.generate_key("X25519").as_dict(private=False),
        {"kty": "ML-DSA", "pub": "AAAA"},
    ]
    keys = read_keys(Settings(jwks=key_set(*others, EC.as_dict(private=False))))
    assert [key.kid for key in keys.trusted] == ["ec-1"]
    assert "no RS256, ES256 or EdDSA" in problem(jwks=key_set(*others))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"jwt_secret": "tiny"}, "shorter than 32 bytes"),
        ({"jwt_secret": RSA.as_pem(private=False).decode()}, "public key"),
        ({"jwks": "/there/is/no/such/file.json"}, "cannot be read"),
        ({"jwks": "{"}, "cannot be read"),
        ({"jwks": "{}"}, "cannot be read"),
        ({"jwks": '{"keys": {}}'}, "cannot be read"),
        ({"jwks": key_set()}, "no RS256, ES256 or EdDSA"),
        ({"jwks": key_set("text")}, "not an object"),
        ({"jwks": key_set(OctKey.generate_key(256).as_dict(private=True))}, "symmetric"),
        ({"jwks": key_set({"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"})}, "key 1 cannot be used"),
        ({"jwks": key_set({"kty": "RSA", "n": "AQAB"})}, "key 1 cannot be used"),
        ({"jwks": key_set({**RSA.as_dict(private=False), "kid": 1})}, "kid is not text"),
        ({"jwt_role_claim": ""}, "not a path"),
        ({"jwt_role_claim": "a..b"}, "not a path"),
        ({"jwt_role_claim": "[0]"}, "not a path"),
        ({"jwt_role_claim": 'a"b"'}, "not a path"),
        ({"jwt_role_claim": "$"}, "not a path"),
        ({"jwt_role_claim": "$role"}, "not a path"),
        ({"jwt_role_claim": ".a[?(@ < 'b')]"}, "not a path"),
        ({"jwt_role_claim": ".a[?(@ == 'b')].c"}, "not a path"),
        ({"jwt_role_claim": ".a[?(@ == 'b']"}, "not a path"),
        ({"jwt_role_claim": "$.a[?search(@, '(')]"}, "not a path"),
        ({"publishable_key": "same", "secret_key": "same"}, "are the same"),
    ],
)
def test_what_is_wrong_with_the_keys_is_said_at_the_start(settings: dict[str, Any], words: str) -> None:
    message = problem(**settings)
    assert words in message
    assert settings.get("jwt_secret", "-----") not in message


def test_weak_rsa_keys_are_refused() -> None:
    with pytest.warns(match="2048"):
        weak = RSAKey.generate_key(1024)
    with pytest.warns(match="2048"):
        assert "too weak" in problem(jwks=key_set(weak.as_dict(private=False)))


def test_everything_wrong_is_said_at_once() -> None:
    message = problem(jwt_secret="short", jwks="{", jwt_role_claim="")
    assert len(message.splitlines()) == 3
