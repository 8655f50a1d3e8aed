"""Values as the text that PostgreSQL casts to a column's type."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.types import TypeEngine

from backstay.schema.kind.kind import Canonical
from backstay.schema.kind.texts import Named

_ESCAPED = re.compile(r'(["\\])')


def spell(value: Canonical) -> str | None:
    """Write a canonical value as the text that PostgreSQL reads for its type.

    Arguments:
        value: what a :class:`~backstay.schema.kind.kind.Kind` makes of a value.

    Returns:
        The text, to be bound as text and cast in SQL; None for NULL. Bytes are written ``\\x…``, a list as an array
        literal (PostgreSQL 8.15.2; its inverse is :meth:`backstay.schema.kind.array.Array.read`).
    """
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return "\\x" + value.hex()
    if isinstance(value, list):
        return spell_array(value)
    return repr(value)


def spell_array(values: Sequence[Canonical]) -> str:
    """Write an array literal: ``{"1","a b",NULL,{…}}``; a list inside is an inner array.

    Every element but NULL is quoted, so that none can be taken for syntax.
    """
    return "{" + ",".join(map(_spell_element, values)) + "}"


def _spell_element(value: Canonical) -> str:
    if isinstance(value, list):
        return spell_array(value)
    text = spell(value)
    return "NULL" if text is None else '"' + _ESCAPED.sub(r"\\\1", text) + '"'


def unbounded(type_: TypeEngine[Any]) -> TypeEngine[Any]:
    """A type without length and scale, to which a value can be cast and stay what it is.

    A literal in a filter is compared as it is written: a cast to ``numeric(10, 2)`` would round it, one to
    ``varchar(5)`` would cut it.
    """
    if type(type_).__visit_name__ == "BIT":
        # The word alone would mean one bit.
        return Named("varbit" if getattr(type_, "varying", False) else '"bit"')
    match type_:
        case sa.ARRAY():
            return sa.ARRAY(unbounded(type_.item_type))
        case sa.Enum() | sa.Text() | sa.Float():
            return type_
        case sa.CHAR() | sa.NCHAR():
            return Named("BPCHAR")
        case sa.String():
            return sa.String()
        case sa.Numeric():
            return sa.Numeric()
        case _:
            return type_
