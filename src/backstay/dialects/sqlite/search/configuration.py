"""Text-search configurations: which lexeme a token stands for, in each language that PostgreSQL ships."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from backstay.dialects.sqlite.functions.texts import lower
from backstay.errors import DatabaseFault

SIMPLE: Final = "simple"
LANGUAGES: Final = frozenset(
    [
        "arabic",
        "armenian",
        "basque",
        "catalan",
        "danish",
        "dutch",
        "english",
        "finnish",
        "french",
        "german",
        "greek",
        "hindi",
        "hungarian",
        "indonesian",
        "irish",
        "italian",
        "lithuanian",
        "nepali",
        "norwegian",
        "portuguese",
        "romanian",
        "russian",
        "serbian",
        "spanish",
        "swedish",
        "tamil",
        "turkish",
        "yiddish",
    ]
)
"""The languages whose words have stems (Snowball's)."""

CONFIGURATIONS: Final = LANGUAGES | {SIMPLE}
"""Every configuration, by its name."""

_STOPPED: Final = frozenset(
    [
        "danish",
        "dutch",
        "english",
        "finnish",
        "french",
        "german",
        "hungarian",
        "italian",
        "nepali",
        "norwegian",
        "portuguese",
        "russian",
        "spanish",
        "swedish",
        "turkish",
    ]
)
_ENGLISH_TOO: Final = ("hindi", "russian")
"""Languages in another script: their texts' words in ASCII are taken for English."""

_ASCII_WORDS: Final = frozenset(("asciiword", "asciihword", "hword_asciipart"))
_WORDS: Final = frozenset(("word", "hword", "hword_part"))
_LEFT_OUT: Final = frozenset(("tag", "protocol", "entity"))
_LONGEST_STEMMED: Final = 1000


def find_configuration(name: str) -> str:
    """The configuration of a name, whatever its letter case.

    Raises:
        DatabaseFault: 42704, there is none of this name.
    """
    found = name.lower()
    if found not in CONFIGURATIONS:
        raise DatabaseFault(f'text search configuration "{found}" does not exist', state="42704")
    return found


def is_indexed(type_: str) -> bool:
    """Whether tokens of a type count at all: a position of their own, at least."""
    return type_ not in _LEFT_OUT


def lexeme(configuration: str, type_: str, token: str) -> str | None:
    """The lexeme of a token; None for a stop word."""
    if configuration != SIMPLE:
        if type_ in _ASCII_WORDS:
            return _stem("english" if configuration in _ENGLISH_TOO else configuration, token)
        if type_ in _WORDS:
            return _stem(configuration, token)
    return str(lower(token))


@lru_cache(maxsize=100_000)
def _stem(language: str, token: str) -> str | None:
    word = str(lower(token))
    if word in _stop_words(language):
        return None
    if len(word) > _LONGEST_STEMMED:
        return word
    # Where nothing would be left, the word is its own stem. A stemmer keeps what it works on, so each call has its own.
    return _stemmer(language)().stemWord(word) or word


@cache
def _stemmer(language: str) -> Callable[[], Any]:
    # Loaded when a text of this language is first read. Never through `snowballstemmer.stemmer`, which takes another
    # version's stems where PyStemmer is installed.
    module = import_module(f"snowballstemmer.{language}_stemmer")
    stemmer: Callable[[], Any] = getattr(module, f"{language.capitalize()}Stemmer")
    return stemmer


@cache
def _stop_words(language: str) -> frozenset[str]:
    if language not in _STOPPED:
        return frozenset()
    text = (Path(__file__).parent / "stops" / f"{language}.stop").read_text(encoding="utf-8")
    return frozenset(text.split())
