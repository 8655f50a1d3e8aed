"""``most_like(name, known)``: the name of a function that an unknown one is most like, as PostgREST finds it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

_LEAST: Final = 0.33
_GRAMS: Final = (3, 2)
_MOST: Final = 50
_LONGEST: Final = 128
"""No name is longer, and looking for what is like a longer text would take a while."""

_UNCOUNTED: Final = re.compile(r"[^\w ,]")


def most_like(name: str, known: Iterable[str]) -> str | None:
    """The known name that is most like an unknown one; None where none is.

    Names are looked at that share three letters in a row (or else two), and compared by how few letters make the one
    the other. That finds names that are not much alike.
    """
    asked = name.lower()
    if len(asked) > _LONGEST:
        return None
    names = [(each.lower(), each) for each in known]
    for size in _GRAMS:
        grams = _grams(asked, size)
        shared = [(len(grams & _grams(lower, size)), lower, each) for lower, each in names]
        near = sorted((found for found in shared if found[0]), key=lambda found: -found[0])[:_MOST]
        alike = [(likeness, each) for _, lower, each in near if (likeness := _likeness(asked, lower)) >= _LEAST]
        if alike:
            return max(alike, key=lambda found: found[0])[1]
    return None


def _grams(text: str, size: int) -> set[str]:
    """The letters in a row, so many at a time; a stroke stands before and behind them all."""
    padded = f"-{_UNCOUNTED.sub('', text)}-"
    return {padded[place : place + size] for place in range(len(padded) - size + 1)}


def _likeness(one: str, other: str) -> float:
    """1 for the same, 0 for nothing in common: the share of the letters that need not be changed."""
    longest = max(len(one), len(other))
    if longest > _LONGEST:
        return 0.0
    before = list(range(len(other) + 1))
    for row, letter in enumerate(one, 1):
        now = [row]
        for column, against in enumerate(other, 1):
            now.append(min(before[column] + 1, now[-1] + 1, before[column - 1] + (letter != against)))
        before = now
    return 1 - before[-1] / longest if longest else 1.0
