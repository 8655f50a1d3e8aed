"""Which passwords users may choose, and how those that came with them are kept (ASVS 6.2)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import bcrypt
import pytest
import sqlalchemy as sa

from backstay.auth.password import hashes
from behaviour.door import Answer
from signing_in import PASSWORD, Club

GUESSABLE = "Password is known to be weak and easy to guess, please choose a different one."


@pytest.fixture(scope="module", autouse=True)
def cheap_hashes() -> None:
    """Not here, where it matters how long a hash takes."""


async def breached(password: str) -> bool:
    """A list of passwords that were in a breach."""
    return password == "blue herring canteen"


@pytest.fixture(scope="module")
def module_club(module_database_url: str) -> Iterator[Club]:
    """The club, for all tests of a module."""
    with Club(module_database_url, auth={"breached": breached}) as club:
        yield club


@pytest.fixture
def club(module_club: Club) -> Club:
    """The club, without any member."""
    module_club.restore()
    return module_club


def choose(club: Club, password: Any, email: str = "alice.moreno@example.com") -> Answer:
    """Sign up with a password."""
    return club.ask("POST", "/signup", {"email": email, "password": password})


def enter(club: Club, password: str, email: str = "ada@example.com") -> Answer:
    """Sign in."""
    return club.ask("POST", "/token?grant_type=password", {"email": email, "password": password})


def kept(club: Club) -> str:
    """The one hash that is kept."""
    ((hash,),) = club.rows(sa.select(club.tables.credentials.c.password))
    return str(hash)


def keep(club: Club, hash: str | None) -> None:
    """Keep another hash in its place, as an import does."""
    club.execute(sa.update(club.tables.credentials).values(password=hash))


@pytest.mark.parametrize(
    ("password", "reason", "message"),
    [
        pytest.param("k7#qzwp", "length", "Password should be at least 8 characters.", marks=pytest.mark.asvs("6.2.1")),
        pytest.param("PassWord1", "pwned", GUESSABLE, marks=pytest.mark.asvs("6.2.4")),
        pytest.param("Moreno-2026", "pwned", GUESSABLE, marks=pytest.mark.asvs("6.2.11")),
        pytest.param("blue herring canteen", "pwned", GUESSABLE, marks=pytest.mark.asvs("6.2.12")),
    ],
)
def test_a_weak_password_is_refused_with_the_reason(club: Club, password: str, reason: str, message: str) -> None:
    answer = choose(club, password)
    assert answer.status == 422
    assert answer.json["code"] == "weak_password"
    assert answer.json["message"] == message
    assert answer.json["weak_password"] == {"reasons": [reason]}


@pytest.mark.asvs("6.2.5", "6.2.8", "6.2.9")
@pytest.mark.parametrize(
    "password",
    ["kzqwvbnm", "40917365", "пароль длинный", " two spaces around ", "\U0001f40e\U0001f50b" * 8, "x7 " * 300],
)
def test_a_password_is_taken_and_checked_as_it_is(club: Club, password: str) -> None:
    club.member(password=password)
    assert enter(club, password).status == 200
    for other in (password[:-1], password + " ", password.swapcase(), password.strip()):
        assert (enter(club, other).status == 200) is (other == password)


def test_a_password_longer_than_any_is_refused(club: Club) -> None:
    answer = choose(club, "x7 " * 334)
    assert (answer.status, answer.json["code"]) == (400, "validation_failed")
    assert answer.json["message"] == "Password cannot be longer than 1000 characters"


@pytest.mark.asvs("6.2.4", "6.2.12")
def test_a_new_password_is_judged_like_the_first_one(club: Club) -> None:
    token = club.member().token
    for password in ("password1", "blue herring canteen", "short"):
        answer = club.ask("PUT", "/user", {"password": password}, token=token)
        assert (answer.status, answer.json["code"]) == (422, "weak_password")
    assert club.ask("PUT", "/user", {"password": "nine white horses"}, token=token).status == 200
    assert enter(club, "nine white horses").status == 200
    assert enter(club, PASSWORD).status == 400


@pytest.mark.asvs("11.4.2")
def test_what_is_kept_is_argon2id(club: Club) -> None:
    club.member()
    assert kept(club).startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_a_hash_by_bcrypt_is_made_anew_when_its_user_signs_in(club: Club) -> None:
    club.member()
    keep(club, bcrypt.hashpw(b"old horses", bcrypt.gensalt(4)).decode())
    assert enter(club, "wrong horses").status == 400
    assert kept(club).startswith("$2b$")
    assert enter(club, "old horses").status == 200
    assert not hashes.is_outdated(kept(club))
    assert enter(club, "old horses").status == 200


@pytest.mark.asvs("6.2.8")
def test_a_hash_by_bcrypt_lets_nobody_in_who_is_cut_short(club: Club) -> None:
    club.member()
    keep(club, bcrypt.hashpw(b"x" * 72, bcrypt.gensalt(4)).decode())
    assert enter(club, "x" * 73).status == 400
    assert enter(club, "x" * 72).status == 200


@pytest.mark.parametrize("hash", [None, "", "plain horses", "$1$salt$hash"])
def test_who_has_no_hash_that_is_known_cannot_sign_in_by_password(club: Club, hash: str | None) -> None:
    club.member()
    keep(club, hash)
    for password in ("", "plain horses", PASSWORD):
        answer = enter(club, password)
        assert (answer.status, answer.json["code"]) == (400, "invalid_credentials")


def test_who_signs_in_by_a_weak_password_is_told_so(club: Club) -> None:
    club.member()
    keep(club, hashes.make_hash("iloveyou1"))
    answer = enter(club, "iloveyou1")
    assert answer.status == 200
    assert answer.json["weak_password"] == {"message": GUESSABLE, "reasons": ["pwned"]}
    keep(club, hashes.make_hash(PASSWORD))
    assert "weak_password" not in enter(club, PASSWORD).json


def test_two_forms_of_one_letter_are_one_password(club: Club) -> None:
    club.member(password="caf\u00e9 au lait")
    assert enter(club, "cafe\u0301 au lait").status == 200


@pytest.mark.invariant("I24")
def test_no_answer_and_no_row_holds_a_password(club: Club) -> None:
    secret = "canary horses 4711"
    club.sign_up(password=secret)
    answers = [enter(club, secret), enter(club, secret + "x"), choose(club, "canary1")]
    assert not any(b"canary" in each.body for each in answers)
    for table in club.app.schema.metadata.sorted_tables:
        assert not any("canary" in str(row) for row in club.rows(sa.select(table)))
