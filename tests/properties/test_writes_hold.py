"""After a write by anyone, only rows they may change are changed, and each satisfies its rule (I17).

The same writes are done by plain Python over lists. Every write is rolled back once it was looked at.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backstay import Using
from backstay.dialects.connect import Engine
from backstay.dialects.reply import Reply
from backstay.dialects.road import Road
from backstay.errors import PermissionDenied, RowRefused
from backstay.query.nodes import Delete, Field, Insert, Pick, Select, Update
from backstay.schema.collect import collect
from backstay.schema.declaration import Asked, Declarations, Resource
from backstay.schema.rule import Place
from oracle.asking import Filtering, Tree
from oracle.draw import VALUES, filters, rule
from oracle.logic import Row, Term, World
from oracle.models import MODELS, Person
from oracle.run import ROWS, SETTINGS, caller, open_engine

ROUNDS = 600 if os.environ.get("CI") else 60
COLUMNS = [column for column in VALUES["items"] if column != "id"]


@dataclass(frozen=True)
class Ruled:
    """The rules of the table that is written."""

    select: Term
    insert: Term
    old: Term
    check: Term
    delete: Term


class Undone(Exception):
    def __init__(self, reply: Reply) -> None:
        self.reply = reply


def undo(reply: Reply) -> None:
    raise Undone(reply)


class Ground:
    def __init__(self, urls: list[str]) -> None:
        self.runner = asyncio.Runner()
        self.engines: list[Engine] = [self.runner.run(open_engine(url)) for url in urls]

    def close(self) -> None:
        for engine in self.engines:
            self.runner.run(engine.database.close())
        self.runner.close()

    def write(self, table: str, ruled: Ruled, query: Any, world: World, *, knowing: bool) -> list[Reply | type]:
        """What each database answers: the reply, or the class of the refusal."""
        return [self.runner.run(self._write(engine, table, ruled, query, world, knowing)) for engine in self.engines]

    async def _write(
        self, engine: Engine, table: str, ruled: Ruled, query: Any, world: World, knowing: bool
    ) -> Reply | type:
        model = MODELS[table]
        asked = Asked(
            select=ruled.select.sql(model),
            insert=ruled.insert.sql(model),
            update=Using(ruled.old.sql(model), check=ruled.check.sql(model)),
            delete=ruled.delete.sql(model),
        )
        declared = Declarations([Resource(model, asked, Place(table, 1))])
        road = Road(collect(declared, user=Person), engine, SETTINGS)
        try:
            await road.answer(query, caller(world.me, knowing=knowing), undo)
        except Undone as undone:
            return undone.reply
        except (PermissionDenied, RowRefused) as refusal:
            return type(refusal)
        raise AssertionError("the write was not judged")


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory, module_postgresql_url: str) -> Iterator[Ground]:
    opened = Ground([f"sqlite:///{tmp_path_factory.mktemp('oracle')}/oracle.db", module_postgresql_url])
    yield opened
    opened.close()


def ruled(table: str) -> st.SearchStrategy[Ruled]:
    each = rule(table, 1)
    return st.builds(Ruled, each, each, each, each, each)


def values() -> st.SearchStrategy[Row]:
    """New values of some columns."""
    return st.lists(st.sampled_from(COLUMNS), min_size=1, max_size=3, unique=True).flatmap(
        lambda names: st.fixed_dictionaries(
            {name: st.one_of(st.none(), st.sampled_from(VALUES["items"][name])) for name in names}
        )
    )


def shown(table: str) -> Select:
    return Select(table, items=tuple(Pick(Field(name)) for name in MODELS[table].__table__.columns.keys()))  # noqa: SIM118 - iterating gives columns


def lets_nothing(term: Term, rows: list[Row], world: World) -> bool:
    return not any(term.holds(row, world) is True for row in rows)


def agree(
    answers: list[Reply | type],
    expected: list[Row] | None,
    affected: int,
    *,
    may_be_denied: bool,
) -> None:
    """``expected``: the rows the answer shows; None: the write is refused."""
    for answer in answers:
        if answer is PermissionDenied:
            assert may_be_denied
        elif isinstance(answer, type):
            assert expected is None
        else:
            assert expected is not None
            assert answer.affected == affected
            rows = json.loads(answer.body, parse_float=Decimal)
            assert sorted(map(plain, rows)) == sorted(map(plain, expected))


def plain(row: Row) -> str:
    return repr([(key, str(value) if isinstance(value, Decimal) else value) for key, value in sorted(row.items())])


def changed(world: World, table: str, rows: list[Row]) -> World:
    return World({**world.rows, table: rows}, world.me)


@pytest.mark.invariant("I17")
@pytest.mark.timeout(600)
@settings(max_examples=ROUNDS, suppress_health_check=list(HealthCheck))
@given(
    ruled("items"),
    st.sampled_from([None, *ROWS["people"]]),
    st.lists(filters("items"), max_size=2),
    values(),
    st.booleans(),
)
def test_an_update_changes_what_may_be_changed_to_what_it_may_become(
    ground: Ground, rules: Ruled, who: Any, where: list[Filtering | Tree], row: Row, knowing: bool
) -> None:
    world = World(ROWS, who)
    items = ROWS["items"]
    picked = [
        each["id"]
        for each in items
        if rules.select.holds(each, world) is True
        and rules.old.holds(each, world) is True
        and all(test.holds(each) is True for test in where)
    ]
    after = [{**each, **row} if each["id"] in picked else each for each in items]
    then = changed(world, "items", after)
    written = [each for each in after if each["id"] in picked]
    refused = any(rules.check.holds(each, then) is not True for each in written)
    expected = None if refused else [each for each in written if rules.select.holds(each, then) is True]
    query = Update("items", row=row, columns=tuple(sorted(row)), where=nodes(where), returning=shown("items"))
    agree(
        ground.write("items", rules, query, world, knowing=knowing),
        expected,
        len(written),
        may_be_denied=any(lets_nothing(term, items, world) for term in (rules.select, rules.old))
        or lets_nothing(rules.check, items + after, then),
    )


@pytest.mark.invariant("I17")
@pytest.mark.timeout(600)
@settings(max_examples=ROUNDS, suppress_health_check=list(HealthCheck))
@given(
    ruled("items"), st.sampled_from([None, *ROWS["people"]]), st.lists(values(), min_size=1, max_size=3), st.booleans()
)
def test_an_insert_keeps_only_rows_that_satisfy_their_rule(
    ground: Ground, rules: Ruled, who: Any, drawn: list[Row], knowing: bool
) -> None:
    world = World(ROWS, who)
    names = sorted({name for row in drawn for name in row})
    new = [
        {**dict.fromkeys(COLUMNS), **{name: row.get(name) for name in names}, "id": 100 + number}
        for number, row in enumerate(drawn)
    ]
    then = changed(world, "items", ROWS["items"] + new)
    refused = any(rules.insert.holds(each, then) is not True for each in new)
    expected = None if refused else [each for each in new if rules.select.holds(each, then) is True]
    rows = tuple({name: each[name] for name in ["id", *names]} for each in new)
    query = Insert("items", rows=rows, columns=tuple(sorted(["id", *names])), returning=shown("items"))
    agree(
        ground.write("items", rules, query, world, knowing=knowing),
        expected,
        len(new),
        may_be_denied=any(lets_nothing(term, then.rows["items"], then) for term in (rules.select, rules.insert)),
    )


@pytest.mark.invariant("I17")
@pytest.mark.timeout(600)
@settings(max_examples=ROUNDS, suppress_health_check=list(HealthCheck))
@given(ruled("marks"), st.sampled_from([None, *ROWS["people"]]), st.lists(filters("marks"), max_size=2), st.booleans())
def test_a_delete_takes_only_what_may_be_deleted(
    ground: Ground, rules: Ruled, who: Any, where: list[Filtering | Tree], knowing: bool
) -> None:
    world = World(ROWS, who)
    gone = [
        each
        for each in ROWS["marks"]
        if rules.select.holds(each, world) is True
        and rules.delete.holds(each, world) is True
        and all(test.holds(each) is True for test in where)
    ]
    query = Delete("marks", where=nodes(where), returning=shown("marks"))
    agree(
        ground.write("marks", rules, query, world, knowing=knowing),
        gone,
        len(gone),
        may_be_denied=any(lets_nothing(term, ROWS["marks"], world) for term in (rules.select, rules.delete)),
    )


def nodes(where: list[Filtering | Tree]) -> tuple[Any, ...]:
    return tuple(each.node() for each in where)
