"""The works: what is asked of every contender, in the words of none of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

BULK = 1_000
"""Rows that one request inserts."""

ROOMS = 100
"""Chat rooms, numbered from 1."""

PAGE = 20
LARGE = 100
"""Documents of 10 KB in the large answer."""


@dataclass(frozen=True, slots=True)
class Subjects:
    """What requests may ask for.

    Arguments:
        callers: recruiters, as pairs of their id and their company's.
        points: ids of postings that everybody may read.
        hidden: the id of a draft, the place of a caller from whom it is hidden, and of one who may read it.
        cities: to filter by.
        words: to search for; found alike by stems and by letters.
        members: for each caller the rooms they are in.
    """

    callers: list[tuple[str, str]]
    points: list[str]
    hidden: tuple[str, int, int]
    cities: list[str]
    words: list[str]
    members: list[list[int]]


@dataclass(frozen=True, slots=True)
class Ask:
    """One request.

    Arguments:
        work: which kind of request.
        caller: the place of the caller among the subjects' callers.
        value: what is asked for: an id, a city, a word, a room, or a text to write.
    """

    work: str
    caller: int
    value: str


@dataclass(frozen=True, slots=True)
class Work:
    """A kind of load.

    Arguments:
        name: as options and results have it.
        title: as the report has it.
        parts: the kinds of its requests; of several, the first stands for the others' share in a hundred.
        writes: whether it changes rows.
        most: the most different requests that are made for it.
        connections: the most that it is asked on.
    """

    name: str
    title: str
    parts: dict[str, int] = field(default_factory=dict)
    writes: bool = False
    most: int = 2_000
    connections: int = 1_000


WORKS = {
    work.name: work
    for work in (
        Work("point", "Point read with a to-one embed"),
        Work("page", f"Page of {PAGE} with filter, order and embed"),
        Work("count", "The same with the exact count"),
        Work("company", "Company with its 100 postings"),
        Work("search", "Full-text search, page of 20"),
        Work("insert", "Insert one row", writes=True),
        Work("bulk", f"Insert {BULK:,} rows in one request", writes=True, most=50, connections=4),
        Work("update", "Update one row", writes=True),
        Work("mixed", "95 point reads to 5 inserts", {"point": 95, "insert": 5}, writes=True),
        Work("message", "Chat room: insert under an access rule", writes=True),
        Work("small", "Answer of 10 KB"),
        Work("large", "Answer of 1 MB", most=50),
    )
}


def asks(work: Work, subjects: Subjects, count: int | None = None) -> Iterator[Ask]:
    """Requests of a work, always the same; ``count`` of them, or as many as it has."""
    random = Random(work.name)
    parts = work.parts or {work.name: 100}
    for number in range(count or work.most):
        part = random.choices(list(parts), list(parts.values()))[0]
        caller = number % len(subjects.callers)
        yield Ask(part, caller, _value(part, caller, subjects, random))


def _value(part: str, caller: int, subjects: Subjects, random: Random) -> str:
    match part:
        case "point":
            return random.choice(subjects.points)
        case "page" | "count":
            return random.choice(subjects.cities)
        case "search":
            return random.choice(subjects.words)
        case "company":
            return subjects.callers[caller][1]
        case "message":
            return str(random.choice(subjects.members[caller]))
        case "small":
            return str(random.randrange(1, LARGE + 1))
        case "large":
            return str(LARGE)
        case _:
            return f"{part}-{random.randrange(10**6)}"
