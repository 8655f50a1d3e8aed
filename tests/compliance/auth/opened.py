"""The club, served, and the mailbox of everybody who signs in to it."""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass
from pathlib import Path

from compliance.auth.program import POST, SITE
from fixtures import club
from signing_in import Club

_PATIENCE = 60.0


@dataclass(frozen=True)
class Opened:
    """The club, served.

    Arguments:
        url: where.
        database: the kind of its database: ``sqlite`` or ``postgresql``.
        club: the same application on the same database in the tests' own process, which takes all rows out.
        file: where its mails and texts are.
    """

    url: str
    database: str
    club: Club
    file: Path

    def restore(self) -> None:
        """Have nobody in it, and no mail."""
        self.club.restore()
        self.file.write_text("", encoding="utf-8")

    def environment(self) -> dict[str, str]:
        """What sessions in other languages are told."""
        return {
            "BACKSTAY_URL": self.url,
            "DATABASE": self.database,
            "PUBLISHABLE_KEY": club.PUBLISHABLE,
            "SECRET_KEY": club.SECRET_KEY,
            "PUBLIC_URL": club.PUBLIC_URL,
            "SITE_URL": SITE,
            POST: str(self.file),
        }

    def mail(self, to: str, kind: str, number: int = 1) -> dict[str, str]:
        """The last letter of a kind to an address, when so many have come."""
        until = time.monotonic() + _PATIENCE
        while time.monotonic() < until:
            lines = self.file.read_text(encoding="utf-8").splitlines()
            found: list[dict[str, str]] = [json.loads(line) for line in lines]
            letters = [each for each in found if (each["to"], each["kind"]) == (to, kind)]
            if len(letters) >= number:
                return letters[-1]
            time.sleep(0.02)
        raise AssertionError(f"No {kind} came to {to}.")

    def code(self, to: str, kind: str, number: int = 1) -> str:
        """The code in that letter."""
        return self.mail(to, kind, number)["code"]

    def texted(self, phone: str, number: int = 1) -> str:
        """The code in the last text to a phone."""
        found = re.search(r"\d{6}", self.mail(phone, "text", number)["text"])
        assert found is not None
        return found[0]

    def link(self, to: str, kind: str, number: int = 1) -> str:
        """The link in that letter, at the address where the club is served."""
        return self.here(self.mail(to, kind, number)["link"])

    def here(self, link: str) -> str:
        """A link of the club, at the address where it is served."""
        assert link.startswith(club.PUBLIC_URL)
        return self.url + link.removeprefix(club.PUBLIC_URL)
