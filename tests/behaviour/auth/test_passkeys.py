"""Passkeys and security keys over the wire, with an authenticator made of software."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy.orm import DeclarativeBase

from authenticator import Authenticator
from backstay import Auth, AuthUser, Backstay, system
from backstay.testing import Answer, Client, client
from behaviour.auth.test_second_factors import Clock, Person, refused, sign_up

pytestmark = pytest.mark.asyncio(loop_scope="module")

HERE = "https://app.example.com"


class Base(DeclarativeBase): ...


class User(AuthUser, Base):
    __tablename__ = "users"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def backend(module_database_url: str) -> AsyncIterator[Client]:
    app = Backstay(module_database_url, auth=Auth(User, mfa=True, passkeys=True))
    app.configure(confirm_email=False, sign_in_limit=0, verify_limit=0, site_url=HERE)
    async with client(app, database=module_database_url) as asking:
        yield asking


@pytest_asyncio.fixture(loop_scope="module")
async def ada(backend: Client) -> Person:
    return await sign_up(backend, Clock())


async def register(person: Person, key: Authenticator) -> Answer:
    offer = (await person.ask("POST", "/passkeys/registration/options", {})).json()
    body = {"challenge_id": offer["challenge_id"], "credential": key.create(offer["options"])}
    return await person.ask("POST", "/passkeys/registration/verify", body)


async def offered(backend: Client) -> dict[str, Any]:
    answer = await backend.request("POST", "/auth/v1/passkeys/authentication/options", json={})
    assert answer.status == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def enter(backend: Client, offer: dict[str, Any], credential: Any) -> Answer:
    body = {"challenge_id": offer["challenge_id"], "credential": credential}
    return await backend.request("POST", "/auth/v1/passkeys/authentication/verify", json=body)


async def test_a_passkey_signs_in_by_itself_as_two_factors(ada: Person, backend: Client) -> None:
    key = Authenticator(HERE)
    made = await register(ada, key)
    assert made.status == 200, made.text
    offer = await offered(backend)
    answer = await enter(backend, offer, key.get(offer["options"]))
    assert answer.status == 200, answer.text
    found = Person(backend, Clock(), answer.json())
    assert found.id == ada.id
    assert "factors" not in found.session["user"]
    assert (found.claims["aal"], found.claims["amr"][0]["method"]) == ("aal2", "passkey")
    (told,) = (await found.ask("GET", "/passkeys")).json()
    assert told["id"] == made.json()["id"]
    assert told["last_used_at"]
    # Nobody is asked for a second factor who signs in by the first one that counts as two.
    refused(await found.ask("POST", "/factors/recovery-codes"), 422, "mfa_recovery_codes_sole_factor")


async def test_a_key_of_nobody_or_of_another_page_does_not_sign_in(ada: Person, backend: Client) -> None:
    key = Authenticator(HERE)
    await register(ada, key)
    offer = await offered(backend)
    options = offer["options"]
    refused(await enter(backend, offer, Authenticator(HERE).get(options)), 400, "webauthn_verification_failed")
    key.origin = "https://evil.example"
    refused(await enter(backend, offer, key.get(options)), 400, "webauthn_verification_failed")
    key.origin, key.verifies = HERE, False
    refused(await enter(backend, offer, key.get(options)), 400, "webauthn_verification_failed")
    key.verifies, key.user = True, b"somebody else"
    refused(await enter(backend, offer, key.get(options)), 400, "webauthn_verification_failed")
    refused(await enter(backend, offer, {"id": "x"}), 400, "webauthn_verification_failed")


async def test_options_are_answered_once_by_whom_they_were_for(ada: Person, backend: Client) -> None:
    ben = await sign_up(backend, Clock())
    offer = (await ada.ask("POST", "/passkeys/registration/options", {})).json()
    credential = Authenticator(HERE).create(offer["options"])
    body = {"challenge_id": offer["challenge_id"], "credential_response": credential}
    refused(await ben.ask("POST", "/passkeys/registration/verify", body), 400, "webauthn_challenge_not_found")
    assert (await ada.ask("POST", "/passkeys/registration/verify", body)).status == 200
    refused(await ada.ask("POST", "/passkeys/registration/verify", body), 400, "webauthn_challenge_not_found")


async def test_a_passkey_is_named_and_removed_by_its_user_alone(ada: Person, backend: Client) -> None:
    ben = await sign_up(backend, Clock())
    key = Authenticator(HERE)
    place = f"/passkeys/{(await register(ada, key)).json()['id']}"
    assert (await ada.ask("PATCH", place, {"friendly_name": "Laptop"})).json()["friendly_name"] == "Laptop"
    refused(await ada.ask("PATCH", place, {"friendly_name": " "}), 400, "validation_failed")
    refused(await ben.ask("PATCH", place, {"friendly_name": "Mine"}), 404, "validation_failed")
    refused(await ben.ask("DELETE", place), 404, "validation_failed")
    assert (await ada.ask("DELETE", place)).status == 204
    offer = await offered(backend)
    answer = await enter(backend, offer, key.get(offer["options"]))
    refused(answer, 400, "webauthn_verification_failed")


async def test_the_secret_key_sees_and_removes_passkeys(ada: Person, backend: Client) -> None:
    made = (await register(ada, Authenticator(HERE))).json()
    admin, place = backend.as_(system), f"/auth/v1/admin/users/{ada.id}/passkeys"
    assert [each["id"] for each in (await admin.request("GET", place)).json()] == [made["id"]]
    assert (await admin.request("DELETE", f"{place}/{made['id']}")).status == 204
    assert (await admin.request("GET", place)).json() == []


async def test_a_passkey_is_made_once(ada: Person) -> None:
    key = Authenticator(HERE)
    assert (await register(ada, key)).status == 200
    refused(await register(ada, key), 422, "webauthn_credential_exists")


async def test_a_security_key_is_a_second_factor(ada: Person) -> None:
    key = Authenticator(HERE, verifies=False)
    factor = (await ada.ask("POST", "/factors", {"factor_type": "webauthn", "friendly_name": "key"})).json()["id"]
    for kind, answer in (("create", key.create), ("request", key.get)):
        challenge = (await ada.ask("POST", f"/factors/{factor}/challenge", {"webauthn": {"rpId": "evil"}})).json()
        assert (challenge["type"], challenge["webauthn"]["type"]) == ("webauthn", kind)
        shown = answer(challenge["webauthn"]["credential_options"]["publicKey"])
        body = {"challenge_id": challenge["id"], "webauthn": {"type": kind, "credential_response": shown}}
        verified = await ada.ask("POST", f"/factors/{factor}/verify", body)
        assert verified.status == 200, verified.text
        ada.session = verified.json()
        assert (ada.claims["aal"], ada.claims["amr"][-1]["method"]) == ("aal2", "mfa/webauthn")


async def test_another_key_is_not_the_second_factor(ada: Person) -> None:
    factor = (await ada.ask("POST", "/factors", {"factor_type": "webauthn"})).json()["id"]
    key = Authenticator(HERE)
    for answer, status in ((key.create, 200), (Authenticator(HERE).get, 400)):
        challenge = (await ada.ask("POST", f"/factors/{factor}/challenge", {})).json()
        shown = answer(challenge["webauthn"]["credential_options"]["publicKey"])
        body = {"challenge_id": challenge["id"], "webauthn": {"type": "x", "credential_response": shown}}
        verified = await ada.ask("POST", f"/factors/{factor}/verify", body)
        assert verified.status == status, verified.text
        ada.session = verified.json() if status == 200 else ada.session
