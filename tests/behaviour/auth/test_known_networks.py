"""Nobody can lock a user out of where they commonly sign in, by guessing elsewhere (ASVS 6.3.1)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from behaviour.door import Answer
from fixtures import club as fixtures
from signing_in import PASSWORD, Clock, Club

pytestmark = pytest.mark.asvs("6.3.1")

HOME, AWAY, THERE = "192.0.2.7", "198.51.100.9", "203.0.113.5"


def enter(club: Club, address: str, password: str = PASSWORD, **more: Any) -> Answer:
    """Try to sign in as Ada."""
    body = {"email": "ada@example.com", "password": password}
    return club.ask("POST", "/token?grant_type=password", body, address=address, **more)


def guess(club: Club, address: str, times: int = 1, **more: Any) -> list[int]:
    """Try wrong passwords for Ada; the answers' statuses."""
    return [enter(club, address, "wrong horses", **more).status for _ in range(times)]


def at_home(club: Club) -> None:
    """Let Ada sign up and in at home."""
    club.member()
    assert enter(club, HOME).status == 200


def test_a_guesser_elsewhere_does_not_keep_a_user_out(opened: Callable[..., Club], clock: Clock) -> None:
    club = opened(lock_after=3)
    at_home(club)
    for hours in range(5):
        assert guess(club, AWAY, 4)[-1] == 429, hours
        assert enter(club, THERE).status == 429, "who is somewhere new waits with the guesser"
        assert enter(club, HOME).status == 200
        clock.pass_by(timedelta(hours=1))


def test_a_right_password_at_home_forgives_no_guess_of_another(opened: Callable[..., Club]) -> None:
    club = opened(lock_after=4)
    at_home(club)
    assert guess(club, AWAY, 3) == [400] * 3
    assert enter(club, HOME).status == 200
    assert guess(club, AWAY, 2) == [400, 429]


def test_guesses_from_the_network_of_a_user_have_their_own_budget(opened: Callable[..., Club]) -> None:
    club = opened(lock_after=3)
    at_home(club)
    assert guess(club, HOME, 4) == [400, 400, 400, 429]
    assert enter(club, HOME).status == 429
    assert enter(club, AWAY).status == 200


def test_no_header_and_nothing_in_a_body_says_where_somebody_is(opened: Callable[..., Club]) -> None:
    club = opened(lock_after=2)
    at_home(club)
    assert guess(club, AWAY, 2) == [400] * 2
    for name in ("x_forwarded_for", "x_real_ip", "forwarded", "cookie", "user_agent", "sb_forwarded_for"):
        assert guess(club, AWAY, **{name: HOME}) == [429]
    body = {"email": "ada@example.com", "password": PASSWORD, "ip": HOME, "address": HOME}
    assert club.ask("POST", "/token?grant_type=password", body, address=AWAY).status == 429


def test_all_workers_know_where_a_user_signed_in(opened: Callable[..., Club]) -> None:
    one, other = opened(lock_after=2), opened(lock_after=2)
    at_home(one)
    assert guess(other, AWAY, 3) == [400, 400, 429]
    assert enter(other, HOME).status == 200


def test_a_neighbour_in_the_ipv6_network_of_a_user_is_at_home(opened: Callable[..., Club]) -> None:
    club = opened(lock_after=2)
    club.member()
    assert enter(club, "2001:db8:1:2::1").status == 200
    assert guess(club, AWAY, 3) == [400, 400, 429]
    assert enter(club, "2001:db8:1:3::1").status == 429
    assert enter(club, "2001:db8:1:2:ffff::9").status == 200


def test_a_network_is_forgotten_after_a_month(opened: Callable[..., Club], clock: Clock) -> None:
    club = opened(lock_after=2)
    at_home(club)
    clock.pass_by(timedelta(days=31))
    assert guess(club, AWAY, 3) == [400, 400, 429]
    assert enter(club, HOME).status == 429


def test_who_signs_in_by_a_mail_is_known_by_password_then(opened: Callable[..., Club]) -> None:
    club = opened(lock_after=2)
    club.member()
    assert guess(club, AWAY, 3) == [400, 400, 429]
    assert enter(club, HOME).status == 429
    assert club.ask("POST", "/otp", {"email": "ada@example.com"}, address=HOME).status == 200
    shown = {"type": "email", "email": "ada@example.com", "token": club.mail("ada@example.com").code}
    assert club.ask("POST", "/verify", shown, address=HOME).status == 200
    assert enter(club, HOME).status == 200


def test_a_server_with_the_secret_key_is_nobodys_home(opened: Callable[..., Club]) -> None:
    club = opened(lock_after=2)
    club.member()
    assert enter(club, HOME, key=fixtures.SECRET_KEY).status == 200
    assert guess(club, AWAY, 3) == [400, 400, 429]
    assert enter(club, HOME).status == 429


def test_what_is_known_names_nobody(opened: Callable[..., Club]) -> None:
    club = opened()
    at_home(club)
    rows = [str(each) for each in club.rows(club.tables.attempts.select())]
    assert rows
    assert not any("ada" in each or HOME in each for each in rows)
