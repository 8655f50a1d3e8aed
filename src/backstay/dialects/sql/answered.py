"""What a function answered, between the forms: as it is, as one value, as values without rows around them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import msgspec

from backstay.dialects.reply import Reply
from backstay.query.nodes import Count, Everything, Select

SCALAR: Final = "pgrst_scalar"
"""The name of the one column of values that are no rows."""

_ROWS: Final = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])
_TEXTS: Final = ("text/plain", "text/xml", "text/csv", "application/json", "application/geo+json")
"""What is sent with its charset."""


def asks(shape: Select) -> bool:
    """Whether rows are asked for in another shape than they have."""
    return reshapes(shape) or shape.page.limited or shape.page.skipping or shape.count is not Count.NONE


def reshapes(shape: Select) -> bool:
    """Whether more is asked for than a part of the rows, and how many there are."""
    return shape.items not in ((), (Everything(),)) or bool(shape.where) or bool(shape.order)


def wants(preferred: Sequence[str], media: str) -> bool:
    """Whether one of the media types that a caller would rather have than JSON is this one."""
    return media in preferred or f"{media.partition('/')[0]}/*" in preferred


def raw(body: bytes | str | None, media: str, *, suits: bool = False) -> Reply:
    """A value that is sent as it is.

    Arguments:
        body: None: nothing.
        media: its media type.
        suits: it is an answer to whatever media type was asked for.
    """
    content = body.encode() if isinstance(body, str) else body or b""
    named = f"{media}; charset=utf-8" if media in _TEXTS else media
    return Reply(body=content, rows=1, scalar=True, media=named, suits=suits)


def single(reply: Reply) -> Reply:
    """The one row (or value) of a reply as itself; null where there is none."""
    return replace(reply, body=reply.body.strip()[1:-1] or b"null", scalar=True)


def unwrapped(reply: Reply) -> Reply:
    """Plain values as they are, not each in a row of its own."""
    rows = _ROWS.decode(reply.body)
    if any(row.keys() != {SCALAR} for row in rows):
        return reply
    return replace(reply, body=b"[%b]" % b",".join(bytes(row[SCALAR]) for row in rows))
