"""The console: texts that go to nobody's phone, for development."""

from __future__ import annotations

import sys
from typing import TextIO

from backstay.auth.mail.mailbox import Mailbox
from backstay.observe import escape


class Console:
    """A :class:`~backstay.schema.post.text.Texter` for development: whoever reads its output can sign in as anybody.

    Arguments:
        mailbox: where texts are kept; None: they are printed.
        stream: where they are printed (default: standard error).
    """

    def __init__(self, mailbox: Mailbox | None = None, *, stream: TextIO | None = None) -> None:
        self._mailbox = mailbox
        self._stream = stream

    async def send(self, phone: str, text: str) -> None:
        """Show a text."""
        if self._mailbox is not None:
            self._mailbox.keep_text(phone, text)
        else:
            print(f"text to {escape(phone)}: {escape(text)}", file=self._stream or sys.stderr, flush=True)
