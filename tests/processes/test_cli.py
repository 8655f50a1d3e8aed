"""The command line as its users run it: processes, files, exit codes."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.processes

NOTES = """
from uuid import UUID, uuid4

from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from backstay import Auth, AuthUser, Backstay, current


class Base(DeclarativeBase): ...


class User(AuthUser, Base):
    __tablename__ = "users"


me = current(User)


class Note(Base):
    __tablename__ = "notes"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    text: Mapped[str]
    public: Mapped[bool] = mapped_column(default=False)
    author_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"), default=me.id, index=True)


app = Backstay("sqlite:///notes.db", auth=Auth(User))

mine = Note.author_id == me.id
app.resource(Note, select=Note.public | mine, write=mine)
"""

ADA = "6b0b1c9e-9f5c-4ad6-9d0c-1c1f0a3f6f0e"


class Ran:
    """A command that has ended."""

    def __init__(self, done: subprocess.CompletedProcess[str]) -> None:
        self.code = done.returncode
        self.out = done.stdout
        self.err = done.stderr

    def __repr__(self) -> str:
        return f"exit code {self.code}\n{self.out}\n{self.err}"


def environment(**variables: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BACKSTAY_")}
    return {**kept, "COLUMNS": "120", **variables}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with a notes service."""
    (tmp_path / "notes.py").write_text(NOTES)
    return tmp_path


@pytest.fixture
def backstay(project: Path) -> Callable[..., Ran]:
    """Runs a command in the folder."""

    def run(*words: str, **variables: str) -> Ran:
        done = subprocess.run(
            [sys.executable, "-m", "backstay.cli", *words],
            cwd=project,
            env=environment(**variables),
            capture_output=True,
            text=True,
            timeout=100,
        )
        ran = Ran(done)
        assert "Traceback" not in ran.out + ran.err, ran
        return ran

    return run


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Serving:
    """A command that serves, and what it has printed so far."""

    def __init__(self, folder: Path, *words: str, **variables: str) -> None:
        self.port = free_port()
        self.log = folder / "log.txt"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "backstay.cli", *words, "--port", str(self.port)],
                cwd=folder,
                env=environment(**variables),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def printed(self) -> str:
        return self.log.read_text()

    def await_line(self, words: str, *, times: int = 1) -> None:
        deadline = time.monotonic() + 100
        while self.printed.count(words) < times:
            assert self.process.poll() is None, self.printed
            assert time.monotonic() < deadline, self.printed
            time.sleep(0.05)

    def await_answer(self) -> None:
        deadline = time.monotonic() + 100
        while True:
            assert self.process.poll() is None, self.printed
            assert time.monotonic() < deadline, self.printed
            with contextlib.suppress(OSError):
                if self.ask("GET", "/health/ready")[0] == 200:
                    return
            time.sleep(0.05)

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"content-type": "application/json", "prefer": "return=representation", **headers},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                text = answer.read()
                return answer.status, json.loads(text) if text else None
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(timeout=60)

    def close(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@pytest.fixture
def serving(project: Path) -> Iterator[Callable[..., Serving]]:
    """Starts a command that serves."""
    started: list[Serving] = []

    def start(*words: str, **variables: str) -> Serving:
        started.append(Serving(project, *words, **variables))
        return started[-1]

    yield start
    for each in started:
        each.close()


def dev_key(project: Path, name: str) -> str:
    found = re.search(rf'^{name} = "(.*)"$', (project / ".backstay" / "dev.toml").read_text(), re.MULTILINE)
    assert found is not None
    return found[1]


# Commands that end -------------------------------------------------------------------------------------------


def test_check_finds_nothing_wrong_with_a_good_program(backstay: Callable[..., Ran]) -> None:
    ran = backstay("check", "notes.py")
    assert (ran.code, ran.out) == (0, "Nothing is wrong.\n"), ran


def test_check_prints_findings_with_file_and_line(project: Path, backstay: Callable[..., Ran]) -> None:
    (project / "notes.py").write_text(NOTES.replace("write=mine)", "write=True)").replace(", index=True", ""))
    ran = backstay("check")
    assert ran.code == 1
    assert re.search(r"^notes\.py:\d+: error BS103 ", ran.out, re.MULTILINE), ran
    assert re.search(r"^notes\.py:\d+: warning BS142 ", ran.out, re.MULTILINE), ran
    assert re.search(r"^\d+ errors?, \d+ warnings?$", ran.out, re.MULTILINE), ran


def test_a_syntax_error_is_a_line_and_not_a_traceback(project: Path, backstay: Callable[..., Ran]) -> None:
    (project / "notes.py").write_text(NOTES + "\nif:\n")
    for words in (["check"], ["serve"], ["dev", "--no-reload"], ["plan", "notes.py", "GET /notes"], ["schema"]):
        ran = backstay(*words, BACKSTAY_APP="notes.py")
        assert ran.code == 1
        assert "notes.py:" in ran.err, ran
        assert "invalid syntax" in ran.err, ran


def test_plan_explains_for_each_caller(backstay: Callable[..., Ran]) -> None:
    asked = "GET /rest/v1/notes?select=id,text&text=eq.x"
    anonymous, user, service = (backstay("plan", asked, "--as", who) for who in ("anon", ADA, "service_role"))
    assert anonymous.code == user.code == service.code == 0
    assert "woven in: notes.public\n" in anonymous.out
    assert "woven in: notes.public OR notes.author_id = me.id" in user.out
    assert "WHERE (notes_1.public = 1 OR notes_1.author_id = ?1)" in user.out, user
    assert f"?1 = '{ADA}'  (me.id)" in user.out
    assert "?2 = 'x'  (text eq)" in user.out
    assert "this caller passes all rules" in service.out


def test_plan_speaks_the_database_s_sql(backstay: Callable[..., Ran]) -> None:
    ran = backstay("plan", "GET /notes?limit=3", "--database", "postgresql://nobody@nowhere/none")
    assert ran.code == 0, ran
    assert "SQL (postgresql)" in ran.out
    assert "$1" in ran.out


def test_plan_shows_which_rule_refuses(backstay: Callable[..., Ran]) -> None:
    ran = backstay("plan", "notes.py", "POST /rest/v1/notes", "--body", '{"text": "x"}')
    assert ran.code == 1
    assert re.search(r"by the rule on insert of notes \(.*notes\.py:\d+\)", ran.out), ran
    assert "new row violates row-level security policy" in ran.err


def test_plan_shows_every_statement_of_a_write(backstay: Callable[..., Ran]) -> None:
    ran = backstay(
        "plan", f"PATCH /notes?id=eq.{ADA}", "--as", ADA, "--body", '{"text":"x"}', "--prefer", "return=representation"
    )
    assert ran.code == 0, ran
    assert [line for line in ran.out.splitlines() if line.startswith("SQL")] == [
        "SQL (sqlite): update",
        "SQL (sqlite): check of the new rows",
        "SQL (sqlite): answer",
    ]


@pytest.mark.parametrize(
    "asked", ["notes", "GET", "GET notes", "GET /rest/v1/nots", "GET /notes?select=nope", "GET /rpc/x"]
)
def test_plan_says_what_is_wrong_with_a_request(asked: str, backstay: Callable[..., Ran]) -> None:
    ran = backstay("plan", "notes.py", asked)
    assert ran.code == 1
    assert ran.err.strip(), ran


def test_schema_is_printed_for_people_and_programs(backstay: Callable[..., Ran]) -> None:
    ran = backstay("schema", "notes.py")
    assert "author_id  uuid" in ran.out
    assert "select: notes.public OR notes.author_id = me.id" in ran.out
    document = json.loads(backstay("schema", "notes.py", "--json").out)
    (resource,) = document["resources"]
    assert resource["name"] == "notes"
    assert resource["rules"]["delete"] == "notes.author_id = me.id"
    assert [column["type"] for column in resource["columns"]] == ["uuid", "character varying", "boolean", "uuid"]


def test_schema_of_one_resource(backstay: Callable[..., Ran]) -> None:
    assert backstay("schema", "notes.py", "notes").code == 0
    ran = backstay("schema", "notes.py", "note")
    assert (ran.code, "Perhaps you meant 'notes'." in ran.err) == (1, True)


def test_config_tells_where_each_setting_comes_from(project: Path, backstay: Callable[..., Ran]) -> None:
    (project / "backstay.toml").write_text('max_rows = 100\nsecret_key = "sb_secret_hush"\n')
    ran = backstay("config", "notes.py", BACKSTAY_POOL_SIZE="3", BACKSTAY_DATABASE="postgresql://a:hush@h/d")
    lines = {line.split()[0]: line.split()[1:] for line in ran.out.splitlines() if line.strip()}
    assert lines["max_rows"][:2] == ["100", "0"]
    assert lines["max_rows"][2] == "backstay.toml"
    assert lines["pool_size"] == ["3", "10", "BACKSTAY_POOL_SIZE"]
    assert lines["database"] == ["postgresql://a:***@h/d", "BACKSTAY_DATABASE"]
    assert lines["max_depth"] == ["12", "12", "default"]
    assert "hush" not in ran.out


def test_config_names_a_setting_that_does_not_exist(project: Path, backstay: Callable[..., Ran]) -> None:
    (project / "backstay.toml").write_text("max_row = 100\n")
    ran = backstay("config", "notes.py")
    assert (ran.code, "there is no setting 'max_row'" in ran.err) == (1, True), ran


# Migrations --------------------------------------------------------------------------------------------------


def test_a_project_goes_from_models_to_a_migrated_database(
    project: Path, backstay: Callable[..., Ran], database_url: str
) -> None:
    where = ("notes.py", "--database", database_url)
    assert backstay("migrate", "status", *where).code == 1
    ran = backstay("migrate", "new", "first tables", *where)
    assert (ran.code, "0001_first_tables.py" in ran.out) == (0, True), ran
    assert "not applied" in backstay("migrate", "history", *where).out
    ran = backstay("migrate", "status", *where)
    assert (ran.code, "it lacks the migration 0001_first_tables" in ran.out) == (1, True), ran
    ran = backstay("migrate", "apply", *where)
    assert (ran.code, ran.out) == (0, "applied 0001_first_tables\n"), ran
    assert backstay("migrate", "apply", *where).out == "Nothing to apply.\n"
    assert backstay("migrate", "status", *where).code == 0
    assert "UTC" in backstay("migrate", "history", *where).out
    ran = backstay("migrate", "new", "nothing", *where)
    assert (ran.code, ran.out) == (0, "The migrations have everything that the models have.\n")


def test_migrations_up_to_one_of_them(project: Path, backstay: Callable[..., Ran]) -> None:
    backstay("migrate", "new", "first")
    (project / "notes.py").write_text(
        NOTES.replace("text: Mapped[str]", "text: Mapped[str]\n    mood: Mapped[str | None]")
    )
    backstay("migrate", "new", "second")
    assert backstay("migrate", "apply", "--to", "0001").out == "applied 0001_first\n"
    assert backstay("migrate", "apply", "--to", "0009").code == 1
    assert "ADD COLUMN mood" in backstay("migrate", "apply", "--sql").out
    assert backstay("migrate", "apply").out == "applied 0002_second\n"


def test_inspect_writes_a_program_that_serves(
    project: Path, backstay: Callable[..., Ran], database_url: str, serving: Callable[..., Serving]
) -> None:
    backstay("migrate", "new", "first", "notes.py", "--database", database_url)
    backstay("migrate", "apply", "notes.py", "--database", database_url)
    ran = backstay("inspect", database_url)
    assert ran.code == 0, ran
    assert "app.resource(Notes)" in ran.out
    assert "_backstay_migrations" not in ran.out
    (project / "found.py").write_text(
        ran.out.replace("app.resource(Notes)", "app.resource(Notes, select=Notes.public)")
    )
    assert backstay("check", "found.py").code == 0, backstay("check", "found.py")
    plan = backstay("plan", "found.py", "GET /notes?select=text,users(email)", "--as", "service_role")
    assert plan.code == 0, plan


# serve -------------------------------------------------------------------------------------------------------


def test_serve_refuses_a_database_that_is_behind_and_says_what_mends_it(
    backstay: Callable[..., Ran], serving: Callable[..., Serving], database_url: str
) -> None:
    where = ("notes.py", "--database", database_url)
    ran = backstay("serve", *where)
    assert ran.code == 1
    lacks = r"The database is behind the application: it lacks the tables (auth_\w+, )+notes, users\."
    assert re.search(lacks, ran.err), ran
    backstay("migrate", "new", "first", *where)
    ran = backstay("serve", *where)
    # The server may say of its worker that it left before it learns why.
    (hint,) = [line.strip() for line in ran.err.splitlines() if "backstay migrate" in line]
    assert hint == f"backstay migrate apply notes.py --database {database_url}"
    assert backstay(*shlex.split(hint)[1:]).code == 0
    server = serving("serve", *where, "--workers", "2", BACKSTAY_PUBLISHABLE_KEY="sb_publishable_x")
    server.await_answer()
    assert server.ask("GET", "/rest/v1/notes?select=*", apikey="sb_publishable_x") == (200, [])
    assert server.ask("GET", "/rest/v1/notes?select=*", apikey="sb_publishable_y")[0] == 401
    assert server.stop() == 0, server.printed


def test_a_module_of_a_package_is_served(
    project: Path, backstay: Callable[..., Ran], serving: Callable[..., Serving]
) -> None:
    package = project / "company"
    package.mkdir()
    (project / "notes.py").rename(package / "notes.py")
    (package / "__init__.py").touch()
    (package / "main.py").write_text("from .notes import app\n\n__all__ = ['app']\n")
    assert backstay("migrate", "new", "first", "company.main:app").code == 0
    assert backstay("migrate", "apply", "company.main:app").code == 0
    server = serving("serve", "company.main:app", BACKSTAY_PUBLISHABLE_KEY="sb_publishable_x")
    server.await_answer()
    assert server.ask("GET", "/rest/v1/notes?select=*", apikey="sb_publishable_x") == (200, [])
    assert server.stop() == 0, server.printed


def test_serve_refuses_a_port_that_is_taken(project: Path, backstay: Callable[..., Ran]) -> None:
    backstay("migrate", "new", "first")
    backstay("migrate", "apply")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ran = backstay("serve", "--port", str(taken.getsockname()[1]))
    assert (ran.code, "Cannot listen on" in ran.err) == (1, True), ran


@pytest.mark.parametrize("workers", ["1", "2"])
def test_serve_refuses_a_wrong_program(project: Path, backstay: Callable[..., Ran], workers: str) -> None:
    (project / "notes.py").write_text(NOTES.replace("write=mine)", "write=True)"))
    ran = backstay("serve", "--workers", workers)
    # Of insert, update and delete, each once.
    assert (ran.code, ran.err.count("BS103")) == (1, 3), ran


def test_serve_says_that_a_database_cannot_be_reached(backstay: Callable[..., Ran]) -> None:
    ran = backstay("serve", "--database", "postgresql://nobody:hush@127.0.0.1:1/none")
    assert (ran.code, "hush" in ran.err) == (1, False), ran
    assert "Database connection error" in ran.err, ran


# dev ---------------------------------------------------------------------------------------------------------


def test_dev_makes_everything_that_is_needed(project: Path, serving: Callable[..., Serving]) -> None:
    server = serving("dev", "notes.py", "--no-reload")
    server.await_line("supabase-js")
    printed = server.printed
    assert "created table notes" in printed
    key = dev_key(project, "publishable_key")
    secret = dev_key(project, "secret_key")
    assert key in printed
    assert f"http://127.0.0.1:{server.port}/docs" in printed
    note = {"text": "Hello", "public": True}
    assert server.ask("POST", "/rest/v1/notes", note, apikey=secret)[0] == 201
    curl = next(line.strip() for line in printed.splitlines() if line.strip().startswith("curl"))
    answer = subprocess.run([*shlex.split(curl), "-s"], capture_output=True, text=True, timeout=60)
    assert [row["text"] for row in json.loads(answer.stdout)] == ["Hello"]
    assert server.stop(signal.SIGINT) == 0, server.printed


def test_keys_survive_a_restart(project: Path, serving: Callable[..., Serving]) -> None:
    first = serving("dev", "--no-reload")
    first.await_line("publishable key")
    key = dev_key(project, "publishable_key")
    first.stop()
    second = serving("dev", "--no-reload")
    second.await_line(key)
    assert "created table" not in second.printed


def test_a_token_lets_a_user_in(project: Path, backstay: Callable[..., Ran], serving: Callable[..., Serving]) -> None:
    server = serving("dev", "--no-reload")
    server.await_line("supabase-js")
    secret = dev_key(project, "secret_key")
    key = dev_key(project, "publishable_key")
    assert server.ask("POST", "/rest/v1/notes", {"text": "x"}, apikey=key)[0] == 401
    token = backstay("keys", "token", "--sub", ADA).out.strip()
    ours = {"apikey": key, "authorization": f"Bearer {token}"}
    status, body = server.ask("POST", "/rest/v1/notes", {"text": "mine"}, **ours)
    assert status == 409, body  # there is no such user yet, and the foreign key says so
    assert "notes_author_id_fkey" in json.dumps(body)
    assert server.ask("GET", "/rest/v1/notes", apikey=secret) == (200, [])


def test_a_changed_file_is_served_anew_with_its_tables(project: Path, serving: Callable[..., Serving]) -> None:
    server = serving("dev", "notes.py")
    server.await_line("supabase-js")
    key = dev_key(project, "secret_key")
    assert server.ask("POST", "/rest/v1/notes", {"text": "before"}, apikey=key)[0] == 201
    (project / "notes.py").write_text(
        NOTES.replace("text: Mapped[str]", 'text: Mapped[str]\n    mood: Mapped[str] = mapped_column(default="calm")')
    )
    server.await_line("serving again")
    assert "notes.py changed" in server.printed
    assert "added column notes.mood" in server.printed
    assert server.ask("GET", "/rest/v1/notes?select=text,mood", apikey=key) == (
        200,
        [{"text": "before", "mood": "calm"}],
    )
    assert server.stop() == 0


def test_an_error_is_shown_and_mended(project: Path, serving: Callable[..., Serving]) -> None:
    (project / "notes.py").write_text(NOTES + "\nif:\n")
    server = serving("dev", "notes.py")
    server.await_line("Waiting for a change.")
    assert "invalid syntax" in server.printed
    assert "Traceback" not in server.printed
    (project / "notes.py").write_text(NOTES)
    server.await_line("serving again")
    (project / "notes.py").write_text(NOTES.replace("write=mine)", "write=True)"))
    server.await_line("BS103")
    server.await_line("Waiting for a change.", times=2)
    (project / "notes.py").write_text(NOTES)
    server.await_line("serving again", times=2)
    server.await_answer()


def test_a_column_with_data_is_not_dropped_without_being_told(project: Path, serving: Callable[..., Serving]) -> None:
    first = serving("dev", "--no-reload")
    first.await_line("supabase-js")
    first.stop()
    (project / "notes.py").write_text(
        NOTES.replace("    public: Mapped[bool] = mapped_column(default=False)\n", "").replace(
            "Note.public | mine", "mine"
        )
    )
    second = serving("dev", "--no-reload")
    second.await_line("supabase-js")
    assert "left undone: drop column notes.public and what it holds" in second.printed
    assert "backstay dev notes.py --allow-loss" in second.printed
    second.stop()
    third = serving("dev", "--no-reload", "--allow-loss")
    third.await_line("dropped column notes.public")


def test_a_killed_watch_leaves_no_server_behind(project: Path, serving: Callable[..., Serving]) -> None:
    server = serving("dev", "notes.py")
    server.await_line("supabase-js")
    server.stop(signal.SIGKILL)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            server.ask("GET", "/health/live")
        except OSError:
            return
        time.sleep(0.1)
    pytest.fail("it still answers")


def test_a_database_in_memory_is_served(project: Path, serving: Callable[..., Serving]) -> None:
    server = serving("dev", "--no-reload", "--database", "sqlite://")
    server.await_line("supabase-js")
    key = dev_key(project, "secret_key")
    assert server.ask("POST", "/rest/v1/notes", {"text": "here"}, apikey=key)[0] == 201
    assert not (project / "notes.db").exists()
