"""``order=``: the terms of an order."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from backstay.frontends.rest.grammar.scan import Budget, Scanner
from backstay.query.nodes import Field, Nulls, Order

_REMEMBERED: Final = 512


def read_order(text: str, budget: Budget) -> tuple[Order, ...]:
    """The terms of an order parameter.

    Raises:
        ParseError, TooComplex.
    """
    if len(text) > _REMEMBERED:
        return _terms(Scanner(text, "order", budget))
    terms = _remembered(text)
    budget.spend(len(terms))
    return terms


@lru_cache(maxsize=1024)
def _remembered(text: str) -> tuple[Order, ...]:
    # An order holds no values, so few texts come again and again. Each has at most one term per two characters.
    return _terms(Scanner(text, "order", Budget(1, _REMEMBERED)))


def _terms(scanner: Scanner) -> tuple[Order, ...]:
    terms = [_term(scanner)]
    while scanner.take(","):
        terms.append(_term(scanner))
    scanner.finish('delimiter (.), "," or end of input')
    return tuple(terms)


def _term(scanner: Scanner) -> Order:
    scanner.budget.spend()
    scanner.skip()
    name = scanner.name()
    relation = None
    if scanner.take("("):
        scanner.skip()
        relation, field = name, scanner.field()
        scanner.skip()
        scanner.expect(")")
    else:
        field = Field(name, scanner.path())
    scanner.skip()
    descending = scanner.take(".desc")
    directed = descending or scanner.take(".asc")
    nulls = _nulls(scanner)
    if nulls is None and scanner.ahead("."):
        scanner.at += 1
        raise scanner.fault('"nullsfirst" or "nullslast"' if directed else '"asc", "desc", "nullsfirst" or "nullslast"')
    scanner.skip()
    return Order(field, descending, nulls, relation)


def _nulls(scanner: Scanner) -> Nulls | None:
    if scanner.take(".nullsfirst"):
        return Nulls.FIRST
    if scanner.take(".nullslast"):
        return Nulls.LAST
    return None
