"""The watch: a child process serves, and is started anew when a file changes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Final, TypeAlias

from backstay.cli.load import CONFIG, locate
from backstay.cli.report import say

Seen: TypeAlias = Mapping[Path, tuple[int, int]]
"""The time of the last change and the size of each file."""

_INTERVAL: Final = 0.25
_PATIENCE: Final = 5.0
_IGNORED: Final = frozenset({"__pycache__", "node_modules", "site-packages"})


class _Stopped(Exception):
    """Raised by the signal that ends the watch."""


def watch(target: str, options: Sequence[str]) -> int:
    """Serve an application in a child process until a signal comes.

    A child that ends by itself (the file has an error, which it has shown) is started again after the next change.

    Arguments:
        target: FILE.
        options: the options of ``backstay dev``.

    Returns:
        the exit code: that of a child which ended before anything could be watched.
    """
    folder = locate(target)
    signal.signal(signal.SIGTERM, _stop)
    child: subprocess.Popen[bytes] | None = None
    try:
        again = False
        while True:
            seen = look(folder)
            child = _start(target, options, again=again)
            changed = _await_change(folder, seen, child)
            say(f"{', '.join(sorted(path.name for path in changed))} changed", "bold")
            _end(child)
            again = True
    except (_Stopped, KeyboardInterrupt):
        return 0
    finally:
        if child is not None:
            _end(child)


def follow(parent: int) -> None:
    """Have this process stop when its parent ends, however that ends."""

    def look_up() -> None:
        while os.getppid() == parent:
            time.sleep(_INTERVAL)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=look_up, name="follow", daemon=True).start()


def look(folder: Path) -> Seen:
    """The Python files under a folder, and its settings, as they are now."""
    found: dict[Path, tuple[int, int]] = {}
    for path in _files(folder):
        try:
            status = path.stat()
        except OSError:  # it went in between
            continue
        found[path] = (status.st_mtime_ns, status.st_size)
    return found


def _files(folder: Path) -> Iterator[Path]:
    yield folder / CONFIG
    for place, folders, names in os.walk(folder):
        # A folder with a pyvenv.cfg holds an environment, whatever its name.
        folders[:] = [
            name
            for name in folders
            if not name.startswith(".") and name not in _IGNORED and not (Path(place) / name / "pyvenv.cfg").exists()
        ]
        for name in names:
            if name.endswith(".py"):
                yield Path(place) / name


def _await_change(folder: Path, seen: Seen, child: subprocess.Popen[bytes]) -> set[Path]:
    told = False
    pause = _INTERVAL
    while True:
        time.sleep(pause)
        began = time.monotonic()
        now = look(folder)
        # A folder that takes long to look through is looked at less often.
        pause = max(_INTERVAL, 20 * (time.monotonic() - began))
        changed = {path for path in {*seen, *now} if seen.get(path) != now.get(path)}
        if changed:
            return changed
        if child.poll() is not None and not told:
            told = True
            say("Waiting for a change.", "dim")


def _start(target: str, options: Sequence[str], *, again: bool) -> subprocess.Popen[bytes]:
    words = [sys.executable, "-m", "backstay.cli", "dev", target, *options, "--parent", str(os.getpid())]
    return subprocess.Popen([*words, "--again"] if again else words)


def _end(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise _Stopped
