"""``Prefer: timezone``: moments shown and read in a zone, on both databases as PostgreSQL does it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import available_timezones

import asyncpg
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from backstay import Backstay, anyone
from backstay.schema.kind.zone import clock_in, find_zone, json_in, moment_of, text_in
from behaviour.door import Answer, Door

NEW_YORK = "timezone=America/New_York"


class Base(DeclarativeBase): ...


class Trip(Base):
    __tablename__ = "trips"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    starts: Mapped[datetime | None] = mapped_column(sa.DateTime(timezone=True))
    stops: Mapped[list[datetime] | None] = mapped_column(sa.ARRAY(sa.DateTime(timezone=True)))
    clock: Mapped[datetime | None] = mapped_column(sa.DateTime)
    legs: Mapped[list[Leg]] = relationship(back_populates="trip", order_by="Leg.at")


class Leg(Base):
    __tablename__ = "legs"

    at: Mapped[datetime] = mapped_column(sa.DateTime(timezone=True), primary_key=True)
    trip_id: Mapped[int] = mapped_column(sa.ForeignKey(Trip.id))
    trip: Mapped[Trip] = relationship(back_populates="legs")


class Hooked(Base):
    __tablename__ = "hooked"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(sa.DateTime(timezone=True))
    day: Mapped[Any] = mapped_column(sa.Date, server_default=sa.func.current_date())


async def first_trip(session: AsyncSession) -> Trip:
    """Answer a row."""
    return (await session.scalars(sa.select(Trip).order_by(Trip.id).limit(1))).one()


async def trips(session: AsyncSession) -> list[Trip]:
    """Answer rows."""
    return list(await session.scalars(sa.select(Trip).order_by(Trip.id)))


async def later(session: AsyncSession, than: datetime) -> dict[str, Any]:
    """Answer a moment, in lists and objects."""
    return {"then": [than + timedelta(hours=1)], "clock": datetime(2024, 1, 1)}


def build(url: str) -> Backstay:
    app = Backstay(url)
    app.resource(Trip, select=anyone, write=anyone)
    app.resource(Leg, select=anyone, write=anyone)
    hooked = app.resource(Hooked, select=anyone, write=anyone)

    @hooked.before_insert
    async def before(session: AsyncSession, row: Hooked) -> None:
        row.at += timedelta(minutes=1)

    for function in (first_trip, trips, later):
        app.function(function)
    app.configure(aggregates=True)
    return app


async def fill(app: Backstay) -> None:
    from backstay import system

    async with app.session(system) as session:
        await session.run_sync(lambda sync: Base.metadata.create_all(sync.connection()))
        await session.execute(sa.text(
            "INSERT INTO trips (id, name, starts, clock) VALUES "
            "(1, '2024-07-01 12:00', '2024-03-10T06:59:59.5+00:00', '2024-03-10T02:30:00'), (2, 'x', NULL, NULL)"
        ))  # fmt: skip


@pytest.fixture(scope="module")
def module_trips(module_database_url: str) -> Iterator[Door]:
    with Door(build(module_database_url), fill) as door:
        yield door


@pytest.fixture
def door(module_trips: Door) -> Door:
    for leg in module_trips.rows("/legs?select=at"):
        module_trips.ask("DELETE", f"/legs?at=eq.{leg['at'].replace('+', '%2B')}")
    module_trips.ask("DELETE", "/trips?id=gt.2")
    module_trips.ask("DELETE", "/hooked?id=gt.0")
    return module_trips


def ask(door: Door, method: str, url: str, body: Any = None, prefer: str = NEW_YORK, **headers: str) -> Answer:
    return door.ask(method, url, body, prefer=prefer, **headers)


def shown(door: Door, url: str, prefer: str = NEW_YORK) -> Any:
    answer = ask(door, "GET", url, prefer=prefer)
    assert answer.status == 200, answer.body
    return answer.json


def test_columns_are_shown_in_the_zone_and_the_answer_says_so(door: Door) -> None:
    answer = ask(door, "GET", "/trips?select=starts,clock&order=id")
    assert answer.json == [
        {"starts": "2024-03-10T01:59:59.5-05:00", "clock": "2024-03-10T02:30:00"},
        {"starts": None, "clock": None},
    ]
    assert answer.applied == NEW_YORK
    assert door.rows("/trips?select=starts&id=eq.1") == [{"starts": "2024-03-10T06:59:59.5+00:00"}]


def test_casts_are_as_in_the_zone(door: Door) -> None:
    select = "text:starts::text,day:starts::date,time:starts::time,plain:starts::timestamp,same:starts::timestamptz"
    assert shown(door, f"/trips?select={select},at:clock::timestamptz,named:name::timestamptz&id=eq.1") == [
        {
            "text": "2024-03-10 01:59:59.5-05",
            "day": "2024-03-10",
            "time": "01:59:59.5",
            "plain": "2024-03-10T01:59:59.5",
            "same": "2024-03-10T01:59:59.5-05:00",
            "at": "2024-03-10T03:30:00-04:00",
            "named": "2024-07-01T12:00:00-04:00",
        }
    ]


def test_times_of_day_have_the_offset_of_the_zone(door: Door) -> None:
    select = "at:starts::timetz,named:name::timetz"
    assert shown(door, f"/trips?select={select}&id=eq.1", "timezone=Asia/Kathmandu") == [
        {"at": "12:44:59.5+05:45", "named": "12:00:00+05:45"}
    ]


def test_filters_are_read_in_the_zone(door: Door) -> None:
    for literal in ("2024-03-10T01:59:59.5", "2024-03-10 06:59:59.5Z", "2024-03-10T07:59:59.5%2B01"):
        for value in (f"eq.{literal}", f'in.("{literal}")', f'gte(all).{{"{literal}"}}', f"not.neq.{literal}"):
            assert shown(door, f"/trips?select=id&starts={value}") == [{"id": 1}], value
        assert shown(door, f'/trips?select=id&or=(starts.eq."{literal}",id.eq.9)') == [{"id": 1}]
    assert shown(door, "/trips?select=id&clock=eq.2024-03-10T02:30:00") == [{"id": 1}]


def test_payloads_are_read_and_answered_in_the_zone(door: Door) -> None:
    rows = [
        {"id": 3, "name": "gap", "starts": "2024-03-10T02:30:00", "stops": ["2024-07-01T12:00:00", None]},
        {"id": 4, "name": "twice", "starts": "2024-11-03 01:30", "stops": []},
        {"id": 5, "name": "zoned", "starts": "2024-11-03T01:30:00+00:00", "stops": None},
    ]
    answer = ask(door, "POST", "/trips?select=id,starts,stops", rows, prefer=f"return=representation, {NEW_YORK}")
    assert (answer.status, answer.applied) == (201, f"return=representation, {NEW_YORK}")
    assert answer.json == [
        {"id": 3, "starts": "2024-03-10T03:30:00-04:00", "stops": ["2024-07-01T12:00:00-04:00", None]},
        {"id": 4, "starts": "2024-11-03T01:30:00-05:00", "stops": []},
        {"id": 5, "starts": "2024-11-02T21:30:00-04:00", "stops": None},
    ]
    assert shown(door, "/trips?select=stop:stops->0,text:stops->>0,all:stops::text&id=eq.3") == [
        {
            "stop": "2024-07-01T12:00:00-04:00",
            "text": "2024-07-01T12:00:00-04:00",
            "all": '{"2024-07-01 12:00:00-04",NULL}',
        }
    ]
    prefer = f"return=representation, {NEW_YORK}"
    changed = ask(door, "PATCH", "/trips?id=eq.5&select=starts", {"starts": "2024-01-01"}, prefer)
    assert changed.json == [{"starts": "2024-01-01T00:00:00-05:00"}]
    assert door.rows("/trips?select=starts&id=eq.5") == [{"starts": "2024-01-01T05:00:00+00:00"}]
    merged = ask(door, "POST", "/trips?select=starts", {"id": 5, "name": "x", "starts": "2024-06-01"},
                 f"resolution=merge-duplicates, return=representation, {NEW_YORK}")  # fmt: skip
    assert merged.json == [{"starts": "2024-06-01T00:00:00-04:00"}]
    gone = ask(door, "DELETE", "/trips?id=eq.5&select=starts", prefer=f"return=representation, {NEW_YORK}")
    assert gone.json == [{"starts": "2024-06-01T00:00:00-04:00"}]


def test_embeds_spreads_aggregates_and_orders_follow(door: Door) -> None:
    legs = [{"at": "2024-07-01T12:00:00", "trip_id": 1}, {"at": "2024-12-01T12:00:00", "trip_id": 1}]
    assert ask(door, "POST", "/legs", legs).status == 201
    assert shown(door, "/trips?select=legs(at),...legs(ats:at)&id=eq.1&legs.order=at") == [
        {
            "legs": [{"at": "2024-07-01T12:00:00-04:00"}, {"at": "2024-12-01T12:00:00-05:00"}],
            "ats": ["2024-07-01T12:00:00-04:00", "2024-12-01T12:00:00-05:00"],
        }
    ]
    assert shown(door, "/legs?select=at.max(),...trips(starts)") == [
        {"max": "2024-12-01T12:00:00-05:00", "starts": "2024-03-10T01:59:59.5-05:00"}
    ]
    assert shown(door, "/legs?select=day:at::date,at.min()&at=lt.2024-07-02") == [
        {"day": "2024-07-01", "min": "2024-07-01T12:00:00-04:00"}
    ]


def test_functions_of_the_program_follow(door: Door) -> None:
    row = shown(door, "/rpc/first_trip")
    assert row["starts"] == "2024-03-10T01:59:59.5-05:00"
    assert shown(door, "/rpc/trips?select=starts&id=eq.1") == [{"starts": "2024-03-10T01:59:59.5-05:00"}]
    assert shown(door, "/rpc/later?than=2024-07-01T12:00:00") == {
        "then": ["2024-07-01T13:00:00-04:00"], "clock": "2024-01-01T00:00:00",
    }  # fmt: skip
    posted = ask(door, "POST", "/rpc/later", {"than": "2024-07-01T12:00:00Z"})
    assert posted.json["then"] == ["2024-07-01T09:00:00-04:00"]


def test_hooks_see_utc_and_their_answer_is_in_the_zone(door: Door) -> None:
    answer = ask(door, "POST", "/hooked?select=at", {"id": 1, "at": "2024-07-01T12:00:00"},
                 prefer=f"return=representation, {NEW_YORK}")  # fmt: skip
    assert answer.json == [{"at": "2024-07-01T12:01:00-04:00"}]


def test_what_the_database_fills_in_does_not_hang_on_where_the_caller_is(door: Door) -> None:
    for number, zone in enumerate(("Pacific/Kiritimati", "Etc/GMT+12"), 1):
        ask(door, "POST", "/hooked", {"id": number, "at": "2024-07-01"}, prefer=f"timezone={zone}")
    days = {row["day"] for row in door.rows("/hooked?select=day")}
    assert len(days) == 1


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        ("europe/BERLIN", "07:59:59.5+01:00"),
        ("-3", "03:59:59.5-03:00"),
        ("+05:30", "01:29:59.5-05:30"),
        ("UTC", "06:59:59.5+00:00"),
    ],
)
def test_a_zone_is_a_name_or_an_offset_as_postgresql_reads_it(door: Door, zone: str, expected: str) -> None:
    answer = ask(door, "GET", "/trips?select=starts&id=eq.1", prefer=f"timezone={zone}")
    assert answer.json == [{"starts": f"2024-03-10T{expected}"}]
    assert answer.applied == f"timezone={zone}"


@pytest.mark.parametrize("handling", ["", "handling=lenient, ", "handling=strict, "])
def test_an_unknown_zone_is_refused_whatever_the_handling(door: Door, handling: str) -> None:
    row = {"id": 9, "name": "x"}
    for method, url, body in (("GET", "/trips", None), ("POST", "/trips", row), ("GET", "/rpc/trips", None)):
        answer = ask(door, method, url, body, prefer=f"{handling}timezone=Jupiter/Red_Spot")
        assert answer.status == 400
        assert answer.json == {
            "code": "22023",
            "message": 'invalid value for parameter "TimeZone": "Jupiter/Red_Spot"',
            "details": None,
            "hint": None,
        }
    assert door.rows("/trips?id=eq.9") == []


def test_the_first_zone_counts_and_comes_back_in_its_place(door: Door) -> None:
    prefer = "max-affected=5, timezone=UTC, timezone=Europe/Berlin, handling=strict, return=representation, count=exact"
    answer = ask(door, "PATCH", "/trips?id=eq.2", {"name": "y"}, prefer=prefer)
    assert answer.applied == "return=representation, count=exact, handling=strict, timezone=UTC, max-affected=5"


# As PostgreSQL has it ----------------------------------------------------------------------------------------

COMPARED = """
SELECT x, to_json((x || '+00')::timestamptz) #>> '{}', (x || '+00')::timestamptz::text,
  to_json((x || '+00')::timestamptz::timestamp) #>> '{}',
  extract(epoch FROM x::timestamp::timestamptz)::numeric::text
FROM unnest($1::text[]) x
"""
FIRST, LAST = datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999999)


def some_moments(random: Random) -> list[str]:
    microsecond = timedelta(microseconds=1)
    far = [FIRST + microsecond * random.randrange((LAST - FIRST) // microsecond) for _ in range(6)]
    near = [datetime(1850, 1, 1) + timedelta(minutes=30) * random.randrange(48 * 365 * 200) for _ in range(40)]
    edges = [datetime(2024, 3, 31, 2, 30), datetime(2024, 10, 27, 2, 30), datetime(2037, 12, 31), datetime(2500, 7, 1)]
    texts = [each.isoformat() for each in (*far, *near, *edges)]
    return [text.rstrip("0") if "." in text else text for text in texts]


def test_zones_are_those_of_postgresql(postgresql_url: str) -> None:
    random = Random(7)
    names = [*random.sample(sorted(available_timezones()), 40), "Europe/Dublin", "Africa/Monrovia", "America/St_Johns"]

    async def compare() -> None:
        connection = await asyncpg.connect(postgresql_url)
        try:
            for name in (*names, "-3", "5.75", "+05:30", "UTC-9", "AB3", "EST5EDT"):
                zone = find_zone(name)
                assert zone is not None
                await connection.fetch("SELECT set_config('TimeZone', $1, false)", name)
                known = await connection.fetchval("SELECT current_setting('TimeZone')")
                assert known == zone.name or zone.rules is None
                for moment, *shown, epoch in await connection.fetch(COMPARED, some_moments(random)):
                    told = f"{moment}+00:00"
                    assert [json_in(told, zone), text_in(told, zone), clock_in(told, zone)] == shown, name
                    clock = datetime.fromisoformat(moment)
                    if clock.year in (1, 9999):
                        continue
                    ours = moment_of(clock, zone) - datetime(1970, 1, 1)
                    assert f"{ours / timedelta(seconds=1):.3f}" == f"{float(epoch):.3f}", (name, moment)
        finally:
            await connection.close()

    asyncio.run(compare())


def test_a_clock_may_show_a_year_before_christ(door: Door) -> None:
    ask(door, "POST", "/trips", {"id": 7, "name": "x", "starts": "0001-01-01T00:00:00Z"})
    select = "starts,text:starts::text,day:starts::date,time:starts::time,plain:starts::timestamp"
    assert shown(door, f"/trips?select={select}&id=eq.7") == [
        {
            "starts": "0001-12-31T19:03:58-04:56:02 BC",
            "text": "0001-12-31 19:03:58-04:56:02 BC",
            "day": "0001-12-31 BC",
            "time": "19:03:58",
            "plain": "0001-12-31T19:03:58 BC",
        }
    ]
