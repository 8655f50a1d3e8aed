"""Codes sent to a phone: six digits that are good for one challenge."""

from __future__ import annotations

import hmac
import re
import secrets
from typing import Final
from uuid import UUID

_DIGITS: Final = 6
_CODE: Final = re.compile(rf"[0-9]{{{_DIGITS}}}")


def make_code() -> str:
    """A new code."""
    return f"{secrets.randbelow(10**_DIGITS):0{_DIGITS}}"


def digest(code: str, secret: bytes, challenge: UUID) -> str:
    """What is kept of a code.

    A million codes are soon tried, so it is a hash under the server's secret, bound to the challenge.

    Arguments:
        code: as made.
        secret: of the server.
        challenge: that it answers.
    """
    return hmac.digest(secret, f"phone code:{challenge}:{code}".encode(), "sha256").hex()


def is_code(kept: str, typed: str, secret: bytes, challenge: UUID) -> bool:
    """Whether what somebody typed is the code; spaces do not matter."""
    code = "".join(typed.split())
    return _CODE.fullmatch(code) is not None and hmac.compare_digest(kept, digest(code, secret, challenge))
