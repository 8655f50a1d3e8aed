"""How rows, each a JSON text, become a body."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol


class Sheet(Protocol):
    """One body in the making. It is written in a thread, rows in their order."""

    def write(self, rows: Sequence[str]) -> bytes:
        """The bytes of the next rows, of which there is at least one."""
        ...

    def end(self) -> bytes:
        """What stands behind the last row."""
        ...


@dataclass(frozen=True, slots=True)
class Layout:
    """A form that rows can be written in one by one.

    Arguments:
        begin: begins a body.
        eager: it is better written row by row from the beginning, since making it of a whole body takes long.
    """

    begin: Callable[[], Sheet]
    eager: bool = False


class Listed:
    """A JSON array, as the database itself writes it.

    Arguments:
        between: what it writes between two rows.
    """

    def __init__(self, between: str) -> None:
        self._between = between
        self._begun = False

    def write(self, rows: Sequence[str]) -> bytes:
        """The next rows, behind what stands before them."""
        before, self._begun = self._between if self._begun else "[", True
        return (before + self._between.join(rows)).encode()

    def end(self) -> bytes:
        """The bracket that closes the array; of no rows, all of it."""
        return b"]" if self._begun else b"[]"
