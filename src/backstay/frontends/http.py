"""Request and Response: HTTP as values, without a server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request, read whole.

    ``path`` is raw (still percent-encoded), without the front end's prefix: ``/notes``. ``query`` is the raw query
    string. ``headers`` have lower-case names; repeated ones are joined with ``, ``.
    """

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP response. ``headers`` are in the order they are sent, names in lower case."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
