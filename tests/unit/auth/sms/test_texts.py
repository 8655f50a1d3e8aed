"""Texts to phones: numbers, the console, and Twilio as a server on this machine plays it."""

from __future__ import annotations

import base64
import io
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import pytest

from backstay.auth.sms.console import Console
from backstay.auth.sms.twilio import Twilio
from backstay.errors import DeclarationError
from backstay.schema.post.mail import Undeliverable
from backstay.schema.post.text import read_phone


@pytest.mark.parametrize(
    ("text", "phone"),
    [
        ("+4915112345678", "4915112345678"),
        ("4915112345678", "4915112345678"),
        ("+1 555 010 9999", "15550109999"),
        ("+123456789012345", "123456789012345"),
        ("", None),
        ("+", None),
        ("+0123456789", None),
        ("015112345678", None),
        ("+1234567890123456", None),
        ("+123456", None),
        ("+49151-12345678", None),
        ("+4915112345678\n", None),
        ("+49151\r\n12345678", None),
        ("+491511234567８", None),
        ("++4915112345678", None),
        ("+4915112345678;ext=1", None),
    ],
)
def test_a_number_is_as_e164_writes_it(text: str, phone: str | None) -> None:
    assert read_phone(text) == phone


async def test_the_console_prints_one_line() -> None:
    stream = io.StringIO()
    await Console(stream=stream).send("+4915112345678", "Code 123456\n\x1b[2J")
    assert stream.getvalue() == "text to +4915112345678: Code 123456\\n\\x1b[2J\n"


class Api(BaseHTTPRequestHandler):
    """Twilio's API, as far as texts go; ``status`` is what it answers."""

    status = 201
    asked: list[dict[str, Any]] = []  # noqa: RUF012

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        form = {name: values[0] for name, values in parse_qs(body).items()}
        self.asked.append({"path": self.path, "form": form, "auth": self.headers["authorization"]})
        self.send_response(self.status)
        if self.status == 307:
            self.send_header("location", "/elsewhere")
        answer = json.dumps({"sid": "SM1", "message": "about +4915112345678"}).encode()
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def api() -> Iterator[str]:
    Api.status, Api.asked = 201, []
    with ThreadingHTTPServer(("127.0.0.1", 0), Api) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/Accounts"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("options", "sent"),
    [({"sender": "+15550100"}, {"From": "+15550100"}), ({"messaging_service": "MG1"}, {"MessagingServiceSid": "MG1"})],
)
async def test_twilio_is_told_the_number_and_the_text(api: str, options: dict[str, str], sent: dict[str, str]) -> None:
    await Twilio("AC1", "secret", address=api, **options).send("+4915112345678", "Code 123456")
    (asked,) = Api.asked
    assert asked["path"] == "/Accounts/AC1/Messages.json"
    assert asked["form"] == {"To": "+4915112345678", "Body": "Code 123456", **sent}
    assert base64.b64decode(asked["auth"].removeprefix("Basic ")) == b"AC1:secret"


@pytest.mark.asvs("15.3.2")
@pytest.mark.parametrize(
    ("status", "final"), [(400, True), (401, True), (404, True), (307, True), (429, False), (500, False), (503, False)]
)
async def test_what_twilio_refuses_is_final_unless_it_passes(api: str, status: int, final: bool) -> None:
    Api.status = status
    with pytest.raises((Undeliverable, ConnectionError)) as caught:
        await Twilio("AC1", "secret", sender="+15550100", address=api).send("+4915112345678", "Code 123456")
    assert isinstance(caught.value, Undeliverable) == final
    assert str(caught.value) == f"Twilio answered {status}"
    assert len(Api.asked) == 1


async def test_a_twilio_that_is_not_there_passes() -> None:
    twilio = Twilio("AC1", "secret", sender="+15550100", address="http://127.0.0.1:9/Accounts", timeout=2)
    with pytest.raises(Exception) as caught:
        await twilio.send("+4915112345678", "Code 123456")
    assert not isinstance(caught.value, Undeliverable)


@pytest.mark.invariant("I24")
def test_twilio_needs_an_account_and_a_sender_and_shows_neither() -> None:
    for options in ({}, {"sender": "+1", "messaging_service": "MG1"}):
        with pytest.raises(DeclarationError):
            Twilio("AC1", "secret", **options)
    for account, token in (("", "secret"), ("AC1", ""), ("AC1/../x", "secret")):
        with pytest.raises(DeclarationError):
            Twilio(account, token, sender="+1")
    assert "secret" not in repr(Twilio("AC1", "secret", sender="+1"))
