"""The pages of the second factor: showing one after signing in, and having one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

from backstay.auth.factors.passkeys import party_of
from backstay.auth.pages.faults import Fault, explain
from backstay.auth.pages.target import ACCOUNT, choose_next
from backstay.auth.pages.visit import Visit, for_users, link_to
from backstay.auth.protocol.answer import Answer
from backstay.auth.sign_in import SignIn
from backstay.errors import BackstayError, ReauthenticationNeeded, RecoveryCodesExist

_TYPED: Final = ("totp", "phone")
"""What is shown by typing a code."""
_EMPTY: Final = Fault("code", "Fill in the code.", 422)


def verified(factors: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The factors that count."""
    return [each for each in factors if each["status"] == "verified"]


def needs_factor(visit: Visit, session: Mapping[str, Any]) -> bool:
    """Whether somebody who just signed in has a second factor to show."""
    return visit.claims.get("aal") != "aal2" and bool(verified(session["user"].get("factors", ())))


def offers_keys(sign_in: SignIn) -> bool:
    """Whether there are passkeys, and browsers give them to our pages."""
    return sign_in.auth.passkeys and party_of(sign_in).covers(sign_in.settings.public_url)


def factor_link(asked: str) -> str:
    """The page that asks for a second factor, on the way to another one."""
    return link_to("mfa") + (f"?{urlencode({'next': asked})}" if asked else "")


def again_link(back: str) -> str:
    """The page that has somebody sign in who is signed in, on the way back to another one."""
    return f"{link_to('sign-in')}?{urlencode({'again': '1', 'next': back})}"


# Showing one ---------------------------------------------------------------------------------------------------


@for_users
async def show_mfa(visit: Visit) -> Answer:
    """``GET /auth/mfa``."""
    return await mfa_page(visit)


async def mfa_page(visit: Visit, fault: Fault | None = None, *, challenge: str = "", factor: str = "") -> Answer:
    """The page, with what was wrong with what was sent.

    Arguments:
        visit: who is there.
        fault: what was wrong.
        challenge: the one that a code was sent for.
        factor: the one that it was sent to.
    """
    user = await visit.ask("GET", "/user")
    found = verified(user.get("factors", ()))
    if visit.claims.get("aal") == "aal2" or not found:
        return visit.go(choose_next(visit.sign_in, visit.next))
    typed = [each for each in found if each["factor_type"] in _TYPED]
    return visit.show(
        "mfa",
        fault=fault,
        keys=offers_keys(visit.sign_in),
        factors=typed or found,
        security_keys=[each for each in found if each not in typed],
        challenge=challenge,
        chosen=factor,
    )


@for_users
async def use_factor(visit: Visit) -> Answer:
    """``POST /auth/mfa``: the code of a factor, or a code of recovery; with ``send`` a code goes to a phone first."""
    form = visit.form
    sent_for, factor, challenge = form.get("send", ""), form.get("factor", ""), form.get("challenge", "")
    try:
        if sent_for:
            asked = await visit.ask("POST", f"/factors/{sent_for}/challenge", {})
            return await mfa_page(visit, challenge=asked["id"], factor=sent_for)
        if not form.get("code", "").strip():
            return await mfa_page(visit, _EMPTY, challenge=challenge, factor=factor)
        session = await _answer(visit, factor, challenge)
    except BackstayError as error:
        return await mfa_page(visit, explain(error), challenge=challenge, factor=factor)
    visit.renew(session)
    return visit.go(choose_next(visit.sign_in, visit.next))


async def _answer(visit: Visit, factor: str, challenge: str) -> Any:
    """The session that is due for a code."""
    if not challenge:
        challenge = (await visit.ask("POST", f"/factors/{factor}/challenge", {}))["id"]
    body = {"challenge_id": challenge, "code": visit.form.get("code", "").strip()}
    return await visit.ask("POST", f"/factors/{factor}/verify", body)


# Having one ----------------------------------------------------------------------------------------------------


@for_users
async def enroll(visit: Visit) -> Answer:
    """``POST /auth/factors``: a new authenticator app; its secret is shown this once."""
    name = visit.form.get("name", "").strip()
    try:
        made = await visit.ask("POST", "/factors", {"factor_type": "totp", "friendly_name": name})
    except BackstayError as error:
        return show_refusal(visit, error)
    return _enroll_page(visit, made["id"], made["totp"])


def _enroll_page(visit: Visit, factor: str, told: Mapping[str, str] | None, fault: Fault | None = None) -> Answer:
    return visit.show("factor", fault=fault, factor=factor, told=told)


@for_users
async def confirm(visit: Visit) -> Answer:
    """``POST /auth/factor``: the first code of a new factor, or its end."""
    form = visit.form
    factor = form.get("factor", "")
    try:
        if form.get("remove"):
            await visit.ask("DELETE", f"/factors/{form['remove']}")
            return visit.go(f"{ACCOUNT}?done=factor")
        if not form.get("code", "").strip():
            return _enroll_page(visit, factor, None, _EMPTY)
        visit.renew(await _answer(visit, factor, ""))
    except BackstayError as error:
        if form.get("remove"):
            return show_refusal(visit, error)
        return _enroll_page(visit, factor, None, explain(error))
    return await show_first_codes(visit)


async def show_first_codes(visit: Visit) -> Answer:
    """The recovery codes that come with a user's first factor; with a further one, the account."""
    try:
        return visit.show("codes", codes=(await visit.ask("POST", "/factors/recovery-codes"))["codes"])
    except RecoveryCodesExist:
        return visit.go(f"{ACCOUNT}?done=new-factor")


@for_users
async def renew_codes(visit: Visit) -> Answer:
    """``POST /auth/codes``: new recovery codes in the place of all that there were."""
    try:
        try:
            made = await visit.ask("POST", "/factors/recovery-codes")
        except RecoveryCodesExist:
            made = await visit.ask("POST", "/factors/recovery-codes/regenerate")
    except BackstayError as error:
        return show_refusal(visit, error)
    return visit.show("codes", codes=made["codes"])


def show_refusal(visit: Visit, error: BackstayError) -> Answer:
    """A page that tells why nothing was done; whoever signed in too long ago does that again, and comes back."""
    if isinstance(error, ReauthenticationNeeded):
        return visit.go(again_link(ACCOUNT))
    return visit.show("told", status=error.status, reason="refused", words=explain(error).message)
