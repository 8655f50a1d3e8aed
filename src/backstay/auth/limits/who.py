"""Whom attempts are counted for: one name for one mailbox, telephone or network, however it is written.

A limit that is counted by what was sent, letter by letter, is evaded by sending it in another way.
"""

from __future__ import annotations

import ipaddress
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import TypeAlias

Network: TypeAlias = "ipaddress.IPv4Network | ipaddress.IPv6Network"
_Address: TypeAlias = "ipaddress.IPv4Address | ipaddress.IPv6Address"

_HOST_BITS = 64
"""Whoever has one IPv6 address commonly has the 2**64 around it, to take a new one for each request."""


def mailbox(email: str) -> str:
    """The mailbox that an address belongs to: without case, spaces, a ``+tag``, or letters of compatibility.

    It names whom to count for, and nothing else: mail goes to the address as it is written.
    """
    text = "".join(unicodedata.normalize("NFKC", email).casefold().split())
    local, at, domain = text.rpartition("@")
    if not at:
        return text
    return f"{local.partition('+')[0] or local}@{_ascii(domain.rstrip('.'))}"


def line(phone: str) -> str:
    """The digits of a telephone number, in ASCII."""
    return "".join(str(unicodedata.digit(each)) for each in phone if each.isdigit())


def network(address: str) -> str:
    """The network that an IP address is counted with: itself, or of IPv6 its first 64 bits.

    What is no IP address (a socket of the machine itself) is counted by its text.
    """
    read = _read(address)
    if read is None:
        return address
    if read.version == 6:
        return str(ipaddress.ip_network((int(read) >> _HOST_BITS << _HOST_BITS, 128 - _HOST_BITS)))
    return str(read)


def client_address(peer: str, forwarded: str | None, trusted: Sequence[Network]) -> str:
    """The address of who sent a request.

    Arguments:
        peer: the address of the connection's other end.
        forwarded: the header ``X-Forwarded-For``, repeated ones joined by commas.
        trusted: the networks of our own proxies. Each adds to the header's end whom it was called by, so the last
            address that is none of theirs is the client's; what stands before it, the client may have written.

    Returns:
        ``peer`` where that is no trusted proxy, or its header says nothing readable.
    """
    if not forwarded or not is_within(peer, trusted):
        return peer
    found = peer
    for hop in reversed(forwarded.split(",")):
        address = _read(hop)
        if address is None:
            break
        found = str(address)
        if not is_within(found, trusted):
            break
    return found


def is_within(address: str, networks: Sequence[Network]) -> bool:
    """Whether an IP address is in one of some networks."""
    if not networks:
        return False
    read = _read(address)
    return read is not None and any(read in each for each in networks)


def read_networks(texts: Sequence[str]) -> tuple[Network, ...]:
    """The networks that a setting names (``10.0.0.0/8``, ``192.0.2.7``, ``2001:db8::/32``).

    Raises:
        ValueError: one is not a network.
    """
    return tuple(ipaddress.ip_network(text.strip(), strict=False) for text in texts)


@lru_cache(maxsize=4096)
def _read(text: str) -> _Address | None:
    """An address as proxies write it: with a port perhaps, and IPv6 in brackets."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if address.version == 6 else None
    return mapped or address


def _ascii(domain: str) -> str:
    try:
        return domain.encode("idna").decode("ascii")
    except UnicodeError:
        return domain
