"""The root of the REST front end: the description in Swagger 2.0, through the front door."""

from __future__ import annotations

import pytest

from behaviour.door import Door


@pytest.mark.parametrize("caller", ["anon", "ada", "service"])
def test_root_is_described(work: Door, caller: str) -> None:
    answer = work.get("/", caller)
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/openapi+json; charset=utf-8"
    assert answer.json["swagger"] == "2.0"
    assert answer.json["host"] == "localhost"


def test_definitions_have_the_keys_of_rows(art: Door) -> None:
    definitions = art.get("/", "anon").json["definitions"]
    assert len(definitions) == len(art.app.schema.resources)
    for table, definition in definitions.items():
        [row, *_] = art.rows(f"/{table}", "anon")
        assert list(row) == list(definition["properties"])


def test_each_sees_what_they_may_call(work: Door) -> None:
    paths = {caller: work.get("/", caller).json["paths"] for caller in ("anon", "ada", "service")}
    assert "/users" not in paths["anon"] and "/users" in paths["ada"]
    assert "/drafts" not in paths["ada"] and list(paths["service"]["/drafts"]) == ["get", "post", "patch", "delete"]
    assert (list(paths["anon"]["/tags"]), list(paths["ada"]["/notes"])) == (["get"], ["get", "post", "patch", "delete"])


def test_hidden_column_is_not_there_for_anybody(work: Door) -> None:
    body = work.get("/", "service").body
    assert b'"secret"' not in body and b"rowFilter.notes.secret" not in body
    assert b'"email"' not in body


def test_head_has_no_body(work: Door) -> None:
    answer = work.ask("HEAD", "/")
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["content-type"] == "application/openapi+json; charset=utf-8"


def test_options(work: Door) -> None:
    answer = work.ask("OPTIONS", "/")
    assert (answer.status, answer.headers["allow"]) == (200, "OPTIONS,GET,HEAD")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_other_methods_are_refused(work: Door, method: str) -> None:
    answer = work.ask(method, "/")
    assert (answer.status, answer.code) == (405, "PGRST117")


def test_media_types(work: Door) -> None:
    for accept in ("application/openapi+json", "application/json", "*/*", "text/csv, */*;q=0.1"):
        assert work.get("/", accept=accept).status == 200
    answer = work.get("/", accept="text/csv")
    assert (answer.status, answer.code) == (406, "PGRST107")
    assert answer.json["message"] == "None of these media types are available: text/csv"
    answer = work.get("/notes", accept="application/openapi+json")
    assert (answer.status, answer.code) == (406, "PGRST107")


def test_schema_is_named(work: Door) -> None:
    answer = work.get("/", accept_profile="public")
    assert (answer.status, answer.headers["content-profile"]) == (200, "public")
    answer = work.get("/", accept_profile="private")
    assert (answer.status, answer.code) == (406, "PGRST106")
    assert "content-profile" not in work.get("/").headers


def test_bad_token_comes_first(work: Door) -> None:
    answer = work.get("/", authorization="Bearer a.b.c")
    assert (answer.status, answer.code) == (401, "PGRST301")
