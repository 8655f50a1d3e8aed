"""Preferences, and the methods that there are."""

from __future__ import annotations

import pytest

from behaviour.door import Door

REPRESENTATION = "return=representation"


def test_strict_handling_refuses_what_it_does_not_know(art: Door) -> None:
    answer = art.get("/styles", prefer="handling=strict, anything=goes, count=exact")
    assert (answer.status, answer.json) == (
        400,
        {
            "code": "PGRST122",
            "message": "Invalid preferences given with handling=strict",
            "details": "Invalid preferences: anything=goes",
            "hint": None,
        },
    )
    lenient = art.get("/styles", prefer="handling=lenient, anything=goes")
    assert (lenient.status, lenient.applied) == (200, "handling=lenient")


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_max_affected(art: Door, method: str) -> None:
    body = {"name": "x"} if method == "PATCH" else None
    url = "/styles" if method == "PATCH" else "/profiles"
    answer = art.ask(method, url, body, prefer="handling=strict,max-affected=1")
    assert (answer.status, answer.json) == (
        400,
        {
            "code": "PGRST124",
            "message": "Query result exceeds max-affected preference constraint",
            "details": f"The query affects {3 if method == 'PATCH' else 2} rows",
            "hint": None,
        },
    )
    assert len(art.rows("/profiles")) == 2
    assert len(art.rows("/styles?name=neq.x")) == 3
    answer = art.ask(method, "/styles?id=eq.3", body, prefer="handling=strict,max-affected=1")
    assert (answer.status, answer.applied) == (204, "handling=strict, max-affected=1")


def test_max_affected_counts_only_where_it_is_strict(art: Door) -> None:
    answer = art.ask("PATCH", "/styles", {"name": "x"}, prefer="max-affected=1")
    assert (answer.status, answer.applied) == (204, None)


def test_rollback_is_heeded_only_where_the_settings_allow_it(art: Door) -> None:
    answer = art.ask("POST", "/styles", {"id": 9, "name": "pop"}, prefer=f"tx=rollback,{REPRESENTATION}")
    assert (answer.status, answer.applied) == (201, "return=representation")
    assert len(art.rows("/styles?id=eq.9")) == 1


def test_methods_are_told(art: Door, work: Door) -> None:
    answer = art.ask("OPTIONS", "/styles")
    assert (answer.status, answer.headers["allow"]) == (200, "OPTIONS,GET,HEAD,POST,PUT,PATCH,DELETE")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert work.ask("OPTIONS", "/orgs").headers["allow"] == "OPTIONS,GET,HEAD"
    assert art.ask("OPTIONS", "/").headers["allow"] == "OPTIONS,GET,HEAD"


@pytest.mark.parametrize(("method", "url", "code"), [("POST", "/", "PGRST117"), ("DELETE", "/rpc/f", "PGRST101")])
def test_other_methods_are_refused(art: Door, method: str, url: str, code: str) -> None:
    answer = art.ask(method, url)
    assert (answer.status, answer.code) == (405, code)
