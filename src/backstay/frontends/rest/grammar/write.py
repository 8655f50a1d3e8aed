"""``to_url``: the query string that reads as a given Select. The inverse of parsing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import quote

from backstay.frontends.rest.grammar.form import write_form
from backstay.query.nodes import (
    Comparison,
    Embed,
    Everything,
    Field,
    Filter,
    Item,
    Join,
    Logic,
    Order,
    Page,
    Pick,
    Select,
)

_SIMPLE: Final = re.compile(r"[^\W\d]\w*")
_WORDS: Final = frozenset(
    ("select", "columns", "on_conflict", "order", "limit", "offset", "and", "or", "not", "count", "left", "inner")
)
"""What reads as something else where it stands without quotes."""


def to_url(query: Select) -> str:
    """The path and query string that ask for ``query``; the count is no part of them, it is asked for by Prefer.

    Each level's embeds must have keys of their own, or their filters cannot be told apart.
    """
    pairs: list[tuple[str, str | None]] = [("select", _items(query.items))]
    pairs.extend(_level("", query.where, query.order, query.page))
    pairs.extend(_below("", query.items))
    return f"/{quote(query.resource, safe='')}?{write_form(pairs)}"


# Levels ------------------------------------------------------------------------------------------------------


def _below(path: str, items: tuple[Item, ...]) -> Iterator[tuple[str, str]]:
    for item in items:
        if isinstance(item, Embed):
            inside = f"{path}{_name(item.key)}."
            yield from _level(inside, item.where, item.order, item.page)
            yield from _below(inside, item.items)


def _level(path: str, where: tuple[Filter, ...], order: tuple[Order, ...], page: Page) -> Iterator[tuple[str, str]]:
    for term in where:
        if isinstance(term, Logic):
            yield f"{path}{_not(term.negated)}{term.connective.value}", _branches(term)
        else:
            yield f"{path}{_field(term.field)}", _comparison(term, inside=False)
    if order:
        yield f"{path}order", ",".join(map(_term, order))
    if page.limited:
        yield f"{path}limit", str(page.limit)
    if page.skipping:
        yield f"{path}offset", str(page.offset)


# Select ------------------------------------------------------------------------------------------------------


def _items(items: tuple[Item, ...]) -> str:
    return ",".join(map(_item, items))


def _item(item: Item) -> str:
    if isinstance(item, Everything):
        return "*"
    if isinstance(item, Pick):
        return _pick(item)
    hint = f"!{_name(item.hint)}" if item.hint is not None else ""
    join = f"!{item.join.value}" if item.join is not Join.LEFT else ""
    spread = "..." if item.spread else ""
    return f"{spread}{_alias(item.alias)}{_name(item.relation)}{hint}{join}({_items(item.items)})"


def _pick(pick: Pick) -> str:
    if pick.field is None:
        return f"{_alias(pick.alias)}count(){_cast(pick.aggregate_cast)}"
    aggregate = f".{pick.aggregate.value}(){_cast(pick.aggregate_cast)}" if pick.aggregate else ""
    return f"{_alias(pick.alias)}{_field(pick.field)}{_cast(pick.cast)}{aggregate}"


def _alias(alias: str | None) -> str:
    return f"{_name(alias)}:" if alias is not None else ""


def _cast(name: str | None) -> str:
    return f"::{name}" if name is not None else ""


# Filters and order -------------------------------------------------------------------------------------------


def _branches(tree: Logic) -> str:
    return f"({','.join(map(_branch, tree.items))})"


def _branch(item: Filter) -> str:
    if isinstance(item, Logic):
        return f"{_not(item.negated)}{item.connective.value}{_branches(item)}"
    return f"{_field(item.field)}.{_comparison(item, inside=True)}"


def _comparison(term: Comparison, *, inside: bool) -> str:
    qualifier = ""
    if term.quantifier is not None:
        qualifier = f"({term.quantifier.value})"
    elif term.language is not None:
        qualifier = f"({term.language})"
    return f"{_not(term.negated)}{term.operator}{qualifier}.{_value(term, inside)}"


def _value(term: Comparison, inside: bool) -> str:
    if term.word is not None:
        return term.word
    if term.operator == "in":
        return f"({','.join(_quoted(each or '') for each in term.value or ())})"
    if isinstance(term.value, tuple):
        text = "{" + ",".join("NULL" if each is None else _quoted(each) for each in term.value) + "}"
    else:
        text = term.value or ""
    return _quoted(text) if inside else text


def _term(term: Order) -> str:
    field = f"{_name(term.relation)}({_field(term.field)})" if term.relation is not None else _field(term.field)
    nulls = f".nulls{term.nulls.value}" if term.nulls is not None else ""
    return f"{field}{'.desc' if term.descending else ''}{nulls}"


# Words -------------------------------------------------------------------------------------------------------


def _field(field: Field) -> str:
    return _name(field.name) + "".join(
        ("->>" if step.text else "->") + (str(step.key) if isinstance(step.key, int) else _name(step.key))
        for step in field.path
    )


def _not(negated: bool) -> str:
    return "not." if negated else ""


def _name(name: str) -> str:
    return name if _SIMPLE.fullmatch(name) and name not in _WORDS else _quoted(name)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
