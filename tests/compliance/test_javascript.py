"""Clients in JavaScript against a served application: one session for each topic, with node's own assertions."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from compliance.install import JAVASCRIPT

SESSIONS = sorted(JAVASCRIPT.glob("*.test.mjs"))
PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "clients.md"


@pytest.mark.parametrize("session", SESSIONS, ids=lambda path: path.name.removesuffix(".test.mjs"))
def test_session(session: Path, node: str, environment: dict[str, str]) -> None:
    done = subprocess.run(
        [node, "--no-deprecation", "--test", "--test-reporter=spec", session.name],
        cwd=session.parent,
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_page_shows_code_that_the_sessions_run() -> None:
    code = (JAVASCRIPT / "providers.mjs").read_text(encoding="utf-8")
    shown = re.findall(r"^<!-- providers -->\n```js\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.M)
    assert len(shown) == 4
    assert [block for block in shown if block not in code] == []
