"""The shape of a query: what is left when its values are taken out.

Two queries of one shape are answered by one statement; only its parameters differ. Which fields of a node are values
is declared once, on the node (:func:`backstay.query.nodes.value`); taking them out is derived from that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from operator import attrgetter
from types import NoneType
from typing import Any, Final, TypeAlias, TypeVar

from backstay.query.nodes import Everything, Field, Order, Pick, Query, Step

_PLAIN: Final = frozenset({str, bool, int, NoneType})

Shape: TypeAlias = tuple[Any, ...]
"""A hashable key: equal for queries that differ in values alone."""

Q = TypeVar("Q")


KEYS: Final = -1
"""Where a statement that starts from the keys of written rows finds them: behind the query's own values."""


@dataclass(frozen=True, slots=True)
class Slot:
    """Where a value stood: its place in the values of the query."""

    index: int


def split(query: Query) -> tuple[Shape, list[Any]]:
    """The shape of a query and its values, in the order in which the shape's slots count them."""
    values: list[Any] = []
    return _key(query, values), values


def slotted(query: Q) -> Q:
    """The query with a :class:`Slot` in the place of each value, numbered as :func:`split` orders them."""
    return _slotted(query, [])  # type: ignore[no-any-return]


@cache
def _parts(node: type[Any]) -> tuple[tuple[str, bool], ...]:
    return tuple((part.name, bool(part.metadata.get("value"))) for part in fields(node))


def _key(node: Any, values: list[Any]) -> Any:
    kind = type(node)
    if kind is tuple:
        return tuple([_key(each, values) for each in node]) if node else node
    read = _READERS.get(kind)
    if read is None:
        read = _READERS[kind] = _reader(kind)
    return read(node, values)


def _itself(node: Any, values: list[Any]) -> Any:
    return node


SOLID = (Everything, Field, Order, Pick, Step)
"""The nodes that hold no value, however deep: each is its own key."""

_READERS: dict[type[Any], Callable[[Any, list[Any]], Any]] = dict.fromkeys(SOLID, _itself)


def _reader(kind: type[Any]) -> Callable[[Any, list[Any]], Any]:
    """How a node of this class is split: made once per class."""
    if not is_dataclass(kind):
        return _itself
    parts = _parts(kind)
    take = attrgetter(*[name for name, _ in parts])
    are_values = [is_value for _, is_value in parts]

    def read(node: Any, values: list[Any]) -> Any:
        key: list[Any] = [kind]
        for part, is_value in zip(take(node), are_values, strict=True):
            if is_value:
                values.append(part)
            else:
                key.append(part if type(part) in _PLAIN else _key(part, values))
        return tuple(key)

    return read


def _slotted(node: Any, count: list[None]) -> Any:
    if isinstance(node, tuple):
        return tuple(_slotted(each, count) for each in node)
    if not is_dataclass(node) or isinstance(node, type):
        return node
    parts: dict[str, Any] = {}
    for name, is_value in _parts(type(node)):
        if is_value:
            parts[name] = Slot(len(count))
            count.append(None)
        else:
            parts[name] = _slotted(getattr(node, name), count)
    return type(node)(**parts)
