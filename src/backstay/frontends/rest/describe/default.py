"""``default_of(column)``: what a new row gets in a column, as JSON, where that is known beforehand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import orjson
import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from backstay.errors import BackstayError
from backstay.frontends.rest.describe.types import written
from backstay.schema.column import Column, Fixed
from backstay.schema.kind import Canonical, Kind
from backstay.schema.kind.array import Array

_LITERAL: Final = re.compile(r"'((?:[^']|'')*)'(?:::.*)?", re.DOTALL)
"""A text in SQL, and the type that PostgreSQL says it is of."""


def default_of(column: Column) -> Iterator[Any]:
    """The default as orjson writes it; nothing where there is none, or where it is made for each row.

    An expression of the database's own is told as its text, as PostgREST does it, where the column is of text.
    """
    if isinstance(column.default, Fixed):
        yield from _shown(column.kind, column.default.value)
    elif column.stored and isinstance(column.table_column.server_default, sa.DefaultClause):
        yield from _server_default(column.kind, column.table_column.server_default.arg)


def _server_default(kind: Kind, default: Any) -> Iterator[Any]:
    text = default if isinstance(default, str) else _sql(default)
    literal = None if isinstance(default, str) or text is None else _LITERAL.fullmatch(text)
    if literal is not None:
        text = literal[1].replace("''", "'")
    if text is None:
        return
    try:
        yield from _shown(kind, kind.read(text))
    except BackstayError:
        if not isinstance(kind, Array) and written(kind).type == "string":
            yield text


def _sql(default: Any) -> str | None:
    try:
        return str(default.compile(compile_kwargs={"literal_binds": True}))
    except SQLAlchemyError:
        return None


def _shown(kind: Kind, value: Canonical) -> Iterator[Any]:
    if value is None:
        return
    if isinstance(kind, Array) and isinstance(value, list):
        yield [next(_shown(kind.of, each), None) for each in value]
    elif isinstance(value, bytes):
        yield f"\\x{value.hex()}"
    elif isinstance(value, str) and written(kind).type in (None, "number"):
        # It is JSON already, with all digits that it has.
        yield orjson.Fragment(value)
    else:
        yield value
