"""Literals mean to Backstay what they mean to PostgreSQL: the same ones are refused, for the same reason."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from decimal import Decimal
from itertools import pairwise
from typing import Any, Final

import asyncpg
import pytest

import literals
from backstay.errors import DatabaseFault, DataFault
from backstay.schema.kind import (
    BIGINT,
    BOOLEAN,
    BYTEA,
    DATE,
    DOUBLE,
    INTEGER,
    INTERVAL,
    JSON,
    JSONB,
    NUMERIC,
    REAL,
    SMALLINT,
    TEXT,
    TIME,
    TIMESTAMP,
    TIMESTAMPTZ,
    TIMETZ,
    UUID,
    Kind,
    array,
    enum,
)
from backstay.schema.kind.array import Array

Outcome = tuple[str, Any]
"""``ok`` and the value, or the SQLSTATE and the message of the refusal."""

KINDS: Final[dict[str, tuple[Kind, Callable[[], list[str]]]]] = {
    "smallint": (SMALLINT, literals.integers),
    "integer": (INTEGER, literals.integers),
    "bigint": (BIGINT, literals.integers),
    "numeric": (NUMERIC, literals.numbers),
    "real": (REAL, literals.numbers),
    "double precision": (DOUBLE, literals.numbers),
    "boolean": (BOOLEAN, literals.booleans),
    "uuid": (UUID, literals.uuids),
    "date": (DATE, literals.moments),
    "time": (TIME, literals.clocks),
    "timetz": (TIMETZ, literals.clocks),
    "timestamp": (TIMESTAMP, literals.moments),
    "timestamptz": (TIMESTAMPTZ, literals.moments),
    "interval": (INTERVAL, literals.intervals),
    "json": (JSON, literals.documents),
    "jsonb": (JSONB, literals.documents),
    "bytea": (BYTEA, literals.byte_strings),
    "text": (TEXT, literals.texts),
    "integer[]": (array(INTEGER), literals.arrays),
    "text[]": (array(TEXT), literals.arrays),
    "pg_temp.mood": (enum("mood", ["sad", "so so", "Happy"]), literals.labels),
}

DIFFERENCES: Final = (
    (r".*", r"NaN|inf|Infinity", "not every database stores them"),
    (r"smallint|integer|bigint|numeric", r"\d_|0[xob]|_$", "digits with underscores and other bases, since 16"),
    (r"numeric", r"e [0-9]", "blanks before an exponent, up to 15"),
    (r"date|time.*", r":\s*$|::|[ Tt]-\d|--", "times and dates that are half written"),
    (r"time.*", r"^\d{6}-\d", "a compact time before a western zone"),
    (r"timestamp.*", r"9999-12-31.*(23:59:60|24:00|59\.9999996)|0001-01-01.*\+", "years before 1 and after 9999"),
    (r"time|timetz", r"2[45]:.*([+-]16|:60)$|2[45]:\d\d:\d\d(\.1)?.*([+-]16|:60)$", "which of two faults is told"),
    (r"interval", r"P1Y1Y", "a unit given twice"),
    (r".*\[\]", r"^\s*\{(\s|\{|\}|,)+\}\s*$", "an array of empty arrays, refused up to 16"),
)
"""Deliberate differences: kind, literal, and why. What PostgreSQL reads beyond ISO 8601 is not in the lists at all."""

TRY_CAST: Final = """
    CREATE FUNCTION pg_temp.try_cast(literal text, kind text) RETURNS text[] LANGUAGE plpgsql AS $$
    DECLARE
        answer text;
    BEGIN
        EXECUTE format('SELECT to_json(%L::%s)::text', literal, kind) INTO answer;
        RETURN ARRAY['ok', answer];
    EXCEPTION WHEN OTHERS THEN
        RETURN ARRAY[SQLSTATE, SQLERRM];
    END $$
"""


async def cast(url: str, kind: str, texts: list[str]) -> list[Outcome]:
    """What PostgreSQL makes of each literal."""
    connection = await asyncpg.connect(url, server_settings={"timezone": "UTC"})
    try:
        await connection.execute(TRY_CAST)
        await connection.execute("CREATE TYPE pg_temp.mood AS ENUM ('sad', 'so so', 'Happy')")
        rows = await connection.fetch(
            "SELECT pg_temp.try_cast(text, $2) FROM unnest($1::text[]) WITH ORDINALITY AS _(text, n) ORDER BY n",
            texts,
            kind,
        )
        return [(state, answer) for [[state, answer]] in rows]
    finally:
        await connection.close()


def read(kind: Kind, text: str) -> Outcome:
    """What Backstay makes of a literal."""
    try:
        return "ok", kind.read(text)
    except (DataFault, DatabaseFault) as fault:
        return fault.state, fault.message


def alike(kind: Kind, theirs: Outcome, ours: Outcome) -> bool:
    """Whether both refuse for the same reason, or both answer the same JSON."""
    if theirs[0] != "ok" or ours[0] != "ok":
        if isinstance(kind, Array):
            # An array with two faults is refused for the one or for the other, as the version goes.
            return theirs[0] == ours[0]
        # A type of a session alone is named with its schema.
        return (theirs[0], theirs[1].replace("pg_temp.", "")) == ours
    text, value = theirs[1], ours[1]
    if kind is NUMERIC:
        return bool(text == value)
    if kind in (JSON, JSONB):
        return exact(text) == exact(value)
    if isinstance(value, bytes):
        value = "\\x" + value.hex()
    answered = exact(text)
    return bool((float(answered) if isinstance(value, float) else answered) == value)


def exact(text: str) -> Any:
    return json.loads(text, parse_int=Decimal, parse_float=Decimal)


def deliberate(name: str, text: str) -> bool:
    return any(re.fullmatch(kinds, name) and re.search(pattern, text) for kinds, pattern, _ in DIFFERENCES)


@pytest.mark.parametrize("name", KINDS)
def test_literals_mean_what_they_mean_to_postgresql(name: str, postgresql_server: str) -> None:
    kind, make = KINDS[name]
    texts = list(dict.fromkeys(make()))
    different = [
        f"{text!r}: {theirs} is not {ours}"
        for text, theirs in zip(texts, asyncio.run(cast(postgresql_server, name, texts)), strict=True)
        if not alike(kind, theirs, ours := read(kind, text)) and not deliberate(name, text)
    ]
    assert different == []
    assert len(texts) > 15


async def sort(url: str, kind: str, texts: list[str]) -> list[str]:
    """The literals in PostgreSQL's order."""
    connection = await asyncpg.connect(url, server_settings={"timezone": "UTC"})
    try:
        await connection.execute("CREATE TYPE pg_temp.mood AS ENUM ('sad', 'so so', 'Happy')")
        collation = 'COLLATE "C"' if kind in ("text", "text[]") else ""
        rows = await connection.fetch(f"SELECT t FROM unnest($1::text[]) AS _(t) ORDER BY t::{kind} {collation}", texts)
        return [row["t"] for row in rows]
    finally:
        await connection.close()


@pytest.mark.parametrize("name", [name for name in KINDS if name != "json"])
def test_values_are_ordered_as_postgresql_orders_them(name: str, postgresql_server: str) -> None:
    kind, make = KINDS[name]
    texts = [text for text in dict.fromkeys(make()) if read(kind, text)[0] == "ok" and not deliberate(name, text)]
    values = [kind.read(text) for text in asyncio.run(sort(postgresql_server, name, texts))]
    wrong = [pair for pair in pairwise(values) if (kind.compare(*pair) or 0) > 0]
    assert wrong == []
    assert len(values) > 2


STORED: Final = (
    ("varchar(3)", "abc"),
    ("varchar(3)", "abc   "),
    ("varchar(3)", "abcd"),
    ("varchar(3)", 12),
    ("varchar(3)", 1234),
    ("varchar(3)", "日本語"),
    ("char(3)", "a"),
    ("char(3)", "abc  "),
    ("char(3)", "abcd"),
    ("numeric(5,2)", 1.005),
    ("numeric(5,2)", Decimal("999.994")),
    ("numeric(5,2)", Decimal("999.995")),
    ("numeric(5,2)", "-0.005"),
    ("numeric(5,2)", "1e2"),
    ("numeric(5,2)", 1000),
    ("numeric(2,2)", 1),
    ("numeric(3)", "12.5"),
    ("numeric(5,2)", "x"),
    ("integer", 7),
    ("integer", "7"),
    ("integer", 7.5),
    ("integer", True),
    ("integer", 1 << 31),
    ("integer", []),
    ("boolean", True),
    ("boolean", 1),
    ("boolean", 2),
    ("boolean", "yes"),
    ("text", 5),
    ("text", True),
    ("text", {"a": [1]}),
    ("text", "a\0b"),
    ("double precision", 1),
    ("double precision", "1e400"),
    ("uuid", 5),
    ("date", 20240229),
    ("date", "2024-02-30"),
    ("timestamptz", "2024-01-01T00:00:00.5Z"),
    ("timestamptz", False),
    ("json", "text"),
    ("json", [1, {"a": None}]),
    ("jsonb", {"bb": 1, "a": [1.50, "é"]}),
    ("jsonb", "a\0b"),
    ("json", False),
    ("integer[]", [1, None, "3"]),
    ("integer[]", "{1,2}"),
    ("integer[]", [[1, 2], [3, 4]]),
    ("integer[]", [1, "x"]),
    ("integer[]", 5),
    ("integer[]", {}),
    ("varchar(3)[]", ["abc", "abc "]),
    ("varchar(3)[]", ["abcd"]),
    ("text[]", []),
    ("bytea", "\\x00ff"),
)
"""A column's type, and a JSON value to store in it."""


async def store(url: str, kind: str, value: Any) -> Outcome:
    """What PostgreSQL stores for a JSON value in a column of that type."""
    connection = await asyncpg.connect(url, server_settings={"timezone": "UTC"})
    try:
        await connection.execute(f"CREATE TEMPORARY TABLE stored (value {kind})")
        name = re.sub(r"\(.*?\)", "", "bpchar" if kind.startswith("char") else kind)
        given = str(value) if isinstance(value, Decimal) else json.dumps(value, separators=(",", ":"))
        text = await connection.fetchval(
            f"INSERT INTO stored SELECT value FROM json_to_record($1) AS _(value {name})"
            " RETURNING to_json(value)::text",
            f'{{"value":{given}}}',
        )
        return "ok", text
    except asyncpg.PostgresError as error:
        return error.sqlstate or "", error.message
    finally:
        await connection.close()


@pytest.mark.parametrize(("name", "value"), STORED, ids=str)
def test_json_values_are_stored_as_postgresql_stores_them(name: str, value: Any, postgresql_server: str) -> None:
    kind = literals.column_kind(name)
    theirs = asyncio.run(store(postgresql_server, name, value))
    ours: Outcome
    try:
        ours = "ok", kind.take(value)
    except (DataFault, DatabaseFault) as fault:
        ours = fault.state, fault.message
    if kind.name in ("json", "jsonb", "numeric") and theirs[0] == ours[0] == "ok":
        assert exact(theirs[1]) == exact(ours[1])
    else:
        assert alike(kind, theirs, ours), f"{theirs} is not {ours}"
