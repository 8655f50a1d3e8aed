"""What a client is told of a served application."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from backstay.auth.mint import mint
from backstay.schema.caller import Role
from behaviour.door import PUBLISHABLE, SECRET, SECRET_KEY, Door, token
from fixtures.rows import ADA


@dataclass(frozen=True)
class Served:
    """An application, served.

    Arguments:
        url: where.
        database: the kind of its database: ``sqlite`` or ``postgresql``.
        door: the same application on the same database in the tests' own process, which restores the rows.
    """

    url: str
    database: str
    door: Door

    def restore(self) -> None:
        """Have the rows that it began with."""
        self.door.restore(anyway=True)

    def token(self, name: str) -> str:
        """The token of ``ada``, ``bob`` or ``cyd``."""
        made = token(name)
        assert made is not None
        return made

    def environment(self) -> dict[str, str]:
        """All of it, as environment variables."""
        return {
            "BACKSTAY_URL": self.url,
            "DATABASE": self.database,
            "PUBLISHABLE_KEY": PUBLISHABLE,
            "SECRET_KEY": SECRET_KEY,
            "ANON_TOKEN": mint(SECRET, role=Role.ANON, lifetime=None),
            "SERVICE_TOKEN": mint(SECRET, role=Role.SERVICE, lifetime=None),
            "EXPIRED_TOKEN": mint(SECRET, user=ADA, lifetime=timedelta(hours=-1)),
            "FORGED_TOKEN": mint("another secret that is long enough to sign with", user=ADA),
            **{f"{name.upper()}_TOKEN": self.token(name) for name in ("ada", "bob", "cyd")},
        }
