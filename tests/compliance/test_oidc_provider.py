"""Logging in at npm's ``oidc-provider``, which says only in its userinfo what it knows of a user."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest
from joserfc.jwk import ECKey, OKPKey, RSAKey

from backstay import OIDC
from behaviour.door import Answer
from compliance.install import JAVASCRIPT
from databases import sqlite_url
from issuer import CLIENT, SECRET
from signing_in import Club, fragment

CALLBACK = "https://club.example/auth/v1/callback"
KEYS = {
    "RS256": RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig"}),
    "PS256": RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig"}),
    "ES256": ECKey.generate_key("P-256", {"kid": "curve", "use": "sig"}),
    "EdDSA": OKPKey.generate_key("Ed25519", {"kid": "edwards", "use": "sig"}),
}
PATIENCE = 30.0
"""Seconds in which the provider must answer on a busy machine."""


@pytest.fixture(
    params=[("RS256", "client_secret_post"), ("ES256", "client_secret_basic"), ("PS256", "client_secret_post")]
)
def provider(request: pytest.FixtureRequest, node: str, tmp_path: Path) -> Iterator[str]:
    algorithm, authentication = request.param
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    told = {
        "PORT": str(port),
        "REDIRECT_URI": CALLBACK,
        "AUTHENTICATION": authentication,
        "ALGORITHM": algorithm,
        "KEYS": json.dumps([KEYS[algorithm].as_dict(private=True)]),
    }
    command = [node, "oidc-provider.mjs"]
    with (tmp_path / "provider.log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=JAVASCRIPT, env={**os.environ, **told}, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        deadline = time.monotonic() + PATIENCE
        while b"ready" not in (tmp_path / "provider.log").read_bytes():
            assert process.poll() is None and time.monotonic() < deadline, (tmp_path / "provider.log").read_text()
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(PATIENCE)


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
