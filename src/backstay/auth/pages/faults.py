"""What is wrong with a form, in words for people, and which field it is about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from backstay import errors
from backstay.errors import BackstayError

ALL: Final = ""
"""The field of what is wrong with the form as a whole."""

_FIELDS: Final[dict[type[BackstayError], tuple[str, str]]] = {
    errors.WeakPassword: ("password", ""),
    errors.SamePassword: ("password", "This is your password already. Choose another one."),
    errors.CurrentPasswordInvalid: ("current_password", "This is not your current password."),
    errors.InvalidCredentials: (ALL, "The e-mail address or the password is not right."),
    errors.EmailNotConfirmed: (ALL, "Prove first that this address is yours."),
    errors.CodeExpired: ("code", "This code is not right, or not any more. Ask for a new one."),
    errors.FactorCodeWrong: ("code", "This code is not right, or was used before."),
    errors.ChallengeExpired: ("code", "This took too long. Try again, with a new code."),
    errors.ChallengeNotFound: ("code", "This took too long. Try again, with a new code."),
    errors.FactorAddressMismatch: ("code", "Your address in the network has changed. Try again, with a new code."),
    errors.FactorNameConflict: (ALL, "You have one of this name already."),
    errors.EnrollingNeedsAal2: (ALL, "Use your second factor first."),
    errors.RemovingNeedsAal2: (ALL, "Use your second factor first."),
    errors.NotThere: (ALL, "There is no such thing any more."),
    errors.ConsentNotFound: (ALL, "There is no such thing any more."),
    errors.OAuthAuthorizationNotFound: ("user_code", "No device shows this code, or not any more. Look again."),
    errors.UserBanned: (ALL, "This account is closed for now."),
    errors.UserExists: ("email", "There is an account with this address already."),
    errors.SignUpDisabled: (ALL, "Nobody can sign up here at the moment."),
    errors.ReauthenticationNeeded: (ALL, "Sign in again before you change this."),
    errors.PasskeyNeedsAal2: (ALL, "Use your second factor first."),
    errors.PasskeyRefused: (ALL, "This key is not known here, or did not answer as it should."),
    errors.PasskeyExists: (ALL, "You have this key already."),
    errors.PasskeyChallengeNotFound: (ALL, "This took too long. Try again."),
    errors.PasskeyChallengeExpired: (ALL, "This took too long. Try again."),
    errors.InsufficientAal: (ALL, "Use your second factor first."),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a form.

    Arguments:
        field: which field it is about.
        message: what to do.
        status: of the answer.
        headers: that tell programs more.
    """

    field: str
    message: str
    status: int
    headers: tuple[tuple[str, str], ...] = ()


def explain(error: BackstayError) -> Fault:
    """An error in words for people; what went wrong on our side is not told."""
    for kind in type(error).__mro__:
        if kind in _FIELDS:
            field, message = _FIELDS[kind]
            return Fault(field, message or error.message, error.status)
    headers = tuple(error.headers.items())
    if isinstance(error, errors.SignInError):
        return Fault(ALL, error.message, error.status, headers)
    if isinstance(error, errors.RequestError):
        return Fault(ALL, "This cannot be done.", error.status, headers)
    return Fault(ALL, "This does not work at the moment. Try again later.", error.status, headers)
