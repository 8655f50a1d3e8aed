"""How passwords are kept and checked: Argon2id, imported bcrypt, and the threads that do it."""

from __future__ import annotations

import asyncio
import time

import argon2
import bcrypt
import pytest

from backstay.auth.password import hashes
from backstay.auth.password.hashing import LONGEST, Hashing
from backstay.errors import Overloaded

HORSE = "correct horse battery staple"
CHEAP = argon2.PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1)


def old_hash(password: str, prefix: bytes = b"2b") -> str:
    """A hash by bcrypt, as other products make them."""
    made = bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()
    return made.replace("$2b$", f"${prefix.decode()}$")


@pytest.mark.asvs("11.4.2")
def test_a_hash_is_argon2id_by_the_profile_of_owasp() -> None:
    parameters = argon2.extract_parameters(hashes.make_hash(HORSE))
    assert parameters.type is argon2.Type.ID
    assert (parameters.memory_cost, parameters.time_cost, parameters.parallelism) == (19456, 2, 1)
    assert (parameters.salt_len, parameters.hash_len) == (16, 32)


def test_two_hashes_of_one_password_differ_and_both_match() -> None:
    first, second = hashes.make_hash(HORSE), hashes.make_hash(HORSE)
    assert first != second
    assert hashes.is_match(HORSE, first)
    assert hashes.is_match(HORSE, second)


@pytest.mark.asvs("6.2.8")
@pytest.mark.parametrize("other", [HORSE.upper(), HORSE + " ", " " + HORSE, HORSE[:-1], HORSE + "\0", ""])
def test_a_password_is_compared_as_it_was_sent(other: str) -> None:
    assert not hashes.is_match(other, hashes.make_hash(HORSE))


@pytest.mark.asvs("6.2.8")
@pytest.mark.parametrize("length", [64, 72, 73, LONGEST])
def test_no_password_is_cut(length: int) -> None:
    kept = hashes.make_hash("x" * length)
    assert hashes.is_match("x" * length, kept)
    assert not hashes.is_match("x" * (length - 1) + "y", kept)


def test_one_letter_written_in_two_ways_is_one_password() -> None:
    assert hashes.is_match("cafe\u0301 au lait", hashes.make_hash("caf\u00e9 au lait"))


@pytest.mark.parametrize("prefix", [b"2a", b"2b", b"2y"])
def test_a_hash_by_bcrypt_is_accepted(prefix: bytes) -> None:
    kept = old_hash(HORSE, prefix)
    assert hashes.is_known(kept)
    assert hashes.is_match(HORSE, kept)
    assert not hashes.is_match(HORSE + "r", kept)


@pytest.mark.asvs("6.2.8")
def test_a_password_longer_than_bcrypt_reads_matches_no_hash_of_its() -> None:
    kept = old_hash("x" * 72)
    assert hashes.is_match("x" * 72, kept)
    assert not hashes.is_match("x" * 73, kept)
    assert not hashes.is_match("é" * 37, old_hash("é" * 36))


@pytest.mark.parametrize(
    "kept",
    [
        "",
        "secret",
        "$1$abc$def",
        "$2b$31$" + "a" * 53,
        "$2x$10$" + "a" * 53,
        "$2b$10$" + "a" * 52,
        "$argon2id$v=19$m=4194304,t=2,p=1$c2FsdHNhbHRzYWx0$" + "A" * 43,
        "$argon2id$v=19$m=19456,t=900,p=1$c2FsdHNhbHRzYWx0$" + "A" * 43,
        "$argon2id$v=19$m=8,t=2,p=4$c2FsdHNhbHRzYWx0$" + "A" * 43,
        "$fbscrypt$v=1,n=14,r=8,p=1$a$b",
    ],
)
def test_a_hash_of_another_form_or_of_unbearable_cost_matches_nothing(kept: str) -> None:
    assert not hashes.is_known(kept)
    assert not hashes.is_match("secret", kept)


def test_hashes_of_other_parameters_are_outdated() -> None:
    assert not hashes.is_outdated(hashes.make_hash(HORSE))
    assert hashes.is_outdated(CHEAP.hash(HORSE))
    assert hashes.is_outdated(old_hash(HORSE))


async def test_a_right_password_renews_an_outdated_hash() -> None:
    hashing = Hashing()
    for kept in (old_hash(HORSE), CHEAP.hash(HORSE)):
        verdict = await hashing.check(HORSE, kept)
        assert verdict.matches
        assert verdict.renewed is not None
        assert not hashes.is_outdated(verdict.renewed)
        assert (await hashing.check(HORSE, verdict.renewed)).renewed is None
    hashing.close()


async def test_a_wrong_password_renews_nothing() -> None:
    hashing = Hashing()
    verdict = await hashing.check("wrong", old_hash(HORSE))
    assert not verdict.matches
    assert verdict.renewed is None
    hashing.close()


def test_a_verdict_does_not_show_the_new_hash() -> None:
    from backstay.auth.password.hashing import Verdict

    assert "argon2" not in repr(Verdict(matches=True, renewed=hashes.make_hash(HORSE)))


async def test_a_password_of_no_account_matches_nothing() -> None:
    hashing = Hashing()
    assert not (await hashing.check(HORSE, None)).matches
    hashing.close()


async def test_a_password_longer_than_any_matches_nothing() -> None:
    hashing = Hashing()
    kept = await hashing.make("")
    assert not (await hashing.check("x" * (LONGEST + 1), kept)).matches
    hashing.close()


async def test_no_account_takes_as_long_as_a_wrong_password() -> None:
    hashing = Hashing(threads=1)
    kept = await hashing.make(HORSE)

    async def work(hash: str | None) -> float:
        took = []
        for _ in range(7):
            began = time.process_time()
            await hashing.check("wrong", hash)
            took.append(time.process_time() - began)
        return min(took)

    assert await work(None) == pytest.approx(await work(kept), rel=0.5)
    hashing.close()


async def test_no_account_takes_as_long_as_a_wrong_password_of_an_imported_one() -> None:
    hashing = Hashing(threads=1)
    imported = bcrypt.hashpw(b"right", bcrypt.gensalt(11)).decode()
    works = []
    for _ in range(3):
        began = time.process_time()
        await hashing.check("wrong", imported)
        works.append(time.process_time() - began)
    work = min(works)
    began = time.perf_counter()
    await hashing.check("wrong", None)
    assert time.perf_counter() - began > 0.5 * work
    hashing.close()


@pytest.mark.asvs("15.2.2")
async def test_only_so_many_passwords_wait_to_be_hashed() -> None:
    hashing = Hashing(threads=1, waiting=2)
    answers = await asyncio.gather(*(hashing.check("wrong", None) for _ in range(10)), return_exceptions=True)
    refused = [each for each in answers if isinstance(each, Overloaded)]
    assert len(refused) == 7
    assert refused[0].headers == {"retry-after": "1"}
    assert not (await hashing.check("wrong", None)).matches
    hashing.close()


async def test_who_goes_away_gives_their_place_back() -> None:
    hashing = Hashing(threads=1, waiting=1)
    for _ in range(5):
        gone = [asyncio.ensure_future(hashing.check("wrong", None)) for _ in range(2)]
        await asyncio.sleep(0)
        for each in gone:
            each.cancel()
        await asyncio.gather(*gone, return_exceptions=True)
        await asyncio.sleep(0.1)
    assert not (await hashing.check("wrong", None)).matches
    hashing.close()
