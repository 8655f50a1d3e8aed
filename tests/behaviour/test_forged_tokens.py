"""Forged tokens at the front door: each is refused, in whatever place, on the prepared road and on the others."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest

from backstay.auth import identify
from behaviour.door import PUBLISHABLE, Answer, Door, call
from databases import sqlite_url
from fixtures import forged, rows, workspace

NOW = time.time()
FORGE = forged.Forge(NOW)
SIGNED = {name: FORGE.by_secret(claims) for name, claims in forged.nonsense(NOW).items()}
ALL = {**forged.untrusted(NOW), **SIGNED}
CORPUS = {name: token for name, token in ALL.items() if not re.search("[\0\n\ud800]", token) and len(token) < 50_000}
NO_HEADERS = sorted(ALL.keys() - CORPUS.keys() - {"a lone surrogate"})
"""What HTTP itself forbids; half a character cannot be sent at all."""
GOOD = forged.good_tokens(NOW)


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    """An application that trusts the keys of the forge."""
    app = workspace.build(sqlite_url(tmp_path_factory.mktemp("database")))
    door = Door(app, rows.fill)
    app.configure(**forged.settings(), publishable_key=PUBLISHABLE, public_url=forged.ISSUER.removesuffix("/auth/v1"))
    with door:
        for token in GOOD.values():
            assert [ask(door, token).status for _ in range(2)] == [200] * 2
        yield door


def ask(door: Door, token: str, *, method: str = "GET", path: bytes = b"/rest/v1/notes", **more: str) -> Answer:
    """Ask with a token, by a request that was prepared for a good one."""
    headers = [(b"host", b"localhost"), (b"authorization", b"Bearer " + token.encode())]
    headers += [(name.encode(), value.encode()) for name, value in more.items()]
    return door.run(call(door.app, method, path, b"select=id", headers, b""))


def assert_refused(answer: Answer) -> None:
    assert answer.status == 401, answer.body
    assert "www-authenticate" in answer.headers
    assert answer.json["code"] in ("PGRST301", "PGRST303")


def test_the_good_twins_are_accepted_again_and_again(door: Door) -> None:
    for token in GOOD.values():
        assert [ask(door, token).status for _ in range(3)] == [200] * 3


@pytest.mark.asvs("9.1.1")
@pytest.mark.asvs("9.1.2")
@pytest.mark.asvs("9.1.3")
@pytest.mark.asvs("9.2.1")
@pytest.mark.asvs("9.2.3")
@pytest.mark.asvs("7.2.1")
@pytest.mark.invariant("I25")
@pytest.mark.parametrize("name", CORPUS)
def test_a_forged_token_is_refused_at_the_front_door(door: Door, name: str) -> None:
    token = CORPUS[name]
    assert_refused(ask(door, token))
    assert_refused(ask(door, token))
    for method in ("HEAD", "DELETE"):
        assert ask(door, token, method=method).status == 401
    assert ask(door, token, path=b"/openapi.json").status == 401
    # A good key beside it does not help, nor is it good as a key beside a good token.
    assert_refused(ask(door, token, apikey=PUBLISHABLE))
    assert_refused(ask(door, token, apikey=GOOD["our own key"]))
    assert not token or ask(door, GOOD["our own key"], apikey=token).status == 401


@pytest.mark.parametrize("name", NO_HEADERS)
def test_what_is_no_header_is_refused_before_it_is_read(door: Door, name: str) -> None:
    assert ask(door, ALL[name]).status in (400, 431)


@pytest.mark.parametrize("name", CORPUS)
def test_an_accepted_token_would_be_noticed(door: Door, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted fault: a verifier that believes whatever it is shown."""
    monkeypatch.setattr(identify, "verify", lambda token, keys, now: dict(FORGE.good))
    monkeypatch.setattr(door.app.assembly, "_verified", None)
    with pytest.raises(AssertionError):
        assert_refused(ask(door, CORPUS[name]))
