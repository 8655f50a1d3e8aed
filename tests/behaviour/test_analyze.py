"""``backstay plan --analyze``: what a request costs, as the command tells it."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from backstay.cli import main
from backstay.dialects.migrate.run import run
from databases import sqlite_url
from fixtures import depot

Command = Callable[..., tuple[int, str, str]]


def forget(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have no module of the program's name, as in a process of the command's own."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "yard", raising=False)


@pytest.fixture(scope="module")
def filled(module_database_url: str) -> str:
    asyncio.run(depot.fill(module_database_url))
    return module_database_url


@pytest.fixture
def analyze(
    filled: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Command:
    """Runs the command for an application in a file."""
    program = tmp_path / "yard.py"
    forget(monkeypatch)
    program.write_text(f"from fixtures import depot\n\napp = depot.build({filled!r})\n")

    def command(*words: str) -> tuple[int, str, str]:
        code = main(["plan", str(program), *words])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return command


def test_a_read_is_run_and_measured(analyze: Command, filled: str) -> None:
    asked = "GET /rest/v1/parcels?select=id,city&city=eq.City_3&order=sent_at.desc&limit=20"
    code, out, err = analyze(asked, "--analyze")
    assert (code, err) == (0, "")
    for title in ("Plan", "Rules", "The database's plan", "Time", "Answer", "Indexes that would help"):
        assert f"\n{title}\n" in out, out
    assert "200: 20 rows, " in out
    assert 'Parcel.__table_args__: Index("ix_parcels_city_sent_at", "city", "sent_at")' in out
    if filled.startswith("sqlite"):
        assert "SCAN parcels_1" in out
        assert "11,999 rows read of whole tables" in out
    else:
        assert "actual time=" in out
        assert "Rows Removed by Filter" in out


def test_programs_get_a_document(analyze: Command) -> None:
    code, out, _ = analyze(
        "GET /parcels?select=id,scans(id)&id=eq.7", "--analyze", "--json", "--as", str(depot.user(1))
    )
    found: dict[str, Any] = json.loads(out)
    assert code == 0
    assert set(found["milliseconds"]) == {"compile", "parse", "look up", "fetch", "respond"}
    assert (found["status"], found["rows"], found["rolled_back"]) == (200, 1, False)
    assert found["bytes"] > len('[{"id":7,"scans":[]}]')
    assert found["as"] == str(depot.user(1))
    (advice,) = found["advice"]
    assert (advice["table"], advice["place"]) == ("scans", "Scan.__table_args__")
    assert advice["declaration"] == 'Index("ix_scans_parcel_id", "parcel_id")'


@pytest.mark.parametrize(
    ("words", "status", "statement"),
    [
        (["PATCH /parcels?street=eq.Street_5", "--body", '{"label": "changed"}'], 204, "UPDATE parcels"),
        (
            ["PATCH /parcels?id=eq.5", "--body", '{"label": "changed"}', "--prefer", "return=representation"],
            200,
            "UPDATE parcels",
        ),
        (["DELETE /letters?id=lt.9"], 204, "DELETE FROM letters"),
        (["POST /depots", "--body", '{"id": 5000, "name": "New"}'], 201, "INSERT INTO depots"),
    ],
)
def test_what_is_written_is_rolled_back(
    analyze: Command, filled: str, words: list[str], status: int, statement: str
) -> None:
    def count(connection: sa.Connection) -> list[Any]:
        tables = ("SELECT count(*) FROM letters", "SELECT count(*) FROM depots")
        changed = "SELECT count(*) FROM parcels WHERE label = 'changed'"
        return [connection.exec_driver_sql(text).scalar_one() for text in (*tables, changed)]

    code, out, err = analyze(*words, "--analyze", "--json", "--as", "service_role")
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert (found["status"], found["rolled_back"]) == (status, True)
    assert found["rows"] >= 1
    assert found["statement"].startswith(statement)
    assert found["plan"]
    assert asyncio.run(run(filled, count, writing=False)) == [depot.PARCELS, depot.DEPOTS, 0]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["GET /parcels", "--json"], "--json goes with --analyze."),
        (["GET /parcel", "--analyze"], "parcel"),
        (["GET /parcels?id=eq.x", "--analyze"], "invalid input syntax for type integer"),
        (["GET /", "--analyze"], ""),
        (["POST /depots", "--analyze", "--body", '{"id": 1}'], "permission denied for table depots"),
    ],
)
def test_what_cannot_be_analyzed_is_said(analyze: Command, words: list[str], told: str) -> None:
    code, _, err = analyze(*words)
    assert code == 1
    assert told in err
    assert err.strip()


def test_a_database_without_the_table_is_not_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "yard.py"
    program.write_text("from fixtures import depot\n\napp = depot.build()\n")
    for url in (sqlite_url(tmp_path), postgresql_url):
        forget(monkeypatch)
        assert main(["plan", str(program), "GET /parcels", "--analyze", "--database", url]) == 1
        captured = capsys.readouterr()
        assert "The database has no table 'parcels'." in captured.err
        assert "backstay migrate apply" in captured.err
    assert not (tmp_path / "backstay.db").exists()


HOOKED = """
from backstay import anyone
from fixtures import depot

app = depot.build()
stands = app.resource(depot.Stand, select=anyone, write=anyone)


@stands.before_insert
async def send(db, stand):
    raise AssertionError("a mail was sent")


@app.function
async def send_mail(db) -> None:
    raise AssertionError("a mail was sent")
"""


def test_code_that_could_do_more_than_write_is_not_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "yard.py"
    program.write_text(HOOKED)
    asked = ["POST /stands", "--body", '{"id": 1, "machine_id": 1, "depot_id": 1}']
    for words, told in ((asked, "stands has hooks"), (["POST /rpc/send_mail"], "A function is not analyzed")):
        forget(monkeypatch)
        assert main(["plan", str(program), *words, "--analyze"]) == 1
        assert told in capsys.readouterr().err
