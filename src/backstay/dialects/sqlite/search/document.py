"""A text as PostgreSQL's ``tsvector`` has it: lexemes, and where they stand."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import cache, lru_cache
from itertools import chain
from typing import Any, Final, TypeAlias

from backstay.dialects.sqlite.search.configuration import is_indexed, lexeme
from backstay.dialects.sqlite.search.tokens import tokens

Document: TypeAlias = Mapping[str, list[int]]
"""The positions of each lexeme, in order."""

LAST: Final = 16383
"""Where everything stands that stands further behind."""

MOST: Final = 255
"""Positions that a lexeme has at most; what comes later only counts as being there."""

_LONGEST: Final = 2046
_REMEMBERED: Final = 40
_NOWHERE: Final[list[int]] = []


def lexemes(text: str, configuration: str) -> Iterator[str | None]:
    """The lexeme at each position of a text; None where a stop word stands."""
    if "<" in text or text.startswith((".", "~")):
        return _scan(text, configuration)
    # But for tags no token has a blank in it, and what begins behind a blank does not depend on what is before that.
    return chain.from_iterable(map(_reader(configuration), text.split()))


@cache
def _reader(configuration: str) -> Callable[[str], tuple[str | None, ...]]:
    """What reads a text between two blanks, and remembers: most texts are made of the same words."""

    @lru_cache(maxsize=30_000)
    def remembered(word: str) -> tuple[str | None, ...]:
        return tuple(_scan(f" {word}", configuration))

    def read(word: str) -> tuple[str | None, ...]:
        return remembered(word) if len(word) <= _REMEMBERED else tuple(_scan(f" {word}", configuration))

    return read


def _scan(text: str, configuration: str) -> Iterator[str | None]:
    for type_, token in tokens(text):
        # A letter has four bytes at most: most tokens need not be encoded to see that they are short.
        if is_indexed(type_) and (len(token) * 4 <= _LONGEST or len(token.encode()) <= _LONGEST):
            yield lexeme(configuration, type_, token)


def words(text: str, configuration: str) -> Document:
    """The lexemes of a text, for a search that does not ask where they stand."""
    return dict.fromkeys(filter(None, lexemes(text, configuration)), _NOWHERE)


def read(text: str, configuration: str) -> Document:
    """The document of a text."""
    found: dict[str, list[int]] = {}
    _add(found, text, configuration, 0)
    return found


def read_json(text: str, configuration: str, *, ordered: bool) -> Document:
    """The document of the texts in a JSON document, each apart from the next.

    ``ordered``: keys in the order of ``jsonb``, not in that of the text.
    """
    found: dict[str, list[int]] = {}
    place = 0
    for each in _texts(json.loads(text, object_pairs_hook=_Members, parse_int=_no_text, parse_float=_no_text), ordered):
        place, added = _add(found, each, configuration, place)
        place += added
    return found


def _add(found: dict[str, list[int]], text: str, configuration: str, place: int) -> tuple[int, bool]:
    """Add the lexemes of a text behind a place; the place of the last one, and whether there were any."""
    added = False
    for each in lexemes(text, configuration):
        place += 1
        if each is None:
            continue
        added = True
        places = found.get(each)
        if places is None:
            found[each] = [min(place, LAST)]
        elif len(places) < MOST and places[-1] != LAST:
            places.append(min(place, LAST))
    return place, added


class _Members(list[tuple[str, Any]]):
    """The members of a JSON object: `json` keeps two of one name."""


def _no_text(number: str) -> None:
    return None


def _texts(value: Any, ordered: bool) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, _Members):
        for _, each in sorted(value, key=_key) if ordered else value:
            yield from _texts(each, ordered)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each, ordered)


def _key(member: tuple[str, Any]) -> tuple[int, bytes]:
    encoded = member[0].encode()
    return (len(encoded), encoded)
