"""Everything the code can say of itself, in one closed list.

The code calls :func:`observe` with one of the :data:`OBSERVATIONS`; whoever wants to know (logs, metrics, traces,
tests) calls :func:`subscribe`. An observation carries no secret, no token and no value of a query; what the text of an
exception may hold of them is blotted out before it is logged.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any, ClassVar, Final, TextIO, TypeAlias

from backstay.errors import BackstayError, DeclarationError


class Severity(IntEnum):
    """How much an observation matters; the numbers are those of :mod:`logging`."""

    DEBUG = 10
    INFO = 20
    WARNING = 30
    ERROR = 40


@dataclass(frozen=True, slots=True)
class Observation:
    """Something the code says of itself. The first line of a class's docstring is what a log shows."""

    severity: ClassVar[Severity] = Severity.INFO


# The application ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Started(Observation):
    """application started"""

    milliseconds: float


@dataclass(frozen=True, slots=True)
class StartFailed(Observation):
    """application failed to start"""

    severity: ClassVar[Severity] = Severity.ERROR
    error: BaseException


@dataclass(frozen=True, slots=True)
class Stopped(Observation):
    """application stopped"""


@dataclass(frozen=True, slots=True)
class StopFailed(Observation):
    """something did not stop cleanly"""

    severity: ClassVar[Severity] = Severity.ERROR
    error: BaseException


@dataclass(frozen=True, slots=True)
class ServerInformed(Observation):
    """the server says"""

    severity: ClassVar[Severity] = Severity.DEBUG
    message: str


@dataclass(frozen=True, slots=True)
class ServerWarned(Observation):
    """the server warns"""

    severity: ClassVar[Severity] = Severity.WARNING
    message: str


# Requests ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RequestFinished(Observation):
    """request finished

    ``route`` is a path without query string, or a mount's prefix.
    """

    severity: ClassVar[Severity] = Severity.DEBUG
    method: str
    route: str
    status: int
    milliseconds: float
    role: str


@dataclass(frozen=True, slots=True)
class RequestFailed(Observation):
    """request failed"""

    severity: ClassVar[Severity] = Severity.ERROR
    method: str
    route: str
    error: BaseException


@dataclass(frozen=True, slots=True)
class RequestRefused(Observation):
    """request refused at the front door"""

    method: str
    route: str
    status: int
    reason: str


@dataclass(frozen=True, slots=True)
class SheddingBegan(Observation):
    """requests wait too long; some are refused

    ``milliseconds`` is how long the first of those that wait has.
    """

    severity: ClassVar[Severity] = Severity.WARNING
    milliseconds: float


@dataclass(frozen=True, slots=True)
class SheddingEnded(Observation):
    """no requests are refused any more

    ``milliseconds`` is how long some were, and ``refused`` how many.
    """

    milliseconds: float
    refused: int


@dataclass(frozen=True, slots=True)
class CallerLeft(Observation):
    """the caller left before the answer"""

    severity: ClassVar[Severity] = Severity.DEBUG
    method: str
    route: str
    milliseconds: float


@dataclass(frozen=True, slots=True)
class TokenRefused(Observation):
    """token or key refused"""

    route: str
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class SigningKeysChanged(Observation):
    """signing keys changed

    ``names`` are the names (``kid``) of those there are now.
    """

    names: str


@dataclass(frozen=True, slots=True)
class SigningKeysUnreadable(Observation):
    """the changed signing keys cannot be read; those from before hold"""

    severity: ClassVar[Severity] = Severity.ERROR
    reason: str


@dataclass(frozen=True, slots=True)
class RevocationsLost(Observation):
    """it cannot be read which sessions have ended; after some seconds users are refused"""

    severity: ClassVar[Severity] = Severity.ERROR
    error: BaseException


@dataclass(frozen=True, slots=True)
class RevocationsFound(Observation):
    """it can be read again which sessions have ended"""

    milliseconds: float


@dataclass(frozen=True, slots=True)
class AccessDenied(Observation):
    """access denied"""

    route: str
    code: str
    role: str


@dataclass(frozen=True, slots=True)
class RepetitionFailed(Observation):
    """something that is done again and again failed; it is tried again

    ``name`` says what.
    """

    severity: ClassVar[Severity] = Severity.ERROR
    name: str
    error: BaseException


# The database ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DatabaseConnected(Observation):
    """database connected"""

    dialect: str
    version: str = ""


@dataclass(frozen=True, slots=True)
class DatabaseLost(Observation):
    """database lost"""

    severity: ClassVar[Severity] = Severity.ERROR
    dialect: str
    error: BaseException


@dataclass(frozen=True, slots=True)
class PoolExhausted(Observation):
    """every connection was busy for too long"""

    severity: ClassVar[Severity] = Severity.WARNING
    dialect: str
    size: int


@dataclass(frozen=True, slots=True)
class StatementCompiled(Observation):
    """statement compiled

    ``statement`` is the text with slots, never with values.
    """

    severity: ClassVar[Severity] = Severity.DEBUG
    statement: str
    milliseconds: float


@dataclass(frozen=True, slots=True)
class StatementSlow(Observation):
    """statement slow

    Told once a minute at most of each statement; ``times`` is how often it was slow since it was told last.
    ``operation`` is select, insert, update or delete; ``shape`` is what was asked, a ? in the place of each value;
    ``plan`` is what the database does with each table, and ``index`` what the program could declare to help it (both
    empty where that is not known).
    """

    severity: ClassVar[Severity] = Severity.WARNING
    resource: str
    operation: str
    shape: str
    milliseconds: float
    rows: int
    times: int = 1
    plan: str = ""
    index: str = ""


@dataclass(frozen=True, slots=True)
class MigrationApplied(Observation):
    """migration applied"""

    revision: str
    description: str
    milliseconds: float


@dataclass(frozen=True, slots=True)
class SchemaBehind(Observation):
    """the database's schema is behind the application's"""

    severity: ClassVar[Severity] = Severity.ERROR
    current: str
    wanted: str


# Mail --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class MailSent(Observation):
    """mail sent

    ``kind`` is what it was for (``recovery``), or ``text`` for a text to a phone; ``id`` is the local part of the
    mail's Message-ID.
    """

    severity: ClassVar[Severity] = Severity.DEBUG
    kind: str
    id: str
    attempts: int
    milliseconds: float


@dataclass(frozen=True, slots=True)
class MailDelayed(Observation):
    """mail could not be sent; it will be tried again

    ``seconds`` is how long until then.
    """

    severity: ClassVar[Severity] = Severity.WARNING
    kind: str
    id: str
    attempts: int
    reason: str
    seconds: float


@dataclass(frozen=True, slots=True)
class MailFailed(Observation):
    """mail could not be sent, and will not be"""

    severity: ClassVar[Severity] = Severity.ERROR
    kind: str
    id: str
    attempts: int
    reason: str


@dataclass(frozen=True, slots=True)
class MailMissing(Observation):
    """no mail can be sent: smtp_url is not set"""

    severity: ClassVar[Severity] = Severity.WARNING


OBSERVATIONS: Final[tuple[type[Observation], ...]] = tuple(
    kind for kind in list(globals().values()) if isinstance(kind, type) and Observation in kind.__bases__
)
"""Every kind of observation there is."""

Subscriber: TypeAlias = Callable[[Any], None]

_lock = threading.Lock()
_subscribers: dict[type[Observation], tuple[Subscriber, ...]] = {}
_fallback = logging.getLogger("backstay")


def observe(observation: Observation) -> None:
    """Tell all who subscribed. Never raises: a subscriber that fails is reported to :mod:`logging` and passed over.

    What nobody subscribed to goes to the logger ``backstay`` if it is a warning or worse.
    """
    subscribers = _subscribers.get(type(observation))
    if subscribers is None:
        if observation.severity >= Severity.WARNING:
            _fallback.log(observation.severity, "%s", describe(observation))
        return
    for subscriber in subscribers:
        try:
            subscriber(observation)
        except Exception:
            _fallback.exception("a subscriber to observations failed")


def is_observed(kind: type[Observation]) -> bool:
    """Whether anyone wants this kind, so that nothing need be measured for nobody."""
    return kind in _subscribers


def subscribe(subscriber: Subscriber, *kinds: type[Observation]) -> Callable[[], None]:
    """Have ``subscriber`` called with every observation of ``kinds`` (none given: all).

    It is called at once, in the thread and event loop that observed, so it must be quick.

    Returns:
        A function that ends the subscription.
    """
    wanted = kinds or OBSERVATIONS
    with _lock:
        for kind in wanted:
            _subscribers[kind] = (*_subscribers.get(kind, ()), subscriber)

    def unsubscribe() -> None:
        with _lock:
            for kind in wanted:
                left = list(_subscribers.get(kind, ()))
                if subscriber in left:
                    left.remove(subscriber)
                if left:
                    _subscribers[kind] = tuple(left)
                else:
                    _subscribers.pop(kind, None)

    return unsubscribe


# Logs --------------------------------------------------------------------------------------------------------


def start_logging(
    level: str = "info", *, stream: TextIO | None = None, console: bool | None = None
) -> Callable[[], None]:
    """Log every observation of ``level`` or worse: JSON lines, or coloured text on a console.

    Arguments:
        level: debug, info, warning or error.
        stream: where to (default: standard error).
        console: text for people instead of JSON (default: whether ``stream`` is a terminal).

    Returns:
        A function that ends the logging.

    Raises:
        DeclarationError: there is no such level.
    """
    if level.upper() not in Severity.__members__:
        raise DeclarationError(f"log_level: {level!r} is none of debug, info, warning and error")
    out = sys.stderr if stream is None else stream
    text = out.isatty() if console is None else console
    render = _on_console(colors=out.isatty()) if text else _as_json

    def log(observation: Observation) -> None:
        moment = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        # One write a line, so that the lines of several workers stay whole.
        out.write(render({"timestamp": moment, **describe(observation)}) + "\n")
        out.flush()

    least = Severity[level.upper()]
    return subscribe(log, *(kind for kind in OBSERVATIONS if kind.severity >= least))


def describe(observation: Observation) -> dict[str, object]:
    """The observation as a log shows it: ``event``, ``level`` and its fields, with secrets blotted out.

    An error of our own says all in its message; of any other the traceback is told.
    """
    entry: dict[str, object] = {
        "level": observation.severity.name.lower(),
        "event": (type(observation).__doc__ or "").partition("\n")[0],
    }
    for field in fields(observation):
        value = getattr(observation, field.name)
        if isinstance(value, BaseException):
            entry["error"] = escape(redact("".join(traceback.format_exception_only(value)).strip()))
            if isinstance(value, BackstayError) and type(value) is not BackstayError:
                entry.update({"hint": escape(redact(value.hint))} if value.hint else {})
            elif value.__traceback__ is not None:
                entry["traceback"] = escape(redact("".join(traceback.format_exception(value))), keep="\n")
        elif isinstance(value, float):
            entry[field.name] = round(value, 3)
        else:
            entry[field.name] = escape(redact(value)) if isinstance(value, str) else value
    return entry


def _as_json(entry: dict[str, object]) -> str:
    return json.dumps(entry, default=repr)


def _on_console(*, colors: bool) -> Callable[[dict[str, object]], str]:
    # Only people look at a console; a server that logs for programs does without.
    from structlog.dev import ConsoleRenderer

    renderer = ConsoleRenderer(colors=colors)
    return lambda entry: str(renderer(None, str(entry["level"]), entry))


_BLOTS: Final[tuple[tuple[re.Pattern[str], str], ...]] = (
    (re.compile(r"eyJ[A-Za-z0-9_-]{6,}(?:\.[A-Za-z0-9_-]*)*"), "[token]"),
    (re.compile(r"sb_secret_[A-Za-z0-9_-]+"), "sb_secret_[...]"),
    (re.compile(r"bsk_([0-9A-Za-z]+)_[0-9A-Za-z]+"), r"bsk_\1_[...]"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[^\s'\",]+"), r"\1 [...]"),
    (re.compile(r"://[^\s'\"]*@"), "://[...]@"),
    (
        re.compile(
            r"(?i)(password|passwd|secret|secret_key|api_?key|access_token|refresh_token|jwt_secret)"
            r"(['\"]?\s*[=:]\s*)(?:'[^']*'|\"[^\"]*\"|[^\s'\",;&)]+)"
        ),
        r"\1\2[...]",
    ),
    # A private key or a secret, as a JSON Web Key writes it.
    (re.compile(r"(['\"](?:d|p|q|dp|dq|qi|k)['\"]\s*:\s*)(['\"])[A-Za-z0-9_-]{16,}\2"), r"\1\2[...]\2"),
    # What the drivers put into an exception's text: rows and bound values.
    (re.compile(r"(?m)^(\s*DETAIL:).*$"), r"\1 [...]"),
    (re.compile(r"\[parameters: .*?\](?=\n|$)", re.DOTALL), "[parameters: ...]"),
    (re.compile(r"(query argument \$\d+:).*"), r"\1 [...]"),
    (re.compile(r"(invalid input (?:syntax|value) for [^:\n]*:).*"), r"\1 [...]"),
)


def redact(text: str) -> str:
    """``text`` without tokens, keys, passwords, and the values that database drivers put into messages."""
    for pattern, replacement in _BLOTS:
        text = pattern.sub(replacement, text)
    return text


_UNPRINTABLE: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\t\n]")


def escape(text: str, *, keep: str = "") -> str:
    """``text`` with control characters written out, so that it cannot forge a line or steer a terminal."""
    return _UNPRINTABLE.sub(lambda found: found[0] if found[0] in keep else ascii(found[0])[1:-1], text)
