"""Reading the query string by hand: names, quoted text, JSON paths.

Every pattern here runs forward only, so reading takes time in proportion to the text.
"""

from __future__ import annotations

import re
from typing import Final

from backstay.errors import ParseError, TooComplex
from backstay.query.nodes import Field, Step

DEEPEST: Final = 50
"""No setting allows deeper nesting than this: later stages walk the tree by recursion."""

LONGEST_PATH: Final = 32
"""Most steps in one JSON path."""

_SHOWN: Final = 300
_SPACES: Final = re.compile(r"[ \t]*")
_NAME: Final = re.compile(r"[\w $]+(?:-[\w $]+)*")
_IDENTIFIER: Final = re.compile(r"[\w $]+")
_INDEX: Final = re.compile(r"-?[0-9]{1,9}(?=->|::|[.,)]|\Z)")
_KEY: Final = re.compile(r"[^(\-:.,>)]+(?:-[^(\-:.,>)]+)*")
_PLAIN_QUOTED: Final = re.compile(r'"([^"\\]*)"')
_ESCAPED_QUOTED: Final = re.compile(r'"((?:[^"\\]|\\.)*+)"', re.DOTALL)
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)


class Budget:
    """How much one request may still ask for.

    Arguments:
        deepest: levels of embeds, and of logic trees.
        most: columns, filters, order terms and embeds in all.
    """

    __slots__ = ("deepest", "most", "spent")

    def __init__(self, deepest: int, most: int) -> None:
        self.deepest = min(deepest, DEEPEST)
        self.most = most
        self.spent = 0

    def spend(self, count: int = 1) -> None:
        """Take note of ``count`` more items; TooComplex where that is too many."""
        self.spent += count
        if self.spent > self.most:
            raise TooComplex(hint=f"At most {self.most} columns, filters and embeds may be named in one request.")

    def descend(self, depth: int) -> None:
        """Refuse a level that lies too deep with TooComplex."""
        if depth > self.deepest:
            raise TooComplex(hint=f"Embeds and logic trees may be nested {self.deepest} levels deep.")


class Scanner:
    """A text and the place reached in it.

    Arguments:
        text: what is read.
        what: what it is, in the words of the error message (``select parameter``).
        budget: what the request may still ask for.
    """

    __slots__ = ("at", "budget", "text", "what")

    def __init__(self, text: str, what: str, budget: Budget) -> None:
        self.text = text
        self.what = what
        self.budget = budget
        self.at = 0

    # Looking and stepping ------------------------------------------------------------------------------------

    @property
    def done(self) -> bool:
        """Whether the text is at its end."""
        return self.at >= len(self.text)

    def ahead(self, token: str) -> bool:
        """Whether ``token`` comes next."""
        return self.text.startswith(token, self.at)

    def take(self, token: str) -> bool:
        """Step over ``token`` if it comes next, and tell whether it did."""
        if self.text.startswith(token, self.at):
            self.at += len(token)
            return True
        return False

    def expect(self, token: str) -> None:
        """Step over ``token``; ParseError if it does not come next."""
        if not self.take(token):
            raise self.fault(f'"{token}"')

    def skip(self) -> None:
        """Step over spaces and tabs."""
        match = _SPACES.match(self.text, self.at)
        if match:
            self.at = match.end()

    def match(self, pattern: re.Pattern[str]) -> str | None:
        """Step over what ``pattern`` matches here and return it, or None."""
        match = pattern.match(self.text, self.at)
        if match is None:
            return None
        self.at = match.end()
        return match.group()

    def finish(self, expecting: str = "end of input") -> None:
        """ParseError unless the text is at its end."""
        if not self.done:
            raise self.fault(expecting)

    def fault(self, expecting: str) -> ParseError:
        """The error that says what stood here instead of ``expecting``."""
        found = "end of input" if self.done else f'"{self.text[self.at]}"'
        shown = self.text if len(self.text) <= _SHOWN else self.text[:_SHOWN] + "…"
        return ParseError(
            f'"failed to parse {self.what} ({shown})" (line 1, column {self.at + 1})',
            detail=f"unexpected {found} expecting {expecting}",
        )

    # Words ---------------------------------------------------------------------------------------------------

    def quoted(self) -> str | None:
        """The quoted text that stands here, without its quotes and escapes; None, unmoved, if none does."""
        plain = _PLAIN_QUOTED.match(self.text, self.at)
        if plain:
            self.at = plain.end()
            return plain.group(1)
        escaped = _ESCAPED_QUOTED.match(self.text, self.at)
        if escaped:
            self.at = escaped.end()
            return _ESCAPE.sub(r"\1", escaped.group(1))
        return None

    def name(self) -> str:
        """The name of a column, a relation or an alias: quoted, or letters, digits, ``_ $ -`` and spaces inside."""
        start = self.at
        name = self.quoted() if self.ahead('"') else (self.match(_NAME) or "").strip(" ")
        if not name:
            self.at = start
            raise self.fault("field name (* or [a..z0..9_$])")
        return name

    def identifier(self) -> str:
        """The name of a type or of a text-search configuration, unquoted."""
        start = self.at
        word = (self.match(_IDENTIFIER) or "").strip(" ")
        if not word:
            self.at = start
            raise self.fault("letter or digit")
        return word

    def field(self) -> Field:
        """A column and the JSON path into it."""
        return Field(self.name(), self.path())

    def path(self) -> tuple[Step, ...]:
        """A JSON path, often empty."""
        if not self.ahead("->"):
            return ()
        steps: list[Step] = []
        while self.take("->"):
            text = self.take(">")
            steps.append(Step(self._step(), text))
            if len(steps) > LONGEST_PATH:
                raise TooComplex(hint=f"A JSON path may have {LONGEST_PATH} steps.")
        return tuple(steps)

    def _step(self) -> str | int:
        index = self.match(_INDEX)
        if index is not None:
            return int(index)
        start = self.at
        key = self.quoted() if self.ahead('"') else (self.match(_KEY) or "").strip()
        if not key:
            self.at = start
            raise self.fault("any non reserved character different from: .,>()")
        return key
