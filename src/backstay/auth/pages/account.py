"""The page on which users see their account: their sessions, which they can end, and the ways to what they change."""

from __future__ import annotations

from typing import Any

from backstay.auth.pages.factor import verified
from backstay.auth.pages.faults import Fault, explain
from backstay.auth.pages.target import ACCOUNT
from backstay.auth.pages.visit import Visit, link_to
from backstay.auth.protocol.answer import Answer
from backstay.errors import BackstayError, TokenSessionNotFound, TokenUserNotFound

_DONE = ("factor", "password", "session")


async def show_account(visit: Visit) -> Answer:
    """``GET /auth/account``."""
    return await _account_page(visit)


async def _account_page(visit: Visit, fault: Fault | None = None) -> Answer:
    if not visit.is_signed_in:
        return visit.go(f"{link_to('sign-in')}?next={ACCOUNT}")
    try:
        user = await visit.ask("GET", "/user")
        sessions = await visit.ask("GET", "/sessions")
    except (TokenSessionNotFound, TokenUserNotFound):
        visit.leave()
        return visit.go(f"{link_to('sign-in')}?next={ACCOUNT}")
    done = visit.query.get("done", "")
    return visit.show(
        "account",
        fault=fault,
        user=user,
        factors=verified(user.get("factors", ())),
        may_have_factors=visit.sign_in.auth.mfa,
        sessions=[_session(each) for each in sessions],
        done=done if done in _DONE else "",
    )


def _session(session: dict[str, Any]) -> dict[str, Any]:
    """A session as the page shows it: times to the minute."""
    return {**session, **{name: session[name][:16].replace("T", " ") for name in ("created_at", "refreshed_at")}}


async def end_session(visit: Visit) -> Answer:
    """``POST /auth/sessions``: end a session of the user's, or all the others, by the password (ASVS 7.5.2)."""
    if not visit.is_signed_in:
        return visit.go(f"{link_to('sign-in')}?next={ACCOUNT}")
    which = visit.form.get("end", "")
    if not which:
        return await _account_page(visit, Fault("end", "Choose what to end.", 422))
    path = "/sessions" if which == "others" else f"/sessions/{which}"
    try:
        password = visit.form.get("current_password", "")
        await visit.ask("DELETE", path, {"current_password": password} if password else {})
    except BackstayError as error:
        return await _account_page(visit, explain(error))
    return visit.go(f"{ACCOUNT}?done=session")
