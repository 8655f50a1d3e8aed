"""``trace(read, values, caller)``: what a parameter of a statement is read from, found out by reading it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from backstay.errors import RequestError
from backstay.schema.caller import Caller


@dataclass(frozen=True, slots=True)
class Traced:
    """What a parameter was read from.

    ``indexes`` are places in the query's values, ``attributes`` of the caller. ``readable`` is false where its value
    comes only with the rows of a write.
    """

    indexes: tuple[int, ...]
    attributes: tuple[str, ...]
    value: Any = None
    readable: bool = True


class _Values(list[Any]):
    """Values that note which of them were asked for."""

    def __init__(self, values: Sequence[Any]) -> None:
        super().__init__(values)
        self.asked: list[int] = []

    def __getitem__(self, index: Any) -> Any:
        self.asked.append(index)
        return super().__getitem__(index)


class _Claims(dict[str, Any]):
    """Claims that note which of them were asked for."""

    def __init__(self, caller: Caller) -> None:
        super().__init__(caller.claims)
        self.asked: list[str] = []

    def get(self, name: str, default: Any = None) -> Any:
        self.asked.append(name)
        return super().get(name, default)

    def __getitem__(self, name: str) -> Any:
        self.asked.append(name)
        return super().__getitem__(name)


def trace(read: Callable[[Sequence[Any], Caller], Any], values: Sequence[Any], caller: Caller) -> Traced:
    """Read one parameter and tell what it was read from.

    Arguments:
        read: fills the parameter.
        values: the query's values.
        caller: who asks.
    """
    watched, claims = _Values(values), _Claims(caller)
    reading = Caller(id=caller.id, claims=claims, role=caller.role)
    readable, value = True, None
    try:
        value = read(watched, reading)
    except RequestError:
        raise
    except Exception:  # the values of a write are not the query's: only its rows tell
        readable = False
    attributes = list(dict.fromkeys(claims.asked))
    if caller.id is not None and not watched.asked and not attributes and value == caller.id:
        attributes.append("id")
    return Traced(tuple(dict.fromkeys(watched.asked)), tuple(attributes), value, readable)
