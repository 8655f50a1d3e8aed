"""schemathesis reads the OpenAPI document and asks what it may ask, as two users whose rows are none of the other's.

It looks for answers that the document does not know, for server errors, and for objects of one user that another one
gets. That it would find these is shown on a twin of the application that has such a hole.
"""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from backstay.auth.mint import mint
from behaviour.door import PUBLISHABLE, SECRET, SECRET_KEY, Door
from fixtures import rows, workspace
from fixtures.rows import CALLERS
from serving import Serving

CASES = 2000
UNFIT = "positive_data_acceptance,negative_data_rejection,unsupported_method"
"""Checks that do not fit: JSON Schema cannot say PostgREST's grammar, which forgives much besides; and a method that
the caller may not use is refused after the query string was read, which may itself be wrong."""
SETTINGS = {
    "jwt_secret": SECRET,
    "publishable_key": PUBLISHABLE,
    "secret_key": SECRET_KEY,
    # What anybody gets without a token is nobody's own.
    "anonymous": "false",
}


@dataclass(frozen=True)
class Report:
    """What schemathesis found: how many cases it asked, and what was wrong."""

    cases: int
    failures: list[Any]


def strong(name: str) -> str:
    """The token of one of CALLERS who signed in by two factors, so that all that rules allow is described to them."""
    caller = CALLERS[name]
    told = {each: value for each, value in caller.claims.items() if each != "role"}
    return mint(SECRET, user=caller.id, role=caller.role, claims={**told, "aal": "aal2"})


def examine(program: str, database: str, folder: Path, *options: str) -> Report:
    """Serve a program and have schemathesis ask it."""
    with Door(workspace.build(database), rows.fill):
        pass
    with Serving(f"compliance.objects:{program}", database, folder, SETTINGS) as serving:
        return _run(serving.url, folder, options)


def _run(url: str, folder: Path, options: tuple[str, ...]) -> Report:
    users = [{"name": name, "fixedHeaders": _headers(name)} for name in ("ada", "bob")]
    (folder / "users.json").write_text(json.dumps({"auth": users}))
    config = f'[auth.wfc]\npath = "{folder / "users.json"}"\npeers = ["ada", "bob"]\n[generation]\nallow-x00 = false\n'
    (folder / "schemathesis.toml").write_text(config)
    asked = urllib.request.Request(f"{url}/openapi.json", headers={"Authorization": f"Bearer {strong('ada')}"})
    with urllib.request.urlopen(asked) as answer:
        (folder / "openapi.json").write_bytes(answer.read())
    command = [sys.executable, "-c", "from schemathesis.cli import schemathesis; schemathesis()", "--no-color"]
    command += ["--config-file", str(folder / "schemathesis.toml"), "run", str(folder / "openapi.json")]
    command += ["--url", f"{url}/rest/v1", "--seed", "1", "--report", "json", "--report-dir", str(folder / "report")]
    ran = subprocess.run([*command, *options], cwd=folder, capture_output=True, text=True, timeout=840)
    (report,) = (folder / "report").glob("*.json")
    found = json.loads(report.read_text())
    assert not found["errors"], ran.stdout
    return Report(found["test_cases"]["generated"], found["failures"])


def _headers(name: str) -> list[dict[str, str]]:
    return [{"name": "Authorization", "value": f"Bearer {strong(name)}"}, {"name": "apikey", "value": PUBLISHABLE}]


@pytest.mark.timeout(900)
@pytest.mark.asvs("2.2.1")
@pytest.mark.asvs("8.2.2")
def test_nothing_is_found(database_url: str, tmp_path: Path) -> None:
    report = examine(
        "app",
        database_url,
        tmp_path,
        *("--exclude-checks", UNFIT, "-n", "25", "--phases", "coverage,fuzzing,stateful"),
    )
    assert report.failures == []
    assert report.cases >= CASES


@pytest.mark.timeout(900)
@pytest.mark.asvs("8.2.2")
def test_a_hole_is_found(database_url: str, tmp_path: Path) -> None:
    report = examine(
        "twin",
        database_url,
        tmp_path,
        *("--checks", "object_level_authorization", "-n", "60", "--phases", "coverage,fuzzing"),
        *("--include-path", "/notes", "--include-path", "/rpc/note"),
    )
    assert [failure["operations"] for failure in report.failures] == [["GET /rpc/note"]]
