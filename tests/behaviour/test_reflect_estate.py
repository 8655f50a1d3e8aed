"""A large database of many schemas: it starts soon, and everything in it is served."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import asyncpg
import pytest

from backstay import Backstay, anyone
from backstay.schema.check import check
from behaviour.door import Door
from fixtures import estate

pytestmark = pytest.mark.slow

MOST_SECONDS = 3.0


async def leave(app: Backstay) -> None:
    """The rows are there."""


def build(url: str) -> Backstay:
    app = Backstay(url)
    for space in estate.SCHEMAS:
        app.reflect(schema=space, select=anyone, write=anyone)
    return app


@pytest.fixture(scope="module")
def url(module_postgresql_url: str) -> str:
    async def make() -> None:
        connection = await asyncpg.connect(module_postgresql_url)
        await connection.execute(";\n".join(estate.statements()))
        await connection.close()

    asyncio.run(make())
    return module_postgresql_url


@pytest.fixture(scope="module")
def door(url: str) -> Iterator[Door]:
    with Door(build(url), leave) as opened:
        yield opened


def get(door: Door, space: str, path: str) -> Any:
    answer = door.get(path, "anon", accept_profile=space)
    assert answer.status == 200, (space, path, answer.body)
    assert answer.headers["content-profile"] == space
    return answer.json


def path_of(name: str) -> str:
    return "/" + quote(name, safe="")


def test_it_starts_soon(url: str) -> None:
    app = build(url)
    began = time.process_time()

    async def start_and_stop() -> None:
        await app.start()
        await app.stop()

    asyncio.run(start_and_stop())
    spent = time.process_time() - began
    assert len(app.schema.resources) > 250
    assert spent < MOST_SECONDS, f"{spent:.2f} s"


def test_it_has_no_findings_that_are_errors(door: Door) -> None:
    assert [str(each) for each in check(door.app.collected, door.app.declarations) if each.is_error] == []


def test_every_table_and_view_answers(door: Door) -> None:
    for space, name in door.app.schema.resources:
        rows = get(door, space, path_of(name))
        assert rows or name in ("logs", "of_the_hidden"), (space, name)


def test_partitions_are_no_resources_and_what_is_not_reflected_is_not_there(door: Door) -> None:
    names = set(door.app.schema.resources)
    assert ("stock", "moves") in names
    assert ("stock", "moves_2024") not in names
    assert {space for space, _ in names} == set(estate.SCHEMAS)
    hidden = door.get("/keys", "anon", accept_profile="hidden")
    assert (hidden.status, hidden.code) == (406, "PGRST106")


def test_every_relation_is_embedded_both_ways(door: Door) -> None:
    count = 0
    for (space, name), served in door.app.schema.resources.items():
        for relation in served.relations:
            if relation.target[0] != space:
                continue
            hint = relation.junction.table.name if relation.junction is not None else relation.constraint
            select = f"{_quoted(relation.target[1])}!{_quoted(hint)}(*)"
            answer = door.get(f"{path_of(name)}?select={select}&limit=1", "anon", accept_profile=space)
            assert answer.status in (200, 300), (space, name, relation, answer.body)
            count += answer.status == 200
    assert count > 400


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '\\"') + '"'


def test_keys_of_many_columns_and_views_of_views_are_followed(door: Door) -> None:
    assert get(door, "sales", "/pair_lines?select=id,pairs(note)") == [{"id": 1, "pairs": {"note": "first"}}]
    assert get(door, "sales", "/w3?select=number,t1(name)&limit=1") == [{"number": 1, "t1": {"name": "one"}}]
    assert get(door, "sales", "/copies?select=name,t1(name)&limit=1") == [{"name": "one", "t1": {"name": "one"}}]
    assert get(door, "stock", "/moves?select=at,t1(name)&order=at") == [
        {"at": "2024-05-01", "t1": {"name": "one"}}, {"at": "2025-05-01", "t1": {"name": "two"}},
    ]  # fmt: skip
    assert get(door, "public", "/t1?select=id,of_the_hidden(id)&limit=1") == [{"id": 1, "of_the_hidden": []}]


def test_of_tables_of_one_name_that_of_the_same_schema_is_meant(door: Door) -> None:
    assert get(door, "sales", "/both?select=t1(name),far_id(name),far2_id(name)") == [
        {"t1": {"name": "one"}, "far_id": {"name": "far"}, "far2_id": {"name": "one"}}
    ]


def test_names_that_must_be_quoted(door: Door) -> None:
    staff = path_of('Staff "A" (new)')
    space = "Human Resources"
    assert get(door, space, staff) == [{"the id": 1, "größe": 1.8, 'say "hi"': "x", "order": 1, "boss id": None}]
    assert get(
        door, space, f'{staff}?select="the id",größe,"order"&größe=gt.1&"the id"=eq.1&order="say \\"hi\\"".desc'
    ) == [{"the id": 1, "größe": 1.8, "order": 1}]
    made = door.ask("POST", f'{staff}?select="boss id"("the id"),größe', {"größe": 1.5, "boss id": 1}, caller="anon",
                    content_profile=space, prefer="return=representation")  # fmt: skip
    assert made.json == [{"boss id": {"the id": 1}, "größe": 1.50}], made.body
    changed = door.ask("PATCH", f'{staff}?"boss id"=eq.1', {'say "hi"': "y"}, caller="anon", content_profile=space)
    assert changed.status == 204, changed.body
    gone = door.ask("DELETE", f'{staff}?"boss id"=eq.1&select="say \\"hi\\""', caller="anon", content_profile=space,
                    prefer="return=representation")  # fmt: skip
    assert gone.json == [{'say "hi"': "y"}], gone.body


def test_materialized_views_and_foreign_tables_are_read(door: Door) -> None:
    assert get(door, "sales", "/totals") == [{"t1_id": 1, "lines": 2}]
    assert get(door, "stock", "/numbers?name=eq.two") == [{"n": 2, "name": "two"}]
    for space, name in (("sales", "totals"), ("sales", "copies")):
        refused = door.ask("POST", f"/{name}", {"t1_id": 2}, caller="anon", content_profile=space)
        assert 400 <= refused.status < 500, refused.body


def test_every_kind_of_value_comes_and_goes(door: Door) -> None:
    row = {
        "name": "Ann", "mood": "so so", "mail": "a@b", "tags": ["a b", None], "spot": {"street": "High", "number": 1},
        "price": 1.25, "doc": {"a": [1]}, "stage": "won", "cost": {"amount": 2.5, "currency": "EUR"}, "t1_id": 1,
    }  # fmt: skip
    made = door.ask("POST", "/t2", row, caller="anon", content_profile="sales", prefer="return=representation")
    assert made.status == 201, made.body
    (told,) = made.json
    assert {name: told[name] for name in row} == row
    assert told["twice"] == 6
    computed = door.ask("PATCH", f"/t2?id=eq.{told['id']}", {"twice": 1}, caller="anon", content_profile="sales")
    assert 400 <= computed.status < 500, computed.body
    bad = door.ask("PATCH", f"/t2?id=eq.{told['id']}", {"mail": "nobody"}, caller="anon", content_profile="sales")
    assert (bad.status, bad.code) == (400, "23514")


def test_every_function_is_told_of_and_answers(door: Door) -> None:
    for space in estate.SCHEMAS:
        document = get(door, space, "/")
        for number in range(1, 7):
            for name in (f"f{number}", f"rows{number}", f"unqualified{number}", f"table{number}"):
                assert f"/rpc/{name}" in document["paths"], (space, name)
            assert get(door, space, f"/rpc/f{number}?a=1&b=2") == 3
            assert get(door, space, f"/rpc/table{number}?most=2&k=eq.2") == [{"k": 2, "v": "2"}]
            rows = get(door, space, f"/rpc/rows{number}?after=0&select=id&order=id&limit=1")
            assert rows == [{"id": 1}]


def test_functions_find_names_in_their_own_schema_first(door: Door, url: str) -> None:
    async def count(space: str) -> int:
        connection = await asyncpg.connect(url)
        try:
            return int(await connection.fetchval(f'SELECT count(*) FROM "{space}".t3'))
        finally:
            await connection.close()

    added = door.ask("POST", "/t3", {"name": "three"}, caller="anon", content_profile="stock")
    assert added.status == 201, added.body
    found = {space: get(door, space, "/rpc/unqualified3") for space in estate.SCHEMAS}
    assert found == {space: asyncio.run(count(space)) for space in estate.SCHEMAS}
    assert found["stock"] == found["sales"] + 1


def test_the_document_of_each_schema_tells_of_its_own(door: Door) -> None:
    for space in estate.SCHEMAS:
        document = get(door, space, "/")
        names = {name for where, name in door.app.schema.resources if where == space}
        assert set(document["definitions"]) >= names
    assert json.dumps(get(door, "public", "/"))
