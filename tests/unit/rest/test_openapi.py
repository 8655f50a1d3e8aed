"""OpenAPI 3.1: what it tells of methods, keys and parameters."""

from __future__ import annotations

import re
from typing import Any

import orjson
import pytest

from backstay.frontends.http import Request
from backstay.frontends.rest.describe.description import Description
from backstay.schema.caller import ANONYMOUS, SERVICE, Caller
from fixtures import workspace
from fixtures.rows import CALLERS

ADA = CALLERS["ada"]


def described(caller: Caller, **settings: Any) -> Any:
    app = workspace.build()
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
