"""Logging in through a provider that others wrote, in a process of its own."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from backstay import OIDC
from backstay.auth.oidc.begin import begin
from backstay.auth.oidc.finish import Arrival, finish, read_returned
from backstay.auth.oidc.flow import Seal
from backstay.auth.oidc.refused import Declined, Refused
from backstay.auth.oidc.remote import Remote
from provider_mock import ProviderMock, provider_mock

pytestmark = pytest.mark.processes

CALLBACK = "https://api.example.com/auth/v1/callback"
SEAL = Seal(b"the secret that only the server of these tests knows")


@pytest.fixture(scope="module")
def provider() -> Iterator[ProviderMock]:
    with provider_mock("--require-nonce", "true") as started:
        yield started


async def arrive(remote: Remote, query: str) -> Arrival:
    return await finish(remote, SEAL, read_returned(query), redirect_uri=CALLBACK, now=datetime.now(UTC))


async def test_a_user_logs_in(provider: ProviderMock) -> None:
    remote = Remote(OIDC("mock", provider.url, "any", "secret").facts)
    departure = await begin(remote, SEAL, redirect_uri=CALLBACK, now=datetime.now(UTC))
    answer = provider.log_in(departure.url, "ada", email="ada@example.com", email_verified=True, name="Ada Lovelace")
    profile = (await arrive(remote, answer)).profile
    assert (profile.issuer, profile.subject) == (provider.url, "ada")
    assert (profile.email, profile.email_verified) == ("ada@example.com", True)
    assert profile.data["full_name"] == "Ada Lovelace"
    with pytest.raises(Refused, match="invalid_grant"):
        await arrive(remote, answer)


async def test_another_applications_login_is_refused(provider: ProviderMock) -> None:
    ours, theirs = (Remote(OIDC("mock", provider.url, name, "secret").facts) for name in ("ours", "theirs"))
    departure = await begin(theirs, SEAL, redirect_uri=CALLBACK, now=datetime.now(UTC))
    with pytest.raises(Refused):
        await arrive(ours, provider.log_in(departure.url, "ada", email="ada@example.com"))


async def test_a_user_declines(provider: ProviderMock) -> None:
    remote = Remote(OIDC("mock", provider.url, "any", "secret").facts)
    with pytest.raises(Declined):
        await arrive(remote, "error=access_denied&state=x")
