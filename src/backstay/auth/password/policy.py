"""Which passwords may be chosen: by length and by how easily they are guessed, never by the characters they hold.

That is what NIST SP 800-63B (3.1.1.2) and OWASP ASVS (6.2) ask for: rules that demand a digit here and a sign there
make people choose worse ones.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

from backstay.auth.password.hashes import normalize
from backstay.auth.password.hashing import LONGEST
from backstay.schema.declaration import Breached

LEAST: Final = 8
"""The fewest characters of a password where the settings name no other number."""

_GUESSABLE: Final = "Password is known to be weak and easy to guess, please choose a different one."
_UNREADABLE: Final = "Password holds characters that are not valid Unicode."

_WORD: Final = re.compile(r"[^\W\d_]{3,}")
_LETTER: Final = re.compile(r"[^\W\d_]")
_FEWEST_LETTERS: Final = 4
"""With fewer letters of its own than this, a password is only a word of the context with something around it."""


@dataclass(frozen=True, slots=True)
class Weakness:
    """Why a password may not be chosen: ``length``, ``characters`` or ``pwned``, with a sentence for people."""

    reason: str
    message: str


async def find_weakness(
    password: str, *, least: int = LEAST, context: Iterable[str] = (), breached: Breached | None = None
) -> Weakness | None:
    """What is wrong with a password that somebody chooses; None where it may be chosen.

    Arguments:
        password: as it was received. Each code point counts as one character, whatever script it is of.
        least: the fewest characters.
        context: what an attacker would try first here: the user's e-mail address, the application's name.
        breached: asked last, and only about a password that nothing else is wrong with.
    """
    if len(password) > LONGEST:
        return Weakness("length", f"Password cannot be longer than {LONGEST} characters.")
    try:
        password.encode()
    except UnicodeEncodeError:
        return Weakness("characters", _UNREADABLE)
    chosen = normalize(password)
    if len(chosen) < least:
        return Weakness("length", f"Password should be at least {least} characters.")
    if is_common(chosen) or is_of_context(chosen, context):
        return Weakness("pwned", _GUESSABLE)
    if breached is not None and await breached(password):
        return Weakness("pwned", _GUESSABLE)
    return None


def is_common(password: str) -> bool:
    """Whether a password is among the most common ones, however its letters are capitalised."""
    return "\n" not in password and f"\n{password.lower()}\n" in _common()


def is_of_context(password: str, context: Iterable[str]) -> bool:
    """Whether a password is made of words of the context, and hardly a letter more (``alice-2026``)."""
    rest = password.casefold()
    words = {word for text in context for word in _WORD.findall(text.casefold())}
    if not any(word in rest for word in words):
        return False
    # Longer words first: they may hold shorter ones.
    for word in sorted(words, key=len, reverse=True):
        rest = rest.replace(word, " ")
    return len(_LETTER.findall(rest)) < _FEWEST_LETTERS


@cache
def _common() -> str:
    """The list as one text, which takes a fraction of the memory that a set would; a search takes some 20 us."""
    return (files(__package__) / "common.txt").read_text(encoding="ascii")
