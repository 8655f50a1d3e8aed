"""Sessions' refresh tokens, and what the authorisation server gives."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import sqlalchemy as sa

from granting import CALLBACK, DEVICE, VERIFIER, challenge_of, query_of
from one_time.house import SIGN_IN, House, Kind, Thing, Use, noted, post, use
from signing_in import Person


def _refresh_token(house: House) -> Thing:
    person = house.person()
    body = {"refresh_token": person.refresh_token}
    return Thing(person.id, [use("POST", "/token?grant_type=refresh_token", body)])


def _generations(house: House, user: UUID) -> sa.Select[Any]:
    kept = house.tables.sessions.c
    return sa.select(sa.func.sum(kept.generation)).where(kept.user_id == user)


# Clients -----------------------------------------------------------------------------------------------------


def _token(house: House, **form: str) -> Use:
    return post(f"{SIGN_IN}/oauth/token", form, house.client.basic)


def _asked(house: House) -> str:
    """The id of what the client asks of whoever is there."""
    asked = {
        "response_type": "code",
        "client_id": house.client.id,
        "redirect_uri": CALLBACK,
        "code_challenge": challenge_of(),
        "code_challenge_method": "S256",
    }
    left = house.ask("GET", f"/oauth/authorize?{urlencode(asked)}", key=None)
    return query_of(left.headers["location"])["authorization_id"]


def _decide(person: Person, id: str, action: str) -> Use:
    return use("POST", f"/oauth/authorizations/{id}/consent", {"action": action}, token=person.token)


def _allow(house: House, person: Person, id: str) -> str:
    """Where the browser is sent with the answer."""
    return str(house.using(_decide(person, id, "approve")).json["redirect_url"])


def _redeem(house: House, person: Person) -> Use:
    code = query_of(_allow(house, person, _asked(house)))["code"]
    words = {"code": code, "code_verifier": VERIFIER, "redirect_uri": CALLBACK}
    return _token(house, grant_type="authorization_code", **words)


def _code(house: House) -> Thing:
    person = house.person()
    return Thing(person.id, [_redeem(house, person)])


def _client_refresh_token(house: House) -> Thing:
    person = house.person()
    given = house.using(_redeem(house, person)).json
    return Thing(person.id, [_token(house, grant_type="refresh_token", refresh_token=given["refresh_token"])])


def _question(house: House) -> Thing:
    person, id = house.person(), _asked(house)
    return Thing(person.id, [_decide(person, id, "approve"), _decide(person, id, "deny")])


def _known_question(house: House) -> Thing:
    person = house.person()
    _allow(house, person, _asked(house))
    return Thing(person.id, [use("GET", f"/oauth/authorizations/{_asked(house)}", token=person.token)])


# Devices -----------------------------------------------------------------------------------------------------


def _device(house: House) -> tuple[Person, Use, str]:
    """Somebody with a device, how they type its code elsewhere, and the code by which it asks."""
    person = house.person()
    begun = house.using(post(f"{SIGN_IN}/oauth/device_authorization", {}, house.client.basic)).json
    typed = use("POST", "/oauth/device", {"user_code": begun["user_code"]}, token=person.token)
    return person, typed, begun["device_code"]


def _user_code(house: House) -> Thing:
    person, typed, _ = _device(house)
    return Thing(person.id, [typed])


def _questions(house: House, user: UUID) -> sa.Select[Any]:
    kept = house.tables.oauth_authorizations.c
    return sa.select(sa.func.count()).where(kept.user_id == user)


def _device_code(house: House) -> Thing:
    person, typed, code = _device(house)
    _allow(house, person, house.using(typed).json["authorization_id"])
    return Thing(person.id, [_token(house, grant_type=DEVICE, device_code=code)])


_GONE, _INVALID, _BEGUN = "oauth_authorization_not_found", "invalid_grant", noted("oauth_session_begun")

GRANTS = (
    Kind("refresh token", _refresh_token, {"refresh_token_already_used"}, _generations, 0),
    Kind("code of a client", _code, {_INVALID}, _BEGUN),
    Kind("refresh token of a client", _client_refresh_token, {_INVALID}, _generations, 0),
    Kind("question of a client", _question, {_GONE}, noted("oauth_allowed", "oauth_denied"), 0),
    Kind("question that was answered before", _known_question, {_GONE}, noted("oauth_allowed"), 0),
    Kind("code that a user types", _user_code, {_GONE}, _questions, 0),
    Kind("code of a device", _device_code, {_INVALID}, _BEGUN),
)
