"""``Held``: the term of a rule that asks whether the caller's key has a scope."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.visitors import InternalTraversal

from backstay.schema.caller import EVERY_SCOPE, Caller


class Held(ColumnElement[bool]):
    """Whether a scope is the caller's: decided before any SQL. Made by :func:`held`.

    It stands at the top of the rules that Backstay itself makes, and never in a sub-select.
    """

    __visit_name__ = "held"
    inherit_cache = True
    _traverse_internals: Any = [("name", InternalTraversal.dp_string)]  # noqa: RUF012
    type = sa.Boolean()

    def __init__(self, name: str) -> None:
        self.name = name

    def ask(self, caller: Caller) -> bool:
        """The answer for a caller."""
        return caller.scopes is None or self.name in caller.scopes


@cache
def held(name: str) -> Held:
    """The term that asks for a scope: one for all rules, so that a caller is asked once."""
    return Held(name)


def limit(rule: ColumnElement[Any], scopes: Mapping[str, ColumnElement[Any]]) -> ColumnElement[Any]:
    """A rule that holds for keys only as far as one of their scopes goes, and for everybody else as it is.

    Arguments:
        rule: woven, and narrowed to the caller's tenant.
        scopes: by name, what each lets a key do of what the rule lets its owner do; woven, too.
    """
    # SQLAlchemy makes FALSE of a scope AND FALSE, which would let every key ask for no rows.
    ways = [sa.and_(held(name), each) for name, each in scopes.items() if not isinstance(each, sa.False_)]
    return sa.and_(sa.or_(held(EVERY_SCOPE), *ways), rule)


@compiles(Held)
def _spell(element: Held, compiler: SQLCompiler, **options: Any) -> str:
    """By name, for people; nobody's where a rule was not folded."""
    if compiler.dialect.name == "default":
        return f"scope({element.name})"
    return str(compiler.process(sa.false(), **options))
