"""What a user's editor must know of the errors, and what it must refuse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import assert_type

from backstay.errors import BackstayError, Conflict, DatabaseFault, Outage, RequestError

conflict = Conflict("This invoice was already sent.", hint="Credit it and issue a new one.")
assert_type(conflict.message, str)
assert_type(conflict.hint, str | None)
assert_type(conflict.detail, str | Sequence[Mapping[str, str]] | None)
assert_type(Conflict.status, int)
assert_type(DatabaseFault(state="P0001").state, str)

request: RequestError = conflict
internal: BackstayError = request
outage: Outage = conflict  # type: ignore[assignment]


class Busy(RequestError):
    """Come back later."""

    code = "BUSY"
    status = 429


busy = Busy(headers={"Retry-After": "60"})
assert_type(busy.headers, Mapping[str, str])
Busy(headers=["Retry-After"])  # type: ignore[arg-type]
Conflict("Positional", "detail")  # type: ignore[call-arg]
Conflict(message=409)  # type: ignore[arg-type]
