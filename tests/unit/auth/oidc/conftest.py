"""An issuer that does as it is told, and Backstay's side of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from backstay import OIDC
from backstay.auth.oidc.begin import Departure, begin
from backstay.auth.oidc.finish import Arrival, finish, read_native, read_returned
from backstay.auth.oidc.flow import Seal
from backstay.auth.oidc.profile import Profile
from backstay.auth.oidc.remote import Remote
from issuer import CLIENT, SECRET, Issuer

CALLBACK = "https://api.example.com/auth/v1/callback"
SEAL = Seal(b"the secret that only the server of these tests knows")


@dataclass
class Application:
    """An application that logs in at one provider."""

    remote: Remote
    now: datetime

    async def depart(self, **more: Any) -> Departure:
        return await begin(self.remote, SEAL, redirect_uri=CALLBACK, now=self.now, **more)

    async def arrive(self, query: str) -> Arrival:
        return await finish(self.remote, SEAL, read_returned(query), redirect_uri=CALLBACK, now=self.now)

    async def log_in(self, issuer: Issuer, **more: str) -> Arrival:
        """The whole way there and back."""
        return await self.arrive(issuer.log_in((await self.depart()).url, **more))

    async def sign_in(self, token: str, **more: Any) -> Profile:
        """With an ID token alone."""
        return await read_native(self.remote, token, now=self.now, **more)

    def changed(self, **facts: Any) -> Application:
        """The same, with other facts of the provider."""
        return Application(Remote(replace(self.remote.facts, **facts)), self.now)


def application(issuer: Issuer, **words: Any) -> Application:
    facts = OIDC("tests", issuer.url, CLIENT, SECRET, **words).facts
    return Application(Remote(facts, patience=timedelta(seconds=30)), datetime.now(UTC))


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with Issuer() as started:
        yield started


@pytest.fixture
def app(issuer: Issuer) -> Application:
    return application(issuer)
