"""The order in which a request is checked: of two things that are wrong, the one that is looked at first is told."""

from __future__ import annotations

from typing import Any

import pytest

from behaviour.door import Door

STRICT = {"prefer": "handling=strict,nonsense"}
PICTURE = {"accept": "image/png"}
NOWHERE = {"accept_profile": "nowhere", "content_profile": "nowhere"}
FORGED = {"authorization": "Bearer nonsense"}
BROKEN = b"{"


@pytest.mark.parametrize(
    ("method", "url", "body", "headers", "first"),
    [
        # token, path, schema, method
        ("GET", "/a/b", None, FORGED, (401, "PGRST301")),
        ("GET", "/a/b", None, NOWHERE, (404, "PGRST125")),
        ("PUT", "/rpc/add", None, NOWHERE, (406, "PGRST106")),
        ("LINK", "/styles", None, NOWHERE, (406, "PGRST106")),
        ("PUT", "/rpc/add?select=(", None, {}, (405, "PGRST101")),
        ("LINK", "/styles?select=(", None, {}, (405, "PGRST117")),
        # query string, ranges, body
        ("GET", "/styles?select=(&limit=-1", None, {}, (400, "PGRST100")),
        ("GET", "/styles?id=nosuch.1", None, {"range": "2-1"}, (400, "PGRST100")),
        ("POST", "/styles?limit=-1", BROKEN, {}, (416, "PGRST103")),
        ("PUT", "/styles?limit=1", BROKEN, {}, (400, "PGRST114")),
        ("POST", "/nosuch", BROKEN, {}, (400, "PGRST102")),
        ("POST", "/rpc/nosuch", BROKEN, {}, (400, "PGRST102")),
        # tables and functions
        ("GET", "/nosuch?select=nosuch(id)", None, {}, (404, "PGRST205")),
        ("GET", "/nosuch?nosuch.limit=1", None, {}, (404, "PGRST205")),
        ("GET", "/nosuch?order=nosuch(id)", None, {}, (404, "PGRST205")),
        ("POST", "/nosuch?nosuch.limit=1", {"nosuch": 1}, {}, (404, "PGRST205")),
        ("GET", "/nosuch", None, PICTURE, (404, "PGRST205")),
        ("DELETE", "/nosuch", None, STRICT, (404, "PGRST205")),
        ("POST", "/rpc/nosuch?nosuch.limit=1", {}, {}, (404, "PGRST202")),
        ("POST", "/rpc/nosuch", {}, STRICT, (404, "PGRST202")),
        ("GET", "/rpc/nosuch", None, PICTURE, (404, "PGRST202")),
        # embeds, filters, orders
        ("GET", "/paintings?select=nosuch(id)&nosuchtoo.limit=1", None, {}, (400, "PGRST200")),
        ("GET", "/paintings?select=nosuch(id)", None, PICTURE, (400, "PGRST200")),
        ("GET", "/paintings?nosuch.limit=1", None, PICTURE, (400, "PGRST108")),
        ("GET", "/paintings?select=*,styles(id)&order=styles(id)", None, PICTURE, (400, "PGRST118")),
        ("GET", "/paintings?nosuch=eq.1", None, PICTURE, (400, "42703")),
        ("GET", "/paintings?order=nosuch", None, STRICT, (400, "42703")),
        ("PATCH", "/paintings?nosuch.limit=1", {"nosuch": 1}, {}, (400, "PGRST108")),
        ("POST", "/rpc/paintings_of?nosuch.limit=1", {"artist": 1}, STRICT, (400, "PGRST108")),
        # reads: the form of the answer, then preferences
        ("GET", "/paintings", None, PICTURE | STRICT, (406, "PGRST107")),
        ("HEAD", "/paintings?id=eq.abc", None, STRICT, (400, "PGRST122")),
        ("GET", "/paintings?id=eq.abc", None, PICTURE, (406, "PGRST107")),
        # writes: columns, what PUT asks for, then preferences, then the form of the answer
        ("PUT", "/styles?name=eq.x", {"nosuch": 1}, {}, (400, "PGRST204")),
        ("POST", "/styles", {"nosuch": 1}, STRICT, (400, "PGRST204")),
        ("PUT", "/styles?name=eq.x", {"id": 1}, STRICT, (405, "PGRST105")),
        ("PUT", "/styles?name=eq.x", {"id": 1}, PICTURE, (405, "PGRST105")),
        ("POST", "/styles", {"id": 1}, STRICT | PICTURE, (400, "PGRST122")),
        ("DELETE", "/styles", None, STRICT | PICTURE, (400, "PGRST122")),
        # and only then the database
        ("POST", "/styles", {"id": 1, "name": "there already"}, PICTURE, (406, "PGRST107")),
        ("POST", "/styles", {"id": 1, "name": "there already"}, STRICT, (400, "PGRST122")),
        ("PATCH", "/styles?id=eq.abc", {"name": "x"}, PICTURE, (406, "PGRST107")),
        ("POST", "/rpc/rename", {"id": "abc", "name": "x"}, STRICT, (400, "PGRST122")),
    ],
)
def test_the_earlier_check_wins(
    art: Door, method: str, url: str, body: Any, headers: dict[str, str], first: tuple[int, str]
) -> None:
    raw = body if isinstance(body, bytes) else None
    answer = art.ask(method, url, None if raw else body, raw=raw, **headers)
    assert (answer.status, answer.headers["proxy-status"]) == (first[0], f"PostgREST; error={first[1]}")


@pytest.mark.parametrize(("headers", "code"), [(PICTURE, "PGRST107"), (STRICT, "PGRST122"), ({}, "42501")])
def test_rules_are_asked_last(work: Door, headers: dict[str, str], code: str) -> None:
    for warm in range(2):
        assert work.get("/drafts", **headers).code == code, warm


def test_nothing_is_written_by_what_is_refused(art: Door) -> None:
    for headers in (PICTURE, STRICT):
        assert art.ask("DELETE", "/styles", **headers).status in (400, 406)
    assert len(art.rows("/styles")) == 3


def test_the_methods_of_what_is_not_there_are_not_told(art: Door, work: Door) -> None:
    answer = art.ask("OPTIONS", "/style")
    assert (answer.status, answer.code) == (404, "PGRST205")
    assert answer.json["hint"] == "Perhaps you meant the table 'public.styles'"
    assert work.ask("OPTIONS", "/draft").json["hint"] is None
    assert art.ask("OPTIONS", "/styles", **NOWHERE).code == "PGRST106"
    assert art.ask("OPTIONS", "/rpc/nosuch").code == "PGRST202"
    assert art.ask("OPTIONS", "/rpc/add").headers["allow"] == "OPTIONS,GET,HEAD,POST"
