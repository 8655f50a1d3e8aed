"""The Prefer header in (RFC 7240, with PostgREST's preferences), Preference-Applied out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Final, TypeVar

from backstay.errors import InvalidParameter, PreferenceError
from backstay.query.nodes import Call, Count, Delete, Insert, Missing, Query, Resolution, Select, Update
from backstay.schema.kind.zone import find_zone

E = TypeVar("E", bound=Enum)


class Returning(Enum):
    """What a write answers with."""

    MINIMAL = "minimal"
    HEADERS = "headers-only"
    REPRESENTATION = "representation"


class Ending(Enum):
    """How the transaction of a request is to end."""

    COMMIT = "commit"
    ROLLBACK = "rollback"


class Handling(Enum):
    """What happens to preferences that are not understood."""

    STRICT = "strict"
    LENIENT = "lenient"


@dataclass(frozen=True, slots=True)
class Preferences:
    """What the caller prefers; None where nothing was said.

    ``ending`` is None too where the server does not let callers decide. ``unknown`` are the preferences that were
    not understood, as written.
    """

    returning: Returning | None = None
    resolution: Resolution | None = None
    missing: Missing | None = None
    count: Count = Count.NONE
    ending: Ending | None = None
    handling: Handling | None = None
    timezone: str | None = None
    max_affected: int | None = None
    timing: bool = False
    unknown: tuple[str, ...] = ()

    @property
    def representation(self) -> bool:
        """Whether a write answers with the rows it wrote."""
        return self.returning is Returning.REPRESENTATION

    @property
    def strict(self) -> bool:
        """Whether what cannot be honoured is an error."""
        return self.handling is Handling.STRICT

    @property
    def rollback(self) -> bool:
        """Whether the transaction is to be rolled back after it was answered."""
        return self.ending is Ending.ROLLBACK


NOTHING: Final = Preferences()

_LONGEST_COUNT: Final = 18


def _table(name: str, kinds: type[Enum]) -> dict[str, Enum]:
    return {f"{name}={member.value}": member for member in kinds}


_RETURNING: Final = _table("return", Returning)
_RESOLUTION: Final = _table("resolution", Resolution)
_MISSING: Final = _table("missing", Missing)
_COUNT: Final = {written: count for written, count in _table("count", Count).items() if count is not Count.NONE}
_ENDING: Final = _table("tx", Ending)
_HANDLING: Final = _table("handling", Handling)
_WORDS: Final = _RETURNING | _RESOLUTION | _MISSING | _COUNT | _ENDING | _HANDLING
TIMING: Final = "server-timing"


def read_preferences(header: str | None, *, override: bool = False) -> Preferences:
    """The preferences of a Prefer header; of each kind the first that is understood counts.

    Arguments:
        header: its value, several headers joined by commas; None where there is none.
        override: whether callers may decide how their transaction ends (``transaction_override``).
    """
    if not header:
        return NOTHING
    return _remembered(header, override) if len(header) <= 256 else _read(header, override)


@lru_cache(maxsize=256)
def _remembered(header: str, override: bool) -> Preferences:
    return _read(header, override)


def _read(header: str, override: bool) -> Preferences:
    said = [word for part in header.split(",") if (word := part.strip())]
    return Preferences(
        returning=_first(said, _RETURNING, Returning),
        resolution=_first(said, _RESOLUTION, Resolution),
        missing=_first(said, _MISSING, Missing),
        count=_first(said, _COUNT, Count) or Count.NONE,
        ending=_first(said, _ENDING, Ending) if override else None,
        handling=_first(said, _HANDLING, Handling),
        timezone=next((word.removeprefix("timezone=") for word in said if word.startswith("timezone=")), None),
        max_affected=next((int(word.removeprefix("max-affected=")) for word in said if _is_limit(word)), None),
        timing=TIMING in said,
        unknown=tuple(word for word in said if not _is_known(word)),
    )


def _is_known(word: str) -> bool:
    return word in _WORDS or word == TIMING or word.startswith("timezone=") or _is_limit(word)


def _first(said: list[str], words: dict[str, Enum], kind: type[E]) -> E | None:
    return next((member for word in said if isinstance(member := words.get(word), kind)), None)


def _is_limit(word: str) -> bool:
    digits = word.removeprefix("max-affected=")
    return digits != word and digits.isascii() and digits.isdigit() and len(digits) <= _LONGEST_COUNT


def verify_preferences(preferences: Preferences) -> None:
    """Refuse what cannot be honoured.

    Raises:
        PreferenceError: a preference is unknown and the caller asked for strict handling.
        InvalidParameter: the time zone is none.
    """
    if preferences is NOTHING:
        return
    if preferences.strict and preferences.unknown:
        raise PreferenceError(detail=f"Invalid preferences: {', '.join(preferences.unknown)}")
    if preferences.timezone is not None and find_zone(preferences.timezone) is None:
        raise InvalidParameter(f'invalid value for parameter "TimeZone": "{preferences.timezone}"')


def applied(preferences: Preferences, query: Query, *, keyed: bool = True) -> str | None:
    """The value of Preference-Applied: the preferences that had a say in the answer; None where none had.

    Arguments:
        preferences: what the caller preferred.
        query: what was answered.
        keyed: whether the resource has a primary key, without which duplicates cannot be told.
    """
    return ", ".join(_applied(preferences, query, keyed)) or None if preferences is not NOTHING else None


def _applied(preferences: Preferences, query: Query, keyed: bool) -> Iterator[str]:
    inserting = isinstance(query, Insert) and not query.single
    if preferences.resolution and inserting and isinstance(query, Insert) and (keyed or query.conflict):
        yield f"resolution={preferences.resolution.value}"
    if preferences.missing and (inserting or isinstance(query, Update)):
        yield f"missing={preferences.missing.value}"
    if preferences.returning and not isinstance(query, Select | Call):
        yield f"return={preferences.returning.value}"
    if preferences.count is not Count.NONE:
        yield f"count={preferences.count.value}"
    if preferences.ending:
        yield f"tx={preferences.ending.value}"
    if preferences.handling:
        yield f"handling={preferences.handling.value}"
    if preferences.timezone is not None:
        yield f"timezone={preferences.timezone}"
    if preferences.strict and preferences.max_affected is not None and isinstance(query, Update | Delete | Call):
        yield f"max-affected={preferences.max_affected}"
