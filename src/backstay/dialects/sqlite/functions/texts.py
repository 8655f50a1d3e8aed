"""Text functions with PostgreSQL's meaning: letter case by Unicode, and regular expressions that cannot run away.

Patterns are matched by RE2, in time linear in the text whatever the pattern: a database function cannot be interrupted,
so a backtracking engine would let one request stop the process. What needs backtracking (back references, look-around)
is refused as an invalid pattern.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from backstay.dialects.sqlite.functions.patterns import Translated, mark, translate, unmark
from backstay.errors import InvalidPattern

_MEMORY = 1 << 20


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
    return None if pattern is None or text is None else _matches(str(pattern), str(text), "")


def regexp_any_case(pattern: str | None, text: Any) -> int | None:
    """``text ~* pattern``. Raises InvalidPattern."""
    return None if pattern is None or text is None else _matches(str(pattern), str(text), "i")


def regexp_replace(text: Any, pattern: str | None, replacement: str | None, flags: str | None = "") -> str | None:
    r"""The text with the first match replaced (every match with the flag ``g``); ``\1`` and ``\&`` as on PostgreSQL."""
    if text is None or pattern is None or replacement is None or flags is None:
        return None
    compiled, prepared = _prepare(str(pattern), str(text), flags.replace("g", ""), capturing=True)
    result: str = compiled.sub(replacement.replace(r"\&", r"\g<0>"), prepared, 0 if "g" in flags else 1)
    return result if prepared is text else unmark(result)


def _matches(pattern: str, text: str, flags: str) -> int:
    compiled, prepared = _prepare(pattern, text, flags, capturing=False)
    return 1 if compiled.search(prepared) else 0


def _prepare(pattern: str, text: str, flags: str, *, capturing: bool) -> tuple[Any, str]:
    """A pattern with the text to search: as it is, or marked where the pattern asks for bounds of words."""
    compiled, translated = _compile(pattern, flags, capturing, False)
    if not translated.marks or (translated.exact and text.isascii()):
        return compiled, text
    return _compile(pattern, flags, capturing, True)[0], mark(text, translated.marks)


@lru_cache(maxsize=512)
def _compile(pattern: str, flags: str, capturing: bool, marked: bool) -> tuple[Any, Translated]:
    # Imported with the first pattern: most applications match none.
    import re2  # type: ignore[import-untyped]

    translated = translate(pattern, flags, marked=marked)
    options = re2.Options()
    # Thousands of groups, each asked for its place, take seconds; whether there is a match takes none of them.
    options.never_capture = not capturing
    options.case_sensitive = not translated.any_case
    options.log_errors = False
    options.max_mem = _MEMORY
    try:
        return re2.compile(translated.text, options), translated
    except re2.error as error:
        reason = error.args[0].decode("utf-8", "replace") if error.args else "it cannot be compiled"
        raise InvalidPattern(f"invalid regular expression: {reason}") from None


def _lower_letter(letter: str) -> str:
    lowered = letter.lower()
    return lowered if len(lowered) == 1 else lowered[0] if letter == "İ" else letter


def _upper_letter(letter: str) -> str:
    raised = letter.upper()
    return raised if len(raised) == 1 else letter
