"""Orders, pages and counts: limit, offset, the Range header, Content-Range and its totals."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from backstay import system
from backstay.dialects.dialect import Statement
from backstay.frontends.http import Request
from backstay.frontends.rest.parse import parse
from backstay.query.nodes import Select
from backstay.schema.caller import ANONYMOUS
from behaviour.door import Door


@pytest.mark.parametrize(
    ("order", "found"),
    [
        ("id", [1, 2, 3, 4, 5]),
        ("id.asc", [1, 2, 3, 4, 5]),
        ("id.desc", [5, 4, 3, 2, 1]),
        ("year", [1, 3, 4, 2, 5]),
        ("year.desc", [5, 2, 4, 3, 1]),
        ("year.asc.nullsfirst", [5, 1, 3, 4, 2]),
        ("year.desc.nullslast", [2, 4, 3, 1, 5]),
        ("year.nullsfirst", [5, 1, 3, 4, 2]),
        ("price,id", [2, 4, 1, 3, 5]),
        ("price.desc.nullslast,id", [1, 4, 2, 3, 5]),
        ("artist_id.desc,year.nullsfirst", [5, 4, 3, 1, 2]),
        ("building.nullsfirst,room.desc,id.desc", [5, 4, 2, 3, 1]),
        ("letters,id", [4, 5, 3, 1, 2]),
        ("century.nullsfirst,id", [5, 1, 2, 3, 4]),
        ("shouted.desc", [5, 3, 2, 1, 4]),
        # of a repeated parameter the first counts
        ("id.desc&order=id", [5, 4, 3, 2, 1]),
    ],
)
def test_order(art: Door, order: str, found: list[int]) -> None:
    assert [row["id"] for row in art.rows(f"/paintings?select=id&order={order}")] == found


@pytest.mark.parametrize(
    ("order", "found"),
    [
        ("data->>n,id", [1, 2, 3]),
        ("data->n.desc.nullslast,id", [1, 2, 3]),
        ("mood.desc.nullslast,id", [1, 3, 2]),
        ("cents", [3, 1, 2]),
        ("exact", [3, 1, 2]),
        ("span.nullsfirst", [2, 3, 1]),
        ("flag", [3, 1, 2]),
        ("numbers,id", [3, 1, 2]),
        ("uid.desc.nullslast", [3, 1, 2]),
        ("instant", [3, 1, 2]),
        ("blob", [3, 1, 2]),
    ],
)
def test_order_of_each_kind(art: Door, order: str, found: list[int]) -> None:
    assert [row["id"] for row in art.rows(f"/specimens?select=id&order={order}")] == found


@pytest.mark.parametrize("order", ["nosuch", "id.up", "id.asc.desc", "id,", ""])
def test_order_that_cannot_be_is_refused(art: Door, order: str) -> None:
    answer = art.get(f"/paintings?order={order}")
    assert (answer.status, answer.code) == (400, "42703" if order == "nosuch" else "PGRST100")


@pytest.mark.parametrize(
    ("query", "header", "found", "span"),
    [
        ("", None, [1, 2, 3, 4, 5], "0-4/*"),
        ("limit=2", None, [1, 2], "0-1/*"),
        ("limit=2&offset=1", None, [2, 3], "1-2/*"),
        ("offset=3", None, [4, 5], "3-4/*"),
        ("offset=5", None, [], "*/*"),
        ("offset=99", None, [], "*/*"),
        ("limit=0", None, [], "*/*"),
        ("limit=99", None, [1, 2, 3, 4, 5], "0-4/*"),
        ("limit=99999999999999999999999", None, [1, 2, 3, 4, 5], "0-4/*"),
        ("limit=x", None, [1, 2, 3, 4, 5], "0-4/*"),
        ("limit=1&limit=2", None, [1, 2], "0-1/*"),
        ("", "0-1", [1, 2], "0-1/*"),
        ("", "3-", [4, 5], "3-4/*"),
        ("", "9-", [], "*/*"),
        ("", "items=0-1", [1, 2, 3, 4, 5], "0-4/*"),
        ("limit=3", "1-9", [2, 3], "1-2/*"),
        ("limit=3&offset=1", "0-1", [2], "1-1/*"),
    ],
)
def test_page(art: Door, query: str, header: str | None, found: list[int], span: str) -> None:
    headers = {} if header is None else {"range": header}
    answer = art.get(f"/paintings?select=id&order=id&{query}", **headers)
    assert (answer.status, answer.range) == (200, span)
    assert [row["id"] for row in answer.json] == found


@pytest.mark.parametrize(
    ("query", "status", "span"),
    [
        ("", 200, "0-4/5"),
        ("limit=2", 206, "0-1/5"),
        ("limit=5", 200, "0-4/5"),
        ("offset=4", 206, "4-4/5"),
        ("offset=5", 206, "*/5"),
        ("limit=0", 206, "*/5"),
        ("id=gt.3&limit=1", 206, "0-0/2"),
        ("id=gt.3", 200, "0-1/2"),
        ("id=gt.99", 200, "*/0"),
        ("artist.name=eq.Dou&select=id,artist!inner()", 200, "0-0/1"),
        ("artist.name=eq.Vermeer&select=id,artist!inner()&limit=1", 206, "0-0/2"),
        ("artist.name=eq.Dou&select=id,artist()", 200, "0-4/5"),
        ("styles.name=eq.genre&select=id,styles!inner()", 200, "0-1/2"),
        ("select=id,styles()&styles=is.null", 200, "0-0/1"),
        ("or=(year.is.null,id.eq.1)", 200, "0-1/2"),
    ],
)
@pytest.mark.parametrize("count", ["exact", "planned", "estimated"])
def test_count(art: Door, query: str, status: int, span: str, count: str) -> None:
    for method in ("GET", "HEAD"):
        answer = art.ask(method, f"/paintings?{query}", prefer=f"count={count}")
        assert (answer.status, answer.range, answer.applied) == (status, span, f"count={count}")


def test_counts_heed_the_rules(work: Door) -> None:
    totals = {who: work.get("/notes?limit=1", who, prefer="count=exact").range for who in ("ada", "cyd", "service")}
    # A caller's organisation bounds what they see, even of what is public.
    assert totals == {"ada": "0-0/3", "cyd": "0-0/2", "service": "0-0/6"}


def test_offset_beyond_the_last_row_is_an_error_where_they_are_counted(art: Door) -> None:
    answer = art.get("/paintings?offset=6", prefer="count=exact")
    assert (answer.status, answer.range) == (416, "*/5")
    assert answer.json == {
        "code": "PGRST103",
        "message": "Requested range not satisfiable",
        "details": "An offset of 6 was requested, but there are only 5 rows.",
        "hint": None,
    }


@pytest.mark.parametrize(
    ("query", "header", "details"),
    [
        ("limit=-1", None, "Limit should be greater than or equal to zero."),
        (
            "",
            "5-2",
            "The lower boundary must be lower than or equal to the upper boundary in the Range header.",
        ),
    ],
)
def test_page_that_cannot_be_is_refused(art: Door, query: str, header: str | None, details: str) -> None:
    answer = art.get(f"/paintings?{query}", **({} if header is None else {"range": header}))
    assert (answer.status, answer.code, answer.json["details"]) == (416, "PGRST103", details)


def test_head_ignores_the_range_header(art: Door) -> None:
    assert art.ask("HEAD", "/paintings", range="0-0").range == "0-4/*"


@pytest.mark.parametrize(
    "order",
    [
        "building,number",
        "building.desc,number.desc",
        "building.nullsfirst,number",
        "building.desc.nullslast,number.desc",
    ],
)
def test_an_index_serves_the_order_of_columns_that_are_never_null(art: Door, order: str) -> None:
    query = parse(Request("GET", "/rooms", f"order={order}&limit=2", {}), art.app.settings).query
    assert isinstance(query, Select)

    async def explain() -> str:
        compiled, values = art.app.assembly.road.cache.find(query, ANONYMOUS)
        assert isinstance(compiled, Statement)
        async with art.app.session(system) as session:
            lite = session.get_bind().dialect.name == "sqlite"
            if not lite:
                await session.execute(sa.text("SET LOCAL enable_seqscan = off"))
            transaction = await art.app.assembly.engine.database.transaction(session)
            words = "EXPLAIN QUERY PLAN" if lite else "EXPLAIN"
            return str(await transaction.fetch(f"{words} {compiled.text}", compiled.bind(values, ANONYMOUS)))

    plan = art.run(explain())
    assert "rooms_1" in plan
    assert "ORDER BY" not in plan and "Sort" not in plan
