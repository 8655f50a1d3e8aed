"""Choosing a password: whether it may be chosen, and what is kept of it."""

from __future__ import annotations

from collections.abc import Iterable

from backstay.auth.password.policy import find_weakness
from backstay.auth.sign_in import SignIn
from backstay.errors import ValidationFailed, WeakPassword


async def choose_password(sign_in: SignIn, password: str | None, *, context: Iterable[str] = ()) -> str:
    """The hash to keep of a new password. No transaction may be open meanwhile: it takes its time.

    Arguments:
        sign_in: whose policy holds.
        password: as it was typed.
        context: words that it may not consist of, such as the user's address.

    Raises:
        ValidationFailed: there is none.
        WeakPassword: it is too easy to guess.
    """
    if not password:
        raise ValidationFailed("Signup requires a valid password")
    weakness = await find_weakness(password, context=context)
    if weakness is not None:
        raise WeakPassword(weakness.message, reasons=[weakness.reason])
    return await sign_in.hashing.make(password)
