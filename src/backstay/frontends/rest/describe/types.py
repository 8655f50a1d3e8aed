"""Types in descriptions: one table from PostgreSQL's types to JSON's, for Swagger 2.0 and for OpenAPI 3.1."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from backstay.schema.kind import Kind
from backstay.schema.kind.array import Array
from backstay.schema.kind.symbols import Enumeration
from backstay.schema.kind.texts import Text


@dataclass(frozen=True, slots=True)
class Written:
    """How values of one of PostgreSQL's types are written in JSON.

    Arguments:
        type: JSON's type; None: any.
        swagger: the format in Swagger 2.0 (None: PostgreSQL's name of the type).
        openapi: what OpenAPI 3.1 says besides.
    """

    type: str | None = "string"
    swagger: str | None = None
    openapi: Mapping[str, Any] = field(default_factory=dict)


def _integer(bits: int, format: str) -> Written:
    return Written("integer", format, {"format": format, "minimum": -(2 ** (bits - 1)), "maximum": 2 ** (bits - 1) - 1})


WRITTEN: Final[Mapping[str, Written]] = {
    "smallint": _integer(16, "int32"),
    "integer": _integer(32, "int32"),
    "bigint": _integer(64, "int64"),
    "numeric": Written("number"),
    "real": Written("number", openapi={"format": "float"}),
    "double precision": Written("number", openapi={"format": "double"}),
    "boolean": Written("boolean"),
    "uuid": Written(openapi={"format": "uuid"}),
    "date": Written(openapi={"format": "date"}),
    "timestamp with time zone": Written(openapi={"format": "date-time"}),
    "bytea": Written(openapi={"pattern": r"^\\x([0-9a-fA-F]{2})*$"}),
    "json": Written(None),
    "jsonb": Written(None),
}
"""By PostgreSQL's name; what is not here is text of any form."""

_TEXT: Final = Written()


def written(kind: Kind) -> Written:
    """How values of a kind that is no array are written."""
    return WRITTEN.get(kind.name, _TEXT)


def swagger_type(kind: Kind) -> dict[str, Any]:
    """A kind in Swagger 2.0, with the keys that PostgREST gives."""
    if isinstance(kind, Array):
        items = written(kind.of).type
        return {"type": "array", "format": name_of(kind), "items": {"type": items} if items else {}}
    form = written(kind)
    found: dict[str, Any] = {"type": form.type} if form.type else {}
    found["format"] = form.swagger or name_of(kind)
    return found | _bounds(kind)


def openapi_type(kind: Kind, *, nullable: bool) -> dict[str, Any]:
    """A kind in OpenAPI 3.1, which speaks JSON Schema."""
    if isinstance(kind, Array):
        found: dict[str, Any] = {"type": "array", "items": openapi_type(kind.of, nullable=True)}
    else:
        form = written(kind)
        found = {**({"type": form.type} if form.type else {}), **form.openapi, **_bounds(kind)}
    if nullable and "type" in found:
        found["type"] = [found["type"], "null"]
        if "enum" in found:
            found["enum"] = [*found["enum"], None]
    return found


def _bounds(kind: Kind) -> dict[str, Any]:
    if isinstance(kind, Enumeration):
        return {"enum": list(kind.labels)}
    if isinstance(kind, Text) and kind.length is not None:
        return {"maxLength": kind.length}
    return {}


def name_of(kind: Kind) -> str:
    """A type's name as PostgreSQL prints it: that of an enumeration with its schema."""
    if isinstance(kind, Array):
        return f"{name_of(kind.of)}[]"
    if isinstance(kind, Enumeration) and "." not in kind.name:
        return f"{getattr(kind.sql, 'schema', None) or 'public'}.{kind.name}"
    return kind.name
