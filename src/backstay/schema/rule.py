"""Rules: who may select, insert, update or delete a row."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from types import FrameType
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, ColumnExpressionArgument

Expression: TypeAlias = ColumnExpressionArgument[bool]


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the program something was declared."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


def place() -> Place:
    """Where the user's program is calling Backstay from: the nearest frame outside this package."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] == "backstay":
        frame = frame.f_back
    return Place(frame.f_code.co_filename, frame.f_lineno) if frame is not None else Place("?", 0)


@dataclass(frozen=True, slots=True)
class Using:
    """An update rule that asks one thing of the old row and another of the new one.

    Arguments:
        old: which rows the caller may change.
        check: what each must satisfy after the change.
    """

    old: Expression
    check: Expression


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """One rule, ready to be woven into a statement.

    ``expression`` speaks of the resource's own table; the tenant's condition is already part of it. ``name`` says
    which declaration it came from (``select of notes``), for explanations.
    """

    name: str
    expression: ColumnElement[Any]
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rules:
    """The rules of one resource. None means nobody.

    ``update`` is asked of the old row, ``update_check`` of the new one; ``insert`` of the new row, ``delete`` of the
    old one.
    """

    select: Rule | None = None
    insert: Rule | None = None
    update: Rule | None = None
    update_check: Rule | None = None
    delete: Rule | None = None
