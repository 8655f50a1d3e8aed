"""Pages: ``limit``, ``offset`` and the Range header in, Content-Range out."""

from __future__ import annotations

import re
from typing import Final

from backstay.errors import DatabaseFault, RangeNotSatisfiable
from backstay.query.nodes import Page

ALL: Final = Page()
_MOST: Final = 2**63 - 1
_NUMBER: Final = re.compile(r"\s*(-?[0-9]+)\s*")
_RANGE: Final = re.compile(r"([0-9]+)-([0-9]*)")


def read_number(text: str) -> int | None:
    """The number that a limit or an offset gives; None, which limits nothing, where the text is none."""
    match = _NUMBER.fullmatch(text)
    return _clamped(match.group(1)) if match else None


def read_page(limit: int | None, offset: int | None, header: str | None = None) -> Page:
    """The page that the parameters ask for, within the one that the Range header asks for.

    Arguments:
        limit: at most so many rows; None where there is no limit.
        offset: rows to skip; None where none are to be skipped.
        header: the value of a Range header, ``0-9`` or ``10-``; one of another form is ignored.

    Raises:
        RangeNotSatisfiable: no such page can be.
        DatabaseFault: the offset is negative.
    """
    if limit is None and offset is None and header is None:
        return ALL
    first, last = _read_header(header)
    if limit is not None and limit < 0:
        raise RangeNotSatisfiable(detail="Limit should be greater than or equal to zero.")
    if offset is not None and offset < 0:
        raise DatabaseFault("OFFSET must not be negative", state="2201X")
    start = max(first, offset or 0)
    skipping = offset is not None or first > 0
    if limit == 0:
        return Page(0, start, True, skipping)
    ends = [end for end in (last, (offset or 0) + limit - 1 if limit else None) if end is not None]
    if not ends:
        return Page(None, start, False, skipping)
    if min(ends) < start:
        raise RangeNotSatisfiable(detail="Limit should be greater than or equal to zero.")
    return Page(min(min(ends) - start + 1, _MOST), start, True, skipping)


def content_range(first: int, rows: int, total: int | None) -> str:
    """The Content-Range of ``rows`` rows from row number ``first``, of ``total`` where that is known."""
    span = f"{first}-{first + rows - 1}" if rows else "*"
    return f"{span}/{'*' if total is None else total}"


def _read_header(header: str | None) -> tuple[int, int | None]:
    match = _RANGE.fullmatch(header) if header else None
    if match is None:
        return 0, None
    first, last = _clamped(match.group(1)), _clamped(match.group(2)) if match.group(2) else None
    if last is not None and first > last:
        raise RangeNotSatisfiable(
            detail="The lower boundary must be lower than or equal to the upper boundary in the Range header."
        )
    return first, last


def _clamped(digits: str) -> int:
    # No table has more rows than a bigint counts; and Python refuses to read numbers of thousands of digits.
    size = digits.lstrip("-0") or "0"
    number = _MOST if len(size) > 19 else min(int(size), _MOST)
    return -number if digits.startswith("-") else number
