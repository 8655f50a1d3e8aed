"""``backstay keys``: keys and tokens for development."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from cyclopts import Parameter

from backstay.auth.keys import generate_jwt_secret, generate_publishable_key, generate_secret_key
from backstay.auth.mint import mint
from backstay.cli.claims import read_claims
from backstay.cli.dev.remember import remember_keys
from backstay.cli.load import load
from backstay.cli.report import say
from backstay.errors import DeclarationError
from backstay.schema.caller import Role


def new() -> int:
    """Make new keys. Nothing is stored: the lines are for the environment of a server."""
    say(f"BACKSTAY_PUBLISHABLE_KEY={generate_publishable_key()}")
    say(f"BACKSTAY_SECRET_KEY={generate_secret_key()}")
    say(f"BACKSTAY_JWT_SECRET={generate_jwt_secret()}")
    return 0


def show(file: str | None = None, /) -> int:
    """Print the keys that `backstay dev` uses: those of the settings, else those it made and remembers.

    Parameters
    ----------
    file
        The application.
    """
    loaded = load(file)
    remember_keys(loaded)
    settings = loaded.app.settings
    say(f"publishable  {settings.publishable_key}")
    say(f"secret       {settings.secret_key}")
    say(f"jwt secret   {settings.jwt_secret}")
    return 0


def token(
    file: str | None = None,
    /,
    *,
    sub: str | None = None,
    role: str = Role.AUTHENTICATED.value,
    claim: Annotated[list[str] | None, Parameter(negative="", consume_multiple=False)] = None,
    lifetime: float = 3600,
) -> int:
    """Sign a token with the application's secret; it goes into `Authorization: Bearer ...`.

    Parameters
    ----------
    file
        The application.
    sub
        The user's id.
    role
        authenticated, anon or service_role.
    claim
        A further claim, NAME=VALUE; may be repeated. A value that is JSON is taken as such.
    lifetime
        For how many seconds it is valid; 0: for ever.
    """
    roles = {each.value: each for each in Role}
    if role not in roles:
        raise DeclarationError(f"There is no role {role!r}.", hint=f"It is one of {', '.join(roles)}.")
    if sub is None and roles[role] is Role.AUTHENTICATED:
        raise DeclarationError("A user's token needs the user's id.", hint="Add --sub ID, or --role anon.")
    loaded = load(file)
    remember_keys(loaded)
    settings = loaded.app.settings
    if not settings.jwt_secret:
        raise DeclarationError(
            "There is no secret to sign with: this application takes tokens of another issuer (the setting jwks)."
        )
    say(
        mint(
            settings.jwt_secret,
            user=sub,
            role=roles[role],
            lifetime=timedelta(seconds=lifetime) if lifetime else None,
            audience=settings.jwt_audience,
            claims=read_claims(claim or []),
        )
    )
    return 0
