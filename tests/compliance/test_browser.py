"""What browsers ask before supabase-js may call, and what pages may then see of the answer."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import httpx2
import pytest

from behaviour.door import PUBLISHABLE, SECRET_KEY
from compliance.install import JAVASCRIPT
from compliance.served import Served

PAGE = "http://localhost:5173"
EXPOSED = {"content-range", "content-location", "content-type", "location", "range-unit", "date"}


@pytest.fixture
def requests(node: str, environment: dict[str, str]) -> list[dict[str, Any]]:
    """What supabase-js sends: methods, addresses and the names of headers."""
    done = subprocess.run(
        [node, "--no-deprecation", "headers.mjs"],
        cwd=JAVASCRIPT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=280,
        check=True,
    )
    found: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_every_request_of_supabase_js_is_allowed_beforehand(requests: list[dict[str, Any]]) -> None:
    assert {request["method"] for request in requests} == {"GET", "HEAD", "POST", "PATCH", "DELETE"}
    for request in requests:
        # As a browser does: without credentials, and for the headers that are not on its own list.
        asked = [name for name in request["headers"] if name != "accept"]
        answer = httpx2.options(
            request["url"],
            headers={
                "origin": PAGE,
                "access-control-request-method": request["method"],
                "access-control-request-headers": ",".join(asked),
            },
        )
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == "*"
        # GET, HEAD and POST need no permission.
        allowed = split(answer.headers["access-control-allow-methods"]) | {"get", "head", "post"}
        assert request["method"].lower() in allowed
        assert set(asked) <= split(answer.headers["access-control-allow-headers"])
        assert int(answer.headers["access-control-max-age"]) >= 600


def test_page_sees_the_range_and_the_errors(served: Served) -> None:
    headers = {"origin": PAGE, "apikey": PUBLISHABLE, "authorization": f"Bearer {served.token('ada')}"}
    answer = httpx2.get(f"{served.url}/rest/v1/notes?limit=1", headers={**headers, "prefer": "count=exact"})
    assert (answer.status_code, answer.headers["content-range"]) == (206, "0-0/3")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert split(answer.headers["access-control-expose-headers"]) >= EXPOSED
    refused = httpx2.get(f"{served.url}/rest/v1/nosuch", headers=headers)
    assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (404, "*")
    expired = httpx2.get(f"{served.url}/rest/v1/notes", headers={**headers, "authorization": "Bearer a.b.c"})
    assert (expired.status_code, expired.headers["access-control-allow-origin"]) == (401, "*")


def test_page_may_not_use_the_secret_key(served: Served) -> None:
    answer = httpx2.get(f"{served.url}/rest/v1/notes", headers={"origin": PAGE, "apikey": SECRET_KEY})
    assert answer.status_code == 403
    assert "Forbidden use of secret API key in browser" in answer.text


def split(header: str) -> set[str]:
    return {name.strip().lower() for name in header.split(",")}
