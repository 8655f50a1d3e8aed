"""Joins in an order that SQLite keeps."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import FromClause
from sqlalchemy.sql.selectable import Join


class LeadingJoin(Join):
    """``first CROSS JOIN then``: SQLite goes through the rows of ``first``, and looks for those of ``then``.

    What makes rows belong together is said in the statement's WHERE.
    """

    inherit_cache = True

    def __init__(self, first: FromClause, then: FromClause) -> None:
        super().__init__(first, then, sa.true())


@compiles(LeadingJoin)
def _spell(join: LeadingJoin, compiler: Any, **options: Any) -> str:
    sides = [compiler.process(side, **{**options, "asfrom": True}) for side in (join.left, join.right)]
    return " CROSS JOIN ".join(sides)
