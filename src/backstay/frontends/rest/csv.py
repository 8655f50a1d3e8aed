"""``text/csv``: payloads in, rows out (RFC 4180, with PostgreSQL's way of quoting)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

_QUOTED: Final = re.compile(r'"((?:[^"]|"")*+)"')
_BARE: Final = re.compile(r'[^",\r\n]*+')
_LINE_END: Final = re.compile(r"\r\n|\n|\r")
_NEEDS_QUOTES: Final = re.compile(r'[",()\\\s]')
_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")


def read_csv(text: str) -> tuple[tuple[str, ...], list[dict[str, str | None]]]:
    """The header and the rows of a CSV text. Blank lines are passed over; ``NULL`` is null.

    Raises:
        ValueError: quotes do not match, or there is no header.
        LookupError: a line has more or fewer fields than the header.
    """
    lines = (line for line in _lines(text.removeprefix("\ufeff")) if line != [""])
    header = next(lines, None)
    if header is None:
        raise ValueError("there is no header")
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


def write_csv(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Rows as CSV, under the keys of the first one; no rows make an empty header."""
    if not rows:
        return b"\n"
    keys = list(rows[0])
    lines = [",".join(map(_header, keys))]
    lines.extend(",".join(_cell(row.get(key)) for key in keys) for row in rows)
    return "\n".join(lines).encode()


def _header(key: str) -> str:
    return f'"{key.replace(chr(34), chr(34) * 2)}"' if re.search(r'[",\r\n]', key) else key


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "t" if value else "f"
    text = value if isinstance(value, str) else _ENCODER.encode(value).decode()
    # NULL and the empty string must differ: the empty string is written with quotes.
    return '"' + text.replace('"', '""') + '"' if not text or _NEEDS_QUOTES.search(text) else text
