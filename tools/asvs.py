"""Tell which requirements of OWASP ASVS 5.0, and which promises of our own, tests carry as markers.

``python tools/asvs.py`` collects the tests without running them. The table of what is to be shown is ``asvs.toml``.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import re
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
TABLE = HERE / "asvs.toml"
MARKERS = ("asvs", "invariant")


def read_table() -> dict[str, dict[str, str]]:
    """The table: chapters, with what each requirement or promise says by its number."""
    table: dict[str, dict[str, str]] = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    return table


class Carried:
    """A plugin of pytest: the tests that carry each number."""

    def __init__(self) -> None:
        self.tests: dict[str, set[str]] = defaultdict(set)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Note the markers of every collected test, its parameters left out."""
        for item in session.items:
            for name in MARKERS:
                for marker in item.iter_markers(name):
                    for number in marker.args:
                        self.tests[str(number)].add(item.nodeid.partition("[")[0])


def collect(paths: Sequence[str]) -> Mapping[str, set[str]]:
    """The tests below some paths, by the numbers they carry.

    Raises:
        RuntimeError: the tests cannot be collected, with what pytest says.
    """
    carried = Carried()
    said = io.StringIO()
    options = ["--collect-only", "-q", "-p", "no:randomly", "-p", "no:cacheprovider", "-m", "every or not every"]
    with contextlib.redirect_stdout(said):
        code = pytest.main([*options, *paths], plugins=[carried])
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        raise RuntimeError(said.getvalue())
    return carried.tests


def report(table: Mapping[str, Mapping[str, str]], carried: Mapping[str, Iterable[str]]) -> list[str]:
    """The lines to print: each chapter, then what of it is shown (``+``, with the files) and what is not (``-``)."""
    lines: list[str] = []
    for chapter, entries in table.items():
        shown = [number for number in entries if carried.get(number)]
        lines.extend(["" for _ in lines[:1]])
        lines.append(f"{chapter}: {len(shown)} of {len(entries)} are shown")
        for number, says in entries.items():
            files = sorted({test.partition("::")[0] for test in carried.get(number, ())})
            lines.append(f"  {'+' if files else '-'} {number:8}{says}")
            lines.extend(f"{'':14}{file}" for file in files)
    return lines


def unknown(table: Mapping[str, Mapping[str, str]], carried: Iterable[str]) -> list[str]:
    """The numbers that tests carry, of the table's chapters, and the table does not have."""
    known = {number for entries in table.values() for number in entries}
    chapters = {number.partition(".")[0] for number in known if "." in number}
    return sorted(
        number
        for number in carried
        if number not in known and (number.partition(".")[0] in chapters or re.match(r"I\d", number))
    )


def main() -> int:
    """Print what is shown; fail where tests carry numbers that there are not."""
    parser = argparse.ArgumentParser(description="Which requirements and promises tests carry.")
    parser.add_argument("paths", nargs="*", default=["tests"])
    table, carried = read_table(), collect(parser.parse_args().paths)
    print("\n".join(report(table, carried)))
    strange = unknown(table, carried)
    if strange:
        print(f"\nNot in {TABLE.name}: {', '.join(strange)}")
    return 1 if strange else 0


if __name__ == "__main__":
    sys.exit(main())
