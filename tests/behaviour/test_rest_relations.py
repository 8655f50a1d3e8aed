"""Relations and columns that the program computes: conditions, orders and expressions, under the rules."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from behaviour.door import Door
from fixtures import league


@pytest.fixture(scope="module")
def games(module_database_url: str) -> Iterator[Door]:
    """The league, where callers may aggregate."""
    app = league.build(module_database_url)
    app.configure(aggregates=True)
    with Door(app, league.fill) as door:
        yield door


def names(rows: list[dict[str, Any]], key: str) -> list[list[str]]:
    """The names of the embedded rows, of each row."""
    return [[each["name"] for each in row[key]] for row in rows]


@pytest.mark.parametrize(
    ("relation", "found"),
    [
        # a hidden column is part of the condition; the order is the relationship's
        ("squad", [["Ben", "Ann"], ["Eve"], ["Gus"]]),
        ("players", [["Dan", "Cas", "Ben", "Ann"], ["Eve"], ["Gus"]]),
        # by no foreign key
        ("older", [["Bats"], [], ["Bats", "Owls"]]),
        # through a table, from either side
        ("likes", [["Bats", "Cats"], ["Owls"], []]),
        # no hint means a relation of the program's own
        ("squad!nosuch", [["Ben", "Ann"], ["Eve"], ["Gus"]]),
        # a junction from a table to itself, told by the side
        ("mine:teams!friends_one_id_fkey", [["Bats", "Cats"], ["Owls"], []]),
        ("mine:teams!other_id", [["Bats"], ["Owls"], ["Owls"]]),
        # the table's own name are the rows that refer to it, not those of a junction or of a condition
        ("teams", [["Bats", "Cats"], [], []]),
    ],
)
def test_relation_of_the_program_is_embedded(games: Door, relation: str, found: list[list[str]]) -> None:
    key = relation.partition(":")[0].partition("!")[0]
    order = f"&{key}.order=name" if key in ("mine", "teams") else ""
    assert names(games.rows(f"/teams?select={relation}(name)&order=id{order}"), key) == found


@pytest.mark.parametrize(
    ("query", "found"),
    [
        # of one row the first in its order, and null of none that the caller may see
        (
            "select=name,scorer(name)&order=id",
            [
                {"name": "Owls", "scorer": {"name": "Dan"}},
                {"name": "Bats", "scorer": {"name": "Eve"}},
                {"name": "Cats", "scorer": None},
            ],
        ),
        (
            "select=...scorer(top:name)&order=scorer(goals).desc.nullslast",
            [{"top": "Dan"}, {"top": "Eve"}, {"top": None}],
        ),
        ("select=...scorer(goals.sum())", [{"sum": 10}]),
        ("select=scorer(name)&scorer.order=name&id=eq.1", [{"scorer": {"name": "Ann"}}]),
        ("select=scorer(name)&scorer.name=like.B*&id=eq.1", [{"scorer": {"name": "Ben"}}]),
        # orders, filters, joins, counts, spreads as of any other
        ("select=squad(name)&squad.order=name&id=eq.1", [{"squad": [{"name": "Ann"}, {"name": "Ben"}]}]),
        ("select=name,squad!inner(name)&squad.goals=gt.3", [{"name": "Owls", "squad": [{"name": "Ben"}]}]),
        ("select=name,older()&older=is.null", [{"name": "Bats"}]),
        ("select=squad(count)&id=eq.1", [{"squad": [{"count": 2}]}]),
        ("select=squad(goals.sum())&id=eq.1", [{"squad": [{"sum": 8}]}]),
        ("select=...squad(names:name,goals)&id=eq.1", [{"names": ["Ben", "Ann"], "goals": [5, 3]}]),
        (
            "select=locals(name)&locals.order=name&id=eq.1",
            [{"locals": [{"name": "Ann"}, {"name": "Cas"}, {"name": "Eve"}]}],
        ),
        ("select=squad(name,team(older(name)))&id=eq.2", [{"squad": [{"name": "Eve", "team": {"older": []}}]}]),
        # the rule of a junction holds, whatever the condition says of it
        (
            "select=name,titles(year)&id=lt.3&order=id",
            [{"name": "Owls", "titles": [{"year": 2026}, {"year": 2024}]}, {"name": "Bats", "titles": []}],
        ),
    ],
)
def test_relation_of_the_program_is_asked_as_any_other(games: Door, query: str, found: Any) -> None:
    assert games.rows(f"/teams?{query}") == found


def test_rules_hold_through_relations_of_the_program(games: Door) -> None:
    # Foe has less than no goals, and is seen by the service alone; so is the title of the Bats.
    assert names(games.rows("/teams?select=locals(name)&id=eq.2&locals.order=name"), "locals") == [["Ben"]]
    rows = games.rows("/teams?select=locals(name),titles(year)&id=eq.2&locals.order=name", "service")
    assert rows == [{"locals": [{"name": "Ben"}, {"name": "Foe"}], "titles": [{"year": 2025}]}]


@pytest.mark.parametrize(
    "query", ["select=squad(injured)", "select=squad()&squad.injured=is.true", "select=squad(*,injured.max())"]
)
def test_hidden_column_of_a_condition_is_still_hidden(games: Door, query: str) -> None:
    answer = games.get(f"/teams?{query}", "service")
    assert (answer.status, answer.code) == (400, "42703")


def test_written_rows_embed_relations_of_the_program(games: Door) -> None:
    answer = games.ask(
        "PATCH", "/teams?id=eq.3&select=name,squad(loud),older(name)", {"name": "Lynx"}, prefer="return=representation"
    )
    assert answer.json == [{"name": "Lynx", "squad": [{"loud": "Gus!"}], "older": [{"name": "Bats"}, {"name": "Owls"}]}]
    games.restore(anyway=True)


# Computed columns --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("/players?select=loud&loud=eq.Ann!", [{"loud": "Ann!"}]),
        ("/players?select=id&loud=like.*n!&order=loud.desc", [{"id": 4}, {"id": 2}, {"id": 1}]),
        ("/players?select=id&or=(loud.eq.Ann!,and(loud.gt.G,loud.neq.x))&order=id", [{"id": 1}, {"id": 7}]),
        ("/players?select=shout:loud::varchar&id=eq.1", [{"shout": "Ann!"}]),
        ("/players?select=loud.max(),n:loud.count()", [{"max": "Gus!", "n": 6}]),
        ("/players?select=loud,count()&loud=in.(Ann!)", [{"loud": "Ann!", "count": 1}]),
        ("/teams?select=squad(loud)&squad.loud=neq.Ben!&id=eq.1", [{"squad": [{"loud": "Ann!"}]}]),
        ("/teams?select=...scorer(loud)&id=eq.1", [{"loud": "Dan!"}]),
        ("/teams?select=...squad(loud)&squad.order=loud&id=eq.1", [{"loud": ["Ann!", "Ben!"]}]),
        ("/teams?select=id,scorer()&order=scorer(loud).desc.nullslast", [{"id": 2}, {"id": 1}, {"id": 3}]),
    ],
)
def test_hybrid_is_a_column_everywhere(games: Door, url: str, found: Any) -> None:
    assert games.rows(url) == found
