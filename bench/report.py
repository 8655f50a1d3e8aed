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

from bench import targets
from bench.contenders import CONTENDERS, TITLES, Contender
from bench.places import HERE, STORE
from bench.plot import COLOURS, OTHERS, Curve, bars, curves
from bench.works import WORKS

PAGE = HERE.parent / "docs" / "benchmarks.md"
PLOT = "benchmarks"
"""What the names of pictures begin with."""
BEGIN, END = "<!-- written by make bench -->", "<!-- end of what make bench writes -->"
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
    release = platform.release().partition("-")[0]
    return f"{model[1] if model else platform.processor()}, {cores} cores, {platform.system()} {release}"


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
    """All that was found, in Markdown: the targets first, then rates with the ratio to the bare loop, then the rest."""
    shown = []
    reached = targets.table(found)
    if len(reached) > 1:
        shown += ["**What is to hold**\n", _markdown(reached)]
    for (size, workers, connections), notes in _grouped(found):
        shown.append(f"**{size:,} postings, {workers} worker{'s' * (workers > 1)}, {connections} connections**\n")
        for database, title in DATABASES.items():
            there = [note for note in notes if CONTENDERS[note["contender"]].database == database]
            if there:
                shown.append(_rates(there, title))
    for title, rows in (
        ("Two workers on all processors, beside one on one", _cores(found)),
        ("A chat room that is filled", _chats(found)),
        ("Three times as many requests as can be answered", _overloads(found)),
        ("Large bodies", _bodies(found)),
        ("For long", _soaks(found)),
    ):
        if len(rows) > 1:
            shown += [f"**{title}**\n", _markdown(rows)]
    starts = [note for note in found if note["work"] == "start"]
    if starts:
        shown.append(_starts(starts, found))
    return "\n".join(shown)


def _raced(found: Sequence[Note]) -> list[Note]:
    return [note for note in found if note["work"] in WORKS]


def _grouped(found: Sequence[Note]) -> Iterable[tuple[tuple[int, int, int], list[Note]]]:
    groups: dict[tuple[int, int, int], list[Note]] = {}
    raced = _raced(found)
    asked = max((note["connections"] for note in raced), default=0)
    for note in raced:
        # A work that is asked on fewer connections than all others stands among them.
        capped = note["connections"] == WORKS[note["work"]].connections
        connections = asked if capped else note["connections"]
        groups.setdefault((note["size"], note["workers"], connections), []).append(note)
    return groups.items()


def _cores(found: Sequence[Note]) -> list[list[str]]:
    rows = [["", "", "One, per second", "Two, per second", "Ratio"]]
    places = {
        (note["contender"], note["work"], note["size"], note["connections"], note["workers"]): median(note["rates"])
        for note in _raced(found)
    }
    for (name, work, size, connections, workers), rate in places.items():
        one = places.get((name, work, size, connections, 1))
        if workers == 2 and one:
            numbers = [f"{one:,.0f}", f"{rate:,.0f}", f"{rate / one:.2f}"]
            rows.append([_title(CONTENDERS[name]), WORKS[work].title, *numbers])
    return rows


def _chats(found: Sequence[Note]) -> list[list[str]]:
    rows = [["", "Messages", "Seconds", "Per second", "p99, ms", "Errors"]]
    for note in found:
        if note["work"] == "chat":
            rate, slow = note["amount"] / note["seconds"], note["p99"] / 1000
            numbers = [f"{note['amount']:,}", f"{note['seconds']:.1f}", f"{rate:,.0f}", f"{slow:.0f}"]
            rows.append([_title(CONTENDERS[note["contender"]]), *numbers, f"{note['errors']}"])
    return rows


def _overloads(found: Sequence[Note]) -> list[list[str]]:
    head = ["Peak", "Offered", "In time", "Of the peak", "p99, ms", "Refused", "p99, ms", "Left", "Failed", "MB"]
    rows = [["", "", *head, "Load, of a processor"]]
    for note in found:
        work = note["work"].removeprefix("overload-")
        if work != note["work"]:
            rates = [f"{note[key]:,.0f}" for key in ("peak", "offered", "good")]
            good = [f"{note['good'] / note['peak']:.2f}", f"{note['good_p99'] / 1000:.0f}"]
            refused = [f"{note['refused']:,.0f}", f"{note['refused_p99'] / 1000:.0f}"]
            rest = [f"{note['left']:,}", f"{note['failed']:,}", f"{note['memory']:.0f}"]
            rest.append(f"{note['spent']:.2f}" if "spent" in note else "")
            rows.append([_title(CONTENDERS[note["contender"]]), WORKS[work].title, *rates, *good, *refused, *rest])
    return rows


def _bodies(found: Sequence[Note]) -> list[list[str]]:
    rows = [["", "", "Seconds", "MB before", "MB at most", "MB after"]]
    for note in found:
        if note["work"] in ("upload", "answer"):
            title = f"{note['work'].capitalize()} of {note['length'] / 1e6:.0f} MB"
            numbers = [f"{note['seconds']:.2f}", *(f"{note[key]:.0f}" for key in ("before", "memory", "after"))]
            rows.append([_title(CONTENDERS[note["contender"]]), title, *numbers])
    return rows


def _soaks(found: Sequence[Note]) -> list[list[str]]:
    rows = [["", "Minutes", "Per second", "Errors", "MB at most", "Growth", "Flat"]]
    for note in found:
        if note["work"] == "soak":
            minutes = note["samples"][-1][0] / 60
            numbers = [f"{minutes:.1f}", f"{note['rate']:,.0f}", f"{note['errors']}", f"{note['memory']:.0f}"]
            flat = "yes" if note["flat"] else "no"
            rows.append([_title(CONTENDERS[note["contender"]]), *numbers, f"{note['growth']:+.1%}", flat])
    return rows


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


def merge(paths: Sequence[Path]) -> dict[str, Any]:
    """Several results as one: of what was measured twice the later counts."""
    contents = sorted((json.loads(path.read_text(encoding="utf-8")) for path in paths), key=lambda each: each["at"])
    found: dict[tuple[Any, ...], Note] = {}
    versions: dict[str, str] = {}
    for content in contents:
        versions |= content["versions"]
        for note in content["found"]:
            key = tuple(note.get(name) for name in ("work", "contender", "size", "workers", "connections"))
            found.pop(key, None)
            found[key] = note
    works, contenders = [*WORKS, ""], list(CONTENDERS)

    def place(note: Note) -> tuple[int, int, int]:
        work = note["work"] if note["work"] in WORKS else ""
        return note.get("size", 0), works.index(work), contenders.index(note["contender"])

    notes = sorted(found.values(), key=place)
    return {**contents[-1], "versions": dict(sorted(versions.items())), "found": notes}


def write(results: Sequence[Path], page: Path = PAGE) -> None:
    """Put results into the page, between its marks, and draw them.

    Arguments:
        results: files that :func:`keep` made.
        page: where the page is written; the pictures are written beside it.
    """
    content = merge(results)
    found = content["found"]
    told = ", ".join(f"{name} {number}" for name, number in content["versions"].items())
    pictures = draw(found)
    for name, picture in pictures.items():
        page.with_name(f"{PLOT}{name}.svg").write_text(picture, encoding="utf-8")
    part = "\n".join(
        [
            BEGIN,
            "",
            f"Measured {content['at']} on {content['machine']}, with load from {content['generator']}.",
            f"Versions: {told}.",
            "",
            *(f"![{TITLED[name]}]({PLOT}{name}.svg)\n" for name in pictures),
            table(found),
            END,
        ]
    )
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    page.write_text(before + part + rest.partition(END)[2], encoding="utf-8")


TITLED = {
    "": "Requests per second",
    "-growth": "Requests per second, by rows and by connections",
    "-soak": "Memory over time",
}
"""The pictures, by what the names of their files end with."""


def draw(found: Sequence[Note]) -> dict[str, str]:
    """The pictures there are, by what the names of their files end with."""
    colours = {_title(each): COLOURS.get(each.tool, OTHERS) for each in CONTENDERS.values()}
    pictures = {}
    groups = [notes for _, notes in _grouped(found)]
    if groups:
        pictures[""] = bars(_lengths(max(groups, key=len)), colours)
    grown = [*_growth(found, "size", "postings"), *_growth(found, "connections", "connections")]
    if grown:
        pictures["-growth"] = curves(grown, colours)
    soaks = {_title(CONTENDERS[note["contender"]]): note["samples"] for note in found if note["work"] == "soak"}
    if soaks:
        minutes = {name: [(moment / 60, held) for moment, held in samples] for name, samples in soaks.items()}
        pictures["-soak"] = curves([("Memory, MB", "minutes", minutes)], colours)
    return pictures


def _lengths(notes: Sequence[Note]) -> list[tuple[str, dict[str, float]]]:
    works = dict.fromkeys(note["work"] for note in notes)
    return [
        (
            WORKS[work].title,
            {_title(CONTENDERS[note["contender"]]): median(note["rates"]) for note in notes if note["work"] == work},
        )
        for work in works
    ]


def _growth(found: Sequence[Note], axis: str, counted: str) -> list[tuple[str, str, dict[str, Curve]]]:
    """For each work a chart of the rates by one of the axes, where there are three values of it or more."""
    other = "connections" if axis == "size" else "size"
    charts: list[tuple[str, str, dict[str, Curve]]] = []
    for work in WORKS:
        notes = [note for note in _raced(found) if note["work"] == work and note["workers"] == 1]
        groups: dict[int, list[Note]] = {}
        for note in notes:
            groups.setdefault(note[other], []).append(note)
        best = max(groups.values(), key=lambda each: len({note[axis] for note in each}), default=[])
        if len({note[axis] for note in best}) >= 3:
            lines: dict[str, list[tuple[float, float]]] = {}
            for note in best:
                lines.setdefault(_title(CONTENDERS[note["contender"]]), []).append((note[axis], median(note["rates"])))
            charts.append((f"{WORKS[work].title}, per second", counted, dict(lines)))
    return charts


if __name__ == "__main__":
    write([Path(name) for name in sys.argv[1:]] or sorted((STORE / "results").glob("*.json")))
