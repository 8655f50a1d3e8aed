"""``Visit``: one request of a browser to a page, and the answer that it gets."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property, wraps
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qsl, quote

import orjson

from backstay.auth.cookies.form import is_form_token, make_form_token
from backstay.auth.cookies.jar import Name, SetCookie
from backstay.auth.cookies.origin import origin_of
from backstay.auth.cookies.welcome import Cookies, Welcome
from backstay.auth.pages.faults import Fault
from backstay.auth.pages.target import choose_next
from backstay.auth.pages.templates import Templates
from backstay.auth.protocol.answer import Answer, redirect
from backstay.auth.protocol.front import dispatch
from backstay.auth.secret import challenge_of, keyed_digest, make_token
from backstay.auth.sign_in import SignIn
from backstay.auth.steps.redirect import PAGES
from backstay.errors import TokenSessionNotFound, TokenUserNotFound, ValidationFailed
from backstay.schema.caller import ANONYMOUS
from backstay.schema.exchange import Request

FORM: Final = "application/x-www-form-urlencoded"
_MOST_FIELDS: Final = 100
_VISIT_LIFE: Final = timedelta(days=1)
_SHORTEST_VISIT: Final = 32
_LONGEST_VISIT: Final = 64
_HARDENED: Final = (
    ("cache-control", "no-store"),
    ("referrer-policy", "no-referrer"),
    ("x-frame-options", "DENY"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=()"),
)


@dataclass(frozen=True, slots=True)
class Site:
    """What pages work with in one application.

    Arguments:
        sign_in: its sign-in.
        cookies: know who is there.
        templates: what pages are made of.
    """

    sign_in: SignIn
    cookies: Cookies
    templates: Templates


class Visit:
    """A browser at a page.

    Arguments:
        site: where.
        request: what it sent, its path without ``/auth``.
        welcome: who is there, and what their browser has kept.
    """

    def __init__(self, site: Site, request: Request, welcome: Welcome) -> None:
        self.site = site
        self.sign_in = site.sign_in
        self.request = request
        self.welcome = welcome
        self._lines: list[SetCookie] = list(welcome.lines)
        kept = welcome.kept.visit
        self._is_known = _SHORTEST_VISIT <= len(kept) <= _LONGEST_VISIT
        self._visit = kept if self._is_known else make_token()

    # What it sent ----------------------------------------------------------------------------------------------

    @cached_property
    def query(self) -> Mapping[str, str]:
        """What the address says."""
        return _read(self.request.query)

    @cached_property
    def form(self) -> Mapping[str, str]:
        """What was filled in.

        Raises:
            ValidationFailed: it is no form that a page of ours has.
        """
        if self.request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
            raise ValidationFailed("A form is sent as one.")
        try:
            return _read(self.request.body.decode("ascii"))
        except UnicodeDecodeError:
            raise ValidationFailed from None

    @property
    def next(self) -> str:
        """Where it wants to go in the end, as it was said; not yet whether it may."""
        said = self.form if self.request.method == "POST" else self.query
        return said.get("next", "")

    @property
    def is_signed_in(self) -> bool:
        """Whether it has a session."""
        return self.welcome.caller is not None

    @property
    def claims(self) -> Mapping[str, Any]:
        """What its session's token says."""
        return {} if self.welcome.caller is None else self.welcome.caller.claims

    def is_own_form(self) -> bool:
        """Whether the form was made for this browser."""
        known = self.is_signed_in or self._is_known
        return known and is_form_token(self.sign_in.form_key, self._bound, self.form.get("form_token", ""))

    @property
    def _bound(self) -> str:
        return f"session:{self.claims.get('session_id')}" if self.is_signed_in else f"visit:{self._visit}"

    # What it gets ----------------------------------------------------------------------------------------------

    async def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None, query: str = "") -> Any:
        """What sign-in's own protocol answers, asked in the name of who is there: the document.

        Raises:
            BackstayError: as there.
        """
        sent = {name: value for name, value in self.request.headers.items() if name not in ("cookie", "authorization")}
        content = b"" if body is None else orjson.dumps(body)
        request = Request(method, path, query, sent, content, self.request.address)
        caller = self.welcome.caller or ANONYMOUS
        return (await dispatch(self.sign_in, request, caller)).document

    @property
    def challenge(self) -> Mapping[str, str]:
        """By what the server knows this browser again when it comes back by a link (RFC 7636)."""
        self._remember()
        return {"code_challenge": challenge_of(self.verifier), "code_challenge_method": "s256"}

    @property
    def verifier(self) -> str:
        """What only this browser leads to."""
        return keyed_digest(self.sign_in.form_key, "verifier", self._visit)

    async def enter(self, session: Mapping[str, Any]) -> None:
        """Have the browser keep a new session. The one that it had ends, and so do its forms (ASVS 7.2.4)."""
        if self.is_signed_in:
            with suppress(TokenSessionNotFound, TokenUserNotFound):  # it is over already
                await self.ask("POST", "/logout", query="scope=local")
        self.renew(session)
        self._lines += self.site.cookies.jar.empty(self.welcome.kept, Name.VISIT)

    def renew(self, session: Mapping[str, Any]) -> None:
        """Have the browser keep its session's new tokens."""
        self.welcome = self.site.cookies.keep(self.welcome.kept, session)
        self._lines = list(self.welcome.lines)

    def leave(self) -> None:
        """Have the browser keep nothing."""
        kept = self.welcome.kept
        self.welcome = Welcome(None, "", kept)
        self._lines = self.site.cookies.jar.empty(kept, *Name)
        self._is_known, self._visit = False, make_token()

    def show(
        self, page: str, *, fault: Fault | None = None, status: int = 200, keys: bool = False, **words: Any
    ) -> Answer:
        """A page.

        Arguments:
            page: its template.
            fault: what was wrong with its form.
            status: of the answer, where nothing was.
            keys: whether it has a script, which asks the browser for keys.
            words: what else it says.
        """
        if not self.is_signed_in:
            self._remember()
        asked = self.next
        filled = self.form if self.request.method == "POST" else self.query
        text = self.site.templates.render(
            page,
            {
                "next": asked if choose_next(self.sign_in, asked) == asked else "",
                "form_token": make_form_token(self.sign_in.form_key, self._bound),
                "signed_in": self.is_signed_in,
                "values": {"email": filled.get("email", "")[:320]},
                "errors": {} if fault is None else {fault.field or "form": fault.message},
                "keys": keys,
                **words,
            },
        )
        more = () if fault is None else fault.headers
        headers = (("content-type", "text/html; charset=utf-8"), *self._headers(keys), *more, *self._lines)
        return Answer(None, status if fault is None else fault.status, headers, text)

    def tell(self, document: Mapping[str, Any], status: int = 200) -> Answer:
        """An answer for the page's script."""
        return Answer(document, status, (("cache-control", "no-store"), *self._lines))

    def go(self, target: str) -> Answer:
        """Send the browser on."""
        sent = redirect(target)
        return Answer(None, sent.status, (*sent.headers, ("cache-control", "no-store"), *self._lines))

    def pass_on(self, target: str) -> Answer:
        """Send the browser on to another application, by way of a page.

        Browsers hold a form to its policy on the whole way that its answer sends them, and where another application
        sends them from its address is not ours to say.
        """
        page = self.show("leave", target=target)
        return replace(page, headers=(*page.headers, ("refresh", f"0;url={target}")))

    def _remember(self) -> None:
        if not self._is_known:
            self._is_known = True
            self._lines += self.site.cookies.jar.put_visit(self.welcome.kept, self._visit, _VISIT_LIFE)

    def _headers(self, keys: bool) -> tuple[tuple[str, str], ...]:
        # Browsers hold a form to its policy on the way that its answer sends them, too.
        target = origin_of(choose_next(self.sign_in, self.next))
        actions = " ".join(dict.fromkeys(["'self'", *([target] if target else [])]))
        script = "script-src 'self'; connect-src 'self'; " if keys else ""
        policy = (
            f"default-src 'none'; style-src 'self'; img-src 'self' data:; {script}"
            f"form-action {actions}; base-uri 'none'; frame-ancestors 'none'"
        )
        return (("content-security-policy", policy), *_HARDENED)


Page: TypeAlias = Callable[[Visit], Awaitable[Answer]]


def for_users(page: Page) -> Page:
    """A page for users alone: whoever is not signed in, or not any more, does that first, and comes back to it."""

    @wraps(page)
    async def answer(visit: Visit) -> Answer:
        if visit.is_signed_in:
            try:
                return await page(visit)
            except (TokenSessionNotFound, TokenUserNotFound):
                visit.leave()
        request = visit.request
        if request.method == "POST":
            return visit.go(link_to("sign-in"))
        back = link_to(request.path.removeprefix("/")) + (f"?{request.query}" if request.query else "")
        return visit.go(f"{link_to('sign-in')}?next={quote(back, safe='/')}")

    return answer


def link_to(page: str) -> str:
    """The path of a page."""
    return f"{PAGES}/{page}"


def _read(text: str) -> Mapping[str, str]:
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="strict")
    except ValueError:
        raise ValidationFailed from None
    found: dict[str, str] = {}
    for name, value in pairs:
        found.setdefault(name, value)
    return found
