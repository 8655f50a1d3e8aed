"""Request and Response: HTTP as values, without a server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from backstay.dialects.rowwise.spool import Spool
from backstay.schema.exchange import Request

__all__ = ["Ready", "Request", "Response", "Spooled"]

Lines: TypeAlias = tuple[tuple[bytes, bytes], ...]

_set: Final = object.__setattr__


class Spooled(Request):
    """A request whose body is too long for memory. Whoever made it closes the spool.

    Arguments:
        method, path, query, headers: of the request.
        spool: the body.
        address: the address that it came from.
    """

    __slots__ = ("spool",)
    spool: Spool

    def __init__(
        self, method: str, path: str, query: str, headers: Mapping[str, str], spool: Spool, address: str = ""
    ) -> None:
        _set(self, "method", method)
        _set(self, "path", path)
        _set(self, "query", query)
        _set(self, "headers", headers)
        _set(self, "spool", spool)
        _set(self, "address", address)

    @property
    def body(self) -> bytes:
        """All of the body, read into memory."""
        return b"".join(self.spool.parts())

    def held(self) -> Request:
        """The same request with its body in memory."""
        return Request(self.method, self.path, self.query, self.headers, self.body, self.address)


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP response. ``headers`` are in the order they are sent, names in lower case.

    ``spool`` holds a body too long for memory, in the place of ``body``; its length is among the headers. Whoever sends
    the response closes it.
    """

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    spool: Spool | None = None

    @property
    def lines(self) -> Lines | None:
        """The headers as they are sent, where they are ready."""
        return None


class Ready(Response):
    """A response whose headers are encoded already, and known to be sound: names, values, and its Content-Length."""

    __slots__ = ("_lines",)
    _lines: Lines

    def __init__(self, status: int, lines: Lines, body: bytes, spool: Spool | None = None) -> None:
        _set(self, "status", status)
        _set(self, "_lines", lines)
        _set(self, "body", body)
        _set(self, "spool", spool)

    @property
    def lines(self) -> Lines:
        """The headers as they are sent."""
        return self._lines

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """The same as text."""
        return tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in self._lines)
