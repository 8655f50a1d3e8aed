"""Texts: what is sent to a user's phone, and the protocol of whoever sends it."""

from __future__ import annotations

import re
from typing import Final, Protocol

_NUMBER: Final = re.compile(r"\+?([1-9][0-9]{6,14})")


class Texter(Protocol):
    """A way of sending texts to phones: given as ``Auth(User, sms=...)``."""

    async def send(self, phone: str, text: str) -> None:
        """Send a text, or hand it to whoever does. It is called in the background, and again after a failure.

        Arguments:
            phone: the number as E.164 writes it: ``+4915112345678``.
            text: the message.

        Raises:
            Undeliverable: no further attempt would succeed.
        """
        ...


def read_phone(text: str) -> str | None:
    """A phone number as it is kept and compared: E.164's digits without the plus; None: it is no number.

    Arguments:
        text: the number as a client gives it; spaces and the plus may be there or not.
    """
    found = _NUMBER.fullmatch(text.replace(" ", ""))
    return None if found is None else found[1]
