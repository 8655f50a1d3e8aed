"""The bench works: its smallest run, with those who need nothing beyond the project's own dependencies."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).resolve().parents[2]
WORKS = {
    "point",
    "page",
    "count",
    "company",
    "search",
    "insert",
    "bulk",
    "update",
    "mixed",
    "message",
    "small",
    "large",
}

ALONE = {"chat", "overload-point", "overload-page", "overload-message", "upload", "answer", "soak"}

pytestmark = [pytest.mark.slow, pytest.mark.processes]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a bench that has run."""
    folder = tmp_path_factory.mktemp("bench")
    paths = os.pathsep.join(str(ROOT / name) for name in ("", "src", "examples"))
    done = subprocess.run(
        [sys.executable, "-m", "bench", "--smoke"],
        cwd=ROOT,
        env={**os.environ, "BENCH_DATA": str(folder), "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "All answers agree." in done.stdout
    return folder


def kept(data: Path) -> list[dict[str, Any]]:
    """What it found."""
    [path] = (data / "results").glob("*.json")
    found: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["found"]
    return found


def test_every_work_is_done_by_every_contender_without_an_error(data: Path) -> None:
    found = kept(data)
    for contender in ("bare-sqlite", "backstay-sqlite"):
        done = {note["work"]: note for note in found if note["contender"] == contender}
        assert set(done) - ALONE == WORKS | {"start"}
        assert [work for work in WORKS if done[work]["errors"] or not done[work]["rates"]] == []
        assert done["point"]["rates"][0] > 0


def test_every_part_is_done(data: Path) -> None:
    found = {note["work"]: note for note in kept(data) if note["contender"] == "backstay-sqlite"}
    assert set(found) >= ALONE
    assert found["chat"]["requests"] == found["chat"]["amount"] == 40
    for work in ("overload-point", "overload-message"):
        pressed = found[work]
        assert pressed["offered"] > pressed["peak"]
        assert pressed["good"] > 0
        assert pressed["failed"] == 0
    assert found["upload"]["memory"] >= found["upload"]["before"] > 10
    assert found["answer"]["length"] == 1_000_000
    assert len(found["soak"]["samples"]) > 10
    assert found["soak"]["errors"] == 0


def test_results_are_written_into_the_page_and_its_words_are_kept(data: Path) -> None:
    before = (
        (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8").partition("<!-- written by make bench -->")[0]
    )
    page = (data / "benchmarks.md").read_text(encoding="utf-8")
    assert page.startswith(before)
    assert "| Point read with a to-one embed |" in page
    for title in ("What is to hold", "A chat room that is filled", "Three times as many", "Large bodies", "For long"):
        assert f"**{title}" in page


def test_the_plot_is_a_picture(data: Path) -> None:
    root = ElementTree.parse(data / "benchmarks.svg").getroot()
    assert root.tag.endswith("svg")
    assert len(list(root)) > 2 * len(WORKS)
    assert ElementTree.parse(data / "benchmarks-soak.svg").getroot().tag.endswith("svg")
