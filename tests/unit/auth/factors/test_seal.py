"""A sealed secret: read again by the server alone, and only in its place."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from backstay.auth.factors.seal import is_current, seal, sealing_keys, unseal
from backstay.errors import DeclarationError, SecretUnreadable

OLD = "an old secret of thirty-two bytes or more"
NEW = "a new secret of thirty-two bytes or more"
TOKENS = "what tokens are signed with, a secret as well"
ABOUT = "user 1, factor 2"


def test_what_was_sealed_is_read_again() -> None:
    keys = sealing_keys(NEW, "")
    sealed = seal("JBSWY3DPEHPK3PXP", keys, ABOUT)
    assert "JBSWY3DPEHPK3PXP" not in sealed
    assert unseal(sealed, keys, ABOUT) == "JBSWY3DPEHPK3PXP"


def test_the_same_secret_is_sealed_differently_each_time() -> None:
    keys = sealing_keys(NEW, "")
    assert len({seal("secret", keys, ABOUT) for _ in range(50)}) == 50


def test_the_key_is_what_hkdf_derives() -> None:
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"backstay seal").derive(NEW.encode())
    assert sealing_keys(NEW, "")[0].key == derived


@pytest.mark.asvs("11.3.2")
@pytest.mark.parametrize("about", ["user 1, factor 3", "user 2, factor 2", ""])
def test_in_another_row_it_cannot_be_read(about: str) -> None:
    keys = sealing_keys(NEW, "")
    with pytest.raises(SecretUnreadable):
        unseal(seal("secret", keys, ABOUT), keys, about)


def test_every_change_of_it_is_noticed() -> None:
    keys = sealing_keys(NEW, "")
    sealed = seal("of eight", keys, ABOUT)  # so that base64 needs no padding
    for place in range(len(sealed)):
        changed = sealed[:place] + ("A" if sealed[place] != "A" else "B") + sealed[place + 1 :]
        with pytest.raises(SecretUnreadable):
            unseal(changed, keys, ABOUT)


@pytest.mark.parametrize("text", ["", "v1", "v1.", "v1..", "v2.x.y", "JBSWY3DPEHPK3PXP"])
def test_what_was_never_sealed_is_refused(text: str) -> None:
    with pytest.raises(SecretUnreadable):
        unseal(text, sealing_keys(NEW, ""), ABOUT)


def test_an_older_key_still_opens_and_the_newest_seals() -> None:
    sealed = seal("secret", sealing_keys(OLD, ""), ABOUT)
    both = sealing_keys(f"{NEW}, {OLD}", "")
    assert unseal(sealed, both, ABOUT) == "secret"
    assert not is_current(sealed, both)
    anew = seal("secret", both, ABOUT)
    assert is_current(anew, both)
    assert unseal(anew, sealing_keys(NEW, ""), ABOUT) == "secret"
    with pytest.raises(SecretUnreadable):
        unseal(anew, sealing_keys(OLD, ""), ABOUT)


def test_without_a_key_of_its_own_it_is_the_secret_of_tokens() -> None:
    sealed = seal("secret", sealing_keys("", TOKENS), ABOUT)
    assert unseal(sealed, sealing_keys("", TOKENS), ABOUT) == "secret"
    assert unseal(sealed, sealing_keys(NEW, TOKENS), ABOUT) == "secret"


@pytest.mark.parametrize(
    ("encryption_key", "jwt_secret"), [("", ""), ("short", TOKENS), (f"{NEW},short", ""), (" , ", "")]
)
def test_a_secret_that_is_missing_or_short_is_said_at_once(encryption_key: str, jwt_secret: str) -> None:
    with pytest.raises(DeclarationError):
        sealing_keys(encryption_key, jwt_secret)


def test_a_key_is_not_shown() -> None:
    key = sealing_keys(NEW, "")[0]
    assert key.key.hex() not in repr(key)
    assert repr(key.key) not in repr(key)
