"""``select=``, ``columns=`` and ``on_conflict=``: which columns, and which related rows."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from backstay.frontends.rest.grammar.scan import Budget, Scanner
from backstay.query.nodes import Aggregate, Embed, Everything, Field, Item, Join, Pick

_REMEMBERED: Final = 1024
_EVERYTHING: Final = (Everything(),)
_AGGREGATES: Final = tuple((f".{each.value}()", each) for each in Aggregate)
_JOINS: Final = {join.value: join for join in Join}


def read_select(text: str, budget: Budget) -> tuple[Item, ...]:
    """The items of a select parameter; an empty one means every column.

    Raises:
        ParseError, TooComplex.
    """
    if len(text) > _REMEMBERED:
        return _whole(text, budget)
    items, spent = _remembered(text, budget.deepest, budget.most)
    budget.spend(spent)
    return items


def read_names(text: str, what: str, budget: Budget) -> tuple[str, ...]:
    """The names of a ``columns`` or ``on_conflict`` parameter, as they stand.

    Raises:
        ParseError, TooComplex.
    """
    scanner = Scanner(text, what, budget)
    names = [_listed(scanner)]
    while scanner.take(","):
        names.append(_listed(scanner))
    scanner.finish('"," or end of input')
    return tuple(names)


def _listed(scanner: Scanner) -> str:
    scanner.budget.spend()
    scanner.skip()
    name = scanner.name()
    scanner.skip()
    return name


@lru_cache(maxsize=1024)
def _remembered(text: str, deepest: int, most: int) -> tuple[tuple[Item, ...], int]:
    # A selection holds no values, so the same texts come again and again.
    budget = Budget(deepest, most)
    return _whole(text, budget), budget.spent


def _whole(text: str, budget: Budget) -> tuple[Item, ...]:
    scanner = Scanner(text, "select parameter", budget)
    scanner.skip()
    if scanner.done:
        return _EVERYTHING
    items = _items(scanner, 0)
    scanner.finish('"," or end of input')
    return items


def _items(scanner: Scanner, depth: int) -> tuple[Item, ...]:
    items = [_item(scanner, depth)]
    while scanner.take(","):
        items.append(_item(scanner, depth))
    return tuple(items)


def _item(scanner: Scanner, depth: int) -> Item:
    scanner.budget.spend()
    scanner.skip()
    item: Item
    if scanner.take("..."):
        item = _embed(scanner, scanner.name(), None, depth, spread=True)
    elif scanner.take("*"):
        item = _EVERYTHING[0]
    else:
        item = _named(scanner, depth)
    scanner.skip()
    return item


def _named(scanner: Scanner, depth: int) -> Item:
    start = scanner.at
    name = scanner.name()
    alias = None
    if scanner.ahead(":") and not scanner.ahead("::"):
        scanner.at += 1
        scanner.skip()
        start, alias, name = scanner.at, name, scanner.name()
    if scanner.ahead("()") and scanner.text[start : scanner.at].strip(" ") == "count":
        scanner.at += 2
        return Pick(None, alias, None, Aggregate.COUNT, _cast(scanner))
    if scanner.ahead("(") or scanner.ahead("!"):
        return _embed(scanner, name, alias, depth)
    field = Field(name, scanner.path())
    scanner.skip()
    return _pick(scanner, field, alias)


def _pick(scanner: Scanner, field: Field, alias: str | None) -> Pick:
    cast = _cast(scanner)
    for call, aggregate in _AGGREGATES:
        if scanner.take(call):
            return Pick(field, alias, cast, aggregate, _cast(scanner))
    return Pick(field, alias, cast)


def _cast(scanner: Scanner) -> str | None:
    return scanner.identifier() if scanner.take("::") else None


def _embed(scanner: Scanner, relation: str, alias: str | None, depth: int, *, spread: bool = False) -> Embed:
    hint, join = _qualifiers(scanner)
    if relation == "count" or not scanner.take("("):
        raise scanner.fault('"("')
    scanner.budget.descend(depth + 1)
    scanner.skip()
    items = () if scanner.ahead(")") else _items(scanner, depth + 1)
    scanner.expect(")")
    return Embed(relation, items, alias, hint, join or Join.LEFT, spread)


def _qualifiers(scanner: Scanner) -> tuple[str | None, Join | None]:
    hint: str | None = None
    join: Join | None = None
    for _ in range(2):
        if not scanner.take("!"):
            break
        # A hint that is quoted is never a join: a constraint may be named "inner".
        written = scanner.ahead('"')
        name = scanner.name()
        if not written and name in _JOINS:
            join = join or _JOINS[name]
        else:
            hint = hint or name
    return hint, join
