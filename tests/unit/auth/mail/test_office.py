"""The post office: it is never waited for, tries again, gives up visibly, and outlives what it meets."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backstay.auth.mail.letter import Letter
from backstay.auth.mail.mailbox import Mailbox
from backstay.auth.mail.office import PostOffice
from backstay.auth.mail.templates import Templates
from backstay.auth.sms.console import Console
from backstay.observe import MailDelayed, MailFailed, MailSent, Observation, describe, subscribe
from backstay.schema.post.mail import Mail, Undeliverable
from in_time import in_time, until

SECRET = "493817"


class Failing:
    """A mailer that raises what it is told, in turn, and then sends."""

    def __init__(self, *errors: BaseException) -> None:
        self.errors = list(errors)
        self.sent: list[Mail] = []
        self.seen: list[str] = []

    async def send(self, mail: Mail) -> None:
        self.seen.append(mail.id)
        if self.errors:
            raise self.errors.pop(0)
        self.sent.append(mail)


class Slow:
    """A mailer that takes its time."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.sent = 0
        self.now = self.most = 0

    async def send(self, mail: Mail) -> None:
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await asyncio.sleep(self.seconds)
            self.sent += 1
        finally:
            self.now -= 1


@pytest.fixture
def told() -> Iterator[list[Observation]]:
    seen: list[Observation] = []
    end = subscribe(seen.append, MailSent, MailDelayed, MailFailed)
    yield seen
    end()


def office(mailer: Any, folder: Path | None = None, **options: Any) -> PostOffice:
    templates = Templates(site_name="Hiring", site_url="https://app.example.com", folder=folder)
    return PostOffice(templates, mailer=mailer, **{"waits": (0.01, 0.01), **options})


def letter(**given: Any) -> Letter:
    return Letter(
        **{"kind": "recovery", "to": "ada@example.com", "code": SECRET, "link": "https://x.example/a", **given}
    )


async def settle(post: PostOffice) -> None:
    async with asyncio.timeout(30):
        while post.waiting:
            await asyncio.sleep(0.005)


async def test_a_letter_is_sent_later(told: list[Observation]) -> None:
    mailer = Failing()
    post = office(mailer)
    post.post(letter())
    assert mailer.sent == [] and post.waiting == 1
    await settle(post)
    assert [mail.to for mail in mailer.sent] == ["ada@example.com"]
    assert isinstance(told[0], MailSent) and told[0].id == mailer.sent[0].id


async def test_a_fault_that_passes_is_tried_again_with_the_same_mail(told: list[Observation]) -> None:
    mailer = Failing(ConnectionResetError(), TimeoutError())
    post = office(mailer)
    post.post(letter())
    await settle(post)
    assert len(mailer.sent) == 1 and len(set(mailer.seen)) == 1
    assert [type(one) for one in told] == [MailDelayed, MailDelayed, MailSent]


async def test_in_the_end_it_gives_up_and_says_so(told: list[Observation]) -> None:
    mailer = Failing(*[OSError() for _ in range(9)])
    post = office(mailer)
    post.post(letter())
    await settle(post)
    assert len(mailer.seen) == 3 and isinstance(told[-1], MailFailed) and told[-1].attempts == 3


async def test_what_is_undeliverable_is_tried_once(told: list[Observation]) -> None:
    mailer = Failing(Undeliverable("the server answered 550"))
    post = office(mailer)
    post.post(letter())
    await settle(post)
    assert told == [MailFailed("recovery", mailer.seen[0], 1, "the server answered 550")]


@pytest.mark.invariant("I24")
async def test_no_observation_holds_the_address_or_the_code(told: list[Observation], tmp_path: Path) -> None:
    words = f"ada@example.com {SECRET}"
    (tmp_path / "invite.html").write_text("{{ email.secret }}{{ token() }}")
    post = office(Failing(OSError(words), ValueError(words), RuntimeError(words)), tmp_path)
    post.post(letter())
    await settle(post)
    post.post(letter(kind="invite"))
    post.post(letter(to=words))
    await settle(post)
    assert len(told) == 5
    said = repr([describe(one) for one in told]) + repr(told)
    assert SECRET not in said and "ada@" not in said
    assert "OSError (test_office.py:" in said and "its template failed" in said and "the address is none" in said


async def test_whatever_a_mailer_raises_the_next_mail_is_sent() -> None:
    class Odd(Exception):
        code = "no number"

    mailer = Failing(Odd(), asyncio.CancelledError(), RecursionError(), MemoryError())
    post = office(mailer, at_once=1)
    for _ in range(6):
        post.post(letter())
    await settle(post)
    assert len(mailer.sent) == 5


async def test_a_mailer_that_hangs_is_cut_off(told: list[Observation]) -> None:
    post = office(Slow(60), deadline=0.02, waits=())
    post.post(letter())
    await settle(post)
    assert isinstance(told[0], MailFailed) and told[0].reason.startswith("TimeoutError")


async def test_few_are_sent_at_once() -> None:
    mailer = Slow(0.02)
    post = office(mailer, at_once=3)
    for _ in range(9):
        post.post(letter())
    await settle(post)
    assert (mailer.sent, mailer.most) == (9, 3)


async def test_no_more_than_a_bound_are_on_their_way(told: list[Observation]) -> None:
    post = office(Slow(0.01), most=2)
    for _ in range(5):
        post.post(letter())
    assert post.waiting == 2
    await settle(post)
    assert [type(one) for one in told].count(MailFailed) == 3
    post.post(letter())
    assert post.waiting == 1
    await post.close()


async def test_to_post_takes_no_time() -> None:
    for watch in in_time(0.5):
        post = office(Slow(0.05), most=1000)
        with watch:
            for _ in range(500):
                post.post(letter())
        await post.close(patience=0)


async def test_a_stop_waits_for_what_is_on_its_way_and_tries_at_once_what_waits() -> None:
    mailer = Failing(OSError())
    post = office(mailer, waits=(60.0,))
    post.post(letter())
    while not mailer.seen:
        await asyncio.sleep(0.005)
    began = time.perf_counter()
    await post.close()
    assert len(mailer.sent) == 1 and time.perf_counter() - began < 30 and post.waiting == 0


async def test_a_stop_does_not_wait_for_ever_and_says_what_was_left(told: list[Observation]) -> None:
    post = office(mailer := Slow(60))
    post.post(letter())
    await until(lambda: mailer.now)
    began = time.perf_counter()
    await post.close(patience=0.05)
    assert time.perf_counter() - began < 30
    assert [one.reason for one in told if isinstance(one, MailFailed)] == ["the application stopped"]
    post.post(letter())
    assert isinstance(told[-1], MailFailed) and told[-1].reason == "the application stops"


async def test_without_a_mailer_a_letter_fails_visibly(told: list[Observation]) -> None:
    post = office(None)
    assert not post.mails and not post.texts
    post.post(letter())
    post.post_text("4915112345678", SECRET, minutes=10)
    await settle(post)
    assert [one.kind for one in told if isinstance(one, MailFailed)] == ["recovery", "text"]


async def test_a_text_goes_to_the_texter() -> None:
    mailbox = Mailbox()
    post = office(mailbox, texter=Console(mailbox))
    post.post_text("4915112345678", SECRET, minutes=10)
    await settle(post)
    (kept,) = mailbox.look("+4915112345678")
    assert (kept.kind, kept.code) == ("text", SECRET) and SECRET in kept.text
