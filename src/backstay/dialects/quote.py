"""Text from a query's structure, as an SQL literal: the keys of rows and of JSON paths."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement

from backstay.errors import ParseError


def quoted(text: str) -> ColumnElement[Any]:
    """A string literal.

    Arguments:
        text: any text but NUL.

    Raises:
        ParseError: for text that no database takes.
    """
    return sa.literal_column(quote_text(text))


def quote_text(text: str) -> str:
    """A string literal as SQL writes it. Raises ParseError, likewise."""
    if "\0" in text:
        raise ParseError("a name cannot contain NUL")
    return "'" + text.replace("'", "''") + "'"


def quote_name(name: str) -> str:
    """A name as SQL writes it, whatever is in it."""
    return '"' + name.replace('"', '""') + '"'
