"""kill -9 between refreshes: nobody is signed out by it, and a token that was used before still ends its family."""

from __future__ import annotations

import contextlib
import http.client
import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from fixtures.club import PUBLISHABLE
from in_time import Watch
from serving import Serving
from signing_in import PASSWORD, Club

pytestmark = pytest.mark.processes

MEMBERS = 8
REFRESHING = 1.0
"""Seconds of each round before the kill."""
ROUNDS = 2
PROGRAM = "fixtures.club_served:app"
REUSE = 1.0
"""Seconds in which a used token still gets what its first use got, where that is to be over soon."""


def ask(port: int, method: str, path: str, body: Any = None, *, token: str = PUBLISHABLE) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"apikey": PUBLISHABLE, "authorization": f"Bearer {token}", "content-type": "application/json"}
    with contextlib.closing(connection):
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        content = answer.read()
        return answer.status, json.loads(content) if content else None


def refresh(port: int, token: str) -> tuple[int, Any]:
    return ask(port, "POST", "/auth/v1/token?grant_type=refresh_token", {"refresh_token": token})


class Member:
    """Somebody who refreshes their session without end; ``tokens`` are the refresh tokens they were given."""

    def __init__(self, port: int, number: int) -> None:
        person = {"email": f"member{number}@example.com", "password": PASSWORD}
        status, session = ask(port, "POST", "/auth/v1/signup", person)
        assert status == 200, session
        self.session: dict[str, Any] = session
        self.tokens: list[str] = [session["refresh_token"]]
        self._thread: threading.Thread | None = None

    def begin(self, port: int) -> None:
        """Refresh until the server is gone."""
        self._thread = threading.Thread(target=self._refresh, args=(port,))
        self._thread.start()

    def join(self) -> None:
        assert self._thread is not None
        self._thread.join(60)
        assert not self._thread.is_alive()

    def _refresh(self, port: int) -> None:
        with contextlib.suppress(OSError, http.client.HTTPException):
            while True:
                self.take(refresh(port, self.tokens[-1]))

    def take(self, answer: tuple[int, Any]) -> None:
        """Go on with the tokens of an answer."""
        status, session = answer
        assert status == 200, session
        self.session = session
        self.tokens.append(session["refresh_token"])


@pytest.mark.invariant("I21")
@pytest.mark.invariant("I1")
def test_sessions_survive_a_kill_and_families_stay_dead(database_url: str, tmp_path: Path) -> None:
    settings = {"refresh_reuse": "60", "refresh_limit": "0"}
    with Club(database_url):
        pass
    with Serving(PROGRAM, database_url, tmp_path, settings) as serving:
        members = [Member(serving.port, number) for number in range(MEMBERS)]
        serving.kill()
    for number in range(ROUNDS):
        with Serving(PROGRAM, database_url, tmp_path, settings) as serving:
            # The token that was used last before the kill, its answer lost perhaps, brings its member in again.
            for member in members:
                member.take(refresh(serving.port, member.tokens[-1]))
                member.begin(serving.port)
            time.sleep(REFRESHING)
            with Watch() as watch:
                while any(len(member.tokens) < 2 * (number + 2) for member in members):
                    watch.check()
                    time.sleep(0.01)
            serving.kill()
            for member in members:
                member.join()
    with Serving(PROGRAM, database_url, tmp_path, settings) as serving:
        for member in members:
            member.take(refresh(serving.port, member.tokens[-1]))
    assert all(len(set(member.tokens)) == len(member.tokens) > 2 * ROUNDS for member in members)
    _assert_replays_end_families(database_url, tmp_path, members)


def _assert_replays_end_families(database_url: str, folder: Path, members: list[Member]) -> None:
    settings = {"refresh_reuse": str(REUSE), "refresh_limit": "0"}
    robbed, others = members[: MEMBERS // 2], members[MEMBERS // 2 :]
    with Serving(PROGRAM, database_url, folder, settings) as serving:
        time.sleep(REUSE + 0.1)
        for number, member in enumerate(robbed):
            # Any that was used before, the first as well as the one before the last.
            old = member.tokens[[0, -2, len(member.tokens) // 2][number % 3]]
            status, error = refresh(serving.port, old)
            assert (status, error["code"]) == (400, "refresh_token_already_used")
        serving.kill()
    with Serving(PROGRAM, database_url, folder, settings) as serving:
        for member in robbed:
            assert refresh(serving.port, member.tokens[-1])[0] == 400
            assert ask(serving.port, "GET", "/rest/v1/notes", token=member.session["access_token"])[0] == 401
            assert ask(serving.port, "GET", "/auth/v1/user", token=member.session["access_token"])[0] == 403
        for member in others:
            assert ask(serving.port, "GET", "/rest/v1/notes", token=member.session["access_token"])[0] == 200
            member.take(refresh(serving.port, member.tokens[-1]))
