"""Installs supabase-js beside the sessions, once, however many test processes ask for it."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
from pathlib import Path

JAVASCRIPT = Path(__file__).parent / "js"
"""Where the sessions are."""

_INSTALL = ("npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error")


def install() -> str:
    """Put the packages that package.json names into node_modules, if they are not there; answers what went wrong."""
    installed = JAVASCRIPT / "node_modules"
    if (installed / "@supabase" / "supabase-js").exists():
        return ""
    with tempfile.TemporaryDirectory(dir=JAVASCRIPT, prefix=".installing-") as folder:
        shutil.copy(JAVASCRIPT / "package.json", folder)
        done = subprocess.run(_INSTALL, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            return done.stderr.strip()[-500:]
        # Whoever is first wins; the others find it there.
        with contextlib.suppress(OSError):
            (Path(folder) / "node_modules").rename(installed)
    return ""
