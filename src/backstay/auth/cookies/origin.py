"""Where a request was made: on a page of our own, or on another one that only makes the browser send it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from urllib.parse import urlsplit

_OWN = frozenset({"same-origin", "none"})
"""``none`` is what somebody typed, or had among their bookmarks: no page can make a browser say so."""


class Whence(Enum):
    """Where a request was made."""

    HERE = auto()
    ELSEWHERE = auto()
    UNTOLD = auto()


def find_whence(headers: Mapping[str, str], public_url: str) -> Whence:
    """Where a request was made, by what the browser itself says of it (Fetch Metadata, RFC 6454).

    Arguments:
        headers: by name in lower case.
        public_url: where callers reach the server; empty: as each asks.
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        return Whence.HERE if site in _OWN else Whence.ELSEWHERE
    origin = headers.get("origin")
    if origin is None or origin == "null":
        return Whence.UNTOLD
    if public_url:
        return Whence.HERE if origin == origin_of(public_url) else Whence.ELSEWHERE
    return Whence.HERE if origin.partition("://")[2] == headers.get("host") else Whence.ELSEWHERE


def origin_of(url: str) -> str:
    """Scheme, host and port of an address, as browsers write them; empty for one that has none."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return ""
    if not parts.scheme or not parts.hostname:
        return ""
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    plain = port is None or port == {"http": 80, "https": 443}.get(parts.scheme)
    return f"{parts.scheme}://{host}" + ("" if plain else f":{port}")
