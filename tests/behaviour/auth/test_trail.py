"""What the trail tells of attacks: once each, by whom and from where, and nothing that is secret (ASVS 16.3)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from backstay.auth.signing.key import write_members
from backstay.auth.signing.rotate import rotate
from fixtures import club as fixtures
from signing_in import PASSWORD, Clock, Club

HERE, THERE = "192.0.2.7", "198.51.100.9"
GRANT = "/token?grant_type=password"


def trail(club: Club, action: str) -> list[dict[str, Any]]:
    """What the secret key reads of one kind of event, the oldest first."""
    answer = club.ask("GET", f"/admin/audit?query=action:{action}&per_page=1000", key=fixtures.SECRET_KEY)
    assert answer.status == 200, answer.body
    found: list[dict[str, Any]] = answer.json[::-1]
    return found


def told(club: Club, action: str) -> list[dict[str, Any]]:
    """What is worth knowing of each."""
    return [each["payload"]["traits"] for each in trail(club, action)]


def guess(club: Club, times: int, email: str = "ada@example.com", address: str = HERE) -> list[int]:
    """Try wrong passwords."""
    body = {"email": email, "password": "wrong horses"}
    return [club.ask("POST", GRANT, body, address=address).status for _ in range(times)]


# Locks and limits --------------------------------------------------------------------------------------------


@pytest.mark.asvs("16.3.1", "16.3.3", "16.2.1")
def test_a_lock_is_told_once_however_many_guesses_it_refuses(opened: Callable[..., Club], clock: Clock) -> None:
    club = opened(lock_after=3, sign_in_limit=0)
    ada = club.member()
    assert guess(club, 9) == [400] * 3 + [429] * 6
    (event,) = trail(club, "locked_out")
    assert (event["user_id"], event["ip_address"]) == (ada.id, HERE)
    assert (event["payload"]["traits"]["lock"], event["payload"]["traits"]["network_only"]) == ("password", False)
    clock.pass_by(timedelta(minutes=1))
    assert guess(club, 5) == [400] + [429] * 4
    first, second = (each["until"] for each in told(club, "locked_out"))
    assert first < second
    assert len(trail(club, "sign_in_failed")) == 4


def test_a_lock_of_an_account_that_is_not_there_is_told_as_well(opened: Callable[..., Club]) -> None:
    club = opened(lock_after=3)
    assert guess(club, 5, "eve@example.com") == [400] * 3 + [429] * 2
    (event,) = trail(club, "locked_out")
    assert (event["user_id"], event["ip_address"]) == (None, HERE)
    assert "eve" not in str(event)


def test_guesses_from_the_network_of_a_user_lock_that_alone(opened: Callable[..., Club]) -> None:
    club = opened(lock_after=3)
    club.member()
    assert club.ask("POST", GRANT, {"email": "ada@example.com", "password": PASSWORD}, address=HERE).status == 200
    assert guess(club, 5) == [400] * 3 + [429] * 2
    assert [each["network_only"] for each in told(club, "locked_out")] == [True]


def test_no_lock_is_told_where_the_last_guess_was_right(opened: Callable[..., Club]) -> None:
    club = opened(lock_after=3)
    club.member()
    assert guess(club, 2) == [400] * 2
    assert club.ask("POST", GRANT, {"email": "ada@example.com", "password": PASSWORD}, address=HERE).status == 200
    assert trail(club, "locked_out") == []


@pytest.mark.asvs("16.3.1", "16.3.3")
def test_a_limit_is_told_once_in_its_time_by_all_workers_together(opened: Callable[..., Club], clock: Clock) -> None:
    workers = opened(sign_in_limit=2), opened(sign_in_limit=2)
    for expected in (1, 2):
        for number in range(12):
            guess(workers[number % 2], 1, f"user{number}@example.com")
        events = trail(workers[0], "rate_limited")
        assert [each["ip_address"] for each in events] == [HERE] * expected
        assert {each["payload"]["traits"]["limit"] for each in events} == {"sign_in"}
        clock.pass_by(timedelta(minutes=5))


def test_mails_that_are_refused_are_told_once(opened: Callable[..., Club]) -> None:
    club = opened(mail_pause=timedelta(minutes=1))
    asked = [club.ask("POST", "/recover", {"email": "ada@example.com"}, address=HERE).status for _ in range(5)]
    assert asked == [200] + [429] * 4
    assert [each["limit"] for each in told(club, "rate_limited")] == ["mail_pause"]
    club.settle()


def test_a_password_that_is_told_wrongly_in_a_session_is_on_the_trail(opened: Callable[..., Club]) -> None:
    club = opened(lock_after=2)
    ada = club.member()
    body = {"password": "nine white horses", "current_password": "wrong horses"}
    asked = [club.ask("PUT", "/user", body, token=ada.token, address=HERE).status for _ in range(4)]
    assert asked == [400, 400, 429, 429]
    assert [each["user_id"] for each in trail(club, "password_refused")] == [ada.id] * 2
    (event,) = trail(club, "locked_out")
    assert (event["user_id"], event["payload"]["actor_id"]) == (ada.id, ada.id)


# Refusals ----------------------------------------------------------------------------------------------------


@pytest.mark.asvs("16.3.1", "16.3.2")
def test_who_is_refused_with_the_right_password_is_told_once_in_a_while(
    opened: Callable[..., Club], clock: Clock
) -> None:
    club = opened()
    ada = club.member()
    club.sign_up("bob@example.com")
    banned = club.ask("PUT", f"/admin/users/{ada.id}", {"ban_duration": "100h"}, key=fixtures.SECRET_KEY)
    assert banned.status == 200
    for email in ("ada@example.com", "bob@example.com"):
        for _ in range(3):
            assert club.ask("POST", GRANT, {"email": email, "password": PASSWORD}, address=HERE).status == 400
    bans, unproven = trail(club, "refused")
    assert (bans["user_id"], bans["ip_address"]) == (ada.id, HERE)
    assert bans["payload"]["traits"] == {"why": "user_banned", "path": "/token"}
    assert unproven["payload"]["traits"]["why"] == "email_not_confirmed"
    assert club.ask("POST", GRANT, {"email": "ada@example.com", "password": PASSWORD}, address=THERE).status == 400
    clock.pass_by(timedelta(minutes=5))
    assert club.ask("POST", GRANT, {"email": "ada@example.com", "password": PASSWORD}, address=HERE).status == 400
    assert [each["ip_address"] for each in trail(club, "refused")] == [HERE, HERE, THERE, HERE]


@pytest.mark.asvs("16.3.2")
def test_a_user_who_asks_for_what_is_the_secret_keys_is_told_once(opened: Callable[..., Club]) -> None:
    club = opened()
    ada = club.member()
    for _ in range(4):
        assert club.ask("GET", "/admin/users", token=ada.token, address=HERE).status == 403
        assert club.ask("GET", "/admin/users", address=HERE).status == 401
    (event,) = trail(club, "refused")
    assert (event["user_id"], event["payload"]["traits"]) == (ada.id, {"why": "not_admin", "path": "/admin/users"})


# What else happens -------------------------------------------------------------------------------------------


@pytest.mark.asvs("16.3.1", "16.2.5")
def test_the_events_of_an_account_are_on_the_trail_without_its_secrets(opened: Callable[..., Club]) -> None:
    club = opened(single_session=True)
    ada = club.member()
    club.sign_up()
    club.enter()
    ada = club.enter()
    assert club.ask("POST", "/recover", {"email": "ada@example.com"}).status == 200
    recovery = club.mail("ada@example.com", "recovery")
    assert club.ask("GET", "/reauthenticate", token=ada.token).status == 200
    again = club.mail("ada@example.com", "reauthentication")
    wrong = {"password": "nine white horses", "nonce": "000000" if again.code != "000000" else "111111"}
    assert club.ask("PUT", "/user", wrong, token=ada.token).status == 422
    assert club.ask("PUT", "/user", {"phone": "+4930123456"}, token=ada.token).status == 200
    codes = [each["type"] for each in told(club, "code_made")]
    assert codes == ["signup", "recovery", "reauthentication", "phone_change"]
    assert [each["user_id"] for each in trail(club, "sign_up_repeated")] == [ada.id]
    assert [each["scope"] for each in told(club, "signed_out")] == ["newer", "newer"]
    assert [each["why"] for each in told(club, "refused")] == ["reauthentication_not_valid"]
    assert [each["user_id"] for each in trail(club, "phone_change_asked")] == [ada.id]
    everything = str(club.rows(club.tables.audit.select()))
    for secret in (PASSWORD, "nine white horses", again.code, recovery.code, recovery.link, ada.refresh_token):
        assert secret not in everything


def test_a_rotation_of_signing_keys_is_told_by_one_of_all_workers(opened: Callable[..., Club], tmp_path: Path) -> None:
    file = tmp_path / "signing-keys.json"
    first = rotate([], now=time.time(), lifetime=timedelta(hours=1))
    write_members(file, first)
    workers = opened(signing_keys=str(file)), opened(signing_keys=str(file))

    def wait(count: int) -> list[list[str]]:
        deadline = time.monotonic() + 60
        while len(found := told(workers[0], "signing_keys_changed")) < count and time.monotonic() < deadline:
            for worker in workers:
                worker.run(asyncio.sleep(0.3))
        for worker in workers:
            worker.run(asyncio.sleep(1.2))
        assert found == told(workers[0], "signing_keys_changed")
        return [each["kids"] for each in found]

    assert wait(1) == [[first[0]["kid"]]]
    second = rotate(first, now=time.time(), lifetime=timedelta(hours=1))
    write_members(file, second)
    kids = [each["kid"] for each in second]
    assert wait(2) == [[kids[1]], kids]
    assert {each["payload"]["actor_id"] for each in trail(workers[0], "signing_keys_changed")} == {"system"}
    assert first[0]["d"] not in str(workers[0].rows(workers[0].tables.audit.select()))
