"""The cookies of a session: their names, how they are read, and how they are set.

No script can read them, no other host can set them, and they come along from other sites only where somebody follows a
link (ASVS 3.3.1 to 3.3.4, RFC 6265bis 4.1.3.2).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Final
from urllib.parse import urlsplit

SetCookie = tuple[str, str]
"""A header that sets a cookie: ``set-cookie``, and what follows."""

_PIECE: Final = 3500
"""Most letters in one cookie: browsers keep 4096 with its name and all that is said of it."""
_MOST_PIECES: Final = 12


class Name(Enum):
    """What is kept."""

    ACCESS = "backstay-access"
    REFRESH = "backstay-refresh"
    VISIT = "backstay-visit"


@dataclass(frozen=True, slots=True)
class Kept:
    """What a browser has kept; empty where it has nothing.

    Arguments:
        access, refresh: the tokens of its session.
        visit: what its forms are bound to before it has one.
        names: of all cookies that it sent.
    """

    access: str
    refresh: str
    visit: str
    names: frozenset[str]


class Jar:
    """Reads and sets the cookies.

    Arguments:
        secure: whether callers come by HTTPS. Without it the names have no prefix: for development alone.
        life: how long a browser keeps its session, counted from the last time that it was renewed.
    """

    def __init__(self, *, secure: bool, life: timedelta) -> None:
        self._prefix = "__Host-" if secure else ""
        self._words = "Path=/; HttpOnly; SameSite=Lax" + ("; Secure" if secure else "")
        self._life = life

    def read(self, headers: Mapping[str, str]) -> Kept:
        """What the browser has that sent these headers, by name in lower case."""
        sent: dict[str, str] = {}
        for part in headers.get("cookie", "").split(";"):
            name, _, value = part.strip().partition("=")
            # With the prefix there can be only one; without it, the first is that of the longest path.
            sent.setdefault(name, value)
        return Kept(
            self._join(sent, Name.ACCESS), self._join(sent, Name.REFRESH), self._join(sent, Name.VISIT), frozenset(sent)
        )

    def put_session(self, kept: Kept, access: str, refresh: str, expires_in: timedelta) -> list[SetCookie]:
        """Keep a session's tokens in the place of what was kept.

        Arguments:
            kept: what the browser has now.
            access, refresh: the tokens.
            expires_in: how long the access token is good.
        """
        return [
            *self._write(kept, Name.ACCESS, access, expires_in),
            *self._write(kept, Name.REFRESH, refresh, self._life),
        ]

    def put_visit(self, kept: Kept, visit: str, life: timedelta) -> list[SetCookie]:
        """Keep what forms are bound to."""
        return self._write(kept, Name.VISIT, visit, life)

    def empty(self, kept: Kept, *names: Name) -> list[SetCookie]:
        """Keep no longer what has these names."""
        return [line for name in names for line in self._write(kept, name, "", timedelta(0))]

    def holds_session(self, headers: Mapping[bytes, bytes]) -> bool:
        """Whether a session may be among a request's raw cookies."""
        return self._mark in headers.get(b"cookie", b"")

    @property
    def _mark(self) -> bytes:
        return f"{self._prefix}{Name.ACCESS.value}=".encode()

    def _join(self, sent: Mapping[str, str], name: Name) -> str:
        found = ""
        for number in range(_MOST_PIECES):
            piece = sent.get(self._name(name, number))
            if piece is None:
                break
            found += piece
        return found

    def _write(self, kept: Kept, name: Name, value: str, life: timedelta) -> list[SetCookie]:
        pieces = [value[start : start + _PIECE] for start in range(0, len(value), _PIECE)]
        lines = []
        for number in range(_MOST_PIECES):
            cookie = self._name(name, number)
            if number < len(pieces):
                lines.append(self._line(cookie, pieces[number], life))
            elif cookie in kept.names:
                lines.append(self._line(cookie, "", timedelta(0)))
        return lines

    def _line(self, cookie: str, value: str, life: timedelta) -> SetCookie:
        return "set-cookie", f"{cookie}={value}; Max-Age={int(life.total_seconds())}; {self._words}"

    def _name(self, name: Name, number: int) -> str:
        return f"{self._prefix}{name.value}" + (f".{number}" if number else "")


def is_secure(public_url: str) -> bool:
    """Whether cookies are to be kept from plain HTTP: always, but on this very machine.

    Arguments:
        public_url: where callers reach the server.
    """
    try:
        parts = urlsplit(public_url)
        host = parts.hostname or ""
    except ValueError:
        return True
    if parts.scheme != "http":
        return True
    try:
        return not ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host != "localhost" and not host.endswith(".localhost")
