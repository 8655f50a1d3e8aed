"""The mailbox of development and tests: mails and texts that go nowhere, kept in memory to be looked at."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from secrets import token_hex
from typing import Final

from backstay.schema.post.mail import Mail

_MOST: Final = 200
_CODE: Final = re.compile(r"(?<!\d)\d{6,10}(?!\d)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A mail or a text that was kept. A text has neither subject nor HTML."""

    id: str
    kind: str
    to: str
    subject: str
    text: str
    html: str
    link: str
    code: str
    sent_at: datetime


class Mailbox:
    """A :class:`~backstay.schema.post.mail.Mailer` that keeps the newest of what it is given.

    Arguments:
        most: how many.
    """

    def __init__(self, most: int = _MOST) -> None:
        self._kept: deque[Kept] = deque(maxlen=most)

    async def send(self, mail: Mail) -> None:
        """Keep a mail."""
        self._kept.appendleft(
            Kept(
                id=mail.id,
                kind=mail.kind,
                to=mail.to,
                subject=mail.subject,
                text=mail.text,
                html=mail.html,
                link=mail.link,
                code=mail.code,
                sent_at=datetime.now(UTC),
            )
        )

    def keep_text(self, phone: str, text: str) -> None:
        """Keep a text to a phone."""
        found = _CODE.search(text)
        self._kept.appendleft(
            Kept(
                id=token_hex(8),
                kind="text",
                to=phone,
                subject="",
                text=text,
                html="",
                link="",
                code=found[0] if found else "",
                sent_at=datetime.now(UTC),
            )
        )

    def look(self, to: str | None = None) -> list[Kept]:
        """What is kept, the newest first.

        Arguments:
            to: only what was sent to this address or number.
        """
        return [each for each in self._kept if to is None or each.to.casefold() == to.casefold()]

    async def wait(self, to: str, *, patience: timedelta = timedelta(seconds=5)) -> Kept:
        """The newest that was sent to an address or number; it is waited for, since mails go out in the background.

        Raises:
            TimeoutError: nothing came.
        """
        async with asyncio.timeout(patience.total_seconds()):
            while not (found := self.look(to)):
                await asyncio.sleep(0.005)
        return found[0]

    def clear(self) -> None:
        """Keep nothing of what came so far."""
        self._kept.clear()

    def find(self, id: str) -> Kept | None:
        """One of those that are kept."""
        return next((each for each in self._kept if each.id == id), None)
