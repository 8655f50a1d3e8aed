"""The body of a write or a call -> rows or arguments."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, Final, TypeAlias

import msgspec

from backstay.errors import (
    BodyError,
    DatabaseFault,
    OutOfRange,
    TooComplex,
)
from backstay.frontends.http import Request
from backstay.frontends.rest.csv import BYTE_ORDER_MARK, read_csv
from backstay.frontends.rest.grammar.form import read_form

JSON: Final = "application/json"
CSV: Final = "text/csv"
FORM: Final = "application/x-www-form-urlencoded"
RAW: Final = frozenset({"text/plain", "text/xml", "application/octet-stream"})

DEEPEST: Final = 200
"""Deepest nesting of a JSON value in a payload: what every later encoder still writes."""

_LARGEST: Final = 131_072
_SMALLEST: Final = -16_383

Row: TypeAlias = dict[str, Any]


def content_type(request: Request) -> str:
    """The media type of the body, JSON where none is named."""
    return request.headers.get("content-type", JSON).partition(";")[0].strip().lower() or JSON


# Writes ------------------------------------------------------------------------------------------------------


def read_rows(request: Request, columns: Sequence[str] | None) -> tuple[tuple[Row, ...], tuple[str, ...]]:
    """The rows that a write brings, and the names of the columns to take from them.

    Arguments:
        request: its body and content type.
        columns: the names that ``columns=`` gives; None: all keys of the payload, the same in each row.

    Raises:
        BodyError, OutOfRange, TooComplex, DatabaseFault.
    """
    kind = content_type(request)
    if kind == JSON:
        rows, keys = read_json_rows(request.body, uniform=columns is None)
    elif kind == CSV:
        keys, rows = _csv_rows(request.body)
    elif kind == FORM:
        row: Row = dict(_form(request.body))
        keys, rows = tuple(row), (row,)
    else:
        raise BodyError(f"Content-Type not acceptable: {kind}")
    return rows, tuple(sorted(set(keys if columns is None else columns)))


def read_json_rows(body: bytes, *, uniform: bool) -> tuple[tuple[Row, ...], tuple[str, ...]]:
    """The rows of a JSON body, and the keys of the first of them.

    Arguments:
        body: JSON.
        uniform: whether all rows must have the same keys.

    Raises:
        BodyError, OutOfRange, TooComplex, DatabaseFault.
    """
    return _json_rows(decode_json(body), uniform)


def _json_rows(value: Any, uniform: bool) -> tuple[tuple[Row, ...], tuple[str, ...]]:
    if isinstance(value, dict):
        return (value,), tuple(value)
    if not isinstance(value, list) or not value:
        return (), ()
    if set(map(type, value)) != {dict}:
        raise BodyError("All object keys must match")
    keys = value[0].keys()
    if uniform and not all(map(keys.__eq__, map(dict.keys, value))):
        raise BodyError("All object keys must match")
    return tuple(value), tuple(keys)


def _csv_rows(body: bytes) -> tuple[tuple[str, ...], tuple[Row, ...]]:
    header, rows = decode_csv(_text(body).removeprefix(BYTE_ORDER_MARK))
    if not header:
        raise BodyError("Empty or invalid csv")
    return header, tuple(rows)


def decode_csv(text: str, header: Sequence[str] | None = None) -> tuple[tuple[str, ...], list[Row]]:
    """The header and the rows of a CSV text, or of further lines of it, as :func:`read_csv` reads them.

    Raises:
        BodyError: it is none.
    """
    try:
        return read_csv(text, header)
    except LookupError:
        raise BodyError("All lines must have same number of fields") from None
    except ValueError:
        raise BodyError("Empty or invalid csv") from None


# Calls -------------------------------------------------------------------------------------------------------


def read_arguments(request: Request, columns: Sequence[str] | None) -> tuple[dict[str, Any], bool]:
    """The arguments that a POST brings, and whether they are texts, not JSON values.

    A JSON value that is no object (and no array of like objects, of which the first counts) brings none: it is for a
    function with one unnamed parameter, which takes the body as it is.

    Raises:
        BodyError, OutOfRange, TooComplex, DatabaseFault.
    """
    kind = content_type(request)
    arguments: dict[str, Any] = {}
    if kind == JSON:
        value = decode_json(request.body) if request.body else {}
        if isinstance(value, list) and value and all(isinstance(row, dict) for row in value):
            value = value[0] if all(row.keys() == value[0].keys() for row in value) else None
        if isinstance(value, dict):
            arguments = value
    elif kind == FORM:
        arguments = gather(_form(request.body))
    elif kind not in RAW:
        raise BodyError(f"Content-Type not acceptable: {kind}")
    if columns is not None:
        arguments = {name: arguments.get(name) for name in columns}
    return arguments, kind == FORM


def gather(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Arguments from pairs: a name that comes more than once has a list."""
    arguments: dict[str, Any] = {}
    for name, value in pairs:
        before = arguments.get(name)
        if before is None:
            arguments[name] = value
        elif isinstance(before, list):
            before.append(value)
        else:
            arguments[name] = [before, value]
    return arguments


def _form(body: bytes) -> list[tuple[str, str]]:
    try:
        return [(key, value or "") for key, value in read_form(_text(body))]
    except ValueError:
        raise wrong_encoding() from None


# Text and JSON -----------------------------------------------------------------------------------------------


def wrong_encoding(byte: str = "") -> BodyError:
    """The answer to a text that is not UTF-8, or holds NUL."""
    return BodyError(f'invalid byte sequence for encoding "UTF8"{byte}')


def _text(body: bytes) -> str:
    if b"\0" in body:
        raise wrong_encoding(": 0x00")
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise wrong_encoding() from None


def _exact(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise _overflow() from None
    # A number of a million digits is short as text, and would be written out by whoever converts it.
    if number and not _SMALLEST <= number.adjusted() <= _LARGEST:
        raise _overflow()
    return number


def _overflow() -> OutOfRange:
    return OutOfRange("value overflows numeric format")


_DECODER: Final = msgspec.json.Decoder(float_hook=_exact)


def decode_json(body: bytes) -> Any:
    """A JSON text as Python values; numbers keep every digit (int or Decimal).

    Raises:
        BodyError: it is empty or not JSON.
        OutOfRange: a number is larger than any database takes.
        TooComplex: it is nested too deeply.
        DatabaseFault: a text in it holds NUL.
    """
    try:
        value = _DECODER.decode(body)
    except msgspec.ValidationError:
        raise _overflow() from None
    except ValueError:
        raise BodyError from None
    except RecursionError:
        raise _too_deep() from None
    # Most bodies have fewer brackets than may be within each other.
    if body.count(b"{") + body.count(b"[") > DEEPEST:
        _check_depth(value)
    if b"\\u0000" in body:
        _check_texts(value)
    return value


def decode_again(body: bytes) -> Any:
    """A JSON text that :func:`decode_json` took before."""
    return _DECODER.decode(body)


def _too_deep() -> TooComplex:
    return TooComplex(hint=f"JSON values may be nested {DEEPEST} levels deep.")


_NESTS: Final = (dict, list)


def _check_depth(value: Any) -> None:
    # Level by level, not by recursion: the depth is the caller's choice.
    level = [value] if value.__class__ in _NESTS else []
    for _ in range(DEEPEST):
        if not level:
            return
        level = [
            inner
            for outer in level
            for inner in (outer.values() if outer.__class__ is dict else outer)
            if inner.__class__ in _NESTS
        ]
    if level:
        raise _too_deep()


def _check_texts(value: Any) -> None:
    left = [value]
    while left:
        each = left.pop()
        if isinstance(each, str):
            if "\0" in each:
                raise DatabaseFault(
                    "unsupported Unicode escape sequence", state="22P05", detail="\\u0000 cannot be converted to text."
                )
        elif isinstance(each, dict):
            left.extend(each)
            left.extend(each.values())
        elif isinstance(each, list):
            left.extend(each)
