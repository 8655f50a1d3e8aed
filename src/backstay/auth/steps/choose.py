"""Choosing a password: whether it may be chosen, and what is kept of it."""

from __future__ import annotations

from collections.abc import Iterable

from backstay.auth.password.hashing import LONGEST
from backstay.auth.password.policy import Weakness, find_weakness
from backstay.auth.sign_in import SignIn
from backstay.errors import ValidationFailed, WeakPassword


async def choose_password(sign_in: SignIn, password: str | None, *, context: Iterable[str] = ()) -> str:
    """The hash to keep of a new password. No transaction may be open meanwhile: it takes its time.

    Arguments:
        sign_in: whose policy holds.
        password: as it was typed.
        context: words that it may not consist of, such as the user's address.

    Raises:
        ValidationFailed: there is none, or it is longer than any.
        WeakPassword: it is too easy to guess.
    """
    if not password:
        raise ValidationFailed("Signup requires a valid password")
    if len(password) > LONGEST:
        raise ValidationFailed(f"Password cannot be longer than {LONGEST} characters")
    weakness = await find_weakness(
        password,
        least=sign_in.settings.password_length,
        context=(*context, sign_in.title),
        breached=sign_in.auth.breached,
    )
    if weakness is not None:
        raise WeakPassword(weakness.message, reasons=[weakness.reason])
    return await sign_in.hashing.make(password)


async def judge_password(sign_in: SignIn, password: str, *, context: Iterable[str] = ()) -> Weakness | None:
    """What is wrong with a password that somebody signs in with, who may have chosen it before there was a policy.

    Nobody outside is asked: that is done when a password is chosen.
    """
    return await find_weakness(password, least=sign_in.settings.password_length, context=(*context, sign_in.title))
