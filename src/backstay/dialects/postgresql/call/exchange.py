"""What a function of the database may know of the request, and say of its answer: by settings of its transaction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson

from backstay.errors import InvalidHeaders, InvalidStatus
from backstay.query.nodes import Call
from backstay.schema.caller import Caller, Local
from backstay.schema.exchange import Request, verify_headers, verify_status

SAID: Final = "current_setting('response.status', true), current_setting('response.headers', true)"
"""What a statement that calls a function reads after it, as the last two of its columns."""

_READ_ONLY: Final = ("transaction_read_only", "on")
_COOKIE: Final = "cookie"


def settings_of(query: Call, caller: Caller, *, readonly: bool) -> Local:
    """The settings in which a call runs, named as PostgREST names them.

    Arguments:
        query: what it came with.
        caller: who calls; the settings that they bring themselves come last.
        readonly: whether the transaction may not write.
    """
    request = query.request or Request("GET" if query.readonly else "POST", f"/rpc/{query.function}")
    headers = {name: value for name, value in request.headers.items() if name != _COOKIE}
    return (
        *((_READ_ONLY,) if readonly else ()),
        ("request.method", request.method),
        ("request.path", request.path),
        ("request.headers", _json(headers)),
        ("request.cookies", _json(request.cookies)),
        ("request.jwt.claims", _claims(caller)),
        *caller.local,
    )


def _claims(caller: Caller) -> str:
    claims = {**caller.claims, "role": caller.role.value}
    if caller.id is not None:
        claims["sub"] = caller.id
    return _json(claims)


def _json(value: Mapping[str, Any]) -> str:
    # A setting holds no NUL, and a text that came from the wire may hold what is not Unicode.
    return orjson.dumps({name: _clean(each) for name, each in value.items()}, default=str).decode()


def _clean(value: Any) -> Any:
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


# The answer --------------------------------------------------------------------------------------------------


def read_status(setting: str | None) -> int | None:
    """The status that a function set; None where it set none.

    Raises:
        InvalidStatus: it is none.
    """
    if not setting:
        return None
    if not (setting.isascii() and setting.isdigit() and len(setting) == 3):
        raise InvalidStatus
    return verify_status(int(setting))


def read_headers(setting: str | None) -> tuple[tuple[str, str], ...]:
    """The headers that a function set.

    Raises:
        InvalidHeaders: they are no array of objects, each with one text; or cannot be headers.
    """
    if not setting:
        return ()
    try:
        said = orjson.loads(setting)
    except ValueError:
        raise InvalidHeaders from None
    if not isinstance(said, list) or not all(isinstance(each, dict) and len(each) == 1 for each in said):
        raise InvalidHeaders
    pairs = [pair for each in said for pair in each.items()]
    if not all(isinstance(value, str) for _, value in pairs):
        raise InvalidHeaders
    return verify_headers(pairs)
