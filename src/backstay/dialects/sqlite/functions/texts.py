"""Text functions with PostgreSQL's meaning: letter case by Unicode, and regular expressions that cannot run away.

Patterns are matched by RE2, in time linear in the text whatever the pattern: a database function cannot be interrupted,
so a backtracking engine would let one request stop the process. What needs backtracking (back references, look-around)
is refused as an invalid pattern.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import re2  # type: ignore[import-untyped]

from backstay.errors import InvalidPattern

_MEMORY = 1 << 20
_ESCAPES = {"y": r"\b", "m": r"\b", "M": r"\b", "Z": r"\z", "w": r"[\pL\pN_]", "W": r"[^\pL\pN_]", "Y": r"\B"}
_CLASS_ESCAPES = {"w": r"\pL\pN_"}
_CLASSES = {
    "[:alpha:]": r"\pL",
    "[:alnum:]": r"\pL\pN",
    "[:upper:]": r"\p{Lu}",
    "[:lower:]": r"\p{Ll}",
    "[:digit:]": r"0-9",
    "[:space:]": r"\s",
    "[:punct:]": r"\pP\pS",
    "[:word:]": r"\pL\pN_",
}


def lower(text: Any) -> Any:
    """The text in lower case, letter by letter (as PostgreSQL does it, and never longer than the text)."""
    if not isinstance(text, str):
        return None if text is None else str(text).lower()
    return text.lower() if text.isascii() else "".join(map(_lower_letter, text))


def upper(text: Any) -> Any:
    """The text in upper case, letter by letter."""
    if not isinstance(text, str):
        return None if text is None else str(text).upper()
    return text.upper() if text.isascii() else "".join(map(_upper_letter, text))


def regexp(pattern: str | None, text: Any) -> int | None:
    """``text ~ pattern``. Raises InvalidPattern."""
    if pattern is None or text is None:
        return None
    return 1 if _compile(str(pattern), "", False).search(str(text)) else 0


def regexp_any_case(pattern: str | None, text: Any) -> int | None:
    """``text ~* pattern``. Raises InvalidPattern."""
    if pattern is None or text is None:
        return None
    return 1 if _compile(str(pattern), "i", False).search(str(text)) else 0


def regexp_replace(text: Any, pattern: str | None, replacement: str | None, flags: str | None = "") -> str | None:
    r"""The text with the first match replaced (every match with the flag ``g``); ``\1`` and ``\&`` as on PostgreSQL."""
    if text is None or pattern is None or replacement is None or flags is None:
        return None
    compiled = _compile(str(pattern), flags.replace("g", ""), True)
    result: str = compiled.sub(replacement.replace(r"\&", r"\g<0>"), str(text), 0 if "g" in flags else 1)
    return result


@lru_cache(maxsize=512)
def _compile(pattern: str, flags: str, capturing: bool) -> Any:
    options = re2.Options()
    # Thousands of groups, each asked for its place, take seconds; whether there is a match takes none of them.
    options.never_capture = not capturing
    options.case_sensitive = "i" not in flags
    options.dot_nl = True
    options.log_errors = False
    options.max_mem = _MEMORY
    try:
        return re2.compile(_translate(pattern), options)
    except re2.error as error:
        reason = error.args[0].decode("utf-8", "replace") if error.args else "it cannot be compiled"
        raise InvalidPattern(f"invalid regular expression: {reason}") from None


def _translate(pattern: str) -> str:
    """Rewrite PostgreSQL's spellings into RE2's."""
    parts: list[str] = []
    position, inside = 0, False
    while position < len(pattern):
        character = pattern[position]
        if character == "\\" and position + 1 < len(pattern):
            letter = pattern[position + 1]
            parts.append((_CLASS_ESCAPES if inside else _ESCAPES).get(letter, character + letter))
            position += 2
            continue
        named = next((name for name in _CLASSES if inside and pattern.startswith(name, position)), None)
        if named is not None:
            parts.append(_CLASSES[named])
            position += len(named)
            continue
        if character == "[" and not inside:
            inside = True
            opening = pattern[position : position + 3]
            head = opening if opening == "[^]" else opening[:2] if opening[:2] in ("[^", "[]") else "["
            parts.append(head)
            position += len(head)
            continue
        inside = inside and character != "]"
        parts.append(character)
        position += 1
    return "".join(parts)


def _lower_letter(letter: str) -> str:
    lowered = letter.lower()
    return lowered if len(lowered) == 1 else lowered[0] if letter == "İ" else letter


def _upper_letter(letter: str) -> str:
    raised = letter.upper()
    return raised if len(raised) == 1 else letter
