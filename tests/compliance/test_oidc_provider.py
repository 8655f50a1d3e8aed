"""Logging in at npm's ``oidc-provider``, which says only in its userinfo what it knows of a user."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest

from backstay import OIDC
from behaviour.door import Answer
from compliance import login
from compliance.install import JAVASCRIPT
from compliance.npm_provider import PATIENCE, free_port, npm_provider
from databases import sqlite_url
from fixtures.club import PUBLISHABLE
from issuer import CLIENT, SECRET
from serving import Serving
from signing_in import Club, fragment

CALLBACK = "https://club.example/auth/v1/callback"


@pytest.fixture(
    params=[("RS256", "client_secret_post"), ("ES256", "client_secret_basic"), ("PS256", "client_secret_post")]
)
def provider(request: pytest.FixtureRequest, node: str, tmp_path: Path) -> Iterator[str]:
    algorithm, authentication = request.param
    started = npm_provider(
        node, tmp_path, CALLBACK, port=free_port(), algorithm=algorithm, authentication=authentication
    )
    with started as url:
        yield url


def log_in(url: str, name: str) -> str:
    """Follow a browser's way through the provider's pages; the query of the answer that it brings back."""
    with httpx2.Client(follow_redirects=False, timeout=PATIENCE) as browser:
        answer = browser.get(url)
        for _ in range(12):
            if answer.is_redirect:
                target = str(answer.url.join(answer.headers["location"]))
                if target.startswith(CALLBACK):
                    return urlsplit(target).query
                answer = browser.get(target)
                continue
            action = re.search(r'action="([^"]+)"', answer.text)
            prompt = re.search(r'name="prompt" value="(\w+)"', answer.text)
            assert action is not None and prompt is not None, answer.text
            form = {"prompt": prompt[1], "login": name, "password": "any"}
            answer = browser.post(answer.url.join(action[1]), data=form)
    raise AssertionError("the provider does not come to an end")


def test_a_user_logs_in(provider: str, tmp_path: Path) -> None:
    providers = [OIDC("npm", provider, CLIENT, SECRET)]
    with Club(sqlite_url(tmp_path), auth={"providers": providers}) as club:
        left = club.ask("GET", "/authorize?provider=npm", key=None)
        text = log_in(left.headers["location"], "ada")
        assert "iss=" in text
        cookie = left.headers["set-cookie"].partition(";")[0]
        answer: Answer = club.ask("GET", f"/callback?{text}", key=None, cookie=cookie)
        found = fragment(answer)
        assert "access_token" in found, found
        user = club.ask("GET", "/user", token=found["access_token"]).json
        assert (user["email"], user["user_metadata"]["full_name"]) == ("ada@example.com", "ada of the provider")
        assert user["identities"][0]["identity_data"]["iss"] == provider
        # Its answers say whose they are, so one that does not is not its own.
        left = club.ask("GET", "/authorize?provider=npm", key=None)
        text = re.sub(r"&?iss=[^&]*", "", log_in(left.headers["location"], "ada"))
        cookie = left.headers["set-cookie"].partition(";")[0]
        refused = fragment(club.ask("GET", f"/callback?{text}", key=None, cookie=cookie))
        assert refused["error_code"] == "bad_oauth_callback"


def test_a_page_logs_in_by_supabase_js(
    node: str, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    issuer = f"http://127.0.0.1:{port}"
    monkeypatch.setenv(login.ISSUER, issuer)
    with Club(database_url, auth=login.words(issuer), **login.settings()):
        pass  # its tables are made
    serving = Serving("compliance.login:app", database_url, tmp_path, {"public_url": "{url}"})
    with npm_provider(node, tmp_path, f"{serving.url}/auth/v1/callback", port=port), serving:
        told = {"BACKSTAY_URL": serving.url, "PUBLISHABLE_KEY": PUBLISHABLE, "SITE": login.SITE}
        done = subprocess.run(
            [node, "--no-deprecation", "--test", "--test-reporter=spec", "login.test.mjs"],
            cwd=JAVASCRIPT / "login",
            env={**os.environ, **told},
            capture_output=True,
            text=True,
            timeout=280,
            check=False,
        )
    assert done.returncode == 0, done.stdout + done.stderr + serving.log.read_text()
