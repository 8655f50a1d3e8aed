"""The mailbox's pages: every mail and text of an application under development, for whoever sits at this machine.

``/mailbox`` lists them, ``/mailbox/<id>`` shows one, ``/mailbox.json?to=`` tells programs the same. They hold what
signs people in, so only this machine's own requests are answered, under one of its own names: no tunnel, no proxy, and
no page of another site whose name was made to lead here.
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import re
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs

import orjson

from backstay.app import Backstay
from backstay.auth.mail.mailbox import Kept, Mailbox
from backstay.auth.sms.console import Console
from backstay.frontends.http import Response
from backstay.server.asgi import Receive, Scope, Send, frame

if TYPE_CHECKING:
    from jinja2 import Template

PREFIX: Final = "/mailbox"
JSON: Final = "/mailbox.json"

_STYLE: Final = re.compile(r"<style[^>]*>(.*?)</style>", re.DOTALL | re.IGNORECASE)
_PASSED_ON: Final = frozenset({b"forwarded", b"via", b"x-forwarded-for", b"x-forwarded-host", b"x-real-ip"})
_HARDENED: Final = (
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("referrer-policy", "no-referrer"),
    ("x-frame-options", "DENY"),
)


def open_mailbox(app: Backstay) -> bool:
    """Give an application a mailbox for what it has no other way to send; whether it needs one."""
    auth = app.auth
    if auth is None or not auth.sign_in:
        return False
    mailbox = Mailbox()
    mail = mailbox if auth.mail is None and not app.settings.smtp_url else None
    sms = Console(mailbox) if auth.sms is None else None
    if mail is None and sms is None:
        return False
    app.send_by(mail=mail, sms=sms)
    pages = MailboxPages(mailbox)
    for path in (PREFIX, JSON):
        app.mount(path, pages)
    return True


class MailboxPages:
    """An ASGI application to be mounted at :data:`PREFIX` and at :data:`JSON`.

    Arguments:
        mailbox: what is shown.
    """

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == "http":
            for message in frame(self._respond(scope), scope["method"]):
                await send(message)

    def _respond(self, scope: Scope) -> Response:
        if not is_local(scope):
            return _plain(403, "The mailbox is open to its own machine alone.")
        if scope["method"] not in ("GET", "HEAD"):
            return _plain(405, "It can only be read.", ("allow", "GET, HEAD"))
        to = parse_qs(scope["query_string"].decode("latin-1")).get("to", [None])[0] or None
        path = scope["path"]
        if path == JSON:
            body = orjson.dumps([asdict(each) for each in self._mailbox.look(to)])
            return Response(200, (("content-type", "application/json; charset=utf-8"), *_HARDENED), body)
        if path in (PREFIX, f"{PREFIX}/"):
            return _page(self._template.render(mails=self._mailbox.look(to), to=to))
        mail = self._mailbox.find(path.removeprefix(f"{PREFIX}/"))
        if mail is None:
            return _plain(404, "There is no such mail, or it is kept no longer.")
        return _page(self._template.render(mail=mail, html=_framed(mail)), mail)

    @cached_property
    def _template(self) -> Template:
        from jinja2 import Environment

        text = Path(__file__).with_name("static").joinpath("mailbox.html").read_text(encoding="utf-8")
        return Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(text)


def is_local(scope: Scope) -> bool:
    """Whether a request comes from this machine itself, was passed on by nobody, and calls this machine by its name."""
    peer = scope.get("client")
    headers = dict(scope["headers"])
    if peer is None or not _is_loopback(str(peer[0])) or _PASSED_ON & headers.keys():
        return False
    host = headers.get(b"host", b"").decode("latin-1").lower()
    name = re.sub(r":\d+$", "", host).removeprefix("[").removesuffix("]")
    return name == "localhost" or name.endswith(".localhost") or _is_loopback(name)


def _is_loopback(text: str) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)


def _framed(mail: Kept) -> str:
    """The HTML as the frame shows it: its links open outside of the frame, which lets nothing else out."""
    return f'<base target="_blank">{mail.html}'


def _policy(page: str, mail: Kept | None) -> str:
    """What a page may load: its own style; the frame, which inherits this, the styles and pictures of the mail."""
    styles = [*_STYLE.findall(page), *(_STYLE.findall(mail.html) if mail else ())]
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(style.encode('utf-8')).digest()).decode('ascii')}'"
        for style in styles
    )
    return "; ".join(
        (
            "default-src 'none'",
            f"style-src-elem {hashes}",
            *(("style-src-attr 'unsafe-inline'", "img-src data: https:") if mail else ()),
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        )
    )


def _page(text: str, mail: Kept | None = None) -> Response:
    policy = ("content-security-policy", _policy(text, mail))
    return Response(200, (("content-type", "text/html; charset=utf-8"), policy, *_HARDENED), text.encode("utf-8"))


def _plain(status: int, text: str, *headers: tuple[str, str]) -> Response:
    return Response(status, (("content-type", "text/plain; charset=utf-8"), *headers, *_HARDENED), f"{text}\n".encode())
