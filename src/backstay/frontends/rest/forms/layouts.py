"""The forms of rows that are written row by row, each as it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from backstay.dialects.rowwise.layout import Layout
from backstay.frontends.rest.forms.document import read_document, strip_nulls, write_document
from backstay.frontends.rest.forms.lines import write_line
from backstay.frontends.rest.forms.record import write_header, write_record
from backstay.frontends.rest.media import Format, Media
from backstay.schema.kind import Kind


class Unseen:
    """The answer to HEAD."""

    def write(self, rows: Sequence[str]) -> bytes:
        """Nothing."""
        return b""

    def end(self) -> bytes:
        """Nothing."""
        return b""


class Alone:
    """One object, without an array around it; of several rows none is answered.

    Arguments:
        stripped: without its nulls.
    """

    def __init__(self, *, stripped: bool) -> None:
        self._stripped = stripped
        self._written = False

    def write(self, rows: Sequence[str]) -> bytes:
        """The first row of all."""
        if self._written:
            return b""
        self._written = True
        return (_strip(rows[0]) if self._stripped else rows[0]).encode()

    def end(self) -> bytes:
        """Nothing."""
        return b""


class Stripped:
    """A JSON array of objects without their nulls."""

    def __init__(self) -> None:
        self._begun = False

    def write(self, rows: Sequence[str]) -> bytes:
        """The next objects."""
        before, self._begun = "," if self._begun else "[", True
        return (before + ",".join(map(_strip, rows))).encode()

    def end(self) -> bytes:
        """The bracket that closes the array; of no rows, all of it."""
        return b"]" if self._begun else b"[]"


class Lines:
    """NDJSON: each row a line."""

    def write(self, rows: Sequence[str]) -> bytes:
        """The next lines."""
        return "".join(map(write_line, rows)).encode()

    def end(self) -> bytes:
        """Nothing: each line has its end."""
        return b""


class Records:
    """CSV, under the keys of the first row.

    Arguments:
        kinds: what the values under each key are, where that is known.
    """

    def __init__(self, kinds: Mapping[str, Kind]) -> None:
        self._kinds = kinds
        self._keys: Sequence[str] = ()
        self._begun = False

    def write(self, rows: Sequence[str]) -> bytes:
        """The next records, behind the header where they are the first."""
        records = [read_document(row.encode()) for row in rows]
        lines = []
        if self._begun:
            lines.append("")
        else:
            self._begun = True
            self._keys = tuple(records[0])
            lines.append(write_header(self._keys))
        lines.extend(write_record(record, self._keys, self._kinds) for record in records)
        return "\n".join(lines).encode("utf-8", "replace")

    def end(self) -> bytes:
        """Nothing behind a record; of no rows, an empty header."""
        return b"" if self._begun else b"\n"


def _strip(row: str) -> str:
    return write_document(strip_nulls(read_document(row.encode())))


def lay_out(form: Format, *, head: bool, kinds: Callable[[], Mapping[str, Kind]]) -> Layout | None:
    """The layout of the rows of a select; None where it is the array that the database makes.

    Arguments:
        form: what is asked for.
        head: nobody wants to see the rows.
        kinds: tells the kinds of their values, where they are to be written as CSV.
    """
    if head:
        return _UNSEEN
    if form.media is Media.CSV:
        return Layout(lambda: Records(kinds()), eager=True)
    if form.media is Media.LINES:
        return _LINES
    if form.singular:
        return _STRIPPED_ALONE if form.stripped else ALONE
    return _STRIPPED if form.stripped else None


_UNSEEN: Final = Layout(Unseen)
_LINES: Final = Layout(Lines, eager=True)
_STRIPPED: Final = Layout(Stripped, eager=True)
_STRIPPED_ALONE: Final = Layout(lambda: Alone(stripped=True))
ALONE: Final = Layout(lambda: Alone(stripped=False))
"""One object, as it is."""
