"""For random rows, rules, callers and queries, Backstay answers exactly what plain Python would (I16).

A pair is a query under a set of rules, and a caller; each is asked on both databases. In CI there are 20,000 of them.
The guard is then broken on purpose, in the ways that guards have been broken before: the same test must see each.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from sqlalchemy.sql import operators
from sqlalchemy.sql.elements import BooleanClauseList

from backstay.dialects.connect import Engine
from backstay.dialects.sql import Emission
from backstay.plan import fold
from backstay.plan.resolved import Branch, Rows, Source
from lengths import nothing_is_short
from oracle.asking import Asking, Rules
from oracle.draw import asking, negations, rules, rules_of_links
from oracle.logic import World
from oracle.run import ROWS, disagreement, open_engine, road_for

CALLERS = [None, *ROWS["people"]]
ROUNDS, QUERIES, WHO = (27, 25, 3) if os.environ.get("CI") else (6, 3, 2)
PARTS = (1, 2)
"""Each by itself, so that several processes can share them."""
TABLES = {"items": ["items"], "boxes": ["boxes"], "people": ["people"], "mixed": ["items", "boxes", "people"]}


class Ground:
    """The databases the questions are asked on, and the loop they are asked in."""

    def __init__(self, urls: list[str]) -> None:
        self.runner = asyncio.Runner()
        self.engines: list[Engine] = [self.runner.run(open_engine(url)) for url in urls]

    def close(self) -> None:
        for engine in self.engines:
            self.runner.run(engine.database.close())
        self.runner.close()

    def compare(self, wanted: Rules, callers: list[Any], asked: list[Asking], *, knowing: bool) -> None:
        worlds = [World(ROWS, who) for who in callers]
        for engine in self.engines:
            road = road_for(wanted, engine)
            for each in asked:
                for world in worlds:
                    assert self.runner.run(disagreement(road, each, world, wanted, knowing=knowing)) is None


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory, module_postgresql_url: str) -> Iterator[Ground]:
    opened = Ground([f"sqlite:///{tmp_path_factory.mktemp('oracle')}/oracle.db", module_postgresql_url])
    yield opened
    opened.close()


def questions(tables: list[str], count: int) -> st.SearchStrategy[list[Asking]]:
    # Deep ones take long to compile, and find no more than shallow ones: one of four is enough.
    each = st.tuples(st.sampled_from(tables), st.sampled_from([1, 1, 1, 2])).flatmap(lambda drawn: asking(*drawn))
    return st.lists(each, min_size=count, max_size=count)


@pytest.mark.invariant("I16")
@pytest.mark.timeout(900)
@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("table", TABLES)
def test_no_caller_gets_a_row_a_rule_refuses_nor_misses_one_it_lets(ground: Ground, table: str, part: int) -> None:
    @seed(part)
    @settings(max_examples=ROUNDS, suppress_health_check=list(HealthCheck))
    @given(rules(), st.permutations(CALLERS), questions(TABLES[table], QUERIES), st.booleans())
    def agree(wanted: Rules, callers: list[Any], asked: list[Asking], knowing: bool) -> None:
        # Several callers of the same questions: what was compiled for one must be right for the other (I19).
        ground.compare(wanted, callers[:WHO], asked, knowing=knowing)

    agree()


@pytest.mark.invariant("I16")
@pytest.mark.timeout(900)
@pytest.mark.parametrize("part", PARTS)
def test_rules_hold_in_answers_that_are_made_row_by_row(
    tmp_path_factory: pytest.TempPathFactory, postgresql_url: str, part: int
) -> None:
    @seed(part)
    @settings(max_examples=ROUNDS, suppress_health_check=list(HealthCheck))
    @given(rules(), st.permutations(CALLERS), questions(TABLES["mixed"], QUERIES), st.booleans())
    def agree(wanted: Rules, callers: list[Any], asked: list[Asking], knowing: bool) -> None:
        ground.compare(wanted, callers[:WHO], asked, knowing=knowing)

    with nothing_is_short(tried=False):
        ground = Ground([f"sqlite:///{tmp_path_factory.mktemp('oracle')}/oracle.db", postgresql_url])
        try:
            agree()
        finally:
            ground.close()


# Broken guards -----------------------------------------------------------------------------------------------


def drop_rule_of_root(original: Any) -> Any:
    return lambda self, source: [] if source.number == 1 else original(self, source)


def drop_rule_of_embeds(original: Any) -> Any:
    return lambda self, source: original(self, source) if source.number == 1 else []


def lose_parentheses(original: Any) -> Any:
    def where(self: Emission, rows: Rows) -> list[Any]:
        found = original(self, rows)
        rule = self.rule(rows.source)
        if len(found) > 1 and rule and isinstance(rule[0], BooleanClauseList) and rule[0].operator is operators.or_:
            first, *rest = rule[0].clauses
            return [sa.or_(first, sa.and_(*rest, *found[1:]))]
        return found  # type: ignore[no-any-return]

    return where


def join_the_wrong_side(original: Any) -> Any:
    def joined(self: Emission, branch: Branch) -> list[Any]:
        origin, target = self.origin_of(branch), self.alias(branch.rows.source)
        if branch.relation.junction is None and all(
            theirs in origin.c and ours in target.c for ours, theirs in branch.relation.pairs
        ):
            return [origin.c[theirs] == target.c[ours] for ours, theirs in branch.relation.pairs]
        return original(self, branch)  # type: ignore[no-any-return]

    return joined


def forget_the_junction(original: Any) -> Any:
    def rule(self: Emission, source: Source) -> list[Any]:
        return [] if source.served.name[1] == "marks" and source.number > 1 else original(self, source)

    return rule


def count_without_the_rule(original: Any) -> Any:
    def total(self: Emission, rows: Rows) -> Any:
        counted = sa.select(sa.func.count()).select_from(self.alias(rows.source))
        return counted.where(*[self.predicate(each) for each in rows.where]).correlate(None).scalar_subquery()

    return total


def take_null_for_false(original: Any) -> Any:
    return lambda rule, answers, *, positive: original(rule, answers, positive=True)


BROKEN: dict[str, tuple[Any, str, Callable[[Any], Any]]] = {
    "the rule of the root is dropped": (Emission, "rule", drop_rule_of_root),
    "the rule of embeds is dropped": (Emission, "rule", drop_rule_of_embeds),
    "an OR loses its parentheses": (Emission, "where", lose_parentheses),
    "a join compares the wrong sides": (Emission, "joined", join_the_wrong_side),
    "the rule of a junction is dropped": (Emission, "rule", forget_the_junction),
    "the total is counted without the rule": (Emission, "total", count_without_the_rule),
    "NULL counts as false under NOT": (fold, "_fold", take_null_for_false),
}


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_guard_is_caught(ground: Ground, fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    owner, name, breaking = BROKEN[fault]
    drawn = negations() if owner is fold else rules_of_links() if breaking is forget_the_junction else rules()
    tables = TABLES["people" if name == "joined" else "mixed"]  # only people are related to themselves
    monkeypatch.setattr(owner, name, breaking(getattr(owner, name)))

    @settings(
        max_examples=400,
        phases=[Phase.generate],
        report_multiple_bugs=False,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(drawn, st.sampled_from(CALLERS), questions(tables, 5), st.booleans())
    def agree(wanted: Rules, who: Any, asked: list[Asking], knowing: bool) -> None:
        ground.compare(wanted, [who], asked, knowing=knowing)

    with pytest.raises(AssertionError):
        agree()
