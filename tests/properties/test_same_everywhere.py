"""Either database answers every request alike: the same status, headers and body, and leaves the same rows behind."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import HealthCheck, assume, given, settings

from backstay import Backstay
from behaviour.door import Answer, Door, call
from databases import sqlite_url
from fixtures import gallery
from properties.asking import Asked, requests

ELSEWHERE = re.compile(
    # Days of an interval: SQLite counts them as 24 hours.
    r"span"
    # The blanks in a json column's text.
    r"|data[^,&]*::text"
)
"""What the databases differ in, and may."""


PAGED = re.compile(rb"(limit|offset)=")


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory, module_postgresql_url: str) -> Iterator[tuple[Door, Door]]:
    """The gallery on SQLite and on PostgreSQL."""
    url = sqlite_url(tmp_path_factory.mktemp("same"))
    with (
        Door(aggregating(url), gallery.fill) as one,
        Door(aggregating(module_postgresql_url), gallery.fill) as other,
    ):
        yield one, other


def aggregating(url: str) -> Backstay:
    """The gallery, where callers may aggregate."""
    app = gallery.build(url)
    app.configure(aggregates=True)
    return app


def comparable(request: Asked) -> bool:
    """Whether the databases must agree on the answer."""
    _, _, query, _, body = request
    return not ELSEWHERE.search((unquote_to_bytes(query) + b" " + body).decode("utf-8", "replace"))


def ask(door: Door, request: Asked) -> Answer:
    method, path, query, headers, body = request
    sent = [(b"host", b"localhost"), *[(name.encode(), value) for name, value in headers.items()]]
    if body:
        sent.append((b"content-length", str(len(body)).encode()))
    return door.run(call(door.app, method, path, query, sent, body))


def told(answer: Answer, *, ordered: bool) -> Any:
    """The body in a form that equal answers share; ``ordered``: the order of the rows counts."""
    try:
        body = answer.json
    except ValueError:
        lines = answer.body.decode("utf-8", "replace").split("\n")
        return lines if ordered else [lines[0], *sorted(lines[1:])]
    if isinstance(body, list) and not ordered:
        return sorted(body, key=lambda row: json.dumps(row, sort_keys=True))
    if isinstance(body, dict) and body.get("code") in ("22P02", "23503", "23505"):
        # What exactly is wrong with a JSON text, and which of many rows is in the way, only PostgreSQL tells.
        return {**body, "details": None}
    return body


def agree(doors: tuple[Door, Door], request: Asked) -> None:
    one, other = (ask(door, request) for door in doors)
    assert one.status == other.status, (one.body, other.body)
    plain = [
        {name: value for name, value in answer.headers.items() if name != "content-length"} for answer in (one, other)
    ]
    assert plain[0] == plain[1]
    # Rows that an order does not tell apart may come in any, and which of them are on a page is as open.
    if one.status >= 400 or (not PAGED.search(request[2]) and "range" not in request[3]):
        assert told(one, ordered=False) == told(other, ordered=False)


# Most requests are near to the grammar, few are comparable throughout.
sampled = settings(suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])


@sampled
@given(request=requests())
def test_reads_are_answered_alike(doors: tuple[Door, Door], request: Asked) -> None:
    _, path, query, headers, _ = request
    assume(comparable(request))
    agree(doors, ("GET", path, query, headers, b""))


@sampled
@given(request=requests())
def test_writes_are_answered_alike_and_leave_the_same(doors: tuple[Door, Door], request: Asked) -> None:
    method, path, _, _, _ = request
    assume(method not in ("GET", "HEAD", "OPTIONS") and comparable(request))
    for door in doors:
        door.restore(anyway=True)
    agree(doors, request)
    agree(doors, ("GET", path, b"", {}, b""))


COLUMNS = [
    *("id", "small", "big", "ratio", "exact", "cents", "flag", "note", "code", "day", "moment", "instant", "clock"),
    *("blob", "uid", "mood", "words", "numbers", "data->n", "data->>n", "data->a", "data->z", "words->0"),
]
LITERALS = [
    *(
        "",
        "0",
        "7",
        "7,NULL",
        "-1",
        "1.5",
        "10.50",
        "1e400",
        "NaN",
        "true",
        "null",
        "abc",
        "plain",
        "{1,2}",
        "{a,b}",
        "{}",
    ),
    *("2026-02-28", "2026-02-28T23:59:59.12Z", "now", "infinity", "24:00:00", "23:59:59", "\\x00ff504e47"),
    *("0e37df36-f698-11e6-8dd4-cb9ced3df976", "HAPPY", '{"a":1}', '"text"', "[1,2,3]", "x y", " 7 "),
]
SHELVES = [
    *("doc", "texts", "codes", "sizes", "bigs", "grid", "prices", "ratios", "flags", "days", "instants", "spans"),
    *("uids", "blobs", "doc->a", "doc->n", "doc->a->0", "doc->-1", "sizes->0", "grid->1", "id->0", "id"),
]
CONTAINED = [
    *("{}", "{1}", "{1,2}", "{a}", "{a,NULL}", "{{1,2},{3,4}}", "{{4}}", "{1.5}", "{1.50,NULL}", "{t}", "{", "x", ""),
    *("{2026-02-28}", '{"1 day"}', '{"a":[1]}', '{"a":[{"b":"c"}]}', '{"n":1}', "[]", "[1]", "[[3,2]]", '"x"', "5"),
    *("null", "1", "[null]", '{"\\\\x00ff"}', "{0.1}", "{9007199254740993}", "{99999999999999999999}"),
]
SIGNS = [
    "eq",
    "neq",
    "gt",
    "lte",
    "like",
    "isdistinct",
    "in",
    "eq(any)",
    "gt(all)",
    "like(any)",
    "is",
    "not.gt",
    "cs",
    "cd",
    "ov",
    "sl",
]


@pytest.mark.slow
@pytest.mark.parametrize("column", COLUMNS)
def test_every_operator_means_the_same_for_every_literal(doors: tuple[Door, Door], column: str) -> None:
    for door in doors:
        door.restore()
    for sign in SIGNS:
        for literal in LITERALS:
            value = f"({literal})" if sign.endswith("in") else f"{{{literal}}}" if sign.endswith(")") else literal
            one, other = (door.get(f"/specimens?select=id&order=id&{column}={sign}.{value}") for door in doors)
            assert told(one, ordered=True) == told(other, ordered=True), f"{column}={sign}.{value}"
            assert one.status == other.status


@pytest.mark.parametrize("column", SHELVES)
def test_containers_mean_the_same_for_every_literal(doors: tuple[Door, Door], column: str) -> None:
    for door in doors:
        door.restore()
    for sign in ("cs", "not.cs", "cd", "ov", "not.ov", "eq", "isdistinct", "gt", "sl", "adj", "in", "eq(any)"):
        for literal in CONTAINED:
            quoted = '"' + literal.replace("\\", "\\\\").replace('"', '\\"') + '"'
            value = f"({quoted})" if sign == "in" else f"{{{quoted}}}" if sign.endswith(")") else literal
            one, other = (door.get(f"/shelves?select=id&order=id&{column}={sign}.{value}") for door in doors)
            assert told(one, ordered=True) == told(other, ordered=True), f"{column}={sign}.{value}"
            assert one.status == other.status


CASTS = [
    *("bigint", "boolean", "bytea", "date", "double precision", "integer", "json", "jsonb", "numeric", "real"),
    *(
        "smallint",
        "text",
        "time",
        "timestamp",
        "timestamptz",
        "uuid",
        "varchar",
        "interval",
        "timetz",
        "_int4",
        "_text",
    ),
    *("_numeric", "_float8", "_bool", "_date", "_timestamptz", "_int2", "_uuid"),
]


@pytest.mark.parametrize(
    "column", [*(f"specimens.{each}" for each in COLUMNS), *(f"shelves.{each}" for each in SHELVES)]
)
def test_every_cast_means_the_same(doors: tuple[Door, Door], column: str) -> None:
    table, _, name = column.partition(".")
    for door in doors:
        door.restore()
    for cast in CASTS:
        if name == "data->z" and cast not in ("text", "varchar", "json", "jsonb"):
            continue  # A JSON null becomes NULL here, as on PostgreSQL from 18 on.
        one, other = (door.get(f"/{table}?select=x:{name}::{cast}&order=id") for door in doors)
        expected, found = (compact(told(answer, ordered=True)) for answer in (other, one))
        assert found == expected, f"{column}::{cast}"


def compact(body: Any) -> Any:
    """An answer in which JSON that is shown as text has no blanks."""
    if isinstance(body, list):
        return [{"x": re.sub(r"([:,]) ", r"\1", row["x"]) if isinstance(row["x"], str) else row["x"]} for row in body]
    return body
