"""Choosing a password: whether it may be chosen, and what is kept of it."""

from __future__ import annotations

from collections.abc import Iterable

from backstay.auth.password.hashing import LONGEST
from backstay.auth.password.policy import Weakness, find_weakness
from backstay.auth.sign_in import SignIn
from backstay.errors import ValidationFailed, WeakPassword
from backstay.schema.declaration import Breached


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
    chosen = await check_choice(sign_in, password, context=context, breached=sign_in.auth.breached)
    return await sign_in.hashing.make(chosen)


async def check_choice(
    sign_in: SignIn, password: str | None, *, context: Iterable[str] = (), breached: Breached | None = None
) -> str:
    """A password that may be chosen, as far as that is told without hashing it, or asking anybody but ``breached``.

    Raises:
        ValidationFailed, WeakPassword: as for :func:`choose_password`.
    """
    if not password:
        raise ValidationFailed("Signup requires a valid password")
    if len(password) > LONGEST:
        raise ValidationFailed(f"Password cannot be longer than {LONGEST} characters")
    least, words = sign_in.settings.password_length, (*context, sign_in.title)
    weakness = await find_weakness(password, least=least, context=words, breached=breached)
    if weakness is not None:
        raise WeakPassword(weakness.message, reasons=[weakness.reason])
    return password


async def judge_password(sign_in: SignIn, password: str, *, context: Iterable[str] = ()) -> Weakness | None:
    """What is wrong with a password that somebody signs in with, who may have chosen it before there was a policy.

    Nobody outside is asked: that is done when a password is chosen.
    """
    return await find_weakness(password, least=sign_in.settings.password_length, context=(*context, sign_in.title))
