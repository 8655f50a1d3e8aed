"""Backstay: one typed Python file becomes a production backend."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from backstay.about import __version__
    from backstay.app import Backstay
    from backstay.auth.sms.console import Console
    from backstay.auth.sms.twilio import Twilio
    from backstay.schema.caller import Caller, anyone, current, signed_in, system
    from backstay.schema.declaration import Auth, AuthUser, Event, Hook, Kind, Resource, Tenancy
    from backstay.schema.exchange import Request, Response
    from backstay.schema.post.mail import Mail, Mailer, Undeliverable
    from backstay.schema.post.text import Texter
    from backstay.schema.providers.provider import Provider
    from backstay.schema.providers.ready import (
        OIDC,
        Apple,
        Discord,
        Facebook,
        GitHub,
        GitLab,
        Google,
        LinkedIn,
        Microsoft,
        Slack,
    )
    from backstay.schema.rule import Using
    from backstay.schema.scope.declared import Scope

__all__ = [
    "OIDC",
    "Apple",
    "Auth",
    "AuthUser",
    "Backstay",
    "Caller",
    "Console",
    "Discord",
    "Event",
    "Facebook",
    "GitHub",
    "GitLab",
    "Google",
    "Hook",
    "Kind",
    "LinkedIn",
    "Mail",
    "Mailer",
    "Microsoft",
    "Provider",
    "Request",
    "Resource",
    "Response",
    "Scope",
    "Slack",
    "Tenancy",
    "Texter",
    "Twilio",
    "Undeliverable",
    "Using",
    "__version__",
    "anyone",
    "current",
    "signed_in",
    "system",
]

_PLACES = {
    "backstay.about": ("__version__",),
    "backstay.app": ("Backstay",),
    "backstay.auth.sms.console": ("Console",),
    "backstay.auth.sms.twilio": ("Twilio",),
    "backstay.schema.caller": ("Caller", "anyone", "current", "signed_in", "system"),
    "backstay.schema.declaration": ("Auth", "AuthUser", "Event", "Hook", "Kind", "Resource", "Tenancy"),
    "backstay.schema.exchange": ("Request", "Response"),
    "backstay.schema.providers.provider": ("Provider",),
    "backstay.schema.providers.ready": (
        "OIDC",
        "Apple",
        "Discord",
        "Facebook",
        "GitHub",
        "GitLab",
        "Google",
        "LinkedIn",
        "Microsoft",
        "Slack",
    ),
    "backstay.schema.post.mail": ("Mail", "Mailer", "Undeliverable"),
    "backstay.schema.post.text": ("Texter",),
    "backstay.schema.rule": ("Using",),
    "backstay.schema.scope.declared": ("Scope",),
}
_PLACE = {name: place for place, names in _PLACES.items() for name in names}


def __getattr__(name: str) -> object:
    # Imported when first asked for: every module of the package imports this one, the command line's included.
    if name not in _PLACE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(_PLACE[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
