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


def write_document(value: Any, *, comma: str = ",", colon: str = ":") -> str:
    """The JSON text of such values; PostgreSQL writes ``jsonb`` with blanks behind commas and colons."""
    if isinstance(value, Number):
        return value
    if isinstance(value, dict):
        members = [
            f"{_quoted(key)}{colon}{write_document(each, comma=comma, colon=colon)}" for key, each in value.items()
        ]
        return f"{{{comma.join(members)}}}"
    if isinstance(value, list):
        return f"[{comma.join([write_document(each, comma=comma, colon=colon) for each in value])}]"
    if isinstance(value, str):
        return _quoted(value)
    return "null" if value is None else "true" if value else "false"


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
