"""supabase-js against a served application: one session for each topic, with node's own assertions."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from compliance.install import JAVASCRIPT

SESSIONS = sorted(JAVASCRIPT.glob("*.test.mjs"))


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
