"""Rows that are in no table: one parameter, read as a table by each database."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from backstay import Backstay
from backstay.dialects.payload import Writer
from backstay.dialects.postgresql.emit import PostgreSQLEmission
from backstay.dialects.sql.given import compile_given, with_rows, with_rows_like
from backstay.dialects.sqlite.emit import SQLiteEmission
from backstay.plan.cache import Cache
from backstay.plan.guard import Plan
from backstay.query.nodes import Comparison, Count, Field, Order, Page, Pick, Select, Step
from backstay.schema import kind as kinds
from backstay.schema.caller import ANONYMOUS
from backstay.schema.rule import Place
from fixtures.workspace import build

COLUMNS = (("book", kinds.BIGINT), ("price", kinds.NUMERIC), ("raw", kinds.BYTEA), ("info", kinds.JSONB))
ROWS = [(1, "2.5", b"a", '{"a":1}'), (2, None, None, None)]
QUERY = Select(
    "offers",
    items=(Pick(Field("book")), Pick(Field("info", (Step("a"),)))),
    where=(Comparison(Field("price"), "gt", "1.5"),),
    page=Page(2, 0, True),
    count=Count.EXACT,
)
TEXTS = {
    SQLiteEmission: (
        "WITH _given AS (SELECT anon_4.value ->> 0 AS book, (anon_4.value ->> 1) COLLATE decimal AS price, "
        'unhex(anon_4.value ->> 2) AS raw, anon_4.value ->> 3 AS info, anon_4."key" AS _place '
        "FROM json_each(?) AS anon_4) "
        "SELECT '[' || coalesce(group_concat(anon_2.r, ','), '') || ']' AS anon_1, count(*) AS count_1, "
        "(SELECT count(*) AS count_2 FROM _given AS offers_1 WHERE offers_1.price > ?) AS anon_3 "
        "FROM (SELECT json_object('book', offers_1.book, 'a', json(offers_1.info -> 'a')) AS r "
        "FROM _given AS offers_1 WHERE offers_1.price > ? ORDER BY offers_1._place NULLS LAST LIMIT ?) AS anon_2"
    ),
    PostgreSQLEmission: (
        "WITH _given AS (SELECT anon_2.c0 AS book, anon_2.c1 AS price, anon_2.c2 AS raw, anon_2.c3 AS info, "
        "anon_2.n AS _place FROM json_to_recordset(CAST($1::VARCHAR AS JSON)) AS "
        "anon_2(n INTEGER, c0 BIGINT, c1 NUMERIC, c2 BYTEA, c3 JSONB)) "
        "SELECT CAST(coalesce(json_agg(_rows), CAST('[]' AS JSON)) AS TEXT) AS coalesce_1, count(*) AS count_1, "
        "(SELECT count(*) AS count_2 FROM _given AS offers_1 WHERE offers_1.price > CAST($2::VARCHAR AS NUMERIC)) "
        "AS anon_1 FROM (SELECT offers_1.book AS book, offers_1.info -> 'a' AS a FROM _given AS offers_1 "
        "WHERE offers_1.price > CAST($3::VARCHAR AS NUMERIC) ORDER BY offers_1._place LIMIT $4::BIGINT) AS _rows"
    ),
}
GIVEN = {
    SQLiteEmission: '[[1,"2.5","61","{\\"a\\":1}"],[2,null,null,null]]',
    PostgreSQLEmission: '[{"n":0,"c0":"1","c1":"2.5","c2":"\\\\x61","c3":{"a":1}},'
    '{"n":1,"c0":"2","c1":null,"c2":null,"c3":null}]',
}


def cache(emission: Callable[[Plan], Writer], schema: Any) -> Cache[Any]:
    return Cache(schema, lambda plan: compile_given(plan, emission), size=9)


@pytest.mark.parametrize("emission", list(TEXTS))
def test_rows_are_one_parameter_that_is_read_as_a_table(emission: type[Writer]) -> None:
    schema = with_rows(Backstay("sqlite://").schema, ("public", "offers"), COLUMNS, Place("program.py", 1))
    statement, values = cache(emission, schema).find(QUERY, ANONYMOUS)
    assert " ".join(statement.text.split()) == TEXTS[emission]
    assert statement.bind([*values, ROWS], ANONYMOUS) == [GIVEN[emission], "1.5", "1.5", 2]


@pytest.mark.parametrize("emission", list(TEXTS))
def test_an_order_that_is_asked_for_stands_alone(emission: type[Writer]) -> None:
    schema = with_rows(Backstay("sqlite://").schema, ("public", "offers"), COLUMNS, Place("program.py", 1))
    query = Select("offers", items=(Pick(Field("book")),), order=(Order(Field("price")),))
    text = cache(emission, schema).find(query, ANONYMOUS)[0].text
    assert "ORDER BY offers_1.price" in text
    assert "offers_1._place" not in text


@pytest.mark.parametrize("emission", list(TEXTS))
def test_rows_like_a_resources_have_its_columns_but_not_its_rule(emission: type[Writer]) -> None:
    app = build("sqlite://")
    notes = app.schema.resources["public", "notes"]
    schema = with_rows_like(app.schema, notes, ("public", "loose"))
    text = cache(emission, schema).find(Select("loose", items=(Pick(Field("text")),)), ANONYMOUS)[0].text
    assert "WHERE" not in text.rpartition("FROM (")[2]
    assert "secret" in text, "the rules of what is embedded may ask for a hidden column"
    assert schema.resources["public", "notes"] is notes
