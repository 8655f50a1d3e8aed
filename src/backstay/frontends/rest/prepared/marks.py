"""Where the values of a request belong, and how they are put there."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Final, NamedTuple, TypeAlias
from urllib.parse import quote

from backstay.dialects.road import Compiled
from backstay.errors import RequestError
from backstay.frontends.http import Request
from backstay.frontends.rest.asked import Asked
from backstay.frontends.rest.grammar.form import decode
from backstay.frontends.rest.grammar.skim import Structure, join, operators
from backstay.frontends.rest.parse import parse
from backstay.plan.cache import Cache, Entry
from backstay.query.nodes import Query
from backstay.query.shape import split
from backstay.settings import Settings

LONGEST: Final = 2048
"""Characters of a query string that is prepared; the keys of others would take too much room."""
_NUMBER: Final = 718281828459045
"""Marks of numbers begin here, where no page does."""
_PLAIN: Final = re.compile(r"[A-Za-z0-9_.~-]*")
_LIST: Final = re.compile(r'\([^\s"\\(){},]+(?:,[^\s"\\(){},]+)*\)')


class Hole(Enum):
    """What a value is in the query: its text, the number that it writes, or the list of texts in its parentheses."""

    TEXT = "text"
    NUMBER = "number"
    LIST = "list"


class Fate(Enum):
    """What is known of a structure that is not prepared."""

    MET = "met"
    """It was met once."""
    NEVER = "never"
    """It cannot be prepared."""


Filled: TypeAlias = tuple[list[Any], Sequence[str]]
"""What a request's values are to a prepared request: those of its query, and each as a URL writes it."""


@dataclass(frozen=True, slots=True)
class Blank:
    """A query whose values are still to be filled in.

    Arguments:
        entry: what its shape leads to.
        values: of the query, with anything in the place of the request's own.
        holes: for each value in the query string its place among those, and what it is there.
    """

    entry: Entry[Compiled]
    values: list[Any]
    holes: tuple[tuple[int, Hole], ...]

    def fill(self, raw: Sequence[str]) -> Filled | None:
        """The values of a request, as they stand in its query string; None where only parsing tells what they are."""
        values = self.values.copy()
        if _PLAIN.fullmatch("".join(raw)) is None:
            return self._fill_decoded(values, raw)
        for number, (place, hole) in enumerate(self.holes):
            if hole is Hole.LIST:
                return None
            values[place] = raw[number] if hole is Hole.TEXT else int(raw[number])
        return values, raw

    def _fill_decoded(self, values: list[Any], raw: Sequence[str]) -> Filled | None:
        written: list[str] = []
        for (place, hole), each in zip(self.holes, raw, strict=True):
            try:
                text = decode(each)
            except UnicodeError:
                return None
            if "\0" in text:
                return None
            if hole is Hole.LIST:
                if _LIST.fullmatch(text) is None:
                    return None
                values[place] = tuple(text[1:-1].split(","))
            else:
                values[place] = int(text) if hole is Hole.NUMBER else text
            written.append(quote(text, safe=""))
        return values, written


class Mark(NamedTuple):
    """What stands for a value while its place is looked for."""

    text: str
    value: Any
    hole: Hole

    @property
    def written(self) -> str:
        """The mark as a URL writes it."""
        return quote(self.text, safe="")


class Marked(NamedTuple):
    """A request with marks in the place of its values.

    ``found`` are the values of the marked query.
    """

    query: Query
    parameters: Sequence[tuple[str, str | None]]
    marks: list[Mark]
    found: list[Any]
    blank: Blank


def mark(
    request: Request, asked: Asked, structure: Structure, cache: Cache[Compiled], settings: Settings
) -> Marked | None:
    """A request once more, with a mark in the place of each value; None where these do not come out whole.

    Arguments:
        request: that was answered.
        asked: what it asked for.
        structure: of its query string.
        cache: of shapes, its own among them.
        settings: of the parser.
    """
    marks = [_mark(operator, number) for number, operator in enumerate(operators(structure))]
    try:
        marked = parse(replace(request, query=join(structure, [each.text for each in marks])), settings)
    except RequestError:
        return None
    shape, found = split(marked.query)
    own, values = split(asked.query)
    entry = cache.entry(shape)
    if entry is None or (shape, marked.renamed) != (own, asked.renamed):
        return None
    places = [place_of(found, each.value) for each in marks]
    others = [place for place in range(len(found)) if place not in places]
    if None in places or any(found[place] != values[place] for place in others):
        return None
    holes = tuple((place, each.hole) for place, each in zip(places, marks, strict=True) if place is not None)
    return Marked(marked.query, marked.parameters, marks, found, Blank(entry, values, holes))


def _mark(operator: str, number: int) -> Mark:
    if not operator:
        return Mark(str(_NUMBER + number), _NUMBER + number, Hole.NUMBER)
    text = f"the-value-{number}-is-here"
    return Mark(text, text, Hole.TEXT) if operator != "in" else Mark(f"({text})", (text,), Hole.LIST)


def place_of(values: Sequence[Any], wanted: Any) -> int | None:
    """The place of a value; None where it is not there, or more than once."""
    places = [place for place, each in enumerate(values) if type(each) is type(wanted) and each == wanted]
    return places[0] if len(places) == 1 else None


def sent(request: Request, names: Sequence[str]) -> list[bytes | None]:
    """Headers as they were sent."""
    get = request.headers.get
    return [None if (value := get(name)) is None else value.encode("latin-1") for name in names]
