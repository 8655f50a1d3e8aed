"""The page on which users see their account: their sessions, which they can end, and the ways to what they change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from backstay.auth.grants.scopes import offered
from backstay.auth.pages.factor import needs_factor, offers_keys, verified
from backstay.auth.pages.faults import Fault, explain
from backstay.auth.pages.target import ACCOUNT
from backstay.auth.pages.visit import Visit, for_users
from backstay.auth.protocol.answer import Answer
from backstay.errors import BackstayError, FactorNotFound

_DONE = ("factor", "new-factor", "passkey", "new-passkey", "grant", "password", "session")


@for_users
async def show_account(visit: Visit) -> Answer:
    """``GET /auth/account``."""
    return await _account_page(visit)


async def _account_page(visit: Visit, fault: Fault | None = None) -> Answer:
    user = await visit.ask("GET", "/user")
    sessions = await visit.ask("GET", "/sessions")
    grants = await visit.ask("GET", "/user/oauth/grants") if visit.sign_in.settings.oauth_server else []
    passkeys = await visit.ask("GET", "/passkeys") if visit.sign_in.auth.passkeys else []
    factors, done = verified(user.get("factors", ())), visit.query.get("done", "")
    return visit.show(
        "account",
        fault=fault,
        user=user,
        factors=factors,
        passkeys=passkeys,
        keys=offers_keys(visit.sign_in),
        codes_left=await _count_codes(visit) if factors else 0,
        must_sign_in=not any(each["current"] and each["fresh"] for each in sessions),
        must_prove=needs_factor(visit, {"user": user}),
        may_have_factors=visit.sign_in.auth.mfa,
        sessions=[_session(each) for each in sessions if each["client_id"] is None],
        grants=[_grant(each, offered(visit.sign_in)) for each in grants],
        done=done if done in _DONE else "",
    )


async def _count_codes(visit: Visit) -> int:
    try:
        return int((await visit.ask("GET", "/factors/recovery-codes"))["remaining"])
    except FactorNotFound:
        return 0


def _session(session: dict[str, Any]) -> dict[str, Any]:
    """A session as the page shows it: times to the minute."""
    return {**session, **{name: session[name][:16].replace("T", " ") for name in ("created_at", "refreshed_at")}}


def _grant(grant: dict[str, Any], meanings: Mapping[str, str]) -> dict[str, Any]:
    """What a program may do, in words, and since which day."""
    words = [meanings.get(name, name) for name in grant["scopes"]]
    return {**grant, "words": words, "granted_at": grant["granted_at"][:10]}


@for_users
async def end_session(visit: Visit) -> Answer:
    """``POST /auth/sessions``: end a session of the user's, or all the others, by the password (ASVS 7.5.2)."""
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


@for_users
async def take_back(visit: Visit) -> Answer:
    """``POST /auth/grants``: from now on a program can do nothing for the user (ASVS 10.7.3)."""
    try:
        await visit.ask("DELETE", "/user/oauth/grants", query=urlencode({"client_id": visit.form.get("client_id", "")}))
    except BackstayError as error:
        return await _account_page(visit, explain(error))
    return visit.go(f"{ACCOUNT}?done=grant")
