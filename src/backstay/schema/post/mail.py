"""Mail: what is sent to a user's address, and the protocol of whoever sends it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Final, Literal, Protocol, TypeAlias, get_args

MailKind: TypeAlias = Literal[
    "confirmation",
    "recovery",
    "magic_link",
    "invite",
    "email_change",
    "reauthentication",
    "password_changed",
    "email_changed",
    "phone_changed",
    "identity_linked",
    "identity_unlinked",
    "factor_enrolled",
    "factor_removed",
    "passkey_added",
    "passkey_removed",
    "api_key_made",
    "api_key_changed",
]
"""What a mail is for. The first six carry a link or a code; the others only tell what has happened."""

KINDS: Final[tuple[MailKind, ...]] = get_args(MailKind)

_LOCAL: Final = re.compile(r'[^\s@<>()\[\]\\,;:"\x00-\x1f\x7f-\x9f]+')
_LABEL: Final = re.compile(r"[^\W_](?:[\w-]*[^\W_])?")
_LINE: Final = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]*")


class Undeliverable(Exception):
    """It cannot be sent, and no second attempt would change that.

    A :class:`Mailer` or a :class:`~backstay.schema.post.text.Texter` raises it; whatever else they raise is taken for a
    fault that passes, and they are called again later.

    Arguments:
        reason: why, in words that hold no address, no code and no link: it is logged.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Mail:
    """One mail to one address, ready to be sent. It cannot hold what would forge a header.

    Arguments:
        kind: what it is for.
        to: the address.
        subject: one line.
        text, html: the same message twice.
        link: what the user is to follow; empty: nothing.
        code: what the user is to type; empty: nothing.
        id: unlike any other mail's; logs name the mail by it.

    Raises:
        Undeliverable: the address is none, or the subject is not one line.
    """

    kind: MailKind
    to: str
    subject: str
    text: str
    html: str
    link: str = ""
    code: str = ""
    id: str = field(default_factory=lambda: token_hex(8))

    def __post_init__(self) -> None:
        if not is_address(self.to):
            raise Undeliverable("the address is none")
        if not _LINE.fullmatch(self.subject):
            raise Undeliverable("the subject is not one line of text")

    def __repr__(self) -> str:
        # Codes and links sign people in: they belong into no log.
        return f"Mail(kind={self.kind!r}, id={self.id!r})"


class Mailer(Protocol):
    """One's own way of sending mail: given as ``Auth(User, mail=...)``."""

    async def send(self, mail: Mail) -> None:
        """Send a mail, or hand it to whoever does.

        It is called in the background, and again after a failure, so the mail of one ``id`` may come twice.

        Raises:
            Undeliverable: no further attempt would succeed.
        """
        ...


def is_address(text: str) -> bool:
    """Whether ``text`` is an e-mail address that mail can be sent to (RFC 5321, without quoted names and literals)."""
    local, at, domain = text.rpartition("@")
    labels = domain.split(".")
    return (
        bool(at)
        and len(text) <= 254
        and len(local.encode("utf-8", "replace")) <= 64
        and bool(_LOCAL.fullmatch(local))
        and _LINE.fullmatch(local) is not None
        and not (local.startswith(".") or local.endswith(".") or ".." in local)
        and all(len(label) <= 63 and _LABEL.fullmatch(label) for label in labels)
    )
