"""Indexes that are advised: each is declared as the advice says, and the database's own plan is seen to use it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
import sqlalchemy as sa

from backstay import Backstay
from backstay.dialects.connect import Engine, connect
from backstay.dialects.dialect import Explaining, Statement
from backstay.dialects.execute import opening
from backstay.dialects.migrate.run import run
from backstay.dialects.profile.advise import Advice, advise
from backstay.dialects.profile.uses import Use, read_uses
from backstay.dialects.road import Road
from backstay.dialects.sql.searches import create_statements, drop_statements
from backstay.frontends.http import Request
from backstay.frontends.rest.parse import parse
from backstay.query.nodes import Delete, Insert, Select, Update
from backstay.schema.caller import SERVICE, Caller, Role
from backstay.schema.declaration import search_of
from fixtures import depot


@dataclass
class Depot:
    """The application on a filled database, and the plans that the database has for requests."""

    url: str
    app: Backstay
    engine: Engine
    road: Road
    runner: asyncio.Runner

    @property
    def postgresql(self) -> bool:
        return self.engine.database.features.inverted_indexes

    def look(self, asked: str, caller: Caller) -> tuple[tuple[Use, ...], tuple[Advice, ...]]:
        """What the database does to answer a request, and what is advised."""
        method, _, target = asked.rpartition(" ")
        path, _, query = target.partition("?")
        body = b'{"grams": 5}' if method == "PATCH" else b""
        headers = {"content-type": "application/json"}
        found = parse(Request(method or "GET", f"/{path}", query, headers, body), self.app.settings).query
        assert isinstance(found, Select | Insert | Update | Delete)
        compiled, values = self.road.cache.find(found, caller)
        if isinstance(compiled, Statement):
            text, parameters = compiled.text, compiled.bind(values, caller)
        else:
            change = opening(compiled, values, caller)
            assert change is not None
            text, parameters = change
        database, how = self.engine.database, Explaining(document=True)

        async def explained() -> str:
            await database.fetch("SELECT 1 FROM depots LIMIT 1", [], ())  # SQLite sees new indexes when it reads
            return database.explained(await database.fetch(database.explaining(text, how), parameters, ()), how)

        uses = read_uses(self.runner.run(explained()))
        return uses, advise(self.road.cache.plan(found, caller), uses, database.features)

    def execute(self, *statements: Any) -> None:
        """Change the database."""

        def work(connection: sa.Connection) -> None:
            for statement in statements:
                connection.execute(sa.text(statement) if isinstance(statement, str) else statement)

        self.runner.run(run(self.url, work, writing=True))


@pytest.fixture(scope="module")
def yard(module_database_url: str) -> Iterator[Depot]:
    app = depot.build(module_database_url)
    engine = connect(module_database_url, settings=app.settings, metadata=app.schema.metadata)
    with asyncio.Runner() as runner:
        runner.run(depot.fill(module_database_url))
        runner.run(engine.database.start())
        yield Depot(module_database_url, app, engine, Road(app.schema, engine, app.settings), runner)
        runner.run(engine.database.close())


USER = Caller(id=str(depot.user(7)), claims={"sub": str(depot.user(7))}, role=Role.AUTHENTICATED)
WORDS = {"Index": sa.Index, "text": sa.text, "func": sa.func, "Parcel": depot.Parcel}


def declared(table: str, *columns: str) -> str:
    names = ", ".join(f'"{column}"' for column in columns)
    return f'Index("ix_{table}_{"_".join(columns)}", {names})'


@pytest.mark.parametrize(
    ("asked", "advised"),
    [
        # One value
        ("parcels?street=eq.Street_5", declared("parcels", "street")),
        ("parcels?street=eq.Street_5&city=eq.City_3", declared("parcels", "street", "city")),
        ("parcels?owner_id=eq.00000000-0000-0000-0000-000000000005", declared("parcels", "owner_id")),
        ("parcels?sent_at=is.null&street=eq.Street_9", declared("parcels", "sent_at", "street")),
        ("parcels?and=(street.eq.Street_5,and(status.eq.LOST))", declared("parcels", "street", "status")),
        ("parcels?status=eq.LOST", declared("parcels", "status")),
        # Several values, ranges
        ("parcels?street=in.(Street_5,Street_6)", declared("parcels", "street")),
        ("parcels?city=eq.City_3&street=in.(Street_5,Street_6)", declared("parcels", "city", "street")),
        ("parcels?grams=gt.999900", declared("parcels", "grams")),
        ("parcels?grams=gte.100&grams=lt.200", declared("parcels", "grams")),
        ("parcels?city=eq.City_3&grams=lt.9000", declared("parcels", "city", "grams")),
        # An order, and a page
        ("parcels?order=sent_at.desc&limit=20", declared("parcels", "sent_at")),
        ("parcels?order=grams&limit=20", declared("parcels", "grams")),
        ("parcels?order=grams.desc.nullslast&limit=20", declared("parcels", "grams")),
        ("parcels?order=city,street&limit=20", declared("parcels", "city", "street")),
        ("parcels?order=city.desc,grams.desc&limit=20", declared("parcels", "city", "grams")),
        ("parcels?city=eq.City_3&order=sent_at.desc,id&limit=20", declared("parcels", "city", "sent_at")),
        ("parcels?city=eq.City_3&status=eq.SENT&order=grams&limit=5", declared("parcels", "city", "status", "grams")),
        # Related rows
        ("parcels?select=id,scans(id)&id=eq.77", declared("scans", "parcel_id")),
        ("depots?select=id,parcels(id)&id=eq.7", declared("parcels", "depot_id")),
        (
            "parcels?select=id,scans(machine)&id=eq.77&scans.order=seen_at.desc&scans.limit=1",
            declared("scans", "parcel_id", "seen_at"),
        ),
        (
            "parcels?select=id,scans(id)&id=eq.77&scans.machine=eq.7",
            declared("scans", "parcel_id", "machine"),
        ),
        ("parcels?select=id,scans!inner(id)&id=lt.20", declared("scans", "parcel_id")),
        # Changes
        ("PATCH parcels?street=eq.Street_5", declared("parcels", "street")),
        ("DELETE parcels?city=eq.City_3&grams=lt.900", declared("parcels", "city", "grams")),
    ],
)
def test_an_index_that_is_advised_is_used(yard: Depot, asked: str, advised: str) -> None:
    check(yard, asked, SERVICE, advised)


@pytest.mark.parametrize(
    ("asked", "advised"),
    [
        ("letters", declared("letters", "owner_id")),
        ("letters?order=written_at.desc&limit=5", declared("letters", "owner_id", "written_at")),
        ("machines?id=lt.30", declared("stands", "machine_id", "depot_id")),
    ],
)
def test_columns_that_rules_compare_with_the_caller_are_indexed(yard: Depot, asked: str, advised: str) -> None:
    check(yard, asked, USER, advised)


def test_each_side_of_an_or_needs_an_index(yard: Depot) -> None:
    wanted = [declared("memos", "owner_id"), declared("memos", "other_id")]
    check(yard, "memos", USER, *wanted)
    street = declared("parcels", "street")
    check(
        yard,
        "parcels?or=(street.eq.Street_5,owner_id.eq.00000000-0000-0000-0000-000000000005)",
        SERVICE,
        street,
        declared("parcels", "owner_id"),
    )


@pytest.mark.parametrize(
    ("asked", "advised"),
    [
        (
            "parcels?label=ilike.*lamp_0001*",
            'Index("ix_parcels_label_trgm", "label", postgresql_using="gin", postgresql_ops={"label": "gin_trgm_ops"})',
        ),
        ("parcels?tags=cs.{tag7}", 'Index("ix_parcels_tags", "tags", postgresql_using="gin")'),
        ("parcels?tags=ov.{tag7,tag9}", 'Index("ix_parcels_tags", "tags", postgresql_using="gin")'),
        ('parcels?data=cs.{"batch":7}', 'Index("ix_parcels_data", "data", postgresql_using="gin")'),
        (
            "parcels?label=fts(german).lamp_000017",
            'Index("ix_parcels_label_german", func.to_tsvector(text("\'german\'"), Parcel.label), '
            'postgresql_using="gin")',
        ),
        (
            "parcels?order=sent_at.desc.nullslast&limit=9",
            'Index("ix_parcels_sent_at", text("sent_at DESC NULLS LAST"))',
        ),
        (
            "parcels?city=eq.City_3&order=sent_at.asc.nullsfirst&limit=9",
            'Index("ix_parcels_city_sent_at", "city", text("sent_at ASC NULLS FIRST"))',
        ),
    ],
)
def test_indexes_that_only_postgresql_has(yard: Depot, asked: str, advised: str) -> None:
    if not yard.postgresql:
        assert all("postgresql" not in each.declaration for each in yard.look(asked, SERVICE)[1])
        assert all("NULLS" not in each.declaration for each in yard.look(asked, SERVICE)[1])
        return
    yard.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    check(yard, asked, SERVICE, advised)


def check(yard: Depot, asked: str, caller: Caller, *advised: str) -> None:
    """Look, declare what is advised, look again."""
    _, advice = yard.look(asked, caller)
    assert [each.declaration for each in advice] == list(advised)
    indexes: list[sa.Index] = [eval(each.declaration, WORDS) for each in advice]
    tables = [each.table for each in advice]
    try:
        for index, table in zip(indexes, tables, strict=True):
            if index.table is None:
                index._set_parent_with_dispatch(table)  # what stands in __table_args__ comes to this
        yard.execute(*map(sa.schema.CreateIndex, indexes), *(f"ANALYZE {table.name}" for table in tables))
        uses, left = yard.look(asked, caller)
        used = " ".join(use.index or "" for use in uses)
        assert [index.name for index in indexes if str(index.name) not in used] == [], uses
        assert left == ()
    finally:
        yard.execute(*(f"DROP INDEX IF EXISTS {index.name}" for index in indexes))
        for index, table in zip(indexes, tables, strict=True):
            table.indexes.discard(index)


def test_words_are_found_by_the_index_that_a_resource_declares(yard: Depot) -> None:
    asked = "parcels?label=plfts.lamp_000017"
    _, advice = yard.look(asked, SERVICE)
    assert [(each.place, each.declaration) for each in advice] == [
        ("app.resource(Parcel, ...)", "search=[Parcel.label]")
    ]
    table = depot.Base.metadata.tables["parcels"]
    before, sql = dict(table.info), yard.engine.database.sql
    app = depot.build(yard.url, search=[depot.Parcel.label])
    try:
        schema = app.schema
        search = search_of(table)
        assert search is not None
        yard.execute(*create_statements(sql, table.name, search), f"ANALYZE {table.name}")
        searching = replace(yard, app=app, road=Road(schema, yard.engine, app.settings))
        uses, left = searching.look(asked, SERVICE)
        assert left == ()
        if yard.postgresql:
            assert [use.index for use in uses] == ["ix_parcels_label_search"]
        else:
            assert not any(use.scanned for use in uses if use.name.startswith("parcels")), uses
        yard.execute(*drop_statements(sql, table.name, search.columns))
    finally:
        table.info.clear()
        table.info.update(before)


@pytest.mark.parametrize(
    "asked",
    [
        "parcels",
        "parcels?limit=20",
        "parcels?id=eq.7",
        "parcels?id=eq.7&city=eq.City_3",
        "parcels?order=id&limit=9",
        "parcels?city=neq.City_3",
        "parcels?city=not.eq.City_3",
        "parcels?or=(street.eq.Street_5,grams.neq.7)",
        "parcels?data->>color=eq.lamp",
        "parcels?select=id,depot:depots(name)&id=eq.7",
        "parcels?order=data->>color&limit=9",
        "parcels?order=depot(name)&select=id,depot:depots(name)&limit=2",
        "parcels?order=city",
    ],
)
def test_nothing_is_advised_that_would_not_help(yard: Depot, asked: str) -> None:
    assert yard.look(asked, SERVICE)[1] == ()
