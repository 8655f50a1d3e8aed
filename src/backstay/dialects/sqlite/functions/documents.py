"""JSON documents that compare (the collation ``jsonb``) and contain one another as PostgreSQL's do."""

from __future__ import annotations

import json
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

from backstay.errors import BackstayError, TooComplex
from backstay.schema.kind import JSONB
from backstay.schema.kind.encode import json_text

_KEPT: Final = 4096
"""Characters of a document that is remembered."""

_MOST: Final = 2_000_000
"""Arrays and objects of two documents that are compared with one another, before it is given up."""


# Order -------------------------------------------------------------------------------------------------------


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


# Containment -------------------------------------------------------------------------------------------------


def document_contains(whole: str | None, part: str | None) -> int | None:
    """``whole @> part`` of two documents.

    An object contains those whose every key it has, with a value that contains theirs; an array those whose every
    element it has, in any order and however often; and an array, but not one inside a document, contains a scalar that
    is an element of it (PostgreSQL 8.14.3).

    Raises:
        TooComplex: the documents are nested too deeply, or hold too many arrays and objects to look for.
    """
    if whole is None or part is None:
        return None
    one, other = _parsed(whole), _parsed(part)
    if isinstance(one, list) and not isinstance(other, list | dict):
        return int(_scalar(other) in map(_scalar, one))
    try:
        return int(_Search().contains(one, other))
    except RecursionError:
        raise TooComplex from None


class _Search:
    """One search of a document in another; the work it may take is bounded, since nothing can interrupt it."""

    def __init__(self) -> None:
        self.left = _MOST

    def contains(self, whole: Any, part: Any) -> bool:
        """Whether one value contains the other, both of one type."""
        if isinstance(part, dict):
            self.spend(1 + len(part))
            return isinstance(whole, dict) and all(
                key in whole and self.contains(whole[key], each) for key, each in part.items()
            )
        if isinstance(part, list):
            return isinstance(whole, list) and self.elements(whole, part)
        return not isinstance(whole, list | dict) and _scalar(whole) == _scalar(part)

    def elements(self, whole: list[Any], part: list[Any]) -> bool:
        """Whether every element of one array is in, or contained by an element of, the other."""
        self.spend(1 + len(whole) + len(part))
        scalars = {_scalar(each) for each in whole if not isinstance(each, list | dict)}
        if not all(_scalar(each) in scalars for each in part if not isinstance(each, list | dict)):
            return False
        nested = [each for each in whole if isinstance(each, list | dict)]
        return all(
            any(self.contains(each, wanted) for each in nested) for wanted in part if isinstance(wanted, list | dict)
        )

    def spend(self, amount: int) -> None:
        """Count work."""
        self.left -= amount
        if self.left < 0:
            raise TooComplex


def _scalar(value: Any) -> Any:
    # True is 1 to Python; arrays and objects are like no scalar.
    return (type(value), value) if isinstance(value, bool) else None if isinstance(value, list | dict) else (0, value)


def _parsed(text: str) -> Any:
    return _remembered_value(text) if len(text) <= _KEPT else _value(text)


@lru_cache(maxsize=256)
def _remembered_value(text: str) -> Any:
    return _value(text)


def _value(text: str) -> Any:
    try:
        return json.loads(text, parse_int=Decimal, parse_float=Decimal)
    except RecursionError:
        raise TooComplex from None


# Paths -------------------------------------------------------------------------------------------------------


def document_at(document: str | None, key: str) -> str | None:
    """``document -> key`` of an object, for keys that SQLite would take for a path of its own (``$.a``, ``[0]``)."""
    found = None if document is None else _value(document)
    return json_text(found[key]) if isinstance(found, dict) and key in found else None


def document_item(document: str | None, index: int) -> str | None:
    """``document -> index``, where index is the first or the last of an array: a scalar is an array of itself."""
    if document is None or document[:1] == "{":
        return None
    if document[:1] != "[":
        return document
    found = _value(document)
    return json_text(found[index]) if found else None
