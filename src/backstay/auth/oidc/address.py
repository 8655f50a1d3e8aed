"""Where a URL leads: the addresses of its host, and whether they are everybody's."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final, TypeAlias
from urllib.parse import urlsplit

from backstay.auth.oidc.refused import Refused, Unreachable

Address: TypeAlias = IPv4Address | IPv6Address

_TRANSLATED: Final = IPv6Network("64:ff9b::/96")
_COMPATIBLE: Final = IPv6Network("::/96")
_PORTS: Final = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host and port of a URL."""

    scheme: str
    host: str
    port: int


def read_origin(url: str) -> Origin:
    """The origin of a URL.

    Raises:
        Refused: it is no plain URL of a web server.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise Refused("a URL of the provider cannot be read") from None
    plain = host and "@" not in parts.netloc and url.isprintable() and " " not in url and "\\" not in url
    if parts.scheme not in _PORTS or not plain or not host:
        raise Refused("a URL of the provider is not that of a web server")
    return Origin(parts.scheme, host, _PORTS[parts.scheme] if port is None else port)


async def resolve(origin: Origin) -> list[Address]:
    """The addresses of an origin's host.

    Raises:
        Unreachable: it has none.
    """
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Unreachable(f"the host {origin.host} has no address") from None
    return list(dict.fromkeys(ip_address(str(place[0]).partition("%")[0]) for *_, place in found))


def is_public(address: Address) -> bool:
    """Whether an address is one that everybody reaches, however it is written.

    IPv4 addresses inside IPv6 ones (mapped, 6to4, Teredo, NAT64) count as what they are.
    """
    if isinstance(address, IPv6Address):
        if any(not is_public(inner) for inner in _inside(address)):
            return False
        if address.ipv4_mapped is not None or address in _TRANSLATED:
            return True
    return address.is_global and not address.is_multicast and not address.is_reserved


def _inside(address: IPv6Address) -> list[Address]:
    """The IPv4 addresses that an IPv6 one leads to."""
    found: list[Address] = [each for each in (address.ipv4_mapped, address.sixtofour) if each is not None]
    found.extend(address.teredo or ())
    if address in _TRANSLATED or address in _COMPATIBLE:
        found.append(IPv4Address(int(address) & 0xFFFFFFFF))
    return found
