"""Answers that are made row by row are, to the letter, those that the database makes whole."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from backstay.dialects.rowwise.spool import Spool
from backstay.frontends.http import Request
from behaviour.door import Answer
from fixtures import rows, workspace
from fixtures.rows import CALLERS
from in_time import until
from lengths import Pair, nothing_is_short, open_spools, opened

JSON = "application/json"
CSV = "text/csv"
OBJECT = "application/vnd.pgrst.object+json"
STRIPPED = "application/vnd.pgrst.array+json;nulls=stripped"
STRIPPED_OBJECT = "application/vnd.pgrst.object+json;nulls=stripped"
NDJSON = "application/x-ndjson"


@pytest.fixture(scope="module")
def work(module_database_url: str) -> Iterator[Pair]:
    with opened(workspace.build, rows.fill, module_database_url) as pair:
        yield pair


@pytest.fixture(autouse=True)
def nothing_stays_open() -> Iterator[None]:
    before = open_spools() if sys.platform == "linux" else 0
    yield
    assert sys.platform != "linux" or open_spools() == before


QUERIES = [
    "/notes?order=number",
    "/notes?select=number,price,extra,text,level,written_at&order=number.desc",
    "/notes?number=eq.1",
    "/notes?id=eq.00000000-0000-4000-8000-000000000101",
    "/notes?number=gt.1000",
    "/notes?order=number&limit=2",
    "/notes?order=number&limit=0",
    "/notes?order=number&limit=2&offset=1",
    "/notes?order=number&offset=2",
    "/notes?order=number&offset=40",
    "/notes?select=number,author(role),tags(name),replies(number,author(role))&order=number",
    "/notes?select=number,...author(role),...tags(names:name)&order=number",
    "/notes?select=number,tags!inner(name)&tags.name=eq.red&order=number",
    "/tags?select=name&order=name.desc",
    "/tags?select=id::text,name&order=id",
    "/orgs",
]
"""Requests for rows; some find none."""


@pytest.mark.parametrize("accept", [JSON, CSV, OBJECT, STRIPPED, STRIPPED_OBJECT, NDJSON])
@pytest.mark.parametrize("url", QUERIES)
def test_answers_row_by_row_are_the_same(work: Pair, url: str, accept: str) -> None:
    for method in ("GET", "HEAD"):
        for prefer in ("", "count=exact"):
            work.alike(method, url, accept=accept, prefer=prefer)


@pytest.mark.parametrize("caller", ["anon", "bob", "cyd", "service", "bare-ada"])
def test_rules_hold_row_by_row(work: Pair, caller: str) -> None:
    for url in ("/notes?order=number", "/notes?select=number,tags(name)&order=number", "/users?order=id", "/drafts"):
        work.alike("GET", url, caller, prefer="count=exact")


def test_moments_are_shown_in_the_zone_that_is_asked_for(work: Pair) -> None:
    answer = work.alike("GET", "/notes?select=written_at&order=number", prefer="timezone=America/New_York")
    assert "-05:00" in answer.json[0]["written_at"]


def test_what_is_refused_is_refused_row_by_row(work: Pair) -> None:
    assert work.alike("GET", "/notes", accept=OBJECT).code == "PGRST116"
    assert work.alike("GET", "/notes?number=gt.1000", accept=OBJECT).code == "PGRST116"
    assert work.alike("GET", "/notes?offset=40", prefer="count=exact").code == "PGRST103"
    assert work.alike("GET", "/notes?number=eq.x").code == "22P02"
    assert work.alike("GET", "/notes?select=none").code == "42703"
    assert work.alike("GET", "/notes", accept="image/png").code == "PGRST107"


def test_a_read_that_is_rolled_back_is_answered_all_the_same(work: Pair) -> None:
    assert work.alike("GET", "/notes?order=number", prefer="tx=rollback").status == 200


# NDJSON ------------------------------------------------------------------------------------------------------


def test_each_row_is_a_line(work: Pair) -> None:
    answer = work.alike(
        "GET", "/notes?select=number,extra,tags(name)&order=number", accept=NDJSON, prefer="count=exact"
    )
    assert answer.headers["content-type"] == "application/x-ndjson; charset=utf-8"
    assert answer.body.endswith(b"}\n")
    assert answer.body.count(b"\n") == len(answer.body.splitlines()) == 3
    expected = work.whole.rows("/notes?select=number,extra,tags(name)&order=number")
    assert Answer(200, {}, b"[" + answer.body.replace(b"\n", b",")[:-1] + b"]").json == expected
    assert (answer.range, answer.headers["content-length"]) == ("0-2/3", str(len(answer.body)))


def test_no_rows_are_no_lines(work: Pair) -> None:
    assert work.alike("GET", "/notes?number=gt.1000", accept=NDJSON).body == b""


def test_written_rows_are_lines_too(work: Pair) -> None:
    answer = work.whole.ask(
        "POST",
        "/tags?select=name",
        [{"id": 901, "name": "one\ntwo"}, {"id": 902, "name": "three"}],
        caller="service",
        accept=NDJSON,
        prefer="return=representation",
    )
    assert answer.body == b'{"name":"one\\ntwo"}\n{"name":"three"}\n'
    assert work.whole.ask("DELETE", "/tags?id=gt.900", caller="service").status == 204


# Leaving -----------------------------------------------------------------------------------------------------


def scope() -> dict[str, Any]:
    return {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/rest/v1/tags",
        "raw_path": b"/rest/v1/tags",
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"localhost"), (b"accept", b"*/*")],
    }


async def never() -> Any:
    return await asyncio.get_running_loop().create_future()


def test_a_client_that_goes_away_leaves_nothing_open(work: Pair) -> None:
    async def refuse(message: Any) -> None:
        if message["type"] == "http.response.body":
            raise ConnectionResetError

    with nothing_is_short(), pytest.raises(ConnectionResetError):
        work.long.run(work.long.app(scope(), never, refuse))


def test_a_cancelled_sending_leaves_nothing_open(work: Pair) -> None:
    async def stall(message: Any) -> None:
        if message["type"] == "http.response.body":
            await never()

    async def leave_early() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await work.long.app(scope(), never, stall)

    with nothing_is_short():
        work.long.run(leave_early())


def test_a_cancelled_read_leaves_nothing_open(work: Pair) -> None:
    rest = work.long.app.assembly.rest

    async def leave_early() -> None:
        for moment in range(60):
            task = asyncio.ensure_future(rest(Request("GET", "/notes", "", {}), CALLERS["ada"]))
            await asyncio.sleep(moment / 20_000)
            task.cancel()
            (response,) = await asyncio.gather(task, return_exceptions=True)
            if not isinstance(response, BaseException):
                assert response.spool is not None
                response.spool.close()
        if sys.platform == "linux":
            await until(lambda: open_spools() <= before)

    before = open_spools() if sys.platform == "linux" else 0
    with nothing_is_short():
        work.long.run(leave_early())
        assert work.long.get("/notes?order=number").status == 200


def test_an_answer_that_cannot_be_read_back_is_not_ended(work: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[Any] = []

    async def keep(message: Any) -> None:
        sent.append(message)

    with nothing_is_short(), monkeypatch.context() as patch:
        patch.setattr(Spool, "_read", lambda self, offset: b"")
        with pytest.raises(OSError, match="ended early"):
            work.long.run(work.long.app(scope(), never, keep))
    assert [message["type"] for message in sent] == ["http.response.start"]
