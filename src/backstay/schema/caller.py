"""Who asks: the caller, and the words rules use of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, final


@final
class System(Enum):
    """The type of :data:`system`."""

    SYSTEM = "system"


system: Final = System.SYSTEM
"""The application itself: passes every rule, but no constraint."""


class Role(Enum):
    """The three kinds of caller, by the names tokens carry."""

    ANON = "anon"
    AUTHENTICATED = "authenticated"
    SERVICE = "service_role"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks.

    ``id`` is the user's id as text (the token's ``sub``), None for anonymous callers and keys. ``claims`` are the
    verified token's claims; empty without a token.
    """

    id: str | None = None
    claims: Mapping[str, Any] = field(default_factory=dict)
    role: Role = Role.ANON

    @property
    def signed_in(self) -> bool:
        """Whether the caller is a user."""
        return self.role is Role.AUTHENTICATED

    @property
    def passes_rules(self) -> bool:
        """Whether row rules do not apply to this caller (the secret key, ``system``)."""
        return self.role is Role.SERVICE


ANONYMOUS: Final = Caller()
"""The caller who showed nothing."""

SERVICE: Final = Caller(role=Role.SERVICE)
"""The caller who holds the secret key, and ``system``."""
