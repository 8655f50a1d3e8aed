"""Functions of PostgreSQL that take a row are columns and relations of its resource, under the rules of the target."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from backstay import Backstay, anyone
from behaviour.door import Door
from behaviour.test_reflect import leave, make
from databases import Databases

STATEMENTS = """
CREATE TABLE designers (id int PRIMARY KEY, name text NOT NULL);
CREATE TABLE games (id int PRIMARY KEY, title text NOT NULL, designer_id int REFERENCES designers (id), price numeric);
CREATE TABLE hints (id int PRIMARY KEY, game_id int NOT NULL, text text NOT NULL, secret boolean NOT NULL);
INSERT INTO designers VALUES (1, 'Sid'), (2, 'Ann');
INSERT INTO games VALUES (1, 'Civ', 1, 10), (2, 'Colony', 1, 20.50), (3, 'Sea', NULL, 5);
INSERT INTO hints VALUES (1, 1, 'Build', false), (2, 1, 'Cheat', true), (3, 3, 'Swim', false);

CREATE FUNCTION loud(games) RETURNS text LANGUAGE sql STABLE AS 'SELECT upper($1.title)';
COMMENT ON FUNCTION loud(games) IS 'The title, shouted';
CREATE FUNCTION cents(game games) RETURNS int LANGUAGE sql STABLE AS 'SELECT (game.price * 100)::int';
CREATE FUNCTION title(games) RETURNS text LANGUAGE sql STABLE AS $$SELECT 'never'$$;
CREATE FUNCTION "Odd One"(games) RETURNS int LANGUAGE sql STABLE AS 'SELECT 7';
CREATE FUNCTION tips(games) RETURNS SETOF hints LANGUAGE sql STABLE AS
  'SELECT * FROM hints WHERE game_id = $1.id';
CREATE FUNCTION maker(games) RETURNS SETOF designers ROWS 1 LANGUAGE sql STABLE AS
  'SELECT * FROM designers WHERE id = $1.designer_id';
CREATE FUNCTION made_by(games) RETURNS designers LANGUAGE sql STABLE AS
  'SELECT * FROM designers WHERE id = $1.designer_id';
CREATE FUNCTION designers(games) RETURNS SETOF designers LANGUAGE sql STABLE AS 'SELECT * FROM designers';
CREATE FUNCTION works(designers) RETURNS SETOF games LANGUAGE sql STABLE AS
  'SELECT * FROM games WHERE designer_id = $1.id';
CREATE FUNCTION older(games, years int) RETURNS int LANGUAGE sql STABLE AS 'SELECT 1';
CREATE FUNCTION pricey() RETURNS SETOF games LANGUAGE sql STABLE AS 'SELECT * FROM games WHERE price > 9'
"""


class Base(DeclarativeBase): ...


class Hint(Base):
    __tablename__ = "hints"

    id: Mapped[int] = mapped_column(primary_key=True)
    game_id: Mapped[int]
    text: Mapped[str]
    secret: Mapped[bool]


@pytest.fixture(scope="module")
def shop(postgresql_databases: Databases) -> Iterator[Door]:
    url = postgresql_databases.create()
    make(url, STATEMENTS)
    app = Backstay(url)
    app.resource(Hint, select=~Hint.secret)
    app.reflect(select=anyone, write=anyone)
    app.configure(aggregates=True)
    with Door(app, leave) as door:
        yield door
    postgresql_databases.drop(url)


@pytest.mark.parametrize(
    ("url", "found"),
    [
        # columns: selected by name, filtered, ordered, cast, aggregated, embedded
        ("/games?select=id,loud&id=eq.1", [{"id": 1, "loud": "CIV"}]),
        ("/games?id=eq.1", [{"id": 1, "title": "Civ", "designer_id": 1, "price": 10}]),
        ("/games?select=loud&loud=like.C*&order=loud.desc", [{"loud": "COLONY"}, {"loud": "CIV"}]),
        ("/games?select=id&order=cents.desc&cents=gt.500", [{"id": 2}, {"id": 1}]),
        ("/games?select=id,n:cents::text&or=(cents.eq.500,loud.eq.x)", [{"id": 3, "n": "500"}]),
        ("/games?select=cents.sum()", [{"sum": 3550}]),
        ("/games?select=loud,count()&id=eq.3", [{"loud": "SEA", "count": 1}]),
        ("/designers?select=games(loud)&id=eq.1&games.order=cents", [{"games": [{"loud": "CIV"}, {"loud": "COLONY"}]}]),
        ('/games?select="Odd One"&id=eq.1', [{"Odd One": 7}]),
        # a column of the table goes before a function of its name
        ("/games?select=title&id=eq.1", [{"title": "Civ"}]),
        # relations: rules of the target hold
        (
            "/games?select=id,tips(text)&order=id&tips.order=id",
            [
                {"id": 1, "tips": [{"text": "Build"}]},
                {"id": 2, "tips": []},
                {"id": 3, "tips": [{"text": "Swim"}]},
            ],
        ),
        (
            "/games?select=id,maker(name)&order=id",
            [
                {"id": 1, "maker": {"name": "Sid"}},
                {"id": 2, "maker": {"name": "Sid"}},
                {"id": 3, "maker": None},
            ],
        ),
        (
            "/games?select=id,made_by(name)&order=id&id=gt.1",
            [
                {"id": 2, "made_by": {"name": "Sid"}},
                {"id": 3, "made_by": None},
            ],
        ),
        # it hides what the foreign key makes
        (
            "/games?select=designers(name)&id=eq.1&designers.order=name",
            [{"designers": [{"name": "Ann"}, {"name": "Sid"}]}],
        ),
        (
            "/games?select=id,maker!inner(name)&order=id",
            [{"id": 1, "maker": {"name": "Sid"}}, {"id": 2, "maker": {"name": "Sid"}}],
        ),
        ("/games?select=id,maker()&maker=is.null", [{"id": 3}]),
        (
            "/games?select=id,...maker(by:name)&order=maker(name).nullsfirst,id&limit=2",
            [{"id": 3, "by": None}, {"id": 1, "by": "Sid"}],
        ),
        ("/games?select=...tips(texts:text)&id=eq.1", [{"texts": ["Build"]}]),
        ("/games?select=tips(count)&id=eq.1", [{"tips": [{"count": 1}]}]),
        (
            "/games?select=...maker(name,count())&order=maker(name)",
            [{"name": "Sid", "count": 2}, {"name": None, "count": 0}],
        ),
        # of one in another
        (
            "/games?select=maker(name,works(loud,maker(name)))&id=eq.1&maker.works.order=id",
            [
                {
                    "maker": {
                        "name": "Sid",
                        "works": [
                            {"loud": "CIV", "maker": {"name": "Sid"}},
                            {"loud": "COLONY", "maker": {"name": "Sid"}},
                        ],
                    }
                },
            ],
        ),
        # of the rows that a function answers with
        (
            "/rpc/pricey?select=loud,maker(name),tips(text)&order=id",
            [
                {"loud": "CIV", "maker": {"name": "Sid"}, "tips": [{"text": "Build"}]},
                {"loud": "COLONY", "maker": {"name": "Sid"}, "tips": []},
            ],
        ),
    ],
)
def test_function_of_a_row_is_a_column_or_a_relation(shop: Door, url: str, found: Any) -> None:
    assert shop.rows(url) == found


def test_function_of_a_row_is_there_for_what_is_written(shop: Door) -> None:
    answer = shop.ask(
        "PATCH",
        "/games?loud=eq.SEA&select=loud,cents,tips(text)",
        {"title": "Lake"},
        prefer="return=representation",
    )
    assert answer.json == [{"loud": "LAKE", "cents": 500, "tips": [{"text": "Swim"}]}]
    assert shop.ask("PATCH", "/games?id=eq.3", {"title": "Sea"}).status == 204
    refused = shop.ask("PATCH", "/games?id=eq.3", {"loud": "SEA"})
    assert (refused.status, refused.code) == (400, "PGRST204")


@pytest.mark.parametrize(
    ("select", "code"), [("older", "42703"), ("nosuch(id)", "PGRST200"), ("tips(nosuch)", "42703")]
)
def test_other_functions_are_neither(shop: Door, select: str, code: str) -> None:
    assert shop.get(f"/games?select={select}").code == code
