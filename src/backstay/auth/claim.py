"""The path to the role in a token's claims, as PostgREST writes it: JSONPath (v16) and the JSPath before it.

``$.role``, ``.realm.roles[0]``, ``$['https://example.com/role']``; at its end a path may choose among the texts of an
array: ``[?(@ == "admin")]``, ``[?search(@, "^app_")]``. The root ``$`` and the first dot may be left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, TypeAlias


@lru_cache(maxsize=8)
def _compile(pattern: str) -> Any:
    # Loaded where a role is searched for: few paths have a pattern.
    import re2  # type: ignore[import-untyped]

    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        raise ValueError(str(error)) from error


_TESTS: Final[Mapping[str, Callable[[str, str], bool]]] = {
    "==": lambda text, wanted: text == wanted,
    "!=": lambda text, wanted: text != wanted,
    "^==": lambda text, wanted: text.startswith(wanted),
    "==^": lambda text, wanted: text.endswith(wanted),
    "*==": lambda text, wanted: wanted in text,
    "search": lambda text, wanted: _compile(wanted).search(text) is not None,
}

_TEXT: Final = r"\"((?:[^\"\\]|\\.)*)\"|'((?:[^'\\]|\\.)*)'"
_NAME: Final = re.compile(rf"(?:{_TEXT}|([^.\[\]\"'\s]+))")
_INDEX: Final = re.compile(r"\[\s*(-?\d{1,4})\s*\]")
_BRACKET: Final = re.compile(rf"\[\s*(?:{_TEXT})\s*\]")
_COMPARISON: Final = re.compile(rf"\[\?(\()?\s*@\s*(==\^|==|!=|\^==|\*==)\s*(?:{_TEXT})\s*(?(1)\))\]")
_SEARCH: Final = re.compile(rf"\[\?(\()?\s*search\(\s*@\s*,\s*(?:{_TEXT})\s*\)\s*(?(1)\))\]")
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)
ABSENT: Final = object()
"""What a path that leads nowhere leads to; null is something else."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The first text of an array that passes a test with another one."""

    test: str
    text: str

    def passes(self, text: str) -> bool:
        """Whether this text is one to choose."""
        return _TESTS[self.test](text, self.text)


Path: TypeAlias = tuple[str | int | Choice, ...]
"""Names, places in arrays (negative: from the end), and perhaps a choice at the end."""


def read_path(text: str) -> Path:
    """The path that a text writes; an empty one where it writes none."""
    path: list[str | int | Choice] = []
    at = 1 if text.startswith("$") else 0
    while at < len(text):
        if path and isinstance(path[-1], Choice):
            return ()
        step = _step(text, at, first=not path)
        if step is None:
            return ()
        path.append(step[0])
        at = step[1]
    return tuple(path) if _is_sound(path) else ()


def _step(text: str, at: int, *, first: bool) -> tuple[str | int | Choice, int] | None:
    index = _INDEX.match(text, at)
    if index is not None:
        return int(index[1]), index.end()
    named = _BRACKET.match(text, at)
    if named is not None:
        return _unescaped(named[1], named[2]), named.end()
    for pattern in (_COMPARISON, _SEARCH):
        chosen = pattern.match(text, at)
        if chosen is not None:
            return _choice(chosen, pattern), chosen.end()
    dotted = text.startswith(".", at)
    # Only the first name may stand without a dot, and only where no `$` stands before it.
    name = _NAME.match(text, at + 1 if dotted else at) if dotted or (first and at == 0) else None
    if name is None:
        return None
    return (name[3] if name[3] is not None else _unescaped(name[1], name[2])), name.end()


def _choice(match: re.Match[str], pattern: re.Pattern[str]) -> Choice:
    if pattern is _COMPARISON:
        return Choice(match[2], _unescaped(match[3], match[4]))
    return Choice("search", _unescaped(match[2], match[3]))


def _unescaped(double: str | None, single: str | None) -> str:
    return _ESCAPE.sub(r"\1", double if double is not None else single or "")


def _is_sound(path: list[str | int | Choice]) -> bool:
    """Whether a path begins with a name, and its regular expression can be understood."""
    last = path[-1] if path else 0
    try:
        if isinstance(last, Choice):
            last.passes("")
    except ValueError:
        return False
    return bool(path) and isinstance(path[0], str)


def follow(claims: Mapping[str, Any], path: Path) -> Any:
    """What a path leads to in a token's claims.

    Returns:
        the value; ABSENT where it leads nowhere.
    """
    found: Any = claims
    for step in path:
        found = _follow(found, step)
        if found is ABSENT:
            break
    return found


def _follow(value: Any, step: str | int | Choice) -> Any:
    if isinstance(step, str):
        return value.get(step, ABSENT) if isinstance(value, dict) else ABSENT
    if not isinstance(value, list):
        return ABSENT
    if isinstance(step, int):
        return value[step] if -len(value) <= step < len(value) else ABSENT
    return next((each for each in value if isinstance(each, str) and step.passes(each)), ABSENT)
