"""How often somebody may try to sign in, and what does not help them to try more often (ASVS 6.3.1)."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from backstay.errors import DeclarationError
from behaviour.door import Answer
from databases import sqlite_url
from fixtures import club
from signing_in import PASSWORD, Clock, Club

PASSWORD_GRANT = "/token?grant_type=password"
HERE, THERE = "192.0.2.7", "198.51.100.9"


@pytest.fixture(scope="module", autouse=True)
def cheap_hashes() -> None:
    """Not here, where it matters how long a hash takes."""


def guess(
    club: Club, email: str = "ada@example.com", password: str = "wrong horses", address: str | None = None, **more: Any
) -> Answer:
    """Try to sign in."""
    return club.ask("POST", PASSWORD_GRANT, {"email": email, "password": password}, address=address, **more)


def statuses(answers: list[Answer]) -> list[int]:
    """The status of each."""
    return [each.status for each in answers]


def is_limited(answer: Answer) -> bool:
    """Whether somebody is told to come back later, in GoTrue's words."""
    if answer.status != 429:
        return False
    assert answer.json["code"] == answer.json["error_code"] == "over_request_rate_limit"
    assert answer.json["message"] == "Request rate limit reached"
    assert answer.headers["x-sb-error-code"] == "over_request_rate_limit"
    assert 1 <= int(answer.headers["retry-after"]) <= 3600
    return True


# Accounts ----------------------------------------------------------------------------------------------------


@pytest.mark.asvs("6.3.1")
def test_ten_wrong_passwords_lock_an_account_wherever_they_come_from(opened: Callable[..., Club], clock: Clock) -> None:
    club = opened()
    club.member()
    tried = [guess(club, address=f"192.0.2.{number}") for number in range(10)]
    assert {(each.status, each.json["code"]) for each in tried} == {(400, "invalid_credentials")}
    locked = guess(club, address=THERE)
    assert is_limited(locked)
    assert locked.headers["retry-after"] in ("59", "60")
    # The right password tells nobody that it is right, until the minute is over.
    assert is_limited(guess(club, password=PASSWORD, address=THERE))
    clock.pass_by(timedelta(minutes=1))
    assert guess(club, address=THERE).status == 400
    assert guess(club, address=THERE).headers["retry-after"] in ("119", "120")
    clock.pass_by(timedelta(minutes=2))
    assert guess(club, password=PASSWORD, address=THERE).status == 200
    assert statuses([guess(club) for _ in range(10)]) == [400] * 10
    assert is_limited(guess(club))


@pytest.mark.asvs("6.3.1", "6.3.8")
def test_an_unknown_account_is_locked_as_a_known_one_is(opened: Callable[..., Club]) -> None:
    club = opened()
    club.member()
    known, unknown = ([guess(club, email) for _ in range(12)] for email in ("ada@example.com", "eve@example.com"))
    assert [(each.status, each.body) for each in known] == [(each.status, each.body) for each in unknown]
    assert [set(each.headers) for each in known] == [set(each.headers) for each in unknown]
    assert statuses(unknown) == [400] * 10 + [429] * 2


@pytest.mark.asvs("6.3.8")
@pytest.mark.invariant("I20")
def test_an_unknown_account_takes_as_much_work_as_a_known_one(opened: Callable[..., Club]) -> None:
    club = opened(lock_after=0)
    club.member()

    def work(email: str) -> float:
        took = []
        for _ in range(7):
            began = time.process_time()
            assert guess(club, email).status == 400
            took.append(time.process_time() - began)
        return min(took)

    assert work("eve@example.com") == pytest.approx(work("ada@example.com"), rel=0.4)


@pytest.mark.asvs("6.3.1")
def test_an_account_is_one_however_its_address_is_written(opened: Callable[..., Club]) -> None:
    club = opened(lock_after=5)
    club.member()
    written = ["ada@example.com", "ADA@Example.COM", " ada@example.com ", "ada+x@example.com", "ａｄａ@example.com"]
    assert statuses([guess(club, email) for email in written]) == [400] * 5
    assert is_limited(guess(club, "Ada+y@EXAMPLE.com"))


@pytest.mark.asvs("6.3.1")
def test_a_telephone_is_one_however_its_number_is_written(opened: Callable[..., Club]) -> None:
    club = opened(lock_after=3)

    def guess_phone(phone: str) -> Answer:
        return club.ask("POST", PASSWORD_GRANT, {"phone": phone, "password": "wrong horses"})

    assert statuses([guess_phone(phone) for phone in ("+4930123456", "4930123456", "+49 30 123456")]) == [400] * 3
    assert is_limited(guess_phone("+49-30-123-456"))


@pytest.mark.asvs("6.3.1")
def test_guesses_at_the_same_time_are_no_more_than_one_by_one(opened: Callable[..., Club]) -> None:
    club = opened()
    club.member()
    answers = club.together(
        *(
            club.asking("POST", PASSWORD_GRANT, {"email": "ada@example.com", "password": f"wrong horses {number}"})
            for number in range(40)
        )
    )
    assert sorted(statuses(answers)) == [400] * 10 + [429] * 30


@pytest.mark.asvs("6.3.1")
def test_workers_count_together(opened: Callable[..., Club]) -> None:
    workers = opened(), opened()
    workers[0].member()
    assert statuses([guess(workers[number % 2]) for number in range(10)]) == [400] * 10
    assert is_limited(guess(workers[0]))
    assert is_limited(guess(workers[1]))


def test_a_right_password_is_not_held_against_anybody(opened: Callable[..., Club]) -> None:
    club = opened(lock_after=3)
    club.member()
    for _ in range(4):
        assert statuses([guess(club), guess(club)]) == [400, 400]
        assert guess(club, password=PASSWORD).status == 200


def test_a_right_password_of_an_address_that_is_not_proven_is_no_wrong_one(opened: Callable[..., Club]) -> None:
    club = opened(lock_after=3)
    club.sign_up()
    answers = [guess(club, password=PASSWORD) for _ in range(5)]
    assert {(each.status, each.json["code"]) for each in answers} == {(400, "email_not_confirmed")}


@pytest.mark.asvs("6.3.1")
def test_a_stolen_session_cannot_guess_the_password(opened: Callable[..., Club]) -> None:
    club = opened(lock_after=3)
    token = club.member().token

    def change(current: str) -> Answer:
        body = {"password": "nine white horses", "current_password": current}
        return club.ask("PUT", "/user", body, token=token)

    assert statuses([change("wrong horses") for _ in range(3)]) == [400] * 3
    assert is_limited(change(PASSWORD))


# Networks ----------------------------------------------------------------------------------------------------


@pytest.mark.asvs("6.3.1", "2.4.1")
def test_passwords_of_many_accounts_are_not_tried_from_one_address(opened: Callable[..., Club], clock: Clock) -> None:
    club = opened()
    tried = [guess(club, f"user{number}@example.com", address=HERE) for number in range(31)]
    assert statuses(tried[:30]) == [400] * 30
    assert is_limited(tried[30])
    assert guess(club, "user99@example.com", address=THERE).status == 400
    clock.pass_by(timedelta(minutes=5))
    assert guess(club, "user99@example.com", address=HERE).status == 400


@pytest.mark.asvs("6.3.1", "4.1.3", "15.3.4")
def test_no_header_makes_somebody_another(opened: Callable[..., Club]) -> None:
    club = opened(sign_in_limit=3)
    names = [
        "x-forwarded-for",
        "x-real-ip",
        "forwarded",
        "x-client-ip",
        "cf-connecting-ip",
        "true-client-ip",
        "x-forwarded-host",
        "x-cluster-client-ip",
        "sb-forwarded-for",
        "user-agent",
        "x-client-info",
        "cookie",
        "origin",
        "referer",
        "via",
        "accept-language",
    ]
    answers = [
        guess(club, f"user{number}@example.com", address=HERE, **dict.fromkeys(names, f"203.0.113.{number}"))
        for number in range(5)
    ]
    assert statuses(answers) == [400, 400, 400, 429, 429]


@pytest.mark.asvs("6.3.1")
def test_nothing_in_a_body_makes_somebody_another(opened: Callable[..., Club]) -> None:
    club = opened(sign_in_limit=3)
    more = [
        {"ip": "203.0.113.1"},
        {"captcha_token": "x"},
        {"gotrue_meta_security": {"captcha_token": "y"}},
        {"client_id": "z"},
        {"data": {"a": 1}},
    ]
    answers = [
        club.ask("POST", PASSWORD_GRANT, {"email": f"u{n}@example.com", "password": "x", **each}, address=HERE)
        for n, each in enumerate(more)
    ]
    assert statuses(answers) == [400, 400, 400, 429, 429]


@pytest.mark.asvs("6.3.1")
def test_another_ipv6_address_of_the_same_network_is_no_other_client(opened: Callable[..., Club]) -> None:
    club = opened(sign_in_limit=3)
    answers = [guess(club, f"u{n}@example.com", address=f"2001:db8:1:2::{n:x}") for n in range(5)]
    assert statuses(answers) == [400, 400, 400, 429, 429]


@pytest.mark.asvs("15.3.4")
def test_behind_a_trusted_proxy_clients_are_told_apart(opened: Callable[..., Club]) -> None:
    club = opened(sign_in_limit=2, trusted_proxies=("10.0.0.0/8",))

    def ask(forwarded: str) -> int:
        return guess(club, f"{time.monotonic_ns()}@example.com", address="10.0.0.5", x_forwarded_for=forwarded).status

    assert [ask(HERE), ask(f"1.1.1.1, {HERE}"), ask(f"2.2.2.2, {HERE}, 10.0.0.9")] == [400, 400, 429]
    assert ask(THERE) == 400


def test_a_proxy_that_is_no_network_is_found_at_the_start(tmp_path: Path) -> None:
    app = club.build(sqlite_url(tmp_path), club.Post(), trusted_proxies=("nginx.example",))
    with pytest.raises(DeclarationError, match="trusted_proxies"):
        app.assembly  # noqa: B018


def test_a_server_with_the_secret_key_signs_many_users_in(opened: Callable[..., Club]) -> None:
    from_server = opened(sign_in_limit=2)
    answers = [guess(from_server, f"u{n}@example.com", address=HERE, key=club.SECRET_KEY) for n in range(4)]
    assert statuses(answers) == [400] * 4


@pytest.mark.parametrize(
    ("setting", "path", "body", "status"),
    [
        ("sign_in_limit", "/signup", {"email": "{}@example.com", "password": PASSWORD}, 200),
        ("sign_in_limit", "/otp", {"email": "{}@example.com", "create_user": False}, 200),
        ("sign_in_limit", "/magiclink", {"email": "{}@example.com"}, 200),
        ("sign_in_limit", "/recover", {"email": "{}@example.com"}, 200),
        ("sign_in_limit", "/resend", {"type": "signup", "email": "{}@example.com"}, 200),
        ("verify_limit", "/verify", {"type": "signup", "email": "{}@example.com", "token": "123456"}, 403),
        ("verify_limit", "/verify", {"type": "signup", "token_hash": "{}"}, 403),
        ("refresh_limit", "/token?grant_type=refresh_token", {"refresh_token": "{}"}, 400),
        ("refresh_limit", "/token?grant_type=pkce", {"auth_code": "{}", "code_verifier": "{}"}, 404),
        ("anonymous_limit", "/signup", {"data": {"name": "{}"}}, 200),
    ],
)
@pytest.mark.asvs("2.4.1")
def test_every_way_in_is_limited(
    opened: Callable[..., Club], setting: str, path: str, body: dict[str, Any], status: int
) -> None:
    club = opened(**{setting: 2})

    def ask(number: int) -> Answer:
        filled = {name: value.format(number) if isinstance(value, str) else value for name, value in body.items()}
        return club.ask("POST", path, filled, address=HERE)

    answers = [ask(number) for number in range(3)]
    assert statuses(answers[:2]) == [status] * 2, answers[0].body
    assert is_limited(answers[2])
    club.settle()


def test_links_that_are_followed_are_limited(opened: Callable[..., Club]) -> None:
    club = opened(verify_limit=2)
    links = [club.ask("GET", f"/verify?token={n}&type=signup", key=None, address=HERE) for n in range(3)]
    assert statuses(links) == [303] * 3
    assert ["over_request_rate_limit" in each.headers["location"] for each in links] == [False, False, True]


# Mails and messages ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("email", ["ada@example.com", "nobody@example.com"])
def test_an_address_gets_one_mail_a_minute_whoever_it_belongs_to(
    opened: Callable[..., Club], clock: Clock, email: str
) -> None:
    club = opened(mail_pause=timedelta(minutes=1))
    club.member()
    clock.pass_by(timedelta(minutes=2))
    first, second = (club.ask("POST", "/recover", {"email": each}) for each in (email, f" {email.upper()}"))
    assert (first.status, first.json) == (200, {})
    assert (second.status, second.json["code"]) == (429, "over_email_send_rate_limit")
    seconds = second.headers["retry-after"]
    assert second.json["message"] == f"For security purposes, you can only request this after {seconds} seconds."
    clock.pass_by(timedelta(seconds=int(seconds)))
    assert club.ask("POST", "/recover", {"email": email}).status == 200
    club.settle()


def test_an_address_gets_so_many_mails_an_hour(opened: Callable[..., Club], clock: Clock) -> None:
    club = opened(mail_limit=3)
    club.member()
    asked = [club.ask("POST", "/otp", {"email": "ada@example.com"}) for _ in range(3)]
    assert statuses(asked) == [200, 200, 429]
    assert asked[2].json["code"] == "over_email_send_rate_limit"
    assert club.ask("POST", "/otp", {"email": "bob@example.com"}).status == 200
    clock.pass_by(timedelta(hours=1))
    assert club.ask("POST", "/otp", {"email": "ada@example.com"}).status == 200
    club.settle()


def test_a_telephone_gets_one_message_a_minute(opened: Callable[..., Club]) -> None:
    club = opened(mail_pause=timedelta(minutes=1))
    answers = [club.ask("POST", "/otp", {"phone": phone}) for phone in ("+4930123456", "4930123456")]
    assert statuses(answers) == [200, 429]
    assert answers[1].json["code"] == "over_sms_send_rate_limit"
    club.settle()


# Floods ------------------------------------------------------------------------------------------------------


@pytest.mark.asvs("15.2.2")
def test_who_comes_when_too_many_passwords_wait_is_sent_away(opened: Callable[..., Club]) -> None:
    club = opened(hash_threads=1, hash_queue=2)
    answers = club.together(
        *(
            club.asking("POST", PASSWORD_GRANT, {"email": f"u{number}@example.com", "password": "wrong horses"})
            for number in range(20)
        )
    )
    assert set(statuses(answers)) == {400, 503}
    refused = next(each for each in answers if each.status == 503)
    assert refused.headers["retry-after"] == "1"
    assert refused.json["code"] == "unexpected_failure"


@pytest.mark.asvs("15.2.2")
def test_reads_are_answered_in_the_middle_of_a_storm_of_sign_ins(opened: Callable[..., Club]) -> None:
    club = opened(lock_after=0)
    club.member()
    signed_in: list[int] = []
    read_after: list[int] = []

    async def enter() -> None:
        body = {"email": "ada@example.com", "password": PASSWORD}
        signed_in.append((await club.asking("POST", PASSWORD_GRANT, body)).status)

    async def read() -> None:
        while len(signed_in) < 60:
            assert (await club.asking("GET", "/rest/v1/notes?limit=1")).status == 200
            read_after.append(len(signed_in))
            await asyncio.sleep(0.005)

    async def storm() -> None:
        await asyncio.gather(read(), *(enter() for _ in range(60)))

    club.run(storm())
    assert signed_in == [200] * 60
    # Between any two reads only the few had their turn that may have it at once.
    assert max(after - before for before, after in itertools.pairwise([0, *read_after])) <= 8


def test_a_flood_that_is_refused_reaches_no_database(opened: Callable[..., Club]) -> None:
    club = opened(sign_in_limit=3)
    assert statuses([guess(club, f"u{n}@example.com", address=HERE) for n in range(4)]) == [400] * 3 + [429]
    before = club.rows(club.tables.attempts.select())
    club.execute(club.tables.attempts.delete())
    assert statuses([guess(club, f"v{n}@example.com", address=HERE) for n in range(20)]) == [429] * 20
    assert len(before) == 4
    assert club.rows(club.tables.attempts.select()) == []
