"""Codes that are written down, and codes that are sent to a phone."""

from __future__ import annotations

import math
import re
from uuid import UUID

import pytest

from backstay.auth.factors import phone, recovery

ADA, BEN = UUID(int=1), UUID(int=2)
SECRET = b"a secret of the server's own, thirty-two bytes"


@pytest.mark.asvs("6.5.4")
def test_recovery_codes_are_ten_and_cannot_be_guessed() -> None:
    made = recovery.make_codes()
    assert len(set(made)) == 10
    assert all(re.fullmatch(r"([2-9A-HJ-NP-Z]{4}-){5}[2-9A-HJ-NP-Z]{4}", code) for code in made)
    assert 24 * math.log2(32) >= 112


def test_a_recovery_code_may_be_typed_as_one_likes() -> None:
    code = recovery.make_codes(1)[0]
    for typed in (code, code.lower(), code.replace("-", ""), code.replace("-", " "), f"  {code}\n"):
        assert recovery.digest(typed, ADA) == recovery.digest(code, ADA)
        assert recovery.may_be_code(typed)


@pytest.mark.asvs("6.5.2")
def test_what_is_kept_of_a_recovery_code_is_its_users_alone_and_not_the_code() -> None:
    code = recovery.make_codes(1)[0]
    kept = recovery.digest(code, ADA)
    assert kept != recovery.digest(code, BEN)
    assert not set(code.split("-")) & set(re.findall("....", kept.upper()))


@pytest.mark.parametrize("text", ["", "123456", "AAAA", "AAAA-AAAA-AAAA-AAAA-AAAA-AAA0", "A" * 25, "é" * 24])
def test_what_is_no_recovery_code_is_told_apart(text: str) -> None:
    assert not recovery.may_be_code(text)


def test_a_phone_code_has_six_digits() -> None:
    made = [phone.make_code() for _ in range(500)]
    assert all(re.fullmatch("[0-9]{6}", code) for code in made)
    assert len(set(made)) > 450
    assert any(code.startswith("0") for code in made)


@pytest.mark.asvs("6.6.2")
def test_a_phone_code_is_good_for_its_own_challenge_alone() -> None:
    kept = phone.digest("012345", SECRET, ADA)
    assert phone.is_code(kept, " 012 345 ", SECRET, ADA)
    assert not phone.is_code(kept, "012346", SECRET, ADA)
    assert not phone.is_code(kept, "012345", SECRET, BEN)
    assert not phone.is_code(kept, "012345", b"another secret", ADA)
    assert "012345" not in kept


@pytest.mark.parametrize("typed", ["", "12345", "١٢٣٤٥٦", "abcdef", "1234567"])
def test_what_is_no_phone_code_is_refused(typed: str) -> None:
    assert not phone.is_code(phone.digest(typed, SECRET, ADA), typed, SECRET, ADA)
