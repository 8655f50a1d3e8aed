"""The tokens of a text, as PostgreSQL's parser ``default`` finds them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Generator, Iterator
from typing import Final, NamedTuple


class Token(NamedTuple):
    """One token: its type, by PostgreSQL's alias, and its text."""

    type: str
    text: str


def tokens(text: str) -> Iterator[Token]:
    """The tokens of a text in order, without blanks and other punctuation (``blank``)."""
    shadow = text if text.isascii() else text.translate(_SHADOWS)
    place, ignored = 0, False
    while place < len(text):
        plain = None if ignored else _PLAIN.match(shadow, place)
        if plain is not None:
            yield Token("asciiword", text[plain.start(1) : plain.end()])
            place = plain.end()
            continue
        tag = _TAG.match(shadow, place) if shadow[place] == "<" else None
        if tag is not None:
            yield Token("tag", text[place : tag.end()])
        if shadow[place] == "<":
            # What is begun counts, whether or not it ends.
            ignored = _ignores(shadow, place, ignored)
        if tag is not None:
            place = tag.end()
        elif ignored:
            place = _end(_IGNORED, shadow, place)
        else:
            place = yield from _next(text, shadow, place)


def _next(text: str, shadow: str, place: int) -> Generator[Token, None, int]:
    """The token at a place, or the parts of a compound one; where the next one begins is the generator's value."""
    found = _TOKEN.match(shadow, place)
    if found is None:
        return _end(_BLANK, shadow, place)
    type_, end = str(found.lastgroup), found.end()
    if type_ == "sign":
        return end
    if type_ == "word":
        type_, end = _word(shadow, place, end)
    yield Token("sfloat" if type_ == "exponent" else type_, text[place:end])
    if type_ == "url":
        host = _HOST.match(shadow, place)
        assert host is not None
        yield Token("host", text[place : host.end()])
        end = _end(_PATH, shadow, host.end())
        yield Token("url_path", text[host.end() : end])
    elif type_.endswith("hword"):
        end = yield from _parts(text, shadow, place)
    return end


def _word(shadow: str, place: int, end: int) -> tuple[str, int]:
    """The type and end of a word, which may be the first part of something longer."""
    numeric = any(letter in _DIGITS for letter in shadow[place:end])
    if numeric:
        for type_, pattern in (("email", _DOMAIN), ("file", _BEHIND)):
            longer = pattern.match(shadow, end)
            if longer is not None:
                return type_, longer.end()
    compound = _COMPOUND.match(shadow, end)
    whole = shadow[place : compound.end() if compound else end]
    kind = "num" if any(letter in _DIGITS for letter in whole) else "ascii" if whole.isascii() else ""
    return kind + ("hword" if compound else "word"), place + len(whole)


def _parts(text: str, shadow: str, place: int) -> Generator[Token, None, int]:
    """The parts of a compound word, up to what is none; where that begins is the generator's value."""
    while True:
        part = _PART.match(shadow, place)
        if part is None:
            return place
        place = part.end()
        if part[1] is not None:
            kind = "num" if any(letter in _DIGITS for letter in part[1]) else "ascii" if part[1].isascii() else ""
            yield Token(f"hword_{kind}part", text[part.start(1) : part.end(1)])
            if place == len(shadow):
                return place


def _end(pattern: re.Pattern[str], shadow: str, place: int) -> int:
    found = pattern.match(shadow, place)
    return place + 1 if found is None else max(found.end(), place)


def _ignores(shadow: str, place: int, ignored: bool) -> bool:
    """Whether what follows a tag is no text: a script or a style sheet."""
    found = _SCRIPT.match(shadow, place)
    return ignored if found is None else found.lastindex is None


# Letters -----------------------------------------------------------------------------------------------------

_LETTER, _MARK, _SPACE, _OTHER = "\x80", "\x81", "\x83", "\x82"
"""What stands for a letter beyond ASCII, for a mark inside words, for a blank, and for everything else."""

_DIGITS: Final = frozenset("0123456789")


class _Shadows(dict[int, str]):
    """What stands for each character, worked out when it is first met."""

    def __missing__(self, code: int) -> str:
        self[code] = shadow = chr(code) if code < 0x80 else _shadow(chr(code))
        return shadow


def _shadow(letter: str) -> str:
    category = unicodedata.category(letter)
    if category[0] == "L" or category in ("Nl", "Nd"):
        return _LETTER
    if category[0] == "M":
        # Vowel signs count as letters, accents and viramas do not.
        return _MARK if unicodedata.combining(letter) else _LETTER
    return _SPACE if category[0] == "Z" and letter not in "\xa0\u2007\u202f" else _OTHER


_SHADOWS: Final = _Shadows()

# Grammar -----------------------------------------------------------------------------------------------------

_A, _D, _AD, _L, _X, _W = (
    "[A-Za-z]", "[0-9]", "[A-Za-z0-9]", "[A-Za-z\x80]", "[A-Za-z0-9\x80]", "[A-Za-z0-9\x80\x81]",
)  # fmt: skip
_U = r"[!#-;=?-\[\]_a-z~]"
_BLANKS = r"[\s\x83]"

_LABELS = rf"{_AD}++(?:[._-]{_AD}++)*"
_NAME = rf"{_LABELS}\.{_A}{_A}++(?!{_D})"
_WITH_PORT = rf"{_NAME}(?::{_D}++)?+"
_TURNS = r"(?:\.\.?/|~/)*"
_UP = rf"\.\.(?={_BLANKS}|/|\Z)"
_SEGMENTS = rf"(?:[A-Za-z0-9_-]|\.[A-Za-z0-9_]|/{_TURNS}[.~]?[A-Za-z0-9_])*+"
_FROM = rf"(?:{_TURNS}[.~]?[A-Za-z0-9_]{_SEGMENTS}(?:/{_TURNS}{_UP})?+|{_TURNS}{_UP})"
_REST = rf"{_SEGMENTS}(?:/{_TURNS}{_UP})?+"
_NUMBER = rf"{_D}++"

_TOKEN: Final = re.compile(
    "|".join(
        (
            rf"(?P<sfloat>(?:{_NUMBER}|[+-]{_NUMBER}(?:\.{_NUMBER})?)[eE][+-]?{_NUMBER})",
            rf"(?P<email>{_LABELS}@{_WITH_PORT})",
            rf"(?P<url>{_WITH_PORT}/{_U}++)",
            rf"(?P<host>{_WITH_PORT})",
            rf"(?P<protocol>{_A}++://)",
            rf"(?P<version>{_NUMBER}(?:\.{_NUMBER}){{2,}})",
            rf"(?P<sign>[+-](?={_NUMBER}\.{_NUMBER}\.{_D}))",
            rf"(?P<exponent>{_NUMBER}\.{_NUMBER}[eE][+-]?{_NUMBER})",
            rf"(?P<float>[+-]?{_NUMBER}\.{_NUMBER})",
            rf"(?P<file>{_A}++(?:/{_FROM}|\.[A-Za-z0-9_]{_REST})|{_NUMBER}/{_FROM}"
            rf"|/{_FROM}|~(?:[A-Za-z0-9_]{_REST}|/{_FROM})|\.(?:/{_FROM}|\.(?:/{_FROM}|(?={_BLANKS}|/|\Z))))",
            rf"(?P<word>{_L}{_W}*+|{_NUMBER}[A-Za-z\x80\x81]{_W}*+)",
            rf"(?P<int>[+-]{_NUMBER})",
            rf"(?P<uint>{_NUMBER})",
            rf"(?P<entity>&(?:\#(?:[xX][0-9A-Fa-f]++|{_NUMBER})|[A-Za-z:_](?:{_X}|[:_.-])*+);)",
        )
    )
)
_PLAIN: Final = re.compile(rf"[\s,;]*+({_A}++)(?=[\s,;!?)\]\"'=*]|\.?\Z|[.:-]{_BLANKS})")
_BLANK: Final = re.compile(rf"(?s:.)(?:(?!{_X})[^<+&/-])*+")
_IGNORED: Final = re.compile(r"(?s:.)[^<]*+")
_TAG: Final = re.compile(
    r"(?s)<!--.*?-->"
    rf"|<(?:/(?={_A})|(?=[A-Za-z:_]))(?:{_X}|[:_.-])*+/>"
    rf"|<(?:(?:/(?={_A})|(?=[A-Za-z:_]))(?:{_X}|[:_.-])*+(?=>|{_BLANKS})|\?x|![dD])"
    rf"(?:[A-Za-z0-9=\-_#/:.&?%~]|{_BLANKS}|'(?:\\.|[^'\\])*+'|\"(?:\\.|[^\"\\])*+\")*+>"
)
_SCRIPT: Final = re.compile(rf"(?i)<(?:(/)?script|(/)?style)(?=>|{_BLANKS})")
_HOST: Final = re.compile(_WITH_PORT)
_PATH: Final = re.compile(rf"/{_U}*+")
_DOMAIN: Final = re.compile(rf"@{_WITH_PORT}")
_BEHIND: Final = re.compile(rf"/{_FROM}|\.[A-Za-z0-9_]{_REST}")
_COMPOUND: Final = re.compile(rf"(?:-(?:{_L}|{_NUMBER}[A-Za-z\x80\x81]){_W}*+)++")
_PART: Final = re.compile(rf"({_L}{_W}*+|{_NUMBER}[A-Za-z\x80\x81]{_W}*+)|-(?={_W})")
