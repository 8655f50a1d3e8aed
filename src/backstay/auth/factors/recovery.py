"""Recovery codes: what a user writes down for the day when the other factors are gone. Each is good once."""

from __future__ import annotations

import hashlib
import secrets
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncSession

from backstay.auth.audit import note
from backstay.auth.protocol.incoming import Incoming
from backstay.auth.sign_in import SignIn
from backstay.auth.store import factors
from backstay.errors import FactorCodeWrong

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


def digest(code: str, user: str) -> str:
    """What is kept of a code: a hash that is bound to its user.

    With 112 bits or more a plain hash is enough (ASVS 6.5.2): there is nothing to guess.

    Arguments:
        code: as typed; case, spaces and dashes do not matter.
        user: the id of the user whose it is.
    """
    typed = "".join(letter for letter in code.upper() if letter.isalnum())
    return hashlib.sha256(f"recovery code:{user}:{typed}".encode()).hexdigest()


def is_recovery_code(text: str) -> bool:
    """Whether a text has the form of a recovery code."""
    typed = [letter for letter in text.upper() if letter.isalnum()]
    return len(typed) == _GROUPS * _LETTERS and set(typed) <= set(_ALPHABET)


async def use_code(db: AsyncSession, sign_in: SignIn, incoming: Incoming, user_id: Any, code: str) -> str:
    """Use a recovery code in the place of another factor; how tokens tell of it.

    Raises:
        FactorCodeWrong: it is none of the user's, or was used.
    """
    kept = digest(code, str(user_id))
    if not await factors.use_recovery_code(db, sign_in.tables, user_id, kept, incoming.now):
        raise FactorCodeWrong("Invalid recovery code entered")
    left = (await factors.count_recovery_codes(db, sign_in.tables, user_id)).remaining
    await note(db, sign_in, incoming, "recovery_code_used", user_id, {"left": left})
    return "mfa/recovery_code"
