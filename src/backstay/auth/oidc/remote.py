"""Remote: one provider as it is found to be: its metadata and its keys, read when needed and kept for a while."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from backstay.auth.oidc.refused import Refused, Unreachable
from backstay.auth.oidc.web import PATIENCE, Web
from backstay.schema.providers.provider import TENANT, Facts

if TYPE_CHECKING:
    from backstay.auth.oidc.signed import ProviderKey

KEPT: Final = timedelta(hours=1)
"""How long metadata and keys are believed: a key that the provider withdraws is good for so long at most."""

PAUSE: Final = timedelta(minutes=1)
"""The shortest time between two readings of the keys because a token names an unknown one."""

RETRY: Final = timedelta(seconds=5)
"""The shortest time between two tries to read metadata that could not be read."""

_ALGORITHMS: Final = frozenset({"RS256"})
"""What OpenID Connect Discovery lets everybody assume."""

_SECRET_POST: Final = "client_secret_post"
_SECRET_BASIC: Final = "client_secret_basic"
TENANT_ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """What a provider says of itself (OpenID Connect Discovery 3, RFC 8414).

    Arguments:
        states_issuer: its answers say whose they are (RFC 9207).
        knows_age: it tells when a user signed in there, so it can be asked not to let that be too long ago.
    """

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    userinfo_endpoint: str = ""
    jwks_uri: str = ""
    algorithms: frozenset[str] = _ALGORITHMS
    token_authentication: str = _SECRET_POST
    states_issuer: bool = False
    knows_age: bool = False


class Remote:
    """One provider.

    Arguments:
        facts: what the declaration says of it.
        patience: the longest that one request to it may take.
    """

    def __init__(self, facts: Facts, *, patience: timedelta = PATIENCE) -> None:
        self.facts = facts
        written = (facts.discovery, facts.authorization_endpoint, facts.token_endpoint, facts.account_endpoint)
        self.web = Web(written, patience=patience)
        self._reading = asyncio.Lock()
        self._metadata: tuple[Metadata, datetime] | None = None
        self._keys: tuple[tuple[ProviderKey, ...], datetime] | None = None
        self._asked: datetime | None = None
        self._failed: datetime | None = None

    async def metadata(self, now: datetime) -> Metadata:
        """What it says of itself.

        Raises:
            Refused, Unreachable: it cannot be read, or is another provider's.
        """
        if not self.facts.discovery:
            return Metadata(
                issuer=self.facts.issuer,
                authorization_endpoint=self.facts.authorization_endpoint,
                token_endpoint=self.facts.token_endpoint,
            )
        async with self._reading:
            return await self._read_metadata(now)

    async def keys(self, kid: str | None, now: datetime) -> tuple[ProviderKey, ...]:
        """The keys that its ID tokens are signed with.

        They are read anew when they are old, or when a token names one that is not among them; the latter once a minute
        at most, for anyone may send such a token.

        Raises:
            Refused, Unreachable: they cannot be read.
        """
        async with self._reading:
            known, read = self._keys or ((), None)
            old = read is None or now - read >= KEPT
            unknown = kid is not None and all(key.kid != kid for key in known)
            rested = self._asked is None or now - self._asked >= PAUSE
            if not old and (not unknown or not rested):
                return known
            if not rested:
                raise Unreachable("the keys of the provider could not be read a moment ago")
            return await self._read_keys(now)

    async def _read_metadata(self, now: datetime) -> Metadata:
        if self._metadata is not None and now - self._metadata[1] < KEPT:
            return self._metadata[0]
        if self._failed is not None and now - self._failed < RETRY:
            raise Unreachable("the provider's metadata could not be read a moment ago")
        self._failed = now
        heard = await self.web.get(self.facts.discovery)
        if heard.status != 200 or not isinstance(heard.document, dict):
            raise Unreachable("the provider does not tell its metadata")
        metadata = _read(heard.document, self.facts, self.web)
        self._failed = None
        self._metadata = (metadata, now)
        return metadata

    async def _read_keys(self, now: datetime) -> tuple[ProviderKey, ...]:
        from backstay.auth.oidc.signed import read_provider_keys

        metadata = await self._read_metadata(now)
        self._asked = now
        heard = await self.web.get(metadata.jwks_uri)
        if heard.status != 200 or not isinstance(heard.document, dict):
            raise Unreachable("the provider does not tell its keys")
        keys = read_provider_keys(heard.document.get("keys"))
        self._keys = (keys, now)
        return keys


def _read(document: Mapping[str, Any], facts: Facts, web: Web) -> Metadata:
    metadata = Metadata(
        issuer=_text(document, "issuer"),
        authorization_endpoint=_text(document, "authorization_endpoint"),
        token_endpoint=_text(document, "token_endpoint"),
        userinfo_endpoint=_text(document, "userinfo_endpoint", needed=False),
        jwks_uri=_text(document, "jwks_uri"),
        algorithms=frozenset(_texts(document, "id_token_signing_alg_values_supported")) or _ALGORITHMS,
        token_authentication=_authentication(_texts(document, "token_endpoint_auth_methods_supported")),
        states_issuer=document.get("authorization_response_iss_parameter_supported") is True,
        knows_age="auth_time" in _texts(document, "claims_supported"),
    )
    if not is_issuer(metadata.issuer, facts):
        raise Refused("the provider's metadata is another issuer's")
    for url in (
        metadata.authorization_endpoint,
        metadata.token_endpoint,
        metadata.userinfo_endpoint,
        metadata.jwks_uri,
    ):
        if url:
            web.check(url)
    return metadata


def is_issuer(named: str, facts: Facts) -> bool:
    """Whether a provider's metadata may name this issuer; where its issuer is a template, with the tenant filled in."""
    if named in (facts.issuer, *facts.issuers):
        return True
    before, template, after = facts.issuer.partition(TENANT)
    tenant = named.removeprefix(before).removesuffix(after)
    return bool(template) and named == before + tenant + after and TENANT_ID.fullmatch(tenant) is not None


def _authentication(methods: list[str]) -> str:
    """By which method the application shows its secret: the one whose encoding all agree on, if there is a choice."""
    return _SECRET_POST if _SECRET_POST in methods else _SECRET_BASIC


def _text(document: Mapping[str, Any], name: str, *, needed: bool = True) -> str:
    value = document.get(name)
    if value is None and not needed:
        return ""
    if not isinstance(value, str) or not value or len(value) > 2000:
        raise Refused(f"the provider's metadata has no {name}")
    return value


def _texts(document: Mapping[str, Any], name: str) -> list[str]:
    values = document.get(name)
    return [value for value in values if isinstance(value, str)] if isinstance(values, list) else []
