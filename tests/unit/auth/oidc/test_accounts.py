"""Providers that have no ID tokens: who someone is, from their own interfaces."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from backstay import Discord, Facebook, GitHub, Provider
from backstay.auth.oidc.profile import Profile
from backstay.auth.oidc.refused import Refused
from backstay.auth.oidc.remote import Remote
from issuer import CLIENT, SECRET, Answer, Issuer
from unit.auth.oidc.conftest import Application


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with Issuer() as started:
        yield started


async def log_in(issuer: Issuer, provider: Provider, answers: Mapping[str, Any]) -> Profile:
    facts = replace(
        provider.facts,
        authorization_endpoint=f"{issuer.url}/authorize",
        token_endpoint=f"{issuer.url}/token",
        account_endpoint=issuer.url,
    )
    issuer.instead |= {path: Answer(body=json.dumps(document).encode()) for path, document in answers.items()}
    return (await Application(Remote(facts), datetime.now(UTC)).log_in(issuer)).profile


ADA = {"id": 583231, "login": "ada", "name": "Ada Lovelace", "avatar_url": "https://example.com/ada.png"}


def address(email: str, *, primary: bool, verified: bool) -> dict[str, Any]:
    return {"email": email, "primary": primary, "verified": verified, "visibility": None}


async def test_github_tells_the_primary_address_that_is_verified(issuer: Issuer) -> None:
    addresses = [
        address("other@example.com", primary=False, verified=True),
        address("Ada@Example.com", primary=True, verified=True),
    ]
    profile = await log_in(issuer, GitHub(CLIENT, SECRET), {"/user": ADA, "/user/emails": addresses})
    assert (profile.issuer, profile.subject) == ("https://github.com", "583231")
    assert (profile.email, profile.email_verified) == ("ada@example.com", True)
    assert (profile.data["user_name"], profile.data["full_name"]) == ("ada", "Ada Lovelace")


async def test_githubs_unverified_address_is_not_taken_for_a_verified_one(issuer: Issuer) -> None:
    primary = address("victim@example.com", primary=True, verified=False)
    other = address("ada@example.com", primary=False, verified=True)
    provider = GitHub(CLIENT, SECRET)
    profile = await log_in(issuer, provider, {"/user": ADA, "/user/emails": [primary, other]})
    assert (profile.email, profile.email_verified) == ("ada@example.com", True)
    profile = await log_in(issuer, provider, {"/user": {**ADA, "email": "x@example.com"}, "/user/emails": [primary]})
    assert (profile.email, profile.email_verified) == ("victim@example.com", False)


async def test_githubs_public_address_is_never_taken(issuer: Issuer) -> None:
    # Anyone may show any address on their page.
    user = {**ADA, "email": "victim@example.com"}
    profile = await log_in(issuer, GitHub(CLIENT, SECRET), {"/user": user, "/user/emails": {"message": "no"}})
    assert (profile.email, profile.email_verified) == (None, False)


@pytest.mark.parametrize("subject", [None, "", 0, -1, True, 1.5, [], "a/b", "a" * 65])
async def test_an_account_without_an_id_signs_nobody_in(subject: Any, issuer: Issuer) -> None:
    with pytest.raises(Refused, match="who this is"):
        await log_in(issuer, GitHub(CLIENT, SECRET), {"/user": {**ADA, "id": subject}, "/user/emails": []})


@pytest.mark.parametrize("verified", [True, False, None])
async def test_discord_says_whether_the_address_is_verified(verified: bool | None, issuer: Issuer) -> None:
    user = {
        "id": "80351110224678912",
        "username": "ada",
        "email": "ada@example.com",
        "verified": verified,
        "avatar": "a_1f",
    }
    profile = await log_in(issuer, Discord(CLIENT, SECRET), {"/users/@me": user})
    assert (profile.subject, profile.email, profile.email_verified) == (user["id"], "ada@example.com", verified is True)
    assert profile.data["avatar_url"] == "https://cdn.discordapp.com/avatars/80351110224678912/a_1f.png"


async def test_facebook_gives_confirmed_addresses_only(issuer: Issuer) -> None:
    picture = {"data": {"url": "https://example.com/ada.png"}}
    user = {"id": "10220", "name": "Ada", "first_name": "Ada", "email": "ada@example.com", "picture": picture}
    profile = await log_in(issuer, Facebook(CLIENT, SECRET), {"/me": user})
    assert (profile.subject, profile.email_verified, profile.data["avatar_url"]) == (
        "10220",
        True,
        "https://example.com/ada.png",
    )
    doubted = await log_in(issuer, Facebook(CLIENT, SECRET, email_trusted=False), {"/me": user})
    assert not doubted.email_verified


async def test_an_interface_that_does_not_answer_signs_nobody_in(issuer: Issuer) -> None:
    with pytest.raises(Refused):
        await log_in(issuer, GitHub(CLIENT, SECRET), {"/user": [ADA]})
    with pytest.raises(Refused):
        await log_in(issuer, Discord(CLIENT, SECRET), {})
