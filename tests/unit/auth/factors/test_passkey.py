"""Passkeys: made and shown by an authenticator of software; refused wherever anything is another's."""

from __future__ import annotations

import secrets
import sys
from typing import Any

import pytest

from authenticator import Authenticator, decode, encode
from backstay.auth.factors.passkey import (
    Party,
    PublicKey,
    key_id,
    offer_authentication,
    offer_registration,
    require_passkeys,
    verify_authentication,
    verify_registration,
)
from backstay.errors import DeclarationError, PasskeyRefused

HERE = "https://app.example.com"
PARTY = Party("example.com", "Example", (HERE,))
ADA = "00000000-0000-4000-8000-000000000001"
CHALLENGE, OTHER = secrets.token_bytes(32), secrets.token_bytes(32)


def registered(key: Authenticator) -> PublicKey:
    offer = offer_registration(PARTY, CHALLENGE, user=ADA, name="ada@example.com")
    return verify_registration(PARTY, key.create(offer), CHALLENGE, verification=True)


def test_a_key_that_was_made_is_known_again() -> None:
    key = Authenticator(HERE)
    known = registered(key)
    assert known.transports == ("internal", "hybrid")
    offer = offer_authentication(PARTY, CHALLENGE, known=[known])
    assert [each["id"] for each in offer["allowCredentials"]] == [encode(key.id)]
    answer = key.get(offer)
    assert key_id(answer) == known.id
    assert verify_authentication(PARTY, answer, CHALLENGE, known, verification=True) == known.uses + 1


def test_a_registration_names_site_and_user_and_asks_for_a_discoverable_key() -> None:
    offer = offer_registration(
        PARTY, CHALLENGE, user=ADA, name="ada@example.com", known=[PublicKey(b"1234", b"", 0, ("usb",))]
    )
    assert offer["rp"] == {"id": "example.com", "name": "Example"}
    assert decode(offer["user"]["id"]) == ADA.encode()
    assert offer["authenticatorSelection"]["residentKey"] == "required"
    assert offer["authenticatorSelection"]["userVerification"] == "required"
    assert offer["excludeCredentials"] == [{"id": encode(b"1234"), "type": "public-key", "transports": ["usb"]}]
    assert decode(offer["challenge"]) == CHALLENGE


def test_a_second_factor_takes_no_room_on_the_key() -> None:
    offer = offer_registration(PARTY, CHALLENGE, user=ADA, name="ada@example.com", discoverable=False)
    chosen = offer["authenticatorSelection"]
    assert (chosen["residentKey"], chosen["userVerification"]) == ("discouraged", "preferred")


def refuse_registration(answer: Any) -> None:
    with pytest.raises(PasskeyRefused):
        verify_registration(PARTY, answer, CHALLENGE, verification=True)


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "http://app.example.com", "https://app.example.com.evil", "null"]
)
def test_a_key_made_on_another_page_is_refused(origin: str) -> None:
    offer = offer_registration(PARTY, CHALLENGE, user=ADA, name="ada")
    refuse_registration(Authenticator(origin).create(offer))


def test_a_key_made_for_another_challenge_is_refused() -> None:
    offer = offer_registration(PARTY, OTHER, user=ADA, name="ada")
    refuse_registration(Authenticator(HERE).create(offer))


def test_a_key_made_for_another_site_is_refused() -> None:
    other = offer_registration(Party("evil.example", "Evil", (HERE,)), CHALLENGE, user=ADA, name="ada")
    refuse_registration(Authenticator(HERE).create(other))


def test_a_key_that_did_not_ask_its_user_is_refused_where_it_must() -> None:
    offer = offer_registration(PARTY, CHALLENGE, user=ADA, name="ada")
    answer = Authenticator(HERE, verifies=False).create(offer)
    refuse_registration(answer)
    assert verify_registration(PARTY, answer, CHALLENGE, verification=False)


@pytest.mark.parametrize(
    "answer", [{}, {"id": "a"}, {"id": 1, "rawId": 1, "response": 5, "type": "public-key"}, {"response": {}}]
)
def test_nonsense_is_refused(answer: dict[str, Any]) -> None:
    refuse_registration(answer)
    with pytest.raises(PasskeyRefused):
        verify_authentication(PARTY, answer, b"challenge", PublicKey(b"", b"", 0), verification=True)


@pytest.mark.parametrize("answer", [{}, {"id": 5}, {"rawId": None}, {"rawId": ["a"]}])
def test_an_answer_that_names_no_key_is_refused(answer: dict[str, Any]) -> None:
    with pytest.raises(PasskeyRefused):
        key_id(answer)


def test_another_key_cannot_answer_for_one() -> None:
    known = registered(Authenticator(HERE))
    offer = offer_authentication(PARTY, CHALLENGE)
    with pytest.raises(PasskeyRefused):
        verify_authentication(PARTY, Authenticator(HERE).get(offer), CHALLENGE, known, verification=True)


def test_an_answer_is_good_for_its_challenge_alone() -> None:
    key = Authenticator(HERE)
    known = registered(key)
    answer = key.get(offer_authentication(PARTY, OTHER))
    with pytest.raises(PasskeyRefused):
        verify_authentication(PARTY, answer, CHALLENGE, known, verification=True)


def test_a_changed_signature_is_refused() -> None:
    key = Authenticator(HERE)
    known = registered(key)
    offer = offer_authentication(PARTY, CHALLENGE)
    answer = key.get(offer)
    signature = bytearray(decode(answer["response"]["signature"]))
    signature[-1] ^= 1
    answer["response"]["signature"] = encode(bytes(signature))
    with pytest.raises(PasskeyRefused):
        verify_authentication(PARTY, answer, CHALLENGE, known, verification=True)


def test_a_count_that_went_back_is_a_copied_key() -> None:
    key = Authenticator(HERE)
    known = registered(key)
    ahead = PublicKey(known.id, known.key, 100)
    offer = offer_authentication(PARTY, CHALLENGE)
    with pytest.raises(PasskeyRefused):
        verify_authentication(PARTY, key.get(offer), CHALLENGE, ahead, verification=True)


def test_a_key_that_does_not_count_is_taken_every_time() -> None:
    key = Authenticator(HERE, counts=False)
    known = registered(key)
    for _ in range(2):
        offer = offer_authentication(PARTY, CHALLENGE)
        assert verify_authentication(PARTY, key.get(offer), CHALLENGE, known, verification=True) == 0


def test_without_the_library_passkeys_are_refused_when_the_application_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "webauthn", None)
    with pytest.raises(DeclarationError, match="library") as raised:
        require_passkeys()
    assert "backstay[passkeys]" in str(raised.value.hint)
