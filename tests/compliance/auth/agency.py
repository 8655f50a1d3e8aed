"""What programs of others act in: the agency with an authorisation server, as served, and in the tests' process."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from asking import Agency
from backstay.auth.signing.rotate import rotate
from compliance.auth.program import SITE
from fixtures import agency
from serving import Serving

# All clients come from one address.
_LIMITS = ("sign_in_limit", "verify_limit", "refresh_limit", "registration_limit")


@dataclass(frozen=True)
class Opened:
    """The agency, served.

    Arguments:
        url: where.
        agency: the same application on the same database in the tests' own process, which takes all rows out.
    """

    url: str
    agency: Agency

    def restore(self) -> None:
        """Have the rows that it begins with, and no clients."""
        self.agency.restore()

    def environment(self) -> dict[str, str]:
        """What sessions in other languages are told."""
        return {
            "BACKSTAY_URL": self.url,
            "PUBLISHABLE_KEY": agency.PUBLISHABLE,
            "SECRET_KEY": agency.SECRET_KEY,
            "SITE_URL": SITE,
        }


@contextlib.contextmanager
def open_agency(database: str, folder: Path, **settings: str) -> Iterator[Opened]:
    """The agency on a database, served, its tokens signed by a key pair; its log in a folder."""
    members = rotate([], now=time.time(), lifetime=timedelta(hours=1), algorithm="ES256")
    words: dict[str, Any] = {"oauth_server": True, "site_url": SITE}
    served = {
        "public_url": "{url}",
        "signing_keys": json.dumps({"keys": members}),
        "oauth_server": "true",
        "oauth_registration": "true",
        "site_url": SITE,
        **dict.fromkeys(_LIMITS, "0"),
        **settings,
    }
    with (
        Agency(database, **words) as own,
        Serving("compliance.auth.agency:app", database, folder, served) as serving,
    ):
        yield Opened(serving.url, own)


if "BACKSTAY_DATABASE" in os.environ:
    app = agency.build(os.environ["BACKSTAY_DATABASE"])
