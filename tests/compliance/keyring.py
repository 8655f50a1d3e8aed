"""What keys are made for: the club, with pages of its own beside those of its site, both on this machine by name."""

from __future__ import annotations

import os
from typing import Any

from fixtures import club

SITE = "http://localhost:3000"
# All browsers come from one address.
_LIMITS = dict.fromkeys(("sign_in_limit", "verify_limit"), 0)


def words() -> dict[str, Any]:
    """Beside those that every test has."""
    auth = {"mfa": True, "passkeys": True}
    return {"auth": auth, "site_url": SITE, "pages": True, "confirm_email": False, **_LIMITS}


if "BACKSTAY_PUBLIC_URL" in os.environ:
    # Keys are made for domains, and numbers are none.
    app = club.build(
        os.environ["BACKSTAY_DATABASE"],
        club.Post(),
        public_url=os.environ["BACKSTAY_PUBLIC_URL"].replace("127.0.0.1", "localhost"),
        **words(),
    )
