"""Filters, orders and pages of embeds, put where they belong: on the embed that their path names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from backstay.errors import NotEmbedded
from backstay.frontends.rest.page import read_page
from backstay.query.nodes import Embed, Filter, Item, Order

Path: TypeAlias = tuple[str, ...]


@dataclass(slots=True)
class Level:
    """What the parameters say of one level: the root, or one embed."""

    where: list[Filter] = field(default_factory=list)
    order: tuple[Order, ...] | None = None
    limit: int | None = None
    offset: int | None = None


def attach(items: tuple[Item, ...], levels: Mapping[Path, Level]) -> tuple[Item, ...]:
    """The items with each embed's filters, order and page on it.

    Arguments:
        items: what select asks for.
        levels: what is said of each embed, by its path from the root: each step an alias or a relation's name.

    Raises:
        NotEmbedded: a path leads nowhere.
        RangeNotSatisfiable, DatabaseFault: a page cannot be.
    """
    return _attach(items, levels.items()) if levels else items


def relate(order: tuple[Order, ...], items: tuple[Item, ...]) -> tuple[Order, ...]:
    """The order with each related term naming its embed by its key.

    Raises:
        NotEmbedded: a term names what is no embed of this level.
    """
    if all(term.relation is None for term in order):
        return order
    return tuple(
        term if term.relation is None else replace(term, relation=_find(items, term.relation)[1].key) for term in order
    )


def _attach(items: tuple[Item, ...], levels: Iterable[tuple[Path, Level]]) -> tuple[Item, ...]:
    below: dict[int, list[tuple[Path, Level]]] = {}
    for path, level in levels:
        index, _ = _find(items, path[0])
        below.setdefault(index, []).append((path[1:], level))
    return tuple(
        _narrow(item, below[index]) if index in below and isinstance(item, Embed) else item
        for index, item in enumerate(items)
    )


def _narrow(embed: Embed, levels: list[tuple[Path, Level]]) -> Embed:
    own = [level for path, level in levels if not path]
    items = _attach(embed.items, [(path, level) for path, level in levels if path])
    limits = [level.limit for level in own if level.limit is not None]
    offsets = [level.offset for level in own if level.offset is not None]
    order = next((level.order for level in own if level.order is not None), ())
    return replace(
        embed,
        items=items,
        where=tuple(term for level in own for term in level.where),
        order=relate(order, items),
        page=read_page(limits[-1] if limits else None, offsets[-1] if offsets else None),
    )


def _find(items: tuple[Item, ...], name: str) -> tuple[int, Embed]:
    """The embed that a name means: the one of that key, else the first of that relation."""
    embeds = [(index, item) for index, item in enumerate(items) if isinstance(item, Embed)]
    for found in embeds:
        if found[1].key == name:
            return found
    for found in embeds:
        if found[1].relation == name:
            return found
    raise NotEmbedded(
        f"'{name}' is not an embedded resource in this request",
        hint=f"Verify that '{name}' is included in the 'select' query parameter.",
    )
