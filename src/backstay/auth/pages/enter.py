"""The pages for signing in, signing up and signing out, and the way to a provider."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final
from urllib.parse import urlencode

import sqlalchemy as sa

from backstay.auth.grants.demand import SELECT_ACCOUNT, is_of_another, longest_ago, prompts_of
from backstay.auth.keys import SIGN_IN
from backstay.auth.oidc.refused import Refused
from backstay.auth.pages.consent import may_go_on, read_waiting
from backstay.auth.pages.factor import factor_link, needs_factor, offers_keys
from backstay.auth.pages.faults import Fault, explain
from backstay.auth.pages.profile import list_fields, read_profile
from backstay.auth.pages.prove import show_code_form
from backstay.auth.pages.target import arrival_url, choose_next
from backstay.auth.pages.visit import Visit, link_to
from backstay.auth.protocol.answer import Answer
from backstay.auth.sign_in import SignIn
from backstay.auth.steps.address import read_email
from backstay.auth.steps.choose import judge_password
from backstay.auth.store.moment import now as moment_now
from backstay.errors import BackstayError, EmailNotConfirmed, TokenSessionNotFound, TokenUserNotFound, ValidationFailed

_TITLES: Final = {
    "github": "GitHub",
    "gitlab": "GitLab",
    "linkedin": "LinkedIn",
    "azure": "Microsoft",
}


async def show_sign_in(visit: Visit) -> Answer:
    """``GET /auth/sign-in``; whoever is signed in already goes on, unless a program asks for a later sign-in.

    With ``again`` they sign in again: what they want to do takes that.
    """
    if visit.is_signed_in and visit.query.get("again"):
        return sign_in_page(visit, again=True, values={"email": visit.claims.get("email", "")})
    asked = await read_waiting(visit)
    if visit.is_signed_in and await may_go_on(visit, asked):
        return visit.go(choose_next(visit.sign_in, visit.next))
    if asked is None:
        return sign_in_page(visit)
    other = is_of_another(asked, visit.welcome.caller.id) if visit.welcome.caller is not None else False
    own = "" if other or SELECT_ACCOUNT in prompts_of(asked) else visit.claims.get("email", "")
    return sign_in_page(visit, other=other, values={"email": asked["login_hint"] or own})


def sign_in_page(visit: Visit, fault: Fault | None = None, **words: Any) -> Answer:
    """The page, with what was wrong with what was sent, and what else it says."""
    settings = visit.sign_in.settings
    return visit.show(
        "sign-in",
        fault=fault,
        keys=offers_keys(visit.sign_in),
        providers=list_providers(visit.sign_in),
        by_email=settings.email_sign_in,
        may_sign_up=settings.sign_up,
        **words,
    )


async def sign_in(visit: Visit) -> Answer:
    """``POST /auth/sign-in``: by e-mail address and password."""
    form = visit.form
    body = {"email": form.get("email", ""), "password": form.get("password", "")}
    try:
        if not body["email"] or not body["password"]:
            raise ValidationFailed("Fill in your e-mail address and your password.")
        session = await visit.ask("POST", "/token", body, "grant_type=password")
    except EmailNotConfirmed as error:
        return show_code_form(visit, "signup", fault=explain(error))
    except BackstayError as error:
        return sign_in_page(visit, explain(error))
    return await go_on(visit, session)


async def go_on(visit: Visit, session: Any) -> Answer:
    """Send a browser with its new session to where it wanted to go."""
    await visit.enter(session)
    if needs_factor(visit, session):
        return visit.go(factor_link(visit.next))
    return visit.go(choose_next(visit.sign_in, visit.next))


async def show_sign_up(visit: Visit) -> Answer:
    """``GET /auth/sign-up``."""
    return _sign_up_page(visit)


def _sign_up_page(visit: Visit, fault: Fault | None = None) -> Answer:
    filled = visit.form if visit.request.method == "POST" else {}
    settings = visit.sign_in.settings
    return visit.show(
        "sign-up",
        fault=fault,
        fields=list_fields(visit.sign_in, filled),
        providers=list_providers(visit.sign_in),
        may_sign_up=settings.sign_up and settings.email_sign_in,
    )


async def sign_up(visit: Visit) -> Answer:
    """``POST /auth/sign-up``. Whether the address is known already is told by nothing but a mail to it."""
    form = visit.form
    try:
        email = read_email(form.get("email"))
    except ValidationFailed as error:
        return _sign_up_page(visit, Fault("email", "Fill in an e-mail address, such as ada@example.com.", error.status))
    query = urlencode({"redirect_to": arrival_url(visit.sign_in, visit.next)})
    try:
        if not form.get("password"):
            return _sign_up_page(visit, Fault("password", "Choose a password.", 422))
        # Before it counts as a request for a mail: who has to choose another one shall not have to wait.
        weakness = await judge_password(visit.sign_in, form["password"], context=(email,))
        if weakness is not None:
            return _sign_up_page(visit, Fault("password", weakness.message, 422))
        data = read_profile(visit.sign_in, form)
        body = {"email": email, "password": form["password"], "data": data, **visit.challenge}
        found = await visit.ask("POST", "/signup", body, query)
    except BackstayError as error:
        return _sign_up_page(visit, explain(error))
    return await go_on(visit, found) if "access_token" in found else show_code_form(visit, "signup")


async def sign_out(visit: Visit) -> Answer:
    """``POST /auth/sign-out``: this session ends; with ``scope=global`` all of the user's do.

    With ``next`` somebody else signs in, and goes on there.
    """
    scope = "global" if visit.form.get("scope") == "global" else "local"
    if visit.is_signed_in:
        with suppress(TokenSessionNotFound, TokenUserNotFound):  # it is over already
            await visit.ask("POST", "/logout", query=f"scope={scope}")
    asked = visit.next
    visit.leave()
    back = asked and choose_next(visit.sign_in, asked) == asked
    return visit.go(link_to("sign-in") + (f"?{urlencode({'next': asked})}" if back else ""))


# At a provider -------------------------------------------------------------------------------------------------


def list_providers(sign_in: SignIn) -> list[dict[str, str]]:
    """The providers that one may log in at: their names, and what they are called."""
    names = dict.fromkeys(provider.facts.name for provider in sign_in.auth.providers)
    return [{"name": name, "title": _TITLES.get(name, name.replace("_", " ").title())} for name in names]


async def go_to_provider(visit: Visit) -> Answer:
    """``GET /auth/provider?name=...``: off to a provider, who sends the browser back to ``/auth/arrive``."""
    values: dict[str, Any] = {
        "provider": visit.query.get("name", ""),
        "redirect_to": arrival_url(visit.sign_in, visit.next),
        **visit.challenge,
    }
    asked = await read_waiting(visit)
    if asked is not None:
        values |= await _pass_on(visit, asked, values["provider"])
    return visit.go(f"{SIGN_IN}/authorize?{urlencode(values)}")


async def _pass_on(visit: Visit, asked: sa.RowMapping, provider: str) -> dict[str, str]:
    """What a provider is told of what a program asks of the sign-in.

    Some refuse what they do not know, so a fresh sign-in is asked only of one that can tell when it was.
    """
    found = {"login_hint": str(asked["login_hint"])} if asked["login_hint"] else {}
    most, remote = longest_ago(asked), visit.sign_in.remotes.get(provider)
    with suppress(Refused):  # of which the way there tells
        if most is not None and remote is not None and (await remote.metadata(moment_now())).knows_age:
            found["max_age"] = str(most)
    return found
