"""Functions of every form in the descriptions."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession

from backstay.frontends.rest.describe.calls import describe_sql_call
from backstay.frontends.rest.describe.offer import offer
from backstay.frontends.rest.describe.openapi import openapi
from backstay.schema import kind as kinds
from backstay.schema.caller import SERVICE
from backstay.schema.served import Shape, SQLArgument, SQLFunction
from fixtures import calls
from fixtures.workspace import build


class Order(BaseModel):
    amount: int


@cache
def paths() -> dict[str, Any]:
    app = build("sqlite://")
    calls.declare(app)

    @app.function
    async def place(db: AsyncSession, order: Order) -> None: ...

    found: dict[str, Any] = openapi(offer(app.schema, "public", SERVICE), app.schema, {"title": "x", "version": "1"})
    return dict(found["paths"])


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("upload", {"application/octet-stream": {}}),
        ("shout", {"text/plain": {}, "text/xml": {}}),
        ("anything", {"application/json": {"schema": {}}}),
        ("numbers", {"application/json": {"schema": {"type": "array", "items": {"type": "integer"}}}}),
    ],
)
def test_a_whole_body_is_told_by_its_media_types(name: str, content: Any) -> None:
    assert set(paths()[f"/rpc/{name}"]) == {"post"}
    assert paths()[f"/rpc/{name}"]["post"]["requestBody"] == {"required": True, "content": content}


def test_a_body_that_may_be_left_out_may_be_called_by_get() -> None:
    assert set(paths()["/rpc/perhaps"]) == {"get", "post"}


def test_what_no_request_gives_is_not_told() -> None:
    assert [each["name"] for each in paths()["/rpc/asked"]["get"]["parameters"]] == ["a"]
    assert paths()["/rpc/caller"]["get"]["parameters"] == []


def test_types_that_only_their_own_library_knows_are_objects() -> None:
    schema = paths()["/rpc/place"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert schema["properties"] == {"order": {"type": "object"}}


@pytest.mark.parametrize(
    ("type_", "media", "content"),
    [
        ("json", None, "application/json"),
        ("text", None, "text/plain"),
        ("bytea", "image/png", "application/octet-stream"),
    ],
)
def test_a_parameter_without_a_name_is_told_as_the_body(type_: str, media: str | None, content: str) -> None:
    function = SQLFunction(
        name=("public", "f"),
        arguments=(SQLArgument("", type_, kinds.TEXT),),
        shape=Shape.SCALAR,
        returns="text",
        kind=kinds.TEXT,
        media=media,
        volatile=False,
    )
    described = describe_sql_call(function, frozenset())
    assert set(described) == {"post"}
    assert described["post"]["requestBody"] == {"required": True, "content": {content: {}}}
    answers = described["post"]["responses"]["200"]["content"]
    assert set(answers) == {"application/json"} | ({media} if media else set())
