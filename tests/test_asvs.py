"""What ``make asvs`` prints is true: it finds the markers that tests carry, and no other numbers than the table's."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from asvs import read_table, report, unknown

ROOT = Path(__file__).resolve().parent.parent
MARKER = re.compile(r"mark\.(?:asvs|invariant)\(([^)]*)\)")


def test_every_number_that_a_test_carries_is_in_the_table() -> None:
    carried = {
        number
        for path in (ROOT / "tests").rglob("*.py")
        if path != Path(__file__)
        for numbers in MARKER.findall(path.read_text(encoding="utf-8"))
        for number in re.findall(r'"([^"]+)"', numbers)
    }
    assert carried
    assert unknown(read_table(), carried) == []


def test_a_number_that_there_is_not_is_told() -> None:
    assert unknown(read_table(), ["6.2.1", "6.99.1", "I99", "I24", "16.5.3"]) == ["6.99.1", "I99"]


def test_the_report_tells_what_is_shown_and_what_is_not() -> None:
    table = {"V6": {"6.2.1": "long", "6.2.2": "changed"}, "Promises": {"I1": "kept"}}
    assert report(table, {"6.2.2": {"tests/b.py::test_two", "tests/a.py::test_one", "tests/a.py::test_other"}}) == [
        "V6: 1 of 2 are shown",
        "  - 6.2.1   long",
        "  + 6.2.2   changed",
        "              tests/a.py",
        "              tests/b.py",
        "",
        "Promises: 0 of 1 are shown",
        "  - I1      kept",
    ]


def test_markers_are_found_without_running_a_test() -> None:
    command = [sys.executable, "tools/asvs.py", "tests/unit/auth/test_signing.py"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    shown = [line.split()[1] for line in lines if line.startswith("  + ")]
    assert {"9.1.3", "9.2.2", "I24"} <= set(shown)
    assert "              tests/unit/auth/test_signing.py" in lines
    assert sum(line.startswith("  - ") for line in lines) > 50
