"""JSON documents and arrays that compare as PostgreSQL's do (the collations ``jsonb`` and ``array``)."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import orjson

from backstay.errors import BackstayError
from backstay.schema.kind import JSONB

_BARE = re.compile(r'[^{}",\\\s]+')
_ESCAPED = re.compile(r'(["\\])')
_KEPT = 4096
"""Characters of a document whose place is remembered."""


def compare(left: str, right: str) -> int:
    """Negative, zero or positive as one document sorts before, with or after the other.

    What is not JSON sorts as text, after all that is.
    """
    if left == right:
        return 0
    one, other = _place(left), _place(right)
    return int(one > other) - int(one < other)


def _place(text: str) -> tuple[Any, ...]:
    return _remembered(text) if len(text) <= _KEPT else _read(text)


@lru_cache(maxsize=1024)
def _remembered(text: str) -> tuple[Any, ...]:
    return _read(text)


def _read(text: str) -> tuple[Any, ...]:
    try:
        return (0, JSONB.key(JSONB.read(text)))
    except BackstayError:
        return (1, text)


def compare_arrays(left: str, right: str) -> int:
    """Negative, zero or positive as one array sorts before, with or after the other: member by member, NULL last."""
    if left == right:
        return 0
    one, other = _members(orjson.loads(left)), _members(orjson.loads(right))
    return int(one > other) - int(one < other)


def _members(value: Any) -> Any:
    if isinstance(value, list):
        return [_members(each) for each in value]
    return (value is None, "" if value is None else value)


def array_text(document: str | None) -> str | None:
    """A JSON array as PostgreSQL shows an array: ``{1,"a b",NULL}``."""
    return None if document is None else _array(orjson.loads(document))


def _array(value: Any) -> str:
    if isinstance(value, list):
        return "{" + ",".join(map(_array, value)) + "}"
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "t" if value else "f"
    text = str(value)
    bare = _BARE.fullmatch(text) and text.upper() != "NULL"
    return text if bare else '"' + _ESCAPED.sub(r"\\\1", text) + '"'
