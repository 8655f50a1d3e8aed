"""Which passwords may be chosen (ASVS 6.2)."""

from __future__ import annotations

from importlib.resources import files

import pytest

from backstay.auth.password.hashing import LONGEST
from backstay.auth.password.policy import Weakness, find_weakness

EASY = Weakness("pwned", "Password is known to be weak and easy to guess, please choose a different one.")


@pytest.mark.asvs("6.2.1")
@pytest.mark.parametrize("password", ["", "k7#qz", "k7#qzwp", "\U0001f40e" * 7])
async def test_a_password_of_fewer_than_eight_characters_is_too_short(password: str) -> None:
    assert await find_weakness(password) == Weakness("length", "Password should be at least 8 characters.")


async def test_the_least_length_is_the_settings() -> None:
    assert await find_weakness("k7qzwp", least=6) is None
    assert await find_weakness("k7qzwpxm", least=12) == Weakness("length", "Password should be at least 12 characters.")


@pytest.mark.asvs("6.2.5", "6.2.9")
@pytest.mark.parametrize(
    "password",
    [
        "kzqwvbnm",
        "40917365",
        "    k    ",
        "KZQWVBNM",
        "correct horse battery staple",
        "пароль длинный",
        "\U0001f40e\U0001f40e\U0001f50b\U0001f50b\U0001f40e\U0001f40e\U0001f50b\U0001f50b",
        "k7#qz\0wp\n!",
        "x7 " * 64,
        "q7" * (LONGEST // 2),
    ],
)
async def test_a_password_of_any_characters_may_be_chosen(password: str) -> None:
    assert await find_weakness(password) is None


async def test_a_password_longer_than_any_is_refused() -> None:
    assert await find_weakness("q7" * (LONGEST // 2) + "!") == Weakness(
        "length", "Password cannot be longer than 1000 characters."
    )


async def test_a_password_that_is_no_unicode_is_refused() -> None:
    weakness = await find_weakness("k7#qzwpx\ud800")
    assert weakness is not None
    assert weakness.reason == "characters"


@pytest.mark.asvs("6.2.4")
@pytest.mark.parametrize("password", ["password1", "PassWord1", "12345678", "1q2w3e4r5t", "iloveyou", "qwertyuiop"])
async def test_a_common_password_is_refused(password: str) -> None:
    assert await find_weakness(password) == EASY


@pytest.mark.asvs("6.2.4")
def test_the_list_holds_three_thousand_passwords_that_are_long_enough() -> None:
    text = (files("backstay.auth.password") / "common.txt").read_text(encoding="ascii")
    words = [line for line in text.splitlines() if not line.startswith("#")]
    assert sum(len(word) >= 8 for word in words) >= 3000
    assert all(word == word.lower().strip() and len(word) >= 6 for word in words)
    assert words == sorted(set(words))


@pytest.mark.asvs("6.2.11")
@pytest.mark.parametrize(
    "password",
    [
        "alice.moreno",
        "Alice-Moreno-2026",
        "moreno1234",
        "northwind!",
        "Northwind2026",
        "alice@northwind.example",
        "alice.moreno@northwind.example",
        "Hiring 2026",
    ],
)
async def test_a_password_made_of_words_of_the_context_is_refused(password: str) -> None:
    assert await find_weakness(password, context=["alice.moreno@northwind.example", "Hiring"]) == EASY


@pytest.mark.parametrize("password", ["alice plays the tuba", "hiring-tubas", "k7#qzwpx", "northwesterly"])
async def test_a_password_with_a_word_of_the_context_and_more_may_be_chosen(password: str) -> None:
    assert await find_weakness(password, context=["alice.moreno@northwind.example", "Hiring"]) is None


@pytest.mark.asvs("6.2.12")
async def test_a_breached_password_is_refused() -> None:
    asked: list[str] = []

    async def breached(password: str) -> bool:
        asked.append(password)
        return password == "tuba tuba tuba"

    assert await find_weakness("tuba tuba tuba", breached=breached) == EASY
    assert await find_weakness("tuba tuba tubas", breached=breached) is None
    assert await find_weakness("short", breached=breached) is not None
    assert asked == ["tuba tuba tuba", "tuba tuba tubas"]
