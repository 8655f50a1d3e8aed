"""``word(error) -> Response``: every error in GoTrue's words.

The body serves clients of either age: ``code`` is the error's name, as since the API version 2024-01-01, which the
answer names in a header; ``error_code`` and ``msg`` say the same to older ones.
"""

from __future__ import annotations

from typing import Any, Final

import orjson

from backstay import errors
from backstay.errors import BackstayError

API_VERSION: Final = "2024-01-01"

_JSON: Final = ("content-type", "application/json; charset=utf-8")
_NAMES: Final[dict[type[BackstayError], tuple[str, int]]] = {
    errors.BodyError: ("bad_json", 400),
    errors.TooLarge: ("request_entity_too_large", 413),
    errors.TooSlow: ("request_timeout", 408),
    errors.NotFound: ("validation_failed", 404),
    errors.MethodNotAllowed: ("validation_failed", 405),
    errors.InvalidKey: ("no_authorization", 401),
    errors.AnonymousDisabled: ("no_authorization", 401),
    errors.Unauthenticated: ("bad_jwt", 403),
    errors.SessionEnded: ("session_not_found", 403),
    errors.Forbidden: ("not_admin", 403),
    errors.UniqueViolation: ("conflict", 409),
    errors.Conflict: ("conflict", 409),
    errors.DataFault: ("validation_failed", 400),
    errors.PoolTimeout: ("request_timeout", 504),
    errors.StatementTimeout: ("request_timeout", 504),
}
"""The name and status of errors that are not sign-in's own; of a class that is not named, its nearest base counts."""


def name_of(error: BackstayError) -> tuple[str, int]:
    """GoTrue's name for an error, and its status."""
    named = getattr(error, "name", None)
    if isinstance(named, str):
        return named, error.status
    for kind in type(error).__mro__:
        if kind in _NAMES:
            return _NAMES[kind]
    return ("unexpected_failure", error.status) if isinstance(error, errors.Outage) else _plain(error)


def _plain(error: BackstayError) -> tuple[str, int]:
    return (
        ("validation_failed", error.status) if isinstance(error, errors.RequestError) else ("unexpected_failure", 500)
    )


def word(error: BackstayError) -> tuple[int, tuple[tuple[str, str], ...], bytes]:
    """An error as status, headers and body of the answer."""
    if isinstance(error, errors.OAuthError):
        told = {"error": error.error, "error_description": error.message}
        return error.status, (_JSON, ("cache-control", "no-store"), *error.headers.items()), orjson.dumps(told)
    name, status = name_of(error)
    message = _message(error, name)
    content: dict[str, Any] = {"code": name, "error_code": name, "message": message, "msg": message}
    if isinstance(error, errors.WeakPassword):
        content["weak_password"] = {"reasons": list(error.reasons)}
    if error.hint and status < 500:
        content["hint"] = error.hint
    headers = (_JSON, ("x-supabase-api-version", API_VERSION), ("x-sb-error-code", name), *error.headers.items())
    return status, headers, orjson.dumps(content)


def _message(error: BackstayError, name: str) -> str:
    if isinstance(error, errors.Unauthenticated) and name == "bad_jwt":
        return f"invalid JWT: unable to parse or verify signature, {error.message}"
    if not isinstance(error, errors.RequestError | errors.Outage):
        return "Internal error"
    return error.message
