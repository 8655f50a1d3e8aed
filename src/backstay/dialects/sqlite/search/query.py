"""A search as a tree, in whichever language it was written: PostgreSQL's ``tsquery``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias


@dataclass(frozen=True, slots=True)
class Term:
    """A lexeme; with ``prefix`` every one that begins so. ``weights``: only where it has one of these (``ABCD``)."""

    lexeme: str
    prefix: bool = False
    weights: str = ""


@dataclass(frozen=True, slots=True)
class Not:
    """What does not match."""

    item: Query


@dataclass(frozen=True, slots=True)
class Both:
    """What matches both."""

    left: Query
    right: Query


@dataclass(frozen=True, slots=True)
class Either:
    """What matches one or the other."""

    left: Query
    right: Query


@dataclass(frozen=True, slots=True)
class Phrase:
    """What matches the right one so many places behind the left one."""

    left: Query
    right: Query
    distance: int = 1


@dataclass(frozen=True, slots=True)
class Stop:
    """The place of a stop word, until the tree is done (:mod:`backstay.dialects.sqlite.search.stop`)."""


Query: TypeAlias = Term | Not | Both | Either | Phrase | Stop


def spine(node: Any) -> tuple[Any, list[Both | Either | Phrase]]:
    """The leftmost part of a tree, and what it is joined to, one after the other.

    A search of a thousand words is a tree a thousand deep on its left; on its right it is as deep as its brackets.
    """
    joined: list[Both | Either | Phrase] = []
    while isinstance(node, Both | Either | Phrase):
        joined.append(node)
        node = node.left
    return node, joined[::-1]


def asks_where(query: Query) -> bool:
    """Whether a search asks where something stands, and not only whether it is there."""
    first, joined = spine(query)
    if any(isinstance(each, Phrase) or asks_where(each.right) for each in joined):
        return True
    return isinstance(first, Not) and asks_where(first.item)
