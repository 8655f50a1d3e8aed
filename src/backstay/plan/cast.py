"""``check_cast(source, target)``: which kinds can be cast to which, as on PostgreSQL."""

from __future__ import annotations

from typing import Final

from backstay.errors import DatabaseFault
from backstay.schema.kind import Kind
from backstay.schema.kind.texts import Foreign

_TEXTS: Final = frozenset({"text", "character varying", "character", "citext"})
_JSON: Final = frozenset({"json", "jsonb"})
_WHOLE: Final = frozenset({"smallint", "integer", "bigint"})
_NUMBERS: Final = _WHOLE | {"numeric", "real", "double precision"}
_DATE, _TIME = "date", "time without time zone"
_PLAIN, _ZONED = "timestamp without time zone", "timestamp with time zone"
_MOMENTS: Final = frozenset({_PLAIN, _ZONED, _DATE, _TIME, "time with time zone"})
_CASTS: Final = {
    **dict.fromkeys(_NUMBERS, _NUMBERS),
    **dict.fromkeys(_JSON, _JSON | _NUMBERS | {"boolean"}),
    "integer": _NUMBERS | {"boolean"},
    "boolean": frozenset({"integer"}),
    _DATE: frozenset({_PLAIN, _ZONED}),
    _PLAIN: _MOMENTS - {"time with time zone"},
    _ZONED: _MOMENTS,
    _TIME: frozenset({"interval", "time with time zone"}),
    "time with time zone": frozenset({_TIME}),
    "interval": frozenset({_TIME}),
}
"""What each kind can be cast to, besides itself and text. A ``json`` is cast as the ``jsonb`` it could be."""


def check_cast(source: Kind, target: Kind) -> None:
    """Refuse a cast that PostgreSQL does not have.

    Raises:
        DatabaseFault: 42846.
    """
    one, other = source.name, target.name
    if isinstance(source, Foreign) or one in _TEXTS or other in _TEXTS:
        return
    if one.endswith("[]") and other.endswith("[]"):
        one, other = one.removesuffix("[]"), other.removesuffix("[]")
    if one == other or other in _CASTS.get(one, ()) or {one, other} & _TEXTS:
        return
    one, other = source.name, target.name
    raise DatabaseFault(f"cannot cast type {one} to {other}", state="42846")
