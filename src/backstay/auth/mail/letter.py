"""A letter: what sign-in has to say to a user, before it is put into words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from backstay.schema.post.mail import MailKind


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Letter:
    """What is to be told, and to whom.

    Arguments:
        kind: what it is for.
        to: the address.
        link: what the user is to follow.
        code: what the user is to type.
        token_hash: what a link of the application's own carries to ``/verify``.
        lifetime: how long link and code are good.
        redirect_to: where the link leads in the end.
        new_email, old_email: of a change of the address.
        phone, provider, factor, api_key: what a notice is about; of an API key, its id.
        data: the user's metadata. The user wrote it.
    """

    kind: MailKind
    to: str
    link: str = ""
    code: str = ""
    token_hash: str = ""
    lifetime: timedelta = timedelta(0)
    redirect_to: str = ""
    new_email: str = ""
    old_email: str = ""
    phone: str = ""
    provider: str = ""
    factor: str = ""
    api_key: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Letter(kind={self.kind!r})"

    def variables(self) -> dict[str, Any]:
        """What templates may name, beside ``site_name`` and ``site_url``."""
        return {
            "email": self.to,
            "confirmation_url": self.link,
            "token": self.code,
            "token_hash": self.token_hash,
            "minutes": round(self.lifetime.total_seconds() / 60),
            "redirect_to": self.redirect_to,
            "new_email": self.new_email,
            "old_email": self.old_email,
            "phone": self.phone,
            "provider": self.provider,
            "factor": self.factor,
            "api_key": self.api_key,
            "data": dict(self.data),
        }


VARIABLES: Final = frozenset({"site_name", "site_url", *Letter(kind="recovery", to="").variables()})
"""Every name that a template may use."""
