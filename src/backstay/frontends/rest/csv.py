"""``text/csv`` as a payload (RFC 4180)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

BYTE_ORDER_MARK: Final = "\ufeff"

_QUOTED: Final = re.compile(r'"((?:[^"]|"")*+)"')
_BARE: Final = re.compile(r'[^",\r\n]*+')
_LINE_END: Final = re.compile(r"\r\n|\n|\r")


def read_csv(text: str, header: Sequence[str] | None = None) -> tuple[tuple[str, ...], list[dict[str, str | None]]]:
    """The header and the rows of a CSV text. Blank lines are passed over; ``NULL`` is null.

    Arguments:
        text: all of it, without a byte order mark; or with ``header`` further lines of a text that began with that.

    Returns:
        The header, empty where there is none, and the rows by its names.

    Raises:
        ValueError: quotes do not match.
        LookupError: a line has more or fewer fields than the header.
    """
    lines = (line for line in _lines(text) if line != [""])
    if header is None:
        header = next(lines, ())
    rows: list[dict[str, str | None]] = []
    for line in lines:
        if len(line) != len(header):
            raise LookupError("fields")
        rows.append({name: None if value == "NULL" else value for name, value in zip(header, line, strict=True)})
    return tuple(header), rows


def _lines(text: str) -> Iterator[list[str]]:
    at = 0
    line: list[str] = []
    while at < len(text):
        quoted = text.startswith('"', at)
        match = (_QUOTED if quoted else _BARE).match(text, at)
        if match is None:
            raise ValueError("a quote is not closed")
        line.append(match.group(1).replace('""', '"') if quoted else match.group())
        at = match.end()
        if text.startswith(",", at):
            at += 1
            if at < len(text):
                continue
            line.append("")
        end = _LINE_END.match(text, at)
        if end is None and at < len(text):
            raise ValueError("a quote stands inside a field")
        yield line
        line = []
        at = end.end() if end else at
