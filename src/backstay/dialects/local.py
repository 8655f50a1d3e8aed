"""What a database is told of a request, as settings of its transaction: by the names that PostgREST gives them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import orjson

from backstay.schema.caller import Caller, Local
from backstay.schema.exchange import Request


def under_role(caller: Caller, role: str) -> Caller:
    """The caller, whose transactions run under a role of the database's own and know the claims.

    Arguments:
        caller: who asks.
        role: the role's name; the database refuses one that it does not have, or that the login may not take.
    """
    return replace(caller, local=(("role", role), ("request.jwt.claims", claims_of(caller, role))))


def claims_of(caller: Caller, role: str | None = None) -> str:
    """The claims of a caller as JSON, with their role (None: the kind of caller) and id."""
    claims: dict[str, Any] = {**caller.claims, "role": caller.role.value if role is None else role}
    if caller.id is not None:
        claims["sub"] = caller.id
    return _text(claims)


def request_of(request: Request) -> Local:
    """The request itself: its method and path, its headers and cookies as JSON."""
    headers = {name: value for name, value in request.headers.items() if name != "cookie"}
    return (
        ("request.method", request.method),
        ("request.path", request.path),
        ("request.headers", _text(headers)),
        ("request.cookies", _text(request.cookies)),
    )


def _text(pairs: Mapping[str, Any]) -> str:
    # A text that came from the wire may hold what is not Unicode.
    return orjson.dumps({name: _clean(each) for name, each in pairs.items()}, default=str).decode()


def _clean(value: Any) -> Any:
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
