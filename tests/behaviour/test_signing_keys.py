"""Signing keys of a running application: a changed file is noticed within a second, on the warm road, too."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from backstay.auth.keys import issuer_of
from backstay.auth.mint import compose
from backstay.auth.signing import Signer
from backstay.auth.signing.key import read_keys_that_sign, read_members, write_members
from backstay.auth.signing.rotate import rotate
from backstay.settings import Settings
from behaviour.door import SECRET, Door
from databases import sqlite_url
from fixtures import rows, workspace
from in_time import in_time, until
from signing_in import Clock

ISSUED: dict[str, Any] = {
    "user": rows.CALLERS["ada"].id,
    "audience": "authenticated",
    "claims": {"iss": issuer_of(Settings())},
}
"""What sign-in says of a user in the tokens that it issues."""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "signing-keys.json"
    write_members(file, rotate([], now=time.time(), lifetime=timedelta(hours=1)))
    return file


@pytest.fixture
def door(tmp_path: Path, file: Path) -> Iterator[Door]:
    app = workspace.build(sqlite_url(tmp_path))
    app.configure(signing_keys=str(file))
    with Door(app, rows.fill) as door:
        yield door


def status(door: Door, token: str) -> int:
    return door.get("/notes?select=id", authorization=f"Bearer {token}").status


def sign(file: Path) -> str:
    return Signer(read_keys_that_sign(file.read_text())).sign(compose(**ISSUED))


def change(file: Path, **how: Any) -> None:
    members = read_members(file.read_text())
    write_members(file, rotate(members, now=time.time(), lifetime=timedelta(hours=1), **how))


def wait(door: Door) -> None:
    """Let it look at the file."""
    door.run(asyncio.sleep(1.0))


def test_what_the_application_signs_it_accepts(door: Door, file: Path) -> None:
    signed = door.app.assembly.signer.sign(compose(**ISSUED))
    assert [status(door, signed), status(door, sign(file))] == [200, 200]


@pytest.mark.invariant("I23")
def test_after_an_emergency_the_stolen_key_s_tokens_are_refused_within_a_second(door: Door, file: Path) -> None:
    for watch in in_time(1.0):
        stolen = sign(file)
        assert [status(door, stolen), status(door, stolen)] == [200, 200]
        change(file, at_once=True)
        with watch:
            while status(door, stolen) == 200:
                watch.check()
                door.run(asyncio.sleep(0.02))
        assert [status(door, stolen), status(door, stolen)] == [401, 401]
        assert [status(door, sign(file)), status(door, sign(file))] == [200, 200]


def test_after_a_rotation_both_keys_tokens_are_accepted(door: Door, file: Path) -> None:
    before = sign(file)
    change(file)
    door.run(until(lambda: len(door.app.assembly.signer.jwks()["keys"]) > 1))
    published = door.app.assembly.signer.jwks()["keys"]
    assert [each["kid"] for each in published] == [each["kid"] for each in read_members(file.read_text())]
    assert len(published) == 2
    (newest, _) = read_keys_that_sign(file.read_text())
    after = Signer((newest,)).sign(compose(**ISSUED))
    assert [status(door, before), status(door, after)] == [200, 200]


def test_a_file_that_cannot_be_read_changes_nothing(door: Door, file: Path) -> None:
    token = sign(file)
    file.write_text("nonsense")
    wait(door)
    assert status(door, token) == 200
    file.unlink()
    wait(door)
    assert status(door, token) == 200


def test_a_key_s_time_ends_without_a_change_of_the_file(
    tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)
    (only,) = read_members(file.read_text())
    write_members(file, [{**only, "retires_at": time.time() + 300}])
    app = workspace.build(sqlite_url(tmp_path))
    app.configure(signing_keys=str(file))
    with Door(app, rows.fill) as door:
        token = sign(file)
        assert status(door, token) == 200
        clock.pass_by(timedelta(seconds=301))
        door.run(asyncio.sleep(1.0))
        assert status(door, token) == 401


def test_the_secret_s_tokens_are_accepted_beside_them(door: Door) -> None:
    assert status(door, Signer(secret=SECRET).sign(compose(**ISSUED))) == 200
