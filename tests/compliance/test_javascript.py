"""Clients in JavaScript against a served application: one session for each topic, with node's own assertions."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from compliance.install import JAVASCRIPT
from compliance.served import Served

SESSIONS = sorted(JAVASCRIPT.glob("*.test.mjs"))
MARKET_SESSIONS = sorted(JAVASCRIPT.glob("market/*.test.mjs"))
PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "clients.md"


def name(session: Path) -> str:
    return session.name.removesuffix(".test.mjs")


@pytest.mark.parametrize("session", SESSIONS, ids=name)
def test_session(session: Path, node: str, served: Served) -> None:
    run(node, session, served)


@pytest.mark.parametrize("session", MARKET_SESSIONS, ids=name)
def test_session_on_the_market(session: Path, node: str, market: Served) -> None:
    run(node, session, market)


def test_session_in_the_archive(node: str, archive: Served) -> None:
    run(node, JAVASCRIPT / "archive" / "schemas.test.mjs", archive)


def run(node: str, session: Path, served: Served) -> None:
    done = subprocess.run(
        [node, "--no-deprecation", "--test", "--test-reporter=spec", session.name],
        cwd=session.parent,
        env={**os.environ, **served.environment()},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_page_shows_code_that_the_sessions_run() -> None:
    code = (JAVASCRIPT / "providers.mjs").read_text(encoding="utf-8")
    shown = re.findall(r"^<!-- providers -->\n```js\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.M)
    assert len(shown) == 4
    assert [block for block in shown if block not in code] == []
