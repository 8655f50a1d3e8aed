"""What the clients sign in to: the club, whose mails and texts are kept in a file."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from backstay.schema.post.mail import Mail
from fixtures import club

POST = "CLUB_POST"
"""The environment's name for the file."""
SITE = "http://127.0.0.1:3000"
AUTH: dict[str, Any] = {"mfa": True, "passkeys": True}
# All clients come from one address.
_LIMITS = dict.fromkeys(("sign_in_limit", "verify_limit", "refresh_limit", "anonymous_limit"), 0)
SETTINGS: dict[str, Any] = {"public_url": club.PUBLIC_URL, "site_url": SITE, **_LIMITS}


class FiledPost(club.Post):
    """Writes what is sent into a file, a line of JSON for each."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self._file = file

    @property
    def mailer(self) -> Any:
        """What mails are sent by."""
        return _Mailer(self._file)

    @property
    def texter(self) -> Any:
        """What texts are sent by."""
        return _Texter(self._file)


class _Mailer:
    def __init__(self, file: Path) -> None:
        self._file = file

    async def send(self, mail: Mail) -> None:
        write(self._file, {"to": mail.to, "kind": mail.kind, "code": mail.code, "link": mail.link})


class _Texter:
    def __init__(self, file: Path) -> None:
        self._file = file

    async def send(self, phone: str, text: str) -> None:
        write(self._file, {"to": phone.lstrip("+"), "kind": "text", "text": text})


def write(file: Path, sent: dict[str, str]) -> None:
    """Add a line, at once or not at all."""
    with file.open("a", encoding="utf-8") as lines:
        lines.write(json.dumps(sent) + "\n")


app = club.build(
    os.environ.get("BACKSTAY_DATABASE", "sqlite:///club.db"),
    FiledPost(Path(os.environ.get(POST, os.devnull))),
    auth=dict(AUTH),
    **SETTINGS,
)
