"""Asking Backstay what the oracle is asked, and comparing."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from backstay.dialects.connect import Engine, connect
from backstay.dialects.road import Road
from backstay.errors import PermissionDenied
from backstay.schema.caller import ANONYMOUS, Caller, Role
from backstay.schema.collect import collect
from backstay.schema.declaration import Asked, Declarations, Resource
from backstay.schema.rule import Place
from backstay.settings import Settings
from oracle.asking import Asking, Rules
from oracle.logic import Term, World
from oracle.models import MODELS, Base, Box, Item, Person, make_rows

QUERIES_PER_RULES = 10
ROWS = make_rows()
SETTINGS = Settings(aggregates=True, search_language="simple")
SEARCHED = {"people": Person.name, "boxes": Box.label, "items": Item.word}
"""What has an index."""


async def open_engine(url: str) -> Engine:
    """A database with the oracle's rows."""
    engine = connect(url, settings=SETTINGS, metadata=Base.metadata)
    await engine.database.start()
    road_for(dict.fromkeys(MODELS), engine)  # says which indexes there are to be
    async with engine.database.session() as session:
        connection = await session.connection()
        await connection.run_sync(Base.metadata.create_all)
        for table in ("people", "boxes", "items", "marks"):
            session.add_all([MODELS[table](**row) for row in ROWS[table]])
            await session.flush()
    return engine


def road_for(rules: Rules, engine: Engine) -> Road:
    """The road under these select rules."""
    declared = Declarations(
        [
            Resource(
                MODELS[table],
                Asked(
                    select=None if rule is None else rule.sql(MODELS[table]),
                    search=[SEARCHED[table]] if table in SEARCHED else [],
                ),
                Place(table, 1),
            )
            for table, rule in rules.items()
        ]
    )
    return Road(collect(declared, user=Person, search_language=SETTINGS.search_language), engine, SETTINGS)


def caller(who: dict[str, Any] | None, *, knowing: bool) -> Caller:
    """The caller who is this person; ``knowing``: their token tells their level and boss."""
    if who is None:
        return ANONYMOUS
    claims = {"level": who["level"], "boss_id": who["boss_id"]} if knowing else {}
    level = World(ROWS, who).attribute("aal")
    if level == 2 or knowing:
        claims["aal"] = f"aal{level}"
    return Caller(str(who["id"]), claims, Role.AUTHENTICATED)


async def ask(road: Road, asked: Asking, who: Caller) -> tuple[list[dict[str, Any]], int | None]:
    """What Backstay answers: rows and total."""
    reply = await road.answer(asked.node(), who, lambda reply: None)
    body = reply.body
    if reply.spool is not None:
        body = b"".join([piece async for piece in reply.spool.pieces()])
        reply.spool.close()
    rows = json.loads(body, parse_float=Decimal)
    assert reply.rows == len(rows)
    return rows, reply.total


async def disagreement(road: Road, asked: Asking, world: World, rules: Rules, *, knowing: bool) -> str | None:
    """How Backstay's answer differs from the oracle's; None where they agree."""
    expected, total = asked.answer(world, rules)
    try:
        rows, counted = await ask(road, asked, caller(world.me, knowing=knowing))
    except PermissionDenied:
        return None if may_be_denied(asked, world, rules) else f"denied: {asked}"
    if asked.aggregated:
        expected, rows = (sorted(each, key=repr) for each in (_plain(expected), _plain(rows)))
    if _plain(rows) != _plain(expected):
        return f"{asked}\nexpected {expected}\nanswered {rows}"
    if asked.counted and counted != total:
        return f"{asked}\nexpected a total of {total}, answered {counted}"
    return None


def _plain(value: Any) -> Any:
    """Numbers by value: 2 and 2.00 are one."""
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in sorted(value.items())}
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return str(Decimal(value).normalize() + 0)
    return value


def may_be_denied(asked: Asking, world: World, rules: Rules) -> bool:
    """Whether a table that is read has no rule, or one that lets this caller see no row of any content."""
    return any(_lets_nothing(rules[table], table, world) for table in set(asked.tables()))


def _lets_nothing(rule: Term | None, table: str, world: World) -> bool:
    return rule is None or not any(rule.holds(row, world) is True for row in world.rows[table])
