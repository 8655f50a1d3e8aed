"""``parse(language, configuration, text) -> Query | None``: a search in one of PostgreSQL's four query languages."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, Literal, TypeAlias

from backstay.dialects.sqlite.search.document import LAST, lexemes
from backstay.dialects.sqlite.search.query import Both, Either, Not, Phrase, Query, Stop, Term
from backstay.dialects.sqlite.search.stop import without_stops
from backstay.errors import DatabaseFault, InvalidParameter, TooComplex

Join: TypeAlias = Callable[[Query, Query], Query]

_PRECEDENCE: Final = {"|": 1, "&": 2, "<": 3, "!": 4}
_FARTHEST: Final = LAST + 1
_DEEPEST, _WAITING = 200, 32
"""Brackets within brackets, and operators that wait for their right operand within the same ones."""


@lru_cache(maxsize=1000)
def parse(language: str, configuration: str, text: str) -> Query | None:
    """The tree of a search; None where it has no lexeme, and so matches nothing.

    Arguments:
        language: ``fts`` (``to_tsquery``), ``plfts``, ``phfts`` or ``wfts``.
        configuration: what makes lexemes of words.
        text: the search.

    Raises:
        DatabaseFault: 42601, where ``fts`` cannot be read.
        InvalidParameter: a distance is too far.
        TooComplex: brackets are nested too deeply.
    """
    if language == "plfts":
        tree: Query | None = _operand(text, configuration, _both)
    elif language == "phfts":
        tree = _operand(text, configuration, _next)
    else:
        reader = _Web(text) if language == "wfts" else _Standard(text)
        tree = _Tree(reader, configuration).whole()
    return without_stops(tree)


# Operands ----------------------------------------------------------------------------------------------------


def _both(left: Query, right: Query) -> Query:
    return Both(left, right)


def _next(left: Query, right: Query) -> Query:
    return Phrase(left, right)


def _operand(text: str, configuration: str, join: Join, prefix: bool = False, weights: str = "") -> Query:
    """The lexemes of a text, joined; stop words between them keep their place."""
    found = list(lexemes(text, configuration))
    while found and found[-1] is None:
        found.pop()
    first = next((place for place, each in enumerate(found) if each is not None), len(found))
    tree: Query | None = None
    for each in found[first:]:
        node: Query = Stop() if each is None else Term(each, prefix, weights)
        tree = node if tree is None else join(tree, node)
    return Stop() if tree is None else tree


@dataclass(frozen=True, slots=True)
class _Word:
    """An operand as it is written."""

    text: str
    prefix: bool = False
    weights: str = ""


@dataclass(frozen=True, slots=True)
class _Sign:
    """An operator or a bracket; ``distance`` is a phrase's."""

    name: Literal["!", "&", "|", "<", "(", ")"]
    distance: int = 0


@dataclass(slots=True)
class _Tree:
    """A search being read: operands, and operators that wait for their right one."""

    reader: _Standard | _Web
    configuration: str
    nodes: list[Query] = field(default_factory=list)

    def whole(self) -> Query | None:
        """The tree of everything."""
        self.level(self.reader.read(), 0)
        return self.nodes[-1] if self.nodes else None

    def level(self, items: Iterator[_Word | _Sign], depth: int) -> None:
        """What stands in one pair of brackets."""
        waiting: list[_Sign] = []
        for item in items:
            if isinstance(item, _Word):
                self.nodes.append(_operand(item.text, self.configuration, _next, item.prefix, item.weights))
            elif item.name == "(":
                self.level(items, depth + len(waiting) + 1)
            elif item.name == ")":
                break
            else:
                self.apply(waiting, item)
                waiting.append(item)
            if depth + len(waiting) > _DEEPEST or len(waiting) > _WAITING:
                raise TooComplex("tsquery stack too small")
        self.apply(waiting, None)

    def apply(self, waiting: list[_Sign], coming: _Sign | None) -> None:
        """Carry out the operators that bind more than the one to come, or as much: only NOT binds to the right."""
        while waiting:
            if coming is not None:
                bound, held = _PRECEDENCE[coming.name], _PRECEDENCE[waiting[-1].name]
                if bound > held or (coming.name == "!" and bound == held):
                    return
            sign = waiting.pop()
            right = self.nodes.pop()
            if sign.name == "!":
                self.nodes.append(Not(right))
                continue
            left = self.nodes.pop()
            if sign.name == "<":
                self.nodes.append(Phrase(left, right, sign.distance))
            else:
                self.nodes.append((Both if sign.name == "&" else Either)(left, right))


# Languages ---------------------------------------------------------------------------------------------------

_SIGNS: Final = {"&": _Sign("&"), "|": _Sign("|"), ")": _Sign(")")}
_OPERATORS: Final = "!&|()<"
_PHRASE: Final = re.compile(r"<(?:-|([0-9]+))>(?=.)", re.DOTALL)
_MODIFIERS: Final = re.compile(r":([ABCDabcd*]*)")
_OR: Final = re.compile(r"(?i)or(?![-_0-9])(?=[^\w])(?=.\s*\S)", re.DOTALL)
_WEB_WORD: Final = re.compile(r'[^\s"!&|()<][^\s"!&|():<]*')


@dataclass(slots=True)
class _Standard:
    """The language of ``to_tsquery``."""

    text: str

    def read(self) -> Iterator[_Word | _Sign]:
        """The operands and signs, in order."""
        place, operand, opened, first = 0, True, 0, True
        while True:
            while place < len(self.text) and self.text[place].isspace():
                place += 1
            letter = self.text[place : place + 1]
            if not operand:
                if not letter:
                    if opened:
                        raise self.fault()
                    return
                sign, place = self.sign(letter, place)
                opened -= sign.name == ")"
                if opened < 0:
                    raise self.fault()
                operand = sign.name != ")"
                yield sign
            elif letter in ("!", "("):
                opened += letter == "("
                place += 1
                yield _Sign("!" if letter == "!" else "(")
            elif not letter:
                if first:
                    return
                raise self.fault("no operand")
            else:
                word, place = self.word(place)
                operand = False
                yield word
            first = False

    def sign(self, letter: str, place: int) -> tuple[_Sign, int]:
        """The operator or bracket that ends an operand, and where it ends itself."""
        found = _SIGNS.get(letter)
        if found is not None:
            return found, place + 1
        phrase = _PHRASE.match(self.text, place)
        if phrase is None:
            raise self.fault()
        distance = int(phrase[1] or 1) if len(phrase[1] or "") < 20 else _FARTHEST + 1
        if distance > _FARTHEST:
            message = f"distance in phrase operator must be an integer value between zero and {_FARTHEST} inclusive"
            raise InvalidParameter(message)
        return _Sign("<", distance), phrase.end()

    def word(self, place: int) -> tuple[_Word, int]:
        """An operand, and where it ends."""
        if self.text[place] == ":" or self.text[place] in _OPERATORS:
            raise self.fault()
        found, place = self.quoted(place + 1) if self.text[place] == "'" else self.bare(place)
        modifiers = _MODIFIERS.match(self.text, place)
        if modifiers is None:
            return _Word(found), place
        marks = modifiers[1].upper()
        return _Word(found, "*" in marks, "".join(sorted(set(marks) - {"*"}))), modifiers.end()

    def bare(self, place: int) -> tuple[str, int]:
        """A word up to a blank or an operator; a backslash takes what follows as it is."""
        found: list[str] = []
        while place < len(self.text):
            letter = self.text[place]
            if letter == "\\":
                place += 1
                found.append(self.escaped(place))
            elif letter.isspace() or letter in _OPERATORS or letter == ":":
                break
            else:
                found.append(letter)
            place += 1
        return "".join(found), place

    def quoted(self, place: int) -> tuple[str, int]:
        """What stands between single quotes, and where it ends."""
        found: list[str] = []
        while place < len(self.text):
            letter = self.text[place]
            if letter == "\\":
                place += 1
                found.append(self.escaped(place))
            elif letter != "'":
                found.append(letter)
            elif self.text[place + 1 : place + 2] == "'":
                place += 1
                found.append("'")
            else:
                if not found:
                    break
                return "".join(found), place + 1
            place += 1
        raise self.fault()

    def escaped(self, place: int) -> str:
        """The letter behind a backslash."""
        if place >= len(self.text):
            raise DatabaseFault(f'there is no escaped character: "{self.text}"', state="42601")
        return self.text[place]

    def fault(self, what: str = "syntax error") -> DatabaseFault:
        """What a search that cannot be read is answered with."""
        return DatabaseFault(f'{what} in tsquery: "{self.text}"', state="42601")


@dataclass(slots=True)
class _Web:
    """The language of ``websearch_to_tsquery``: any text means something."""

    text: str

    def read(self) -> Iterator[_Word | _Sign]:
        """The operands and operators, in order."""
        place, operand, first = 0, True, True
        while place < len(self.text) or (operand and not first):
            letter = self.text[place : place + 1]
            if letter.isspace() or (letter and letter in _OPERATORS):
                place, first = place + 1, first and letter.isspace()
            elif not operand:
                alternative = _OR.match(self.text, place) if letter != '"' else None
                place += 2 if alternative else 0
                operand = True
                yield _Sign("|" if alternative else "&")
            elif letter == "-":
                place, first = place + 1, False
                yield _Sign("!")
            elif letter == '"':
                end = self.text.find('"', place + 1)
                end = len(self.text) if end < 0 else end
                yield _Word(self.text[place + 1 : end])
                place, operand, first = end + 1, False, False
            else:
                word = _WEB_WORD.match(self.text, place)
                yield _Word(word[0] if word else "")
                if word is None:
                    return
                place, operand, first = word.end(), False, False
