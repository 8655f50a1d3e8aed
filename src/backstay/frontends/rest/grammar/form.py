"""``application/x-www-form-urlencoded``: the query string, and bodies of that type."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote, unquote


def read_form(text: str) -> list[tuple[str, str | None]]:
    """The decoded pairs of a form in their order; the value is None where a key stands without ``=``.

    Raises:
        ValueError: it is not valid UTF-8, or holds a NUL, which no database stores in text.
    """
    if not text.isascii():
        text.encode("utf-8")
    pairs: list[tuple[str, str | None]] = []
    for part in text.split("&"):
        key, equals, value = part.partition("=")
        if "%" in part or "+" in part:
            key, value = decode(key), decode(value)
        if "\0" in key or "\0" in value:
            raise ValueError('invalid byte sequence for encoding "UTF8": 0x00')
        if part:
            pairs.append((key, value if equals else None))
    return pairs


def decode(text: str) -> str:
    """The text that a key or a value of a form stands for; UnicodeError where it is none."""
    return unquote(text.replace("+", " "), errors="strict")


def write_form(pairs: Iterable[tuple[str, str | None]]) -> str:
    """The pairs as a query string, encoded, in their order."""
    return "&".join([f"{quote(key, safe='')}={quote(value or '', safe='')}" for key, value in pairs])
