"""A browser without a window: it keeps cookies, reads forms, and sends them as browsers do."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode, urlsplit

from asking import Agency
from behaviour.door import Answer, call
from signing_in import Club

HOME = "https://club.example"


@dataclass
class Form:
    """A form of a page: where it goes, and its fields with their values."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)


class Page(HTMLParser):
    """What a page holds."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text
        self.forms: list[Form] = []
        self.links: list[str] = []
        self.inputs: dict[str, dict[str, str | None]] = {}
        self.labels: set[str] = set()
        self.ids: list[str] = []
        self.tags: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take in a tag."""
        found = dict(attrs)
        self.tags.append(tag)
        if found.get("id"):
            self.ids.append(found["id"] or "")
        if tag == "form":
            self.forms.append(Form(found.get("action") or "", found.get("method") or "get"))
        elif tag == "input":
            self.inputs[found.get("name") or ""] = found
            if self.forms and found.get("type") not in ("checkbox", "radio"):
                self.forms[-1].fields[found.get("name") or ""] = found.get("value") or ""
        elif tag == "label":
            self.labels.add(found.get("for") or "")
        elif tag == "a":
            self.links.append(found.get("href") or "")


class Browser:
    """Somebody's browser.

    Arguments:
        club: where they go; an agency will do.
        home: under which address.
        address: from which one; None: nobody knows.
    """

    def __init__(self, club: Club | Agency, home: str = HOME, *, address: str | None = None) -> None:
        self.club = club
        self.home = home
        self.address = address
        self.cookies: dict[str, str] = {}
        self.set: list[str] = []
        self.last: Answer | None = None

    def get(self, path: str, **headers: str) -> Answer:
        """Go to an address, as by a link of another site."""
        return self.send("GET", path, **{"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate", **headers})

    def post(self, path: str, fields: Mapping[str, str], **headers: str) -> Answer:
        """Send a form of our own pages."""
        sent = {"sec_fetch_site": "same-origin", "content_type": "application/x-www-form-urlencoded", **headers}
        return self.send("POST", path, urlencode(fields).encode(), **sent)

    def send(self, method: str, path: str, content: bytes = b"", **headers: str) -> Answer:
        """Send anything, with the cookies."""
        return self.club.run(self.sending(method, path, content, **headers))

    async def sending(self, method: str, path: str, content: bytes = b"", **headers: str) -> Answer:
        """The same, to be awaited beside others."""
        sent = {"host": urlsplit(self.home).netloc, "user-agent": "Mozilla/5.0 (a test)"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items() if value}
        if self.cookies:
            sent["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        if content:
            sent["content-length"] = str(len(content))
        where, _, query = path.removeprefix(self.home).partition("?")
        lines = [(name.encode(), value.encode()) for name, value in sent.items()]
        answer = await call(self.club.app, method, where.encode(), query.encode(), lines, content, self.address)
        self._take(answer)
        self.last = answer
        return answer

    def page(self) -> Page:
        """The page that is shown."""
        assert self.last is not None
        return Page(self.last.body.decode())

    def fill(self, action: str, /, **fields: str) -> Answer:
        """Fill in the form of the page that is shown, and send it."""
        return self.submit(self.form(action), **fields)

    def form(self, action: str) -> Form:
        """The form of the page that is shown that goes somewhere."""
        return next(each for each in self.page().forms if each.action == action)

    def submit(self, form: Form, *, to: str = "", **fields: str) -> Answer:
        """Send a form."""
        return self.post(to or form.action, {**form.fields, **fields})

    def follow(self) -> Answer:
        """Go where the last answer sends."""
        assert self.last is not None
        return self.get(self.last.headers["location"])

    @property
    def is_signed_in(self) -> bool:
        """Whether it keeps a session."""
        return any("backstay-access" in name for name in self.cookies)

    def token(self, name: str = "__Host-backstay-access") -> str:
        """The access token that it keeps."""
        return self.cookies[name]

    def _take(self, answer: Answer) -> None:
        header = answer.headers.get("set-cookie", "")
        self.set = [each for each in header.split(", ") if each]
        for line in self.set:
            name, _, value = line.partition(";")[0].partition("=")
            if "Max-Age=0;" in line:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value


def session_of(browser: Browser) -> str:
    """The session that a browser's token is of."""
    payload = browser.token().split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return str(claims["session_id"])
