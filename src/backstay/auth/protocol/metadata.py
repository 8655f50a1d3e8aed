"""Documents that others write, and that are told again: metadata of users, profiles of providers."""

from __future__ import annotations

from typing import Any, Final

import orjson

_AROUND: Final = 16
"""Levels that may stand around such a document in an answer."""


def can_be_told(document: Any) -> bool:
    """Whether a document can be part of an answer: no number has more than 64 bits, and no level is too deep."""
    for _ in range(_AROUND):
        document = [document]
    try:
        orjson.dumps(document)
    except (TypeError, RecursionError):
        return False
    return True
