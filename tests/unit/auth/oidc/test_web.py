"""Requests to providers go nowhere else, and take neither long nor much."""

from __future__ import annotations

import socket
import threading
from datetime import timedelta
from ipaddress import ip_address
from typing import Any

import pytest

from backstay.auth.oidc.address import is_public, read_origin
from backstay.auth.oidc.refused import Refused, Unreachable
from backstay.auth.oidc.web import MOST_BYTES, Web
from in_time import in_time
from issuer import Answer, Issuer


@pytest.mark.asvs("1.3.6")
@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.1.2.3", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1"),
        *("0.0.0.0", "255.255.255.255", "224.0.0.1", "240.0.0.1", "192.0.2.1", "198.18.0.1"),
        *("::", "::1", "fe80::1", "fc00::1", "fd00:ec2::254", "ff02::1", "2001:db8::1"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1"),
        *("2002:7f00:0001::", "2002:0a00:0001::1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1"),
        "2001:0:4136:e378:8000:63bf:80ff:fffe",
    ],
)
def test_an_address_that_is_not_everybodys_is_not_public(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "140.82.121.4", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"]
)
def test_an_address_that_is_everybodys_is_public(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    "url",
    [
        *("file:///etc/passwd", "gopher://example.com", "//example.com", "https:///a", "https://a@example.com"),
        *("https://exam\nple.com", "https://example.com\\@evil.example", "https://[::1", "https://a:99999", ""),
    ],
)
def test_what_is_no_plain_url_is_not_asked(url: str) -> None:
    with pytest.raises(Refused):
        read_origin(url)


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "[::1]", "[::ffff:127.0.0.1]"]
)
async def test_a_host_of_this_machine_is_not_asked_unless_the_developer_wrote_it(host: str, issuer: Issuer) -> None:
    port = issuer.url.rpartition(":")[2]
    web = Web([issuer.url.replace("127.0.0.1", "localhost")])
    with pytest.raises(Refused):
        await web.get(f"https://{host}:{port}/userinfo")
    assert issuer.heard == []


async def test_plain_http_is_only_for_the_developers_own_origin(issuer: Issuer) -> None:
    with pytest.raises(Refused, match="https"):
        await Web(["https://login.example.com"]).get(f"{issuer.url}/userinfo")
    with pytest.raises(Refused, match="https"):
        await Web([issuer.url]).get("http://127.0.0.1:1/userinfo")


async def test_the_address_that_was_looked_at_is_the_one_that_is_asked(
    monkeypatch: pytest.MonkeyPatch, issuer: Issuer
) -> None:
    asked: list[Any] = []
    real = socket.getaddrinfo

    def rebinding(host: Any, *words: Any, **more: Any) -> Any:
        # Public when it is looked at, this machine's afterwards.
        if host != "rebinding.example.com":
            return real(host, *words, **more)
        asked.append(host)
        address = "1.1.1.1" if len(asked) > 1 else "127.0.0.1"
        return real(address, *words, **more)

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    port = issuer.url.rpartition(":")[2]
    web = Web([f"http://rebinding.example.com:{port}"])
    heard = await web.get(f"http://rebinding.example.com:{port}/userinfo", {"authorization": "Bearer theirs"})
    assert (heard.status, len(asked)) == (200, 1)


async def test_a_host_with_one_address_that_is_not_public_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def mixed(*_: Any, **__: Any) -> Any:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, 443)) for each in ("1.1.1.1", "10.0.0.1")]

    monkeypatch.setattr(socket, "getaddrinfo", mixed)
    with pytest.raises(Refused, match="not public"):
        await Web([]).get("https://login.example.com/keys")


@pytest.mark.asvs("15.3.2")
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(status: int, issuer: Issuer) -> None:
    issuer.instead["/userinfo"] = Answer(status, headers={"location": f"{issuer.url}/jwks"})
    with pytest.raises(Refused, match="redirect"):
        await Web([issuer.url]).get(f"{issuer.url}/userinfo")
    assert issuer.heard == ["/userinfo"]


async def test_a_huge_answer_is_not_read(issuer: Issuer) -> None:
    issuer.instead["/userinfo"] = Answer(body=b'"' + b"a" * MOST_BYTES + b'"')
    with pytest.raises(Refused, match="more than"):
        await Web([issuer.url]).get(f"{issuer.url}/userinfo")


async def test_a_packed_answer_is_not_unpacked(issuer: Issuer) -> None:
    issuer.instead["/userinfo"] = Answer(headers={"content-encoding": "gzip"})
    with pytest.raises(Refused, match="packed"):
        await Web([issuer.url]).get(f"{issuer.url}/userinfo")


async def test_a_slow_answer_is_not_waited_for(issuer: Issuer) -> None:
    issuer.instead["/userinfo"] = Answer(held=(held := threading.Event()))
    web = Web([issuer.url], patience=timedelta(milliseconds=200))
    try:
        for watch in in_time(0.9):
            with watch, pytest.raises(Unreachable, match="in time"):
                await web.get(f"{issuer.url}/userinfo")
    finally:
        held.set()


@pytest.mark.parametrize("body", [b"<html>", b"[" * 100_000, b"\xff", b'{"a": '])
async def test_what_is_no_json_is_refused(body: bytes, issuer: Issuer) -> None:
    issuer.instead["/userinfo"] = Answer(body=body)
    with pytest.raises(Refused, match="JSON"):
        await Web([issuer.url]).get(f"{issuer.url}/userinfo")


async def test_a_server_that_fails_or_is_not_there_is_unreachable(issuer: Issuer) -> None:
    issuer.instead["/userinfo"] = Answer(503)
    with pytest.raises(Unreachable):
        await Web([issuer.url]).get(f"{issuer.url}/userinfo")
    with pytest.raises(Unreachable):
        await Web(["http://127.0.0.1:1"]).get("http://127.0.0.1:1/")


async def test_a_certificate_of_nobody_is_not_trusted(issuer: Issuer) -> None:
    # The server speaks no TLS at all; what matters is that the request does.
    port = issuer.url.rpartition(":")[2]
    with pytest.raises(Unreachable):
        await Web([f"https://127.0.0.1:{port}"]).get(f"https://127.0.0.1:{port}/userinfo")
    assert issuer.heard == []
