"""The root document: Swagger 2.0 with the keys and notes that clients of PostgREST read."""

from __future__ import annotations

import enum
import json
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy import ForeignKey
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, MappedAsDataclass, column_property, mapped_column

from backstay import Auth, AuthUser, Backstay, anyone, current, signed_in
from backstay.errors import DeclarationError, NotAcceptable, RootDisabled
from backstay.frontends.http import Request
from backstay.frontends.rest.describe.description import Description
from backstay.schema import kind as kinds
from backstay.schema.caller import ANONYMOUS, SERVICE, Caller, Role
from backstay.schema.rule import Place, Rule
from backstay.schema.served import Schema, Shape, SQLArgument, SQLFunction
from unit.rest.ask import header


class Base(DeclarativeBase): ...


class Mood(enum.Enum):
    SAD = 1
    HAPPY = 2


class User(AuthUser, Base):
    __tablename__ = "users"


me = current(User)


class Shop(Base):
    """A shop.

    It is open
    on Sundays.
    """

    __tablename__ = "shops"

    id: Mapped[int] = mapped_column(primary_key=True, comment="Its number.")
    name: Mapped[str] = mapped_column(sa.String(30), doc="What it is called.")
    code: Mapped[str] = mapped_column(sa.CHAR(3))
    owner_id: Mapped[UUID] = mapped_column(ForeignKey(User.id), default=me.id)
    pin: Mapped[str | None]
    rank: Mapped[int] = mapped_column(sa.SmallInteger, default=0)
    token: Mapped[UUID] = mapped_column(default=uuid4)

    shouted = column_property(sa.func.upper(name, type_=sa.String))


class Visit(Base):
    """Told by its comment, not by this."""

    __tablename__ = "visits"
    __table_args__ = ({"comment": "Who came, and when."},)

    shop_id: Mapped[int] = mapped_column(ForeignKey(Shop.id), primary_key=True, comment="Where.")
    day: Mapped[date] = mapped_column(primary_key=True)
    moods: Mapped[list[Mood]] = mapped_column(sa.ARRAY(sa.Enum(Mood)))
    notes: Mapped[list[Any] | None] = mapped_column(sa.ARRAY(sa.JSON))


class Filled(Base):
    __tablename__ = "filled"

    id: Mapped[int] = mapped_column(primary_key=True)
    flag: Mapped[bool] = mapped_column(default=False)
    text: Mapped[str] = mapped_column(default='say "yes"')
    price: Mapped[Decimal] = mapped_column(sa.Numeric(30, 20), default=Decimal("1234567890.12345678901234567890"))
    data: Mapped[Any] = mapped_column(sa.JSON, default={"a": [1, None]})
    many: Mapped[list[str]] = mapped_column(sa.ARRAY(sa.Text), default=["a", "b"])
    blob: Mapped[bytes] = mapped_column(default=b"\x00\xff")
    mood: Mapped[Mood] = mapped_column(default=Mood.HAPPY)
    kept: Mapped[str] = mapped_column(server_default="it's")
    cast: Mapped[str] = mapped_column(server_default=sa.text("'it''s'::text"))
    number: Mapped[int] = mapped_column(server_default="5")
    five: Mapped[int] = mapped_column(server_default=sa.text("5"))
    made: Mapped[int] = mapped_column(server_default=sa.text("nextval('x')"))
    true: Mapped[bool] = mapped_column(server_default=sa.true())
    day: Mapped[date] = mapped_column(server_default=sa.text("'1900-01-01'::date"))
    now: Mapped[datetime] = mapped_column(server_default=sa.func.now())
    nothing: Mapped[int | None] = mapped_column(default=None)


class Alike(MappedAsDataclass, Base):
    __tablename__ = "alike"

    id: Mapped[int] = mapped_column(primary_key=True)


busy = sa.Table(
    "busy",
    Base.metadata,
    sa.Column("shop_id", ForeignKey(Shop.id)),
    sa.Column("visits", sa.BigInteger),
    info={"view": True},
)


def build() -> Backstay:
    app = Backstay("sqlite://", auth=Auth(User))
    app.resource(User, select=signed_in, hidden=[User.email])
    app.resource(
        Shop, select=anyone, write=signed_in & (Shop.owner_id == me.id), hidden=[Shop.pin], readonly=[Shop.rank]
    )
    app.resource(Visit, select=anyone, insert=signed_in)
    app.resource(Filled, select=anyone)
    app.resource(Alike, select=anyone)
    app.resource(busy, select=anyone)
    return app


ADA = Caller("00000000-0000-4000-8000-000000000011", {}, Role.AUTHENTICATED)


def describe(caller: Caller = SERVICE, schema: Schema | None = None, **settings: Any) -> Any:
    app = build()
    description = Description(schema or app.schema, replace(app.settings, **settings), title="Shops")
    request = Request("GET", "/", headers={"host": "127.0.0.1:3000"})
    return json.loads(description.root(request, caller, "public", None).body)


def properties(table: str, caller: Caller = SERVICE) -> Any:
    return describe(caller)["definitions"][table]["properties"]


# Tables ------------------------------------------------------------------------------------------------------


def test_table_is_defined_by_its_columns() -> None:
    assert describe(ADA)["definitions"]["shops"] == {
        "description": "A shop.\n\nIt is open\non Sundays.",
        "required": ["id", "name", "code", "owner_id", "rank", "token"],
        "properties": {
            "id": {
                "description": "Its number.\n\nNote:\nThis is a Primary Key.<pk/>",
                "type": "integer",
                "format": "int32",
            },
            "name": {
                "description": "What it is called.",
                "type": "string",
                "format": "character varying",
                "maxLength": 30,
            },
            "code": {"type": "string", "format": "character", "maxLength": 3},
            "owner_id": {
                "description": "Note:\nThis is a Foreign Key to `users.id`.<fk table='users' column='id'/>",
                "type": "string",
                "format": "uuid",
            },
            "rank": {"default": 0, "type": "integer", "format": "int32", "readOnly": True},
            "token": {"type": "string", "format": "uuid"},
            "shouted": {"type": "string", "format": "character varying", "readOnly": True},
        },
        "type": "object",
    }


def test_key_of_two_columns_and_a_key_that_refers() -> None:
    found = properties("visits")
    assert found["shop_id"]["description"] == (
        "Where.\n\nNote:\nThis is a Primary Key.<pk/>\n"
        "This is a Foreign Key to `shops.id`.<fk table='shops' column='id'/>"
    )
    assert found["day"]["description"] == "Note:\nThis is a Primary Key.<pk/>"


def test_arrays() -> None:
    found = properties("visits")
    assert found["moods"] == {"type": "array", "format": "public.mood[]", "items": {"type": "string"}}
    assert found["notes"] == {"type": "array", "format": "json[]", "items": {}}


def test_foreign_key_to_what_the_caller_may_not_know_is_not_told() -> None:
    assert "users" not in describe(ANONYMOUS)["definitions"]
    assert "description" not in properties("shops", ANONYMOUS)["owner_id"]


def test_comment_comes_before_the_docstring_and_a_generated_one_is_none() -> None:
    definitions = describe()["definitions"]
    assert definitions["visits"]["description"] == "Who came, and when."
    assert "description" not in definitions["alike"]
    assert "description" not in definitions["filled"]


def test_defaults() -> None:
    found = {name: each.get("default") for name, each in properties("filled").items()}
    assert found == {
        "id": None,
        "flag": False,
        "text": 'say "yes"',
        "price": 1234567890.12345678901234567890,
        "data": {"a": [1, None]},
        "many": ["a", "b"],
        "blob": "\\x00ff",
        "mood": "HAPPY",
        "kept": "it's",
        "cast": "it's",
        "number": 5,
        "five": 5,
        "made": None,
        "true": True,
        "day": "1900-01-01",
        "now": "now()",
        "nothing": None,
    }


def test_default_keeps_its_digits() -> None:
    app = build()
    body = Description(app.schema, app.settings).root(Request("GET", "/"), SERVICE, "public", None).body
    assert b'"default":1234567890.12345678901234567890' in body


# Paths -------------------------------------------------------------------------------------------------------


def test_path_has_the_methods_that_the_rules_let() -> None:
    assert list(describe(ADA)["paths"]["/shops"]) == ["get", "post", "patch", "delete"]
    assert list(describe(ANONYMOUS)["paths"]["/shops"]) == ["get"]
    assert list(describe(ADA)["paths"]["/visits"]) == ["get", "post"]


def test_view_without_a_key_is_read_only() -> None:
    assert list(describe(SERVICE)["paths"]["/busy"]) == ["get"]
    definition = describe(SERVICE)["definitions"]["busy"]
    assert "required" not in definition
    assert "<fk table='shops' column='id'/>" in definition["properties"]["shop_id"]["description"]


def test_path_names_its_parameters() -> None:
    path = describe(ADA)["paths"]["/visits"]
    filters = [f"rowFilter.visits.{name}" for name in ("shop_id", "day", "moods", "notes")]
    assert path["get"] == {
        "tags": ["visits"],
        "summary": "Who came, and when.",
        "parameters": references(*filters, "select", "order", "range", "rangeUnit", "offset", "limit", "preferCount"),
        "responses": {
            "200": {
                "description": "OK",
                "schema": {"type": "array", "items": {"$ref": "#/definitions/visits"}},
            },
            "206": {"description": "Partial Content"},
        },
    }
    assert path["post"]["parameters"] == references("body.visits", "select", "preferPost")
    patch = describe(ADA)["paths"]["/shops"]["patch"]
    assert patch["parameters"][-2:] == references("body.shops", "preferReturn")
    assert (patch["summary"], patch["description"]) == ("A shop.", "It is open\non Sundays.")


def references(*names: str) -> list[dict[str, str]]:
    return [{"$ref": f"#/parameters/{name}"} for name in names]


def test_parameters() -> None:
    found = describe(ANONYMOUS)["parameters"]
    assert found["rowFilter.visits.shop_id"] == {
        "name": "shop_id",
        "description": "Where.",
        "required": False,
        "in": "query",
        "type": "string",
    }
    assert found["body.visits"] == {
        "name": "visits",
        "description": "visits",
        "required": False,
        "in": "body",
        "schema": {"$ref": "#/definitions/visits"},
    }
    assert found["rangeUnit"]["default"] == "items"
    assert found["preferReturn"]["enum"] == ["return=representation", "return=minimal", "return=none"]
    assert not [name for name in found if "pin" in name]


def test_every_reference_leads_somewhere() -> None:
    document = describe()
    for reference in all_references(document):
        _, kind, name = reference.split("/")
        assert name in document[kind]


def all_references(part: Any) -> list[str]:
    if isinstance(part, dict):
        return [part["$ref"]] if "$ref" in part else [each for value in part.values() for each in all_references(value)]
    return [each for value in part for each in all_references(value)] if isinstance(part, list) else []


# Functions ---------------------------------------------------------------------------------------------------


async def every(
    session: AsyncSession,
    text: str,
    number: int,
    ratio: float | None,
    exact: Annotated[Decimal, "money"],
    when: datetime,
    span: timedelta,
    mood: Mood,
    word: Literal["a", "b"],
    many: list[int],
    pairs: tuple[str, ...],
    anything: Any,
    either: int | str,
    table: dict[str, int] = {},  # noqa: B006
) -> None:
    """Take one of each.

    It answers nothing.
    """


def test_function_of_python_is_told_by_the_types_of_its_parameters() -> None:
    app = build()
    app.function(every)
    paths = describe(schema=app.schema)["paths"]["/rpc/every"]
    assert list(paths) == ["get", "post"]
    assert paths["post"]["tags"] == ["(rpc) every"]
    assert (paths["post"]["summary"], paths["post"]["description"]) == ("Take one of each.", "It answers nothing.")
    body, prefer = paths["post"]["parameters"]
    assert prefer == {"$ref": "#/parameters/preferParams"}
    assert body["schema"]["required"][-1] == "either"
    assert {name: (each.get("type"), each["format"]) for name, each in body["schema"]["properties"].items()} == {
        "text": ("string", "text"),
        "number": ("integer", "int64"),
        "ratio": ("number", "double precision"),
        "exact": ("number", "numeric"),
        "when": ("string", "timestamp with time zone"),
        "span": ("string", "interval"),
        "mood": ("string", "public.mood"),
        "word": ("string", "text"),
        "many": ("array", "bigint[]"),
        "pairs": ("array", "text[]"),
        "anything": (None, "json"),
        "either": (None, "json"),
        "table": (None, "json"),
    }
    found = {each["name"]: each for each in paths["get"]["parameters"]}
    assert found["many"] == {"name": "many", "required": True, "in": "query", "type": "string", "format": "bigint[]"}
    assert found["table"] == {"name": "table", "required": False, "in": "query", "type": "string", "format": "json"}
    assert found["mood"]["enum"] == ["SAD", "HAPPY"]


async def many(session: AsyncSession, *words: str) -> None: ...


async def upload(session: AsyncSession, content: bytes, /) -> None: ...


def test_function_of_python_that_takes_many_values_or_the_whole_body() -> None:
    app = build()
    app.function(many)
    app.function(upload)
    paths = describe(schema=app.schema)["paths"]
    [argument] = paths["/rpc/many"]["get"]["parameters"]
    assert (argument["type"], argument["items"]["format"], argument["collectionFormat"]) == ("array", "text", "multi")
    assert list(paths["/rpc/upload"]) == ["post"]
    assert paths["/rpc/upload"]["post"]["consumes"] == ["application/octet-stream"]
    assert paths["/rpc/upload"]["post"]["parameters"][0]["schema"] == {"type": "string", "format": "bytea"}


def sql_function(name: str, *arguments: SQLArgument, volatile: bool, rule: Rule | None) -> SQLFunction:
    return SQLFunction(
        name=("public", name),
        arguments=arguments,
        shape=Shape.SCALAR,
        returns="integer",
        kind=kinds.INTEGER,
        volatile=volatile,
        rule=rule,
    )


def test_function_of_the_database_is_told_to_whom_it_lets() -> None:
    rule = Rule("select of app.reflect()", sa.true(), Place("shops.py", 1))
    every = SQLArgument("v", "integer[]", kinds.array(kinds.INTEGER), required=False, variadic=True)
    functions = {
        ("public", "read"): (sql_function("read", every, volatile=False, rule=rule),),
        ("public", "write"): (sql_function("write", volatile=True, rule=rule),),
        ("public", "raw"): (sql_function("raw", SQLArgument("", "json", kinds.JSON), volatile=False, rule=rule),),
        ("public", "closed"): (sql_function("closed", volatile=False, rule=None),),
        ("other", "elsewhere"): (sql_function("elsewhere", volatile=False, rule=rule),),
    }
    schema = replace(build().schema, sql_functions=functions)
    paths = describe(ANONYMOUS, schema)["paths"]
    assert [path for path in paths if path.startswith("/rpc/")] == ["/rpc/read", "/rpc/write", "/rpc/raw"]
    assert paths["/rpc/raw"]["post"]["consumes"] == ["application/json"]
    assert paths["/rpc/raw"]["post"]["parameters"][0]["schema"] == {"format": "json"}
    assert (list(paths["/rpc/read"]), list(paths["/rpc/write"])) == (["get", "post"], ["post"])
    assert "/rpc/closed" in describe(SERVICE, schema)["paths"]
    assert paths["/rpc/read"]["get"]["parameters"] == [
        {
            "name": "v",
            "required": False,
            "in": "query",
            "type": "array",
            "items": {"type": "integer", "format": "int32"},
            "collectionFormat": "multi",
        }
    ]


# The whole ---------------------------------------------------------------------------------------------------


def test_document_says_where_it_is_served() -> None:
    found = describe()
    assert (found["swagger"], found["info"]["title"]) == ("2.0", "Shops")
    assert (found["host"], found["basePath"], found["schemes"]) == ("127.0.0.1:3000", "/rest/v1", ["http", "https"])
    found = describe(public_url="https://api.example.com/shops/")
    assert (found["host"], found["basePath"], found["schemes"]) == ("api.example.com", "/shops/rest/v1", ["https"])


@pytest.mark.parametrize("address", ["api.example.com", "ftp://api.example.com", "https://", "/rest"])
def test_public_url_that_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(DeclarationError):
        describe(public_url=address)


class Kept(DeclarativeBase):
    metadata = sa.MetaData(schema="archive")


class Old(Kept):
    __tablename__ = "old"

    id: Mapped[int] = mapped_column(primary_key=True)
    shop_id: Mapped[int] = mapped_column(ForeignKey(Shop.id))


def test_another_schema_is_described_when_it_is_asked_for() -> None:
    app = build()
    app.configure(schemas=("public", "archive"))
    app.resource(Old, select=anyone)
    description = Description(app.schema, app.settings)
    answer = description.root(Request("GET", "/"), SERVICE, "archive", "archive")
    assert header(answer, "content-profile") == "archive"
    document = json.loads(answer.body)
    assert (list(document["definitions"]), list(document["paths"])) == (["old"], ["/", "/old"])
    # What a foreign key refers to is looked for in the same document.
    assert "description" not in document["definitions"]["old"]["properties"]["shop_id"]
    first = json.loads(description.root(Request("GET", "/"), SERVICE, "public", "public").body)
    assert "old" not in first["definitions"]


@pytest.mark.parametrize("accept", ["", "*/*", "application/*", "application/json", "application/openapi+json"])
def test_media_types_that_it_has(accept: str) -> None:
    app = build()
    request = Request("GET", "/", headers={"accept": accept} if accept else {})
    answer = Description(app.schema, app.settings).root(request, SERVICE, "public", None)
    assert header(answer, "content-type") == "application/openapi+json; charset=utf-8"


@pytest.mark.parametrize("accept", ["text/csv", "application/vnd.pgrst.object+json", "application/json;q=0, text/html"])
def test_media_types_that_it_has_not(accept: str) -> None:
    app = build()
    with pytest.raises(NotAcceptable):
        Description(app.schema, app.settings).root(Request("GET", "/", "", {"accept": accept}), SERVICE, "public", None)


def test_it_can_be_switched_off() -> None:
    app = build()
    with pytest.raises(RootDisabled):
        Description(app.schema, replace(app.settings, swagger=False)).check_enabled()


def test_callers_who_may_do_the_same_are_told_the_same_bytes() -> None:
    app = build()
    description = Description(app.schema, app.settings)
    other = Caller("00000000-0000-4000-8000-000000000012", {}, Role.AUTHENTICATED)
    first, second, third = (
        description.root(Request("GET", "/"), caller, "public", None).body for caller in (ADA, other, ANONYMOUS)
    )
    assert first == second != third
