"""Arrays, stored as JSON arrays of their elements' wire forms, that compare and contain as PostgreSQL's do."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, Final

import orjson

from backstay.schema.kind import JSONB, Kind
from backstay.schema.kind.encode import json_text

_BARE = re.compile(r'[^{}",\\\s]+')
_ESCAPED = re.compile(r'(["\\])')
_DOCUMENTS: Final = ("json", "jsonb")


# The stored form ---------------------------------------------------------------------------------------------


def stored_array(values: list[Any], of: Kind) -> str:
    """An array of canonical values of a kind, as JSON: numbers and documents stand in it as they are."""
    if of.name == "numeric" or of.name in _DOCUMENTS:
        return _spliced(values)
    return orjson.dumps(values, default=_hex).decode()


def _spliced(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ",".join(map(_spliced, value)) + "]"
    return "null" if value is None else str(value)


def _hex(value: Any) -> str:
    return "\\x" + value.hex() if isinstance(value, bytes) else str(value)


def array_text(document: str | None) -> str | None:
    """A JSON array as PostgreSQL shows an array: ``{1,"a b",NULL}``."""
    return None if document is None else literal(exact(document))


def literal(value: Any) -> str:
    """Values, and lists of such, as PostgreSQL writes an array of them."""
    if isinstance(value, list):
        return "{" + ",".join(map(literal, value)) + "}"
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "t" if value else "f"
    text = json_text(value) if isinstance(value, dict) else str(value)
    bare = _BARE.fullmatch(text) and text.upper() != "NULL"
    return text if bare else '"' + _ESCAPED.sub(r"\\\1", text) + '"'


# Comparison --------------------------------------------------------------------------------------------------


def compare_arrays(left: str, right: str) -> int:
    """Negative, zero or positive as one array sorts before, with or after the other (the collation ``array``).

    Element by element, however nested, NULL last; then the shorter one first, then the one of fewer dimensions.
    """
    if left == right:
        return 0
    one, other = _place(left), _place(right)
    return int(one > other) - int(one < other)


def _place(text: str) -> Any:
    value = exact(text)
    elements = [_rank(each) for each in _flat(value)]
    shape = _shape(value)
    return elements, len(shape), shape


def _rank(value: Any) -> tuple[Any, ...]:
    match value:
        case None:
            return (9,)
        case bool():
            return (3, value)
        case str():
            return (1, value)
        case dict():
            return (5, JSONB.key(json_text(value)))
        case _:
            return (2, value)


# Containment -------------------------------------------------------------------------------------------------


def array_contains(whole: str | None, part: str | None, of: str) -> int | None:
    """``whole @> part``: whether every element of the one is in the other, however nested; NULL is in none.

    Arguments:
        whole, part: stored arrays.
        of: the kind of their elements, by name.
    """
    if whole is None or part is None:
        return None
    wanted = _members(part, of)
    if not wanted:
        return 1
    found = _members(whole, of)
    return int(None not in wanted and wanted <= found)


def array_overlaps(one: str | None, other: str | None, of: str) -> int | None:
    """``one && other``: whether an element is in both; NULL is not."""
    if one is None or other is None:
        return None
    return int(bool((_members(one, of) & _members(other, of)) - {None}))


def _members(text: str, of: str) -> frozenset[Any]:
    # Documents in an array may be arrays themselves, and are one element each then.
    if of in _DOCUMENTS:
        return frozenset(None if each is None else _hashable(JSONB.key(json_text(each))) for each in exact(text))
    read: Callable[[str], Any] = exact if of == "numeric" else orjson.loads
    elements = _flat(read(text))
    return (
        frozenset(each.rstrip(" ") if each else each for each in elements) if of == "character" else frozenset(elements)
    )


def _hashable(key: Any) -> Any:
    return tuple(map(_hashable, key)) if isinstance(key, list | tuple) else key


# Parts -------------------------------------------------------------------------------------------------------


def exact(text: str) -> Any:
    """A stored array, its numbers with all their digits."""
    return json.loads(text, parse_float=Decimal)


def _flat(value: Any) -> Iterator[Any]:
    for each in value:
        if isinstance(each, list):
            yield from _flat(each)
        else:
            yield each


def _shape(value: Any) -> tuple[int, ...]:
    return (len(value), *_shape(value[0])) if isinstance(value, list) and value else ()
