"""PostgreSQL's regular expressions in RE2's words: :func:`translate`.

PostgreSQL's are the advanced ones of Henry Spencer (PostgreSQL 9.7.3.1). Most of their syntax has another spelling in
RE2, or none but with the same meaning. What needs backtracking (look-around, back-references) is refused.

The bounds of words (``\\m \\M \\y \\Y``) are those of ASCII to RE2. Where that is not enough, the text is marked
(:func:`mark`): between any two characters stands a mark that tells whether a word begins or ends there, which the
pattern can then match.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from backstay.errors import InvalidPattern

_MOST_REPEATS: Final = 255
_MOST_MARKS: Final = 16
_START, _END, _INSIDE = "\ufdd0", "\ufdd1", "\ufdd2"
MARKS: Final = _START + _END + _INSIDE
"""The characters that tell of the bounds of words; they stand for no character of any text."""

_SKIP: Final = f"[{MARKS}]*"
_BOUNDS: Final = {"m": f"[{_START}]", "M": f"[{_END}]", "y": f"[{_START}{_END}]", "Y": f"[{_INSIDE}]"}
_PLAIN_BOUNDS: Final = {"m": r"\b", "M": r"\b", "y": r"\b", "Y": r"\B"}
_SPACE: Final = r"\t\n\v\f\r \x{1680}\x{2000}-\x{2006}\x{2008}-\x{200a}\x{2028}\x{2029}\x{205f}\x{3000}"
_WORD: Final = r"\pL\p{Nd}\p{Nl}_"
_CLASSES: Final = {
    "alpha": r"\pL\p{Nl}",
    "alnum": r"\pL\p{Nd}\p{Nl}",
    "ascii": r"\x00-\x7f",
    "blank": r"\t ",
    "cntrl": r"\p{Cc}\x{2028}\x{2029}",
    "digit": "0-9",
    "graph": r"\pL\pM\pN\pP\pS\x{a0}",
    "lower": r"\p{Ll}",
    "print": r"\pL\pM\pN\pP\pS\p{Zs}",
    "punct": r"\pP\pS\x{a0}",
    "space": _SPACE,
    "upper": r"\p{Lu}\p{Lt}",
    "word": _WORD,
    "xdigit": "0-9A-Fa-f",
}
_SHORT: Final = {"d": "0-9", "s": _SPACE, "w": _WORD}
_CONTROLS: Final = {"a": "\a", "b": "\b", "B": "\\", "e": "\x1b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_COLLATING: Final = {"hyphen": "-", "hyphen-minus": "-", "period": ".", "full-stop": ".", "space": " ", "tab": "\t"}
_BOUND: Final = re.compile(r"\{(\d+)(?:(,)(\d*))?\}", re.ASCII)
_CODE: Final = re.compile(r"u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|x([0-9A-Fa-f]+)|c(.)|0([0-7]{0,2})", re.DOTALL)
_NUMBER: Final = re.compile(r"[1-9][0-9]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Translated:
    """A pattern for RE2.

    ``marks``: how many bounds of words it looks for. ``exact``: whether RE2's own bounds are right for ASCII texts.
    """

    text: str
    any_case: bool
    marks: int
    exact: bool


def translate(pattern: str, flags: str = "", *, marked: bool = False) -> Translated:
    """A pattern of PostgreSQL's as one for RE2.

    Arguments:
        pattern: what stands at the right of ``~``.
        flags: embedded options that hold unless the pattern says otherwise.
        marked: whether it is for texts that :func:`mark` has prepared.

    Raises:
        InvalidPattern: PostgreSQL would refuse it, or RE2 cannot do it.
    """
    reader = _Reader(pattern, marked)
    reader.options(flags)
    reader.begin()
    return reader.read()


def mark(text: str, copies: int) -> str:
    """A text in which so many marks stand between any two characters, and around all of them."""
    parts, inside = [], False
    for character in text:
        word = character.isalnum() or character == "_"
        parts.append((_INSIDE if word == inside else _START if word else _END) * copies + character)
        inside = word
    return "".join(parts) + (_END if inside else _INSIDE) * copies


def unmark(text: str) -> str:
    """The text without its marks."""
    return text.translate(dict.fromkeys(map(ord, MARKS)))


def _wrong(what: str) -> InvalidPattern:
    return InvalidPattern(f"invalid regular expression: {what}")


def _unable() -> InvalidPattern:
    return InvalidPattern(
        "invalid regular expression: look-around and back-references are not available on this database"
    )


def _escaped(character: str) -> str:
    if character.isalnum() or character == "_":
        return character
    return f"\\x{{{ord(character):x}}}"


class _Reader:
    """One pattern being read."""

    def __init__(self, pattern: str, marked: bool) -> None:
        self.pattern = pattern
        self.at = 0
        self.marked = marked
        self.any_case = self.literal = self.expanded = False
        self.line_dots = self.line_anchors = False
        self.out: list[str] = []
        self.depth = self.groups = self.marks = 0
        self.exact = True
        self.quantifiable = self.after_word = False

    # The beginning -------------------------------------------------------------------------------------------

    def options(self, letters: str) -> None:
        """Take embedded options over."""
        for letter in letters:
            if letter in "ic":
                self.any_case = letter == "i"
            elif letter in "nmpsw":
                self.line_dots, self.line_anchors = letter in "nmp", letter in "nmw"
            elif letter in "xt":
                self.expanded = letter == "x"
            elif letter == "q":
                self.literal = True
            else:
                raise _wrong("invalid embedded option")

    def begin(self) -> None:
        """Read what may stand before the expression: a director, options."""
        if self.pattern.startswith("***"):
            if self.pattern[3:4] not in (":", "="):
                raise _wrong("quantifier operand invalid")
            self.literal = self.pattern[3] == "="
            self.at = 4
        if not self.literal and self.pattern[self.at : self.at + 2] == "(?" and self.peek(2).isalpha():
            end = self.pattern.find(")", self.at)
            if end < 0:
                raise _wrong("invalid embedded option")
            self.options(self.pattern[self.at + 2 : end])
            self.at = end + 1

    # The expression ------------------------------------------------------------------------------------------

    def read(self) -> Translated:
        """Read all of it."""
        while self.at < len(self.pattern):
            self.token(self.next())
        if self.depth:
            raise _wrong("parentheses () not balanced")
        if self.marks > _MOST_MARKS:
            raise _wrong("regular expression is too complex")
        return Translated("".join(self.out), self.any_case, self.marks, self.exact)

    def peek(self, ahead: int = 0) -> str:
        """A character that is not read yet; empty behind the end."""
        return self.pattern[self.at + ahead : self.at + ahead + 1]

    def next(self) -> str:
        """The next character."""
        self.at += 1
        return self.pattern[self.at - 1]

    def token(self, character: str) -> None:
        """One part of the expression."""
        after_word, self.after_word = self.after_word, False
        if self.literal:
            self.atom(_escaped(character))
        elif self.expanded and (character.isspace() or character == "#"):
            self.comment(character)
        elif character in "*+?" or (character == "{" and self.peek().isdigit()):
            self.quantifier(character)
        elif character == "(":
            self.open()
        elif character in "|)":
            self.close(character)
        elif character in "^$":
            self.anchor(character)
        elif character == ".":
            self.atom(self.negated(""))
        elif character == "[":
            self.bracket()
        elif character == "\\":
            self.escape(after_word)
        else:
            self.atom(_escaped(character))
            self.after_word = character.isalnum() or character == "_"

    def atom(self, text: str) -> None:
        """What stands for one character."""
        self.out.append(f"(?:{_SKIP}{text})" if self.marked else text)
        self.quantifiable = True

    def constraint(self, text: str) -> None:
        """What stands for no character, and so cannot be repeated."""
        self.out.append(text)
        self.quantifiable = False

    def comment(self, character: str) -> None:
        """Blanks and the rest of a line, where the expression is written out."""
        if character == "#":
            end = self.pattern.find("\n", self.at)
            self.at = len(self.pattern) if end < 0 else end

    def quantifier(self, character: str) -> None:
        """How often the last atom may stand."""
        if character == "{":
            found = _BOUND.match(self.pattern, self.at - 1)
            if found is None:
                closed = "}" in self.pattern[self.at :]
                raise _wrong("invalid repetition count(s)" if closed else "braces {} not balanced")
            least, most = int(found[1]), int(found[3] or 0)
            if max(least, most) > _MOST_REPEATS or (found[3] and most < least):
                raise _wrong("invalid repetition count(s)")
            character, self.at = found[0], found.end()
        if not self.quantifiable:
            raise _wrong("quantifier operand invalid")
        if self.peek() == "?":
            character += self.next()
        self.constraint(character)

    def open(self) -> None:
        """A group, or a comment."""
        if self.peek() != "?":
            self.groups += 1
            opening = "("
        elif self.peek(1) == ":":
            opening = "(?:"
            self.at += 2
        elif self.peek(1) == "#":
            end = self.pattern.find(")", self.at)
            self.at = len(self.pattern) if end < 0 else end + 1
            return
        elif self.peek(1) and self.peek(1) in "=!<":
            raise _unable()
        else:
            raise _wrong("quantifier operand invalid")
        self.depth += 1
        self.constraint(opening)

    def close(self, character: str) -> None:
        """The end of a branch, and perhaps of its group."""
        if character == ")":
            if not self.depth:
                raise _wrong("parentheses () not balanced")
            self.depth -= 1
        self.constraint(character)
        self.quantifiable = character == ")"

    def anchor(self, character: str) -> None:
        """The beginning or the end, of the text or of a line."""
        skip = _SKIP if self.marked and character == "$" else ""
        if self.line_anchors:
            self.constraint(f"{skip}(?m:{character})")
        else:
            self.constraint(r"\A" if character == "^" else skip + r"\z")

    def word_bound(self, letter: str, after_word: bool) -> None:
        """The beginning or the end of a word."""
        self.marks += 1
        if letter == "m":
            follows = self.peek().isalnum() or self.peek() == "_"
            self.exact = self.exact and follows and self.peek(1) not in ("*", "?", "{")
        elif letter == "M":
            self.exact = self.exact and after_word
        self.constraint(_BOUNDS[letter] if self.marked else _PLAIN_BOUNDS[letter])

    # Escapes -------------------------------------------------------------------------------------------------

    def escape(self, after_word: bool) -> None:
        """What a backslash begins, outside of brackets."""
        letter = self.peek()
        if letter and letter in "dsw":
            self.at += 1
            self.atom(f"[{_SHORT[letter]}]")
        elif letter and letter in "DSW":
            self.at += 1
            self.atom(self.negated(_SHORT[letter.lower()], lines=False))
        elif letter and letter in "mMyY":
            self.at += 1
            self.word_bound(letter, after_word)
        elif letter == "A":
            self.at += 1
            self.constraint(r"\A")
        elif letter == "Z":
            self.at += 1
            self.constraint((_SKIP if self.marked else "") + r"\z")
        else:
            self.atom(_escaped(self.entry()))

    def entry(self) -> str:
        """The character that an escape stands for."""
        code = _CODE.match(self.pattern, self.at)
        number = _NUMBER.match(self.pattern, self.at)
        if code is not None:
            self.at = code.end()
            return _coded(code)
        if number is not None:
            return self.reference(number)
        if self.at == len(self.pattern):
            raise _wrong("invalid escape \\ sequence")
        letter = self.next()
        if letter in _CONTROLS:
            return _CONTROLS[letter]
        if letter.isascii() and letter.isalnum():
            raise _wrong("invalid escape \\ sequence")
        return letter

    def reference(self, number: re.Match[str]) -> str:
        """A reference to a group; but a number too large for one is a character's, in octal digits."""
        if int(number[0][:6]) <= self.groups:
            raise _unable()
        octal = re.match("[0-7]{2,3}", number[0])
        if octal is None:
            raise _wrong("invalid backreference number")
        self.at += octal.end()
        return chr(int(octal[0], 8))

    # Brackets ------------------------------------------------------------------------------------------------

    def negated(self, members: str, *, lines: bool = True) -> str:
        """Any character but these; the end of a line is none where lines count."""
        line = r"\n" if lines and self.line_dots else ""
        excluded = members + line + (MARKS if self.marked else "")
        return f"[^{excluded}]" if excluded else "(?s:.)"

    def bracket(self) -> None:
        """``[...]``."""
        for word, letter in (("[:<:]]", "m"), ("[:>:]]", "M")):
            if self.pattern.startswith(word, self.at):
                self.at += len(word)
                self.exact = False
                self.word_bound(letter, False)
                return
        negated = self.peek() == "^"
        self.at += negated
        members, complements = self.members()
        if complements and negated:
            raise _wrong("complements in negated brackets are not available on this database")
        if negated:
            self.atom(self.negated(members))
            return
        choices = ([f"[{members}]"] if members else []) + [self.negated(each, lines=False) for each in complements]
        self.atom(choices[0] if len(choices) == 1 else f"(?:{'|'.join(choices)})")

    def members(self) -> tuple[str, list[str]]:
        """What stands in brackets, and of which classes the complements."""
        found: list[str] = []
        complements: list[str] = []
        first = True
        while first or self.peek() != "]":
            if self.at >= len(self.pattern):
                raise _wrong("brackets [] not balanced")
            first = False
            item = self.member()
            ranged = self.peek() == "-" and self.peek(1) not in ("]", "")
            if isinstance(item, str):
                found.append(self.range(item) if ranged else _escaped(item))
            elif ranged:
                raise _wrong("invalid character range")
            else:
                (complements if item[1] else found).append(item[0])
        self.at += 1
        return "".join(found), complements

    def member(self) -> str | tuple[str, bool]:
        """A character, or a class and whether its complement is meant."""
        character = self.next()
        if character == "\\":
            letter = self.peek()
            if letter and letter in "dswDSW":
                self.at += 1
                return _SHORT[letter.lower()], letter.isupper()
            return self.entry()
        sign = self.peek() if character == "[" else ""
        if not sign or sign not in ":.=":
            return character
        end = self.pattern.find(sign + "]", self.at + 1)
        if end < 0:
            raise _wrong("brackets [] not balanced")
        name = self.pattern[self.at + 1 : end]
        self.at = end + 2
        if sign == ":":
            if name not in _CLASSES:
                raise _wrong("invalid character class")
            return _CLASSES["alpha" if self.any_case and name in ("upper", "lower") else name], False
        character = name if len(name) == 1 else _COLLATING.get(name, "")
        if not character:
            raise _wrong("invalid collating element")
        return character

    def range(self, first: str) -> str:
        """From a character to another."""
        self.at += 1
        last = self.member()
        if not isinstance(last, str) or last < first:
            raise _wrong("invalid character range")
        return f"{_escaped(first)}-{_escaped(last)}"


def _coded(code: re.Match[str]) -> str:
    if code[4]:
        return chr(ord(code[4]) & 0x1F)
    number = int(code[5] or "0", 8) if code[5] is not None else int(code[1] or code[2] or code[3], 16)
    if not 0 <= number < 0x110000 or 0xD800 <= number < 0xE000:
        raise _wrong("invalid escape \\ sequence")
    return chr(number)
