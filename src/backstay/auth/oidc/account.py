"""read_account: an access token -> the profile that a provider's own interface tells (GitHub, Facebook, Discord)."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeAlias
from urllib.parse import urlencode

from backstay.auth.oidc.profile import Profile, make_profile
from backstay.auth.oidc.refused import Refused, Unreachable
from backstay.auth.oidc.remote import Remote
from backstay.schema.providers.provider import Account


async def read_account(remote: Remote, access_token: str) -> Profile:
    """Who an access token is of.

    Raises:
        Refused: the provider does not say.
        Unreachable: it does not answer.
    """
    return await _READERS[remote.facts.account](remote, access_token)


async def _read_github(remote: Remote, access_token: str) -> Profile:
    endpoint = remote.facts.account_endpoint
    headers = {
        "authorization": f"Bearer {access_token}",
        "accept": "application/vnd.github+json",
        "x-github-api-version": "2022-11-28",
    }
    user = await _get_object(remote, f"{endpoint}/user", headers)
    heard = await remote.web.get(f"{endpoint}/user/emails?per_page=100", headers)
    listed = heard.document if heard.status == 200 and isinstance(heard.document, list) else []
    address = _choose([each for each in listed if isinstance(each, dict)])
    return make_profile(
        remote.facts,
        remote.facts.issuer,
        _subject(user.get("id")),
        email=address.get("email"),
        verified=address.get("verified") is True,
        told={
            **_names(user.get("name"), user.get("login")),
            "avatar_url": _text(user.get("avatar_url")),
        },
    )


def _choose(addresses: list[dict[str, Any]]) -> Mapping[str, Any]:
    """The primary address if it is verified, else one that is, else the primary."""
    by_worth = sorted(addresses, key=lambda each: (each.get("verified") is not True, each.get("primary") is not True))
    if by_worth and by_worth[0].get("verified") is True:
        return by_worth[0]
    return next((each for each in addresses if each.get("primary") is True), {})


async def _read_facebook(remote: Remote, access_token: str) -> Profile:
    # The proof shows that who asks holds the application's secret, so a token stolen elsewhere is of no use to others.
    proof = hmac.new(remote.facts.secret.encode(), access_token.encode(), "sha256").hexdigest()
    asked = urlencode({"fields": "id,name,first_name,last_name,email,picture", "appsecret_proof": proof})
    headers = {"authorization": f"Bearer {access_token}"}
    user = await _get_object(remote, f"{remote.facts.account_endpoint}/me?{asked}", headers)
    picture = user.get("picture")
    shown = picture.get("data") if isinstance(picture, dict) else None
    return make_profile(
        remote.facts,
        remote.facts.issuer,
        _subject(user.get("id")),
        email=user.get("email"),
        verified=None,
        told={
            **_names(user.get("name"), None),
            "given_name": _text(user.get("first_name")),
            "family_name": _text(user.get("last_name")),
            "avatar_url": _text(shown.get("url")) if isinstance(shown, dict) else None,
        },
    )


async def _read_discord(remote: Remote, access_token: str) -> Profile:
    headers = {"authorization": f"Bearer {access_token}"}
    user = await _get_object(remote, f"{remote.facts.account_endpoint}/users/@me", headers)
    subject, avatar = _subject(user.get("id")), _text(user.get("avatar"))
    place = f"https://cdn.discordapp.com/avatars/{subject}/{avatar}.png"
    return make_profile(
        remote.facts,
        remote.facts.issuer,
        subject,
        email=user.get("email"),
        verified=user.get("verified") is True,
        told={
            **_names(user.get("global_name") or user.get("username"), user.get("username")),
            "avatar_url": place if avatar and avatar.replace("_", "").isalnum() else None,
        },
    )


async def _get_object(remote: Remote, url: str, headers: Mapping[str, str]) -> Mapping[str, Any]:
    heard = await remote.web.get(url, headers)
    if heard.status != 200:
        raise Unreachable(f"the provider's interface answered {heard.status}")
    if not isinstance(heard.document, dict):
        raise Refused("the provider's interface did not answer an object")
    return heard.document


def _subject(value: object) -> str:
    """The id of an account: a number (GitHub), or one as text."""
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return str(value)
    if isinstance(value, str) and value.isascii() and value.isalnum() and len(value) <= 64:
        return value
    raise Refused("the provider does not say who this is")


def _names(name: object, login: object) -> dict[str, str | None]:
    shown, known = _text(name) or _text(login), _text(login)
    return {"name": shown, "full_name": shown, "user_name": known, "preferred_username": known}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and len(value) <= 1000 else None


_Reader: TypeAlias = Callable[[Remote, str], Awaitable[Profile]]
_READERS: Final[Mapping[Account, _Reader]] = {
    Account.GITHUB: _read_github,
    Account.FACEBOOK: _read_facebook,
    Account.DISCORD: _read_discord,
}
