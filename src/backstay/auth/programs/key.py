"""A program's key as text: ``bsk_<id>_<secret><checksum>``.

The id finds the key and is no secret. The secret has 178 random bits, so its plain hash tells nothing of it. The
checksum lets those who look for leaked keys in texts tell a key from anything else, and refuses what was mistyped
before anybody asks the database.
"""

from __future__ import annotations

import re
import secrets
import string
from binascii import crc32
from dataclasses import dataclass, field
from typing import Final

from backstay.auth.keys import PROGRAM_PREFIX, digest

_DIGITS: Final = string.digits + string.ascii_letters
_ID: Final = 12
_SECRET: Final = 30
_CHECKSUM: Final = 6
_KEY: Final = re.compile(rf"{PROGRAM_PREFIX}([0-9A-Za-z]{{{_ID}}})_[0-9A-Za-z]{{{_SECRET + _CHECKSUM}}}", re.ASCII)


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was just made; ``text`` is shown once and never kept."""

    id: str
    text: str = field(repr=False)
    digest: bytes = field(repr=False)


def generate_key(id: str | None = None) -> NewKey:
    """A new key; with ``id``, a new secret for the key of that id."""
    name = _random(_ID) if id is None else id
    text = f"{PROGRAM_PREFIX}{name}_{_random(_SECRET)}"
    text += _checksum(text)
    return NewKey(name, text, digest(text))


def read_id(text: str) -> str | None:
    """The id in a key's text; None where it is no key."""
    found = _KEY.fullmatch(text)
    return found[1] if found is not None and text.endswith(_checksum(text[:-_CHECKSUM])) else None


def _random(length: int) -> str:
    return "".join(secrets.choice(_DIGITS) for _ in range(length))


def _checksum(text: str) -> str:
    """The CRC-32 of a text in digits of base 62, as GitHub's keys end."""
    rest, found = crc32(text.encode("ascii")), ""
    for _ in range(_CHECKSUM):
        rest, digit = divmod(rest, len(_DIGITS))
        found = _DIGITS[digit] + found
    return found
