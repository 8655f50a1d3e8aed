"""Encode decoded JSON values as JSON text, keeping every digit of a Decimal; and what no text may hold."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from backstay.errors import DatabaseFault, InvalidLiteral, TooComplex

_string = json.JSONEncoder(ensure_ascii=False).encode


def json_text(value: Any) -> str:
    """A JSON value as compact JSON text.

    Raises:
        InvalidLiteral: a part of the value is not of a JSON type.
        TooComplex: the value is nested too deeply.
    """
    try:
        return _encode(value)
    except RecursionError:
        raise TooComplex from None


def _encode(value: Any) -> str:
    match value:
        case str():
            return _string(value)
        case None | bool():
            return "null" if value is None else str(value).lower()
        case int() | Decimal():
            return _number(value)
        case float():
            return _number(Decimal(repr(value)))
        case dict():
            return "{" + ",".join(f"{_string(str(key))}:{_encode(each)}" for key, each in value.items()) + "}"
        case list() | tuple():
            return "[" + ",".join([_encode(each) for each in value]) + "]"
        case _:
            raise InvalidLiteral(
                "invalid input syntax for type json", detail=f"JSON has no value for a Python {type(value).__name__}."
            )


def _number(value: int | Decimal) -> str:
    if isinstance(value, Decimal) and not value.is_finite():
        raise InvalidLiteral("invalid input syntax for type json", detail=f'Token "{value}" is invalid.')
    return str(value).lower()


def is_unicode(text: str) -> bool:
    """Whether text can be written in UTF-8: it holds no half of a surrogate pair."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def unsupported_escape() -> DatabaseFault:
    """The error for a JSON string that holds NUL where it must become text."""
    return DatabaseFault(
        "unsupported Unicode escape sequence", state="22P05", detail="\\u0000 cannot be converted to text."
    )


def half_surrogate() -> InvalidLiteral:
    """The error for a JSON string that holds half of a surrogate pair."""
    return InvalidLiteral(
        "invalid input syntax for type json", detail="Unicode low surrogate must follow a high surrogate."
    )
