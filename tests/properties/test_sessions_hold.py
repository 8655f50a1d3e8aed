"""For random rows, rules and callers, a session sees exactly what plain Python lets it see, however it asks (I16).

To the code in a session the database holds the visible rows and no others: so every statement must yield what it
would on a database from which the others have been taken out.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased, joinedload, selectinload

from backstay.dialects.connect import Engine
from backstay.dialects.guarded import compiler, guarded_session
from backstay.errors import PermissionDenied
from oracle.asking import Rules
from oracle.draw import rule, rules
from oracle.logic import LINKS, Row, Term, World
from oracle.models import MODELS
from oracle.run import ROWS, caller, open_engine, road_for

CALLERS = [None, *ROWS["people"]]
ROUNDS = 150 if os.environ.get("CI") else 10
TABLES = ["items", "boxes", "people"]

Way = Callable[[AsyncSession, str, Term], Awaitable[Any]]


# Ways of asking for the ids of the rows of a table that satisfy a condition -----------------------------------


async def plainly(db: AsyncSession, table: str, term: Term) -> list[int]:
    model = MODELS[table]
    return list((await db.scalars(select(model.id).where(term.sql(model)))).all())


async def as_objects(db: AsyncSession, table: str, term: Term) -> list[int]:
    model = MODELS[table]
    return [each.id for each in (await db.scalars(select(model).where(term.sql(model)))).all()]


async def by_another_name(db: AsyncSession, table: str, term: Term) -> list[int]:
    other = aliased(MODELS[table])
    return list((await db.scalars(select(other.id).where(term.sql(other)))).all())


async def from_a_sub_select(db: AsyncSession, table: str, term: Term) -> list[int]:
    model = MODELS[table]
    inner = select(model.id).where(term.sql(model)).subquery()
    return list((await db.scalars(select(inner.c.id))).all())


async def among_others(db: AsyncSession, table: str, term: Term) -> list[int]:
    model, other = MODELS[table], aliased(MODELS[table])
    return list((await db.scalars(select(other.id).where(other.id.in_(select(model.id).where(term.sql(model)))))).all())


async def beside_a_table(db: AsyncSession, table: str, term: Term) -> list[int]:
    model, one = MODELS[table], select(sa.literal(1).label("n")).subquery()
    statement = select(model.id).select_from(one).outerjoin(model, term.sql(model))
    return [each for each in (await db.scalars(statement)).all() if each is not None]


async def in_a_full_join(db: AsyncSession, table: str, term: Term) -> list[int]:
    model, other = MODELS[table], aliased(MODELS[table])
    joined = select(model.id).select_from(model).join(other, other.id == model.id, full=True).where(term.sql(model))
    return list((await db.scalars(joined)).all())


async def by_counting(db: AsyncSession, table: str, term: Term) -> list[int]:
    model = MODELS[table]
    statement = select(func.count()).select_from(model).where(term.sql(model))
    count = await db.scalar(statement)
    found = await plainly(db, table, term)
    assert count == len(found)
    return found


WAYS: dict[str, Way] = {
    function.__name__: function
    for function in (
        plainly,
        as_objects,
        by_another_name,
        from_a_sub_select,
        among_others,
        beside_a_table,
        in_a_full_join,
        by_counting,
    )
}


# Relationships -----------------------------------------------------------------------------------------------


async def related(db: AsyncSession, table: str, load: Any) -> dict[tuple[int, str], list[int]]:
    """The ids of the rows that each row's relationships lead to."""
    model = MODELS[table]
    options = [] if load is None else [load(getattr(model, name)) for name in LINKS[table]]
    objects = (await db.scalars(select(model).options(*options))).unique().all()

    def read(_session: Any) -> dict[tuple[int, str], list[int]]:
        found = {}
        for each in objects:
            for name in LINKS[table]:
                value = getattr(each, name)
                some = value if isinstance(value, list) else [] if value is None else [value]
                found[each.id, name] = sorted(one.id for one in some)
        return found

    return await db.run_sync(read)


LOADS = {"lazily": None, "joined": joinedload, "by a second select": selectinload}


# The comparison ----------------------------------------------------------------------------------------------


def visible(world: World, wanted: Rules) -> World:
    """The world as it is for the caller."""
    rows: dict[str, list[Row]] = {}
    for table, each in world.rows.items():
        term = wanted[table]
        rows[table] = [] if term is None else [row for row in each if term.holds(row, world) is True]
    return World(rows, world.me)


class Ground:
    """The databases, and the loop they live in."""

    def __init__(self, urls: list[str]) -> None:
        self.runner = asyncio.Runner()
        self.engines: list[Engine] = [self.runner.run(open_engine(url)) for url in urls]

    def close(self) -> None:
        for engine in self.engines:
            self.runner.run(engine.database.close())
        self.runner.close()

    def compare(
        self,
        wanted: Rules,
        who: Row | None,
        ask: Callable[[AsyncSession], Awaitable[Any]],
        expected: Any,
        knowing: bool,
    ) -> None:
        seen = visible(World(ROWS, who), wanted)
        for engine in self.engines:
            schema = road_for(wanted, engine).schema

            async def run(engine: Engine = engine, schema: Any = schema) -> Any:
                async with guarded_session(schema, engine.database, caller(who, knowing=knowing)) as db:
                    return await ask(db)

            try:
                found = self.runner.run(run())
            except PermissionDenied:
                assert not all(seen.rows.values()), "denied, although every table has rows to be seen"
                continue
            assert (sorted(found) if isinstance(found, list) else found) == expected


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory, module_postgresql_url: str) -> Iterator[Ground]:
    opened = Ground([f"sqlite:///{tmp_path_factory.mktemp('sessions')}/oracle.db", module_postgresql_url])
    yield opened
    opened.close()


def conditions() -> st.SearchStrategy[tuple[str, Term]]:
    return st.sampled_from(TABLES).flatmap(lambda table: st.tuples(st.just(table), rule(table)))


@pytest.mark.invariant("I16")
@pytest.mark.timeout(600)
@pytest.mark.parametrize("way", WAYS)
def test_no_statement_sees_a_row_a_rule_refuses_nor_misses_one_it_lets(ground: Ground, way: str) -> None:
    @settings(max_examples=ROUNDS, suppress_health_check=list(HealthCheck))
    @given(rules(), st.sampled_from(CALLERS), conditions(), st.booleans())
    def agree(wanted: Rules, who: Row | None, asked: tuple[str, Term], knowing: bool) -> None:
        table, term = asked
        world = visible(World(ROWS, who), wanted)
        expected = [row["id"] for row in world.rows[table] if term.holds(row, world) is True]
        ground.compare(wanted, who, lambda db: WAYS[way](db, table, term), expected, knowing)

    agree()


@pytest.mark.invariant("I16")
@pytest.mark.timeout(600)
@pytest.mark.parametrize("load", LOADS)
def test_relationships_lead_to_exactly_the_rows_that_may_be_seen(ground: Ground, load: str) -> None:
    @settings(max_examples=ROUNDS, suppress_health_check=list(HealthCheck))
    @given(rules(), st.sampled_from(CALLERS), st.sampled_from(TABLES), st.booleans())
    def agree(wanted: Rules, who: Row | None, table: str, knowing: bool) -> None:
        world = visible(World(ROWS, who), wanted)
        expected = {
            (row["id"], name): sorted(each["id"] for each in link.follow(row, world.rows))
            for row in world.rows[table]
            for name, link in LINKS[table].items()
        }
        ground.compare(wanted, who, lambda db: related(db, table, LOADS[load]), expected, knowing)

    agree()


# Broken guards -----------------------------------------------------------------------------------------------


def forget_where(original: Any) -> Any:
    def compose(self: Any, text: str, select: Any, *rest: Any) -> Any:
        with self._bared([leaf for source in rest[2] for leaf in compiler._kept(source)]):
            return super(compiler.GuardedCompiler, self)._compose_select_body(text, select, *rest)

    return compose


def forget_on(original: Any) -> Any:
    def visit_join(self: Any, join: Any, **kw: Any) -> Any:
        with self._bared(self.bare.union(compiler._kept(join.right))):
            return super(compiler.GuardedCompiler, self).visit_join(join, **kw)

    return visit_join


def forget_tables(original: Any) -> Any:
    def visit_table(self: Any, table: Any, **kw: Any) -> Any:
        return super(compiler.GuardedCompiler, self).visit_table(table, **kw)

    return visit_table


BROKEN = {
    "the rule is left out of WHERE": (compiler.GuardedCompiler, "_compose_select_body", forget_where, plainly),
    "the rule is left out of ON": (compiler.GuardedCompiler, "visit_join", forget_on, beside_a_table),
    "a full join reads the table itself": (compiler.GuardedCompiler, "visit_table", forget_tables, in_a_full_join),
}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_guard_is_caught(ground: Ground, fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    owner, name, breaking, way = BROKEN[fault]
    monkeypatch.setattr(owner, name, breaking(getattr(owner, name)))

    @settings(
        max_examples=200,
        phases=[Phase.generate],
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(rules(), st.sampled_from(CALLERS), conditions())
    def agree(wanted: Rules, who: Row | None, asked: tuple[str, Term]) -> None:
        table, term = asked
        world = visible(World(ROWS, who), wanted)
        expected = [row["id"] for row in world.rows[table] if term.holds(row, world) is True]
        ground.compare(wanted, who, lambda db: way(db, table, term), expected, True)

    with pytest.raises(AssertionError):
        agree()
