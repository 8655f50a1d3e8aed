"""Every case of the wire on every database: the answer is the one that is written down."""

from __future__ import annotations

import os
from urllib.parse import quote

import pytest

from behaviour.door import AS_WRITTEN, Answer, call, token
from compliance.rest.answers import compare, write_down
from compliance.rest.conftest import Libraries
from compliance.rest.stock import Library
from conformance import Case, Exchange, cases

CALLER = "ada"
"""Who asks where a case does not say."""

OUTSIDE = "^"
"""What begins a path that is not below ``/rest/v1``."""


@pytest.mark.parametrize("case", [pytest.param(case, id=case.id) for case in cases()])
def test_answer_is_the_one_written_down(libraries: Libraries, case: Case) -> None:
    if libraries.database not in case.databases:
        # Not skipped: whether a case may be left out here is what test_suite.py looks at.
        return
    door = libraries.door(case.settings)
    for exchange in case.exchanges:
        reply = exchange.reply(libraries.database)
        answer = ask(door, exchange)
        if reply.status is None and os.environ.get("CASES") == "write":
            write_down(case, reply, answer)
        else:
            compare(case, reply, answer)


def ask(door: Library, exchange: Exchange) -> Answer:
    """Send the request."""
    path, _, query = exchange.target.partition("?")
    path = path[1:] if path.startswith(OUTSIDE) else f"/rest/v1{path}"
    headers = {"host": "localhost", **exchange.headers}
    bearer = token(headers.pop("as", CALLER))
    if bearer is not None:
        headers.setdefault("authorization", f"Bearer {bearer}")
    body = exchange.body.encode()
    if body:
        headers.setdefault("content-type", "application/json")
        headers["content-length"] = str(len(body))
    if exchange.method not in ("GET", "HEAD", "OPTIONS"):
        door.changed()
    sent = [(name.encode(), value.encode()) for name, value in headers.items() if value != "-"]
    written = quote(path, safe=AS_WRITTEN).encode(), quote(query, safe=AS_WRITTEN).encode()
    return door.run(call(door.app, exchange.method, *written, sent, body))
