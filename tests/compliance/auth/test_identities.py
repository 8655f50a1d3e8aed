"""Identities of a provider, by the clients: logging in, linking and unlinking, with ID tokens and by redirect."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest

from compliance import login
from compliance.auth.opened import Opened
from compliance.auth.program import POST
from compliance.auth.test_auth_js import run
from compliance.auth.test_supabase_auth import Connect, connect, join, refused, take
from compliance.install import JAVASCRIPT
from issuer import Issuer, sign
from serving import Serving
from signing_in import Club

__all__ = ["connect"]

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

PROVIDER = "keycloak"


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    """A provider."""
    with Issuer() as started:
        yield started


@pytest.fixture(scope="module")
def module_opened(
    module_database_url: str, issuer: Issuer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Opened]:
    """The club with the provider, served to all tests of a module."""
    folder = tmp_path_factory.mktemp("club")
    with open_club(module_database_url, issuer, folder) as opened:
        yield opened


@contextmanager
def open_club(database: str, issuer: Issuer, folder: Path) -> Iterator[Opened]:
    file = folder / "post.jsonl"
    file.touch()
    with (
        pytest.MonkeyPatch.context() as patch,
        Club(database, auth=login.words(issuer.url), **login.settings()) as club,
    ):
        patch.setenv(login.ISSUER, issuer.url)
        patch.setenv(POST, str(file))
        with Serving("compliance.login:app", database, folder, {"public_url": "{url}"}) as serving:
            yield Opened(serving.url, database.partition(":")[0], club, file)


@pytest.fixture
def opened(module_opened: Opened) -> Opened:
    """It with nobody in it."""
    module_opened.restore()
    return module_opened


def token(issuer: Issuer, name: str, **claims: Any) -> str:
    """The ID token of somebody at the provider."""
    person = {"sub": name, "email": f"{name}@example.com", "email_verified": True, "name": name}
    return sign({**issuer.claims({}), **person, **claims})


def come_back(issuer: Issuer, browser: httpx.Client, url: str, subject: str) -> dict[str, str]:
    """Follow a browser's way to the provider and back; what the site is told then."""
    issuer.subject, issuer.profile = subject, {"email": f"{subject}@example.com", "email_verified": True}
    left = browser.get(url)
    where = left.headers["location"] if left.is_redirect else url
    callback = httpx.URL(httpx.URL(where).params["redirect_uri"])
    answer = browser.get(f"{callback}?{issuer.log_in(where)}")
    address = httpx.URL(answer.headers["location"])
    return {**dict(address.params), **dict(httpx.QueryParams(address.fragment))}


def test_auth_js_uses_id_tokens(node: str, opened: Opened, issuer: Issuer) -> None:
    tokens = {name: token(issuer, name) for name in ("ada", "grace")}
    tokens["noncy"] = token(issuer, "noncy", nonce=sha256(b"a nonce").hexdigest())
    session = JAVASCRIPT / "auth" / "provider" / "identities.test.mjs"
    run(node, session, opened, TOKENS=json.dumps(tokens))


async def test_sign_in_with_oauth_and_link_identity(connect: Connect, opened: Opened, issuer: Issuer) -> None:
    client = await connect(flow="pkce")
    options = {"redirect_to": f"{login.SITE}/welcome", "scopes": "calendar"}
    with httpx.Client() as browser:
        left = await take(client.auth.sign_in_with_oauth({"provider": PROVIDER, "options": options}))
        back = come_back(issuer, browser, left.url, "ada")
        entered = await take(client.auth.exchange_code_for_session({"auth_code": back["code"]}))
        assert (entered.user.email, entered.session.provider_token) == ("ada@example.com", "theirs")
        linking = await take(client.auth.link_identity({"provider": "workos", "options": options}))
        back = come_back(issuer, browser, linking.url, "grace")
    await take(client.auth.exchange_code_for_session({"auth_code": back["code"]}))
    held = (await take(client.auth.get_user_identities())).identities
    assert [(each.provider, each.id) for each in held] == [(PROVIDER, "ada"), ("workos", "grace")]
    await take(client.auth.unlink_identity(held[1]))
    left_over = (await take(client.auth.get_user_identities())).identities
    assert [each.provider for each in left_over] == [PROVIDER]
    await refused(lambda: client.auth.unlink_identity(held[0]), 422, "single_identity_not_deletable")


async def test_sign_in_with_id_token(connect: Connect, opened: Opened, issuer: Issuer) -> None:
    client = await connect()
    words = {"provider": PROVIDER, "token": token(issuer, "ada")}
    entered = await take(client.auth.sign_in_with_id_token(words))
    assert (entered.user.email, entered.user.identities[0].id) == ("ada@example.com", "ada")
    assert (await take(client.auth.get_user())).user.id == entered.user.id
    await refused(lambda: client.auth.sign_in_with_id_token({**words, "nonce": "x"}), 400, "validation_failed")
    nonce = {"token": token(issuer, "ada", nonce=sha256(b"x").hexdigest()), "nonce": "x"}
    again = await take((await connect()).auth.sign_in_with_id_token({**words, **nonce}))
    assert again.user.id == entered.user.id


async def test_identities_are_not_taken_from_others(connect: Connect, opened: Opened, issuer: Issuer) -> None:
    await take((await connect()).auth.sign_in_with_id_token({"provider": PROVIDER, "token": token(issuer, "ada")}))
    bob = await join(connect, opened, "bob@example.com", flow="pkce")
    with httpx.Client() as browser:
        linking = await take(bob.auth.link_identity({"provider": PROVIDER}))
        assert come_back(issuer, browser, linking.url, "ada")["error_code"] == "identity_already_exists"
