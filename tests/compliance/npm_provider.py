"""npm's ``oidc-provider``, as a process of its own."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from joserfc.jwk import ECKey, RSAKey

from compliance.install import JAVASCRIPT

PATIENCE = 90.0
"""Seconds in which the provider must answer on a busy machine."""


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def npm_provider(
    node: str,
    folder: Path,
    redirect_uri: str,
    *,
    port: int,
    algorithm: str = "RS256",
    authentication: str = "client_secret_post",
) -> Iterator[str]:
    """Start it, wait until it answers, and stop it at the end; where it is.

    Arguments:
        node: the program.
        folder: where its log is written.
        redirect_uri: where it may send users.
        port: to listen on.
        algorithm: by which it signs.
        authentication: how the application shows its secret.
    """
    key: ECKey | RSAKey
    if algorithm == "ES256":
        key = ECKey.generate_key("P-256", {"kid": "curve", "use": "sig"})
    else:
        key = RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig"})
    told = {
        "PORT": str(port),
        "REDIRECT_URI": redirect_uri,
        "AUTHENTICATION": authentication,
        "ALGORITHM": algorithm,
        "KEYS": json.dumps([key.as_dict(private=True)]),
    }
    written = folder / "provider.log"
    command = [node, "oidc-provider.mjs"]
    with written.open("wb") as log:
        process = subprocess.Popen(
            command, cwd=JAVASCRIPT, env={**os.environ, **told}, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        deadline = time.monotonic() + PATIENCE
        while b"ready" not in written.read_bytes():
            assert process.poll() is None and time.monotonic() < deadline, written.read_text()
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(PATIENCE)
