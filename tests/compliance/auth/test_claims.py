"""Claims that clients verify themselves, by the keys that a served application publishes."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from backstay.auth.signing.rotate import rotate
from compliance.auth.conftest import open_club
from compliance.auth.opened import Opened
from compliance.auth.test_auth_js import run
from compliance.auth.test_supabase_auth import Connect, connect, join, take
from compliance.install import JAVASCRIPT

__all__ = ["connect"]

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(scope="module", params=["ES256", "RS256"])
def signed(
    request: pytest.FixtureRequest, module_database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Opened]]:
    """The club with tokens signed by a key pair, served."""
    folder: Path = tmp_path_factory.mktemp("signed")
    members = rotate([], now=time.time(), lifetime=timedelta(hours=1), algorithm=request.param)
    settings = {"signing_keys": json.dumps({"keys": members})}
    with open_club(module_database_url, folder, settings) as opened:
        yield request.param, opened


@pytest.fixture
def opened(signed: tuple[str, Opened]) -> Opened:
    """The same, with nobody in it."""
    signed[1].restore()
    return signed[1]


def test_auth_js_verifies_claims_itself(signed: tuple[str, Opened], opened: Opened, node: str) -> None:
    run(node, JAVASCRIPT / "auth" / "signed" / "claims.test.mjs", opened, ALGORITHM=signed[0])


async def test_supabase_auth_verifies_claims_itself(
    signed: tuple[str, Opened], opened: Opened, connect: Connect
) -> None:
    client = await join(connect, opened)
    session = await take(client.auth.get_session())
    found: Any = await take((await connect()).auth.get_claims(session.access_token))
    assert (found["headers"]["alg"], found["claims"]["sub"]) == (signed[0], session.user.id)
