"""Results kept as JSON, shown as tables, and drawn."""

from __future__ import annotations

import json
import platform
import re
import subprocess
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import Any

from bench.contenders import CONTENDERS, TITLES, Contender
from bench.places import HERE, STORE
from bench.works import WORKS

PAGE = HERE.parent / "docs" / "benchmarks.md"
PLOT = "benchmarks.svg"
BEGIN, END = "<!-- written by make bench -->", "<!-- end of what make bench writes -->"
COLOURS = {"bare": "#9aa0a6", "backstay": "#0b6bcb"}
OTHERS = "#d9a441"
DATABASES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}

Note = dict[str, Any]


# Keeping -----------------------------------------------------------------------------------------------------


def keep(found: Sequence[Note], contenders: Sequence[Contender], generator: str) -> Path:
    """Results with what made them, in a file of their own."""
    now = datetime.now(UTC)
    path = STORE / "results" / f"{now:%Y-%m-%dT%H-%M-%S}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {
        "at": now.isoformat(timespec="seconds"),
        "machine": machine(),
        "generator": generator,
        "versions": versions(contenders),
        "found": list(found),
    }
    path.write_text(json.dumps(content, indent=1), encoding="utf-8")
    return path


def machine() -> str:
    """The machine in a line."""
    cpus = Path("/proc/cpuinfo")
    model = re.search(r"model name\s*: (.*)", cpus.read_text() if cpus.exists() else "")
    cores = subprocess.run(["nproc"], capture_output=True, text=True, check=False).stdout.strip() or "?"
    return f"{model[1] if model else platform.processor()}, {cores} cores, {platform.system()} {platform.release()}"


def versions(contenders: Sequence[Contender]) -> dict[str, str]:
    """The versions of all that takes part."""
    packages = {package for contender in contenders for package in contender.packages} | {"uvloop"}
    found = {"python": platform.python_version()}
    for package in sorted(packages):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


# Tables ------------------------------------------------------------------------------------------------------


def lines(notes: Sequence[Note]) -> str:
    """The notes of one work, a line each."""
    limits = {note["contender"]: median(note["rates"]) for note in notes}
    shown = [f"{notes[0]['work']}, {notes[0]['connections']} connections"]
    for note in notes:
        rate = median(note["rates"])
        limit = limits.get(CONTENDERS[note["contender"]].limit)
        ratio = f"{rate / limit:6.2f} of bare" if limit else ""
        slow = f"p99 {median(note['p99s']) / 1000:8.1f} ms"
        wrong = f"  {note['errors']} errors" if note["errors"] else ""
        shown.append(f"  {note['contender']:22} {rate:10.1f}/s {ratio}  {slow}  {note['memory']:5.0f} MB{wrong}")
    return "\n".join(shown)


def table(found: Sequence[Note]) -> str:
    """Rates by work and contender, with the ratio to the bare loop on the same database; in Markdown."""
    shown = []
    for (size, workers, connections), notes in _grouped(found):
        shown.append(f"**{size:,} postings, {workers} worker{'s' * (workers > 1)}, {connections} connections**\n")
        for database, title in DATABASES.items():
            there = [note for note in notes if CONTENDERS[note["contender"]].database == database]
            if there:
                shown.append(_rates(there, title))
    starts = [note for note in found if note["work"] == "start"]
    if starts:
        shown.append(_starts(starts, found))
    return "\n".join(shown)


def _grouped(found: Sequence[Note]) -> Iterable[tuple[tuple[int, int, int], list[Note]]]:
    groups: dict[tuple[int, int, int], list[Note]] = {}
    asked = max((note["connections"] for note in found if note["work"] != "start"), default=0)
    for note in found:
        if note["work"] != "start":
            # A work that is asked on fewer connections than all others stands among them.
            capped = note["connections"] == WORKS[note["work"]].connections
            connections = asked if capped else note["connections"]
            groups.setdefault((note["size"], note["workers"], connections), []).append(note)
    return groups.items()


def _rates(notes: Sequence[Note], database: str) -> str:
    names = list(dict.fromkeys(note["contender"] for note in notes))
    tools = [TITLES[CONTENDERS[name].tool] for name in names]
    rows = [[f"Requests per second on {database}", *tools]]
    for work in dict.fromkeys(note["work"] for note in notes):
        rates = {note["contender"]: note for note in notes if note["work"] == work}
        rows.append([WORKS[work].title, *[_cell(rates.get(name), rates) for name in names]])
    return _markdown(rows)


def _cell(note: Note | None, rates: dict[str, Note]) -> str:
    if note is None:
        return ""
    rate = median(note["rates"])
    limit = rates.get(CONTENDERS[note["contender"]].limit)
    shown = f"{rate:,.0f}" if rate >= 10 else f"{rate:.1f}"
    if limit is not None and limit is not note and median(limit["rates"]):
        shown += f" ({rate / median(limit['rates']):.2f})"
    return f"{shown}, {note['errors']} errors" if note["errors"] else shown


def _starts(starts: Sequence[Note], found: Sequence[Note]) -> str:
    rows = [["", "Postings", "Workers", "Start, seconds", "Idle, MB", "Under load, at most, MB"]]
    for note in starts:
        same = [each for each in found if all(each[key] == note[key] for key in ("contender", "size", "workers"))]
        most = max((each["memory"] for each in same if "memory" in each), default=0.0)
        numbers = [f"{note['size']:,}", f"{note['workers']}", f"{note['rates'][0]:.2f}", f"{note['idle']:.0f}"]
        rows.append([_title(CONTENDERS[note["contender"]]), *numbers, f"{most:.0f}"])
    return _markdown(rows)


def _title(contender: Contender) -> str:
    return f"{TITLES[contender.tool]}, {DATABASES[contender.database]}"


def _markdown(rows: Sequence[Sequence[str]]) -> str:
    head, *others = rows
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *others]) + "\n"


# The page ----------------------------------------------------------------------------------------------------


def write(results: Path, page: Path = PAGE) -> None:
    """Put results into the page, between its marks, and draw them.

    Arguments:
        results: a file that :func:`keep` made.
        page: where the page is written; the plot is written beside it.
    """
    content = json.loads(results.read_text(encoding="utf-8"))
    found = content["found"]
    told = ", ".join(f"{name} {number}" for name, number in content["versions"].items())
    part = "\n".join(
        [
            BEGIN,
            "",
            f"Measured {content['at']} on {content['machine']}, with load from {content['generator']}.",
            f"Versions: {told}.",
            "",
            f"![Requests per second]({PLOT})",
            "",
            table(found),
            END,
        ]
    )
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    page.write_text(before + part + rest.partition(END)[2], encoding="utf-8")
    page.with_name(PLOT).write_text(draw(next(notes for _, notes in _grouped(found))), encoding="utf-8")


def draw(notes: Sequence[Note]) -> str:
    """Bars: for every work each contender's rate, as a share of the fastest."""
    bar, gap, left, width = 12, 18, 250, 420
    shapes: list[str] = []
    y = 10
    for work in dict.fromkeys(note["work"] for note in notes):
        rates = {note["contender"]: median(note["rates"]) for note in notes if note["work"] == work}
        most = max(rates.values()) or 1.0
        shapes.append(f'<text x="4" y="{y + 10}" font-weight="bold">{WORKS[work].title}</text>')
        y += gap
        for name, rate in rates.items():
            contender = CONTENDERS[name]
            colour = COLOURS.get(contender.tool, OTHERS)
            long = max(rate / most * width, 1)
            title = _title(contender)
            shapes += [
                f'<text x="{left - 6}" y="{y + 9}" text-anchor="end">{title}</text>',
                f'<rect x="{left}" y="{y}" width="{long:.1f}" height="{bar - 2}" fill="{colour}"/>',
                f'<text x="{left + long + 4:.1f}" y="{y + 9}">{rate:,.0f}</text>',
            ]
            y += bar
        y += gap // 2
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + width + 70}" height="{y}"'
    style = 'font-family="sans-serif" font-size="10" fill="#333"'
    ground = '<rect width="100%" height="100%" fill="#fff"/>'
    return "\n".join([f"{head} {style}>", ground, *shapes, "</svg>", ""])


if __name__ == "__main__":
    write(Path(sys.argv[1]))
