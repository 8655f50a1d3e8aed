"""Mail of sign-in, by SMTP: asked for by a request, and nobody waits for it."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from sqlalchemy.orm import DeclarativeBase

from backstay import Auth, AuthUser, Backstay
from backstay.auth.sms.console import Console
from backstay.errors import DeclarationError
from backstay.observe import MailFailed, MailMissing, Observation, subscribe
from backstay.testing import Client, Mailbox, client
from in_time import in_time
from mailing import MailServer, free_port

PASSWORD = "seven brown horses"
ADDRESS = "ada@example.com"


class Base(DeclarativeBase): ...


class User(AuthUser, Base):
    __tablename__ = "users"


@asynccontextmanager
async def opened(
    database: str | None = None, auth: dict[str, Any] | None = None, **settings: Any
) -> AsyncIterator[Client]:
    app = Backstay("sqlite://", auth=Auth(User, **(auth or {})))
    app.configure(public_url="https://api.example.com", site_url="https://app.example.com", **settings)
    async with client(app, database=database) as backend:
        yield backend


def by_smtp(port: int) -> dict[str, str]:
    return {"smtp_url": f"smtp://127.0.0.1:{port}", "mail_from": "no-reply@example.com", "mail_name": "The Club"}


async def sign_up(backend: Client, address: str = ADDRESS) -> None:
    answer = await backend.post(
        "/auth/v1/signup", {"email": address, "password": PASSWORD, "data": {"name": "{{ 7*7 }}"}}
    )
    assert answer.status == 200 and "access_token" not in answer.json()


async def until(true: Callable[[], Any]) -> None:
    async with asyncio.timeout(60):
        while not true():
            await asyncio.sleep(0.01)


def text_of(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    assert body is not None
    return str(body.get_content())


def link_in(mail: EmailMessage) -> str:
    found = re.search(r"https://api\.example\.com/\S+", text_of(mail))
    assert found is not None
    return found[0]


async def follow(backend: Client, link: str) -> str:
    """Where a link leads."""
    parts = urlsplit(link)
    answer = await backend.get(f"{parts.path}?{parts.query}")
    assert answer.status == 303
    return answer.headers["location"]


async def test_the_link_of_a_mail_signs_in(database_url: str) -> None:
    with MailServer() as server:
        async with opened(database_url, **by_smtp(server.port)) as backend:
            await sign_up(backend)
            await until(lambda: server.mails)
            (mail,) = server.mails
            assert (mail["To"], mail["From"]) == (ADDRESS, "The Club <no-reply@example.com>")
            assert mail["Subject"] == "Confirm your address for The Club"
            assert (await follow(backend, link_in(mail))).startswith("https://app.example.com#access_token=")
            assert "error_code=otp_expired" in await follow(backend, link_in(mail))


async def test_the_code_of_a_mail_signs_in(database_url: str) -> None:
    with MailServer() as server:
        async with opened(database_url, **by_smtp(server.port)) as backend:
            await sign_up(backend)
            await until(lambda: server.mails)
            code = re.search(r"\b\d{6}\b", text_of(server.mails[0]))
            assert code is not None
            body = {"type": "signup", "email": ADDRESS, "token": code[0]}
            assert (await backend.post("/auth/v1/verify", body)).json()["user"]["email"] == ADDRESS


async def test_a_server_that_is_down_delays_no_request_and_gets_the_mail_later() -> None:
    port = free_port()
    async with opened(**by_smtp(port)) as backend:
        for number, watch in enumerate(in_time(2)):
            with watch:
                await sign_up(backend, f"ada{number}@example.com")
        await asyncio.sleep(0.3)
        with MailServer(port) as server:
            await until(lambda: server.mails)
        assert link_in(server.mails[0])


async def test_a_slow_server_delays_no_request_and_a_stop_waits_for_it() -> None:
    with MailServer(held=(held := threading.Event())) as server:
        async with opened(**by_smtp(server.port)) as backend:
            await sign_up(backend)
            for watch in in_time(0.9):
                with watch:
                    await backend.post("/auth/v1/recover", {"email": ADDRESS})
            await until(lambda: server.asked)
            assert server.mails == []
            asyncio.get_running_loop().call_later(0.2, held.set)  # during the stop
        assert len(server.mails) >= 1


async def test_what_the_server_refuses_is_told_without_the_address() -> None:
    told: list[MailFailed] = []
    end = subscribe(told.append, MailFailed)
    try:
        with MailServer(answer=lambda number: f"550 no such user {ADDRESS}") as server:
            async with opened(**by_smtp(server.port)) as backend:
                await sign_up(backend)
                await until(lambda: told)
    finally:
        end()
    assert (told[0].kind, told[0].attempts, told[0].reason) == ("confirmation", 1, "the server answered 550")


async def test_without_a_way_to_send_mail_the_start_says_so_and_requests_fail() -> None:
    told: list[Observation] = []
    end = subscribe(told.append, MailMissing)
    try:
        async with opened() as backend:
            assert told == [MailMissing()]
            for path in ("signup", "recover", "otp"):
                answer = await backend.post(f"/auth/v1/{path}", {"email": ADDRESS, "password": PASSWORD})
                assert answer.status == 500
                assert answer.json()["error_code"] == "unexpected_failure"
    finally:
        end()


async def test_no_word_about_mail_where_it_can_be_sent_or_is_not_needed() -> None:
    told: list[Observation] = []
    end = subscribe(told.append, MailMissing)
    try:
        async with opened(auth={"mail": Mailbox()}):
            pass
        async with opened(email_sign_in=False):
            pass
        async with opened(auth={"sign_in": False}):
            pass
    finally:
        end()
    assert told == []


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"smtp_url": "http://mail.example.com"}, "smtp_url"),
        ({"smtp_url": "smtp://localhost"}, "mail_from"),
        ({"mail_templates": "nowhere"}, "mail_templates"),
    ],
)
async def test_settings_that_will_not_do_fail_the_start(settings: dict[str, str], told: str) -> None:
    with pytest.raises(DeclarationError, match=told):
        async with opened(**settings):
            pass


async def test_templates_of_the_application_are_used_and_metadata_stays_text(tmp_path: Path) -> None:
    (tmp_path / "confirmation.txt").write_text("Subject: Hi {{ data.name }}\n\n{{ confirmation_url }}")
    (tmp_path / "confirmation.html").write_text("<p>{{ data.name }}</p>")
    mailbox = Mailbox()
    async with opened(auth={"mail": mailbox}, mail_templates=str(tmp_path)) as backend:
        await sign_up(backend)
        await until(mailbox.look)
    (mail,) = mailbox.look(ADDRESS)
    assert (mail.subject, mail.html) == ("Hi {{ 7*7 }}", "<p>{{ 7*7 }}</p>")
    assert mail.link == mail.text


async def test_a_mailer_that_raises_is_asked_again() -> None:
    mailbox = Mailbox()
    seen: list[str] = []

    class Failing:
        async def send(self, mail: Any) -> None:
            seen.append(mail.id)
            if len(seen) < 2:
                raise RuntimeError("not now")
            await mailbox.send(mail)

    async with opened(auth={"mail": Failing()}) as backend:
        await sign_up(backend)
        await until(lambda: seen)
    assert len(mailbox.look()) == 1 and len(set(seen)) == 1


async def test_a_code_goes_to_a_phone(database_url: str) -> None:
    mailbox = Mailbox()
    auth = {"mail": mailbox, "sms": Console(mailbox)}
    async with opened(database_url, auth=auth, phone_sign_in=True) as backend:
        answer = await backend.post("/auth/v1/signup", {"phone": "+4915112345678", "password": PASSWORD})
        assert answer.status == 200
        await until(mailbox.look)
        (text,) = mailbox.look("+4915112345678")
        body = {"type": "sms", "phone": "+4915112345678", "token": text.code}
        assert (await backend.post("/auth/v1/verify", body)).json()["user"]["phone"] == "4915112345678"


async def test_others_may_be_named_before_the_start() -> None:
    mailbox = Mailbox()
    app = Backstay("sqlite://", auth=Auth(User))
    app.send_by(mail=mailbox, sms=Console(mailbox))
    async with client(app) as backend:
        await sign_up(backend)
        assert (await mailbox.wait(ADDRESS, patience=timedelta(minutes=1))).kind == "confirmation"
        mailbox.clear()
        with pytest.raises(TimeoutError):
            await mailbox.wait(ADDRESS, patience=timedelta(seconds=0.02))
    assert app.auth is not None and app.auth.mail is mailbox
    without = Backstay("sqlite://")
    without.send_by(mail=mailbox)
    assert without.auth is None


@pytest.mark.parametrize(
    ("auth", "settings"),
    [
        (Auth(User), {"smtp_url": "smtp://127.0.0.1:25", "mail_from": "no-reply@example.com"}),
        (Auth(User, mail=Mailbox()), {}),
    ],
)
def test_mails_whose_links_lead_nowhere_are_found_at_the_start(auth: Auth, settings: dict[str, Any]) -> None:
    app = Backstay("sqlite://", auth=auth)
    app.configure(jwt_secret="x" * 40, site_url="https://app.example.com", **settings)
    with pytest.raises(DeclarationError, match="public_url"):
        app.assembly  # noqa: B018
    app.configure(email_sign_in=False)
    assert app.assembly.sign_in is not None


async def test_no_host_of_a_request_gets_into_a_link() -> None:
    app = Backstay("sqlite://", auth=Auth(User))
    app.configure(public_url="https://api.example.com")
    async with client(app) as backend:
        headers = {"host": "evil.example", "x-forwarded-host": "evil.example"}
        body = {"type": "signup", "email": ADDRESS, "password": "seven brown horses"}
        answer = await backend.with_key(app.settings.secret_key).request(
            "POST", "/auth/v1/admin/generate_link", json=body, headers=headers
        )
        assert answer.json()["action_link"].startswith("https://api.example.com/auth/v1/verify?")
        assert "evil" not in answer.text
