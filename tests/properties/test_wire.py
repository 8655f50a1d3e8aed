"""Right requests mean the same on both databases, and on PostgreSQL what a few lines of SQL mean."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from behaviour.door import Answer, Door
from compliance.rest.answers import canonical, read
from compliance.rest.stock import Library
from databases import sqlite_url
from properties.sql import Reference
from properties.wire import Level, Write, aggregates, encoded, key_of, plain_reads, read_headers, reads, writes

HEADERS = ("content-range", "content-type", "preference-applied", "location", "content-profile", "proxy-status")


PARTS = 4
"""Into which each test falls, so that several processes share its requests."""


def fuzzed(share: int, part: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """This share, in percent, of ten thousand requests in CI, of fewer elsewhere; one of its parts."""
    examples = max(settings().max_examples * share // 2 // PARTS, 5)
    spared = settings(max_examples=examples, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
    return lambda ask: seed(part)(spared(ask))


in_parts = pytest.mark.parametrize("part", range(PARTS))


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory, module_postgresql_url: str) -> Iterator[tuple[Library, Library]]:
    """The library on SQLite and on PostgreSQL."""
    url = sqlite_url(tmp_path_factory.mktemp("wire"))
    with Library(url, aggregates=True) as one, Library(module_postgresql_url, aggregates=True) as other:
        yield one, other


@pytest.fixture(scope="module")
def reference(doors: tuple[Library, Library], module_postgresql_url: str) -> Iterator[Reference]:
    """PostgreSQL itself, asked in SQL."""
    runner = asyncio.Runner()
    with runner:
        found = runner.run(Reference.connect(module_postgresql_url))
        yield Reference(found, runner)
        runner.run(found.close())


def ask(door: Door, method: str, target: str, headers: dict[str, str], body: str = "") -> Answer:
    sent = {name: value for name, value in headers.items() if name != "as"}
    return door.ask(method, target, caller=headers.get("as", "ada"), raw=body.encode() or None, **sent)


def told(answer: Answer, *, ordered: bool = True) -> Any:
    """What an answer tells, in a form that equal ones share."""
    body: Any = answer.body.decode()
    if "json" in answer.headers.get("content-type", "") and body:
        found = read(body)
        if answer.status >= 400:
            # Which of many rows is in the way, and what of a text is no JSON, only PostgreSQL tells.
            return answer.status, answer.code, {}
        body = sorted(map(canonical, found)) if isinstance(found, list) and not ordered else canonical(found)
    return answer.status, body, {name: answer.headers.get(name) for name in HEADERS}


CONSTRAINTS = {"23502", "23503", "23505", "23514"}


def broken(answer: Answer) -> str:
    """The code of an error; none is empty."""
    return answer.code if answer.status >= 400 else ""


def agree(doors: tuple[Library, Library], method: str, target: str, headers: dict[str, str], body: str = "") -> None:
    one, other = (ask(door, method, target, headers, body) for door in doors)
    assert one.status < 500, one.body
    if body.startswith("[") and {broken(one), broken(other)} <= CONSTRAINTS:
        return  # Of many rows that break constraints, each database finds another one first.
    assert told(one) == told(other), f"{method} {target} {headers} {body}"


@in_parts
def test_reads_mean_the_same(doors: tuple[Library, Library], part: int) -> None:
    @fuzzed(45, part)
    @given(level=reads(), headers=read_headers())
    def ask_both(level: Level, headers: dict[str, str]) -> None:
        agree(doors, "GET", level.target(), headers)

    ask_both()


@in_parts
def test_aggregates_mean_the_same(doors: tuple[Library, Library], part: int) -> None:
    @fuzzed(10, part)
    @given(target=aggregates())
    def ask_both(target: str) -> None:
        one, other = (ask(door, "GET", target, {}) for door in doors)
        assert told(one, ordered=False) == told(other, ordered=False), target

    ask_both()


@in_parts
def test_writes_mean_the_same_and_leave_the_same(doors: tuple[Library, Library], part: int) -> None:
    @fuzzed(10, part)
    @given(write=writes())
    def ask_both(write: Write) -> None:
        for door in doors:
            door.restore()
        agree(doors, write.method, write.target, write.headers, write.body)
        order = ",".join(key_of(write.table))
        agree(doors, "GET", f"/{write.table}?order={encoded(order)}", {"as": "service"})

    ask_both()


@in_parts
def test_reads_mean_what_sql_says(doors: tuple[Library, Library], reference: Reference, part: int) -> None:
    _, door = doors

    @fuzzed(35, part)
    @given(level=plain_reads(), counted=st.booleans())
    def ask_both(level: Level, counted: bool) -> None:
        headers = {"prefer": "count=exact"} if counted else {}
        answer = ask(door, "GET", level.target(), headers)
        rows, total = reference.answer(level)
        if counted and level.offset is not None and level.offset > total:
            assert answer.status == 416
            return
        assert answer.status in (200, 206), (answer.body, level.target())
        assert canonical(read(answer.body.decode())) == canonical(read(rows)), level.target()
        if counted:
            assert answer.headers["content-range"].partition("/")[2] == str(total)

    ask_both()
