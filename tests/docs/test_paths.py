"""What the pages say is in the repository is there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PLACES = (ROOT, ROOT / "src" / "backstay", ROOT / "tests", ROOT / "tests" / "golden" / "rest")
PATH = re.compile(r"`([\w.]+(?:/[\w.]+)+/?|\w+\.py|\w+/)`")
PAGES = [ROOT / "docs" / name for name in ("architecture.md", "coverage.md", "safety.md")]


def paths(page: Path) -> Iterator[str]:
    """The paths that a page names; what ``<room>`` and its like stand for is anybody's guess."""
    yield from PATH.findall(page.read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_paths_that_a_page_names_are_there(page: Path) -> None:
    named = list(paths(page))
    assert named
    assert [path for path in named if not any((place / path).exists() for place in PLACES)] == []


def test_every_room_is_named_in_the_architecture() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    package = ROOT / "src" / "backstay"
    rooms = {module.parent.relative_to(package) for module in package.rglob("*.py")} - {Path()}
    # A command of the command line may be a module or a folder: that is its own affair.
    commands = {room for room in rooms if room.parent.name == "cli"}
    assert sorted(room.as_posix() for room in rooms - commands if f"{room.name}/" not in text) == []
