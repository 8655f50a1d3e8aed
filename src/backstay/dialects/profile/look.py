"""Asking a database how it runs a statement, and what would help it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from backstay.dialects.dialect import Database, Explaining
from backstay.dialects.profile.advise import Advice, advise
from backstay.dialects.profile.uses import Use, read_uses
from backstay.plan.guard import Plan
from backstay.schema.caller import Local

TINY: Final = 1000
"""Rows of a table that is read whole as fast as by an index."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a database does to run a statement.

    Arguments:
        uses: with each table, in the plan's order.
        advice: the indexes that would help.
    """

    uses: tuple[Use, ...]
    advice: tuple[Advice, ...]


async def look(database: Database, plan: Plan, text: str, parameters: Sequence[Any], local: Local) -> Look:
    """Have the database explain a statement, which is not run.

    Arguments:
        database: where it would run.
        plan: what it was compiled from.
        text, parameters: the statement.
        local: settings of its transaction.

    Raises:
        BackstayError: the database cannot say.
    """
    how = Explaining(document=True)
    rows = await database.fetch(database.explaining(text, how), parameters, local)
    return await judge(database, plan, database.explained(rows, how))


async def judge(database: Database, plan: Plan, document: str) -> Look:
    """What a database's plan comes to.

    Arguments:
        database: whose.
        plan: what the statement was compiled from.
        document: the database's plan, as JSON.
    """
    uses = read_uses(document)
    advice = advise(plan, uses, database.features)
    tables = {each.table.fullname: each.table for each in advice}
    tiny = {name for name, table in tables.items() if await _is_tiny(database, table)}
    return Look(uses, tuple(each for each in advice if each.table.fullname not in tiny))


async def _is_tiny(database: Database, table: sa.Table) -> bool:
    some = sa.select(sa.literal_column("1")).select_from(table).limit(sa.literal_column(str(TINY))).subquery()
    counting = sa.select(sa.func.count()).select_from(some).compile(dialect=database.sql)
    ((count,),) = await database.fetch(str(counting), [], ())
    return bool(count < TINY)
