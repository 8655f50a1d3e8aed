"""Recovery codes: what a user writes down for the day when the other factors are gone. Each is good once."""

from __future__ import annotations

import hashlib
import secrets
from typing import Final
from uuid import UUID

COUNT: Final = 10
"""How many a user has."""

_ALPHABET: Final = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
_GROUPS: Final = 6
_LETTERS: Final = 4


def make_codes(count: int = COUNT) -> list[str]:
    """New codes of 120 bits each, in groups of letters and digits that are not mistaken for one another."""
    return ["-".join(_draw() for _ in range(_GROUPS)) for _ in range(count)]


def _draw() -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(_LETTERS))


def digest(code: str, user: UUID) -> str:
    """What is kept of a code: a hash that is bound to its user.

    With 112 bits or more a plain hash is enough (ASVS 6.5.2): there is nothing to guess.

    Arguments:
        code: as typed; case, spaces and dashes do not matter.
        user: whose.
    """
    typed = "".join(letter for letter in code.upper() if letter.isalnum())
    return hashlib.sha256(f"recovery code:{user}:{typed}".encode()).hexdigest()


def may_be_code(text: str) -> bool:
    """Whether a text can be a recovery code at all, and no code of an app."""
    typed = [letter for letter in text.upper() if letter.isalnum()]
    return len(typed) == _GROUPS * _LETTERS and set(typed) <= set(_ALPHABET)
