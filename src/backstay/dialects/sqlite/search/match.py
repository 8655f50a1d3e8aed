"""``matches(query, document)``: whether a document satisfies a search, as ``@@`` decides it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from backstay.dialects.sqlite.search.document import Document
from backstay.dialects.sqlite.search.query import Both, Either, Not, Phrase, Query, Term, spine


def matches(query: Query | None, document: Document) -> bool:
    """Whether a document satisfies a search; a search for nothing is satisfied by none."""
    return query is not None and _holds(query, document)


def _holds(query: Query, document: Document) -> bool:
    if isinstance(query, Phrase):
        return _where(query, document).anywhere
    first, joined = spine(query)
    phrases = [place for place, each in enumerate(joined) if isinstance(each, Phrase)]
    if phrases:
        first, joined = joined[phrases[-1]], joined[phrases[-1] + 1 :]
    held = _item_holds(first, document)
    for each in joined:
        if held == isinstance(each, Both):
            held = _holds(each.right, document)
    return held


def _item_holds(query: Query, document: Document) -> bool:
    if isinstance(query, Term):
        return _found(query, document)
    return not _holds(query.item, document) if isinstance(query, Not) else _where(query, document).anywhere


def _found(term: Term, document: Document) -> bool:
    # No lexeme of a text has a weight of its own, and those without one count as D.
    if term.weights and "D" not in term.weights:
        return False
    if term.prefix:
        return any(lexeme.startswith(term.lexeme) for lexeme in document)
    return term.lexeme in document


@dataclass(frozen=True, slots=True)
class _Places:
    """Where something matches: at these ends, or with ``negated`` everywhere else. ``width``: from first to last."""

    ends: frozenset[int] = frozenset()
    negated: bool = False
    width: int = 0

    @property
    def anywhere(self) -> bool:
        """Whether it matches at all."""
        return self.negated or bool(self.ends)

    def shifted(self, by: int) -> frozenset[int]:
        """The ends, so many places further on."""
        return frozenset(end + by for end in self.ends) if by else self.ends


_Join: TypeAlias = Callable[[_Places, _Places, int, int, int], _Places]


def _where(query: Query, document: Document) -> _Places:
    """Where a part of a phrase matches."""
    first, joined = spine(query)
    found = _item_where(first, document)
    for each in joined:
        found = _joined(each, found, _where(each.right, document))
    return found


def _item_where(query: Query, document: Document) -> _Places:
    if isinstance(query, Not):
        item = _where(query.item, document)
        return _Places(item.ends, not item.negated, item.width)
    assert isinstance(query, Term)
    return _Places(frozenset(_positions(query, document)))


def _joined(query: Both | Either | Phrase, left: _Places, right: _Places) -> _Places:
    if isinstance(query, Either):
        return _either(left, right)
    if not (left.anywhere and right.anywhere):
        return _Places()
    if isinstance(query, Phrase):
        return _both(left, right, query.distance + right.width, 0, query.distance + left.width + right.width)
    return _aligned(left, right, _both)


def _positions(term: Term, document: Document) -> Sequence[int]:
    if not _found(term, document):
        return ()
    if not term.prefix:
        return document[term.lexeme]
    return [place for lexeme, places in document.items() if lexeme.startswith(term.lexeme) for place in places]


def _aligned(left: _Places, right: _Places, join: _Join) -> _Places:
    """Two parts joined at their right ends."""
    width = max(left.width, right.width)
    return join(left, right, width - left.width, width - right.width, width)


def _both(left: _Places, right: _Places, left_by: int, right_by: int, width: int) -> _Places:
    one, other = left.shifted(left_by), right.shifted(right_by)
    if left.negated and right.negated:
        return _Places(one | other, True, width)
    if left.negated:
        return _Places(other - one, False, width)
    return _Places(one - other if right.negated else one & other, False, width)


def _either(left: _Places, right: _Places) -> _Places:
    # What matches nowhere has no width.
    left, right = (each if each.anywhere else _Places() for each in (left, right))
    return _aligned(left, right, _one_or_other)


def _one_or_other(left: _Places, right: _Places, left_by: int, right_by: int, width: int) -> _Places:
    one, other = left.shifted(left_by), right.shifted(right_by)
    if left.negated and right.negated:
        return _Places(one & other, True, width)
    if left.negated:
        return _Places(one - other, True, width)
    return _Places(other - one, True, width) if right.negated else _Places(one | other, False, width)
