"""OpenAPI 3.1: what it tells of methods, keys and parameters."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

import orjson
import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from backstay.frontends.http import Request
from backstay.frontends.rest.describe.description import Description
from backstay.schema.caller import ANONYMOUS, SERVICE, Caller
from fixtures import workspace
from fixtures.rows import CALLERS

ADA = CALLERS["ada"]


async def note(session: AsyncSession, note_id: UUID, among: list[int] | None = None) -> workspace.Note | None:
    """Answer one."""


async def notes(session: AsyncSession) -> list[workspace.Note]:
    """Answer many."""
    return []


async def drafts(session: AsyncSession) -> list[workspace.Draft]:
    """Answer what few may see."""
    return []


async def add(session: AsyncSession, a: int) -> int:
    """Answer a value."""
    return a


async def forget(session: AsyncSession) -> None:
    """Answer nothing."""


async def keep(session: AsyncSession, picture: bytes, /) -> None:
    """Take a body."""


def described(caller: Caller, **settings: Any) -> Any:
    app = workspace.build()
    for function in (note, notes, drafts, add, forget, keep):
        app.function(function)
    app.configure(**settings)
    answer = Description(app.schema, app.settings).openapi(Request("GET", "/openapi.json"), caller)
    return orjson.loads(answer.body)


def test_who_shows_no_key_may_do_what_the_rules_let_anyone_do() -> None:
    document = described(ADA)
    assert {} in document["security"]
    assert "security" not in document["paths"]["/tags"]["get"]
    assert document["paths"]["/likes"]["get"]["security"] == [{"apikey": []}, {"bearer": []}]


def test_where_nobody_is_anonymous_everything_asks_for_a_key() -> None:
    document = described(ADA, anonymous=False)
    assert {} not in document["security"]
    assert document["paths"]["/tags"]["get"]["security"] == [{"apikey": []}, {"bearer": []}]


@pytest.mark.parametrize(("caller", "there"), [(SERVICE, True), (ANONYMOUS, False)])
def test_put_is_for_those_who_may_insert_and_update(caller: Caller, there: bool) -> None:
    assert ("put" in described(caller)["paths"].get("/note_tags", {})) is there


def test_put_names_the_whole_key() -> None:
    put = described(SERVICE)["paths"]["/note_tags"]["put"]
    assert [each["name"] for each in put["parameters"] if each.get("required")] == ["note_id", "tag_id"]


@pytest.mark.parametrize(
    ("text", "fits"),
    [("eq.1", True), ("not.in.(1,2)", True), ("like(any).{a*}", True), ("fts(english).cat", True), ("1", False)],
)
def test_filters_have_an_operator(text: str, fits: bool) -> None:
    parameters = described(ADA)["paths"]["/notes"]["get"]["parameters"]
    pattern = next(each["schema"]["pattern"] for each in parameters if each.get("name") == "number")
    assert bool(re.search(pattern, text)) is fits


def test_an_insert_answers_without_a_body_unless_rows_are_asked_for() -> None:
    assert "content" not in described(SERVICE)["paths"]["/tags"]["post"]["responses"]["201"]


# Functions ---------------------------------------------------------------------------------------------------

NOTE = {"$ref": "#/components/schemas/notes"}


@pytest.mark.parametrize(
    ("function", "schema"),
    [
        ("note", {"anyOf": [NOTE, {"type": "null"}]}),
        ("notes", {"type": "array", "items": NOTE}),
        ("drafts", {"type": "array", "items": {"type": "object"}}),
        ("add", {"type": ["integer", "null"], "format": "int64", "minimum": -(2**63), "maximum": 2**63 - 1}),
    ],
)
def test_what_a_function_answers_is_told(function: str, schema: Any) -> None:
    responses = described(ADA)["paths"][f"/rpc/{function}"]["post"]["responses"]
    assert responses["200"]["content"]["application/json"]["schema"] == schema


def test_of_a_function_that_returns_nothing_no_content_is_told() -> None:
    assert set(described(ADA)["paths"]["/rpc/forget"]["post"]["responses"]) == {"204", "default"}


def test_a_function_that_takes_a_body_is_posted_to() -> None:
    keep = described(ADA)["paths"]["/rpc/keep"]
    assert set(keep) == {"post"}
    assert set(keep["post"]["requestBody"]["content"]) == {"application/octet-stream"}


def test_a_list_in_a_url_is_an_array_literal() -> None:
    parameters = described(ADA)["paths"]["/rpc/note"]["get"]["parameters"]
    assert parameters[1]["schema"] == {
        "type": "string", "pattern": r"^\{.*\}$", "description": "An array: `{1,2}`"
    }  # fmt: skip
