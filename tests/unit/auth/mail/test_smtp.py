"""SMTP, spoken with a real server: plain, with STARTTLS, with a password, slow, gone and back again."""

from __future__ import annotations

import asyncio
import ssl
import threading
import time
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest

from backstay.auth.mail.letter import Letter
from backstay.auth.mail.office import PostOffice
from backstay.auth.mail.smtp import Place, Smtp, read_place
from backstay.auth.mail.templates import Templates
from backstay.errors import DeclarationError
from backstay.observe import MailDelayed, MailFailed, subscribe
from backstay.schema.post.mail import Mail, Undeliverable
from in_time import TRIES, in_time, until
from mailing import MailServer, certificates


def mail(**given: Any) -> Mail:
    words = {"to": "ada@example.com", "subject": "Grüße", "text": "Grüße, 123456\n.\n", "html": "<p>Grüße</p>"}
    return Mail(**{"kind": "reauthentication", **words, **given})


def smtp(url: str, **options: Any) -> Smtp:
    return Smtp(read_place(url), **{"sender": "no-reply@hiring.example", "name": "Hiring, Ltd.", **options})


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("smtp://mail.example.com", Place("mail.example.com", 587, starttls=True)),
        ("smtp://ada:p%40ss%2F@mail.example.com:2525", Place("mail.example.com", 2525, "ada", "p@ss/", starttls=True)),
        ("smtps://mail.example.com", Place("mail.example.com", 465, tls=True)),
        ("smtp://localhost:1025", Place("localhost", 1025)),
        ("smtp://ada:pass@127.0.0.1", Place("127.0.0.1", 587, "ada", "pass")),
        ("smtp://localhost?starttls=always", Place("localhost", 587, starttls=True)),
        ("smtp://mailpit:1025?starttls=never", Place("mailpit", 1025)),
        ("smtp://[::1]:25/", Place("::1", 25)),
    ],
)
def test_a_url_says_where_and_how(url: str, place: Place) -> None:
    assert read_place(url) == place


@pytest.mark.invariant("I24")
@pytest.mark.parametrize(
    "url",
    [
        "mail.example.com",
        "http://ada:hunter2@mail.example.com",
        "smtp://",
        "smtp://ada:hunter2@mail.example.com:port",
        "smtp://ada:hunter2@mail.example.com:99999",
        "smtp://ada:hunter2@mail.example.com/path",
        "smtp://ada:hunter2@mail.example.com?starttls=never",
        "smtp://ada:hunter2@mail.example.com?starttls=maybe",
        "smtp://ada:hunter2@mail.example.com?tls",
        "smtps://ada:hunter2@mail.example.com?starttls=always",
        "smtp://ada:hunter2@mail.example.com#x",
    ],
)
def test_a_url_that_will_not_do_is_told_without_its_password(url: str) -> None:
    with pytest.raises(DeclarationError, match="smtp_url") as caught:
        read_place(url)
    assert "hunter2" not in str(caught.value) + repr(caught.value) + str(caught.value.hint)
    assert "hunter2" not in repr(Place("localhost", 25, "ada", "hunter2"))


@pytest.mark.parametrize("sender", ["", "nobody", "a@example.com\r\nBcc: eve@example.com"])
def test_mails_come_from_an_address(sender: str) -> None:
    with pytest.raises(DeclarationError, match="mail_from"):
        smtp("smtp://localhost", sender=sender)


async def test_a_mail_arrives_whole() -> None:
    with MailServer() as server:
        sent = mail()
        await smtp(f"smtp://127.0.0.1:{server.port}").send(sent)
    (got,) = server.mails
    assert (server.envelopes[0].mail_from, server.envelopes[0].rcpt_tos) == ("no-reply@hiring.example", [sent.to])
    assert got["From"] == '"Hiring, Ltd." <no-reply@hiring.example>'
    assert (got["To"], got["Subject"]) == ("ada@example.com", "Grüße")
    assert (got["Message-ID"], got["Auto-Submitted"]) == (f"<{sent.id}@hiring.example>", "auto-generated")
    assert abs(parsedate_to_datetime(got["Date"]).timestamp() - time.time()) < 60
    text, html = got.get_body(("plain",)), got.get_body(("html",))
    assert text is not None and html is not None and got.get_content_type() == "multipart/alternative"
    assert text.get_content().replace("\r\n", "\n") == sent.text and html.get_content().strip() == sent.html


@pytest.mark.parametrize(
    ("address", "recipient"),
    [
        ("info@bücher.example", "info@xn--bcher-kva.example"),
        ("dörte@bücher.example", "dörte@xn--bcher-kva.example"),
        ("o'brien+news@example.com", "o'brien+news@example.com"),
    ],
)
async def test_addresses_of_other_scripts_are_reached(address: str, recipient: str) -> None:
    with MailServer() as server:
        await smtp(f"smtp://127.0.0.1:{server.port}").send(mail(to=address))
    assert server.envelopes[0].rcpt_tos == [recipient]
    assert server.mails[0]["To"] == recipient


@pytest.mark.asvs("1.3.11")
def test_no_name_breaks_out_of_its_header() -> None:
    message = smtp("smtp://localhost", name="Eve\r\nBcc: eve@example.com").compose(mail())
    head = message.as_bytes().partition(b"\r\n\r\n")[0]
    assert message["Bcc"] is None and b"\nBcc" not in head


@pytest.mark.asvs("12.3.2")
async def test_a_connection_is_encrypted_before_the_password_is_sent(tmp_path: Path) -> None:
    serving, trust = certificates(tmp_path)
    with MailServer(tls=serving, password="secret") as server:
        url = f"smtp://ada:secret@127.0.0.1:{server.port}?starttls=always"
        await smtp(url, trust=trust).send(mail())
        assert len(server.mails) == 1 and server.sessions[0].ssl is not None
        with pytest.raises((ssl.SSLError, OSError)):
            await smtp(url).send(mail())  # the system does not know who signed the certificate
        assert len(server.mails) == 1


@pytest.mark.asvs("12.3.2")
async def test_a_certificate_of_another_name_is_refused(tmp_path: Path) -> None:
    serving, trust = certificates(tmp_path, name="other.example")
    with MailServer(tls=serving) as server:
        with pytest.raises((ssl.SSLError, OSError)):
            await smtp(f"smtp://127.0.0.1:{server.port}?starttls=always", trust=trust).send(mail())
        assert server.mails == []


async def test_a_server_without_starttls_is_not_used_where_it_must_be() -> None:
    from aiosmtplib import SMTPException

    with MailServer() as server:
        with pytest.raises(SMTPException):
            await smtp(f"smtp://127.0.0.1:{server.port}?starttls=always").send(mail())
        assert server.mails == []


@pytest.mark.parametrize(("answer", "final"), [("550 no such user", True), ("554 spam", True), ("451 later", False)])
async def test_an_answer_of_5_is_final_and_one_of_4_is_not(answer: str, final: bool) -> None:
    with MailServer(answer=lambda number: answer) as server, pytest.raises(Exception) as caught:
        await smtp(f"smtp://127.0.0.1:{server.port}").send(mail())
    assert isinstance(caught.value, Undeliverable) == final
    assert not final or caught.value.args == (f"the server answered {answer[:3]}",)


async def test_a_wrong_password_is_final(tmp_path: Path) -> None:
    serving, trust = certificates(tmp_path)
    with MailServer(tls=serving, password="secret") as server:
        url = f"smtp://ada:wrong@127.0.0.1:{server.port}?starttls=always"
        with pytest.raises(Undeliverable, match="535"):
            await smtp(url, trust=trust).send(mail())


def test_a_server_that_was_killed_gets_the_mail_when_it_is_back() -> None:
    port = MailServer().port
    delays: list[MailDelayed] = []
    end = subscribe(delays.append, MailDelayed)

    async def go() -> MailServer:
        templates = Templates(site_name="Hiring", site_url="https://app.example.com")
        post = PostOffice(templates, mailer=smtp(f"smtp://127.0.0.1:{port}"), waits=(0.05,) * 100)
        with MailServer(port):
            pass
        for number in range(5):
            post.post(Letter(kind="reauthentication", to=f"user{number}@example.com", code="123456"))
        await until(lambda: len(delays) >= 5)
        with MailServer(port) as server:
            await until(lambda: not post.waiting)
        return server

    try:
        server = asyncio.run(go())
    finally:
        end()
    assert sorted(str(one["To"]) for one in server.mails) == [f"user{number}@example.com" for number in range(5)]


async def test_a_slow_server_is_given_up_and_the_loop_goes_on() -> None:
    failures: list[MailFailed] = []
    end = subscribe(failures.append, MailFailed)
    held = threading.Event()
    templates = Templates(site_name="Hiring", site_url="https://app.example.com")
    letter = Letter(kind="reauthentication", to="ada@example.com", code="123456")

    def office(port: int, timeout: float) -> PostOffice:
        post = PostOffice(templates, mailer=smtp(f"smtp://127.0.0.1:{port}", timeout=timeout), waits=())
        post.post(letter)
        return post

    try:
        with MailServer(held=held) as server:
            patient = office(server.port, 60)
            await until(lambda: server.asked)
            # If the loop stood still until the server answers, there would be no second turn of it before.
            for _ in range(100):
                await asyncio.sleep(0.001)
            assert patient.waiting == 1
            for _ in range(TRIES):
                hasty = office(server.port, 0.3)
                await until(lambda hasty=hasty: not hasty.waiting)
                if failures[-1].reason.startswith("SMTPReadTimeoutError"):
                    break  # and was not so late that it did not even connect
            assert patient.waiting == 1
            held.set()
            await until(lambda: not patient.waiting)
            assert len(server.mails) == 1
    finally:
        held.set()
        end()
    assert failures[-1].reason.startswith("SMTPReadTimeoutError")


async def test_a_server_that_says_nothing_is_given_up() -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.listen()
        for watch in in_time(3):
            with watch, pytest.raises((TimeoutError, OSError)):
                await smtp(f"smtp://127.0.0.1:{silent.getsockname()[1]}", timeout=0.2).send(mail())
