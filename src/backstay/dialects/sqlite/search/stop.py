"""Stop words in a search: they are left out, and where they stood in a phrase its distances grow."""

from __future__ import annotations

from typing import TypeAlias

from backstay.dialects.sqlite.search.query import Both, Either, Not, Phrase, Query, Stop, spine


def without_stops(tree: Query | None) -> Query | None:
    """A tree without its stop words; None where nothing is left."""
    return None if tree is None else _clean(tree)[0]


_Cleaned: TypeAlias = tuple[Query | None, int, int]
"""A tree without stop words, and what was lost in width on its left and on its right."""


def _clean(node: Query) -> _Cleaned:
    first, joined = spine(node)
    cleaned = _item(first)
    for each in joined:
        cleaned = _joined(each, cleaned, _clean(each.right))
    return cleaned


def _item(node: Query) -> _Cleaned:
    if isinstance(node, Not):
        item, left, right = _clean(node.item)
        return (None if item is None else Not(item)), left, right
    return (None if isinstance(node, Stop) else node), 0, 0


def _joined(node: Both | Either | Phrase, one: _Cleaned, other: _Cleaned) -> _Cleaned:
    left, before_left, behind_left = one
    right, before_right, behind_right = other
    distance = node.distance if isinstance(node, Phrase) else None
    if left is None and right is None:
        lost = max(before_left, before_right) if distance is None else before_left + distance + before_right
        return None, lost, lost
    if left is None:
        # What is left out altogether was as wide on the one side as on the other.
        return right, before_right + (0 if distance is None else before_left + distance), behind_right
    if right is None:
        return left, before_left, behind_left + (0 if distance is None else distance + before_right)
    if distance is None:
        return type(node)(left, right), 0, 0
    return Phrase(left, right, distance + behind_left + before_right), before_left, behind_right
