"""JSON objects put together as text, so that JSON which sub-selects have made is not read again to be a part of one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, Final, TypeAlias

import sqlalchemy as sa
from sqlalchemy import ColumnElement, func

from backstay.dialects.quote import quoted

_KEYS: Final = 400
"""Keys of one ``json_object``: SQLite's functions take a thousand arguments at most."""
_BACK: Final[tuple[ColumnElement[Any], ColumnElement[Any]]] = (
    sa.literal_column("-1"),
    sa.literal_column(str(1 - 2**31)),
)
"""Of ``substr``: all letters before the last one."""
_SECOND: Final[ColumnElement[Any]] = sa.literal_column("2")


class Made(sa.Function[Any]):
    """JSON that a sub-select has made: a part of an object as it stands, anywhere else marked as JSON.

    Arguments:
        text: the sub-select; NULL is null.
    """

    inherit_cache = True

    def __init__(self, text: ColumnElement[Any]) -> None:
        super().__init__("json", text)

    @property
    def part(self) -> ColumnElement[Any]:
        """What stands in an object."""
        return func.coalesce(next(iter(self.clauses)), quoted("null"))


@dataclass(frozen=True, slots=True)
class Merged:
    """Keys of a row that another object has.

    Arguments:
        keys: at least one.
        text: the object; NULL where there is none, and each of its keys is null.
    """

    keys: tuple[str, ...]
    text: ColumnElement[Any]

    @property
    def part(self) -> ColumnElement[Any]:
        """The object, braces and all."""
        return func.coalesce(self.text, quoted("{" + ",".join(f"{_key(key)}:null" for key in self.keys) + "}"))


Part: TypeAlias = tuple[str, ColumnElement[Any]] | Merged
"""A key with its value, or the keys of another object."""


def object_of(parts: Sequence[Part]) -> ColumnElement[Any]:
    """One JSON object, as text.

    Arguments:
        parts: in their order; no key twice.
    """
    runs = list(_runs(parts))
    if len(runs) == 1 and not isinstance(runs[0], tuple):
        return runs[0]
    pieces: list[ColumnElement[Any]] = []
    literal = ""
    for place, run in enumerate(runs):
        first, last = place == 0, place == len(runs) - 1
        literal += "" if first else ","
        if isinstance(run, tuple):
            key, value = run
            pieces += [quoted(f"{literal}{'{' if first else ''}{key}:"), value]
            literal = "}" if last else ""
            continue
        # All but the brace that others go on after, and all but the brace that others have begun.
        value = run if last else func.substr(run, *_BACK)
        value = value if first else func.substr(value, _SECOND)
        pieces += [quoted(literal), value] if literal else [value]
        literal = ""
    if literal:
        pieces.append(quoted(literal))
    return reduce(lambda whole, piece: whole.concat(piece), pieces)


def _runs(parts: Sequence[Part]) -> Iterator[ColumnElement[Any] | tuple[str, ColumnElement[Any]]]:
    """Objects, of plain values as many as one has room for, and the keys of made ones with their values."""
    plain: list[ColumnElement[Any]] = []
    for part in parts:
        is_plain = not isinstance(part, Merged) and not isinstance(part[1], Made)
        if plain and (not is_plain or len(plain) == 2 * _KEYS):
            yield func.json_object(*plain)
            plain = []
        if isinstance(part, Merged):
            yield part.part
        elif isinstance(part[1], Made):
            yield _key(part[0]), part[1].part
        else:
            plain += [quoted(part[0]), part[1]]
    if plain or not parts:
        yield func.json_object(*plain)


def _key(text: str) -> str:
    quoted(text)  # refuses what other keys are refused for
    return json.dumps(text, ensure_ascii=False)
