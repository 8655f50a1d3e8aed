"""JSON texts that a database made, taken apart and put together again without the loss of a digit."""

from __future__ import annotations

import json
from typing import Any, Final

import orjson


class Number(str):
    """A number as it was written: no type of Python's holds all that databases have."""

    __slots__ = ()


_DECODER: Final = json.JSONDecoder(parse_int=Number, parse_float=Number)


def read_document(text: bytes) -> Any:
    """A JSON text as Python values, each number a :class:`Number`."""
    return _DECODER.decode(text.decode())


def write_document(value: Any, *, binary: bool = False) -> str:
    """The JSON text of such values.

    Arguments:
        value: what :func:`read_document` read.
        binary: write it as PostgreSQL writes ``jsonb``: blanks behind commas and colons, short keys first.
    """
    if isinstance(value, Number):
        return value
    blank = " " if binary else ""
    if isinstance(value, dict):
        keys = sorted(value, key=_place) if binary else value
        members = [f"{_quoted(key)}:{blank}{write_document(value[key], binary=binary)}" for key in keys]
        return f"{{{f',{blank}'.join(members)}}}"
    if isinstance(value, list):
        return f"[{f',{blank}'.join([write_document(each, binary=binary) for each in value])}]"
    if isinstance(value, str):
        return _quoted(value)
    return "null" if value is None else "true" if value else "false"


def _place(key: str) -> tuple[int, bytes]:
    """Where ``jsonb`` keeps a key."""
    name = key.encode("utf-8", "replace")
    return len(name), name


def _quoted(text: str) -> str:
    return orjson.dumps(text.encode("utf-8", "replace").decode()).decode()


def strip_nulls(value: Any) -> Any:
    """The value without the keys whose value is null, at any depth; nulls in arrays stay."""
    left = [value]
    while left:
        each = left.pop()
        if isinstance(each, dict):
            for key in [key for key, inner in each.items() if inner is None]:
                del each[key]
            left.extend(each.values())
        elif isinstance(each, list):
            left.extend(each)
    return value
