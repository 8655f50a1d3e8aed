"""Cutting a long text where it may be cut: a JSON array between its elements, CSV between its lines.

A cut that is made cannot make a wrong text right. The elements between two commas are decoded as an array of their own,
so all arrays are sound exactly where the whole array is; and no line of CSV is sound that begins inside another one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

_BLANK: Final = b" \t\n\r"
_LEVELS: Final = 4
"""Levels of brackets inside an element up to which it is found by one expression."""

_STRING: Final = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_PLAIN: Final = rb'[^"{}\[\]]*+'
_FLAT: Final = rb"%b(?:%b%b)*+" % (_PLAIN, _STRING, _PLAIN)


def _nested(levels: int) -> bytes:
    found = _FLAT
    for _ in range(levels):
        found = rb"%b(?:[\[{]%b[\]}]%b)*+" % (_FLAT, found, _FLAT)
    return found


_OBJECTS: Final = re.compile(rb"(?:[ \t\n\r]*+\{%b\}[ \t\n\r]*+,)*+" % _nested(_LEVELS), re.DOTALL)
_TOKEN: Final = re.compile(rb'%b|[\[\]{},"]' % _STRING, re.DOTALL)


def is_array(parts: Iterable[bytes]) -> bool:
    """Whether a JSON text begins as an array does."""
    first = next((rest for part in parts if (rest := part.lstrip(_BLANK))), b"")
    return first.startswith(b"[")


def cut_array(parts: Iterable[bytes]) -> Iterator[bytes]:
    """The elements of a JSON array, some at a time, as the texts of arrays that hold them.

    Each of the texts has to be decoded, and only the first one may turn out to be empty: then the whole is no array.

    Arguments:
        parts: a text for which :func:`is_array` holds, piece by piece.
    """
    held = bytearray()
    opened = False
    wanted = 0
    for part in parts:
        held += part
        if not opened:
            start = len(held) - len(held.lstrip(_BLANK))
            if start == len(held):
                continue
            del held[: start + 1]
            opened = True
        if len(held) < wanted:
            continue
        while (end := _last_comma(held)) is not None:
            yield b"[" + held[:end] + b"]"
            del held[: end + 1]
        # What cannot be cut is looked at again when there is twice as much of it: not from the start with every piece.
        wanted = 2 * len(held)
    yield b"[" + held


def _last_comma(text: bytearray) -> int | None:
    """Where the last comma between elements is that a quick look finds; None where there is none."""
    match = _OBJECTS.match(text)
    if match is not None and match.end():
        return match.end() - 1
    depth = 0
    found: int | None = None
    for token in _TOKEN.finditer(text):
        byte = text[token.start()]
        if byte == 0x2C:
            if depth == 0:
                found = token.start()
        elif byte in b"[{":
            depth += 1
        elif byte in b"]}":
            depth -= 1
            if depth < 0:
                break
        elif token.end() - token.start() == 1:  # a quote whose string goes on behind the end
            break
    return found


def cut_lines(texts: Iterable[str]) -> Iterator[str]:
    """The lines of a CSV text, some at a time.

    Arguments:
        texts: the text, piece by piece.
    """
    held = ""
    wanted = 0
    for text in texts:
        held += text
        if len(held) < wanted:
            continue
        end = _last_line(held)
        if end:
            yield held[:end]
            held = held[end:]
        wanted = 2 * len(held)
    if held:
        yield held


def _last_line(text: str) -> int:
    """Where the last line begins that does not begin inside a quoted field; 0 where no other is seen."""
    end = len(text)
    outside = text.count('"') % 2 == 0
    while True:
        start = text.rfind('"', 0, end) + 1
        if outside:
            line = max(text.rfind("\n", start, end), text.rfind("\r", start, end)) + 1
            if line:
                return line
        if not start:
            return 0
        end, outside = start - 1, not outside
