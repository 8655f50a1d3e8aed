"""Statements that take long are told of: with their shape, the database's plan and the index that would help."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from backstay import Backstay
from backstay.dialects.dialect import Row
from backstay.dialects.profile import slow
from backstay.observe import StatementSlow, describe, subscribe
from backstay.schema.caller import Local
from behaviour.door import SECRET_KEY, Door
from fixtures import depot
from in_time import TRIES

AT_ONCE = timedelta(microseconds=1)


@pytest.fixture(scope="module")
def filled(module_database_url: str) -> str:
    asyncio.run(depot.fill(module_database_url))
    return module_database_url


async def _full(app: Backstay) -> None:
    """The rows are there."""


@pytest.fixture
def opened(filled: str) -> Iterator[Callable[..., Door]]:
    """Opens the application with settings."""
    doors: list[Door] = []

    def open_door(**settings: Any) -> Door:
        app = depot.build(filled)
        app.configure(**settings)
        doors.append(Door(app, _full).__enter__())
        return doors[-1]

    yield open_door
    for door in doors:
        door.__exit__()


@pytest.fixture
def told() -> Iterator[list[StatementSlow]]:
    """What was told."""
    found: list[StatementSlow] = []
    end = subscribe(found.append, StatementSlow)
    yield found
    end()


def settle(door: Door) -> None:
    """Wait for what is asked in the background."""
    task = door.app.assembly.road.slow._looking
    if task is not None:
        door.run(asyncio.wait([task]))


def test_a_slow_read_is_told_without_its_values(opened: Callable[..., Door], told: list[StatementSlow]) -> None:
    door = opened(slow_statement=AT_ONCE)
    url = "/parcels?select=id,label,scans(machine)&street=eq.canary&label=ilike.*canary*&order=sent_at.desc&limit=5"
    assert door.get(url, apikey=SECRET_KEY).json == []
    settle(door)
    (slowness,) = told
    assert (slowness.resource, slowness.operation, slowness.rows, slowness.times) == ("parcels", "select", 0, 1)
    assert slowness.shape == (
        "select parcels; columns: id, label; filter: street eq ?; filter: label ilike ?; "
        "order: sent_at desc nulls first; limit: ?; "
        "scans: one-to-many scans by scans_parcel_id_fkey using parcels(id) and scans(parcel_id) (columns: machine)"
    )
    assert 'Parcel.__table_args__: Index("ix_parcels_street_sent_at", "street", "sent_at")' in slowness.index
    assert 'Scan.__table_args__: Index("ix_scans_parcel_id", "parcel_id")' in slowness.index
    assert "parcels" in slowness.plan
    assert "scans" in slowness.plan
    assert slowness.milliseconds > 0
    assert "canary" not in str(describe(slowness))


def test_a_slow_write_is_told(opened: Callable[..., Door], told: list[StatementSlow]) -> None:
    door = opened(slow_statement=AT_ONCE)
    answer = door.ask("PATCH", "/parcels?street=eq.canary", {"label": "canary"}, apikey=SECRET_KEY)
    assert answer.status == 204
    settle(door)
    (slowness,) = told
    assert (slowness.operation, slowness.rows) == ("update", 0)
    assert slowness.shape == "update parcels; columns: label; filter: street eq ?"
    assert slowness.index == 'Parcel.__table_args__: Index("ix_parcels_street", "street")'
    assert "canary" not in str(describe(slowness))


def test_a_statement_is_told_once_in_a_while(
    opened: Callable[..., Door], told: list[StatementSlow], monkeypatch: pytest.MonkeyPatch
) -> None:
    door = opened(slow_statement=AT_ONCE)
    for number in range(5):
        door.get(f"/parcels?street=eq.Street_{number}", apikey=SECRET_KEY)
    settle(door)
    assert [slowness.times for slowness in told] == [1]
    monkeypatch.setattr(slow, "PAUSE", 0.0)
    plan = told[0].plan
    door.get("/parcels?street=eq.Street_9", apikey=SECRET_KEY)
    assert [(slowness.times, slowness.plan) for slowness in told] == [(1, plan), (5, plan)]


def test_nothing_is_told_of_what_is_fast(opened: Callable[..., Door], told: list[StatementSlow]) -> None:
    for limit in (timedelta(0), timedelta(seconds=60)):
        door = opened(slow_statement=limit)
        assert door.get("/parcels?street=eq.Street_5", apikey=SECRET_KEY).status == 200
        assert door.app.assembly.road.slow._known == {}
    assert told == []


def test_small_tables_need_no_index(opened: Callable[..., Door], told: list[StatementSlow]) -> None:
    door = opened(slow_statement=AT_ONCE)
    door.get("/depots?name=eq.Nowhere", apikey=SECRET_KEY)
    settle(door)
    assert [(slowness.resource, slowness.index) for slowness in told] == [("depots", "")]
    assert "depots" in told[0].plan


def test_a_statement_that_was_stopped_is_told(opened: Callable[..., Door], told: list[StatementSlow]) -> None:
    limits = {"slow_statement": timedelta(milliseconds=20), "statement_timeout": timedelta(milliseconds=100)}
    for _ in range(TRIES):
        told.clear()
        door = opened(**limits)
        answer = door.get("/parcels?select=id,scans(id)", apikey=SECRET_KEY)
        assert answer.code == "57014"
        settle(door)
        (slowness,) = told
        assert slowness.milliseconds >= 90
        if slowness.plan:
            break  # which has the same short time
    assert "ix_scans_parcel_id" in slowness.index


class Hanging:
    """A database that never says how it runs a statement."""

    def __init__(self, database: Any) -> None:
        self._database = database
        self.asked = 0

    async def fetch(self, text: str, parameters: Sequence[Any], local: Local = ()) -> list[Row]:
        if text.startswith("EXPLAIN"):
            self.asked += 1
            await asyncio.get_running_loop().create_future()
        found: list[Row] = await self._database.fetch(text, parameters, local)
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)


def test_no_answer_waits_for_the_database_s_plan(opened: Callable[..., Door], told: list[StatementSlow]) -> None:
    door = opened(slow_statement=AT_ONCE)
    road = door.app.assembly.road
    hanging = Hanging(road.engine.database)
    road.engine = replace(road.engine, database=hanging)  # type: ignore[arg-type]
    for column in ("street", "city", "label"):
        assert door.get(f"/parcels?{column}=eq.canary", apikey=SECRET_KEY).json == []
    assert hanging.asked == 1
    # What cannot be looked at just now is told without.
    assert [(slowness.plan, slowness.index) for slowness in told] == [("", ""), ("", "")]
    door.run(road.slow.stop())


def test_what_is_remembered_does_not_grow(opened: Callable[..., Door]) -> None:
    door = opened(slow_statement=AT_ONCE)
    notes = door.app.assembly.road.slow
    for number in range(1000):
        notes.note(object(), (f"SELECT {number}", []), (), 1.0, 0)
    assert len(notes._known) == 200
