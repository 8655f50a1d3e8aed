"""What the bench is to show, as a table, and how it is read off the results."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from bench.places import MADE

Note = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Target:
    """One line of the table.

    Arguments:
        words: what is to hold.
        bound: the least that is good enough, or the most.
        unit: what it is counted in; empty for a ratio.
        most: whether the bound is the most.
        values: what was found, with the name of what it was found for; nothing where it was not measured.
    """

    words: str
    bound: float
    unit: str
    most: bool
    values: Callable[[Sequence[Note]], Iterable[tuple[str, float]]]


BOTH = ("backstay-sqlite", "backstay-postgresql")


def _rates(found: Sequence[Note]) -> dict[tuple[str, str], float]:
    """The median rate of each contender at each work, with one worker, at the size and connections measured most."""
    notes = [note for note in found if note.get("rates") and note["work"] != "start" and note["workers"] == 1]
    sizes = [(note["size"], note["connections"]) for note in notes]
    usual = max(sizes, key=lambda size: (sizes.count(size), size), default=None)
    rates: dict[tuple[str, str], float] = {}
    for note in notes:
        if usual is None or note["size"] != usual[0]:
            continue
        if note["connections"] == usual[1] or (note["contender"], note["work"]) not in rates:
            rates[note["contender"], note["work"]] = median(note["rates"])
    return rates


def against(work: str, peer: str, databases: Sequence[str]) -> Callable[[Sequence[Note]], Iterator[tuple[str, float]]]:
    """Backstay's rate at a work as a multiple of a peer's, on each of these databases where both were measured."""

    def values(found: Sequence[Note]) -> Iterator[tuple[str, float]]:
        rates = _rates(found)
        for name in BOTH:
            database = name.partition("-")[2]
            other = rates.get((f"{peer}-{database}", work)) if database in databases else None
            if other and (name, work) in rates:
                yield name, rates[name, work] / other

    return values


def of(work: str, value: Callable[[Note], float | None]) -> Callable[[Sequence[Note]], Iterator[tuple[str, float]]]:
    """A value of each of Backstay's notes of a work; of works whose names begin so, where ``work`` ends in ``-``."""

    def values(found: Sequence[Note]) -> Iterator[tuple[str, float]]:
        for note in found:
            same = note["work"].startswith(work) if work.endswith("-") else note["work"] == work
            if same and note["contender"] in BOTH:
                number = value(note)
                if number is not None:
                    name = note["work"].removeprefix(work)
                    yield f"{note['contender']} {name}".strip(), number

    return values


def chat_against(peer: str) -> Callable[[Sequence[Note]], Iterator[tuple[str, float]]]:
    """How many times as fast as a peer the chat room is filled."""

    def values(found: Sequence[Note]) -> Iterator[tuple[str, float]]:
        seconds = {note["contender"]: note["seconds"] / note["amount"] for note in found if note["work"] == "chat"}
        for name in BOTH:
            if name in seconds and peer in seconds:
                yield name, seconds[peer] / seconds[name]

    return values


def _refused(note: Note) -> float | None:
    return note["refused_p99"] / 1000 if note["refused"] else None


def workers(found: Sequence[Note]) -> Iterator[tuple[str, float]]:
    """How much faster two workers on all processors are than one that may use them, too."""
    rates = {
        (note["contender"], note["work"], note["size"], note["workers"]): median(note["rates"])
        for note in found
        if note.get("rates") and note["work"] != "start"
    }
    for (name, work, postings, count), rate in rates.items():
        one = rates.get((name, work, postings, 1))
        if name in BOTH and count == 2 and one is not None:
            yield f"{name} {work}", rate / one


def _usual(note: Note) -> bool:
    """Whether a server began with no more rows than the comparison has: more of them are for growth."""
    return bool(note["size"] <= MADE)


def extra(note: Note) -> float:
    """The megabytes that a large body takes beside what was held before."""
    return float(note["memory"] - note["before"])


PEERS = (
    ("point", "bare", 0.7, "sqlite", "postgresql"),
    ("point", "pocketbase", 5, "sqlite"),
    ("point", "fastapi", 10, "sqlite"),
    ("point", "drf", 10, "sqlite"),
    ("point", "fastapi", 5, "postgresql"),
    ("point", "drf", 7, "postgresql"),
    ("page", "bare", 0.8, "sqlite", "postgresql"),
    ("page", "pocketbase", 3, "sqlite"),
    ("page", "fastapi", 6, "postgresql"),
    ("page", "drf", 10, "postgresql"),
    ("insert", "pocketbase", 4, "sqlite"),
)
"""At a work, of a peer, at least so many times its rate, on these databases."""
WORDS = {"point": "Point read", "page": "Page of 20", "insert": "Insert one row"}
TITLES = {"bare": "the bare loop", "pocketbase": "PocketBase", "fastapi": "FastAPI", "drf": "Django REST framework"}

TARGETS = (
    *(
        Target(f"{WORDS[work]}, of {TITLES[peer]}", bound, "", False, against(work, peer, databases))
        for work, peer, bound, *databases in PEERS
    ),
    Target("Chat room filled, of PocketBase", 4, "", False, chat_against("pocketbase-sqlite")),
    Target("Two workers, of one", 1.7, "", False, workers),
    Target("Overload: in time, of the peak", 0.8, "", False, of("overload-", lambda note: note["good"] / note["peak"])),
    Target("Overload: refusals, p99", 50, "ms", True, of("overload-", _refused)),
    Target("Overload: failed", 0, "requests", True, of("overload-", lambda note: note["failed"])),
    Target("Soak: growth of memory", 3, "%", True, of("soak", lambda note: note["growth"] * 100)),
    Target("Answer of 50 MB: extra memory", 30, "MB", True, of("answer", extra)),
    Target("Upload of 50 MB: extra memory", 30, "MB", True, of("upload", extra)),
    Target("Start", 1, "s", True, of("start", lambda note: note["rates"][0] if _usual(note) else None)),
    Target(
        "Memory when idle, a worker",
        80,
        "MB",
        True,
        of("start", lambda note: note["idle"] / note["workers"] if _usual(note) else None),
    ),
)


def table(found: Sequence[Note]) -> list[list[str]]:
    """The rows: what is to hold, the bound, and what was found with whether it is good enough."""
    rows = [["", "To be", "Found", ""]]
    for target in TARGETS:
        values = list(dict(target.values(found)).items())
        if not values:
            continue
        unit = f" {target.unit}" if target.unit else ""
        shown = ", ".join(f"{name} {value:.2f}{unit}" for name, value in values)
        missed = [name for name, value in values if (value > target.bound if target.most else value < target.bound)]
        kept = "yes" if not missed else f"no: {', '.join(missed)}"
        rows.append([target.words, f"{'at most' if target.most else 'at least'} {target.bound:g}{unit}", shown, kept])
    return rows
