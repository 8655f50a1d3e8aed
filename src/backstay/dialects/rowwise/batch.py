"""How many rows to ask for at once: about as many as make a piece, whatever their size."""

from __future__ import annotations

from typing import Final

FIRST: Final = 4
"""Rows of the first batch: few, since nobody knows yet how large they are."""
WEIGHT: Final = 256 * 1024
"""Characters that are worked on at once."""
_MOST: Final = 4096


def next_size(rows: int, weight: int) -> int:
    """The size of the next batch: a power of four, so that few different statements ask for them.

    Arguments:
        rows: how many rows the last one had.
        weight: how many characters they had.
    """
    size = 1
    while size < _MOST and size * 4 * weight <= WEIGHT * rows:
        size *= 4
    return size
