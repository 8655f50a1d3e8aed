"""Second factors, passkeys, and the challenges that they answer."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import pyotp

from authenticator import Authenticator
from browser import HOME
from one_time.house import House, Kind, Thing, Use, noted, use
from signing_in import Person

STEP = 30
"""Seconds that a code of an app is shown for."""


def _enroll(house: House, person: Person, kind: str, **more: str) -> dict[str, Any]:
    return dict(house.ok("POST", "/factors", {"factor_type": kind, **more}, token=person.token))


def _challenge(house: House, person: Person, factor: str) -> dict[str, Any]:
    return dict(house.ok("POST", f"/factors/{factor}/challenge", {}, token=person.token))


def _verify(person: Person, factor: str, challenge: str, **answer: Any) -> Use:
    return use("POST", f"/factors/{factor}/verify", {"challenge_id": challenge, **answer}, token=person.token)


def _each(house: House, person: Person, factor: str, code: str) -> Sequence[Use]:
    """One code as the answer to many challenges. The one that it answers is over by that, the others are not."""
    challenges = [_challenge(house, person, factor)["id"] for _ in range(house.challenges)]
    return [_verify(person, factor, challenge, code=code) for challenge in challenges]


def _with_app(house: House) -> tuple[Person, str, list[str]]:
    """Somebody with an authenticator app that they have shown, and the codes of its present and its next step."""
    person = house.person()
    made = _enroll(house, person, "totp")
    app, now = pyotp.TOTP(made["totp"]["secret"]), int(time.time())
    body = {"challenge_id": _challenge(house, person, made["id"])["id"], "code": app.at(now - STEP)}
    person = Person(house.ok("POST", f"/factors/{made['id']}/verify", body, token=person.token))
    return person, made["id"], [app.at(now), app.at(now + STEP)]


def _app_code(house: House) -> Thing:
    person, factor, (_, code) = _with_app(house)
    return Thing(person.id, _each(house, person, factor, code))


def _app_challenge(house: House) -> Thing:
    person, factor, codes = _with_app(house)
    challenge = _challenge(house, person, factor)["id"]
    # Either code answers it. The later one is good for longer, so it may come a second time after a restart.
    codes = [codes[1], codes[1], codes[0]]
    return Thing(person.id, [_verify(person, factor, challenge, code=code) for code in codes])


def _recovery_code(house: House) -> Thing:
    person, factor, _ = _with_app(house)
    codes = house.ok("POST", "/factors/recovery-codes", token=person.token)["codes"]
    alone = use("POST", "/factors/recovery-codes/verify", {"code": codes[0]}, token=person.token)
    return Thing(person.id, [*_each(house, person, factor, codes[0]), alone])


def _texted(house: House) -> Thing:
    person, phone = house.person(), house.phone()
    factor = _enroll(house, person, "phone", phone=phone)["id"]
    challenge = _challenge(house, person, factor)["id"]
    return Thing(person.id, [_verify(person, factor, challenge, code=house.text(phone))])


# Keys --------------------------------------------------------------------------------------------------------


def _answered(person: Person, factor: str, challenge: dict[str, Any], kind: str, key: Authenticator) -> Use:
    options = challenge["webauthn"]["credential_options"]["publicKey"]
    shown = key.create(options) if kind == "create" else key.get(options)
    return _verify(person, factor, challenge["id"], webauthn={"type": kind, "credential_response": shown})


def _new_key(house: House) -> Thing:
    person = house.person()
    factor = _enroll(house, person, "webauthn")["id"]
    challenge = _challenge(house, person, factor)
    return Thing(person.id, [_answered(person, factor, challenge, "create", Authenticator(HOME))])


def _shown_key(house: House) -> Thing:
    person, key = house.person(), Authenticator(HOME, counts=False)
    factor = _enroll(house, person, "webauthn")["id"]
    made = _answered(person, factor, _challenge(house, person, factor), "create", key)
    person = Person(house.using(made).json)
    return Thing(person.id, [_answered(person, factor, _challenge(house, person, factor), "request", key)])


def _offered(house: House, person: Person, key: Authenticator) -> Use:
    offer = house.ok("POST", "/passkeys/registration/options", {}, token=person.token)
    body = {"challenge_id": offer["challenge_id"], "credential": key.create(offer["options"])}
    return use("POST", "/passkeys/registration/verify", body, token=person.token)


def _new_passkey(house: House) -> Thing:
    person = house.person()
    return Thing(person.id, [_offered(house, person, Authenticator(HOME))])


def _shown_passkey(house: House) -> Thing:
    person, key = house.person(), Authenticator(HOME, counts=False)
    assert house.using(_offered(house, person, key)).status == 200
    offer = house.ok("POST", "/passkeys/authentication/options", {})
    body = {"challenge_id": offer["challenge_id"], "credential": key.get(offer["options"])}
    return Thing(person.id, [use("POST", "/passkeys/authentication/verify", body)])


_WRONG, _OVER, _ANSWERED = "mfa_verification_failed", "mfa_challenge_expired", "webauthn_challenge_not_found"
_VERIFIED = noted("factor_verified")

FACTORS = (
    Kind("code of an app", _app_code, {_WRONG, _OVER}, _VERIFIED, 0),
    Kind("challenge of an app", _app_challenge, {_OVER}, _VERIFIED, 0),
    Kind("recovery code", _recovery_code, {_WRONG, _OVER}, _VERIFIED, 0),
    Kind("code to a second factor", _texted, {_OVER}, _VERIFIED, 0),
    Kind("challenge of a new key", _new_key, {_OVER}, _VERIFIED, 0),
    Kind("challenge of a key", _shown_key, {_OVER}, _VERIFIED, 0),
    Kind("challenge of a new passkey", _new_passkey, {_ANSWERED}, noted("passkey_made"), 0),
    Kind("challenge of a passkey", _shown_passkey, {_ANSWERED}),
)
