"""``skim(query)``: the structure of a query string and the values in it, without reading either."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, TypeAlias

Structure: TypeAlias = tuple[str, ...]
"""What is left of a query string without its values. A key: queries of one structure differ in values alone."""

_OPERATORS: Final = frozenset({"eq", "neq", "gt", "gte", "lt", "lte", "in"})
_PAGES: Final = ("limit", "offset")
_MOST_DIGITS: Final = 15
_HOLE: Final = "\0"
"""What stands for a value. It is in no query string: HTTP lets none be."""


def skim(query: str) -> tuple[Structure, list[str]]:
    """Take a query string apart: values of plain comparisons and lists, limits and offsets are values.

    What is no such value after all (``select=eq.1``) does no harm: whoever relies on it tries it first.

    Returns:
        Its structure, and its values as they stand there, in their order: :func:`join` puts both together again.
    """
    structure: list[str] = []
    values: list[str] = []
    for part in query.split("&"):
        key, _, said = part.partition("=")
        operator, dot, value = said.partition(".")
        if dot and operator in _OPERATORS:
            structure += (key, operator, _HOLE)
            values.append(value)
        elif key.endswith(_PAGES) and said.isdecimal() and len(said) <= _MOST_DIGITS and said.isascii():
            structure += (key, "", _HOLE)
            values.append(said)
        else:
            structure.append(part)
    return tuple(structure), values


def join(structure: Structure, values: Iterable[str]) -> str:
    """The query string of a structure with these values."""
    given = iter(values)
    parts: list[str] = []
    for part in structure:
        if part == _HOLE:
            operator, key = parts.pop(), parts.pop()
            parts.append(f"{key}={operator}{'.' if operator else ''}{next(given)}")
        else:
            parts.append(part)
    return "&".join(parts)


def operators(structure: Structure) -> list[str]:
    """What stands before each value of a structure: ``eq``, ``in`` ...; nothing before a limit or an offset."""
    return [structure[place - 1] for place, part in enumerate(structure) if part == _HOLE]
