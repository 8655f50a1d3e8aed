"""Codes of an authenticator app (RFC 6238): SHA-1, six digits, thirty seconds, as every such app takes them."""

from __future__ import annotations

import hmac
import io
import re
from datetime import datetime
from typing import Final

import pyotp
import segno

INTERVAL: Final = 30
"""Seconds that a code is shown for."""

WINDOW: Final = 1
"""Steps before and after the present one whose codes are taken: clocks differ, people type slowly (RFC 6238, 5.2)."""

_CHARACTERS: Final = 32
_CODE: Final = re.compile(r"[0-9]{6}")


def generate_secret() -> str:
    """A new secret of 160 bits in base32: as long as the hash (RFC 4226, 4)."""
    return pyotp.random_base32(_CHARACTERS)


def write_address(secret: str, *, account: str, issuer: str) -> str:
    """The ``otpauth:`` address that an app reads from a QR code.

    Arguments:
        secret: in base32.
        account: whose, as the app shall show it: an e-mail address.
        issuer: for what, likewise; colons, which would end it, become spaces.
    """
    shown = " ".join(issuer.replace(":", " ").split())
    return pyotp.TOTP(secret, name=account, issuer=shown or None).provisioning_uri()


def draw(text: str) -> str:
    """A QR code of a text as SVG.

    It holds no ``#``, which would end a ``data:`` address, so it can be put behind ``data:image/svg+xml;utf-8,``.
    """
    written = io.BytesIO()
    segno.make(text, error="m").save(written, kind="svg", xmldecl=False, nl=False, scale=4, light="white")
    return written.getvalue().decode().replace('"#fff"', '"white"').replace('"#000"', '"black"')


def find_step(secret: str, code: str, now: datetime) -> int | None:
    """Which step a code belongs to; None where it is not of the present step nor a neighbour of it.

    A code is good once: whoever takes it must remember the step, and take none that is not later.

    Arguments:
        secret: in base32.
        code: as typed; spaces do not matter.
        now: the time.
    """
    typed = "".join(code.split())
    if _CODE.fullmatch(typed) is None:
        return None
    codes, present = pyotp.TOTP(secret), int(now.timestamp()) // INTERVAL
    found = None
    # Every step is compared, so the time taken does not tell which one it is.
    for step in range(present - WINDOW, present + WINDOW + 1):
        if hmac.compare_digest(codes.generate_otp(step), typed):
            found = step
    return found
