"""The mailbox of ``backstay dev``: sign up, look into it, follow the link."""

from __future__ import annotations

import http.client
import json
import re
import time
import urllib.parse
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from processes.test_cli import Serving

pytestmark = pytest.mark.processes

CLUB = """
from sqlalchemy.orm import DeclarativeBase

from backstay import Auth, AuthUser, Backstay


class Base(DeclarativeBase): ...


class User(AuthUser, Base):
    __tablename__ = "users"


app = Backstay("sqlite:///club.db", auth=Auth(User))
"""


def ask(port: int, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, dict[str, str], str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    content = None if body is None else json.dumps(body)
    connection.request(method, path, content, {"content-type": "application/json", **named})
    answer = connection.getresponse()
    told = {name.lower(): value for name, value in answer.getheaders()}
    text = answer.read().decode()
    connection.close()
    return answer.status, told, text


def test_a_mail_of_development_is_found_in_the_mailbox(tmp_path: Path) -> None:
    (tmp_path / "club.py").write_text(CLUB)
    with closing(Serving(tmp_path, "dev", "club.py", "--no-reload")) as serving:
        serving.await_line("/mailbox")
        port = serving.port
        status, _, text = ask(port, "POST", "/auth/v1/signup", {"email": "ada@example.com", "password": "seven horses"})
        assert status == 200, text
        for _ in range(1200):
            mails = json.loads(ask(port, "GET", "/mailbox.json?to=ada@example.com")[2])
            if mails:
                break
            time.sleep(0.05)
        assert mails[0]["kind"] == "confirmation" and re.fullmatch(r"\d{6}", mails[0]["code"])
        page = ask(port, "GET", f"/mailbox/{mails[0]['id']}")[2]
        assert mails[0]["code"] in page and mails[0]["code"] in ask(port, "GET", "/mailbox")[2]
        link = urllib.parse.urlsplit(mails[0]["link"])
        assert link.netloc == f"127.0.0.1:{port}"
        status, headers, _ = ask(port, "GET", f"{link.path}?{link.query}")
        assert (status, "access_token=" in headers["location"]) == (303, True)
        assert ask(port, "GET", "/mailbox", host="evil.example")[0] == 403
        assert ask(port, "GET", "/mailbox.json", x_forwarded_for="127.0.0.1")[0] == 403
        assert mails[0]["code"] not in serving.printed
