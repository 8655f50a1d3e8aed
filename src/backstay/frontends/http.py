"""Request and Response: HTTP as values, without a server."""

from __future__ import annotations

from dataclasses import dataclass

from backstay.schema.exchange import Request

__all__ = ["Request", "Response"]


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP response. ``headers`` are in the order they are sent, names in lower case."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
