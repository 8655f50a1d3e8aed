"""The pages on which users let programs of others act for them: their consent, and the code that a device shows."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import sqlalchemy as sa

from backstay.auth.grants.ask import check_enabled
from backstay.auth.grants.client import DYNAMIC, find_client
from backstay.auth.grants.consent import refuse
from backstay.auth.grants.demand import SELECT_ACCOUNT, find_waiting, is_silent, suits
from backstay.auth.grants.issue import longest
from backstay.auth.pages.factor import factor_link
from backstay.auth.pages.faults import Fault, explain
from backstay.auth.pages.visit import Visit, for_users, link_to
from backstay.auth.protocol.answer import Answer
from backstay.auth.protocol.incoming import Incoming
from backstay.auth.steps.present import find_present
from backstay.auth.store.moment import now as moment_now
from backstay.errors import (
    AnonymousNotAllowed,
    BackstayError,
    FreshSignInNeeded,
    InsufficientAal,
    InteractionRequired,
    LoginRequired,
    NoAuthorization,
    OAuthAuthorizationNotFound,
    OAuthError,
    SignInError,
    TokenSessionNotFound,
    TokenUserNotFound,
)
from backstay.schema.caller import ANONYMOUS

_DONE: Final = ("approve", "deny")
_LONGEST_CODE: Final = 40
_TO_SIGN_IN: Final = (
    *(FreshSignInNeeded, InsufficientAal, AnonymousNotAllowed),
    *(NoAuthorization, TokenSessionNotFound, TokenUserNotFound),
)
"""Why somebody would have to sign in, though their browser has a session."""


async def show_consent(visit: Visit) -> Answer:
    """``GET /auth/consent``: who asks for what; a program that the user has let do all this before goes on at once."""
    id = visit.query.get("authorization_id", "")
    asked = await _find_waiting(visit, id)
    if asked is not None and is_silent(asked):
        return await _answer_silently(visit, id)
    return await _show_consent(visit)


async def _answer_silently(visit: Visit, id: str) -> Answer:
    """What a program is told that would have nobody asked: no page is shown, whatever it is."""
    refusal: OAuthError = LoginRequired()
    try:
        if visit.is_signed_in:
            return visit.go((await visit.ask("GET", _path(id)))["redirect_url"])
    except _TO_SIGN_IN as error:
        if isinstance(error, TokenSessionNotFound | TokenUserNotFound):
            visit.leave()
    except OAuthAuthorizationNotFound as error:
        return _refused(visit, id, error)
    except SignInError:
        refusal = InteractionRequired()
    try:
        return visit.go(await refuse(visit.sign_in, _incoming(visit), id, refusal))
    except OAuthAuthorizationNotFound as error:
        return _refused(visit, id, error)


@for_users
async def _show_consent(visit: Visit) -> Answer:
    id = visit.query.get("authorization_id", "")
    try:
        asked = await visit.ask("GET", _path(id))
    except (FreshSignInNeeded, InsufficientAal, OAuthAuthorizationNotFound) as error:
        return _refused(visit, id, error)
    if "redirect_url" in asked:
        return visit.pass_on(asked["redirect_url"])
    address = urlsplit(asked["redirect_uri"])
    return visit.show(
        "consent",
        asked=asked,
        scheme=address.scheme,
        host=address.netloc,
        life=_words(longest(visit.sign_in)),
        unchecked=await _is_unchecked(visit, asked["client"]["id"]),
        who=asked["user"]["email"] or visit.claims.get("phone"),
        back=_consent_link(id) if SELECT_ACCOUNT in asked["prompt"].split() else "",
    )


@for_users
async def decide(visit: Visit) -> Answer:
    """``POST /auth/consent``: the user's answer goes to the program, as the browser does; a device asks for its own."""
    id, action = visit.form.get("authorization_id", ""), visit.form.get("action", "")
    try:
        sent = await visit.ask("POST", f"{_path(id)}/consent", {"action": action})
    except (FreshSignInNeeded, InsufficientAal, OAuthAuthorizationNotFound) as error:
        return _refused(visit, id, error)
    if not sent["redirect_url"]:
        return visit.go(f"{link_to('device')}?done={action}")
    return visit.pass_on(sent["redirect_url"])


def _path(id: str) -> str:
    return f"/oauth/authorizations/{quote(id, safe='')}"


def _consent_link(id: str) -> str:
    return f"{link_to('consent')}?{urlencode({'authorization_id': id})}"


def _refused(visit: Visit, id: str, error: BackstayError) -> Answer:
    if isinstance(error, FreshSignInNeeded):
        return visit.go(f"{link_to('sign-in')}?{urlencode({'next': _consent_link(id)})}")
    if isinstance(error, InsufficientAal):
        return visit.go(factor_link(_consent_link(id)))
    return visit.show("told", status=error.status, reason="asked")


async def read_waiting(visit: Visit) -> sa.RowMapping | None:
    """What a program waits for where a browser wants to go; None where it goes to no consent."""
    path, _, query = visit.next.partition("?")
    if path != link_to("consent"):
        return None
    return await _find_waiting(visit, dict(parse_qsl(query)).get("authorization_id", ""))


async def _find_waiting(visit: Visit, id: str) -> sa.RowMapping | None:
    if not visit.sign_in.settings.oauth_server:
        return None
    async with visit.sign_in.session(readonly=True) as db:
        return await find_waiting(db, visit.sign_in, id, moment_now())


def _incoming(visit: Visit) -> Incoming:
    return Incoming(request=visit.request, caller=visit.welcome.caller or ANONYMOUS)


async def may_go_on(visit: Visit, asked: sa.RowMapping | None) -> bool:
    """Whether a browser with a session need not sign in again for what a program waits for."""
    if asked is None:
        return True
    incoming = _incoming(visit)
    try:
        async with visit.sign_in.session(readonly=True) as db:
            present = await find_present(db, visit.sign_in, incoming)
    except (TokenSessionNotFound, TokenUserNotFound):
        visit.leave()
        return False
    return suits(asked, present.session, incoming.now)


async def _is_unchecked(visit: Visit, client_id: str) -> bool:
    """Whether a program said itself what it is called."""
    async with visit.sign_in.session() as db:
        client = await find_client(db, visit.sign_in.tables, client_id)
    return client is None or client.registration == DYNAMIC


def _words(life: timedelta) -> str:
    """A time that is long enough to be told in whole days or hours."""
    hours = max(1, round(life / timedelta(hours=1)))
    count, unit = (hours // 24, "day") if hours >= 48 else (hours, "hour")
    return f"{count} {unit}{'s' if count > 1 else ''}"


# Devices -------------------------------------------------------------------------------------------------------


@for_users
async def show_device(visit: Visit) -> Answer:
    """``GET /auth/device``. A code in the address is filled in, and asked for all the same (RFC 8628 3.3.1)."""
    check_enabled(visit.sign_in)
    return _device_page(visit, visit.query.get("user_code", ""), done=visit.query.get("done", ""))


def _device_page(visit: Visit, code: str, fault: Fault | None = None, done: str = "") -> Answer:
    known: dict[str, Any] = {"code": code[:_LONGEST_CODE], "done": done if done in _DONE else ""}
    return visit.show("device", fault=fault, **known)


@for_users
async def meet_device(visit: Visit) -> Answer:
    """``POST /auth/device``: what the device with a code asks for is shown next. Guesses are counted by network."""
    code = visit.form.get("user_code", "")
    if not code.strip():
        return _device_page(visit, code, Fault("user_code", "Type the code that the device shows.", 422))
    try:
        asked = await visit.ask("POST", "/oauth/device", {"user_code": code})
    except InsufficientAal:
        return visit.go(factor_link(f"{link_to('device')}?{urlencode({'user_code': code[:_LONGEST_CODE]})}"))
    except BackstayError as error:
        return _device_page(visit, code, explain(error))
    return visit.go(_consent_link(asked["authorization_id"]))
