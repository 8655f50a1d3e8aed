"""SMTP: mails go to a server of the developer's choice, by aiosmtplib."""

from __future__ import annotations

import asyncio
import socket
import ssl
from dataclasses import dataclass, field
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as POLICY
from email.utils import formatdate
from types import ModuleType
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

from backstay.errors import DeclarationError
from backstay.schema.post.mail import Mail, Undeliverable, is_address

_LOCAL: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_HINT: Final = "Write smtp://user:password@host:587, or smtps://user:password@host:465."


@dataclass(frozen=True, slots=True)
class Place:
    """Where an SMTP server is, and how it is spoken to.

    Arguments:
        host, port: its address.
        user, password: who signs in there; empty: nobody.
        tls: the connection is encrypted from its first byte (``smtps``).
        starttls: the connection is encrypted before anything is said; a server that cannot is not used.
    """

    host: str
    port: int
    user: str = ""
    password: str = field(default="", repr=False)
    tls: bool = False
    starttls: bool = False


def read_place(url: str) -> Place:
    """Read the setting ``smtp_url``.

    Raises:
        DeclarationError: it is no such URL, or would send a password in the clear.
    """
    try:
        parts = urlsplit(url)
        port, options = parts.port, dict(parse_qsl(parts.query, strict_parsing=True) if parts.query else ())
    except ValueError:
        raise DeclarationError("smtp_url: it cannot be read.", hint=_HINT) from None
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname or parts.path.strip("/") or parts.fragment:
        raise DeclarationError("smtp_url: it is no URL of an SMTP server.", hint=_HINT)
    tls, local = parts.scheme == "smtps", parts.hostname in _LOCAL
    word = options.pop("starttls", "never" if local or tls else "always")
    if options or word not in ("always", "never") or (tls and word == "always"):
        raise DeclarationError("smtp_url: after the ? stands starttls=always or starttls=never, for smtp:// alone.")
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if user and not (tls or local or word == "always"):
        raise DeclarationError("smtp_url: it would send the password over the network in the clear.", hint=_HINT)
    return Place(parts.hostname, port or (465 if tls else 587), user, password, tls, word == "always")


class Smtp:
    """A :class:`~backstay.schema.post.mail.Mailer` that speaks SMTP, one connection for each mail.

    Arguments:
        place: the server.
        sender: the address that mails come from.
        name: the name that mails come from; empty: none.
        timeout: seconds that the server may take for each of its answers.
        trust: whose certificates are believed; None: those that the system believes.

    Raises:
        DeclarationError: the sender's address is none.
    """

    def __init__(
        self, place: Place, *, sender: str, name: str = "", timeout: float = 10, trust: ssl.SSLContext | None = None
    ) -> None:
        if not is_address(sender):
            raise DeclarationError(
                "mail_from: it is no address." if sender else "mail_from: mails need an address that they come from.",
                hint="Set mail_from, as in no-reply@example.com.",
            )
        self._place = place
        self._sender = _for_wire(sender)
        self._name = " ".join(name.split())
        self._timeout = timeout
        self._trust = trust

    async def send(self, mail: Mail) -> None:
        """Send a mail.

        Raises:
            Undeliverable: the server refused it for good.
            Exception: whatever went wrong on the way.
        """
        smtp, trust = await asyncio.to_thread(self._prepare)
        place = self._place
        client = smtp.SMTP(
            hostname=place.host,
            port=place.port,
            username=place.user or None,
            password=place.password or None,
            use_tls=place.tls,
            start_tls=place.starttls,
            tls_context=trust,
            timeout=self._timeout,
            local_hostname=_own_name(),
        )
        try:
            async with client:
                await client.send_message(self.compose(mail), sender=self._sender, recipients=[_for_wire(mail.to)])
        except smtp.SMTPRecipientsRefused as error:
            _refuse(max(each.code for each in error.recipients))
            raise
        except smtp.SMTPResponseException as error:
            _refuse(error.code)
            raise
        except smtp.SMTPNotSupported:
            raise Undeliverable("the server cannot do what the mail needs") from None

    def compose(self, mail: Mail) -> EmailMessage:
        """The mail as RFC 5322 writes it."""
        message = EmailMessage(POLICY)
        domain = self._sender.rpartition("@")[2]
        message["From"] = _address(self._sender, self._name)
        message["To"] = _address(_for_wire(mail.to))
        message["Subject"] = mail.subject
        message["Date"] = formatdate()
        message["Message-ID"] = f"<{mail.id}@{domain}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(mail.text, cte="quoted-printable")
        message.add_alternative(mail.html, subtype="html", cte="quoted-printable")
        return message

    def _prepare(self) -> tuple[ModuleType, ssl.SSLContext]:
        # Loading the library and the system's certificates takes longer than a request may wait.
        import aiosmtplib

        if self._trust is None:
            self._trust = ssl.create_default_context()
        return aiosmtplib, self._trust


def _refuse(code: int) -> None:
    """Give up where the server said that it will not change its mind (RFC 5321, 4.2.1)."""
    if 500 <= code < 600:
        raise Undeliverable(f"the server answered {code}") from None


def _for_wire(address: str) -> str:
    """An address with its domain in ASCII, which any server takes (RFC 5891)."""
    local, _, domain = address.rpartition("@")
    try:
        return f"{local}@{domain.encode('idna').decode('ascii')}"
    except UnicodeError:
        return address


def _address(address: str, name: str = "") -> Address:
    local, _, domain = address.rpartition("@")
    return Address(name, local, domain)


def _own_name() -> str:
    """What this machine calls itself; asking the network for it would take a while."""
    name = socket.gethostname()
    return name if name.isascii() and name.replace("-", "").replace(".", "").isalnum() else "localhost"
