"""A reflected table with a column of every type that PostgreSQL has, and some of a user's own."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import date
from typing import Any, Final

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.dialects.postgresql import DATERANGE, INET, INT4RANGE, TSTZMULTIRANGE, Range
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from backstay import Backstay, anyone, system
from backstay.errors import DeclarationError
from behaviour.door import Door
from databases import Databases

REPRESENTATION = "return=representation"

TYPES: Final[dict[str, tuple[str, str]]] = {
    "boolean": ("false", "true"),
    "smallint": ("-5", "32767"),
    "integer": ("1", "2"),
    "bigint": ("9007199254740993", "9223372036854775807"),
    "numeric": ("0.10", "12345678901234567890.123456789"),
    "numeric(10,2)": ("1.50", "12345678.99"),
    "numeric(3,-2)": ("100", "12300"),
    "real": ("0.1", "2.5"),
    "double precision": ("0.1", "1e300"),
    "money": ("$1.50", "$1,234.56"),
    "text": ("a", "b"),
    "varchar(5)": ("a", "b c"),
    "char(3)": ("a", "b c"),
    "bpchar": ("a", "b"),
    '"char"': ("a", "b"),
    "name": ("a", "b"),
    "citext": ("A", "b"),
    "uuid": ("0e37df36-f698-11e6-8dd4-cb9ced3df976", "ffffffff-f698-11e6-8dd4-cb9ced3df976"),
    "bytea": ("\\x00ff", "\\x01"),
    "date": ("2024-02-29", "2025-01-01"),
    "time": ("01:02:03.5", "23:59:59"),
    "time(0)": ("01:02:03", "23:59:59"),
    "timetz": ("01:02:03+02", "23:59:59-05:30"),
    "timestamp": ("2024-02-29 01:02:03.5", "2025-01-01 00:00:00"),
    "timestamp(0)": ("2024-02-29 01:02:03", "2025-01-01 00:00:00"),
    "timestamptz": ("2024-02-29 01:02:03.5+02", "2025-01-01 00:00:00+00"),
    "interval": ("1 day 02:03:04", "1 mon"),
    "json": ('{"a": 1}', "[1, 2]"),
    "jsonb": ('{"a": 1}', '{"a": 2}'),
    "jsonpath": ('$."a"', '$."b"[*]'),
    "xml": ("<a>1</a>", "<b/>"),
    "inet": ("10.0.0.0/8", "10.0.0.1"),
    "cidr": ("10.0.0.0/8", "192.168.0.0/16"),
    "macaddr": ("08:00:2b:01:02:03", "08:00:2b:01:02:04"),
    "macaddr8": ("08:00:2b:01:02:03:04:05", "08:00:2b:01:02:03:04:06"),
    "bit(3)": ("101", "110"),
    "varbit": ("1", "10101"),
    "point": ("(1,2)", "(1.5,-2)"),
    "line": ("{1,-1,0}", "{2,-1,0}"),
    "lseg": ("[(0,0),(1,1)]", "[(0,0),(2,2)]"),
    "box": ("(1,1),(0,0)", "(2,2),(0,0)"),
    "path": ("((0,0),(1,1))", "((0,0),(1,1),(2,0))"),
    "polygon": ("((0,0),(1,1),(1,0))", "((0,0),(2,2),(2,0))"),
    "circle": ("<(0,0),1>", "<(0,0),2>"),
    "tsvector": ("'c'", "'a':1 'b':2"),
    "tsquery": ("'c'", "'a' & 'b'"),
    "int4range": ("[1,5)", "[2,)"),
    "int8range": ("empty", "[1,5)"),
    "numrange": ("(,2)", "[1.5,5]"),
    "daterange": ("[2024-01-01,2024-02-01)", "[2025-01-01,)"),
    "tsrange": ('["2024-01-01 00:00:00","2024-02-01 00:00:00")', '["2025-01-01 00:00:00",)'),
    "tstzrange": ('["2024-01-01 00:00:00+00","2024-02-01 00:00:00+00")', '["2025-01-01 00:00:00+00",)'),
    "floatrange": ("[1.5,2.5]", "[2,3)"),
    "oid": ("1", "4294967295"),
    "regclass": ("pg_class", "pg_type"),
    "xid": ("1", "2"),
    "pg_lsn": ("0/1", "16/B374D848"),
    "hstore": ('"a"=>"1"', '"b"=>NULL'),
    "ltree": ("a.b", "c"),
    "mood": ("sad", "glad"),
    "positive": ("1", "2"),
    "email": ("a@b", "c@d"),
    "numbers": ("{1,2}", "{3}"),
    "spot": ("(High,1)", '("Low St",2)'),
    "house": ('("(High,1)",{a},2024-01-01)', '(,"{b,NULL}",)'),
}
"""Each type with two of its values, in order."""

WITHOUT_EQUALITY: Final = {"json", "xml", "point", "polygon", "jsonpath"}
WITHOUT_INEQUALITY: Final = {"line", "box", "path"}
WITHOUT_ARRAY_EQUALITY: Final = {*WITHOUT_EQUALITY, "line", "lseg", "box", "path", "circle", "xid8"}
WITHOUT_ORDER: Final = {*WITHOUT_EQUALITY, "box", "line", "lseg", "path", "circle", "xid", "regclass"}
MULTIRANGES: Final = {
    "int4multirange": ("{[1,5),[7,9)}", "{[2,)}"),
    "nummultirange": ("{}", "{[1.5,2)}"),
    "datemultirange": ("{[2024-01-01,2024-02-01)}", "{[2025-01-01,)}"),
}

SETUP: Final = """
CREATE EXTENSION citext; CREATE EXTENSION hstore; CREATE EXTENSION ltree;
CREATE TYPE mood AS ENUM ('sad', 'glad');
CREATE TYPE floatrange AS RANGE (subtype = float8, subtype_diff = float8mi);
CREATE TYPE spot AS (street text, number int);
CREATE TYPE house AS (spot spot, tags text[], built date);
CREATE DOMAIN positive AS int CHECK (value > 0);
CREATE DOMAIN email AS citext CHECK (value LIKE '%@%');
CREATE DOMAIN numbers AS int[] CHECK (array_length(value, 1) < 4);
"""


def every() -> dict[str, tuple[str, str]]:
    """Every type, and the array of every type."""
    plain = {**TYPES, **MULTIRANGES}
    return plain | {
        f"{name}[]": (literal(name, one), literal(name, one, other))
        for name, (one, other) in plain.items()
        if name != "numbers"
    }


def literal(name: str, *values: str) -> str:
    mark = ";" if name == "box" else ","
    return "{" + mark.join('"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"' for value in values) + "}"


def label(name: str) -> str:
    return "c" + str(list(every()).index(name))


@pytest.fixture(scope="module")
def types(postgresql_databases: Databases) -> Iterator[Door]:
    """The table behind a front door."""
    url = postgresql_databases.create()

    async def make() -> None:
        database = await asyncpg.connect(url)
        await database.execute(SETUP)
        columns = ", ".join(f"{label(name)} {name}" for name in every())
        await database.execute(f"CREATE TABLE kinds (id int PRIMARY KEY, {columns})")
        for number in (0, 1):
            values = ", ".join("'" + pair[number].replace("'", "''") + "'" for pair in every().values())
            await database.execute(f"INSERT INTO kinds VALUES ({number + 1}, {values})")
        await database.execute("INSERT INTO kinds VALUES (3)")
        await database.close()

    async def leave(app: Backstay) -> None:
        """Put no rows in: they are there."""

    asyncio.run(make())
    app = Backstay(url)
    app.reflect(select=anyone, write=anyone)
    with Door(app, leave) as door:
        yield door
    postgresql_databases.drop(url)


def element(name: str) -> str:
    return name.removesuffix("[]")


@pytest.mark.parametrize("name", list(every()))
def test_every_type_is_shown_written_filtered_and_ordered(name: str, types: Door) -> None:
    column = label(name)
    rows = types.rows(f"/kinds?select=x:{column},t:{column}::text&order=id")
    assert rows[2] == {"x": None, "t": None}
    assert None not in (rows[0]["x"], rows[1]["x"], rows[0]["t"], rows[1]["t"])
    try:
        check_writes(types, name, column, rows)
    finally:
        types.ask("DELETE", "/kinds?id=gt.3")
    check_filters(types, name, column, [row["t"] for row in rows[:2]])


def check_writes(types: Door, name: str, column: str, rows: list[dict[str, Any]]) -> None:
    body = types.get(f"/kinds?select={column}&order=id").body
    shown = [part.partition(b":")[2].decode() for part in split(body)]
    if element(name) == "hstore":
        # Shown as JSON, and read as a literal: so it is with PostgREST.
        answer = write(types, "POST", "/kinds", f'{{"id":11,"{column}":{shown[0]}}}')
        assert (answer.status, answer.code) == (400, "22P02")
    else:
        # What was shown can be written: one row, many rows, and into a row that is there.
        answer = write(types, "POST", "/kinds?select=" + column, f'{{"id":11,"{column}":{shown[0]}}}')
        assert (answer.status, answer.json) == (201, [{column: rows[0]["x"]}]), answer.body
        many = ",".join(f'{{"id":{21 + at},"{column}":{each}}}' for at, each in enumerate(shown))
        answer = write(types, "POST", "/kinds?select=" + column, f"[{many}]")
        assert (answer.status, answer.json) == (201, [{column: row["x"]} for row in rows]), answer.body
        answer = write(types, "PATCH", f"/kinds?id=eq.11&select={column}", f'{{"{column}":{shown[1]}}}')
        assert (answer.status, answer.json) == (200, [{column: rows[1]["x"]}]), answer.body
    if name not in ("json", "jsonb"):
        # So can the text of a value, as PostgreSQL writes it.
        for place in (0, 1):
            row = {"id": 31 + place, column: rows[place]["t"]}
            body = json.dumps([row] if place else row)
            answer = write(types, "POST", "/kinds?select=" + column, body)
            assert (answer.status, answer.json) == (201, [{column: rows[place]["x"]}]), answer.body


def check_filters(types: Door, name: str, column: str, texts: list[str]) -> None:
    sent = [text.replace("&", "%26").replace("+", "%2B").replace("#", "%23") for text in texts]
    compared = types.get(f"/kinds?select=id&{column}=eq.{sent[0]}")
    if element(name) in (WITHOUT_ARRAY_EQUALITY if name.endswith("[]") else WITHOUT_EQUALITY):
        assert (compared.status, compared.code) == (404, "42883"), compared.body
    else:
        assert (compared.status, compared.json) == (200, [{"id": 1}]), compared.body
        for query, found in (
            (f"{column}=not.eq.{sent[0]}", [2]),
            (f"{column}=neq.{sent[0]}", [2]),
            (f"{column}=isdistinct.{sent[0]}", [2, 3]),
            (f"{column}=in.({','.join(map(escaped, sent))})", [1, 2]),
            (f"{column}=eq(any).{{{','.join(map(escaped, sent))}}}", [1, 2]),
            (f"or=({column}.eq.{escaped(sent[1])},id.eq.3)", [2, 3]),
        ):
            answer = types.get(f"/kinds?select=id&order=id&{query}")
            if name in WITHOUT_INEQUALITY and "neq" in query:
                assert (answer.status, answer.code) == (404, "42883")
                continue
            assert (answer.status, answer.json) == (200, [{"id": each} for each in found]), (query, answer.body)
    assert types.rows(f"/kinds?select=id&{column}=is.null") == [{"id": 3}]
    ordered = types.get(f"/kinds?select=id&order={column}.desc.nullslast")
    if element(name) in WITHOUT_ORDER:
        assert ordered.status in (200, 404), ordered.body
    else:
        assert (ordered.status, ordered.json) == (200, [{"id": 2}, {"id": 1}, {"id": 3}]), (name, ordered.body)
    nonsense = types.get(f"/kinds?select=id&{column}=eq.%7Bno%2Csuch")
    assert nonsense.status in (200, 400, 404), nonsense.body
    for query in (f"{column}->0", f"{column}->a", f"{column}->>0"):
        assert types.get(f"/kinds?select={query}").status == 200


def escaped(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def write(types: Door, method: str, url: str, body: str) -> Any:
    return types.ask(method, url, raw=body.encode(), prefer=REPRESENTATION)


def split(body: bytes) -> list[bytes]:
    """The objects of one key in an array, as they are written."""
    text, found, decoder = body.decode()[1:-1], [], json.JSONDecoder()
    while text := text.lstrip(", \n"):
        _, end = decoder.raw_decode(text)
        found.append(text[1 : end - 1].encode())
        text = text[end:]
    return found


# Operators ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "query", "found"),
    [
        # int4range: [1,5) and [2,)
        ("int4range", "cs.[1,2)", [1]),
        ("int4range", "cs.[3,4]", [1, 2]),
        ("int4range", "cs.empty", [1, 2]),
        ("int4range", "cd.[0,9]", [1]),
        ("int4range", "ov.[1,2)", [1]),
        ("int4range", "ov.[4,6]", [1, 2]),
        ("int4range", "not.ov.[1,2)", [2]),
        ("int4range", "sl.[5,6)", [1]),
        ("int4range", "sr.[0,1]", [2]),
        ("int4range", "nxr.[0,6)", [1]),
        ("int4range", "nxl.[2,3)", [2]),
        ("int4range", "adj.[5,9)", [1]),
        ("int4range", "adj.(,1]", [2]),
        ("int4range", "eq.(0,4]", [1]),
        ("int4range", "gt.[1,5)", [2]),
        ("daterange", "cs.[2024-01-05,2024-01-06]", [1]),
        ("tstzrange", "ov.[2024-01-31T23:00:00Z,)", [1, 2]),
        ("numrange", "adj.(5,6)", [2]),
        ("floatrange", "cs.[2.1,2.2]", [1, 2]),
        ("floatrange", "sr.[0,1.4]", [1, 2]),
        ("int4range[]", 'cs.{"[1,5)"}', [1, 2]),
        ("int4multirange", "cs.{[1,2)}", [1]),
        ("int4multirange", "ov.{[8,9)}", [1, 2]),
        ("nummultirange", "cd.{[0,9]}", [1, 2]),
        ("datemultirange", "sr.{[2024-03-01,2024-03-02]}", [2]),
        # other types that have the operators
        ("inet", "sl.10.0.0.0/8", [2]),
        ("hstore", "cs.a=>1", [1]),
        ("ltree", "cd.a", [1]),
        ("box", "ov.(3,3),(1.5,1.5)", [2]),
        ("circle", "cs.<(0,0),1.5>", [2]),
        ("citext", "like.a*", [1]),
        ("citext", "match.^a", [1]),
        ("citext", "eq.a", [1]),
        ("email", "eq.A@B", [1]),
        ("name", "like.a*", [1]),
        ("ltree", "match.a.b", None),
        # rows and arrays of them
        ("spot", "eq.(High,1)", [1]),
        ("spot", "gt.(High,1)", [2]),
        ("spot[]", 'cs.{"(High,1)"}', [1, 2]),
        ("spot[]", 'ov.{"(\\"Low St\\",2)"}', [2]),
    ],
)
def test_operators_of_postgresqls_own_types(types: Door, name: str, query: str, found: list[int] | None) -> None:
    answer = types.get(f"/kinds?select=id&order=id&{label(name)}={query}")
    if found is None:
        assert (answer.status, answer.code) == (404, "42883"), answer.body
    else:
        assert (answer.status, answer.json) == (200, [{"id": each} for each in found]), answer.body


@pytest.mark.parametrize(
    ("name", "query", "state", "message"),
    [
        # An element alone is no literal of a range, so PostgREST cannot be asked for it either.
        ("int4range", "cs.5", "22P02", 'malformed range literal: "5"'),
        ("int4range", "eq.[5,1]", "22000", "range lower bound must be less than or equal to range upper bound"),
        ("int4range", "cs.[a,b]", "22P02", 'invalid input syntax for type integer: "a"'),
        ("int4multirange", "cs.[1,2)", "22P02", 'malformed multirange literal: "[1,2)"'),
        ("daterange", "cs.[2024-13-01,]", "22008", None),
        ("inet", "eq.300.0.0.1", "22P02", 'invalid input syntax for type inet: "300.0.0.1"'),
        ("cidr", "eq.10.0.0.1/8", "22P02", 'invalid cidr value: "10.0.0.1/8"'),
        ("macaddr", "eq.x", "22P02", 'invalid input syntax for type macaddr: "x"'),
        ("bit(3)", "eq.12", "22P02", '"2" is not a valid binary digit'),
        ("money", "eq.x", "22P02", 'invalid input syntax for type money: "x"'),
        ("point", "eq.(1,2)", "42883", None),
        ("box", "ov.x", "22P02", 'invalid input syntax for type box: "x"'),
        ("tsquery", "eq.a b", "42601", 'syntax error in tsquery: "a b"'),
        ("hstore", "eq.x", "22P02", None),
        ("ltree", "eq.a..b", "42601", "ltree syntax error at character 3"),
        ("spot", "eq.x", "22P02", 'malformed record literal: "x"'),
        ("spot", "eq.(a,b)", "22P02", 'invalid input syntax for type integer: "b"'),
        ("spot[]", "cs.x", "22P02", 'malformed array literal: "x"'),
        ("positive", "eq.x", "22P02", 'invalid input syntax for type integer: "x"'),
        ("jsonpath", "is.true", "42804", "argument of IS TRUE must be type boolean, not type jsonpath"),
        ("xml", "eq.<a", None, None),
    ],
)
def test_literals_that_postgresql_cannot_read(
    types: Door, name: str, query: str, state: str | None, message: str | None
) -> None:
    answer = types.get(f"/kinds?select=id&{label(name)}={query}")
    assert answer.status in (400, 404), answer.body
    assert state is None or answer.code == state, answer.body
    assert message is None or answer.json["message"] == message


def test_rows_are_reached_into(types: Door) -> None:
    spot, house = label("spot"), label("house")
    assert types.rows(f"/kinds?select=s:{spot}->street,n:{spot}->>number&{spot}->>street=eq.High") == [
        {"s": "High", "n": "1"}
    ]
    assert types.rows(f"/kinds?select=a:{house}->spot->>street,b:{house}->tags->0&order={house}->>built&id=lt.3") == [
        {"a": "High", "b": "a"},
        {"a": None, "b": "b"},
    ]
    assert types.rows(f"/kinds?select=id&{house}->spot->number=eq.1") == [{"id": 1}]


@pytest.mark.parametrize(
    ("name", "value", "state"),
    [
        ("positive", 0, "23514"),
        ("email", "nobody", "23514"),
        ("numbers", [1, 2, 3, 4], "23514"),
        ("positive[]", [1, 0], "23514"),
        ("mood", "angry", "22P02"),
        ("mood[]", ["angry"], "22P02"),
        ("spot", {"street": "x", "number": "y"}, "22P02"),
        ("spot", [1], "22023"),
        ("spot", 5, "22023"),
        ("house", {"spot": {"number": 1.5}}, "22P02"),
        ("house", {"built": "2024-02-30"}, "22008"),
        ("spot[]", {"street": "x"}, "22P02"),
        ("int4range", {"lower": 1}, "22P02"),
        ("inet", 5, "22P02"),
        ("varchar(5)", "abcdef", "22001"),
        ("bit(3)", "1", "22026"),
        ("varchar(5)[]", ["abcdef"], "22001"),
    ],
)
def test_values_that_postgresql_does_not_take(types: Door, name: str, value: Any, state: str) -> None:
    for body in ({"id": 9, label(name): value}, [{"id": 9, label(name): value}, {"id": 10, label(name): None}]):
        answer = types.ask("POST", "/kinds", body)
        assert (answer.status, answer.code) == (400, state), answer.body


def test_rows_may_lack_parts_and_have_more(types: Door) -> None:
    spot = label("spot")
    given = {"id": 9, spot: {"street": "x", "other": [1]}}
    answer = types.ask("POST", f"/kinds?select={spot}", given, prefer=REPRESENTATION)
    assert answer.json == [{spot: {"street": "x", "number": None}}]
    types.ask("DELETE", "/kinds?id=eq.9")


def test_numbers_that_are_none_are_shown_as_text_and_sorted_last(postgresql_databases: Databases) -> None:
    async def fill(app: Backstay) -> None:
        async with app.session(system) as session:
            values = "(1, 'NaN', 'NaN'), (2, 'Infinity', 'Infinity'), (3, '-Infinity', '-Infinity'), (4, 1.5, 1.5)"
            await session.execute(text(f"INSERT INTO odd VALUES {values}"))

    async def make() -> None:
        database = await asyncpg.connect(url)
        await database.execute("CREATE TABLE odd (id int PRIMARY KEY, ratio float8, exact numeric)")
        await database.close()

    url = postgresql_databases.create()
    asyncio.run(make())
    app = Backstay(url)
    app.reflect(select=anyone)
    with Door(app, fill) as door:
        rows = door.rows("/odd?select=ratio,exact,x:ratio::text&order=exact")
        assert [(row["ratio"], row["exact"], row["x"]) for row in rows] == [
            ("-Infinity", "-Infinity", "-Infinity"),
            (1.5, 1.5, "1.5"),
            ("Infinity", "Infinity", "Infinity"),
            ("NaN", "NaN", "NaN"),
        ]
        assert door.rows("/odd?select=id&ratio=gt.1e300&order=id") == [{"id": 1}, {"id": 2}]
        # No literal stands for them: not every database has them.
        assert door.get("/odd?ratio=eq.NaN").code == "22P02"
    postgresql_databases.drop(url)


# Models ------------------------------------------------------------------------------------------------------


class Base(DeclarativeBase): ...


class Trip(Base):
    __tablename__ = "trips"

    id: Mapped[int] = mapped_column(primary_key=True)
    days: Mapped[Any | None] = mapped_column(DATERANGE)
    seats: Mapped[Any | None] = mapped_column(INT4RANGE)
    hours: Mapped[Any | None] = mapped_column(TSTZMULTIRANGE)
    host: Mapped[Any | None] = mapped_column(INET)


def test_models_may_have_such_types(postgresql_databases: Databases) -> None:
    async def fill(app: Backstay) -> None:
        async with app.session(system) as session:
            await (await session.connection()).run_sync(Base.metadata.create_all)
            session.add(Trip(id=1, days=Range(date(2024, 1, 1), date(2024, 1, 5)), seats=Range(1, 3)))

    url = postgresql_databases.create()
    app = Backstay(url)
    app.resource(Trip, select=anyone, write=anyone)
    with Door(app, fill) as door:
        row = {"id": 2, "days": "[2024-02-01,2024-02-03)", "seats": "[4,5)", "hours": "{}", "host": "::1"}
        assert door.ask("POST", "/trips", row, prefer=REPRESENTATION).json == [row]
        assert door.rows("/trips?id=eq.1") == [
            {"id": 1, "days": "[2024-01-01,2024-01-05)", "seats": "[1,3)", "hours": None, "host": None}
        ]
        assert door.rows("/trips?select=id&days=sl.[2024-01-20,)") == [{"id": 1}]
        assert door.rows("/trips?select=id&order=seats.desc") == [{"id": 2}, {"id": 1}]
    postgresql_databases.drop(url)


def test_such_types_are_a_finding_where_the_database_has_them_not() -> None:
    app = Backstay("sqlite://")
    app.resource(Trip, select=anyone, write=anyone)
    with pytest.raises(DeclarationError) as raised:
        _ = app.schema
    assert [finding.code for finding in raised.value.findings] == ["BS137"] * 4
    assert "trips.days is of type daterange, which sqlite has not" in str(raised.value)
