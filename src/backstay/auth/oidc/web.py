"""Requests to a provider: to its own hosts or public ones, never redirected, short in time and size."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from backstay.about import __version__
from backstay.auth.oidc.address import Address, Origin, is_public, read_origin, resolve
from backstay.auth.oidc.refused import Refused, Unreachable

if TYPE_CHECKING:
    import httpx2

PATIENCE: Final = timedelta(seconds=10)
"""The longest that one request may take, from looking up the name to the last byte."""

MOST_BYTES: Final = 512 * 1024
"""The longest answer that is read."""

_TRIES: Final = 3
"""How many addresses of a host are tried."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A provider's answer: its status, and the document in it (None: there is none)."""

    status: int
    document: Any


class Web:
    """Requests to one provider.

    Arguments:
        written: URLs that the developer wrote. Only their origins may have addresses that are not public, or do without
            TLS; what a provider's metadata names beside them may not.
        patience: the longest that one request may take.
    """

    def __init__(self, written: Iterable[str], *, patience: timedelta = PATIENCE) -> None:
        self._patience = patience
        self.own: frozenset[Origin] = frozenset(read_origin(url) for url in written if url)

    def check(self, url: str) -> Origin:
        """The origin of a URL that a provider gave.

        Raises:
            Refused: it is neither ``https://`` nor the developer's own.
        """
        origin = read_origin(url)
        if origin.scheme != "https" and origin not in self.own:
            raise Refused(f"a URL of the provider on {origin.host} does not begin with https://")
        return origin

    async def get(self, url: str, headers: Mapping[str, str] | None = None) -> Heard:
        """What a URL answers to GET.

        Raises:
            Refused, Unreachable: it may not be asked, or does not answer as it must.
        """
        return await self._ask("GET", url, headers or {}, None)

    async def post(self, url: str, form: str, headers: Mapping[str, str] | None = None) -> Heard:
        """What a URL answers to a form; raises as :meth:`get` does."""
        kind = {"content-type": "application/x-www-form-urlencoded"}
        return await self._ask("POST", url, {**kind, **(headers or {})}, form.encode())

    async def _ask(self, method: str, url: str, headers: Mapping[str, str], content: bytes | None) -> Heard:
        import httpx2

        origin = self.check(url)
        try:
            async with asyncio.timeout(self._patience.total_seconds()):
                addresses = await self._addresses(origin)
                async with httpx2.AsyncClient(
                    verify=_trusted(), trust_env=False, follow_redirects=False, timeout=None
                ) as client:
                    return await _send(client, addresses, _request(method, url, origin, headers, content))
        except TimeoutError:
            raise Unreachable(f"{origin.host} did not answer in time") from None
        except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError, OSError) as error:
            raise Unreachable(f"{origin.host} cannot be asked: {type(error).__name__}") from None

    async def _addresses(self, origin: Origin) -> list[Address]:
        """Where to connect to; what was looked at is what is connected to, so the name cannot change in between."""
        addresses = await resolve(origin)
        if origin not in self.own and not all(is_public(address) for address in addresses):
            raise Refused(f"the provider names {origin.host}, whose address is not public")
        return addresses[:_TRIES]


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    url: str
    origin: Origin
    headers: Mapping[str, str]
    content: bytes | None


def _request(method: str, url: str, origin: Origin, headers: Mapping[str, str], content: bytes | None) -> _Request:
    import httpx2

    told = {
        "host": httpx2.URL(url).netloc.decode("ascii"),
        "accept": "application/json",
        # What is packed may be far longer than what was read.
        "accept-encoding": "identity",
        "user-agent": f"Backstay/{__version__}",
    }
    return _Request(method, url, origin, {**told, **headers}, content)


@cache
def _trusted() -> ssl.SSLContext:
    """The certificates that are trusted, read once."""
    import httpx2

    return httpx2.create_ssl_context(trust_env=False)


async def _send(client: httpx2.AsyncClient, addresses: list[Address], request: _Request) -> Heard:
    import httpx2

    for place, address in enumerate(addresses, 1):
        try:
            async with client.stream(
                request.method,
                httpx2.URL(request.url).copy_with(host=str(address)),
                headers=request.headers,
                content=request.content,
                extensions={"sni_hostname": request.origin.host},
            ) as response:
                return Heard(response.status_code, _read(request.origin, await _body(request.origin, response)))
        except httpx2.ConnectError:
            if place == len(addresses):
                raise
    raise Unreachable(f"the host {request.origin.host} has no address")


async def _body(origin: Origin, response: httpx2.Response) -> bytes:
    if 300 <= response.status_code < 400:
        raise Refused(f"{origin.host} answered by a redirect")
    if response.status_code >= 500:
        raise Unreachable(f"{origin.host} answered {response.status_code}")
    if response.headers.get("content-encoding", "identity") != "identity":
        raise Refused(f"{origin.host} packed its answer unasked")
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > MOST_BYTES:
            raise Refused(f"{origin.host} answered more than {MOST_BYTES} bytes")
    return bytes(body)


def _read(origin: Origin, body: bytes) -> Any:
    try:
        return json.loads(body) if body else None
    except (ValueError, RecursionError):
        raise Refused(f"{origin.host} did not answer JSON") from None
