"""Refusal: something an expression may not say, in words its author understands."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.sql import visitors
from sqlalchemy.sql.elements import BindParameter

from backstay.schema.caller import CallerAttribute, SignedIn

SUBSET: Final = "BS101"
OTHER_TABLE: Final = "BS102"
TYPES: Final = "BS107"

_ALIAS = re.compile(r"\b(\w+)_r\d+\b")
_LONGEST = 100


@dataclass(frozen=True, slots=True)
class Refusal:
    """Something an expression may not say: the code of the finding, what it is, and what to write instead."""

    code: str
    message: str
    hint: str


def show(expression: Any) -> str:
    """An expression as a user would recognise it, in one line."""

    def replace(element: Any, **_: Any) -> Any:
        if isinstance(element, CallerAttribute):
            return sa.literal_column(f"me.{element.name}")
        if isinstance(element, BindParameter):
            return sa.literal_column(repr(element.value))
        return sa.literal_column("signed_in") if isinstance(element, SignedIn) else None

    try:
        text = str(visitors.replacement_traverse(expression, {}, replace))
    except Exception:
        # Some elements have no text without a database.
        return type(expression).__name__
    line = _ALIAS.sub(r"\1", " ".join(text.split()))
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"
