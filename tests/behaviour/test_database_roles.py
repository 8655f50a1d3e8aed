"""Requests under roles of the database: its own row-level security decides, and nothing of a role stays behind."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from backstay import Backstay, Caller, anyone, system
from backstay.auth.mint import mint
from backstay.errors import DeclarationError, PermissionDenied
from backstay.schema.caller import Role
from behaviour.door import PUBLISHABLE, SECRET, SECRET_KEY, Answer, Door
from databases import sqlite_url
from fixtures import supabase
from fixtures.supabase import ADA, BOB

TOKENS = {
    "ada": mint(SECRET, user=ADA, claims={"email": "ada@example.com"}),
    "bob": mint(SECRET, user=BOB),
    "service": mint(SECRET, role=Role.SERVICE),
    "auditor": mint(SECRET, user=BOB, claims={"role": "bst_auditor"}),
    "nobody": mint(SECRET, user=BOB, claims={"role": "bst_nobody"}),
    "stranger": mint(SECRET, user=BOB, claims={"role": "bst_stranger"}),
    "none": mint(SECRET, user=BOB, claims={"role": "none"}),
}


async def leave(app: Backstay) -> None:
    """The rows are there."""


@pytest.fixture(scope="module")
def url(module_postgresql_url: str) -> str:
    return supabase.make(module_postgresql_url)


@pytest.fixture(scope="module")
def module_door(url: str) -> Iterator[Door]:
    app = supabase.build(url)

    async def titles(session: AsyncSession) -> list[str]:
        """Answer from a session of the caller's."""
        await session.connection()
        table = app.schema.resources["public", "todos"].table
        return list(await session.scalars(sa.select(table.c.title).order_by(table.c.id)))

    async def user(session: AsyncSession) -> str:
        """Answer the role, past the guard."""
        connection = await session.connection()
        raw = (await connection.get_raw_connection()).driver_connection
        assert raw is not None
        return str(await raw.fetchval("SELECT current_user::text"))

    app.function(titles)
    app.function(user)
    app.configure(pool_size=2, session_pool_size=1, statement_timeout=timedelta(seconds=1))
    with Door(app, leave) as door:
        yield door


@pytest.fixture
def door(module_door: Door, module_postgresql_url: str) -> Door:
    supabase.execute(module_postgresql_url, supabase.ROWS)
    return module_door


def ask(door: Door, who: str, method: str, url: str, body: Any = None, **headers: str) -> Answer:
    token = TOKENS.get(who)
    given = {"authorization": f"Bearer {token}"} if token else {}
    return door.ask(method, url, body, caller="anon", **given, **headers)


def titles(door: Door, who: str, url: str = "/todos?select=title&order=id") -> list[str]:
    answer = ask(door, who, "GET", url)
    assert answer.status == 200, answer.body
    return [row["title"] for row in answer.json]


def refusal(answer: Answer) -> Sequence[Any]:
    return answer.status, answer.code, answer.json["message"]


# Reading -----------------------------------------------------------------------------------------------------

EVERYTHING = ["Ada, open", "Ada, secret", "Bob, open", "Bob, secret"]


@pytest.mark.parametrize(
    ("who", "seen"),
    [
        ("anon", ["Ada, open", "Bob, open"]),
        ("ada", ["Ada, open", "Ada, secret", "Bob, open"]),
        ("bob", ["Ada, open", "Bob, open", "Bob, secret"]),
        ("service", EVERYTHING),
        ("auditor", EVERYTHING),
    ],
)
def test_policies_decide_who_sees_what(door: Door, who: str, seen: list[str]) -> None:
    # Often enough for plans that are kept, from everybody in turn.
    for _ in range(7):
        assert titles(door, who) == seen
    assert titles(door, who, "/rpc/my_todos?select=title") == seen
    counted = ask(door, who, "GET", "/todos?select=id&limit=1", prefer="count=exact")
    assert counted.range == f"0-0/{len(seen)}"
    if who != "auditor":
        assert ask(door, who, "GET", "/rpc/titles").json == seen


def test_callers_in_turn_and_together_see_their_own(door: Door) -> None:
    for _ in range(3):
        for who, count in (("ada", 3), ("anon", 2), ("service", 4), ("bob", 3)):
            assert len(titles(door, who)) == count


def test_embeds_are_under_the_role_as_well(door: Door) -> None:
    select = "/todos?select=title,owner:profiles(name),todos(title)&id=eq.1"
    assert ask(door, "anon", "GET", select).json == [
        {"title": "Ada, open", "owner": {"name": "Ada"}, "todos": [{"title": "Bob, open"}]}
    ]
    children = ask(door, "bob", "GET", select).json[0]["todos"]
    assert sorted(each["title"] for each in children) == ["Bob, open", "Bob, secret"]
    assert refusal(ask(door, "anon", "GET", "/todos?select=title,profiles(secret)")) == (
        401, "42501", "permission denied for table profiles",
    )  # fmt: skip


def test_what_is_not_granted_is_refused(door: Door) -> None:
    for who, status in (("anon", 401), ("ada", 403)):
        answer = ask(door, who, "GET", "/vault")
        assert refusal(answer) == (status, "42501", "permission denied for table vault")
        assert answer.headers.get("www-authenticate") == ("Bearer" if who == "anon" else None)
        assert refusal(ask(door, who, "GET", "/profiles?select=name,secret"))[:2] == (status, "42501")
        assert ask(door, who, "GET", "/profiles?select=name&order=name").json == [{"name": "Ada"}, {"name": "Bob"}]
    assert ask(door, "service", "GET", "/vault").json == [{"id": 1, "word": "sesame"}]


def test_keys_are_roles_too(door: Door) -> None:
    assert len(door.get("/todos", "anon", apikey=PUBLISHABLE).json) == 2
    assert len(door.get("/todos", "anon", apikey=SECRET_KEY).json) == 4


# Writing -----------------------------------------------------------------------------------------------------


def test_a_row_is_inserted_as_far_as_the_policies_let(door: Door) -> None:
    made = ask(door, "ada", "POST", "/todos?select=title,owner_id", {"title": "New"}, prefer="return=representation")
    assert (made.status, made.json) == (201, [{"title": "New", "owner_id": str(ADA)}])
    assert ask(door, "ada", "POST", "/todos", {"title": "x"}).status == 201
    foreign = {"title": "For Bob", "owner_id": str(BOB)}
    message = 'new row violates row-level security policy for table "todos"'
    assert refusal(ask(door, "ada", "POST", "/todos", foreign)) == (403, "42501", message)
    assert refusal(ask(door, "anon", "POST", "/todos", foreign)) == (401, "42501", "permission denied for table todos")
    assert ask(door, "service", "POST", "/todos", foreign).status == 201


def test_one_may_write_what_one_may_not_read(door: Door) -> None:
    sent = ask(door, "anon", "POST", "/messages", {"body": "Hello"})
    assert (sent.status, sent.body) == (201, b"")
    assert ask(door, "anon", "POST", "/messages", [{"body": "Hello"}, {"body": "again"}]).status == 201
    assert refusal(ask(door, "anon", "POST", "/messages", {"body": "Hi"}))[1] == "42501"
    for prefer in ("return=representation", "return=headers-only"):
        refused = ask(door, "anon", "POST", "/messages", {"body": "Hello"}, prefer=prefer)
        assert refusal(refused) == (401, "42501", "permission denied for table messages")
    assert len(ask(door, "service", "GET", "/messages").json) == 3


def test_rows_are_changed_as_far_as_the_policies_let(door: Door) -> None:
    changed = ask(
        door, "ada", "PATCH", "/todos?id=gt.0&select=id&order=id", {"public": True}, prefer="return=representation"
    )
    assert (changed.status, changed.json) == (200, [{"id": 1}, {"id": 2}])
    counted = ask(door, "ada", "PATCH", "/todos?id=gt.0", {"title": "x"}, prefer="count=exact")
    assert (counted.status, counted.range) == (204, "0-1/2")
    message = 'new row violates row-level security policy for table "todos"'
    given = ask(door, "ada", "PATCH", "/todos?id=eq.2", {"public": False, "owner_id": str(BOB)})
    assert refusal(given) == (403, "42501", message)
    assert ask(door, "ada", "PATCH", "/profiles?id=eq.1", {"name": "x"}).status == 400
    assert ask(door, "ada", "PATCH", f"/profiles?id=eq.{ADA}", {"name": "Ada L"}).status == 204
    assert refusal(ask(door, "ada", "PATCH", f"/profiles?id=eq.{ADA}", {"secret": "x"}))[1] == "42501"
    assert ask(door, "ada", "PATCH", f"/profiles?id=eq.{BOB}&select=id", {"name": "x"},
               prefer="return=representation").json == []  # fmt: skip


def test_rows_are_deleted_as_far_as_the_policies_let(door: Door) -> None:
    ask(door, "ada", "PATCH", "/todos?id=eq.2", {"title": "Keep"})
    gone = ask(door, "ada", "DELETE", "/todos?id=gt.1", prefer="return=representation")
    assert gone.json == []
    made = ask(door, "ada", "POST", "/todos?select=id", {"title": "Go", "parent_id": 2}, prefer="return=representation")
    select = f"/todos?id=in.(2,{made.json[0]['id']})&select=title,parent:parent_id(title),profiles(name)"
    gone = ask(door, "ada", "DELETE", select, prefer="return=representation, count=exact")
    assert gone.json == [{"title": "Go", "parent": {"title": "Keep"}, "profiles": {"name": "Ada"}}]
    assert gone.range == "*/1"
    assert refusal(ask(door, "anon", "DELETE", "/todos?id=eq.1"))[:2] == (401, "42501")


def test_rows_that_one_may_not_update_are_deleted_and_told(door: Door) -> None:
    gone = ask(door, "bob", "DELETE", "/locked?id=gt.0&select=id", prefer="return=representation")
    assert gone.json == [{"id": 2}]
    single = ask(door, "ada", "DELETE", "/locked?id=gt.0", accept="application/vnd.pgrst.object+json",
                 prefer="return=representation")  # fmt: skip
    assert single.json == {"id": 1, "owner_id": str(ADA)}
    assert ask(door, "service", "GET", "/locked").json == []


def test_upserts_and_put(door: Door) -> None:
    upsert = {"prefer": "resolution=merge-duplicates, return=representation"}
    met = ask(door, "ada", "POST", "/todos?select=id,title", {"id": 1, "title": "Again"}, **upsert)
    assert (met.status, met.json) == (200, [{"id": 1, "title": "Again"}])
    assert refusal(ask(door, "ada", "POST", "/todos", {"id": 3, "title": "Mine"}, **upsert))[:2] == (403, "42501")
    row = {"id": 1, "title": "Put", "owner_id": str(ADA), "public": True, "parent_id": None}
    assert ask(door, "ada", "PUT", "/todos?id=eq.1", row).status in (200, 204)
    ignored = ask(door, "ada", "POST", "/todos", [{"id": 1, "title": "x"}, {"id": 9, "title": "Nine"}],
                  prefer="resolution=ignore-duplicates")  # fmt: skip
    assert ignored.status == 201
    assert titles(door, "service", "/todos?select=title&id=in.(1,9)&order=id") == ["Put", "Nine"]


# Calling -----------------------------------------------------------------------------------------------------


def test_functions_know_who_calls_and_with_what(door: Door) -> None:
    told = ask(door, "ada", "GET", "/rpc/whoami", x_agent="7", cookie="seen=1; b=2").json
    claims = told.pop("claims")
    assert (claims["sub"], claims["role"], claims["email"]) == (str(ADA), "authenticated", "ada@example.com")
    assert told == {
        "user": "authenticated", "session": False, "method": "GET", "path": "/rpc/whoami", "agent": "7", "cookie": "1",
    }  # fmt: skip
    stranger = ask(door, "anon", "POST", "/rpc/whoami", {}).json
    assert (stranger["user"], stranger["claims"], stranger["method"]) == ("anon", {"role": "anon"}, "POST")
    assert ask(door, "auditor", "GET", "/rpc/whoami").json["user"] == "bst_auditor"


def test_functions_run_under_the_role_or_as_their_owner(door: Door) -> None:
    made = ask(door, "bob", "POST", "/rpc/add_todo", {"title": "By function"})
    assert (made.status, made.json["owner_id"]) == (200, str(BOB))
    assert refusal(ask(door, "anon", "POST", "/rpc/add_todo", {"title": "x"}))[:2] == (401, "42501")
    assert ask(door, "anon", "GET", "/rpc/word").json == "sesame"
    assert ask(door, "ada", "GET", "/rpc/for_users").json == 1
    assert refusal(ask(door, "anon", "GET", "/rpc/for_users")) == (
        401, "42501", "permission denied for function for_users",
    )  # fmt: skip


def test_functions_of_the_program_and_sessions_run_under_the_role(door: Door) -> None:
    assert [ask(door, who, "GET", "/rpc/user").json for who in ("anon", "ada", "auditor", "service")] == [
        "anon", "authenticated", "bst_auditor", "service_role",
    ]  # fmt: skip
    table = door.app.schema.resources["public", "todos"].table

    async def count(act_as: Any) -> int:
        async with door.app.session(act_as) as session:
            return int(await session.scalar(sa.select(sa.func.count(table.c.id))) or 0)

    assert door.run(count(Caller(str(ADA), {}, Role.AUTHENTICATED))) == 3
    assert door.run(count(Caller(str(BOB), {"role": "bst_auditor"}, Role.AUTHENTICATED))) == 4
    assert door.run(count(Caller())) == 2

    async def log_in_role() -> str:
        async with door.app.session(system) as session:
            return str(await session.scalar(sa.text("SELECT current_user::text")))

    assert door.run(log_in_role()) == "bst_authenticator"
    with pytest.raises(PermissionDenied, match="permission denied for table todos"):
        door.run(count(system))


# Roles that are none -----------------------------------------------------------------------------------------


def test_a_role_that_the_database_does_not_have_is_nobody(door: Door) -> None:
    for method, url in (
        ("GET", "/todos"),
        ("POST", "/rpc/whoami"),
        ("GET", "/rpc/titles"),
        ("DELETE", "/todos?id=eq.1"),
    ):
        answer = ask(door, "nobody", method, url)
        assert refusal(answer) == (401, "22023", 'role "bst_nobody" does not exist'), url


def test_a_role_that_the_login_may_not_take_is_refused(door: Door) -> None:
    answer = ask(door, "stranger", "GET", "/todos")
    assert refusal(answer) == (403, "42501", 'permission denied to set role "bst_stranger"')


@pytest.mark.parametrize("role", ["none", "", "a\0b"])
def test_a_token_cannot_name_the_role_of_the_login(door: Door, role: str) -> None:
    token = mint(SECRET, user=ADA, claims={"role": role})
    answer = door.ask("GET", "/todos", caller="anon", authorization=f"Bearer {token}")
    assert (answer.status, answer.code) == (401, "PGRST303")


def test_the_anonymous_role_has_the_name_one_gives_it(url: str) -> None:
    app = supabase.build(url)
    app.configure(anonymous_role="bst_auditor")
    with Door(app, leave) as door:
        assert ask(door, "anon", "GET", "/rpc/whoami").json["user"] == "bst_auditor"
        assert ask(door, "auditor", "GET", "/vault").status == 401  # for them it is the anonymous role
        token = mint(SECRET, role=Role.ANON)
        assert door.ask("GET", "/todos", caller="anon", authorization=f"Bearer {token}").status == 200


# Nothing stays -----------------------------------------------------------------------------------------------


PLAIN = {None, "", "none", "bst_authenticator"}


def who_is_connected(door: Door) -> set[str]:
    """The roles of all connections that are idle, as the next user of each would find them."""

    async def look() -> set[str]:
        database = door.app.assembly.engine.database
        found = set()
        for _ in range(3):
            [(name,)] = await database.fetch(
                "SELECT current_user || current_setting('request.jwt.claims', true)", [], ()
            )
            found.add(name)
            async with database.session(local=()) as session:
                found |= set((await session.execute(sa.text("SELECT current_user, current_setting('role')"))).one())
        return found

    return door.run(look())


def test_no_connection_keeps_a_role(door: Door) -> None:
    def all_are_plain() -> bool:
        return who_is_connected(door) <= PLAIN

    for who, method, url, body in (
        ("ada", "GET", "/todos", None),
        ("ada", "GET", "/vault", None),
        ("ada", "GET", "/todos?title=eq.1&id=eq.x", None),
        ("ada", "POST", "/todos", {"title": "x", "owner_id": str(BOB)}),
        ("ada", "GET", "/rpc/user", None),
        ("nobody", "GET", "/todos", None),
        ("stranger", "GET", "/rpc/titles", None),
    ):
        ask(door, who, method, url, body)
        assert all_are_plain(), url
    late = ask(door, "ada", "POST", "/rpc/naps", {})
    assert (late.status, late.code) == (500, "57014")
    assert all_are_plain()


def test_no_connection_keeps_a_role_after_callers_leave(door: Door) -> None:
    rest = door.app.assembly.rest
    from backstay.frontends.http import Request

    caller = door.app.assembly.identify({"authorization": f"Bearer {TOKENS['ada']}"})

    async def leave_early() -> None:
        for pause in (0, 0, 0.001, 0.003, 0.05):
            for path, method in (("/rpc/naps", "POST"), ("/todos", "GET"), ("/rpc/titles", "GET")):
                task = asyncio.ensure_future(rest(Request(method, path, "", {}, b""), caller))
                await asyncio.sleep(pause)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    door.run(leave_early())
    assert who_is_connected(door) <= PLAIN


# Elsewhere ---------------------------------------------------------------------------------------------------


class Base(DeclarativeBase): ...


class Note(Base):
    __tablename__ = "notes"

    id: Mapped[int] = mapped_column(primary_key=True)


def test_a_database_without_roles_is_refused_at_the_start(tmp_path: Path) -> None:
    app = Backstay(sqlite_url(tmp_path))
    app.resource(Note, select=anyone)
    app.configure(database_roles=True)
    with pytest.raises(DeclarationError, match="database_roles"):
        _ = app.assembly
