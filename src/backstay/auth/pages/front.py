"""``answer_page``: a request below ``/auth`` in, a page out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from backstay.auth.pages import account, consent, enter, factor, key, prove
from backstay.auth.pages.templates import FILES
from backstay.auth.pages.visit import Page, Site, Visit
from backstay.auth.protocol.answer import Answer
from backstay.auth.protocol.front import write
from backstay.errors import BackstayError, CrossSite, MethodNotAllowed, NotThere
from backstay.schema.exchange import Request

MOST_BYTES: Final = 64 * 1024
"""Most bytes of a form."""

_PAGES: Final[Mapping[str, Mapping[str, Page]]] = {
    "/sign-in": {"GET": enter.show_sign_in, "POST": enter.sign_in},
    "/sign-up": {"GET": enter.show_sign_up, "POST": enter.sign_up},
    "/sign-out": {"POST": enter.sign_out},
    "/verify": {"GET": prove.show_verify, "POST": prove.verify},
    "/resend": {"POST": prove.send_again},
    "/reset": {"GET": prove.show_reset, "POST": prove.reset},
    "/arrive": {"GET": prove.arrive},
    "/password": {"GET": prove.show_password, "POST": prove.change_password},
    "/provider": {"GET": enter.go_to_provider},
    "/mfa": {"GET": factor.show_mfa, "POST": factor.use_factor},
    "/factors": {"POST": factor.enroll},
    "/factor": {"POST": factor.confirm},
    "/codes": {"POST": factor.renew_codes},
    "/keys": {"POST": key.take_key},
    "/keys/options": {"POST": key.offer_key},
    "/account": {"GET": account.show_account},
    "/sessions": {"POST": account.end_session},
    "/grants": {"POST": account.take_back},
    "/consent": {"GET": consent.show_consent, "POST": consent.decide},
    "/device": {"GET": consent.show_device, "POST": consent.meet_device},
}


_REASONS: Final[Mapping[int, str]] = {403: "account", 404: "missing", 429: "often"}
"""What a refusal is about, by its status."""


async def answer_page(site: Site, request: Request) -> tuple[int, tuple[tuple[str, str], ...], bytes]:
    """Answer one request: status, headers and body.

    Arguments:
        site: whose pages.
        request: as it came, its path without ``/auth``.
    """
    name = request.path.removeprefix("/")
    if name in FILES and request.method in ("GET", "HEAD"):
        return write(_file(site, name))
    visit = None
    try:
        # A form that does not tell where it was made is known by its token.
        site.cookies.check(request.method, request.headers, untold=True)
        visit = Visit(site, request, await site.cookies.welcome(request.headers))
        return write(await _answer(visit))
    except BackstayError as error:
        visit = visit or Visit(site, _without_form(request), site.cookies.recall(request.headers))
        return write(_refuse(visit, error))


async def _answer(visit: Visit) -> Answer:
    request = visit.request
    page = _PAGES.get(request.path.rstrip("/"))
    if page is None:
        raise NotThere
    method = "GET" if request.method == "HEAD" else request.method
    if method not in page:
        raise MethodNotAllowed(f"Unsupported HTTP method: {request.method}", allow=tuple(page))
    if method == "POST" and not visit.is_own_form():
        raise CrossSite
    return await page[method](visit)


def _refuse(visit: Visit, error: BackstayError) -> Answer:
    reason = "form" if isinstance(error, CrossSite) else _REASONS.get(error.status, "request")
    reason = "outage" if error.status >= 500 else reason
    visit = Visit(visit.site, _without_form(visit.request), visit.welcome)
    answer = visit.show("told", status=error.status, reason=reason)
    allow = (("allow", ", ".join(error.allow)),) if isinstance(error, MethodNotAllowed) and error.allow else ()
    return Answer(None, answer.status, (*answer.headers, *error.headers.items(), *allow), answer.text)


def _without_form(request: Request) -> Request:
    """A request of which nothing is read any more but who sent it."""
    return Request("GET", request.path, "", request.headers, b"", request.address)


def _file(site: Site, name: str) -> Answer:
    text = site.templates.read(name) or ""
    headers = (("content-type", f"{FILES[name]}; charset=utf-8"), ("cache-control", "public, max-age=300"))
    return Answer(None, 200, headers, text)
