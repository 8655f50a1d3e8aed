"""Codes of an authenticator app: RFC 6238's own, and none but those of now."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, unquote, urlsplit
from xml.etree import ElementTree

import pyotp
import pytest

from backstay.auth.factors.totp import draw, find_step, generate_secret, write_address

SECRET = base64.b32encode(b"12345678901234567890").decode()
NOW = datetime(2026, 3, 1, 12, 0, 10, tzinfo=UTC)


def code_at(moment: datetime) -> str:
    return pyotp.TOTP(SECRET).at(moment)


@pytest.mark.parametrize(
    ("seconds", "code"),
    [
        (59, "287082"),
        (1111111109, "081804"),
        (1111111111, "050471"),
        (1234567890, "005924"),
        (2000000000, "279037"),
        (20000000000, "353130"),
    ],
)
def test_the_vectors_of_rfc_6238_are_taken(seconds: int, code: str) -> None:
    assert find_step(SECRET, code, datetime.fromtimestamp(seconds, UTC)) == seconds // 30


@pytest.mark.parametrize("steps", [-1, 0, 1])
def test_a_code_of_a_neighbouring_step_is_taken_as_that_step(steps: int) -> None:
    moment = NOW + timedelta(seconds=30 * steps)
    assert find_step(SECRET, code_at(moment), NOW) == int(moment.timestamp()) // 30


@pytest.mark.asvs("6.5.5")
@pytest.mark.parametrize("steps", [-3, -2, 2, 3])
def test_a_code_of_a_step_further_off_is_not(steps: int) -> None:
    assert find_step(SECRET, code_at(NOW + timedelta(seconds=30 * steps)), NOW) is None


def test_spaces_in_a_code_do_not_matter() -> None:
    code = code_at(NOW)
    assert find_step(SECRET, f" {code[:3]} {code[3:]}\n", NOW) is not None


@pytest.mark.parametrize("code", ["", "12345", "1234567", "abcdef", "١٢٣٤٥٦", "-12345", "0x1234", "1e1000", "12345\0"])
def test_what_is_no_code_is_none(code: str) -> None:
    assert find_step(SECRET, code, NOW) is None


@pytest.mark.asvs("6.5.4")
def test_a_secret_has_160_bits_and_is_another_each_time() -> None:
    made = {generate_secret() for _ in range(100)}
    assert len(made) == 100
    assert {len(base64.b32decode(secret)) for secret in made} == {20}


def test_the_address_says_whose_secret_it_is() -> None:
    address = urlsplit(write_address(SECRET, account="ada+a@example.com", issuer="Hiring: & more"))
    assert (address.scheme, address.netloc) == ("otpauth", "totp")
    assert unquote(address.path) == "/Hiring & more:ada+a@example.com"
    assert parse_qs(address.query) == {"secret": [SECRET], "issuer": ["Hiring & more"]}


def test_the_drawing_can_be_put_into_a_data_address() -> None:
    drawn = draw(write_address(SECRET, account="ada@example.com", issuer="Hiring"))
    assert drawn.startswith("<svg ")
    assert "#" not in drawn
    root = ElementTree.fromstring(drawn)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert int(root.attrib["width"]) > 100
