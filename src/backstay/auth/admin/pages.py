"""Lists that are read a page at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from backstay.auth.protocol.incoming import Incoming
from backstay.errors import ValidationFailed

MOST_ROWS: Final = 1000
"""Most rows of a page."""
_ROWS: Final = 50
_LAST: Final = 10**9


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list: its number, from one, and how many rows it has."""

    number: int
    size: int

    @property
    def offset(self) -> int:
        """How many rows come before it."""
        return (self.number - 1) * self.size

    def headers(self, path: str, total: int) -> tuple[tuple[str, str], ...]:
        """What tells a client how many rows there are, and where the next and the last page is.

        Clients read the number after the first ``=``, so ``page`` comes first.
        """
        last = max(1, -(-total // self.size))
        links = {"next": self.number + 1, "last": last} if self.number < last else {"last": last}
        written = [f'<{path}?page={number}&per_page={self.size}>; rel="{name}"' for name, number in links.items()]
        return ("x-total-count", str(total)), ("link", ", ".join(written))


def read_page(incoming: Incoming) -> Page:
    """The page that ``page`` and ``per_page`` ask for.

    Raises:
        ValidationFailed: they are no such numbers.
    """
    return Page(_read(incoming, "page", 1, _LAST), _read(incoming, "per_page", _ROWS, MOST_ROWS))


def _read(incoming: Incoming, name: str, default: int, most: int) -> int:
    text = incoming.query.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 12 and 1 <= int(text) <= most):
        raise ValidationFailed(f"Bad Pagination Parameters: {name} is a number between 1 and {most}")
    return int(text)
