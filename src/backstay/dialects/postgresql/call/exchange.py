"""What a function of the database may know of the request, and say of its answer: by settings of its transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import orjson

from backstay.dialects.local import claims_of, request_of
from backstay.dialects.quote import quote_name
from backstay.errors import InvalidHeaders, InvalidStatus
from backstay.query.nodes import Call
from backstay.schema.caller import Caller, Local
from backstay.schema.exchange import Request, verify_headers, verify_status
from backstay.schema.served import SQLFunction

SAID: Final = "current_setting('response.status', true), current_setting('response.headers', true)"
"""What a statement that calls a function reads after it, as the last two of its columns."""

_READ_ONLY: Final = ("transaction_read_only", "on")
_FOUND: Final = ["public"]
"""Where names are found without further ado."""


def settings_of(function: SQLFunction, query: Call, caller: Caller, search_path: Sequence[str]) -> Local:
    """The settings in which a call runs, named as PostgREST names them.

    Arguments:
        function: names are found in its schema first; if it only reads, nothing can be written.
        query: what it came with.
        caller: who calls; a role of the database's own brings all of it.
        search_path: the schemas in which names are found after that.
    """
    local = caller.local
    if not local:
        request = query.request or Request("GET" if query.readonly else "POST", f"/rpc/{query.function}")
        local = (*request_of(request), ("request.jwt.claims", claims_of(caller)))
    path = list(dict.fromkeys([function.name[0], *search_path]))
    if path != _FOUND:
        local = (*local, ("search_path", ", ".join(map(quote_name, path))))
    if caller.timezone is not None:
        local = (*local, ("TimeZone", caller.timezone.name))
    return (*local, _READ_ONLY) if query.readonly or not function.volatile else local


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
