"""Mails, and what they cannot hold."""

from __future__ import annotations

import pytest

from backstay.schema.post.mail import Mail, Undeliverable, is_address


def mail(to: str = "ada@example.com", subject: str = "Hello") -> Mail:
    return Mail(kind="recovery", to=to, subject=subject, text="code 123456", html="<p>123456</p>", code="123456")


@pytest.mark.asvs("1.3.11")
@pytest.mark.parametrize(
    "address",
    [
        "ada@example.com\r\nBcc: eve@example.com",
        "ada@example.com\nBcc: eve@example.com",
        "ada@example.com\r",
        "ada@example.com\x00",
        "ada@example.com,eve@example.com",
        "ada@example.com;eve@example.com",
        "ada@example.com eve@example.com",
        "<ada@example.com>",
        "Ada <ada@example.com>",
        '"ada\r\n"@example.com',
        "ada@exam\u2028ple.com",
        "ada\u2029@example.com",
        "ada\x85@example.com",
        "ada@[127.0.0.1]",
        "ada@@example.com",
        "ada@",
        "@example.com",
        "ada",
        "",
        ".ada@example.com",
        "a..da@example.com",
        "ada@example..com",
        "ada@-example.com",
        "ada@example.com.",
        "a" * 65 + "@example.com",
        "ada@" + "a" * 64 + ".com",
        "ada@" + "a." * 130 + "com",
    ],
)
def test_what_is_no_address_gets_no_mail(address: str) -> None:
    assert not is_address(address)
    with pytest.raises(Undeliverable):
        mail(to=address)


@pytest.mark.parametrize(
    "address",
    ["ada@example.com", "a.b+c@example.co.uk", "o'brien@example.com", "ada@localhost", "dörte@bücher.example"],
)
def test_addresses_of_every_day_are_addresses(address: str) -> None:
    assert is_address(address)
    assert mail(to=address).to == address


@pytest.mark.asvs("1.3.11")
@pytest.mark.parametrize("end", ["\r\nBcc: eve@example.com", "\n", "\r", "\x00", "\x1b[2J", "\x85", "\u2028", "\ud800"])
def test_a_subject_is_one_line(end: str) -> None:
    with pytest.raises(Undeliverable):
        mail(subject=f"Hello{end}")


@pytest.mark.invariant("I24")
def test_a_mail_that_is_shown_shows_no_code_and_no_address() -> None:
    assert "123456" not in repr(mail())
    assert "example.com" not in repr(mail())
