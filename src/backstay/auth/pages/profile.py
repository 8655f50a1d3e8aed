"""What a page asks of people who sign up, beside address and password: the columns of ``Auth(profile=[...])``."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Boolean, Date, Integer, Numeric
from sqlalchemy.types import TypeEngine

from backstay.auth.sign_in import SignIn
from backstay.errors import ValidationFailed

PREFIX: Final = "profile."
_TYPES: Final[tuple[tuple[type[TypeEngine[Any]], str], ...]] = (
    (Boolean, "checkbox"),
    (Integer, "number"),
    (Numeric, "number"),
    (Date, "date"),
)


def list_fields(sign_in: SignIn, filled: Mapping[str, str]) -> list[dict[str, Any]]:
    """The fields of a form for the profile, with what was filled in."""
    return [
        {
            "name": f"{PREFIX}{column.key}",
            "label": column.key.replace("_", " ").capitalize(),
            "type": _type(column.type),
            "required": not column.nullable and _type(column.type) != "checkbox",
            "value": filled.get(f"{PREFIX}{column.key}", "")[:1000],
        }
        for column in _columns(sign_in)
    ]


def read_profile(sign_in: SignIn, filled: Mapping[str, str]) -> dict[str, Any]:
    """What was filled in, as sign-up takes it.

    Raises:
        ValidationFailed: a value is none of its column's type.
    """
    found: dict[str, Any] = {}
    for column in _columns(sign_in):
        text = filled.get(f"{PREFIX}{column.key}", "").strip()
        if _type(column.type) == "checkbox":
            found[column.key] = bool(text)
        elif text:
            found[column.key] = _value(column.type, text, column.key)
    return found


def _columns(sign_in: SignIn) -> list[Any]:
    return [attribute.property.columns[0] for attribute in sign_in.auth.profile]


def _type(kind: TypeEngine[Any]) -> str:
    return next((name for known, name in _TYPES if isinstance(kind, known)), "text")


def _value(kind: TypeEngine[Any], text: str, name: str) -> Any:
    try:
        if isinstance(kind, Integer):
            return int(text)
        if isinstance(kind, Date):
            return datetime.date.fromisoformat(text).isoformat()
    except ValueError:
        raise ValidationFailed(f"{name.replace('_', ' ').capitalize()} is not valid.") from None
    return text
