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


def attach(
    items: tuple[Item, ...], levels: Mapping[Path, Level], renamed: dict[str, str] | None = None
) -> tuple[Item, ...]:
    """The items with each embed's filters, order and page on it.

    Arguments:
        items: what select asks for.
        levels: what is said of each embed, by its path from the root: each step the key of an embed.
        renamed: gets each relation's name that was used of an embed with an alias, with that alias. None: that is not
            allowed (PostgREST's ``url-use-legacy-target-names``).

    Raises:
        NotEmbedded: a path leads nowhere.
        RangeNotSatisfiable, DatabaseFault: a page cannot be.
    """
    return _attach(items, levels.items(), renamed) if levels else items


def relate(order: tuple[Order, ...], items: tuple[Item, ...]) -> tuple[Order, ...]:
    """The order, each related term of which names an embed by its key.

    Raises:
        NotEmbedded: a term names what is no embed of this level.
    """
    for term in order:
        if term.relation is not None and _index(items, term.relation) is None:
            raise _not_embedded(term.relation)
    return order


def _attach(
    items: tuple[Item, ...], levels: Iterable[tuple[Path, Level]], renamed: dict[str, str] | None
) -> tuple[Item, ...]:
    below: dict[int, list[tuple[Path, Level]]] = {}
    legacy: dict[int, str] = {}
    for path, level in levels:
        index = _index(items, path[0])
        if index is None:
            index = _legacy_index(items, path[0], allowed=renamed is not None)
            legacy[index] = path[0]
        below.setdefault(index, []).append((path[1:], level))
    attached: list[Item] = []
    for index, item in enumerate(items):
        if index not in below or not isinstance(item, Embed):
            attached.append(item)
            continue
        if index in legacy and renamed is not None:
            renamed[legacy[index]] = item.key
        attached.append(_narrow(item, below[index], renamed))
    return tuple(attached)


def _narrow(embed: Embed, levels: list[tuple[Path, Level]], renamed: dict[str, str] | None) -> Embed:
    own = [level for path, level in levels if not path]
    items = _attach(embed.items, [(path, level) for path, level in levels if path], renamed)
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


def _index(items: tuple[Item, ...], name: str) -> int | None:
    """The place of the embed with that key."""
    return next((index for index, item in enumerate(items) if isinstance(item, Embed) and item.key == name), None)


def _legacy_index(items: tuple[Item, ...], name: str, *, allowed: bool) -> int:
    """The place of the first embed of that relation, which has another key."""
    for index, item in enumerate(items):
        if isinstance(item, Embed) and item.relation == name:
            if allowed:
                return index
            raise NotEmbedded(
                f"'{name}' is not an embedded resource in this request",
                detail="Target names are not allowed in filters if they have an alias",
                hint=f"Change '{name}' to '{item.key}' in filters, orders or limits.",
            )
    raise _not_embedded(name)


def _not_embedded(name: str) -> NotEmbedded:
    return NotEmbedded(
        f"'{name}' is not an embedded resource in this request",
        hint=f"Verify that '{name}' is included in the 'select' query parameter.",
    )
