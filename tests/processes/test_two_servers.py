"""Two served processes on one database: whom one signs out, the other refuses within a second."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from in_time import in_time
from processes.test_kill_sign_in import PROGRAM, ask
from serving import Serving
from signing_in import PASSWORD, Club

pytestmark = pytest.mark.processes


@pytest.mark.invariant("I23")
@pytest.mark.asvs("7.4.1")
def test_whom_one_signs_out_the_other_refuses(database_url: str, tmp_path: Path) -> None:
    with Club(database_url):
        pass
    with Serving(PROGRAM, database_url, tmp_path, {}) as one, Serving(PROGRAM, database_url, tmp_path, {}) as two:
        for number, watch in enumerate(in_time(1.0)):
            person = {"email": f"ada{number}@example.com", "password": PASSWORD}
            status, session = ask(one.port, "POST", "/auth/v1/signup", person)
            assert status == 200
            token = session["access_token"]
            for server in (one, two, one, two):
                assert ask(server.port, "GET", "/rest/v1/notes", token=token)[0] == 200
                assert ask(server.port, "GET", "/auth/v1/user", token=token)[0] == 200
            assert ask(one.port, "POST", "/auth/v1/logout", token=token)[0] == 204
            with watch:
                assert ask(one.port, "GET", "/rest/v1/notes", token=token)[0] == 401
                while ask(two.port, "GET", "/rest/v1/notes", token=token)[0] != 401:
                    watch.check()
                    time.sleep(0.02)
            assert ask(two.port, "GET", "/auth/v1/user", token=token)[0] == 403
