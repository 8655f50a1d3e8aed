"""The door for users' own tests: ``backstay.testing``."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from backstay import Auth, AuthUser, Backstay, anyone, current, system
from backstay.errors import DeclarationError
from backstay.testing import Client, client


class Base(DeclarativeBase): ...


class User(AuthUser, Base):
    __tablename__ = "users"

    team: Mapped[str | None]


me = current(User)


class Task(Base):
    __tablename__ = "tasks"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    name: Mapped[str]
    team: Mapped[str | None] = mapped_column(default=me.team)


def build() -> Backstay:
    app = Backstay("sqlite:///never-made.db", auth=Auth(User))
    app.resource(Task, select=anyone, write=Task.team == me.team)
    return app


@pytest.fixture
async def backend() -> AsyncIterator[Client]:
    """An application of tasks, asked anonymously."""
    async with client(build()) as backend:
        yield backend


async def test_the_application_s_own_database_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    async with client(build()) as backend:
        assert (await backend.get("/rest/v1/tasks")).json() == []
    assert list(tmp_path.iterdir()) == []


async def test_each_client_has_a_database_of_its_own() -> None:
    app = build()
    for _ in range(2):
        async with client(app) as backend:
            assert (await backend.get("/rest/v1/tasks")).json() == []
            assert (await backend.as_(system).post("/rest/v1/tasks", {"name": "x"})).status == 201


async def test_claims_are_the_user_s(backend: Client) -> None:
    blue = backend.as_(uuid4(), team="blue")
    assert (await blue.post("/rest/v1/tasks", {"name": "paint"})).json()[0]["team"] == "blue"
    assert (await blue.post("/rest/v1/tasks", {"name": "paint", "team": "red"})).status == 403
    assert (await backend.post("/rest/v1/tasks", {"name": "paint", "team": "blue"})).status == 401


async def test_a_user_s_row_stands_for_the_user(backend: Client) -> None:
    async with backend.app.session(system) as db:
        user = User(id=uuid4(), team="green")
        db.add(user)
    assert (await backend.as_(user).post("/rest/v1/tasks", {"name": "plant"})).json()[0]["team"] == "green"


async def test_every_method_asks(backend: Client) -> None:
    blue = backend.as_(str(uuid4()), team="blue")
    task = (await blue.post("/rest/v1/tasks", {"name": "a"})).json()[0]
    place = f"/rest/v1/tasks?id=eq.{task['id']}"
    assert (await blue.patch(place, {"name": "b"})).json()[0]["name"] == "b"
    assert (await blue.put(place, {**task, "name": "c"})).json()[0]["name"] == "c"
    assert (await blue.request("HEAD", place)).body == b""
    assert (await blue.delete(place)).json()[0]["name"] == "c"
    assert (await blue.get(place)).json() == []


async def test_parameters_and_odd_characters_are_encoded(backend: Client) -> None:
    everything = backend.as_("service_role")
    for name in ("50% & more", "größer ?", 'say "hi", twice'):
        assert (await everything.post("/rest/v1/tasks", {"name": name})).status == 201
        found = await backend.get("/rest/v1/tasks?select=name", params={"name": f"eq.{name}"})
        assert found.json() == [{"name": name}]
    assert (await backend.get('/rest/v1/tasks?select=name&name=in.("größer ?")')).json() == [{"name": "größer ?"}]


async def test_an_error_is_an_answer(backend: Client) -> None:
    answer = await backend.get("/rest/v1/nothing")
    assert (answer.status, answer.json()["code"]) == (404, "PGRST205")
    assert "nothing" in answer.text
    assert answer.headers["content-type"].startswith("application/json")


async def test_headers_are_sent(backend: Client) -> None:
    answer = await backend.get("/rest/v1/tasks", headers={"Prefer": "count=exact"})
    assert answer.headers["content-range"] == "*/0"


async def test_what_is_mounted_is_asked_too() -> None:
    async def show(request: Request) -> JSONResponse:
        return JSONResponse({"path": request.url.path, "body": (await request.body()).decode()})

    app = build()
    app.mount("/own", Starlette(routes=[Route("/a b", show, methods=["POST"])]))
    async with client(app) as backend:
        answer = await backend.request("POST", "/own/a b", content=b"hello")
        assert (answer.status, answer.json()) == (200, {"path": "/own/a b", "body": "hello"})


async def test_a_wrong_program_is_refused() -> None:
    app = build()
    app.resource(Task, select=True)  # type: ignore[arg-type]
    with pytest.raises(DeclarationError):
        async with client(app):
            pytest.fail("it started")
