"""``render(error) -> Response``: every error in PostgREST's words.

One table gives each class of :mod:`backstay.errors` its code and status; a class that has no counterpart there keeps
its own code. What a database raised itself has its SQLSTATE for a code, from which the status follows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from backstay import errors
from backstay.errors import BackstayError, DatabaseFault, Detail, MethodNotAllowed
from backstay.frontends.http import Response
from backstay.schema.exchange import verify_headers, verify_status

RETRY_AFTER: Final = 1
"""Seconds after which a caller may try again what failed because the service cannot answer now."""

_BODILESS: Final = (204, 205, 304)
_INTERNAL: Final = ("XX000", 500)
_DENIED: Final = "42501"
_JSON: Final = ("content-type", "application/json; charset=utf-8")

# SQLSTATE -> status ------------------------------------------------------------------------------------------

_BY_STATE: Final[Mapping[str, int]] = {
    "23503": 409,
    "23505": 409,
    "25006": 405,
    "53400": 500,
    "57P01": 503,
    "P0001": 400,
    "42883": 404,
    "42P01": 404,
    "42P17": 500,
    "42501": 403,
    "21000": 500,
}
_BY_CLASS: Final[Mapping[str, int]] = {
    "08": 503,
    "09": 500,
    "0L": 403,
    "0P": 403,
    "25": 500,
    "28": 403,
    "2D": 500,
    "38": 500,
    "39": 500,
    "3B": 500,
    "40": 500,
    "53": 503,
    "54": 500,
    "55": 500,
    "57": 500,
    "58": 500,
    "F0": 500,
    "HV": 500,
    "P0": 500,
    "XX": 500,
}


def status_of(state: str, message: str = "") -> int:
    """The HTTP status that PostgREST gives an SQLSTATE; ``PTxyz`` is the status xyz itself."""
    # Unlike PostgREST's: two rows of one upsert that are the same row are the caller's fault, too.
    if state == "21000" and message.endswith(("requires a WHERE clause", "cannot affect row a second time")):
        return 400
    # So are more dimensions than an array can have.
    if state == "54000" and message.startswith("number of array dimensions"):
        return 400
    if state == "22023" and message.startswith("role ") and message.endswith("does not exist"):
        return 401
    if state[:2] == "PT" and state[2:].isdigit() and 200 <= int(state[2:]) <= 599:
        return int(state[2:])
    return _BY_STATE.get(state) or _BY_CLASS.get(state[:2], 400)


# Class -> code and status ------------------------------------------------------------------------------------

_OWN: Final[tuple[type[BackstayError], ...]] = (
    errors.RequestError,
    errors.TooLarge,
    errors.TooComplex,
    errors.TooSlow,
    errors.HeadersTooLarge,
    errors.UrlTooLong,
    errors.LengthRequired,
    errors.Malformed,
    errors.SecretKeyInBrowser,
    errors.SecretUnreadable,
    errors.CrossSite,
)
"""Classes without a counterpart in PostgREST: they keep their own code and status."""

_OF_SIGN_IN: Final = tuple(
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, BackstayError) and hasattr(kind, "name")
)
"""The classes that GoTrue has names for. They are sign-in's, and told here only by an application's own code."""

_TABLE: Final[dict[type[BackstayError], tuple[str, int]]] = {
    **{kind: (kind.code, kind.status) for kind in (*_OWN, *_OF_SIGN_IN)},
    errors.BackstayError: _INTERNAL,
    errors.DeclarationError: _INTERNAL,
    errors.InvalidHeaders: ("PGRST111", 500),
    errors.InvalidStatus: ("PGRST112", 500),
    # It could not be read
    errors.ParseError: ("PGRST100", 400),
    errors.BodyError: ("PGRST102", 400),
    errors.RangeNotSatisfiable: ("PGRST103", 416),
    errors.PreferenceError: ("PGRST122", 400),
    errors.MethodNotAllowed: ("PGRST117", 405),
    errors.CallMethodNotAllowed: ("PGRST101", 405),
    errors.PutFilters: ("PGRST105", 405),
    errors.PutRange: ("PGRST114", 400),
    errors.PutMismatch: ("PGRST115", 400),
    errors.NotAcceptable: ("PGRST107", 406),
    errors.NotSingular: ("PGRST116", 406),
    errors.TooManyAffected: ("PGRST124", 400),
    errors.MaxAffectedOnCall: ("PGRST128", 400),
    errors.NotImplementedHere: ("PGRST127", 400),
    errors.AggregatesDisabled: ("PGRST123", 400),
    # It names what is not there
    errors.NotFound: ("PGRST125", 404),
    errors.UnknownPath: ("PGRST125", 404),
    errors.RootDisabled: ("PGRST126", 404),
    errors.UnknownResource: ("PGRST205", 404),
    errors.UnknownFunction: ("PGRST202", 404),
    errors.AmbiguousFunction: ("PGRST203", 300),
    errors.UnknownRelation: ("PGRST200", 400),
    errors.AmbiguousRelation: ("PGRST201", 300),
    errors.NotEmbedded: ("PGRST108", 400),
    errors.RelatedOrder: ("PGRST118", 400),
    errors.UnknownColumn: ("42703", 400),
    errors.UnknownPayloadColumn: ("PGRST204", 400),
    errors.UnknownSchema: ("PGRST106", 406),
    errors.UnknownType: ("42704", 400),
    errors.UnknownOperator: ("42883", 404),
    # The caller
    errors.Unauthenticated: ("PGRST301", 401),
    errors.InvalidToken: ("PGRST301", 401),
    errors.InvalidClaims: ("PGRST303", 401),
    errors.InvalidKey: ("PGRST301", 401),
    errors.SessionEnded: ("PGRST303", 401),
    errors.AnonymousDisabled: ("PGRST302", 401),
    errors.Forbidden: (_DENIED, 403),
    errors.PermissionDenied: (_DENIED, 403),
    errors.RowRefused: (_DENIED, 403),
    errors.ReadOnly: ("25006", 405),
    # The data
    errors.Conflict: ("23000", 409),
    errors.UniqueViolation: ("23505", 409),
    errors.ForeignKeyViolation: ("23503", 409),
    errors.DataFault: ("22000", 400),
    errors.InvalidLiteral: ("22P02", 400),
    errors.OutOfRange: ("22003", 400),
    errors.InvalidDate: ("22007", 400),
    errors.DateOutOfRange: ("22008", 400),
    errors.TooLong: ("22001", 400),
    errors.InvalidPattern: ("2201B", 400),
    errors.InvalidParameter: ("22023", 400),
    errors.TypeMismatch: ("42804", 400),
    errors.NotNullViolation: ("23502", 400),
    errors.CheckViolation: ("23514", 400),
    # We are at fault
    errors.Outage: ("PGRST001", 503),
    errors.DatabaseUnavailable: ("PGRST000", 503),
    errors.PoolTimeout: ("PGRST003", 504),
    errors.StatementTimeout: ("57014", 500),
    errors.SecretMissing: ("PGRST300", 500),
    errors.StorageFull: ("53100", 503),
    errors.StorageReadOnly: ("PGRST000", 503),
    errors.Overloaded: ("53300", 503),
    errors.RevocationsUnknown: ("PGRST001", 503),
    errors.SchemaBehind: ("PGRST002", 503),
}
"""DatabaseFault is missing: each instance brings its own SQLSTATE."""


@dataclass(frozen=True, slots=True)
class Fault:
    """An error as it is answered."""

    code: str
    status: int
    message: str
    details: Detail = None
    hint: str | None = None
    headers: tuple[tuple[str, str], ...] = ()


def render(error: Exception, *, anonymous: bool = False, minimal: bool = False, head: bool = False) -> Response:
    """The response to a request that ended in an error.

    Arguments:
        error: what was raised. Of one that is not Backstay's own nothing is told.
        anonymous: the caller showed no credentials: what is denied them they may get by signing in.
        minimal: answer with code and message alone.
        head: the request was HEAD: answer without the body.
    """
    fault = _translate(error)
    if fault.code == _DENIED and anonymous and fault.status == 403:
        fault = Fault(_DENIED, 401, fault.message, fault.details, fault.hint, (("www-authenticate", "Bearer"),))
    content: dict[str, Any] = {"code": fault.code, "message": fault.message}
    if not minimal:
        content |= {"details": fault.details, "hint": fault.hint}
    body = _encode(content)
    headers = [_JSON, ("content-length", str(len(body)))]
    if fault.code.isalnum() and fault.code.isascii():
        headers.append(("proxy-status", f"PostgREST; error={fault.code}"))
    if fault.status == 503:
        headers.append(("retry-after", str(RETRY_AFTER)))
    if fault.status in _BODILESS:
        return Response(fault.status, fault.headers)
    said = {name for name, _ in fault.headers}
    kept = [header for header in headers if header[0] not in said]
    return Response(fault.status, (*kept, *fault.headers), b"" if head else body)


def _encode(content: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(content)
    except TypeError:
        # A text that came from the wire undecoded may hold what is not Unicode.
        return orjson.dumps({key: _clean(value) for key, value in content.items()})


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    return None if value is None else _clean(str(value))


# Error -> Fault ----------------------------------------------------------------------------------------------


def _translate(error: Exception) -> Fault:
    if isinstance(error, DatabaseFault):
        if error.state == "PGRST":
            return _raised(error)
        return _plain(error, error.state, status_of(error.state, error.message))
    code, status = _code(type(error))
    if (code, status) == _INTERNAL or not isinstance(error, BackstayError):
        return Fault(*_INTERNAL, "Internal error")
    return _plain(error, code, status)


def _code(kind: type[Exception]) -> tuple[str, int]:
    """The code and status of a class: as the table has them, but for what a class of the application's own says."""
    own: dict[str, Any] = {}
    for each in kind.__mro__:
        if each in _TABLE:
            code, status = _TABLE[each]
            return str(own.get("code", code)), int(own.get("status", status))
        own = {**vars(each), **own}
    return _INTERNAL


def _plain(error: BackstayError, code: str, status: int) -> Fault:
    try:
        status, own = verify_status(status), verify_headers(error.headers)
    except (errors.InvalidStatus, errors.InvalidHeaders) as wrong:
        return Fault(*_TABLE[type(wrong)], wrong.message, wrong.detail, wrong.hint)
    return Fault(code, status, error.message, error.detail, error.hint, (*_headers(error, code), *own))


def _headers(error: BackstayError, code: str) -> tuple[tuple[str, str], ...]:
    if isinstance(error, MethodNotAllowed):
        return (("allow", ", ".join(error.allow)),)
    if isinstance(error, errors.ReadOnly):
        return (("allow", "OPTIONS, POST"),)
    if code == "PGRST302":
        return (("www-authenticate", "Bearer"),)
    if code in ("PGRST301", "PGRST303"):
        description = re.sub(r"[^ !#-\[\]-~]", "", error.message)
        return (("www-authenticate", f'Bearer error="invalid_token", error_description="{description}"'),)
    return ()


# RAISE SQLSTATE 'PGRST' --------------------------------------------------------------------------------------

_UNREADABLE: Final = "Could not parse JSON in the \"RAISE SQLSTATE 'PGRST'\" error"
_OURS: Final = frozenset({"connection", "content-length", "content-type", "transfer-encoding"})
_HEADER_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_HEADER_VALUE: Final = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


def _raised(error: DatabaseFault) -> Fault:
    """What a function raised as ``SQLSTATE 'PGRST'``: message and detail are JSON and decide the whole answer."""
    said, told = _json_object(error.message), _json_object(error.detail)
    if said is None or not isinstance(said.get("code"), str) or not isinstance(said.get("message"), str):
        return _unreadable(
            f"Invalid JSON value for MESSAGE: '{error.message}'",
            "MESSAGE must be a JSON object with obligatory keys: 'code', 'message' and optional keys: "
            "'details', 'hint'.",
        )
    status, headers = (told or {}).get("status"), (told or {}).get("headers")
    if not isinstance(status, int) or not 200 <= status <= 599 or not _are_headers(headers):
        return _unreadable(
            "DETAIL is missing in the RAISE statement"
            if error.detail is None
            else f"Invalid JSON value for DETAIL: '{error.detail}'",
            "DETAIL must be a JSON object with obligatory keys: 'status', 'headers' and optional key: 'status_text'.",
        )
    return Fault(
        said["code"],
        status,
        said["message"],
        _optional(said.get("details")),
        _optional(said.get("hint")),
        tuple((name.lower(), value) for name, value in (headers or {}).items() if name.lower() not in _OURS),
    )


def _unreadable(details: str, hint: str) -> Fault:
    return Fault("PGRST121", 500, _UNREADABLE, details, hint)


def _json_object(text: object) -> dict[str, Any] | None:
    try:
        value = orjson.loads(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _are_headers(value: object) -> bool:
    return isinstance(value, dict) and all(
        isinstance(text, str) and _HEADER_NAME.fullmatch(name) and _HEADER_VALUE.fullmatch(text)
        for name, text in value.items()
    )


def _optional(value: object) -> str | None:
    return value if isinstance(value, str) else None
