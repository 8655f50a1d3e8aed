"""A mounted FastAPI application knows its callers, works as them, and answers our errors as we do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from pydantic import BaseModel
from sqlalchemy import select, text
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from backstay.errors import BackstayError, Conflict
from backstay.fastapi import CallerSession, CurrentCaller
from behaviour.door import Answer, Door, call, token
from fixtures.rows import ADA, BOB, fill, uid
from fixtures.workspace import Note, build


class Changed(BaseModel):
    number: int
    text: str


def api() -> FastAPI:
    """What stands beside our own application."""
    app = FastAPI()

    @app.get("/me")
    async def me(caller: CurrentCaller) -> dict[str, Any]:
        return {"id": caller.id, "signed_in": caller.signed_in}

    @app.get("/open")
    async def open_to_all() -> str:
        return "hello"

    @app.get("/notes")
    async def numbers(db: CallerSession) -> list[int]:
        return sorted((await db.scalars(select(Note.number))).all())

    @app.post("/notes/{number}")
    async def change(number: int, text: str, db: CallerSession, caller: CurrentCaller) -> Changed:
        note = (await db.scalars(select(Note).where(Note.number == number))).one()
        note.text = text
        if text == "stop":
            await db.flush()
            raise Conflict(f"{caller.id} was stopped.", hint="Go on.")
        if text == "crash":
            await db.flush()
            raise ZeroDivisionError("the password is swordfish")
        return Changed(number=note.number, text=note.text)

    @app.post("/late")
    async def add(db: CallerSession, author: str) -> str:
        # Sent to the database when the endpoint has returned.
        db.add(Note(number=7, text="late", author_id=uid(int(author))))
        return "done"

    @app.get("/text")
    async def textual(db: CallerSession) -> str:
        return str(await db.scalar(text("SELECT 1")))

    return app


@pytest.fixture
def desk(database_url: str) -> Iterator[Door]:
    app = build(database_url)
    app.mount("/api", api())
    with Door(app, fill) as door:
        yield door


def ask(desk: Door, method: str, path: str, caller: str = "ada", **headers: str) -> Answer:
    sent = {b"host": b"localhost", **{name.encode(): value.encode() for name, value in headers.items()}}
    bearer = token(caller)
    if bearer is not None:
        sent.setdefault(b"authorization", f"Bearer {bearer}".encode())
    path, _, query = path.partition("?")
    return desk.run(call(desk.app, method, path.encode(), query.encode(), list(sent.items()), b""))


def test_endpoint_is_told_the_caller(desk: Door) -> None:
    assert ask(desk, "GET", "/api/me").json == {"id": str(ADA), "signed_in": True}
    assert ask(desk, "GET", "/api/me", "bob").json["id"] == str(BOB)
    assert ask(desk, "GET", "/api/me", "anon").json == {"id": None, "signed_in": False}


def test_rules_hold_in_the_callers_session(desk: Door) -> None:
    assert ask(desk, "GET", "/api/notes").json == [1, 2, 3]
    assert ask(desk, "GET", "/api/notes", "cyd").json == [5, 6]
    assert ask(desk, "GET", "/api/notes", "service").json == [1, 2, 3, 4, 5, 6]


def test_session_is_committed_when_the_endpoint_returns(desk: Door) -> None:
    assert ask(desk, "POST", "/api/notes/1?text=new").json == {"number": 1, "text": "new"}
    assert desk.rows("/notes?number=eq.1")[0]["text"] == "new"


@pytest.mark.parametrize(("word", "status"), [("stop", 409), ("crash", 500)])
def test_error_rolls_back(desk: Door, word: str, status: int) -> None:
    if status == 500:
        with pytest.raises(ZeroDivisionError):
            ask(desk, "POST", f"/api/notes/1?text={word}")
    else:
        answer = ask(desk, "POST", f"/api/notes/1?text={word}")
        assert answer.status == status
        assert answer.headers["content-type"] == "application/json; charset=utf-8"
        assert answer.json == {"code": "23000", "message": f"{ADA} was stopped.", "details": None, "hint": "Go on."}
    assert desk.rows("/notes?number=eq.1")[0]["text"] == "note 1 of Acme"


def test_row_that_the_caller_may_not_see_is_not_found(desk: Door) -> None:
    assert ask(desk, "POST", "/api/notes/4?text=x").status == 404


def test_row_that_a_rule_refuses_is_denied(desk: Door) -> None:
    answer = ask(desk, "POST", "/api/notes/3?text=x")
    assert (answer.status, answer.code) == (403, "42501")


def test_what_the_commit_sends_is_answered_for(desk: Door) -> None:
    answer = ask(desk, "POST", "/api/late?author=12")
    assert (answer.status, answer.code) == (403, "42501")
    assert ask(desk, "POST", "/api/late?author=11").json == "done"
    assert len(desk.rows("/notes?number=eq.7")) == 1
    answer = ask(desk, "POST", "/api/late?author=11")
    assert (answer.status, answer.code) == (409, "23505")


def test_text_is_refused(desk: Door) -> None:
    assert ask(desk, "GET", "/api/text").code == "42501"
    assert ask(desk, "GET", "/api/text", "service").json == "1"


def test_bad_token_is_refused_where_somebody_asks_for_the_caller(desk: Door) -> None:
    answer = ask(desk, "GET", "/api/me", authorization="Bearer a.b.c")
    assert (answer.status, answer.code) == (401, "PGRST301")
    assert ask(desk, "GET", "/api/notes", authorization="Bearer a.b.c").status == 401
    assert ask(desk, "GET", "/api/open", authorization="Bearer a.b.c").json == "hello"


def test_handler_of_the_applications_own_is_left_alone(database_url: str) -> None:
    async def fail(request: Request) -> JSONResponse:
        raise Conflict("no")

    async def handle(request: Request, error: BackstayError) -> JSONResponse:
        return JSONResponse({"mine": error.message}, 418)

    guest = Starlette(routes=[Route("/fail", fail)], exception_handlers={BackstayError: handle})  # type: ignore[dict-item]
    other = Starlette(routes=[Route("/fail", fail)])
    app = build(database_url)
    app.mount("/mine", guest)
    app.mount("/other", other)
    with Door(app, fill) as door:
        answer = ask(door, "GET", "/mine/fail")
        assert (answer.status, json.loads(answer.body)) == (418, {"mine": "no"})
        assert ask(door, "GET", "/other/fail").status == 409


async def test_application_that_is_not_mounted_has_no_callers() -> None:
    with pytest.raises(BackstayError, match="mounted applications only"):
        await call(api(), "GET", b"/me", b"", [(b"host", b"localhost")], b"")
