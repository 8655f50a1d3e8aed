"""Rows that come in batches, since all of them at once would be too many."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any


class Batched:
    """The rows of a long payload, read again each time they are asked for.

    Arguments:
        length: how many they are.
        read: begins to read them, batch by batch; no batch is empty.
    """

    __slots__ = ("_length", "_read")

    def __init__(self, length: int, read: Callable[[], Iterable[list[dict[str, Any]]]]) -> None:
        self._length = length
        self._read = read

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for batch in self._read():
            yield from batch

    def batches(self) -> Iterator[list[dict[str, Any]]]:
        """The rows, some at a time."""
        return iter(self._read())
