"""NDJSON: each row on a line of its own, as the database wrote it.

There is no standard. This is what https://github.com/ndjson/ndjson-spec and https://jsonlines.org have in common:
UTF-8, no line break within a value, one behind each.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

_BREAKS: Final = str.maketrans("\r\n", "  ")
_VALUES: Final = msgspec.json.Decoder(list[msgspec.Raw])


def write_line(text: str) -> str:
    """A JSON text as a line. Between its tokens a line break is a blank, and in them there is none."""
    return f"{text.translate(_BREAKS)}\n"


def write_lines(body: bytes) -> bytes:
    """An array as lines, one for each of its values; any other value is one line."""
    values: Sequence[bytes | msgspec.Raw] = [body]
    if body.lstrip().startswith(b"["):
        values = _VALUES.decode(body)
    return "".join([write_line(bytes(value).decode()) for value in values]).encode()
