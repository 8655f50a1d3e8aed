"""auth-js, through supabase-js, against the club: one session for each topic, with node's own assertions."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from compliance.auth.opened import Opened
from compliance.install import JAVASCRIPT

SESSIONS = sorted(JAVASCRIPT.glob("auth/*.test.mjs"))


@pytest.mark.parametrize("session", SESSIONS, ids=lambda session: session.name.removesuffix(".test.mjs"))
def test_session(session: Path, node: str, opened: Opened) -> None:
    run(node, session, opened)


def run(node: str, session: Path, opened: Opened, **told: str) -> None:
    """Run a session; ``told`` are further variables of its environment."""
    done = subprocess.run(
        [node, "--no-deprecation", "--test", "--test-reporter=spec", session.name],
        cwd=session.parent,
        env={**os.environ, **opened.environment(), **told},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
