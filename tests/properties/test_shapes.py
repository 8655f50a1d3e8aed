"""Equal shape, equal statement: values never reach the SQL."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from backstay.dialects.connect import connect
from backstay.dialects.dialect import Statement
from backstay.dialects.road import Road
from backstay.query.nodes import Select
from backstay.query.shape import split
from backstay.schema.caller import SERVICE
from backstay.schema.collect import collect
from backstay.schema.declaration import Asked, Declarations, Resource
from backstay.schema.rule import Place
from oracle.asking import Asking
from oracle.draw import asking
from oracle.models import MODELS, Base, Person
from oracle.run import SETTINGS

SCHEMA = collect(
    Declarations([Resource(model, Asked(), Place(name, 1)) for name, model in MODELS.items()]), user=Person
)
HOSTILE = ["'", "x'; DROP TABLE items; --", '"', "%s", ":p1", "$1", "?", "\\", "NULL", "é\u2028"]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def road(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Road:
    folder: Path = tmp_path_factory.mktemp("shapes")
    url = {"sqlite": f"sqlite:///{folder}/x.db", "postgresql": "postgresql://nobody@localhost/nothing"}[request.param]
    return Road(SCHEMA, connect(url, settings=SETTINGS, metadata=Base.metadata), SETTINGS)


def with_values(node: Any, draw: Any) -> Any:
    """The same node with other values in its slots."""
    if isinstance(node, tuple):
        return tuple(with_values(each, draw) for each in node)
    if not dataclasses.is_dataclass(node) or isinstance(node, type):
        return node
    parts = {}
    for part in dataclasses.fields(node):
        old = getattr(node, part.name)
        parts[part.name] = draw(old) if part.metadata.get("value") else with_values(old, draw)
    return dataclasses.replace(node, **parts)


@pytest.mark.invariant("I19")
@given(asked=st.sampled_from(["items", "boxes", "people"]).flatmap(asking), data=st.data())
def test_queries_of_one_shape_have_one_statement(road: Road, asked: Asking, data: st.DataObject) -> None:
    def draw(old: Any) -> Any:
        if isinstance(old, str):
            return data.draw(st.sampled_from(HOSTILE))
        if isinstance(old, tuple):
            return tuple(data.draw(st.lists(st.sampled_from(HOSTILE), max_size=5)))
        return data.draw(st.integers(0, 10**12)) if isinstance(old, int) else old

    one = asked.node()
    other = with_values(one, draw)
    assert split(one)[0] == split(other)[0]
    assert compile_text(road, one) == compile_text(road, other)


@given(
    one=st.sampled_from(["items", "boxes", "people"]).flatmap(asking),
    other=st.sampled_from(["items", "boxes", "people"]).flatmap(asking),
)
def test_queries_of_two_shapes_have_two_keys(road: Road, one: Asking, other: Asking) -> None:
    assume(compile_text(road, one.node()) != compile_text(road, other.node()))
    assert split(one.node())[0] != split(other.node())[0]


def compile_text(road: Road, query: Select) -> str:
    compiled = road.compile(road.cache.plan(query, SERVICE))
    assert isinstance(compiled, Statement)
    return compiled.text
