"""The budgets of budgets.toml: counts rather than times, so that they hold on any machine."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import subprocess
import sys
import threading
import tomllib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backstay.dialects.dialect import Row
from backstay.frontends.http import Request
from backstay.schema.caller import Caller, Local
from behaviour.door import SECRET, Door, token
from databases import sqlite_url
from fixtures import rows, workspace
from fixtures.rows import CALLERS, uid
from serving import Serving

pytestmark = pytest.mark.slow

BUDGETS = tomllib.loads((Path(__file__).parent / "budgets.toml").read_text(encoding="utf-8"))
FORBIDDEN = (
    *("alembic", "asyncpg", "cryptography", "cyclopts", "graphql", "granian", "hypothesis", "joserfc", "pydantic"),
    *("a2wsgi", "django", "fastapi", "flask", "re2", "rich", "starlette", "structlog"),
)
POINT = f"select=number,text,author(id,role)&id=eq.{uid(101)}"
PAGE = "select=number,text,author(id,role)&number=gt.0"


def spend(name: str, spent: float) -> None:
    """Say what was spent, and fail where it is more than the budget."""
    budget = BUDGETS[name]
    print(f"{name}: {spent:g} of {budget['most']:g} {budget['unit']}")
    most = budget["most"] * (1 + BUDGETS["tolerance"])
    assert spent <= most, f"{name}: {spent:g} {budget['unit']}, budget {budget['most']:g}: {budget['why']}"


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    with Door(workspace.build(sqlite_url(tmp_path)), rows.fill) as opened:
        yield opened


async def count_calls(work: Callable[[], Awaitable[Any]]) -> int:
    """How many Python functions are called, once everything is warm."""
    for _ in range(5):
        await work()
    calls = 0

    def note(frame: Any, event: str, argument: Any) -> None:
        nonlocal calls
        calls += event == "call"

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        await work()
    finally:
        sys.setprofile(before)
    return calls


@pytest.mark.parametrize(("name", "query", "found"), [("rest_read", POINT, 1), ("rest_page", PAGE, 3)])
def test_python_calls_of_a_warm_read(door: Door, name: str, query: str, found: int) -> None:
    rest, ada, headers = door.app.assembly.rest, CALLERS["ada"], {b"accept": b"*/*"}
    for _ in range(2):
        response = door.run(rest(Request("GET", "/notes", query, {"accept": "*/*"}), ada))
        assert len(json.loads(response.body)) == found

    async def answer() -> Any:
        return rest.prepared("/notes", query, headers, ada)

    assert door.run(answer()).body == response.body
    spend(name, door.run(count_calls(answer)) - 1)


def test_python_calls_of_a_read_that_is_parsed(door: Door) -> None:
    rest, request = door.app.assembly.rest, Request("GET", "/notes", POINT, {"accept": "*/*"})
    spend("rest_parsed", door.run(count_calls(lambda: rest(request, CALLERS["ada"]))))


def test_python_calls_of_a_warm_read_through_the_front_door(door: Door) -> None:
    headers = [(b"host", b"localhost"), (b"accept", b"*/*"), (b"authorization", f"Bearer {token('ada')}".encode())]
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/rest/v1/notes",
        "raw_path": b"/rest/v1/notes",
        "query_string": POINT.encode(),
        "root_path": "",
        "headers": headers,
    }
    sent: list[Any] = []
    asked = {"type": "http.request", "body": b"", "more_body": False}
    calls = door.run(count_calls(lambda: door.app(dict(scope), _Given(asked), _Kept(sent))))
    spend("edge_read", calls - OWN_CALLS)
    assert sent[0]["status"] == 200


OWN_CALLS = 5
"""Calls that are the test's own: the lambda, what makes the two below, and two messages sent."""


class _Given:
    def __init__(self, message: Any) -> None:
        self._message = message

    async def __call__(self) -> Any:
        return self._message


class _Kept:
    def __init__(self, messages: list[Any]) -> None:
        self._messages = messages

    async def __call__(self, message: Any) -> None:
        self._messages.append(message)


# Statements --------------------------------------------------------------------------------------------------


class Counting:
    """A database that counts what it is asked."""

    def __init__(self, database: Any) -> None:
        self._database = database
        self.statements: list[str] = []

    async def fetch(self, text: str, parameters: Sequence[Any], local: Local = ()) -> list[Row]:
        assert local == (), "settings of a transaction cost round trips"
        self.statements.append(text)
        found: list[Row] = await self._database.fetch(text, parameters)
        return found

    def fetch_at_once(self, text: str, parameters: Sequence[Any]) -> list[Row] | None:
        found: list[Row] | None = self._database.fetch_at_once(text, parameters)
        if found is not None:
            self.statements.append(text)
        return found

    async def fetch_whole(self, text: str, parameters: Sequence[Any], local: Local = ()) -> Row | None:
        assert local == (), "settings of a transaction cost round trips"
        self.statements.append(text)
        found: Row | None = await self._database.fetch_whole(text, parameters)
        return found

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"a read asked the database for {name}")


@pytest.fixture
def counted(database_url: str) -> Iterator[tuple[Door, Counting]]:
    with Door(workspace.build(database_url), rows.fill) as opened:
        road = opened.app.assembly.road
        counting = Counting(road.engine.database)
        road.engine = replace(road.engine, database=counting)
        # Compiling asks for features; what runs afterwards may ask for nothing but rows.
        counting.features = road.engine.database._database.features  # type: ignore[attr-defined]
        yield opened, counting


@pytest.mark.parametrize("caller", ["ada", "bare-ada", "service"])
@pytest.mark.parametrize(
    ("method", "query", "prefer"),
    [
        ("GET", POINT, ""),
        ("GET", "select=*,author(*),tags(*),replies(*,author(*),tags(*)),parent(*)", "count=exact"),
        ("GET", "select=number,tags!inner(name),author()&tags.name=like.*e*&order=author(role)&limit=1", "count=exact"),
        ("GET", "select=number,tags(count)&or=(number.eq.1,tags.is.null)", ""),
        ("HEAD", "select=*", "count=exact"),
        ("GET", "number=in.()", "count=planned"),
    ],
)
def test_a_read_is_one_statement(
    counted: tuple[Door, Counting], caller: str, method: str, query: str, prefer: str
) -> None:
    door, counting = counted
    request = Request(method, "/notes", query, {"prefer": prefer})
    asker: Caller = CALLERS[caller]
    for _ in ("cold", "warm"):
        counting.statements.clear()
        door.run(door.app.assembly.rest(request, asker))
        spend("statements_per_read", len(counting.statements))
        assert counting.statements


# Writes ------------------------------------------------------------------------------------------------------


def inserting(*numbers: int, prefer: str = "return=representation") -> Request:
    """A request to insert notes of these numbers."""
    notes = [{"number": number, "text": "new"} for number in numbers]
    body = json.dumps(notes if len(notes) > 1 else notes[0]).encode()
    return Request("POST", "/notes", "select=number,text,author(id,role)", {"prefer": prefer}, body)


@pytest.mark.parametrize("name", ["rest_insert", "rest_insert_parsed"])
def test_python_calls_of_a_warm_insert(tmp_path: Path, name: str) -> None:
    """In the loop and in the thread that writes."""
    counting, calls = False, 0

    def note(frame: Any, event: str, argument: Any) -> None:
        nonlocal calls
        calls += counting and event == "call"

    async def ask(door: Door) -> None:
        nonlocal counting
        rest, ada = door.app.assembly.rest, CALLERS["ada"]
        for number in range(50, 55):
            await rest(inserting(number), ada)
        request = inserting(55)
        raw = {key.encode(): value.encode() for key, value in request.headers.items()}
        counting = True
        sys.setprofile(note)
        try:
            if name == "rest_insert":
                prepared = rest.prepared_write("POST", request.path, request.query, raw, request.body, ada)
                assert prepared is not None
                await prepared
            else:
                await rest(request, ada)
        finally:
            sys.setprofile(None)
            counting = False

    threading.setprofile(note)
    try:
        with Door(workspace.build(sqlite_url(tmp_path)), rows.fill) as opened:
            opened.run(ask(opened))
    finally:
        threading.setprofile(None)  # type: ignore[arg-type]
    assert calls > 100
    spend(name, calls)


class Noting:
    """A transaction that counts what it is asked."""

    def __init__(self, transaction: Any, statements: list[str]) -> None:
        self._transaction = transaction
        self._statements = statements

    async def fetch(self, text: str, parameters: Sequence[Any]) -> list[Row]:
        self._statements.append(text)
        found: list[Row] = await self._transaction.fetch(text, parameters)
        return found

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"a write asked its transaction for {name}")


@pytest.mark.parametrize("numbers", [(50,), (51, 52)])
@pytest.mark.parametrize("prefer", ["return=minimal", "return=headers-only", "return=representation"])
def test_an_insert_is_one_statement(database_url: str, prefer: str, numbers: tuple[int, ...]) -> None:
    statements: list[str] = []
    with Door(workspace.build(database_url), rows.fill) as door:
        road = door.app.assembly.road
        database: Any = road.engine.database

        class Writing:
            features = database.features

            async def write(self, work: Any, local: Local) -> Any:
                return await database.write(lambda transaction: work(Noting(transaction, statements)), local)

        road.engine = replace(road.engine, database=Writing())  # type: ignore[arg-type]
        response = door.run(door.app.assembly.rest(inserting(*numbers, prefer=prefer), CALLERS["ada"]))
    assert response.status == 201
    spend("statements_per_insert", len(statements))
    assert statements


# Importing, and memory ---------------------------------------------------------------------------------------

IMPORT = """
import json, sys, time
before, began = set(sys.modules), time.process_time()
from backstay import Backstay
took = time.process_time() - began
print(json.dumps({"seconds": took, "modules": sorted(set(sys.modules) - before)}))
"""
OWN = {"backstay", *sys.stdlib_module_names}


def surroundings(**more: str) -> dict[str, str]:
    """The environment of a process that runs bytecode, as an installed package does, once it ran before."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent.parent), *filter(None, sys.path)]), **more}


def imported() -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", IMPORT], env=surroundings(), capture_output=True, text=True, check=True, timeout=280
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_import_is_light() -> None:
    runs = [imported() for _ in range(3)]
    modules = runs[0]["modules"]
    assert sorted({name.partition(".")[0] for name in modules} & set(FORBIDDEN)) == []
    spend("import_modules", len([name for name in modules if name.partition(".")[0] not in OWN]))
    spend("import_seconds", min(run["seconds"] for run in runs))


MEMORY = """
import asyncio, sys
from backstay.frontends.http import Request
from fixtures.rows import CALLERS, fill
from fixtures.workspace import build

async def main():
    app = build(sys.argv[1])
    await app.start()
    await fill(app)
    for number in range(100):
        await app.assembly.rest(Request("GET", "/notes", f"select=*,author(*)&number=gt.{number}"), CALLERS["ada"])
    with open("/proc/self/status") as status:
        print(next(line.split()[1] for line in status if line.startswith("VmRSS")))
    await app.stop()

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads memory as Linux shows it")
def test_idle_application_is_small(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, sqlite_url(tmp_path)],
        cwd=Path(__file__).parent.parent,
        env=surroundings(),
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr
    spend("memory", int(done.stdout) / 1024)


@pytest.mark.processes
@pytest.mark.skipif(sys.platform != "linux", reason="reads processor time and memory as Linux shows them")
def test_a_server_starts_at_once_and_is_small(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path)
    with Door(workspace.build(url), rows.fill):
        pass
    runs = [started(url, tmp_path) for _ in range(3)]
    spend("served_memory", min(memory for _, memory in runs))
    spend("start", min(seconds for seconds, _ in runs))


def started(url: str, folder: Path) -> tuple[float, float]:
    """Seconds of processor time that ``backstay serve`` takes until it answers, and the MB that it holds by then."""
    program = folder / "served.py"
    program.write_text(f"from fixtures.workspace import build\n\napp = build({url!r})\n", encoding="utf-8")
    with Serving(str(program), url, folder, {"jwt_secret": SECRET}, command=True) as served:
        headers = {"Authorization": f"Bearer {token('ada')}"}
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", served.port, timeout=30)) as connection:
            connection.request("GET", f"/rest/v1/notes?{POINT}", headers=headers)
            answer = connection.getresponse()
            assert (answer.status, len(json.loads(answer.read()))) == (200, 1)
        return served.processor_time(), served.memory()


def test_every_budget_has_a_reason_and_a_test() -> None:
    source = Path(__file__).read_text(encoding="utf-8")
    for name, budget in BUDGETS.items():
        if name != "tolerance":
            assert budget["why"] and f'"{name}"' in source
