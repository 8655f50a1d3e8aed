"""Whom attempts are counted for, however it is written."""

from __future__ import annotations

import pytest

from backstay.auth.limits.who import client_address, line, mailbox, network, read_networks

PROXIES = read_networks(["10.0.0.0/8", "192.0.2.1", "2001:db8::/32"])


@pytest.mark.asvs("6.3.1")
@pytest.mark.parametrize(
    "email",
    [
        "alice@example.com",
        "ALICE@Example.COM",
        " alice@example.com\t",
        "alice+1@example.com",
        "alice+a+b@example.com",
        "ａｌｉｃｅ@example.com",
        "alice@ｅｘａｍｐｌｅ.com",
        "alice@example.com.",
        "al ice@example.com",
    ],
)
def test_one_mailbox_has_one_name(email: str) -> None:
    assert mailbox(email) == "alice@example.com"


def test_a_domain_has_one_name_in_any_script() -> None:
    assert mailbox("a@Bücher.example") == mailbox("a@xn--bcher-kva.example")


@pytest.mark.parametrize("email", ["bob@example.com", "alice@example.org", "alice", "+alice@example.com", ""])
def test_other_mailboxes_have_other_names(email: str) -> None:
    assert mailbox(email) != "alice@example.com"


def test_a_telephone_is_named_by_its_digits() -> None:
    assert {line(phone) for phone in ("+49 30 123-456", "4930123456", "+４９30123456")} == {"4930123456"}


def test_an_ipv6_address_is_counted_with_its_network() -> None:
    assert network("2001:db8:1:2:3:4:5:6") == network("2001:db8:1:2::1") == "2001:db8:1:2::/64"
    assert network("2001:db8:1:3::1") != network("2001:db8:1:2::1")


def test_an_ipv4_address_is_counted_by_itself_in_either_form() -> None:
    assert network("192.0.2.7") == network("::ffff:192.0.2.7") == "192.0.2.7"
    assert network("/run/backstay.sock") == "/run/backstay.sock"


@pytest.mark.asvs("4.1.3", "15.3.4")
@pytest.mark.parametrize("forwarded", ["203.0.113.9", "203.0.113.9, 10.0.0.1", "10.0.0.1", "nonsense"])
def test_a_header_from_a_stranger_changes_nothing(forwarded: str) -> None:
    assert client_address("198.51.100.4", forwarded, PROXIES) == "198.51.100.4"
    assert client_address("10.0.0.1", forwarded, ()) == "10.0.0.1"


@pytest.mark.asvs("15.3.4")
@pytest.mark.parametrize(
    ("forwarded", "found"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("1.1.1.1, 203.0.113.9", "203.0.113.9"),
        ("1.1.1.1, 203.0.113.9, 10.0.0.7, 192.0.2.1", "203.0.113.9"),
        ("10.0.0.7, 10.0.0.8", "10.0.0.7"),
        ("203.0.113.9:4711", "203.0.113.9"),
        ("[2001:4860::1]:443", "2001:4860::1"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("203.0.113.9, nonsense", "10.0.0.1"),
        ("203.0.113.9, nonsense, 10.0.0.7", "10.0.0.7"),
        ("", "10.0.0.1"),
        (None, "10.0.0.1"),
    ],
)
def test_the_last_address_that_is_no_proxy_of_ours_is_the_client(forwarded: str | None, found: str) -> None:
    assert client_address("10.0.0.1", forwarded, PROXIES) == found


def test_a_network_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="proxy"):
        read_networks(["proxy.example"])
