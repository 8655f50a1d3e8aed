"""Profile: who a provider says someone is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from backstay.auth.oidc.refused import Refused
from backstay.auth.protocol.metadata import can_be_told
from backstay.schema.kind.encode import is_unicode
from backstay.schema.providers.provider import Facts

MOST_BYTES: Final = 16 * 1024
"""The most of a profile that is kept."""

_LONGEST_EMAIL: Final = 320

_STANDARD: Final = (
    *("name", "given_name", "family_name", "middle_name", "nickname", "preferred_username"),
    *("profile", "picture", "website", "gender", "birthdate", "zoneinfo", "locale", "updated_at"),
)
_PROTOCOL: Final = frozenset(
    {
        *("iss", "sub", "aud", "azp", "exp", "iat", "nbf", "jti", "nonce", "at_hash", "c_hash", "s_hash", "auth_time"),
        *("acr", "amr", "sid", "email", "email_verified", "xms_edov", "ver", "uti", "rh", "aio", "nonce_supported"),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """Who a provider says someone is. The identity is (issuer, subject); the address is only how to reach them.

    Arguments:
        provider: the provider's name.
        issuer: whose word it is.
        subject: who it is there.
        email: an address, in small letters; None: it tells none.
        email_verified: whether the provider says that the address is theirs.
        data: what it tells beside that, named as in GoTrue's ``identity_data``.
    """

    provider: str
    issuer: str
    subject: str
    email: str | None = None
    email_verified: bool = False
    data: Mapping[str, Any] = field(default_factory=dict, repr=False)


def make_profile(
    facts: Facts, issuer: str, subject: str, *, email: object, verified: object, told: Mapping[str, Any]
) -> Profile:
    """A profile, of what a provider told.

    Arguments:
        facts: the provider's.
        issuer, subject: the identity.
        email: the address, as told.
        verified: whether it is verified, as told; None: it does not say.
        told: what goes into ``data`` beside.

    Raises:
        Refused: it holds characters that are none, or more than is kept.
    """
    address = _read_email(email)
    certain = address is not None and (facts.email_trusted if verified is None else _is_yes(verified))
    data = {
        "iss": issuer,
        "sub": subject,
        "provider_id": subject,
        **({} if address is None else {"email": address}),
        "email_verified": certain,
        "phone_verified": False,
        **{name: value for name, value in told.items() if value not in (None, "")},
    }
    try:
        text = json.dumps(data, ensure_ascii=False, allow_nan=False)
    except (ValueError, RecursionError):
        raise Refused("the provider's profile cannot be kept") from None
    if not can_be_told(data) or "\\u0000" in text or not is_unicode(text) or len(text.encode()) > MOST_BYTES:
        raise Refused("the provider's profile cannot be kept")
    return Profile(
        provider=facts.name, issuer=issuer, subject=subject, email=address, email_verified=certain, data=data
    )


def from_claims(facts: Facts, issuer: str, subject: str, claims: Mapping[str, Any], info: Mapping[str, Any]) -> Profile:
    """A profile of OpenID Connect's claims.

    Arguments:
        facts: the provider's.
        issuer, subject: the identity.
        claims: the ID token's.
        info: the userinfo endpoint's, known to be of the same subject; what the ID token says goes before it.
    """
    # An address and the word that it is verified come from one place, or the one would vouch for the other's.
    source = claims if claims.get("email") else info
    both = {**info, **claims}
    told: dict[str, Any] = {name: both[name] for name in _STANDARD if isinstance(both.get(name), str | int)}
    name = told.get("name") or " ".join(filter(None, (told.get("given_name"), told.get("family_name"))))
    told |= {"name": name, "full_name": name, "avatar_url": told.get("picture")}
    rest = {name: value for name, value in both.items() if name not in _PROTOCOL and name not in _STANDARD}
    told["custom_claims"] = rest or None
    return make_profile(
        facts,
        issuer,
        subject,
        email=source.get("email"),
        verified=source.get(facts.verified_claim),
        told=told,
    )


def _read_email(email: object) -> str | None:
    if not isinstance(email, str) or len(email) > _LONGEST_EMAIL or not email.isprintable():
        return None
    name, at, domain = email.strip().rpartition("@")
    return f"{name}@{domain}".lower() if at and name and domain and " " not in email.strip() else None


def _is_yes(value: object) -> bool:
    """Apple and Microsoft write a boolean as text, too."""
    return value is True or value in ("true", "1") or (value == 1 and not isinstance(value, float))
