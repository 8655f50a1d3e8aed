"""What the clients log in to at a provider: the club, with a provider whose address the environment tells."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from backstay import OIDC
from compliance.auth.program import POST, FiledPost
from fixtures import club
from issuer import CLIENT, SECRET

ISSUER = "TESTS_ISSUER"
"""The variable that holds the provider's address."""
SITE = "http://site.example"


def words(issuer: str) -> dict[str, Any]:
    """The words of ``Auth`` with the provider, under two names that the clients know."""
    return {"providers": [OIDC(name, issuer, CLIENT, SECRET) for name in ("keycloak", "workos")]}


def settings() -> dict[str, Any]:
    """Beside those that every test has."""
    return {"site_url": SITE, "manual_linking": True}


if ISSUER in os.environ:
    app = club.build(
        os.environ["BACKSTAY_DATABASE"],
        FiledPost(Path(os.environ.get(POST, os.devnull))),
        auth=words(os.environ[ISSUER]),
        public_url=os.environ["BACKSTAY_PUBLIC_URL"],
        **settings(),
    )
