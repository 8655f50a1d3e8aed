"""The pages on which people show that an address is theirs: by a code, by a link, for a new password."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlencode

from backstay.auth.pages.factor import again_link, factor_link, needs_factor
from backstay.auth.pages.faults import Fault, explain
from backstay.auth.pages.target import arrival_url, choose_next
from backstay.auth.pages.visit import Visit, for_users, link_to
from backstay.auth.protocol.answer import Answer
from backstay.auth.steps.address import read_email
from backstay.errors import BackstayError, InsufficientAal, ReauthenticationNeeded, SignInError, ValidationFailed

_REASONS: Final = ("signup", "recovery")
_PROVEN_BY_MAIL: Final = frozenset({"recovery", "invite"})
"""Those who came by these choose a new password without the old one."""


def show_code_form(visit: Visit, reason: str, *, fault: Fault | None = None, sent: bool = False) -> Answer:
    """The form that takes the code of a mail.

    Arguments:
        visit: of which browser.
        reason: ``signup`` or ``recovery``.
        fault: what was wrong with it.
        sent: whether a new code is on its way, as far as anybody is told.
    """
    return visit.show("verify", fault=fault, reason=reason, sent=sent)


def _reason(visit: Visit) -> str:
    said = visit.form if visit.request.method == "POST" else visit.query
    asked = said.get("for", "")
    return asked if asked in _REASONS else "signup"


async def show_verify(visit: Visit) -> Answer:
    """``GET /auth/verify``."""
    return show_code_form(visit, _reason(visit))


async def verify(visit: Visit) -> Answer:
    """``POST /auth/verify``: the code that was sent."""
    form, reason = visit.form, _reason(visit)
    try:
        email = read_email(form.get("email"))
        code = "".join(form.get("code", "").split())
        if not code:
            return show_code_form(visit, reason, fault=Fault("code", "Fill in the code of the mail.", 422))
        session = await visit.ask("POST", "/verify", {"type": reason, "email": email, "token": code})
    except ValidationFailed as error:
        return show_code_form(visit, reason, fault=Fault("email", "Fill in your e-mail address.", error.status))
    except BackstayError as error:
        return show_code_form(visit, reason, fault=explain(error))
    return await _arrive(visit, session, reason)


async def send_again(visit: Visit) -> Answer:
    """``POST /auth/resend``: a new code, in the place of one that did not arrive."""
    form, reason = visit.form, _reason(visit)
    query = urlencode({"redirect_to": arrival_url(visit.sign_in, visit.next, reason=_told(reason))})
    try:
        email = read_email(form.get("email"))
        if reason == "recovery":
            await visit.ask("POST", "/recover", {"email": email, **visit.challenge}, query)
        else:
            await visit.ask("POST", "/resend", {"type": "signup", "email": email}, query)
    except ValidationFailed as error:
        return show_code_form(visit, reason, fault=Fault("email", "Fill in your e-mail address.", error.status))
    except BackstayError as error:
        return show_code_form(visit, reason, fault=explain(error))
    return show_code_form(visit, reason, sent=True)


async def show_reset(visit: Visit) -> Answer:
    """``GET /auth/reset``."""
    return visit.show("reset")


async def reset(visit: Visit) -> Answer:
    """``POST /auth/reset``: a code for a new password, to whoever has the address, if anybody has."""
    try:
        email = read_email(visit.form.get("email"))
        query = urlencode({"redirect_to": arrival_url(visit.sign_in, visit.next, reason="recovery")})
        await visit.ask("POST", "/recover", {"email": email, **visit.challenge}, query)
    except ValidationFailed as error:
        fault = Fault("email", "Fill in an e-mail address, such as ada@example.com.", error.status)
        return visit.show("reset", fault=fault)
    except BackstayError as error:
        return visit.show("reset", fault=explain(error))
    return show_code_form(visit, "recovery")


async def arrive(visit: Visit) -> Answer:
    """``GET /auth/arrive``: back by the link of a mail, or from a provider.

    The session is for the browser that left alone: another one lacks what its code is bound to.
    """
    code, reason = visit.query.get("code", ""), visit.query.get("for", "")
    if not code:
        # What an address says of an error is not shown: anybody can write one.
        return visit.show("told", status=400, reason="link")
    try:
        body = {"auth_code": code, "code_verifier": visit.verifier}
        session = await visit.ask("POST", "/token", body, "grant_type=pkce")
    except SignInError:
        return visit.show("told", status=400, reason="elsewhere")
    return await _arrive(visit, session, reason)


async def _arrive(visit: Visit, session: Any, reason: str) -> Answer:
    await visit.enter(session)
    target = visit.next
    if reason == "recovery":
        target = link_to("password") + (f"?{urlencode({'next': visit.next})}" if visit.next else "")
    return visit.go(factor_link(target) if needs_factor(visit, session) else choose_next(visit.sign_in, target))


def _told(reason: str) -> str:
    return reason if reason == "recovery" else ""


# A new password ------------------------------------------------------------------------------------------------


def came_by_mail(visit: Visit) -> bool:
    """Whether the session began with a proof that is as good as the password that was forgotten."""
    methods = [each.get("method") for each in visit.claims.get("amr", ()) if isinstance(each, dict)]
    return not _PROVEN_BY_MAIL.isdisjoint(methods)


@for_users
async def show_password(visit: Visit) -> Answer:
    """``GET /auth/password``."""
    return _password_page(visit)


def _password_page(visit: Visit, fault: Fault | None = None) -> Answer:
    return visit.show("password", fault=fault, needs_current=not came_by_mail(visit), address=visit.claims.get("email"))


@for_users
async def change_password(visit: Visit) -> Answer:
    """``POST /auth/password``. All other sessions of the user end."""
    form = visit.form
    if not form.get("password"):
        return _password_page(visit, Fault("password", "Choose a new password.", 422))
    body = {"password": form["password"]}
    if not came_by_mail(visit):
        body["current_password"] = form.get("current_password", "")
    try:
        await visit.ask("PUT", "/user", body)
    except InsufficientAal:
        return visit.go(factor_link(link_to("password")))
    except ReauthenticationNeeded:
        back = link_to("password") + (f"?{urlencode({'next': visit.next})}" if visit.next else "")
        return visit.go(again_link(back))
    except BackstayError as error:
        return _password_page(visit, explain(error))
    return visit.go(choose_next(visit.sign_in, visit.next) if visit.next else link_to("account?done=password"))
