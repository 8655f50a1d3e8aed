"""The errors of programs' keys."""

from __future__ import annotations

from backstay.errors.sign_in import SignInError


class KeyNotAllowed(SignInError):
    """API keys may not do this

    What makes keys, or changes what a user signs in by, takes a user who signed in.
    """

    code = "BS60120"
    status = 403
    name = "api_key_not_allowed"


class KeyNotFound(SignInError):
    """API key not found"""

    code = "BS60121"
    status = 404
    name = "api_key_not_found"


class TooManyKeys(SignInError):
    """Maximum number of API keys reached, delete one to continue"""

    code = "BS60122"
    status = 422
    name = "too_many_api_keys"
