"""A database that was there before: its tables, views and functions are served without models."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import apsw
import asyncpg
import pytest
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from backstay import Auth, AuthUser, Backstay, anyone, current, signed_in
from backstay.schema.check import check
from backstay.schema.relation import Cardinality
from behaviour.door import Door
from databases import Databases, sqlite_url
from in_time import in_time


class Base(DeclarativeBase): ...


class User(AuthUser, Base):
    __tablename__ = "users"


SHARED = """
CREATE TABLE artists (id integer PRIMARY KEY, name varchar(40) NOT NULL UNIQUE, born date);
CREATE TABLE paintings (
  id integer PRIMARY KEY, title text NOT NULL DEFAULT 'Untitled', artist_id integer NOT NULL REFERENCES artists (id),
  owner_id integer, CONSTRAINT owner FOREIGN KEY (owner_id) REFERENCES artists (id));
CREATE TABLE styles (code text PRIMARY KEY, name text);
CREATE TABLE painting_styles (
  painting_id integer REFERENCES paintings (id), style text REFERENCES styles (code), PRIMARY KEY (painting_id, style));
CREATE TABLE logs (line text);
CREATE TABLE alembic_version (version_num text);
CREATE TABLE _backstay_changes (id integer PRIMARY KEY);
CREATE TABLE "Odd Name" ("a b" integer PRIMARY KEY);
CREATE VIEW painters AS SELECT id, name AS called, upper(name) AS loud FROM artists;
INSERT INTO artists VALUES (1, 'Ann', '1900-02-01'), (2, 'Bob', NULL);
INSERT INTO paintings VALUES (1, 'Sea', 1, 2), (2, 'Hill', 1, NULL);
INSERT INTO styles VALUES ('o', 'Oil');
INSERT INTO painting_styles VALUES (1, 'o')
"""

POSTGRESQL = """
CREATE SCHEMA private;
CREATE TYPE mood AS ENUM ('sad', 'glad');
CREATE DOMAIN email AS text CHECK (value LIKE '%@%');
CREATE TYPE spot AS (street text, number int);
CREATE TABLE people (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, mood mood DEFAULT 'glad', mail email, tags text[], spot spot,
  net inet, price numeric(10, 2) DEFAULT 1.5, double int GENERATED ALWAYS AS (length(mail) * 2) STORED);
COMMENT ON TABLE people IS 'Those who live here';
COMMENT ON COLUMN people.mail IS 'How to write to them';
CREATE TABLE private.secrets (id int PRIMARY KEY, person_id bigint NOT NULL DEFAULT 7 REFERENCES people);
CREATE VIEW hints AS SELECT id AS number, person_id FROM private.secrets;
CREATE VIEW hints_again AS SELECT number, person_id FROM hints WHERE number > 0;
CREATE VIEW pairs AS SELECT s.id, p.id AS person, p.mood FROM private.secrets s JOIN people p ON p.id = s.person_id;
CREATE VIEW everyone AS SELECT id FROM people UNION SELECT id FROM private.secrets;
CREATE MATERIALIZED VIEW kept AS SELECT id FROM people;
CREATE TABLE years (at date NOT NULL) PARTITION BY RANGE (at);
CREATE TABLE years_2020 PARTITION OF years FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');

CREATE FUNCTION add(a int, b int DEFAULT 2) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT a + b';
CREATE FUNCTION add(a text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT a';
CREATE FUNCTION by_artist(name text) RETURNS SETOF paintings LANGUAGE sql STABLE AS
  'SELECT p.* FROM paintings p JOIN artists a ON a.id = p.artist_id WHERE a.name = by_artist.name ORDER BY p.id';
CREATE FUNCTION an_artist(id int) RETURNS artists LANGUAGE sql STABLE AS
  'SELECT * FROM artists a WHERE a.id = an_artist.id';
CREATE FUNCTION count_to(n int) RETURNS TABLE (k int, v text) LANGUAGE sql IMMUTABLE AS
  'SELECT g, g::text FROM generate_series(1, n) g';
CREATE FUNCTION numbers() RETURNS SETOF int LANGUAGE sql IMMUTABLE AS 'SELECT generate_series(1, 3)';
CREATE FUNCTION parts(a int, OUT b int, OUT c text) LANGUAGE sql IMMUTABLE AS 'SELECT a, a::text';
CREATE FUNCTION total(VARIADIC xs int[]) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT sum(x)::int FROM unnest(xs) x';
CREATE FUNCTION echo(json) RETURNS json LANGUAGE sql IMMUTABLE AS 'SELECT $1';
CREATE FUNCTION paint(title text) RETURNS int LANGUAGE sql AS
  'INSERT INTO paintings VALUES ((SELECT max(id) + 1 FROM paintings), paint.title, 1, NULL) RETURNING id';
CREATE FUNCTION nothing() RETURNS void LANGUAGE sql STABLE AS '';
CREATE FUNCTION who() RETURNS json LANGUAGE sql STABLE AS $$SELECT current_setting('request.jwt.claims')::json$$;
CREATE FUNCTION fail() RETURNS int LANGUAGE plpgsql STABLE AS $$BEGIN RAISE 'No way' USING HINT = 'Turn'; END$$;
CREATE FUNCTION of_a_trigger() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
CREATE FUNCTION of_any_type(anyelement) RETURNS anyelement LANGUAGE sql AS 'SELECT $1'
"""


def make(url: str, statements: str) -> None:
    """Have a database with these tables, as another program would have made them."""
    if url.startswith("sqlite"):
        connection = apsw.Connection(url.removeprefix("sqlite:///"))
        connection.execute(statements)
        connection.close()
        return

    async def execute() -> None:
        database = await asyncpg.connect(url)
        await database.execute(statements)
        await database.close()

    asyncio.run(execute())


async def leave(app: Backstay) -> None:
    """Put no rows in: they are there."""


@pytest.fixture(scope="module")
def shared(module_database_url: str) -> Iterator[Door]:
    """The tables that both kinds of database can have."""
    make(module_database_url, SHARED)
    app = Backstay(module_database_url)
    app.reflect(select=anyone, write=anyone)
    with Door(app, leave) as door:
        yield door


@pytest.fixture(scope="module")
def own_url(postgresql_databases: Databases) -> Iterator[str]:
    """A PostgreSQL database with all of it."""
    url = postgresql_databases.create()
    make(url, SHARED + ";" + POSTGRESQL)
    yield url
    postgresql_databases.drop(url)


@pytest.fixture(scope="module")
def postgresql(own_url: str) -> Iterator[Door]:
    """What only PostgreSQL has."""
    app = Backstay(own_url, auth=Auth(User))
    app.reflect(select=anyone, write=signed_in)
    with Door(app, leave) as door:
        yield door


# Tables, on both ---------------------------------------------------------------------------------------------


def test_every_table_and_view_is_served_but_for_those_of_tools(shared: Door) -> None:
    names = {name for _, name in shared.app.schema.resources}
    assert names == {"artists", "paintings", "styles", "painting_styles", "logs", "Odd Name", "painters"}


def test_rows_are_embedded_by_foreign_keys(shared: Door) -> None:
    rows = shared.rows(
        "/paintings?select=title,artists!paintings_artist_id_fkey(name),owner_id(name),styles(name)&id=eq.1"
    )
    assert rows == [
        {"title": "Sea", "artists": {"name": "Ann"}, "owner_id": {"name": "Bob"}, "styles": [{"name": "Oil"}]}
    ]


def test_the_names_of_foreign_keys_are_the_databases(shared: Door) -> None:
    paintings = shared.app.schema.resources["public", "paintings"]
    names = {each.constraint for each in paintings.relations if each.owning and not each.to_view}
    assert names == {"owner", "paintings_artist_id_fkey"}


def test_a_row_is_written_with_the_databases_defaults(shared: Door) -> None:
    answer = shared.ask(
        "POST", "/paintings?columns=id,artist_id", {"id": 9, "artist_id": 2}, prefer="return=representation"
    )
    assert answer.json == [{"id": 9, "title": "Untitled", "artist_id": 2, "owner_id": None}]
    assert shared.ask("DELETE", "/paintings?id=eq.9").status == 204


def test_literals_are_read_by_the_types_of_the_database(shared: Door) -> None:
    assert shared.rows("/artists?born=lt.1950-01-01&select=id") == [{"id": 1}]
    assert shared.get("/artists?born=eq.never").code == "22007"


def test_a_table_without_primary_key_is_written_but_not_put(shared: Door) -> None:
    assert shared.rows("/logs") == []
    told = {"prefer": "return=representation, count=exact"}
    assert shared.ask("POST", "/logs", [{"line": "a"}, {"line": "b"}, {"line": "b"}]).status == 201
    made = shared.ask("POST", "/logs", [{"line": "b"}, {"line": "c"}], **told)
    assert (made.status, made.json, made.range) == (201, [{"line": "b"}, {"line": "c"}], "*/2")
    located = shared.ask("POST", "/logs", {"line": "d"}, prefer="return=headers-only")
    assert (located.status, located.headers.get("location")) == (201, None)
    changed = shared.ask("PATCH", "/logs?line=eq.b", {"line": "B"}, **told)
    assert (changed.json, changed.range) == ([{"line": "B"}] * 3, "0-2/3")
    assert shared.ask("PATCH", "/logs?line=eq.c", {"line": "C"}).status == 204
    gone = shared.ask("DELETE", "/logs?line=in.(B,C)&order=line&select=line", **told)
    assert (gone.json, gone.range) == ([{"line": "B"}, {"line": "B"}, {"line": "B"}, {"line": "C"}], "*/4")
    assert shared.ask("PUT", "/logs?line=eq.a", {"line": "a"}).code == "PGRST105"
    assert shared.ask("OPTIONS", "/logs").headers["allow"] == "OPTIONS,GET,HEAD,POST,PATCH,DELETE"
    single = shared.ask("DELETE", "/logs?line=neq.x", accept="application/vnd.pgrst.object+json", **told)
    assert single.code == "PGRST116"
    assert shared.ask("DELETE", "/logs?line=neq.x").status == 204
    assert shared.rows("/logs") == []


def test_names_may_have_blanks(shared: Door) -> None:
    assert shared.rows('/Odd Name?select="a b"') == []


def test_a_view_is_read(shared: Door) -> None:
    assert shared.rows("/painters?called=eq.Ann") == [{"id": 1, "called": "Ann", "loud": "ANN"}]


def test_without_rules_nobody_sees_anything(module_database_url: str, shared: Door) -> None:
    app = Backstay(module_database_url)
    app.reflect()
    with Door(app, leave) as door:
        assert door.get("/artists", caller="anon").code == "42501"
    assert {finding.code for finding in check(app.collected, app.declarations)} >= {"BS121"}


# Models beside the database ----------------------------------------------------------------------------------


class Artist(Base):
    __tablename__ = "artists"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


def test_tables_of_models_are_left_to_the_models(module_database_url: str, shared: Door) -> None:
    app = Backstay(module_database_url, auth=Auth(User))
    app.resource(Artist, select=Artist.name == "Ann", hidden=[Artist.id])
    app.reflect(select=anyone)
    with Door(app, leave) as door:
        assert door.rows("/artists", caller="anon") == [{"name": "Ann"}]
        assert door.rows("/paintings?select=title,artists!paintings_artist_id_fkey(name)&id=eq.2", caller="anon") == [
            {"title": "Hill", "artists": {"name": "Ann"}}
        ]


def test_rules_of_reflected_tables_speak_of_the_caller(module_database_url: str, shared: Door) -> None:
    app = Backstay(module_database_url, auth=Auth(User))
    app.reflect(select=signed_in & (current(User).id.is_not(None)))
    with Door(app, leave) as door:
        assert door.get("/styles", caller="anon").status == 401
        assert door.rows("/styles", caller="ada") == [{"code": "o", "name": "Oil"}]


def test_a_rule_of_a_column_is_a_finding(module_database_url: str, shared: Door) -> None:
    app = Backstay(module_database_url)
    app.reflect(select=Artist.name == "Ann")
    assert {finding.code for finding in app.collected.findings} == {"BS102"}
    assert len(set(app.collected.findings)) == 1


def test_a_running_event_loop_is_no_hindrance(module_database_url: str, shared: Door) -> None:
    async def collected() -> int:
        app = Backstay(module_database_url)
        app.reflect(select=anyone)
        return len(app.collected.resources)

    assert asyncio.run(collected()) == 7


# What SQLite has ---------------------------------------------------------------------------------------------


def test_columns_of_sqlite_without_a_type_hold_anything(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path)
    make(
        url, "CREATE TABLE t (id integer PRIMARY KEY, x, y point); INSERT INTO t VALUES (1, x'00ff', 'a'), (2, 1.5, 2)"
    )
    app = Backstay(url)
    app.reflect(select=anyone)
    with Door(app, leave) as door:
        assert door.rows("/t") == [{"id": 1, "x": "\\x00ff", "y": "a"}, {"id": 2, "x": 1.5, "y": 2}]


# What PostgreSQL has -----------------------------------------------------------------------------------------


def test_types_of_postgresql_have_their_kinds(postgresql: Door) -> None:
    people = postgresql.app.schema.resources["public", "people"]
    assert {name: column.kind.name for name, column in people.columns.items()} == {
        "id": "bigint",
        "mood": "mood",
        "mail": "text",
        "tags": "text[]",
        "spot": "public.spot",
        "net": "inet",
        "price": "numeric",
        "double": "integer",
    }
    assert (people.comment, people.columns["mail"].comment) == ("Those who live here", "How to write to them")
    assert people.columns["id"].generated
    assert people.columns["double"].generated
    assert people.columns["mood"].server_default


def test_rows_of_such_types_are_written_and_read(postgresql: Door) -> None:
    row = {"mail": "a@b", "tags": ["x", "y"], "net": "10.0.0.1", "spot": "(High,1)"}
    answer = postgresql.ask("POST", "/people", row, prefer="return=representation")
    # Other tests may have used up numbers before.
    number = answer.json[0]["id"]
    assert answer.json == [
        {
            "id": number,
            "mood": "glad",
            "mail": "a@b",
            "tags": ["x", "y"],
            "spot": {"street": "High", "number": 1},
            "net": "10.0.0.1",
            "price": 1.5,
            "double": 6,
        }
    ]
    assert postgresql.rows("/people?net=eq.10.0.0.1&tags=cs.{x}&mood=eq.glad&select=id") == [{"id": number}]
    assert postgresql.ask("POST", "/people", {"mail": "nobody"}).code == "23514"
    assert postgresql.ask("POST", "/people", {"mood": "odd"}).code == "22P02"


def test_a_view_takes_over_the_keys_of_the_table_behind_it(postgresql: Door) -> None:
    schema = postgresql.app.schema
    for name in ("hints", "hints_again"):
        view = schema.resources["public", name]
        assert view.view
        assert view.key == ("number",)
        (person,) = [each for each in view.relations if each.target[1] == "people"]
        assert (person.constraint, person.cardinality) == ("secrets_person_id_fkey", Cardinality.MANY_TO_ONE)
        assert not view.columns["person_id"].required


def test_a_view_of_one_table_is_written(postgresql: Door) -> None:
    postgresql.ask("POST", "/people", {"mail": "c@d"})
    (person,) = postgresql.rows("/people?mail=eq.c@d&select=id")
    answer = postgresql.ask(
        "POST",
        "/hints?select=number,people(mail)",
        {"number": 5, "person_id": person["id"]},
        prefer="return=representation",
    )
    assert answer.json == [{"number": 5, "people": {"mail": "c@d"}}]
    assert postgresql.ask("DELETE", "/hints_again?number=eq.5").status == 204
    assert postgresql.rows("/hints") == []


@pytest.mark.parametrize("name", ["pairs", "everyone", "kept"])
def test_a_view_of_several_tables_is_read_only(name: str, postgresql: Door) -> None:
    assert postgresql.app.schema.resources["public", name].key == ()


def test_tables_of_other_schemas_and_partitions_are_not_served(postgresql: Door) -> None:
    names = {name for _, name in postgresql.app.schema.resources}
    assert "years" in names
    assert names & {"secrets", "years_2020"} == set()


def test_another_schema_is_served_under_its_name(own_url: str) -> None:
    app = Backstay(own_url)
    app.reflect(select=anyone)
    app.reflect(schema="private", select=anyone)
    with Door(app, leave) as door:
        assert door.rows("/secrets", accept_profile="private") == []
        assert door.get("/secrets").status == 404
        assert door.rows("/secrets?select=id", accept_profile="private") == []


# Functions ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "body", "answer"),
    [
        ("/rpc/add", {"a": 1, "b": 5}, 6),
        ("/rpc/numbers", {}, [1, 2, 3]),
        ("/rpc/numbers?limit=1&offset=1", {}, [2]),
        ("/rpc/count_to", {"n": 2}, [{"k": 1, "v": "1"}, {"k": 2, "v": "2"}]),
        ("/rpc/count_to?select=v&k=gt.1&order=k.desc", {"n": 3}, [{"v": "3"}, {"v": "2"}]),
        ("/rpc/parts", {"a": 4}, {"b": 4, "c": "4"}),
        ("/rpc/an_artist?select=name", {"id": 2}, {"name": "Bob"}),
        ("/rpc/by_artist?select=title,styles(name)", {"name": "Ann"}, None),
        ("/rpc/total", {"xs": [1, 2, 3]}, 6),
        ("/rpc/echo", {"any": ["thing"]}, {"any": ["thing"]}),
    ],
)
def test_a_function_answers_as_what_it_returns(url: str, body: object, answer: object, postgresql: Door) -> None:
    if answer is None:
        answer = [{"title": "Sea", "styles": [{"name": "Oil"}]}, {"title": "Hill", "styles": []}]
    assert postgresql.ask("POST", url, body).json == answer


@pytest.mark.parametrize(
    ("url", "answer"),
    [
        ("/rpc/add?a=1&b=5", 6),
        ("/rpc/total?xs=1&xs=2", 3),
        ("/rpc/total?xs={4,5}", 9),
        ("/rpc/total?xs=7", 7),
        ("/rpc/count_to?n=3&k=lt.2&select=k", [{"k": 1}]),
    ],
)
def test_a_function_is_called_by_get(url: str, answer: object, postgresql: Door) -> None:
    assert postgresql.rows(url) == answer


def test_a_function_that_returns_nothing_answers_nothing(postgresql: Door) -> None:
    assert postgresql.ask("POST", "/rpc/nothing", {}).status == 204


def test_a_count_does_not_call_a_function_twice(postgresql: Door) -> None:
    answer = postgresql.ask("POST", "/rpc/by_artist?limit=1", {"name": "Ann"}, prefer="count=exact")
    assert (answer.status, answer.range) == (206, "0-0/2")


def test_a_function_that_writes_is_refused_by_get(postgresql: Door) -> None:
    answer = postgresql.get("/rpc/paint?title=Dune")
    assert (answer.status, answer.code) == (405, "25006")
    assert postgresql.rows("/paintings?title=eq.Dune") == []


def test_rows_of_partitions_without_a_key_are_told_apart(postgresql: Door) -> None:
    told = {"prefer": "return=representation"}
    made = postgresql.ask("POST", "/years", [{"at": "2020-02-01"}, {"at": "2020-03-01"}], caller="ada", **told)
    assert made.json == [{"at": "2020-02-01"}, {"at": "2020-03-01"}]
    gone = postgresql.ask("DELETE", "/years?at=gt.2020-02-15", caller="ada", **told)
    assert gone.json == [{"at": "2020-03-01"}]
    assert postgresql.ask("DELETE", "/years?at=gt.2000-01-01", caller="ada").status == 204


def test_who_may_write_may_call_what_writes(postgresql: Door) -> None:
    assert postgresql.ask("POST", "/rpc/paint", {"title": "Moor"}, caller="anon").status == 401
    assert postgresql.ask("POST", "/rpc/paint", {"title": "Moor"}, caller="ada").json == 3
    assert postgresql.ask("DELETE", "/paintings?id=eq.3", caller="ada").status == 204


def test_who_may_not_call_a_function_is_not_told_of_it(postgresql: Door) -> None:
    for body, url in (({}, "/rpc/paint"), ({"title": "x", "other": 1}, "/rpc/paint"), ({}, "/rpc/pain")):
        stranger, user = (postgresql.ask("POST", url, body, caller=caller) for caller in ("anon", "ada"))
        assert (stranger.status, user.status) == (404, 404)
        assert "paint" in user.json["hint"]
        assert "paint" not in (stranger.json["hint"] or "")


def test_the_description_tells_each_caller_what_they_may_call(postgresql: Door) -> None:
    stranger, user = (postgresql.get("/", caller).json["paths"] for caller in ("anon", "ada"))
    assert set(stranger["/rpc/by_artist"]) == {"get", "post"}
    assert "/rpc/paint" not in stranger
    assert set(user["/rpc/paint"]) == {"post"}
    (body,) = [each for each in user["/rpc/total"]["post"]["parameters"] if each.get("in") == "body"]
    assert body["schema"]["properties"]["xs"] == {"format": "integer[]", "type": "array", "items": {"type": "integer"}}


def test_a_function_knows_who_calls(postgresql: Door) -> None:
    assert postgresql.ask("POST", "/rpc/who", {}, caller="anon").json["role"] == "anon"
    claims = postgresql.ask("POST", "/rpc/who", {}, caller="ada").json
    assert (claims["role"], len(claims["sub"])) == ("authenticated", 36)


def test_overloads_are_told_apart_by_the_names_of_their_parameters(postgresql: Door) -> None:
    answer = postgresql.ask("POST", "/rpc/add", {"a": 1})
    assert (answer.status, answer.code) == (300, "PGRST203")
    assert answer.json["message"] == (
        "Could not choose the best candidate function between: "
        "public.add(a => integer, b => integer), public.add(a => text)"
    )


@pytest.mark.parametrize("name", ["of_a_trigger", "of_any_type", "nowhere"])
def test_what_cannot_be_called_is_not_there(name: str, postgresql: Door) -> None:
    answer = postgresql.ask("POST", f"/rpc/{name}", {})
    assert (answer.status, answer.code) == (404, "PGRST202")


def test_arguments_are_checked_by_their_types(postgresql: Door) -> None:
    assert postgresql.ask("POST", "/rpc/add", {"a": "x", "b": 1}).code == "22P02"
    assert postgresql.ask("POST", "/rpc/add", {"c": 1}).code == "PGRST202"


def test_what_a_function_raises_is_told(postgresql: Door) -> None:
    answer = postgresql.ask("POST", "/rpc/fail", {})
    assert (answer.status, answer.json["message"], answer.json["hint"]) == (400, "No way", "Turn")


def test_a_rule_of_a_resource_holds_for_rows_of_functions(own_url: str) -> None:
    class Here(DeclarativeBase): ...

    class Painting(Here):
        __tablename__ = "paintings"

        id: Mapped[int] = mapped_column(primary_key=True)
        title: Mapped[str]
        artist_id: Mapped[int]

    app = Backstay(own_url)
    app.resource(Painting, select=Painting.title == "Sea", hidden=[Painting.artist_id])
    app.reflect(select=anyone)
    with Door(app, leave) as door:
        assert door.ask("POST", "/rpc/by_artist", {"name": "Ann"}).json == [{"id": 1, "title": "Sea"}]
        assert door.ask("POST", "/rpc/by_artist?artist_id=eq.1", {"name": "Ann"}).code == "42703"


def test_a_hundred_tables_are_found_at_once(postgresql_url: str, tmp_path: Path) -> None:
    columns = ", ".join(f"c{number} text" for number in range(20))
    tables = "".join(
        f"CREATE TABLE t{number} (id integer PRIMARY KEY, {columns}, other_id integer REFERENCES t{number - 1} (id));"
        if number
        else f"CREATE TABLE t0 (id integer PRIMARY KEY, {columns});"
        for number in range(150)
    )
    for url in (postgresql_url, sqlite_url(tmp_path)):
        make(url, tables)
        for watch in in_time(3):
            app = Backstay(url)
            app.reflect(select=anyone)
            with watch:
                assert len(app.collected.resources) == 150
