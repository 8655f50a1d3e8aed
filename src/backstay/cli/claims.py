"""Claims as the command line gives them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from backstay.errors import DeclarationError


def read_claims(words: Sequence[str]) -> dict[str, Any]:
    """The claims of ``NAME=VALUE`` words; a value that is JSON is taken as such, any other as text.

    Raises:
        DeclarationError: for a word without ``=``.
    """
    claims: dict[str, Any] = {}
    for word in words:
        name, separator, value = word.partition("=")
        if not name or not separator:
            raise DeclarationError(f"{word!r} is no claim.", hint="Write --claim NAME=VALUE.")
        try:
            claims[name] = json.loads(value)
        except ValueError:
            claims[name] = value
    return claims
