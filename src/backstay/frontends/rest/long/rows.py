"""``read_long_rows(request, columns)``: the rows of a payload that is in a file.

It is read twice: first to see that all of it is sound, so that nothing is written before an error is told, and then row
by row as they are written. The errors are those of :func:`~backstay.frontends.rest.body.read_rows`, in its order.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeAlias

from backstay.dialects.rowwise.spool import Spool
from backstay.errors import BodyError, DatabaseFault, TooComplex
from backstay.frontends.http import Spooled
from backstay.frontends.rest.body import (
    CSV,
    JSON,
    Row,
    content_type,
    decode_again,
    decode_csv,
    decode_json,
    read_rows,
    wrong_encoding,
)
from backstay.frontends.rest.csv import BYTE_ORDER_MARK
from backstay.frontends.rest.long.cut import cut_array, cut_lines, is_array
from backstay.query.batched import Batched

Found: TypeAlias = tuple[tuple[Row, ...] | Batched, tuple[str, ...]]


def read_long_rows(request: Spooled, columns: Sequence[str] | None) -> Found:
    """The rows that an insert brings, to be read from its file, and the names of the columns to take from them.

    A JSON object, a form and what is no payload at all are read whole.

    Arguments:
        request: its body and content type.
        columns: the names that ``columns=`` gives; None: all keys of the payload, the same in each row.

    Raises:
        BodyError, OutOfRange, TooComplex, DatabaseFault: as for a short payload.
    """
    kind, spool = content_type(request), request.spool
    if kind == JSON and is_array(spool.parts()):
        count, keys = _check_array(spool, uniform=columns is None)
        read: Callable[[], Iterable[list[Row]]] = lambda: map(decode_again, cut_array(spool.parts()))  # noqa: E731
    elif kind == CSV:
        _check_encoding(spool)
        keys, count = _check_lines(spool)
        read = lambda: (rows for _, rows in _sheets(spool) if rows)  # noqa: E731
    else:
        return read_rows(request, columns)
    return Batched(count, read) if count else (), tuple(sorted(set(keys if columns is None else columns)))


def _check_array(spool: Spool, *, uniform: bool) -> tuple[int, tuple[str, ...]]:
    """How many rows an array has, and the keys of the first."""
    count = texts = 0
    empty = False
    wrong: BodyError | None = None
    faults: dict[type[Exception], Exception] = {}
    first: tuple[str, ...] = ()
    for text in cut_array(spool.parts()):
        if empty:
            raise BodyError
        texts += 1
        try:
            rows = decode_json(text)
        except (TooComplex, DatabaseFault) as fault:
            # Whether the whole is JSON is told before what is wrong with it.
            faults.setdefault(type(fault), fault)
            continue
        empty = not rows
        if not count and rows and isinstance(rows[0], dict):
            first = tuple(rows[0])
        count += len(rows)
        if wrong is None and not _are_alike(rows, first, uniform=uniform):
            wrong = BodyError("All object keys must match")
    if empty and texts > 1:
        raise BodyError
    for found in (faults.get(TooComplex), faults.get(DatabaseFault), wrong):
        if found is not None:
            raise found
    return count, first


def _are_alike(rows: list[Row], first: tuple[str, ...], *, uniform: bool) -> bool:
    keys = dict.fromkeys(first).keys()
    return all(isinstance(row, dict) and (not uniform or row.keys() == keys) for row in rows)


def _check_lines(spool: Spool) -> tuple[tuple[str, ...], int]:
    """The header of a CSV text, and how many rows there are."""
    _check_encoding(spool)
    header: tuple[str, ...] = ()
    count = 0
    for header, rows in _sheets(spool):  # noqa: B007
        count += len(rows)
    return header, count


def _check_encoding(spool: Spool) -> None:
    if any(b"\0" in part for part in spool.parts()):
        raise wrong_encoding(": 0x00")
    try:
        for _ in _texts(spool):
            pass
    except UnicodeDecodeError:
        raise wrong_encoding() from None


def _texts(spool: Spool) -> Iterator[str]:
    """The text, without the mark that may stand at its beginning, and nowhere else."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    begun = False
    for part in spool.parts():
        text = decoder.decode(part)
        yield text if begun else text.removeprefix(BYTE_ORDER_MARK)
        begun = begun or text != ""
    yield decoder.decode(b"", final=True)


def _sheets(spool: Spool) -> Iterator[tuple[tuple[str, ...], list[Row]]]:
    """The header, again and again, and the rows that come next."""
    header: tuple[str, ...] = ()
    for text in cut_lines(_texts(spool)):
        header, rows = decode_csv(text, header or None)
        if header:
            yield header, rows
    if not header:
        raise BodyError("Empty or invalid csv")
