"""``backstay keys``: keys and tokens for development."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Final

from cyclopts import Parameter

from backstay.auth.keys import (
    ISSUED_AUDIENCE,
    generate_jwt_secret,
    generate_publishable_key,
    generate_secret_key,
    issuer_of,
)
from backstay.auth.mint import compose
from backstay.auth.signing import read_signer
from backstay.auth.signing.key import ALGORITHMS, is_text, only_one, read_keys_that_sign, read_members, write_members
from backstay.auth.signing.rotate import rotate as add_key
from backstay.cli.claims import read_claims
from backstay.cli.dev.remember import remember_keys
from backstay.cli.load import CONFIG, load
from backstay.cli.report import say
from backstay.errors import DeclarationError
from backstay.schema.caller import Role
from backstay.settings import load as load_settings

_FILE: Final = "signing-keys.json"
"""The file of signing keys, where neither the command nor the settings name one."""


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
    """Sign a token as the application does; it goes into `Authorization: Bearer ...`.

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
    if not settings.jwt_secret and not settings.signing_keys:
        raise DeclarationError(
            "There is no secret to sign with: this application takes tokens of another issuer (the setting jwks)."
        )
    # Of the signing keys nothing is taken but what sign-in issues.
    issued = {"iss": issuer_of(settings)} if settings.signing_keys else {}
    content = compose(
        user=sub,
        role=roles[role],
        lifetime=timedelta(seconds=lifetime) if lifetime else None,
        audience=settings.jwt_audience or (ISSUED_AUDIENCE if issued else ""),
        claims={**issued, **read_claims(claim or [])},
    )
    say(read_signer(settings).sign(content))
    return 0


def rotate(
    file: str | None = None,
    /,
    *,
    algorithm: str = ALGORITHMS[0],
    now: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Make a file of signing keys, or add a key to it and retire the ones before.

    The new key is published at once and signs ten minutes later, when nobody keeps an older list of public keys any
    more. The ones before verify until the last token that they signed has expired. Workers that run notice it. Of two
    that are rotated at the same time one makes a key.

    Parameters
    ----------
    file
        The file of keys; left out: the one that the setting signing_keys names, else signing-keys.json.
    algorithm
        ES256, RS256 or EdDSA.
    now
        The keys so far are in wrong hands: the new one signs at once, and what they signed is refused.
    """
    path = _key_file(file)
    settings = load_settings(file=Path(CONFIG))
    moment = time.time()
    before = _kids(_existing(path))
    with only_one(path):
        members = _existing(path)
        if _is_rotated(before, _kids(members), now=now):
            done = "changed by another command meanwhile"
        else:
            lifetime = settings.access_token_life
            write_members(path, add_key(members, now=moment, lifetime=lifetime, algorithm=algorithm, at_once=now))
            done = "changed" if members else "made"
    say(f"{path}: {done}")
    _tell(_members(path), moment)
    if not settings.signing_keys:
        say("")
        say(f"BACKSTAY_SIGNING_KEYS={path}")
    return 0


def show_signing(file: str | None = None, /) -> int:
    """List the signing keys, the newest first: their names and times, never themselves.

    Parameters
    ----------
    file
        The file of keys; left out: the one that the setting signing_keys names, else signing-keys.json.
    """
    _tell(_members(_key_file(file)), time.time())
    return 0


def _key_file(file: str | None) -> Path:
    setting = load_settings(file=Path(CONFIG)).signing_keys
    if file is None and is_text(setting):
        raise DeclarationError("The setting signing_keys holds the keys themselves.", hint="Name a file.")
    return Path(file or setting or _FILE)


def _is_rotated(before: set[str], after: set[str], *, now: bool) -> bool:
    """Whether another command made the new key while this one waited; of keys in wrong hands none may be left."""
    return bool(after - before) and not (now and before & after)


def _kids(members: Iterable[Mapping[str, Any]]) -> set[str]:
    return {str(member["kid"]) for member in members}


def _existing(path: Path) -> list[dict[str, Any]]:
    return _members(path) if path.exists() else []


def _members(path: Path) -> list[dict[str, Any]]:
    try:
        text = path.read_text(encoding="utf-8")
        read_keys_that_sign(text)
        return read_members(text)
    except OSError as error:
        raise DeclarationError(f"{path}: {error.strerror}", hint=f"`backstay keys rotate {path}` makes it.") from None
    except (ValueError, RecursionError) as error:
        raise DeclarationError(f"{path}: {error}") from None


def _tell(members: list[dict[str, Any]], now: float) -> None:
    newest = sorted(members, key=lambda member: float(member.get("not_before", 0)), reverse=True)
    signing = next((each for each in newest if each.get("not_before", 0) <= now), newest[-1])
    for member in newest:
        say(f"{member['kid']}  {member['alg']:5}  {_state(member, now, signs=member is signing)}")


def _state(member: Mapping[str, Any], now: float, *, signs: bool) -> str:
    retires = member.get("retires_at")
    if retires is not None and retires <= now:
        return f"retired {_moment(retires)}"
    until = "" if retires is None else f", verifies until {_moment(retires)}"
    if signs:
        return f"signs{until}"
    begins = member.get("not_before", 0)
    return f"signs from {_moment(begins)}{until}" if begins > now else f"verifies until {_moment(retires)}"


def _moment(seconds: float | None) -> str:
    return "" if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
