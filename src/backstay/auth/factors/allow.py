"""What stands before every use of a second factor: whether it is on, and whether the user has shown enough."""

from __future__ import annotations

from datetime import timedelta
from typing import Final
from uuid import UUID

from backstay.auth.limits.limit import Lock
from backstay.auth.sign_in import SignIn
from backstay.auth.steps.present import Present
from backstay.auth.store.factors import Kind
from backstay.errors import (
    AnonymousNotAllowed,
    FactorNotFound,
    PhoneEnrollDisabled,
    PhoneVerifyDisabled,
    SignInError,
    TotpEnrollDisabled,
    TotpVerifyDisabled,
    WebauthnEnrollDisabled,
    WebauthnVerifyDisabled,
)

LOCK: Final = Lock("second factor", after=5, first=timedelta(seconds=30), longest=timedelta(hours=1))
"""Wrong codes in a row, whatever the challenge: whoever has a password shall not try out the million codes."""

_ENROLL: Final[dict[Kind, type[SignInError]]] = {
    Kind.TOTP: TotpEnrollDisabled,
    Kind.PHONE: PhoneEnrollDisabled,
    Kind.WEBAUTHN: WebauthnEnrollDisabled,
}
_VERIFY: Final[dict[Kind, type[SignInError]]] = {
    Kind.TOTP: TotpVerifyDisabled,
    Kind.PHONE: PhoneVerifyDisabled,
    Kind.WEBAUTHN: WebauthnVerifyDisabled,
}


def is_on(sign_in: SignIn, kind: Kind) -> bool:
    """Whether factors of a kind are used here."""
    if kind is Kind.PASSKEY:
        return sign_in.auth.passkeys
    ready = {Kind.TOTP: True, Kind.PHONE: sign_in.post.texts, Kind.WEBAUTHN: sign_in.auth.passkeys}
    return sign_in.auth.mfa and ready[kind]


def check_enrolling(sign_in: SignIn, kind: Kind) -> None:
    """Raise where no new factor of a kind can be had."""
    if not is_on(sign_in, kind):
        raise _ENROLL[kind]


def check_verifying(sign_in: SignIn, kind: Kind) -> None:
    """Raise where factors of a kind are not asked for."""
    if not is_on(sign_in, kind):
        raise _VERIFY[kind]


def check_named(present: Present) -> None:
    """Raise for a user who is nobody in particular."""
    if present.user.is_anonymous:
        raise AnonymousNotAllowed


def read_id(text: str) -> UUID:
    """The id of a factor in a path.

    Raises:
        FactorNotFound: it is none.
    """
    try:
        return UUID(text)
    except ValueError:
        raise FactorNotFound from None
