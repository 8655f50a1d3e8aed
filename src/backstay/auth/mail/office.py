"""The post office: letters and texts are taken at once, and sent in the background until they have gone."""

from __future__ import annotations

import asyncio
import contextlib
import time
import traceback
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from secrets import token_hex
from typing import Final

from backstay.auth.mail.letter import Letter
from backstay.auth.mail.templates import Templates
from backstay.observe import MailDelayed, MailFailed, MailSent, observe
from backstay.schema.post.mail import Mail, Mailer, Undeliverable
from backstay.schema.post.text import Texter

WAITS: Final = (2.0, 8.0, 30.0, 120.0, 300.0)
"""Seconds before each further attempt: what is mailed is of no use much later than it was asked for."""

_MOST: Final = 1000
_AT_ONCE: Final = 4
_DEADLINE: Final = 30.0
_DRAIN: Final = 5.0


@dataclass(frozen=True, slots=True)
class _Parcel:
    """One mail or text on its way. ``send`` may be awaited again after it has failed."""

    kind: str
    id: str
    send: Callable[[], Awaitable[None]]


class PostOffice:
    """Sends letters and texts in the background, a few at once, again with growing waits where sending fails.

    Nobody waits for it and nothing it meets ends it: whatever a mailer raises is observed, never raised. What is on its
    way is kept in this process alone.

    Arguments:
        templates: put letters into words.
        mailer: sends mails; None: nobody does.
        texter: sends texts; None: nobody does.
        waits: seconds before each further attempt.
        most: how many may be on their way; further ones are refused, visibly.
        at_once: how many are being sent at any time.
        deadline: seconds that one attempt may take.
    """

    def __init__(
        self,
        templates: Templates,
        *,
        mailer: Mailer | None = None,
        texter: Texter | None = None,
        waits: Sequence[float] = WAITS,
        most: int = _MOST,
        at_once: int = _AT_ONCE,
        deadline: float = _DEADLINE,
    ) -> None:
        self.templates = templates
        self._mailer = mailer
        self._texter = texter
        self._waits = tuple(waits)
        self._most = most
        self._places = asyncio.Semaphore(at_once)
        self._deadline = deadline
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = asyncio.Event()

    @property
    def mails(self) -> bool:
        """Whether mails can be sent."""
        return self._mailer is not None

    @property
    def texts(self) -> bool:
        """Whether texts can be sent."""
        return self._texter is not None

    @property
    def waiting(self) -> int:
        """How many are on their way."""
        return len(self._tasks)

    async def open(self) -> None:
        """Look at the application's own templates.

        Raises:
            DeclarationError: naming everything that is wrong with them.
        """
        await asyncio.to_thread(self.templates.check)

    def post(self, letter: Letter) -> None:
        """Send a letter, later; it returns at once and never raises."""
        id, written = token_hex(8), list[Mail]()

        async def send() -> None:
            if self._mailer is None:
                raise Undeliverable("smtp_url is not set")
            if not written:
                written.append(await asyncio.to_thread(self._write, letter, id))
            await self._mailer.send(written[0])

        self._take(_Parcel(letter.kind, id, send))

    def post_text(self, phone: str, code: str, *, minutes: int) -> None:
        """Send a code to a phone, later; it returns at once and never raises.

        Arguments:
            phone: the digits of its number, as :func:`~backstay.schema.post.text.read_phone` gives them.
            code: the code.
            minutes: how long it is good.
        """

        async def send() -> None:
            if self._texter is None:
                raise Undeliverable("nobody sends texts: Auth(..., sms=...) names who does")
            text = await asyncio.to_thread(self.templates.write_text, code, minutes=minutes)
            await self._texter.send(f"+{phone}", text)

        self._take(_Parcel("text", token_hex(8), send))

    async def close(self, patience: float = _DRAIN) -> None:
        """Stop: what waits is tried once more at once; what has not gone after ``patience`` seconds is given up."""
        self._closing.set()
        left = set(self._tasks)
        if left:
            _, left = await asyncio.wait(left, timeout=patience)
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=1)

    def _take(self, parcel: _Parcel) -> None:
        if self._closing.is_set() or len(self._tasks) >= self._most:
            reason = "the application stops" if self._closing.is_set() else "too many are on their way"
            observe(MailFailed(parcel.kind, parcel.id, 0, reason))
            return
        task = asyncio.create_task(self._carry(parcel))
        self._tasks.add(task)  # or it might be collected before it is done
        task.add_done_callback(self._tasks.discard)

    async def _carry(self, parcel: _Parcel) -> None:
        attempts = 0
        try:
            for wait in (*self._waits, None):
                attempts += 1
                reason, final = await self._attempt(parcel, attempts)
                if reason is None:
                    return
                if final or wait is None or self._closing.is_set():
                    observe(MailFailed(parcel.kind, parcel.id, attempts, reason))
                    return
                observe(MailDelayed(parcel.kind, parcel.id, attempts, reason, wait))
                await self._pause(wait)
        except asyncio.CancelledError:
            observe(MailFailed(parcel.kind, parcel.id, attempts, "the application stopped"))
            raise

    async def _attempt(self, parcel: _Parcel, attempts: int) -> tuple[str | None, bool]:
        """Try once: why it failed (None: it did not), and whether that is final."""
        async with self._places:
            began = time.perf_counter()
            try:
                async with asyncio.timeout(self._deadline):
                    await parcel.send()
            except Undeliverable as error:
                return error.reason, True
            except Exception as error:
                return explain(error), False
        observe(MailSent(parcel.kind, parcel.id, attempts, (time.perf_counter() - began) * 1000))
        return None, False

    async def _pause(self, seconds: float) -> None:
        """Wait, but not for longer than the office is open."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._closing.wait()

    def _write(self, letter: Letter, id: str) -> Mail:
        try:
            return replace(self.templates.write(letter), id=id)
        except Undeliverable:
            raise
        except Exception as error:
            raise Undeliverable(f"its template failed: {explain(error)}") from error


def explain(error: Exception) -> str:
    """An error without its message, which may hold the address or the code: its kind, and where it comes from."""
    code = getattr(error, "code", None)
    told = type(error).__name__ + (f" {code}" if isinstance(code, int) else "")
    frames = traceback.extract_tb(error.__traceback__)
    return f"{told} ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else told
