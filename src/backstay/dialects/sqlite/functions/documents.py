"""JSON documents that compare as PostgreSQL's ``jsonb`` does: the collation ``jsonb``."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from backstay.errors import BackstayError
from backstay.schema.kind import JSONB

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
