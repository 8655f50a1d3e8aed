"""The way to a provider from a page, and the names on its buttons."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlencode

from backstay.auth.keys import SIGN_IN
from backstay.auth.pages.target import arrival_url
from backstay.auth.pages.visit import Visit
from backstay.auth.protocol.answer import Answer
from backstay.auth.sign_in import SignIn

_TITLES: Final = {
    "github": "GitHub",
    "gitlab": "GitLab",
    "linkedin": "LinkedIn",
    "azure": "Microsoft",
}


def list_providers(sign_in: SignIn) -> list[dict[str, str]]:
    """The providers that one may log in at: their names, and what they are called."""
    names = dict.fromkeys(provider.facts.name for provider in sign_in.auth.providers)
    return [{"name": name, "title": _TITLES.get(name, name.replace("_", " ").title())} for name in names]


async def go_to_provider(visit: Visit) -> Answer:
    """``GET /auth/provider?name=...``: off to a provider, who sends the browser back to ``/auth/arrive``."""
    values: dict[str, Any] = {
        "provider": visit.query.get("name", ""),
        "redirect_to": arrival_url(visit.sign_in, visit.next),
        **visit.challenge,
    }
    return visit.go(f"{SIGN_IN}/authorize?{urlencode(values)}")
