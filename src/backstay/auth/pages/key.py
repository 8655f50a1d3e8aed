"""Passkeys and security keys on the pages. They take a script; without one all other ways are there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, NamedTuple

import orjson

from backstay.auth.pages.enter import go_on, sign_in_page
from backstay.auth.pages.factor import mfa_page, show_first_codes, show_refusal
from backstay.auth.pages.faults import Fault, explain
from backstay.auth.pages.target import ACCOUNT, choose_next
from backstay.auth.pages.visit import Visit, for_users
from backstay.auth.protocol.answer import Answer
from backstay.errors import BackstayError, NotThere, PasskeyRefused


async def offer_key(visit: Visit) -> Answer:
    """``POST /auth/keys/options``: what the browser needs to make a key or to show one, in JSON for the script."""
    try:
        return visit.tell(await _use_of(visit).offer(visit))
    except BackstayError as error:
        fault = explain(error)
        return visit.tell({"message": fault.message}, fault.status)


async def take_key(visit: Visit) -> Answer:
    """``POST /auth/keys``: a key that the browser made or showed; with ``remove`` a passkey goes."""
    use = _use_of(visit)
    try:
        return await use.take(visit)
    except BackstayError as error:
        return await use.refuse(visit, error)


def _use_of(visit: Visit) -> _Use:
    use = _USES.get(visit.form.get("use", ""))
    if use is None:
        raise NotThere
    return use


def _answer_of(visit: Visit) -> dict[str, Any]:
    """What the browser answers, as the protocol takes it."""
    try:
        credential = orjson.loads(visit.form.get("credential", ""))
    except orjson.JSONDecodeError:
        raise PasskeyRefused from None
    if not isinstance(credential, dict):
        raise PasskeyRefused
    return {"challenge_id": visit.form.get("challenge", ""), "credential": credential}


# Signing in ----------------------------------------------------------------------------------------------------


async def _offer_entry(visit: Visit) -> dict[str, Any]:
    told = await visit.ask("POST", "/passkeys/authentication/options", {})
    return {"challenge": told["challenge_id"], "show": told["options"]}


async def _enter(visit: Visit) -> Answer:
    return await go_on(visit, await visit.ask("POST", "/passkeys/authentication/verify", _answer_of(visit)))


async def _refuse_entry(visit: Visit, error: BackstayError) -> Answer:
    return sign_in_page(visit, _in_words(error))


# As a second factor --------------------------------------------------------------------------------------------


async def _offer_proof(visit: Visit) -> dict[str, Any]:
    return await _challenge(visit, visit.form.get("factor", ""), "show")


async def _challenge(visit: Visit, factor: str, way: str) -> dict[str, Any]:
    asked = await visit.ask("POST", f"/factors/{factor}/challenge", {})
    if "webauthn" not in asked:
        raise NotThere
    return {"challenge": asked["id"], "factor": factor, way: asked["webauthn"]["credential_options"]["publicKey"]}


@for_users
async def _prove(visit: Visit) -> Answer:
    await _verify(visit)
    return visit.go(choose_next(visit.sign_in, visit.next))


async def _verify(visit: Visit) -> None:
    answer = _answer_of(visit)
    shown = {"challenge_id": answer["challenge_id"], "webauthn": {"credential_response": answer["credential"]}}
    visit.renew(await visit.ask("POST", f"/factors/{visit.form.get('factor', '')}/verify", shown))


async def _refuse_proof(visit: Visit, error: BackstayError) -> Answer:
    return await mfa_page(visit, _in_words(error))


# Having one ----------------------------------------------------------------------------------------------------


async def _offer_factor(visit: Visit) -> dict[str, Any]:
    for each in (await visit.ask("GET", "/user")).get("factors", ()):
        # What the browser was asked for before, and did not make.
        if (each["factor_type"], each["status"]) == ("webauthn", "unverified"):
            await visit.ask("DELETE", f"/factors/{each['id']}")
    asked = {"factor_type": "webauthn", "friendly_name": visit.form.get("name", "").strip()}
    return await _challenge(visit, (await visit.ask("POST", "/factors", asked))["id"], "make")


@for_users
async def _have_factor(visit: Visit) -> Answer:
    await _verify(visit)
    return await show_first_codes(visit)


async def _offer_passkey(visit: Visit) -> dict[str, Any]:
    told = await visit.ask("POST", "/passkeys/registration/options", {})
    return {"challenge": told["challenge_id"], "make": told["options"]}


@for_users
async def _have_passkey(visit: Visit) -> Answer:
    form = visit.form
    if form.get("remove"):
        await visit.ask("DELETE", f"/passkeys/{form['remove']}")
        return visit.go(f"{ACCOUNT}?done=passkey")
    made = await visit.ask("POST", "/passkeys/registration/verify", _answer_of(visit))
    if form.get("name", "").strip():
        await visit.ask("PATCH", f"/passkeys/{made['id']}", {"friendly_name": form["name"]})
    return visit.go(f"{ACCOUNT}?done=new-passkey")


async def _refuse(visit: Visit, error: BackstayError) -> Answer:
    return show_refusal(visit, error)


# ---------------------------------------------------------------------------------------------------------------


def _in_words(error: BackstayError) -> Fault:
    """What is wrong, told above the form: no field of it was filled in."""
    fault = explain(error)
    return Fault("", fault.message, fault.status, fault.headers)


class _Use(NamedTuple):
    """What a form asks for a key for: what the script is told, what its answer does, and what a refusal looks like."""

    offer: Callable[[Visit], Awaitable[dict[str, Any]]]
    take: Callable[[Visit], Awaitable[Answer]]
    refuse: Callable[[Visit, BackstayError], Awaitable[Answer]]


_USES: Final[Mapping[str, _Use]] = {
    "enter": _Use(_offer_entry, _enter, _refuse_entry),
    "prove": _Use(_offer_proof, _prove, _refuse_proof),
    "factor": _Use(_offer_factor, _have_factor, _refuse),
    "passkey": _Use(_offer_passkey, _have_passkey, _refuse),
}
