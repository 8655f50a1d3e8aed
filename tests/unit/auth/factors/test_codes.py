"""Codes that are written down for the day when the other factors are gone."""

from __future__ import annotations

import math
import re

import pytest

from backstay.auth.factors import recovery

ADA, BEN = "00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002"


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
        assert recovery.is_recovery_code(typed)


@pytest.mark.asvs("6.5.2")
def test_what_is_kept_of_a_recovery_code_is_its_users_alone_and_not_the_code() -> None:
    code = recovery.make_codes(1)[0]
    kept = recovery.digest(code, ADA)
    assert kept != recovery.digest(code, BEN)
    assert not set(code.split("-")) & set(re.findall("....", kept.upper()))


@pytest.mark.parametrize("text", ["", "123456", "AAAA", "AAAA-AAAA-AAAA-AAAA-AAAA-AAA0", "A" * 25, "é" * 24])
def test_what_is_no_recovery_code_is_told_apart(text: str) -> None:
    assert not recovery.is_recovery_code(text)
