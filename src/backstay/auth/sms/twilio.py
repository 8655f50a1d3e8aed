"""Twilio: texts go out by its REST API."""

from __future__ import annotations

import asyncio
import ssl
from typing import Final

from backstay.errors import DeclarationError
from backstay.schema.post.mail import Undeliverable

_ADDRESS: Final = "https://api.twilio.com/2010-04-01/Accounts"


class Twilio:
    """A :class:`~backstay.schema.post.text.Texter` that sends by Twilio.

    Arguments:
        account_sid: the account, ``AC...``.
        auth_token: its secret. Read it from the environment.
        sender: the number or name that texts come from.
        messaging_service: the service (``MG...``) that chooses it, in the place of ``sender``.
        address: where the accounts of the API are.
        timeout: seconds that one call may take.

    Raises:
        DeclarationError: something is missing.
    """

    def __init__(
        self,
        account_sid: str,
        auth_token: str,
        *,
        sender: str = "",
        messaging_service: str = "",
        address: str = _ADDRESS,
        timeout: float = 10,
    ) -> None:
        if not (account_sid.isalnum() and auth_token):
            raise DeclarationError("Twilio: there are no account_sid and auth_token.")
        if bool(sender) == bool(messaging_service):
            raise DeclarationError("Twilio: give either a sender or a messaging_service.")
        self._address = f"{address}/{account_sid}/Messages.json"
        self._auth = (account_sid, auth_token)
        self._from = {"From": sender} if sender else {"MessagingServiceSid": messaging_service}
        self._timeout = timeout
        self._trust: ssl.SSLContext | None = None

    def __repr__(self) -> str:
        return "Twilio(...)"

    async def send(self, phone: str, text: str) -> None:
        """Send a text.

        Raises:
            Undeliverable: Twilio refused it for good.
            Exception: whatever went wrong on the way.
        """
        trust = await asyncio.to_thread(self._prepare)
        import httpx2

        async with (
            asyncio.timeout(self._timeout),
            httpx2.AsyncClient(verify=trust, timeout=self._timeout, follow_redirects=False) as client,
        ):
            form = {"To": phone, "Body": text, **self._from}
            answer = await client.post(self._address, data=form, auth=self._auth)
        if answer.status_code // 100 == 2:
            return
        reason = f"Twilio answered {answer.status_code}"
        # Anything but a passing fault would be the same again.
        if answer.status_code in (408, 425, 429) or answer.status_code >= 500:
            raise ConnectionError(reason)
        raise Undeliverable(reason)

    def _prepare(self) -> ssl.SSLContext:
        # Loading the library and the system's certificates takes longer than a request may wait.
        import httpx2  # noqa: F401

        if self._trust is None:
            self._trust = ssl.create_default_context()
        return self._trust
