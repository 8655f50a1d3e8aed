"""Read what ``tests/compliance/rest`` says of the wire, and write the page of it.

The wire is described row by row in ``rows.toml``; the cases in ``cases/`` show the rows; what the databases may differ
in is in ``differences.toml``. The README of that folder tells their forms.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

SUITE = Path(__file__).resolve().parent.parent / "tests" / "compliance" / "rest"
DATABASES = ("postgresql", "sqlite")

_REQUEST = re.compile(r"(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|[A-Z]{3,}) (\S.*)")
_ANSWER = re.compile(r"=> (\d{3}|\?)(?: on (postgresql|sqlite))?")
_HEADER = re.compile(r"([a-z][a-z0-9-]*): ?(.*)")
_HEADING = re.compile(r"## (\S+): (.+)")


@dataclass(frozen=True)
class Row:
    """One rule of the wire.

    ``answers`` says for each database ``yes``, ``differs: <a key of differences.toml>``, or ``no:`` and such a key or,
    where it is no difference, the reason. ``tests`` are tests elsewhere that show it.
    """

    id: str
    section: str
    says: str
    answers: dict[str, str]
    tests: tuple[str, ...] = ()


@dataclass(frozen=True)
class Difference:
    """What the databases may differ in."""

    id: str
    what: str
    why: str


@dataclass
class Reply:
    """What a request must be answered with: the status (None: to be written down), some headers, and the body."""

    status: int | None
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""


@dataclass
class Exchange:
    """A request, and its answer; under a database's name where that answers otherwise, else under ``""``."""

    method: str
    target: str
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""
    replies: dict[str, Reply] = field(default_factory=dict)

    def reply(self, database: str) -> Reply:
        """What this database must answer."""
        return self.replies[database if database in self.replies else ""]


@dataclass
class Case:
    """Requests that follow each other, and what they show."""

    id: str
    title: str
    file: Path
    exchanges: list[Exchange] = field(default_factory=list)
    words: dict[str, str] = field(default_factory=dict)

    @property
    def rows(self) -> list[str]:
        """The rows it shows: the one it is named by, and those behind ``shows:``."""
        return [self.id.rpartition("-")[0], *self.words.get("shows", "").split()]

    @property
    def databases(self) -> tuple[str, ...]:
        """Where it runs."""
        return (self.words["only"],) if "only" in self.words else DATABASES

    @property
    def settings(self) -> str:
        """The settings it needs, as TOML."""
        return self.words.get("with", "")


WORDS = ("shows", "only", "with", "differs", "compare")
"""What may stand above the first request of a case."""


@cache
def rows() -> tuple[Row, ...]:
    """Every row of the wire, in order."""
    found = []
    for title, section in tomllib.loads((SUITE / "rows.toml").read_text(encoding="utf-8")).items():
        for key, (says, postgresql, sqlite, *tests) in section.items():
            answers = {"postgresql": postgresql, "sqlite": sqlite}
            found.append(Row(f"{title.split()[0]}-{key}", title, says, answers, tuple(tests)))
    return tuple(found)


@cache
def differences() -> tuple[Difference, ...]:
    """Every difference that is allowed."""
    read = tomllib.loads((SUITE / "differences.toml").read_text(encoding="utf-8"))
    return tuple(Difference(key, **each) for key, each in read.items())


@cache
def cases() -> tuple[Case, ...]:
    """Every case, by files and then as written."""
    return tuple(case for file in sorted((SUITE / "cases").glob("*.txt")) for case in _cases(file))


def _cases(file: Path) -> Iterator[Case]:
    case: Case | None = None
    lines: list[str] = []
    for line in file.read_text(encoding="utf-8").splitlines():
        heading = _HEADING.fullmatch(line)
        if heading is None:
            lines.append(line)
            continue
        if case is not None:
            yield _complete(case, lines)
        case, lines = Case(heading[1], heading[2], file), []
    if case is not None:
        yield _complete(case, lines)


def _complete(case: Case, lines: Sequence[str]) -> Case:
    """Read what is below the heading."""
    at: Exchange | Reply | None = None
    headers = True
    for line in lines:
        if line.startswith("# "):
            continue
        if request := _REQUEST.fullmatch(line):
            at, headers = Exchange(request[1], request[2]), True
            case.exchanges.append(at)
        elif answer := _ANSWER.fullmatch(line):
            at, headers = Reply(None if answer[1] == "?" else int(answer[1])), True
            case.exchanges[-1].replies[answer[2] or ""] = at
        elif headers and (header := _HEADER.fullmatch(line)):
            (case.words if at is None else at.headers)[header[1]] = header[2]
        elif at is not None:
            headers = False
            at.body += line + "\n"
        elif line:
            raise ValueError(f"{case.file.name}: {case.id}: what is {line!r}?")
    _check(case)
    return case


def _check(case: Case) -> None:
    for exchange in case.exchanges:
        exchange.body = exchange.body.strip("\n")
        for reply in exchange.replies.values():
            reply.body = reply.body.strip("\n")
    told = [set(exchange.replies) for exchange in case.exchanges]
    if not told or not all(each in ({""}, set(DATABASES)) for each in told):
        raise ValueError(f"{case.file.name}: {case.id}: every request needs an answer, for all databases or for each")
    if unknown := set(case.words) - set(WORDS):
        raise ValueError(f"{case.file.name}: {case.id}: what is {unknown}?")


# The page ----------------------------------------------------------------------------------------------------

_LEAD = """\
# Conformance

<!-- Generated by `make docs`. -->

Every rule of PostgREST's wire, and what Backstay makes of it on each database. Each is shown by cases, in
`tests/compliance/rest/cases`: a request and its answer, both written down, which every run of the tests asks of both
databases. Where a row names no case, it names the tests that show it.

| | PostgreSQL | SQLite |
| --- | --- | --- |
"""


def conformance_page() -> str:
    """The page of all rows, from the files of the suite."""
    sections: dict[str, list[Row]] = {}
    for row in rows():
        sections.setdefault(row.section, []).append(row)
    shown = _shown()
    parts = [_LEAD + _sums(), _listed_differences()]
    for title, inside in sections.items():
        lines = ["Row", "Says", "PostgreSQL", "SQLite", "Shown by"], ["---"] * 5, *(_line(row, shown) for row in inside)
        parts.append(f"## {title}\n\n" + "".join("| " + " | ".join(line) + " |\n" for line in lines))
    return "\n".join(parts)


def _sums() -> str:
    found = ""
    for word in ("yes", "differs", "no"):
        counts = [sum(row.answers[each].startswith(word) for row in rows()) for each in DATABASES]
        found += f"| rows: {'not there' if word == 'no' else word} | {counts[0]} | {counts[1]} |\n"
    counts = [sum(each in case.databases for case in cases()) for each in DATABASES]
    return f"{found}| cases | {counts[0]} | {counts[1]} |\n"


def _listed_differences() -> str:
    lines = [f"| {each.id} | {each.what} | {each.why} |\n" for each in differences()]
    return "## What the databases differ in\n\n| | What | Why |\n| --- | --- | --- |\n" + "".join(lines)


def _shown() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for case in cases():
        for row in case.rows:
            found.setdefault(row, []).append(case.id)
    return found


def _line(row: Row, shown: dict[str, list[str]]) -> list[str]:
    tests = [f"`{test}`" for test in row.tests]
    by = [*(_short(case, row) for case in shown.get(row.id, [])), *tests]
    return [row.id, _cell(row.says), *(_answer(row.answers[each]) for each in DATABASES), ", ".join(by)]


def _short(case: str, row: Row) -> str:
    return case.removeprefix(f"{row.id}-") if case.rpartition("-")[0] == row.id else case


def _answer(answer: str) -> str:
    return _cell("not there" + answer.removeprefix("no") if answer.startswith("no") else answer)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
