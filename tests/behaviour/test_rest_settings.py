"""Settings that change what the wire shows."""

from __future__ import annotations

import re
from typing import Any

import pytest

from backstay.errors import DeclarationError
from behaviour.door import SECRET_KEY, Door
from fixtures import gallery, rows, workspace


def opened(url: str, **settings: Any) -> Door:
    """The gallery with other settings."""
    app = gallery.build(url)
    app.configure(**settings)
    return Door(app, gallery.fill)


def test_errors_may_tell_code_and_message_alone(database_url: str) -> None:
    with opened(database_url, error_verbosity="minimal") as art:
        for answer in (
            art.ask("POST", "/styles", {"id": 1, "name": "there already"}),
            art.get("/paintings?select=artists(id)"),
            art.get("/styles", authorization="Bearer nonsense"),
            art.get("/nowhere/at/all"),
        ):
            assert answer.json.keys() == {"code", "message"}
            assert answer.headers["proxy-status"] == f"PostgREST; error={answer.code}"


def test_verbosity_is_one_of_two() -> None:
    with pytest.raises(DeclarationError, match="error_verbosity: 'loud' is neither verbose nor minimal"):
        opened("sqlite://", error_verbosity="loud").app.assembly  # noqa: B018


PLAN = "application/vnd.pgrst.plan"
JS = f'{PLAN}+json; for="application/json"; options=analyze|verbose;'


def is_postgresql(door: Door) -> bool:
    return door.app.assembly.engine.database.sql.name == "postgresql"


def test_plans_are_told_where_the_setting_says_so(database_url: str) -> None:
    with opened(database_url, plan_media=True) as art:
        url = "/paintings?select=title,artists!paintings_artist_id_fkey(name)&title=like.*N*&id=gt.0&limit=2"
        answer = art.get(url, accept=JS)
        assert answer.status == 200
        echoed = f'{PLAN}+json; for="application/json"; options=analyze|verbose; charset=utf-8'
        assert answer.headers["content-type"] == echoed
        assert answer.headers["content-length"] == str(len(answer.body))
        assert "content-range" not in answer.headers
        if is_postgresql(art):
            assert answer.json[0]["Plan"]["Actual Rows"] == 1
            assert "Total Cost" in answer.json[0]["Plan"]
        else:
            assert answer.json[0].keys() == {"id", "parent", "detail"}
            assert any(step["detail"].startswith("S") for step in answer.json)
        text = art.get(url, accept=PLAN)
        assert text.headers["content-type"] == f'{PLAN}+text; for="application/json"; charset=utf-8'
        assert b"paintings" in text.body
        assert "\n" in text.body.decode()
        head = art.ask("HEAD", url, accept=PLAN)
        assert (head.status, head.body, head.headers["content-type"]) == (200, b"", text.headers["content-type"])


@pytest.mark.parametrize(
    ("method", "url", "body"),
    [
        ("POST", "/styles", {"id": 9, "name": "x"}),
        ("POST", "/styles", [{"id": 8, "name": "x"}, {"id": 9, "name": "y"}]),
        ("PUT", "/styles?id=eq.1", {"id": 1, "name": "x"}),
        ("PATCH", "/styles?id=eq.1", {"name": "x"}),
        ("PATCH", "/styles?id=eq.1", {}),
        ("DELETE", "/styles?id=eq.3", None),
    ],
)
def test_nothing_is_kept_of_a_write_whose_plan_is_told(database_url: str, method: str, url: str, body: Any) -> None:
    with opened(database_url, plan_media=True) as art:
        before = art.rows("/styles?order=id")
        for accept in (PLAN, JS):
            answer = art.ask(method, url, body, accept=accept, prefer="return=representation")
            assert (answer.status, b"styles" in answer.body) == (200, True), answer.body
        assert art.rows("/styles?order=id") == before
        assert art.ask("POST", "/styles", [], accept=JS).body == b"[]"


def test_who_may_not_ask_may_not_see_the_plan(database_url: str) -> None:
    app = workspace.build(database_url)
    app.configure(plan_media=True)
    with Door(app, rows.fill) as work:
        for method, url, body in (
            ("GET", "/drafts", None),
            ("GET", "/notes?select=id,likes(user_id)", None),
            ("DELETE", "/users", None),
        ):
            answer = work.ask(method, url, body, caller="anon", accept=PLAN)
            assert (answer.status, answer.code) == (401, "42501"), url
        assert work.get("/notes?secret=eq.1", accept=PLAN).code == "42703"
        assert work.get("/notes?id=eq.abc", accept=PLAN).code == "22P02"
        # What is explained is the guarded statement.
        assert b"author_id" in work.get("/notes", accept=f"{PLAN}+text; options=verbose").body or not is_postgresql(
            work
        )


def test_plans_are_not_told_otherwise(database_url: str) -> None:
    with opened(database_url) as art:
        answer = art.get("/styles", accept=JS)
        assert (answer.status, answer.code) == (406, "PGRST107")
        told = f'None of these media types are available: {PLAN}+json; for="application/json"; options=analyze|verbose'
        assert answer.json["message"] == told


def test_a_function_has_no_plan(database_url: str) -> None:
    with opened(database_url, plan_media=True) as art:
        assert art.get("/rpc/add?a=1", accept=PLAN).code == "PGRST107"
        assert art.get("/rpc/nosuch", accept=PLAN).code == "PGRST202"


STEPS = re.compile(
    ", ".join(rf"{step};dur=[0-9]+[.][0-9]" for step in ("jwt", "parse", "plan", "transaction", "response"))
)


def test_answers_tell_how_long_they_took(database_url: str) -> None:
    with opened(database_url, server_timing="always") as art:
        for answer in (
            art.get("/styles"),
            art.ask("HEAD", "/styles"),
            art.get("/styles", accept="text/csv"),
            art.ask("POST", "/styles", {"id": 9, "name": "x"}),
            art.ask("DELETE", "/styles?id=eq.9", prefer="return=representation"),
            art.get("/rpc/add?a=1"),
        ):
            assert answer.status < 300
            assert STEPS.fullmatch(answer.headers["server-timing"]), answer.headers["server-timing"]
        assert "server-timing" not in art.get("/nosuch").headers
        assert art.ask("OPTIONS", "/styles").status == art.get("/").status == 200


def test_only_who_passes_all_rules_may_ask_for_the_time_it_took(database_url: str) -> None:
    with opened(database_url, server_timing="asked") as art:
        asking = {"prefer": "server-timing, handling=strict"}
        for answer in (
            art.get("/styles", caller="anon", apikey=SECRET_KEY, **asking),
            art.get("/styles", caller="service", prefer="count=exact,server-timing"),
        ):
            assert answer.status == 200
            assert STEPS.fullmatch(answer.headers["server-timing"]), answer.headers["server-timing"]
        for answer in (
            art.get("/styles", **asking),
            art.get("/styles", caller="anon", **asking),
            art.get("/styles", caller="service"),
            art.get("/styles", caller="service", prefer="server-timing=1"),
        ):
            assert answer.status == 200
            assert "server-timing" not in answer.headers
    with opened("sqlite://") as art:
        answer = art.get("/styles", caller="service", **asking)
        assert (answer.status, answer.applied) == (200, "handling=strict")
        assert "server-timing" not in answer.headers


def test_who_is_told_the_time_is_one_of_three() -> None:
    with pytest.raises(DeclarationError, match="server_timing: 'True' is none of off, asked and always"):
        opened("sqlite://", server_timing="True").app.assembly  # noqa: B018


def test_answers_tell_nothing_of_it_otherwise(art: Door) -> None:
    assert "server-timing" not in art.get("/styles").headers
