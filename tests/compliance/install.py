"""Installs the clients in JavaScript beside the sessions, once, however many test processes ask for them."""

from __future__ import annotations

import fcntl
import json
import shutil
import subprocess
import tempfile
from pathlib import Path

JAVASCRIPT = Path(__file__).parent / "js"
"""Where the sessions are."""

_INSTALL = (
    *("npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"),
    # What a client needs beside it is named in package.json; some ask for whole frameworks that they only speak of.
    "--legacy-peer-deps",
)


def install() -> str:
    """Put the packages that package.json names into node_modules, if they are not there; answers what went wrong."""
    described = JAVASCRIPT / "package.json"
    with described.open() as lock:
        # Whoever is first installs; the others wait, and find everything there.
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted: dict[str, str] = json.load(lock)["dependencies"]
        if all(_version(name) == version for name, version in wanted.items()):
            return ""
        with tempfile.TemporaryDirectory(dir=JAVASCRIPT, prefix=".installing-") as folder:
            shutil.copy(described, folder)
            done = subprocess.run(_INSTALL, cwd=folder, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                return done.stderr.strip()[-500:]
            installed = JAVASCRIPT / "node_modules"
            if installed.exists():
                installed.rename(Path(folder) / "outdated")
            (Path(folder) / "node_modules").rename(installed)
    return ""


def _version(name: str) -> str | None:
    """The version of a package that is installed."""
    try:
        described = (JAVASCRIPT / "node_modules" / name / "package.json").read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    version: str = json.loads(described)["version"]
    return version
