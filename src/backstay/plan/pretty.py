"""``pretty(sql)``: a statement over several lines, each clause and each sub-select on its own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_TOKEN = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|\$\d+|\?|\w+|\s+|.", re.DOTALL)
_CLAUSES: Final = frozenset(
    {
        *("SELECT", "FROM", "WHERE", "GROUP", "ORDER", "HAVING", "LIMIT", "OFFSET", "UNION", "RETURNING", "SET"),
        *("VALUES", "INSERT", "UPDATE", "DELETE", "WITH", "JOIN", "LEFT", "CROSS", "INNER", "FOR"),
    }
)
_CONNECTIVES: Final = frozenset({"AND", "OR"})
_STEP: Final = "  "


def pretty(sql: str) -> str:
    """The same statement, to be read. ``?`` are numbered; nothing inside quotes is touched.

    Arguments:
        sql: what a dialect sends.
    """
    return _Printer().print(sql)


@dataclass(frozen=True, slots=True)
class _Select:
    """A select that is being printed: in how many parentheses it stands, and how far its own lines are indented."""

    depth: int = 0
    indent: int = 0


class _Printer:
    """The text so far, and where its end stands."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.selects = [_Select()]
        self.depth = 0
        self.indent = 0
        self.placeholders = 0
        self.between: list[int] = []

    def print(self, sql: str) -> str:
        tokens = list(_words(sql))
        words = [token for token in tokens if token != " "]
        place = 0
        for token in tokens:
            if token == " ":
                self.parts.append(token)
                continue
            previous = words[place - 1] if place else ""
            place += 1
            self.take(token, previous, words[place] if place < len(words) else "")
        return "".join(self.parts).strip()

    def take(self, token: str, previous: str, following: str) -> None:
        word = token.upper()
        select = self.selects[-1]
        if token == "(":
            self.depth += 1
            if following.upper() in ("SELECT", "WITH"):
                self.selects.append(_Select(self.depth, self.indent + 1))
        elif token == ")":
            if select.depth == self.depth:
                self.selects.pop()
                self.line(select.indent - 1)
            self.depth -= 1
        elif token == "?":
            self.placeholders += 1
            token = f"?{self.placeholders}"
        elif self.depth == select.depth and _is_clause(word, previous, following):
            self.line(select.indent)
        elif word == "BETWEEN":
            self.between.append(self.depth)
        elif word == "AND" and self.between and self.between[-1] == self.depth:
            self.between.pop()
        elif self.depth == select.depth and word in _CONNECTIVES:
            self.line(select.indent + 1)
        self.parts.append(token)

    def line(self, indent: int) -> None:
        """Begin a line."""
        while self.parts and self.parts[-1].isspace():
            self.parts.pop()
        self.parts.append("\n" + _STEP * indent)
        self.indent = indent


def _is_clause(word: str, previous: str, following: str) -> bool:
    """Whether a word begins a clause, and does not stand inside one: ``LEFT JOIN``, ``DO UPDATE SET``."""
    before = previous.upper()
    if word == "ON":
        return following.upper() == "CONFLICT"
    if word not in _CLAUSES:
        return False
    return not (
        (word == "JOIN" and before in ("LEFT", "CROSS", "INNER", "OUTER"))
        or (word == "UPDATE" and before in ("DO", "FOR"))
        or (word == "SET" and before == "UPDATE")
        or (word == "FROM" and before in ("DELETE", "DISTINCT"))
    )


def _words(sql: str) -> Iterator[str]:
    """The tokens, each with the space that follows it where there is any folded to one."""
    last = ""
    for match in _TOKEN.finditer(sql):
        token = match[0]
        if not token.isspace():
            yield token
        elif last and not last.isspace():
            yield " "
        last = token
