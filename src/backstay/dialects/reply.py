"""Reply: what a database answered, ready for a front end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from backstay.dialects.rowwise.spool import Spool


# Not frozen: to make a frozen one takes longer than to look up what answers a request.
@dataclass(slots=True)
class Reply:
    """Bytes and counts.

    Arguments:
        body: the rows as JSON, made by the database: always an array (``[]`` when none), except for the answer of a
            function that returns one value (``scalar``). Empty when nothing was asked back.
        rows: how many rows ``body`` holds.
        total: how many rows there are in all, where that was asked.
        affected: how many rows a write inserted, updated or deleted (None for a read).
        inserted: how many of those an upsert inserted.
        keys: primary key values (wire form) of the written rows, in order; for ``Location``.
        scalar: ``body`` is one JSON value, not rows. ``void``: the function returns nothing.
        media: another content type than JSON, where a function gave one.
        suits: whether that is an answer to whatever media type was asked for.
        status, headers: what a function says of its answer, beside its value; names in lower case.
        laid: the body is in the form that was asked for, and no array any more.
        spool: holds the body in the place of ``body``, where that is too long for memory. To be closed.
    """

    body: bytes = b""
    rows: int = 0
    total: int | None = None
    affected: int | None = None
    inserted: int | None = None
    keys: tuple[dict[str, Any], ...] = ()
    scalar: bool = False
    void: bool = False
    media: str | None = None
    suits: bool = False
    status: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    laid: bool = False
    spool: Spool | None = None

    def close(self) -> None:
        """Let go of the spool, where there is one: nobody will be sent this reply."""
        if self.spool is not None:
            self.spool.close()
