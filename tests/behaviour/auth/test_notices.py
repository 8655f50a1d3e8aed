"""What users are told of changes to their own account: at an address that was theirs before, once it has happened."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from backstay import system
from backstay.auth.mail.letter import Letter
from backstay.auth.steps.mailing import post_when_committed
from signing_in import PASSWORD, Club


@pytest.fixture(scope="module")
def opened(module_database_url: str) -> Iterator[Club]:
    with Club(module_database_url, phone_sign_in=True) as club:
        yield club


@pytest.fixture
def club(opened: Club) -> Club:
    opened.restore()
    return opened


def told(club: Club, kind: str) -> list[tuple[str, str]]:
    club.settle()
    return [(mail.to, mail.text) for mail in club.post.mails if mail.kind == kind]


def test_a_new_password_is_told(club: Club) -> None:
    ada = club.member("ada@example.com")
    club.post.mails.clear()
    assert club.ask("PUT", "/user", {"password": "nine brown horses"}, token=ada.token).status == 200
    assert [to for to, _ in told(club, "password_changed")] == ["ada@example.com"]


def test_a_password_that_is_refused_is_not_told(club: Club) -> None:
    ada = club.member("ada@example.com")
    assert club.ask("PUT", "/user", {"password": PASSWORD}, token=ada.token).status == 422
    assert told(club, "password_changed") == []


def test_a_new_address_is_told_at_the_old_one_when_both_are_proven(club: Club) -> None:
    ada = club.member("ada@example.com")
    club.ask("PUT", "/user", {"email": "ada@new.example"}, token=ada.token)
    club.settle()
    codes = {mail.to: mail.code for mail in club.post.mails if mail.kind == "email_change"}
    assert set(codes) == {"ada@example.com", "ada@new.example"}
    for number, (to, code) in enumerate(codes.items()):
        assert len(told(club, "email_changed")) == 0, number
        club.ask("POST", "/verify", {"type": "email_change", "email": to, "token": code})
    ((to, text),) = told(club, "email_changed")
    assert to == "ada@example.com" and "from ada@example.com to ada@new.example" in text


def test_a_new_number_is_told_by_mail(club: Club) -> None:
    ada = club.member("ada@example.com")
    club.ask("PUT", "/user", {"phone": "+4915112345678"}, token=ada.token)
    club.settle()
    assert told(club, "phone_changed") == []
    code = club.text("+4915112345678")
    body = {"type": "phone_change", "phone": "+4915112345678", "token": code}
    assert club.ask("POST", "/verify", body).status == 200
    assert [to for to, _ in told(club, "phone_changed")] == ["ada@example.com"]


def test_what_is_undone_is_not_told(club: Club) -> None:
    letter = Letter(kind="password_changed", to="ada@example.com")

    async def undo() -> None:
        async with club.app.session(system) as db:
            await db.execute(sa.select(1))
            post_when_committed(db, club.sign_in, letter)
            raise LookupError

    async def do() -> None:
        async with club.app.session(system) as db:
            await db.execute(sa.select(1))
            post_when_committed(db, club.sign_in, letter)

    with pytest.raises(LookupError):
        club.run(undo())
    assert told(club, "password_changed") == []
    club.run(do())
    assert len(told(club, "password_changed")) == 1
