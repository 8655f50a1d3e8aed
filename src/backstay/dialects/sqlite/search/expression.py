"""``express(query, column) -> Expression``: a search in FTS5's language, as far as it can be said there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

from backstay.dialects.sqlite.search.query import Both, Either, Not, Phrase, Query, Term, spine

EVERY: Final = "\x01"
"""A token that stands in front of every text, so that FTS5, too, can say what does not match."""

GAP: Final = "\x02"
"""A token in the place of a stop word."""

_DEEPEST: Final = 30
_LONGEST: Final = 500
"""Terms; FTS5 takes no expression of any size."""


class Expression(NamedTuple):
    """An FTS5 expression: it finds every row that matches, and where it is ``exact`` no other."""

    text: str
    exact: bool


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of an expression; ``depth`` of its brackets and number of its terms."""

    text: str
    exact: bool = True
    sign: str = ""
    depth: int = 0
    terms: int = 1

    def within(self, sign: str) -> str:
        """The part as an operand of an operator."""
        return self.text if self.sign in ("", sign) else f"({self.text})"


_EVERYTHING: Final = _Part(f'"{EVERY}"')
_NOTHING: Final = _Part('""')


def express(query: Query | None, column: str) -> Expression:
    """What finds a search's rows in one column of an FTS5 table."""
    part = _NOTHING if query is None else _said(query)
    if part.depth > _DEEPEST or part.terms > _LONGEST:
        part = _Part(_EVERYTHING.text, exact=False)
    name = column.replace('"', '""')
    return Expression(f'"{name}" : ({part.text})', part.exact)


def _said(query: Query) -> _Part:
    first, joined = spine(query)
    behind = [place for place, each in enumerate(joined) if isinstance(each, Phrase)]
    if behind:
        first, joined = joined[behind[-1]], joined[behind[-1] + 1 :]
    found = _item(first)
    for each in joined:
        found = _both(found, each.right) if isinstance(each, Both) else _either(found, _said(each.right))
    return found


def _item(query: Query) -> _Part:
    if isinstance(query, Term):
        return _term(query)
    if isinstance(query, Not):
        return _both(_EVERYTHING, query)
    terms = _sequence(query)
    return _loose(query) if terms is None else _phrase(terms)


def _both(left: _Part, query: Query) -> _Part:
    if isinstance(query, Not):
        item = _said(query.item)
        if not item.exact:
            return _Part(left.text, False, left.sign, left.depth, left.terms)
        if item == _NOTHING or left == _NOTHING:
            return left
        return _joined(left, item, "NOT")
    return _and(left, _said(query))


def _and(left: _Part, right: _Part) -> _Part:
    for one, other in ((left, right), (right, left)):
        if one == _NOTHING:
            return _NOTHING
        if one.text == _EVERYTHING.text:
            return _Part(other.text, left.exact and right.exact, other.sign, other.depth, other.terms)
    return _joined(left, right, "AND")


def _either(left: _Part, right: _Part) -> _Part:
    if left == _NOTHING:
        return right
    return left if right == _NOTHING else _joined(left, right, "OR")


def _joined(left: _Part, right: _Part, sign: str) -> _Part:
    # FTS5 reads `a AND b AND c` as one node; `NOT` takes two.
    flat = "" if sign == "NOT" else sign
    texts = f"{left.within(flat)} {sign} {right.within(flat)}"
    depth = max(left.depth + (left.sign not in ("", flat)), right.depth + (right.sign not in ("", flat)))
    return _Part(texts, left.exact and right.exact, sign, depth, left.terms + right.terms)


def _term(term: Term) -> _Part:
    if term.weights and "D" not in term.weights:
        return _NOTHING
    return _Part(_quoted(term.lexeme) + (" *" if term.prefix else ""))


def _phrase(terms: list[Term]) -> _Part:
    text = " + ".join(_quoted(term.lexeme) for term in terms) + (" *" if terms[-1].prefix else "")
    return _Part(text, sign="+", terms=len(terms))


def _sequence(query: Query) -> list[Term] | None:
    """The terms of a phrase whose words stand side by side; only the last one may be a prefix."""
    first, joined = spine(query)
    if not all(isinstance(each, Phrase) and each.distance == 1 for each in joined):
        return None
    found: list[Term] = []
    for item in (first, *(each.right for each in joined)):
        terms = [item] if isinstance(item, Term) else _sequence(item) if isinstance(item, Phrase) else None
        if terms is None or any(_term(term) == _NOTHING for term in terms):
            return None
        found += terms
    return None if any(term.prefix for term in found[:-1]) else found


def _loose(query: Query) -> _Part:
    """What must be there, wherever it stands, for a phrase to match."""
    first, joined = spine(query)
    found = _EVERYTHING if isinstance(first, Not) else _term(first)
    for each in joined:
        right = _EVERYTHING if isinstance(each.right, Not) else _loose(each.right)
        found = _either(found, right) if isinstance(each, Either) else _and(found, right)
    return _Part(found.text, found == _NOTHING, found.sign, found.depth, found.terms)


def _quoted(lexeme: str) -> str:
    return '"' + lexeme.replace('"', '""') + '"'
