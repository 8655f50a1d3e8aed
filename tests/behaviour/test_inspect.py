"""``backstay inspect`` writes a program that imports, is sound, and serves what was there, once it has rules."""

from __future__ import annotations

import asyncio
import re
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

from backstay.cli.inspect.program import write_models
from backstay.schema.check import check
from behaviour.door import Door
from behaviour.test_reflect import SHARED, leave, make

pytestmark = pytest.mark.slow

INDEXED = """;
CREATE INDEX paintings_artist_id_idx ON paintings (artist_id);
CREATE INDEX paintings_owner_id_idx ON paintings (owner_id);
CREATE UNIQUE INDEX young ON artists (name) WHERE born > '2000-01-01';
CREATE INDEX loud ON artists (upper(name));
CREATE TABLE profiles (artist_id integer PRIMARY KEY REFERENCES artists (id), metadata text, "class" text);
INSERT INTO profiles VALUES (1, 'm', 'c')
"""

POSTGRESQL = """;
CREATE TYPE mood AS ENUM ('sad', 'glad');
CREATE DOMAIN email AS text CHECK (value LIKE '%@%');
CREATE TYPE spot AS (street text, number int);
CREATE TABLE people (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, mood mood DEFAULT 'glad', mail email, tags text[], spot spot,
  net inet, price numeric(10, 2) DEFAULT 1.5, double int GENERATED ALWAYS AS (length(mail) * 2) STORED, data jsonb);
INSERT INTO people (mail, tags, spot, net, data) VALUES ('a@b', '{x}', '(High,1)', '10.0.0.1', '{"a": 1}');
CREATE TABLE years (at date PRIMARY KEY) PARTITION BY RANGE (at);
CREATE TABLE years_2020 PARTITION OF years FOR VALUES FROM ('2020-01-01') TO ('2021-01-01')
"""

SQLITE = """;
CREATE TABLE odd (id integer PRIMARY KEY, anything, somewhere point, lost integer REFERENCES nowhere (id));
CREATE INDEX odd_lost ON odd (lost);
INSERT INTO odd VALUES (1, 'x', 'y', 5)
"""


@pytest.fixture
def text(database_url: str) -> str:
    """The program for a database with all of it."""
    make(database_url, SHARED + INDEXED + (SQLITE if database_url.startswith("sqlite") else POSTGRESQL))
    return asyncio.run(write_models(database_url))


def load(text: str, folder: Path) -> ModuleType:
    file = folder / "written.py"
    file.write_text(text, encoding="utf-8")
    spec = spec_from_file_location("written", file)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules["written"] = module
    spec.loader.exec_module(module)
    return module


def test_the_program_lacks_nothing_but_its_rules(text: str, tmp_path: Path) -> None:
    app = load(text, tmp_path).app
    assert {finding.code for finding in check(app.collected, app.declarations)} == {"BS121"}


def test_every_table_with_a_key_is_a_resource(text: str, tmp_path: Path) -> None:
    app = load(text, tmp_path).app
    names = {name for _, name in app.collected.resources}
    assert names >= {"artists", "paintings", "styles", "profiles", "Odd Name"}
    assert names & {"alembic_version", "_backstay_changes", "years_2020", "painting_styles"} == set()


def test_each_resource_says_that_its_rules_are_missing(text: str) -> None:
    resources = re.findall(r"^app\.resource\(.*$", text, re.MULTILINE)
    assert len(resources) >= 5
    assert all("# no rule yet: nobody" in line for line in resources)


def test_with_rules_it_serves_what_was_there(text: str, tmp_path: Path) -> None:
    ruled = re.sub(r"^app\.resource\((\w+)\)", r"app.resource(\1, select=anyone)", text, flags=re.MULTILINE)
    module = load(ruled.replace("import Backstay", "import Backstay, anyone"), tmp_path)
    with Door(module.app, leave) as door:
        assert door.rows("/paintings?select=title,artists!paintings_artist_id_fkey(name),styles(name)&id=eq.1") == [
            {"title": "Sea", "artists": {"name": "Ann"}, "styles": [{"name": "Oil"}]}
        ]
        assert door.rows("/profiles") == [{"artist_id": 1, "metadata": "m", "class": "c"}]
        for name in (name for _, name in module.app.schema.resources):
            assert door.get(f"/{name}").status == 200, name


def test_a_program_for_an_empty_database_imports(database_url: str, tmp_path: Path) -> None:
    make(database_url, "CREATE TABLE alembic_version (version_num text)")
    app = load(asyncio.run(write_models(database_url)), tmp_path).app
    assert app.collected.resources == {}


def test_a_password_is_not_written(postgresql_url: str) -> None:
    url = postgresql_url.replace("@", ":hush@", 1) if ":hush@" not in postgresql_url else postgresql_url
    make(postgresql_url, "CREATE TABLE a (id int PRIMARY KEY)")
    assert "hush" not in asyncio.run(write_models(url))
